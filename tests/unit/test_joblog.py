"""A job's log becomes records: one a block, with its place, step and exit code."""

from __future__ import annotations

import pytest
from suites.drawing import load
from suites.table import each

from streams.contract.failure import MESSAGE_BYTES_MAX, Ci, Failure, Source
from streams.core.extract.baseline import Baseline
from streams.core.extract.extract import BLOCKS_MAX
from streams.producers import joblog
from streams.producers.joblog import read_log, text_of

GITHUB = Ci(provider="github", repo="o/r", run_id="7", job_id="8", job_name="build")
LOG = [
    "2026-11-20T10:00:00.0000001Z ##[group]Run make check",
    "2026-11-20T10:00:00.0000002Z make check",
    "2026-11-20T10:00:00.0000003Z ##[endgroup]",
    "2026-11-20T10:00:01.0000001Z \x1b[31ma.c:3:5: error: no member named 'x'\x1b[0m",
    "2026-11-20T10:00:01.0000002Z     3 |  s.x = 1;",
    "2026-11-20T10:00:02.0000001Z make: *** [Makefile:3: a.o] Error 1",
    "2026-11-20T10:00:03.0000001Z ##[error]Process completed with exit code 2.",
]


def read(lines: list[str], context: Ci = GITHUB, baseline: Baseline | None = None) -> list[Failure]:
    return list(read_log(lines, context, occurred_at_ms=1, baseline=baseline))


def test_a_failure_says_what_the_tool_said_and_where() -> None:
    first = read(LOG)[0]
    assert first.ci is not None
    assert first.message == "a.c:3:5: error: no member named 'x'"
    assert first.traceback.startswith("a.c:3:5: error: no member named 'x'\n    3 |  s.x = 1;")
    assert first.ci.log_lines is not None
    assert first.ci.log_lines[0] == 4
    assert (first.ci.step_name, first.ci.source) == ("make check", Source.GITHUB_JOB_LOG)
    assert (first.labels["rule"], first.labels["evidence_line"]) == ("gcc.error", "4")


def test_line_ends_make_no_difference() -> None:
    assert read([line + "\n" for line in LOG]) == read(LOG) == read([line + "\r\n" for line in LOG])


def test_a_log_that_passed_has_no_failures() -> None:
    assert read([*LOG[:3], "0 errors", "Cleaning up orphan processes"]) == []


def test_an_annotation_is_a_failure() -> None:
    (one,) = read(["##[error]The runner lost its disk", "##[error]Process completed with exit code 1."])[:1]
    assert "The runner lost its disk" in one.message


def test_a_known_line_is_no_failure() -> None:
    noise = "2026-11-20T10:00:00.5Z a.c:9:9: error: expected by the test 17"
    log = [*LOG[:3], noise, *LOG[3:]]
    messages = [f.message for f in read(log, baseline=Baseline.of([noise.replace("17", "18")]))]
    assert not any("expected by the test" in message for message in messages)


def test_equal_texts_in_one_step_have_different_ids() -> None:
    log = [line for _ in range(3) for line in (LOG[3], "", "", "", "something else", "", "")]
    records = read([*LOG[:3], *log, LOG[-1]])
    assert len({r.id for r in records}) == len(records)


def test_ids_do_not_depend_on_the_time() -> None:
    later = [line.replace("T10:", "T11:") for line in LOG]
    assert [r.id for r in read(LOG)] == [r.id for r in read(later)]


def test_a_step_that_the_caller_knows_is_kept() -> None:
    context = Ci(provider="gitlab", run_id="7", step_name="compile")
    assert {r.ci.step_name for r in read(LOG, context) if r.ci} == {"compile"}
    assert {r.ci.source for r in read(LOG, context) if r.ci} == {Source.FULL_LOG}


def test_an_image_build_has_its_own_source() -> None:
    error = '#7 ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 1'
    (first, *_) = read(["#7 [2/2] RUN false", "#7 0.3 looking", error, LOG[-1]])
    assert first.ci is not None
    assert first.ci.source is Source.BUILDKIT


