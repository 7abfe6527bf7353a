"""Whole logs of invented jobs, one or more for each tool, in the dress of each CI system."""

from __future__ import annotations

import pytest
from suites.log_cases import SURROUNDINGS, Case, cases, dressed, passing
from suites.table import each

from streams.core.extract.extract import findings

CASES = {f"{case.file}: {case.name}": case for case in cases()}
OTHERS = [name for name in SURROUNDINGS if name not in {"plain", "github"}]


@each("case", CASES.values(), ids=CASES)
def test_what_says_why_is_found_and_stands_first(case: Case) -> None:
    """As it is, on GitHub, and in one more dress: the next tool has the next one."""
    for surroundings in ("plain", "github", OTHERS[list(CASES.values()).index(case) % len(OTHERS)]):
        log, wanted = dressed(case, surroundings)
        blocks = findings(log).blocks
        assert blocks, surroundings
        assert blocks[0].evidence in wanted, (surroundings, log[blocks[0].evidence - 1])
        assert all(any(b.first <= at <= b.last for b in blocks) for at in wanted), surroundings


WELL = {
    "not said": [],
    "github": ["Cleaning up orphan processes"],
    "gitlab": ["Job succeeded"],
    "jenkins": ["Finished: SUCCESS"],
    "travis": ['The command "x" exited with 0.', "", "Done. Your build exited with 0."],
    "azure": ["##[section]Finishing: Finalize Job"],
}


@each("name", passing())
def test_a_passing_log_raises_nothing_however_scary_its_words(name: str) -> None:
    for end in WELL.values():
        assert findings([*passing()[name], *end]).blocks == ()


def test_a_tools_word_that_all_went_well_does_not_speak_for_what_failed() -> None:
    """A later tool's success, or an earlier one's."""
    for log in (
        ["FAILED (failures=1)", "a.c:3:5: error: no", "test result: ok. 3 passed; 0 failed"],
        ["test result: ok. 3 passed; 0 failed", "a.c:3:5: error: no"],
        ["---- t::adds stdout ----", "thread 't::adds' panicked at a.rs:1:1:", "no", "", "test result: ok. 3 passed"],
        ["Errors: 0, Failures: 2", "x.c:1:2: error: no"],
    ):
        assert findings(log).blocks, log


@pytest.mark.parametrize(
    "word", ["retrying in 5 s", "Waiting 16 seconds before trying again", "Back off 28.052 seconds before retry."]
)
def test_what_was_tried_again_is_weaker_than_the_last_try(word: str) -> None:
    log = [
        "curl: (28) Operation timed out",
        word,
        "",
        "",
        "x",
        "curl: (22) The requested URL returned error: 503",
    ]
    assert [b.evidence for b in findings([*log, "Exited with code exit status 22"]).blocks][:1] == [6]


STACK = ['  File "a.py", line 3, in f', "    g()", "ValueError: no cart"]
HEADERS = {
    "its own": "Traceback (most recent call last):",
    "no colon": "ValueError                   Traceback (most recent call last)",
    "behind a name": "web_1  | Traceback (most recent call last):",
    "a frame of lines": "\u256d\u2500\u2500 Traceback (most recent call last) \u2500\u2500\u256e",
    "a frame of dashes": "+------ Traceback (most recent call last) ------+",
}
QUOTES = (
    "  patterns: ['Traceback (most recent call last):', 'no route']",
    "    'Traceback (most recent call last):',",
    'grep -q "Traceback (most recent call last)" run.log',
)


@pytest.mark.parametrize("name", HEADERS)
def test_the_header_of_a_stack_begins_it(name: str) -> None:
    (block,) = findings(["run", HEADERS[name], *STACK, "Exited with code exit status 1"]).blocks
    assert (block.reason, block.first, block.evidence) == ("python.traceback", 2, 5)


@pytest.mark.parametrize("quote", QUOTES)
def test_a_line_that_quotes_the_header_of_a_stack_begins_none(quote: str) -> None:
    steps = [f"step {n}" for n in range(40)]
    log = [quote, *steps, "a.c:3:5: error: no", "Exited with code exit status 1"]
    assert [block.reason for block in findings(log).blocks] == ["gcc.error"]


def test_a_stack_in_one_line_of_a_logger_is_one_line() -> None:
    line = '{"level":"error","exc":"Traceback (most recent call last):\\n  File \\"a.py\\"\\nValueError: no"}'
    (block,) = findings(["run", line, "bye", "bye", "bye", "Exited with code exit status 1"]).blocks
    assert (block.reason, block.first, block.last) == ("python.logged", 2, 2)


JAVA = {
    "java.lang.AssertionError: expected 3 but was 4": "java.exception",
    "org.acme.common.errors.TimeoutException: no answer": "java.exception",
    "com.acme.CartException: an error in line 3": "java.exception",
    "shop.errors.CartException: no cart": "python.exception",
}


@pytest.mark.parametrize("first", JAVA)
def test_a_java_stack_is_whole_whatever_its_first_line_is_called(first: str) -> None:
    frames = [f"\tat shop.Cart.f{n}(Cart.java:{n})" for n in range(30)]
    cause = ["Caused by: java.lang.IllegalStateException: closed", *frames, "\t... 9 more"]
    (block,) = findings(["run", first, *frames, *cause, "bye", "bye", "Exited with code exit status 1"]).blocks
    assert (block.reason, block.last, block.evidence) == (JAVA[first], 64, 33)


def test_an_error_with_a_package_of_python_is_pythons() -> None:
    line = "requests.exceptions.ConnectionError: no answer"
    (block,) = findings(["run", line, "bye", "bye", "bye", "Exited with code exit status 1"]).blocks
    assert (block.reason, block.evidence) == ("python.exception", 2)


def test_what_maven_says_again_in_its_stack_is_one_block() -> None:
    said = "Failed to execute goal org.acme:copy (default) on project shop: Error copying a.jar"
    frames = [f"    at org.acme.Mojo.f{n} (Mojo.java:{n})" for n in range(9)]
    stack = [f"[ERROR] {said}", f"org.acme.LifecycleExecutionException: {said}", *frames]
    (block,) = findings(["run", *stack, "bye", "bye", "bye", "Exited with code exit status 1"]).blocks
    assert (block.reason, block.first, block.last) == ("maven.goal", 2, 12)
