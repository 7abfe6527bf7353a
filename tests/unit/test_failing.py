"""Which command of a job failed: what stands before it and after it is seldom the cause."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.core.extract.ending import is_side, is_sum, is_tried_again, is_wrapper, says_nothing_failed
from streams.core.extract.extract import extract, findings

BEFORE = ["curl: (28) Operation timed out", "fatal: no upstream configured", "got it from the mirror"]
AFTER = ["curl: (6) Could not resolve host: logs.invalid", "Error: no such container: web"]
RUN = "##[group]Run"
ECHO, GREY, END = "\x1b[32;1m$ ", "\x1b[90m$\x1b[0m ", "\x1b[0;m"
SECTION = "section_{}:1795168800:{}\r\x1b[0K"


def github(said: list[str]) -> list[str]:
    steps = [[f"{RUN} {name}", name, "##[endgroup]"] for name in ("deps", "check", "logs")]
    failed = "##[error]Process completed with exit code 1."
    return [*steps[0], *BEFORE, *steps[1], *said, failed, *steps[2], *AFTER, failed, "Cleaning up orphan processes"]


def azure(said: list[str]) -> list[str]:
    def step(name: str, lines: list[str]) -> list[str]:
        return [f"##[section]Starting: {name}", *lines, f"##[section]Finishing: {name}"]

    failed = "##[error]Bash exited with code '1'."
    return [*step("deps", BEFORE), *step("check", [*said, failed]), *step("logs", [*AFTER, failed])]


def gitlab(said: list[str]) -> list[str]:
    script = [f"{ECHO}deps{END}", *BEFORE, f"{ECHO}check{END}", *said]
    after = [SECTION.format("start", "after_script"), f"{ECHO}logs{END}", *AFTER, SECTION.format("end", "after_script")]
    sections = [SECTION.format("start", "step_script"), *script, SECTION.format("end", "step_script"), *after]
    return [*sections, "ERROR: Job failed: exit code 1"]


def jenkins(said: list[str]) -> list[str]:
    stage = ["[Pipeline] { (Build)", "[Pipeline] sh", "+ deps", *BEFORE, "[Pipeline] sh", "+ check", *said]
    post = ["[Pipeline] { (Declarative: Post Actions)", "[Pipeline] sh", "+ logs", *AFTER, "[Pipeline] }"]
    end = ["[Pipeline] End of Pipeline", "ERROR: script returned exit code 1", "Finished: FAILURE"]
    return [*stage, "[Pipeline] }", *post, *end]


def buildkite(said: list[str]) -> list[str]:
    run = ["~~~ Running commands", f"{GREY}deps", *BEFORE, f"{GREY}check", *said]
    return [*run, "^^^ +++", "🚨 Error: The command exited with status 1", "~~~ Running global pre-exit hook", *AFTER]


def circleci(said: list[str]) -> list[str]:
    shell = "#!/bin/bash -eo pipefail"
    return [shell, "deps", *BEFORE, shell, "check", *said, "Exited with code exit status 1", shell, "logs", *AFTER]


System = Callable[[list[str]], list[str]]
SYSTEMS: tuple[System, ...] = (github, azure, gitlab, jenkins, buildkite, circleci)


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_the_command_says_that_failed_stands_before_stronger_words_elsewhere(system: System) -> None:
    log = system(["checking 40 things", "cart failed: total is wrong", "done"])
    assert "cart failed" in log[findings(log).blocks[0].evidence - 1]


@pytest.mark.parametrize("system", [one for one in SYSTEMS if one is not jenkins])
def test_the_last_lines_of_the_command_tell_where_none_says_why(system: System) -> None:
    """Jenkins does not say for sure which command it was."""
    log = system(["checking 40 things", "cart: 3 of 4 as wished", "check: exit status 1"])
    block = findings(log).blocks[0]
    assert (block.reason, log[block.evidence - 1]) == ("tail.command", "cart: 3 of 4 as wished")


def test_a_job_that_has_nothing_else_is_told_of_its_upload() -> None:
    log = [
        f"{RUN} upload",
        "##[endgroup]",
        "upload failed: the store is full",
        "##[error]Process completed with exit code 1.",
    ]
    assert [block.evidence for block in findings(log).blocks] == [3]


def test_what_only_failing_jobs_print_is_no_noise_in_a_step_before() -> None:
    """A step that may fail without an end of its own, such as an action's."""
    log = ["##[group]Run deps", "##[endgroup]", "##[error]The disk is gone", "##[group]Run check", "##[endgroup]"]
    log += ["check: not today", "##[error]Process completed with exit code 1."]
    assert findings(log).blocks[0].evidence == 3


