"""Blocks with their lines: numbered as in the log, bounded, without credentials, whether the log grows or is there."""

from __future__ import annotations

import pytest

from streams.core.extract.baseline import Baseline
from streams.core.extract.chunks import one_chunk
from streams.producers.excerpts import LINES_MAX, Place, Watch, of_log
from streams.producers.github_logs import Steps

STAMP = "2026-01-01T00:00:00.0000000Z "
TRACE = ["Traceback (most recent call last):", '  File "a.py", line 3, in f', "    g()", "ValueError: no such port"]
LOG = ["begins", "", *TRACE, "##[error]Process completed with exit code 2.", "one", "two"]


def watched(lines: list[str], baseline: Baseline | None = None) -> Watch:
    watch = Watch(Place(), baseline)
    for line in lines:
        watch.feed(one_chunk([line]))
    return watch


@pytest.mark.parametrize("prefix", ["", STAMP, "\x1b[31m"])
def test_an_excerpt_has_its_lines_as_the_tool_wrote_them_and_numbers_of_the_log(prefix: str) -> None:
    (found,), notes, count = of_log([prefix + line for line in LOG], Place(member="m", job="j"))
    assert (found.first, found.last, found.evidence_line, found.evidence) == (3, 7, 6, TRACE[-1])
    assert [(line.line, line.text) for line in found.lines] == list(enumerate([*TRACE, LOG[6]], 3))
    assert (found.rank, found.rule, found.exit_code, found.member, found.job) == (1, "python.traceback", 2, "m", "j")
    assert (found.lines_left_out, notes, count) == (0, [], len(LOG))


def test_a_log_that_is_watched_gives_the_same_at_its_end() -> None:
    watch = watched(LOG)
    found, notes = watch.end()
    assert (found, notes, watch.lines) == of_log(LOG, Place())
    assert [one.evidence_line for one in watch.told] == [6]


def test_a_baseline_and_a_log_that_passed_leave_nothing() -> None:
    passed = [*LOG, "Finished: SUCCESS"]
    assert of_log(passed, Place())[0] == []
    assert of_log(LOG[:6], Place(), Baseline.of(LOG[:6]))[0] == []


BEGINS = [f"collecting package {word}" for word in "abcdefghijklmnopqrstuvwxyz" * 3]
OTHER = Baseline.of(f"downloading artifact {word}" for word in "abcdefghijklm")
NOT_OURS = "the baseline is not of this job as it is now, and not used"


@pytest.mark.parametrize("more", [0, 3_000])
def test_a_watched_log_is_held_against_no_baseline_of_another_job_and_that_is_said_once(more: int) -> None:
    after = [f"tidied up shelf {'x' * (n % 7)}" for n in range(more)]
    log, ours = [*BEGINS, *LOG, *after], Baseline.of([*BEGINS, "begins", *after])
    alone, foreign, own = watched(log), watched(log, OTHER), watched(log, ours)
    assert len(foreign.told) == 1
    assert foreign.told == alone.told
    (found, notes), (plain, _) = foreign.end(), alone.end()
    assert (found, [note for note in notes if NOT_OURS in note]) == (plain, notes[:1])
    assert (found, notes, foreign.lines) == of_log(log, Place(), OTHER)
    (found, notes) = own.end()
    assert (found, notes, own.lines) == of_log(log, Place(), ours)
    assert (notes, [one.evidence for one in found]) == ([], [TRACE[-1]])


def test_what_was_told_before_the_baseline_could_be_judged_stays_told() -> None:
    log = [*LOG, *(f"line {word}" for word in "abcdefghijklmnopqrstuvwxyz" * 60)]
    watch = watched(log, OTHER)
    (told,), (found, notes) = watch.told, watch.end()
    assert (told.evidence_line, len(notes), NOT_OURS in notes[0]) == (6, 1, True)
    assert [one.evidence_line for one in found] == [6]
    assert {line.line for line in told.lines} <= {line.line for line in found[0].lines}