def test_a_log_of_errors_gives_a_bounded_number_of_bounded_messages() -> None:
    records = read([f"x{'i' * (n % 40)}.c:{n}:1: error: {'y' * 70_000}" for n in range(300)])
    assert 0 < len(records) <= BLOCKS_MAX
    assert all(len(r.message.encode()) <= MESSAGE_BYTES_MAX for r in records)


# What a tool prints, and the error that a person should read first.
TITLES: dict[str, tuple[str, str]] = {
    "npm": ("> shop@1.0.0 build\n> tsc -p .\n\nsh: 1: tsc: not found", "sh: 1: tsc: not found"),
    "npm, small shell": ("> shop@1.0.0 build\n> tsc -p .\n\nsh: tsc: not found", "sh: tsc: not found"),
    "script": ("ok\n./deploy.sh: 3: kubectl: not found", "./deploy.sh: 3: kubectl: not found"),
    "make": (
        """make: Entering directory '/src'
packing
pack: cannot write out.tar: quota
make: *** [Makefile:7: package] Error 3
make: Leaving directory '/src'""",
        "pack: cannot write out.tar: quota",
    ),
    "make, without a word of an error": (
        """make: Entering directory '/src'
packing
pack says no today
make: *** [Makefile:7: package] Error 3
make: Leaving directory '/src'""",
        "pack says no today",
    ),
    "syntax": (
        '  File "<string>", line 1\n    f(:\n      ^\nSyntaxError: invalid syntax',
        "SyntaxError: invalid syntax",
    ),
    "gradle": (
        "* What went wrong:\nExecution failed for task ':compileJava'.\n> Compilation failed\n\n* Try:",
        "Execution failed for task ':compileJava'.",
    ),
    "image": (
        """#7 [2/2] RUN pip install nothing
#7 0.312 looking
#7 1.3 ERROR: No matching distribution for nothing
#7 ERROR: process "/bin/sh -c pip install nothing" did not complete successfully: exit code: 1""",
        "ERROR: No matching distribution for nothing",
    ),
    "annotation": ("##[error]The runner lost its disk", "The runner lost its disk"),
    "nothing": (
        "doing a\nthe thing is odd\n##[error]Process completed with exit code 3.",
        "the thing is odd",
    ),
}  # fmt: skip


@each("name", TITLES)
def test_the_message_is_the_error_itself(name: str) -> None:
    text, expected = TITLES[name]
    for log in (text.split("\n"), [*["compiling thing"] * 9, *text.split("\n")]):
        (first, *_) = read(log)
        assert first.message.startswith(expected)


def test_a_make_error_that_was_ignored_is_no_failure() -> None:
    assert read(["packing", "make: [Makefile:7: package] Error 3 (ignored)", "done"]) == []
    assert read(["packing", "make: *** [Makefile:7: package] Error 3", "Job succeeded"]) == []


def test_however_long_a_traceback_is_its_head_and_its_end_are_one_failure() -> None:
    count = load(20_000)
    frames = [line for n in range(count) for line in (f'  File "a.py", line {n}, in f', "    f()")]
    (one,) = read(["starting", "Traceback (most recent call last):", *frames, "RecursionError: too deep", "bye"])
    assert one.message == "RecursionError: too deep"
    assert one.ci is not None
    assert one.ci.log_lines == (2, 2 * count + 3)
    assert one.traceback.startswith("Traceback (most recent call last):")
    assert one.traceback.endswith("RecursionError: too deep")
    assert "lines left out" in one.traceback


@pytest.mark.parametrize(("code", "told"), [(1, None), (2, None), (101, None), (137, 137), (124, 124)])
def test_an_exit_code_is_part_of_the_failure_only_when_it_says_something(code: int, told: int | None) -> None:
    (first, *_) = read([*LOG[:4], f"##[error]Process completed with exit code {code}."])
    assert (first.exit_code, first.labels["exit_code"]) == (told, str(code))


def test_a_cause_in_the_middle_of_a_log_too_long_to_be_held_is_told_with_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joblog, "LOG_BYTES_MAX", 200_000)
    noise = [f"line {n} of noise" for n in range(30_000)]
    log = [*noise, *LOG[3:5], "x" * 5000, *noise, LOG[-1]]
    reading = read_log(log, GITHUB, occurred_at_ms=1)
    first = next(reading)
    assert first.ci is not None
    assert first.ci.log_lines is not None
    assert first.ci.log_lines[0] == 30_001
    assert first.message.startswith("a.c:3:5: error")
    assert list(reading.notes) == ["1 lines longer than 4096 characters, read up to there"]