@pytest.mark.parametrize(
    "text",
    [
        "Error: Process completed with exit code 1.",
        "nox > Command pytest failed with exit code 2",
        "subprocess.CalledProcessError: Command '['make']' returned non-zero exit status 2.",
        'task: Failed to run task "ci": exit status 1',
        "error: Recipe `ci` failed on line 14 with exit code 101",
        "Error: Command failed: npm run build",
        "exit status: 1",
    ],
)
def test_a_line_that_says_only_that_a_command_failed(text: str) -> None:
    assert is_wrapper(text)
    assert not is_wrapper("cart.c:3:5: error: no exit status given")


def test_a_line_of_a_service_beside_the_work() -> None:
    assert is_side("ERROR: failed to send metrics to the gateway")
    assert is_side("Failed to save: Unable to reserve cache with key x")
    assert not is_side("E   AssertionError: assert cart.total == 3")


@pytest.mark.parametrize(
    "text",
    [
        "Error: 1 chart(s) linted, 1 chart(s) failed",
        "Found 2 errors.",
        "✖ 3 problems (2 errors, 1 warning)",
        "Failed: 4",
    ],
)
def test_a_line_that_only_counts(text: str) -> None:
    assert is_sum(text)
    for other in ("migration 42 - add cart failed", "version 3 failed to load", "0 errors", "error: no cart in line 3"):
        assert not is_sum(other)


def test_what_counts_stands_below_what_it_counts() -> None:
    log = [f"{RUN} check", "##[endgroup]", "ERROR cart.yaml is empty", "Error: 1 chart failed", "bye", "bye"]
    log += ["##[error]Process completed with exit code 1."]
    assert findings(log).blocks[0].first == 3


def test_what_only_runs_the_command_is_left_out_where_the_reason_stands_above() -> None:
    wrapper = ["Traceback (most recent call last):", '  File "ci.py", line 3, in <module>', "    run(cmd)"]
    wrapper += ["subprocess.CalledProcessError: Command 'cc' returned non-zero exit status 1."]
    log = ["a.c:3:5: error: no cart", *["well"] * 3, *wrapper, "Exited with code exit status 1"]
    assert [block.reason for block in findings(log).blocks] == ["gcc.error"]
    (alone,) = findings(["run", *wrapper, "Exited with code exit status 1"]).blocks[:1]
    assert alone.first <= 2


def test_loud_words_far_above_a_tools_own_word_at_the_end_are_left_out() -> None:
    """Three, and a tool that says at the end why it failed."""
    loud = [
        line for n in range(4) for line in (f"java.lang.IllegalStateException: cart {'abcd'[n]} closed", "\tat a.B.c")
    ]
    goal = "[ERROR] Failed to execute goal org.x:y:1:check (default) on project z: no licence in a.java -> [Help 1]"
    log = [*loud, *["well"] * 600, "[INFO] BUILD FAILURE", goal, "Finished: FAILURE"]
    found = findings(log).blocks
    assert found[0].reason == "maven.goal"
    assert len(found) <= 3


def test_lines_of_parallel_branches_stand_between_each_other_and_end_no_block() -> None:
    stack = ["Traceback (most recent call last):", '  File "a.py", line 3, in f', "    g()", "ValueError: no cart"]
    mixed = [line for one in stack for line in (f"[unit] {one}", "[lint] well")]
    log = ["[Pipeline] parallel", "[Pipeline] { (Branch: unit)", "[Pipeline] { (Branch: lint)", *mixed]
    log += ["ERROR: script returned exit code 1", "Finished: FAILURE"]
    (block, *_) = findings(log).blocks
    assert (block.first, log[block.evidence - 1]) == (4, "[unit] ValueError: no cart")


def test_a_retry_that_something_else_logs_takes_nothing_from_a_failed_test() -> None:
    log = ["--- FAIL: TestCart (0.3s)", "    cart_test.go:8: got 4, want 3", "WARN flush failed, retrying in 1s"]
    assert extract([*log, "FAIL", "Exited with code exit status 1"])[0].first == 1


@pytest.mark.parametrize(
    "text", ["Failed distributed compilations        0", "0 errors", "errors: 0", "Error 1 (ignored)"]
)
def test_a_count_of_none_is_no_trouble(text: str) -> None:
    assert says_nothing_failed(text)
    assert not says_nothing_failed("Failed distributed compilations        3")