def test_a_beginning_that_turns_out_to_fit_brings_the_baseline_back() -> None:
    late = [f"unpacking {word}" for word in "abcdefghijklmnopqrstuvwxyz" * 100]
    log = ["a new banner", *(f"banner {word}" for word in "abcdefghijkl"), *BEGINS[:40], *LOG[2:7], *late]
    baseline = Baseline.of([*BEGINS, *late])
    watch = watched(log, baseline)
    assert [one.evidence for one in watch.told] == [TRACE[-1]]
    assert (*watch.end(), watch.lines) == of_log(log, Place(), baseline)
    assert watch.end()[1] == []


def test_credentials_are_taken_out_and_every_line_keeps_its_number() -> None:
    key = [
        "-----BEGIN RSA PRIVATE KEY-----",
        *("MIIEowIBAAKCAQEA" * 4 for _ in range(3)),
        "-----END RSA PRIVATE KEY-----",
    ]
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    log = [*TRACE[:3], *(f"    {line}" for line in key), f"ValueError: bad token {secret}", *LOG[6:]]
    (found,), _, _ = of_log(log, Place())
    text = "\n".join(line.text for line in found.lines)
    assert (found.evidence_line, [line.line for line in found.lines]) == (9, list(range(1, len(found.lines) + 1)))
    assert "MIIEow" not in text
    assert secret not in text + found.evidence
    assert found.evidence.startswith("ValueError: bad token <secret:")


def test_a_long_excerpt_keeps_the_line_that_says_why_and_counts_the_rest() -> None:
    deep = [line for n in range(2_000) for line in (f'  File "a.py", line {n}, in f{n}', f"    call_{n}()")]
    (found,), _, _ = of_log([TRACE[0], *deep, TRACE[-1], *LOG[6:]], Place())
    assert (len(found.lines), found.evidence) == (LINES_MAX, TRACE[-1])
    assert found.last is not None
    assert found.first is not None
    assert found.lines_left_out == found.last - found.first + 1 - LINES_MAX


def test_steps_name_the_step_only_of_the_log_whose_they_are() -> None:
    steps = Steps()
    steps.begin(3, "Run tests")
    steps.count(b"x\n" * len(LOG))
    (found,), _, _ = of_log(LOG, Place(steps=steps))
    assert (found.step_number, found.step) == (3, "tests")
    (found,), _, _ = of_log([*LOG, "more"], Place(steps=steps))
    assert (found.step_number, found.step) == (None, "")


STEP = "[2/3] RUN apt-get update && apt-get install -y libfoo-dev"
SAID = (
    'process "/bin/sh -c apt-get update && apt-get install -y libfoo-dev" did not complete successfully: exit code: 100'
)
PRINTED = [
    *[f"{n}.412 Get:{n} bookworm InRelease [151 kB]" for n in range(9)],
    "9.6 E: Unable to locate package libfoo",
]
BUILD = [f"#5 {STEP}", *[f"#5 {line}" for line in PRINTED], f"#5 ERROR: {SAID}", "------"]
RECAP = [f" > {STEP}:", *PRINTED, "------", "Dockerfile:3", "--------------------", "   3 | >>> RUN apt-get update"]


def test_the_error_that_a_step_of_an_image_printed_is_marked_and_told_once() -> None:
    log = ["#1 DONE 0.0s", "", *BUILD, *RECAP, "--------------------", f"ERROR: failed to solve: {SAID}"]
    (one,) = of_log(log, Place())[0]
    assert (one.evidence, one.evidence_line) == (
        "E: Unable to locate package libfoo",
        3 + BUILD.index(f"#5 {PRINTED[-1]}"),
    )
    quiet = ["#5 [2/3] RUN sh ci.sh", "#5 0.1 hello", f"#5 ERROR: {SAID}"]
    assert of_log(quiet, Place())[0][0].evidence_line == 3
    (alone, *_) = of_log([*RECAP, "--------------------", f"ERROR: failed to solve: {SAID}"], Place())[0]
    assert alone.evidence_line == 11
    watch = watched(log)
    assert {told.evidence_line for told in watch.told} <= {every.evidence_line for every in watch.end()[0]}