def test_notes_say_what_was_found_and_could_not_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblog, "LOG_BYTES_MAX", 20_000)
    noise = [f"line {n} of noise" for n in range(30_000)]
    errors = [f"a.c:{n}:5: error: {'x' * 2000}{chr(97 + n)}" for n in range(20)]
    reading = read_log([*noise, *errors, *noise, LOG[-1]], GITHUB, occurred_at_ms=1)
    assert all(failure.message for failure in reading)
    assert any("were not held" in note for note in reading.notes)


def test_the_indent_that_all_lines_share_goes() -> None:
    assert text_of(["", "    a", "      b", "", "    c", ""]) == "a\n  b\n\nc"


def test_a_log_longer_than_what_is_held_keeps_its_line_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblog, "LOG_BYTES_MAX", 2000)
    log = [*LOG[:3], *[f"line {n} of noise" for n in range(5000)], *LOG[3:]]
    first = read(log)[0]
    assert first.ci is not None
    assert first.ci.log_lines is not None
    assert first.ci.log_lines[0] == 5004
    assert first.message.startswith("a.c:3:5: error")


PLACE = "[ERROR] /ci/shop/Cart.java:[12,9] cannot find symbol"
GOAL = "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-{} on project shop: {}"
WENT_WRONG = ["FAILURE: Build failed with an exception.", "", "* What went wrong:"]
RETOLD = {
    "maven, a compiler": [
        "[ERROR] COMPILATION ERROR : ", "[INFO] ----", f"§{PLACE}", "  symbol:   class Money", "[INFO] 1 error",
        "[INFO] BUILD FAILURE", GOAL.format("compiler-plugin:3.1:compile (default-compile)", "Compilation failure"),
        PLACE, "[ERROR]   symbol:   class Money", "[ERROR] -> [Help 1]",
    ],
    "maven, a linter": [
        "§[ERROR] src/Cart.java:[3,1] (imports) UnusedImports: Unused import.", "[INFO] BUILD FAILURE",
        GOAL.format("checkstyle-plugin:3.1:check (default)", "You have 1 Checkstyle violation. -> [Help 1]"),
    ],
    "gradle, a test": [
        "CartTest > addsItems() FAILED", "    §org.opentest4j.AssertionFailedError: expected: <3> but was: <4>",
        "        at app//org.shop.CartTest.addsItems(CartTest.java:21)", "", "12 tests completed, 1 failed", "",
        "> Task :x:test FAILED", "", *WENT_WRONG, "Execution failed for task ':x:test'.",
        "> There were failing tests. See the report at: file:///ci/index.html", "", "* Try:", "BUILD FAILED in 9s",
    ],
    "gradle, a compiler": [
        "> Task :app:compileJava FAILED", "§/ci/app/Cart.java:12: error: cannot find symbol", "        Money total;",
        "        ^", "1 error", "", *WENT_WRONG, "Execution failed for task ':app:compileJava'.",
        "> Compilation failed; see the compiler error output for details.", "", "* Try:", "BUILD FAILED in 3s",
    ],
    "gradle, a reason of its own": [
        *WENT_WRONG, "Execution failed for task ':app:jar'.", "> §Cannot expand ZIP '/ci/a.zip' as it does not exist.",
        "", "* Try:", "BUILD FAILED in 3s",
    ],
    "maven, nothing else": [
        "[INFO] BUILD FAILURE", "§" + GOAL.format("compiler-plugin:3.1:compile (default)", "Compilation failure"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", RETOLD)
@pytest.mark.parametrize("end", [[], ["ERROR: Job failed: exit code 1"]])
def test_what_says_only_that_a_part_failed_is_no_failure_beside_the_one_it_failed_for(
    name: str, end: list[str]
) -> None:
    (one,) = read([*(line.replace("§", "") for line in RETOLD[name]), *end])
    assert one.message in next(line for line in RETOLD[name] if "§" in line)