@pytest.mark.parametrize(
    "text", ["notify: could not post, ignoring", "no cache; continuing without", "retrying in 5 s"]
)
def test_a_trouble_that_was_not_the_end(text: str) -> None:
    assert is_tried_again(text)


STACK = ["Traceback (most recent call last):", '  File "ci/out.py", line 31, in main', "    out(name)"]
SIDE = {
    "python": [*STACK, "ValueError: failed to upload dist.tar.gz: AccessDenied"],
    "node": [
        "/ci/out.js:9",
        "    ^",
        "",
        "TypeError: could not notify",
        "    at f (/ci/out.js:9:1)",
        "",
        "Node.js v22.9.0",
    ],
}


@pytest.mark.parametrize("name", SIDE)
def test_an_error_that_nobody_caught_ends_the_log_whatever_service_it_tells_of(name: str) -> None:
    says = next(line for line in SIDE[name] if "Error: " in line)
    for end in ([], ["make: *** [Makefile:3: out] Error 1"], ["", "ERROR: Job failed: exit code 1"]):
        log = ["packing", *SIDE[name], *end]
        assert [log[block.evidence - 1] for block in findings(log).blocks] == [says], end
    assert findings([*SIDE[name], "going on", "packed 3 files"]).blocks == ()


def test_a_chained_error_of_a_service_beside_the_work_does_not_hide_the_first_one() -> None:
    between = ["", "During handling of the above exception, another exception occurred:", ""]
    sides = [*between, *STACK, "ConnectionError: could not notify the channel: 503"]
    log = ["packing", *STACK, "OSError: [Errno 28] No space left on device", *sides, *sides]
    for end in ([], ["Exited with code exit status 1"]):
        (block,) = findings([*log, *end]).blocks
        assert (block.first, block.evidence, block.last) == (2, 5, len(log) + len(end))


def test_what_is_told_of_a_try_that_failed_belongs_to_it() -> None:
    """A retry gives way to what stands at the margin, not to its own lines, nor to further retries."""
    log = ["WARNING: fetch timed out, retrying in 5 s", "  error: reset by peer", "WARNING: error, retrying in 10 s"]
    assert findings([*log, "fetched"]).blocks == ()


REFUSED = "    client_test.go:12: dial tcp 127.0.0.1:1: connect: connection refused"
FAILS = ["=== RUN   TestY", "    y_test.go:9: got 3, want 4", "--- FAIL: TestY (0.00s)"]
GO = {
    "before its word": ["=== RUN   TestX", REFUSED, "--- PASS: TestX (0.02s)", *FAILS],
    "below its word": ["=== RUN   TestX", "--- PASS: TestX (0.02s)", REFUSED, *FAILS],
    "in a part": ["=== RUN   TestX", "=== RUN   TestX/a", REFUSED, "    --- PASS: TestX/a (0s)", *FAILS],
    "of two at once": ["=== RUN   TestX", "=== RUN   TestY", "=== CONT  TestX", REFUSED, "=== CONT  TestY", FAILS[1],
                       "--- PASS: TestX (0s)", FAILS[2]],
    "and nothing said of the other": ["=== RUN   TestX", REFUSED, "--- PASS: TestX (0s)", FAILS[2]],
}  # fmt: skip


@pytest.mark.parametrize("name", GO)
def test_what_a_test_printed_that_passed_is_no_cause(name: str) -> None:
    log = [*GO[name], "FAIL", "FAIL\texample.org/shop\t0.031s", "FAIL"]
    (block,) = findings(log).blocks
    assert log[block.evidence - 1] == (FAILS[1] if FAILS[1] in log else FAILS[2])


def test_a_place_below_a_warning_of_the_compiler_is_no_error() -> None:
    warning = [
        "warning: unused variable: `n`",
        " --> src/cart.rs:4:9",
        "  |",
        "4 |     let n = 3;",
        "  |         ^",
        "",
    ]
    error = ["error: expected one of `;` or `}`, found `n`", " --> src/cart.rs:9:9", "  |"]
    assert findings([*warning, "    Finished dev in 1s"]).blocks == ()
    assert [block.evidence for block in findings([*warning, *error]).blocks] == [7]


def test_a_bare_word_at_the_end_that_it_failed_is_told_where_nothing_else_is() -> None:
    assert [block.evidence for block in findings(["checking", "total is 3, not 4", "FAIL"]).blocks] == [3]
