"""A job's log becomes records: one a block, with its place, step and exit code."""

from __future__ import annotations

import pytest

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
