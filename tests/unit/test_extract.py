"""Logs of invented jobs: which lines say why they failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples, some_of

from streams.contract.baseline import LINES_MAX
from streams.core.extract.baseline import Baseline
from streams.core.extract.block import Block
from streams.core.extract.clean import LINE_CHARS_MAX, clean
from streams.core.extract.extract import BLOCKS_MAX, extract
from streams.core.extract.gate import Gate, Hit
from streams.core.extract.literals import needed, tells_digits
from streams.core.extract.sections import WORDS
from streams.core.extract.sieve import Sieve
from streams.core.extract.testers import RUNNERS as TESTERS
from streams.core.extract.tools import RULES

SETUP = [f"Collecting package number {n}" for n in range(40)]
PLAIN: tuple[list[str], list[str]] = ([], [])
GITHUB = (
    ["2026-11-20T10:00:00.1234567Z ##[group]Run make check", "2026-11-20T10:00:00.2Z make check", "##[endgroup]"],
    ["2026-11-20T10:01:00.1234567Z ##[error]Process completed with exit code 2.", "Cleaning up orphan processes"],
)
JENKINS = (["Started by user nobody", "+ make check"], ["Build step 'Execute shell' marked build as failure",
                                                        "Finished: FAILURE"])  # fmt: skip
TRAVIS = (["$ make check"], ['The command "make check" exited with 2.', "", "Done. Your build exited with 1."])
GITLAB = (["$ make check"], ["Cleaning up project directory", "ERROR: Job failed: exit code 1"])
RUNNERS = {"plain": PLAIN, "github": GITHUB, "jenkins": JENKINS, "travis": TRAVIS, "gitlab": GITLAB}

# What a tool prints, and the line of it that says why (counted from 0).
TOOLS: dict[str, tuple[str, int]] = {
    "gcc": ("src/a.c: In function 'main':\nsrc/a.c:3:5: error: 'x' undeclared\n   3 |  x = 1;\n     |  ^", 1),
    "linker": ("/usr/bin/ld: a.o: in function `main':\na.c:(.text+0x5): undefined reference to `gone'", 1),
    "make": ("make: *** No rule to make target 'nothing', needed by 'all'.  Stop.", 0),
    "cmake": ("CMake Error at CMakeLists.txt:4 (find_package):\n  Could not find Zlib", 0),
    "traceback": ('Traceback (most recent call last):\n  File "a.py", line 1, in <module>\n    f()\nKeyError: 7', 3),
    "pytest": (
        ("=== FAILURES ===\n____ test_a ____\n\n    def test_a():\n>       assert 1 == 2\nE       assert 1 == 2\n\n"
        "a.py:3: AssertionError\n=== short test summary info ===\nFAILED a.py::test_a - assert 1 == 2"),
        5,
    ),
    "unittest": (
        ("======================================================================\nFAIL: test_a (t.T.test_a)\n"
        "----------------------------------------------------------------------\nTraceback (most recent call last):\n"
        '  File "t.py", line 4, in test_a\n    self.fail("no")\nAssertionError: no\n\nRan 1 test in 0.1s'),
        6,
    ),
    "pip": ("ERROR: Could not find a version that satisfies the requirement nothing==9 (from versions: none)", 0),
    "maven": ("[ERROR] Failed to execute goal org.x:y:1:compile (default) on project z: Compilation failure", 0),
    "gradle": ("* What went wrong:\nExecution failed for task ':compileJava'.\n> Compilation failed\n\n* Try:", 1),
    "java": ("java.lang.IllegalStateException: closed\n\tat a.B.c(B.java:3)\nCaused by: java.io.IOException: gone", 2),
    "cargo": ("error[E0308]: mismatched types\n --> src/main.rs:2:18\n  |\n2 |   let x: u8 = \"a\";\n  |  ^^^", 0),
    "rust test": ("---- tests::adds stdout ----\nthread 'tests::adds' panicked at src/lib.rs:9:9:\nleft: 1", 1),
    "go test": ("--- FAIL: TestAdd (0.00s)\n    add_test.go:9: got 3, want 4\nFAIL\nFAIL\tx.org/add\t0.1s", 1),
    "go": ("# x.org/add\n./add.go:4:2: undefined: sum", 1),
    "npm": ("npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE unable to resolve dependency tree", 1),
    "jest": ("  \u25cf Cart \u203a adds\n\n    expect(received).toBe(expected)\n\n    Expected: 2\n    Received: 1", 4),
    "mocha": ("  1 failing\n\n  1) Cart\n       adds:\n     AssertionError: expected 1 to equal 2\n      at x.js:3", 4),
    "tsc": ("src/a.ts(3,7): error TS2322: Type 'string' is not assignable to type 'number'.", 0),
    "eslint": ("/w/src/a.js\n  3:7  error  'x' is never used  no-unused-vars\n\n\u2716 1 problem (1 error)", 1),
    "gtest": ("[ RUN      ] Cart.Adds\ncart.cc:9: Failure\nExpected equality\n[  FAILED  ] Cart.Adds (0 ms)", 1),
    "ctest": ("The following tests FAILED:\n\t  3 - cart (Failed)\nErrors while running CTest", 1),
    "rspec": ("Failures:\n\n  1) Cart adds\n     Failure/Error: expect(1).to eq(2)\n\nFinished in 0.1 s", 3),
    "phpunit": ("There was 1 failure:\n\n1) CartTest::adds\nFailed asserting that 1 is 2.\n\nFAILURES!", 3),
    "perl": ("#   Failed test 'adds'\n#   at t/cart.t line 9.", 0),
    "elixir": ("  1) test adds (CartTest)\n     test/cart_test.exs:5\n     Assertion with == failed", 0),
    "docker": ("Error response from daemon: manifest for nothing:9 not found: manifest unknown", 0),
    "buildkit plain": (
        ("#7 [2/2] RUN false\n#7 0.312 looking\n#7 ERROR: process \"/bin/sh -c false\" did not complete successfully: "
        "exit code: 1\n------\n > [2/2] RUN false:\n0.312 looking\n------"),
        2,
    ),
    "buildkit terminal": (" => ERROR [2/2] RUN false         0.3s\n------\n > [2/2] RUN false:\n------", 0),
    "out of memory": ("[123.4] Out of memory: Killed process 77 (cc1plus)", 0),
    "disk": ("cp: error writing 'x': No space left on device", 0),
    "dns": ("curl: (6) Could not resolve host: nowhere.invalid", 0),
    "tls": ("SSL certificate problem: certificate has expired", 0),
    "segfault": ("./run.sh: line 3: 12345 Segmentation fault      (core dumped) ./a.out", 0),
    "git": ("fatal: couldn't find remote ref refs/heads/gone", 0),
    "apt": ("E: Unable to locate package nothing", 0),
    "shell": ("./run.sh: line 3: nothing: command not found", 0),
    "sanitizer": ("==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x602\n    #0 0x4 in f a.c:3", 0),
    "node": ("TypeError: x is not a function\n    at Object.<anonymous> (/w/a.js:1:1)", 0),
}  # fmt: skip


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("tool", TOOLS)
def test_the_line_that_says_why_is_in_a_block(tool: str, runner: str) -> None:
    text, at = TOOLS[tool]
    before, after = RUNNERS[runner]
    log = before + SETUP + text.split("\n") + ["Uploading what is left"] + after
    blocks = extract(log)
    wanted = len(before) + len(SETUP) + at + 1
    assert any(block.first <= wanted <= block.last for block in blocks[:3]), blocks
    assert all(1 <= b.first <= b.evidence <= b.last <= len(log) for b in blocks)


@pytest.mark.parametrize("tool", ["gcc", "traceback", "maven", "npm", "buildkit plain"])
def test_stamps_and_colours_hide_nothing(tool: str) -> None:
    text, at = TOOLS[tool]
    dressed = [f"2026-11-20T10:00:{n:02}.1234567Z \x1b[31m{line}\x1b[0m\r" for n, line in enumerate(text.split("\n"))]
    blocks = extract(GITHUB[0] + dressed + GITHUB[1])
    assert any(b.first <= len(GITHUB[0]) + at + 1 <= b.last for b in blocks)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_log_that_says_it_passed_gives_nothing(tool: str) -> None:
    printed = TOOLS[tool][0].split("\n")
    if any("##[error]" in line or "Failed to execute goal" in line or "went wrong" in line for line in printed):
        printed = []
    assert extract([*SETUP, *printed, "Finished: SUCCESS"]) == ()


PASSED = {
    "nothing": [],
    "blank": [""],
    "setup only": SETUP,
    "github": ["##[group]Run make", "##[endgroup]", "0 errors, 0 failures", "Cleaning up orphan processes"],
    "gitlab": ["WARNING: could not find cache", "Job succeeded"],
    "travis": ["error: optional thing missing", 'The command "make" exited with 0.', "Done. Your build exited with 0."],
    "maven": ["[INFO] Tests run: 9, Failures: 0, Errors: 0", "[INFO] BUILD SUCCESS"],
    "counts": ["=== 9 passed in 0.12s ===", "ok  \tx.org/add\t0.1s"],
}


@pytest.mark.parametrize("name", PASSED)
def test_passing_logs_raise_nothing(name: str) -> None:
    assert extract(PASSED[name]) == ()


def test_a_cause_comes_before_its_consequences() -> None:
    log = [*SETUP, "src/a.c:3:5: error: unknown type name 'u9'", "make[1]: *** [Makefile:3: a.o] Error 1",
           "make: *** [Makefile:9: all] Error 2", "##[error]Process completed with exit code 2."]  # fmt: skip
    first, *_ = extract(log)
    assert (first.reason, first.evidence, first.exit_code) == ("gcc.error", 41, 1)


def test_a_block_names_its_step() -> None:
    log = ["##[group]Run pip install x", "##[endgroup]", "ok", "##[group]Run make check", "##[endgroup]",
           "a.c:3:5: error: no", "##[error]Process completed with exit code 2."]  # fmt: skip
    (block,) = [b for b in extract(log) if b.reason == "gcc.error"]
    assert (block.step, block.exit_code) == ("Run make check", 2)


def test_the_text_of_a_command_is_not_its_output() -> None:
    log = ["##[group]Run scripts", "echo 'error: it failed'; exit 1", "##[endgroup]", "all is well"]
    assert extract(log) == ()


def test_when_nothing_says_why_the_lines_before_the_end_do() -> None:
    (block,) = extract([*SETUP, "something odd", "Your build exited with 1"])
    assert block.reason in {"tail", "travis.done"} or block.last == 42


def test_what_the_caller_knows_of_the_job_counts_more_than_the_log() -> None:
    assert extract([*SETUP, "a.c:1:1: error: no"], failed=False) == ()
    (block,) = extract(SETUP, failed=True)
    assert (block.reason, block.last) == ("tail", len(SETUP))
    assert extract([], failed=True) == ()


def test_repeats_are_folded_to_the_first_and_the_last() -> None:
    log = [line for n in range(30) for line in (f"try {n}", "curl: (6) Could not resolve host: x.invalid", "", "")]
    blocks = extract([*log, "##[error]Process completed with exit code 6."])
    assert [b.evidence for b in blocks if b.reason.startswith(("network", "curl"))] in ([2, 118], [118, 2])


def test_lines_of_passing_runs_are_no_evidence() -> None:
    noise = ["warning: error: thing 17 failed to load", "fatal: no tag found"]
    passed = Baseline.of([*SETUP, *noise])
    log = [*SETUP, "warning: error: thing 99 failed to load", "fatal: no tag found", "x.c:1:1: error: new one",
           "Finished: FAILURE"]  # fmt: skip
    assert extract(log, baseline=passed)[0].evidence == 43
    assert [b.evidence for b in extract(log, baseline=passed)] == [43]


def test_a_baseline_masks_what_changes_with_every_run() -> None:
    passed = Baseline.of(["done in 12.3 s at 0x7fa3 (deadbeef01)"])
    assert not passed.is_new("done in 99.1 s at 0x1234 (0123456789ab)")
    assert passed.is_new("failed in 99.1 s")


def test_a_baseline_is_bounded_and_keeps_what_both_runs_say() -> None:
    words = [f"line {'x' * (n % 97)} {chr(97 + n % 26)} {'y' * (n // 97)}" for n in range(4000)]
    both = Baseline.of(words[:3000]).merge(Baseline.of(words[2000:]))
    assert not any(both.is_new(line) for line in words)
    assert len(both.hashes) <= LINES_MAX


# What should come out and does not yet: a fix turns these red, and moves them up.
KNOWN_WRONG = {
    "no word of an error": ([*SETUP, "Your branch is 3 commits behind main", "nothing to do", *["bye"] * 40], 41),
    "a finding without a severity": ([*SETUP, ">>> Lint for src/a.py:", "  line too long", *["ok"] * 40], 41),
}


@pytest.mark.xfail(strict=True, reason="the line has no word that any rule knows")
@pytest.mark.parametrize("name", KNOWN_WRONG)
def test_known_wrong(name: str) -> None:
    log, wanted = KNOWN_WRONG[name]
    assert any(b.first <= wanted <= b.last for b in extract([*log, "ERROR: Job failed: exit code 1"]))


CLEANED = {
    "github": ("2026-11-20T10:00:00.1234567Z hello", "hello"),
    "github, indented": ("2026-11-20T10:00:00.1234567Z   hello", "  hello"),
    "gh run view": ("build\tRun make\t2026-11-20T10:00:00.1234567Z hello", "hello"),
    "gitlab": ("2026-11-20T10:00:00.123456Z 01O hello", "hello"),
    "kubernetes": ("2026-11-20T10:00:00.123456789Z stdout F hello", "hello"),
    "jenkins": ("[2026-11-20T10:00:00.123Z] hello", "hello"),
    "named": ("[task 2026-11-20T10:00:00.123Z] hello", "hello"),
    "clock": ("10:00:00.123 hello", "hello"),
    "buildkit": ("#12 3.456 hello", "hello"),
    "colour": ("\x1b[1;31mhello\x1b[0m", "hello"),
    "link": ("\x1b]8;;http://x\x07hello\x1b]8;;\x07", "hello"),
    "progress": ("10%\r50%\rhello\r", "hello"),
    "crlf": ("hello\r\n", "hello"),
    "zeroes": ("he\x00llo", "hello"),
    "no stamp": ("on 2026-11-20T10:00:00Z hello", "on 2026-11-20T10:00:00Z hello"),
}


OBJECTS = {
    r'{"Time":"2026-11-20T10:00:00Z","Action":"output","Test":"T","Output":"--- FAIL: T (0s)\n"}': "--- FAIL: T (0s)",
    r'{"Action":"output","Package":"a/b","Output":"a_test.go:3: got \"x\"\n"}': 'a_test.go:3: got "x"',
    '{"Time":"2026-11-20T10:00:00Z","Action":"fail","Package":"a/b","Elapsed":0.1}': "",
    r'{"reason":"compiler-message","message":{"rendered":"error[E1]: moved\n --> a.rs:3:1\n"}}': "error[E1]: moved",
    '{"Action":"deploy","Error":"no quota"}': '{"Action":"deploy","Error":"no quota"}',
    '{"time":"2026","level":"ERROR","msg":"no cart"}': '{"time":"2026","level":"ERROR","msg":"no cart"}',
}


@pytest.mark.parametrize("line", OBJECTS)
def test_what_a_tool_said_in_an_object_is_read_as_it_said_it(line: str) -> None:
    assert clean(line) == OBJECTS[line]


@pytest.mark.parametrize("name", CLEANED)
def test_a_line_is_cleaned_of_what_terminals_and_runners_add(name: str) -> None:
    line, expected = CLEANED[name]
    assert clean(line) == expected


def test_a_long_line_is_cut_and_marked() -> None:
    assert len(clean("x" * 1_000_000)) < LINE_CHARS_MAX + 20
    assert clean("x" * 1_000_000).endswith("[line cut]")


def test_the_words_of_the_rules_are_in_lower_case() -> None:
    assert [word for rule in RULES for word in rule.words if word != word.lower() or not word.strip()] == []


GATE = Gate(RULES)


@examples(60)
@given(
    some_of([line for text, _ in TOOLS.values() for line in text.split("\n")] + SETUP, most=8),
    st.sampled_from(["{}", "2026-11-20T10:00:00Z {}", "\x1b[31m{}\x1b[0m", "a/b.{}:7", "({})", "x{}y", "  {}  "]),
    st.integers(0, 9),
)
def test_the_gate_finds_what_the_rules_find(log: list[str], around: str, more: int) -> None:
    """With other digits, too: what it remembers of a line tells of those that are equal but for them."""
    told = [re.sub("[0-9]", lambda digit: str((int(digit[0]) + more) % 10), around.format(line)) for line in log]
    lines = [line.encode() for line in told]
    hits = GATE.hits(b"\n".join(lines), lines)
    for number, line in enumerate(lines):
        text = clean(line.decode())
        folded = re.sub(r"\d", "0", line.decode().lower())
        able = (rule for rule in RULES if any(word in folded for word in rule.words))
        expected = next((rule for rule in able if rule.pattern.search(text)), None)
        assert (hits[number].rule if number in hits else None) is expected


@examples(60)
@given(
    some_of([line for text, _ in TOOLS.values() for line in text.split("\n")] + SETUP, most=40),
    st.integers(1, 5),
)
def test_what_passing_runs_print_is_passed_over_without_a_change(log: list[str], each: int) -> None:
    passed = Baseline.of(log[::each])
    found = extract(log, baseline=passed, failed=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hit, "is_idle", False)
        assert extract(log, baseline=passed, failed=True) == found


def test_the_gate_finds_each_mark_in_its_own_case() -> None:
    gate = Gate(RULES, WORDS)
    for mark in WORDS:
        data = f"x{mark}y".encode()
        assert mark in gate.hits(data, [data])[0].marks


WORDLESS = {
    "ansible.recap", "auth.credentials", "bazel.failed", "buildah.run", "bundler.error", "docker.denied", "exunit.case",
    "generic.exceeds", "ghc.cabal", "github.exit", "gradle.task", "gtest.case", "linker.missing", "make.command",
    "minitest.inline", "network.http", "network.tls", "network.unavailable", "nose.banner", "perl.prove", "php.fatal",
    "phpunit.list", "pytest.count", "pytest.failures", "pytest.line", "python.exception", "ruby.exception",
    "runner.preempted", "signal.segv", "stack.error", "tox.result", "valgrind.error",
    "webpack.module",
}  # fmt: skip
"""Rules of which a part needs a word that stands elsewhere in the line, or is left to another rule."""


def test_a_rule_has_a_word_for_each_thing_that_it_finds() -> None:
    """Without one, a line is never looked at, and that part of the expression finds nothing."""
    without = set()
    for rule in RULES:
        needs: set[str] = set(needed(rule.pattern) or ())
        lacking = [one for one in needs if not any(word in one.lower() for word in rule.words)]
        without |= {rule.id} if 0 < len(lacking) < len(needs) else set()
    assert without == WORDLESS


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("^(?:FAIL|ERROR): x$", {"\nFAIL: x\n", "\nERROR: x\n"}),
        (r"(?i)\bTimed[ -]out\b", {"timed out", "timed-out"}),
        (r"^\s*+(?:a\d+b|cd\w)", None),
        (r"\w+Error(?: \[\w+\])?: \S", {"Error"}),
        (r"(?:abc|defg)*\d", None),
        (r"(?:abc|defg)+\d", {"abc", "defg"}),
        (r"^[Ee]nd (?!of)x?", {"\nEnd ", "\nend "}),
    ],
)
def test_what_an_expression_needs_is_told_from_it(expression: str, text: set[str] | None) -> None:
    assert needed(re.compile(expression)) == text


@pytest.mark.parametrize(
    ("expression", "tells"),
    [
        (r"^\w+: \d{2,3}[0-9a-f] [\d.]+ .*\b$", False),
        (r"[^\s\d]|[^x0-9]", False),
        (r"exit code [1-9]", True),
        (r"(?:a|b(?:c|x509))", True),
        (r"(?<!0)a", True),
        (r"(\d+) of \1", True),
    ],
)
def test_whether_an_expression_tells_one_digit_from_another_is_told_from_it(expression: str, *, tells: bool) -> None:
    assert tells_digits(re.compile(expression)) is tells


def test_no_runner_tells_one_digit_from_another() -> None:
    """What their sections mean in a line is remembered for all lines that are equal but for their digits."""
    assert [one.name for one in TESTERS if tells_digits(one.opens) or (one.area and tells_digits(one.area))] == []


@given(
    st.lists(st.text("Fail \u2717Re[.K\u212a\u00e9", max_size=12), min_size=1, max_size=8),
    st.lists(st.sampled_from(["fail", "re[", "\u2717", "k."]), min_size=1, unique=True),
)
def test_a_sieve_keeps_every_line_that_holds_a_word(lines: list[str], words: list[str]) -> None:
    kept = Sieve([*words, "\nR", "F\n"], ["FaiR"]).kept(lines)
    assert kept == [line for line in lines if line in kept]
    for line in lines:
        folded = f"\n{line.lower()}\n"
        is_in = any(word in folded for word in (*words, "\nr", "f\n")) or "FaiR" in line
        assert is_in <= (line in kept)
        assert is_in or line not in kept or not line.isascii()


def test_what_one_thread_reads_in_the_gate_no_other_one_takes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.core.extract.gate.SHAPES_BYTES_MAX", 200)

    def meanwhile(line: str, text: str, marks: frozenset[str]) -> bool:
        return gate.hits(b"of another log", [b"of another log"]) == {}

    gate = Gate(RULES[:3], ["mark"], meanwhile)
    assert gate.hits(b"known", [b"known"]) == {}
    assert list(gate.hits(b"known\na mark", [b"known", b"a mark"])) == [1]


def _endless() -> Iterator[str]:
    for n in range(20_000):
        yield f"src/file{n % 7}.c:{n}:1: error: number {'i' * (n % 50)}"


def test_a_log_of_errors_only_is_read_as_a_stream_within_bounds() -> None:
    blocks = extract(_endless())
    assert 0 < len(blocks) <= BLOCKS_MAX
    assert blocks[0].evidence < 100


HOSTILE = {
    "one long line": ["error: " + "x" * 2_000_000],
    "zeroes": ["\x00" * 100_000, "error: \x00"],
    "progress": ["\r".join(f"{n}% error" for n in range(100_000))],
    "brackets": ["[" * 50_000 + "error]" * 1000],
    "dots": ["error " + "a." * 100_000],
    "paths": ["error " + "/a" * 100_000 + ":1"],
    "spaces": ["error:" + " " * 200_000 + "x"],
    "hexadecimal": ["error " + "abcdef" * 50_000],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_lines_are_read(name: str) -> None:
    blocks = extract(HOSTILE[name] * 3, baseline=Baseline.of(HOSTILE[name]))
    assert all(isinstance(block, Block) for block in blocks)


@examples(60)
@given(some_of([line for text, _ in TOOLS.values() for line in text.split("\n")] + SETUP, most=60))
def test_blocks_lie_within_the_log_apart_from_each_other_and_hold_their_evidence(log: list[str]) -> None:
    blocks = extract(log)
    assert len(blocks) <= BLOCKS_MAX
    assert all(1 <= b.first <= b.evidence <= b.last <= len(log) and 0 <= b.score <= 1 for b in blocks)
    assert list(blocks) == sorted(blocks, key=lambda b: -b.score)
    places = sorted((b.first, b.last) for b in blocks)
    assert all(before[1] < after[0] for before, after in pairwise(places))


@examples(40)
@given(st.lists(st.text(max_size=40), max_size=30))
def test_any_text_is_read_the_same_way_twice(log: list[str]) -> None:
    assert extract(log) == extract(iter(log))
