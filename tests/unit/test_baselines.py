"""What passing runs of a job print: kept within bounds, the same whoever reads it, and no reason for a failure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from suites.drawing import some_of
from suites.records import AT_MS

from streams.contract.baseline import (
    CHUNK_BYTES_MAX,
    CHUNK_LINES_MAX,
    RUN_LINES_MAX,
    RUNS_MAX,
    Job,
    PassedRun,
    chunked,
)
from streams.contract.errors import MalformedRecord
from streams.contract.failure import FIELD_CHARS_MAX, Ci
from streams.contract.wire import RECORD_BYTES_MAX, to_bytes
from streams.core.baselines import Baselines, together
from streams.core.extract.baseline import MASKING, Baseline
from streams.core.extract.extract import extract, findings
from streams.producers.joblog import read_log

JOB = Job("acme/shop", "ci", "build")
BUSY = Job("acme/shop", "ci", "lint")


def numbered(first: int, last: int) -> bytes:
    return b"".join(number.to_bytes(8, "big") for number in range(first, last))


def passed(number: int, *, job: Job = JOB, lines: int = 3, at_ms: int = 0) -> PassedRun:
    """Run `number` of a job, with lines of its own beside line 0."""
    hashes = numbered(0, 1) + numbered(number * 10**6, number * 10**6 + lines - 1)
    return PassedRun(job=job, run_id=str(number), passed_at_ms=at_ms or AT_MS + number, masking=MASKING, hashes=hashes)


def took(known: Baselines, run: PassedRun) -> dict[str, bytes | None]:
    """What `keep` of a door does: plan, write, tell."""
    written = {one.key: one.value for one in known.plan(run)}
    for key, value in written.items():
        known.on_record(key, value)
    return written


def runs_of(known: Baselines, job: Job = JOB) -> list[str]:
    return list(dict.fromkeys(one.run_id for one in known.of(job)))


def read(records: Iterable[tuple[str, bytes | None]]) -> Baselines:
    out = Baselines()
    for key, value in records:
        out.on_record(key, value)
    return out


def first_of(pair: tuple[int, int]) -> int:
    return pair[0]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=12, unique_by=first_of))
def test_the_newest_runs_are_known_whatever_the_order_whoever_took_them_and_after_compaction(
    said: list[tuple[int, int]],
) -> None:
    runs = [passed(number, lines=lines) for number, lines in said]
    ways = [Baselines(), Baselines()]
    log: list[tuple[str, bytes | None]] = []
    ordered = Baselines()
    for run in sorted(runs, key=lambda one: one.passed_at_ms):
        took(ordered, run)
    for known, run in zip((ways[number % 2] for number in count()), runs):  # noqa: B905 - as many as there are runs
        log += took(known, run).items()
    for known in ways:  # each reads what the other wrote
        for key, value in log:
            known.on_record(key, value)
    fresh, compacted = read(log), read(dict(log).items())
    want = ordered.of(JOB)
    assert want == ways[0].of(JOB) == ways[1].of(JOB) == fresh.of(JOB) == compacted.of(JOB)
    newest = sorted((int(one.run_id) for one in runs), reverse=True)
    assert [int(name) for name in runs_of(fresh)] == newest[:RUNS_MAX]
    assert fresh.size == compacted.size == sum(len(one.hashes) + 1024 for one in want)


def test_what_falls_away_gets_a_tombstone_and_so_does_what_a_process_that_died_left_behind() -> None:
    known = Baselines()
    for number in range(1, 4):
        took(known, passed(number))
    written = took(known, passed(4))
    assert [value is None for value in written.values()] == [False, True]
    assert runs_of(known) == ["4", "3", "2"]
    orphan = passed(1)
    known.on_record(orphan.key, to_bytes(orphan))  # its tombstone was never written
    assert runs_of(known) == ["4", "3", "2"]
    assert took(known, passed(5))[orphan.key] is None


def test_a_run_in_chunks_counts_once_all_are_there_and_a_shorter_one_of_the_same_run_takes_its_place() -> None:
    known = Baselines()
    took(known, passed(1))
    long = chunked(passed(2, lines=CHUNK_LINES_MAX + 5))
    assert [one.lines for one in long] == [CHUNK_LINES_MAX, 5]
    known.on_record(long[1].key, to_bytes(long[1]))
    assert runs_of(known) == ["1"]
    known.on_record(long[0].key, to_bytes(long[0]))
    assert runs_of(known) == ["2", "1"]
    assert len(together(known.of(JOB)).hashes) == 8 * (CHUNK_LINES_MAX + 5 + 2)
    written = took(known, passed(2, at_ms=AT_MS + 50))
    assert written[long[1].key] is None
    assert [one.lines for one in known.of(JOB)] == [3, 3]
    known.on_record(next(key for key, value in written.items() if value), None)
    assert runs_of(known) == ["1"]


def test_past_the_bound_the_job_that_passed_longest_ago_goes_whole() -> None:
    known = Baselines(bytes_max=410_000)
    other = [Job("acme/shop", "ci", f"job {number}") for number in range(3)]
    for number, job in enumerate(other):
        took(known, passed(number + 1, job=job, lines=10_000))
    took(known, passed(9, job=other[0], lines=10_000))
    assert len(known) == 3
    written = took(known, passed(10, job=BUSY, lines=20_000))
    assert [value is None for value in written.values()] == [False, True]
    assert (runs_of(known, other[1]), runs_of(known, other[0]), runs_of(known, BUSY)) == ([], ["9", "1"], ["10"])
    assert known.size <= 410_000


def test_no_record_is_longer_than_its_bound_whatever_its_names() -> None:
    name = "\x01" * FIELD_CHARS_MAX
    run = PassedRun(
        job=Job(name, name, name), run_id=name, leg=name, masking=MASKING, hashes=numbered(0, RUN_LINES_MAX)
    )
    sizes = [len(to_bytes(one)) + len(one.key) for one in chunked(run)]
    assert len(sizes) == 2
    assert max(sizes) <= CHUNK_BYTES_MAX < RECORD_BYTES_MAX


def test_records_of_other_masking_rules_count_for_nothing_and_only_the_older_ones_are_cleared_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.core.baselines.MASKING", MASKING + 1)
    known = Baselines()
    older, newer = passed(1), replace(passed(2), masking=MASKING + 2)
    for one in (older, newer):
        known.on_record(one.key, to_bytes(one))
    assert not known.of(JOB)
    written = took(known, replace(passed(3), masking=MASKING + 1))
    assert [key for key, value in written.items() if value is None] == [older.key]
    assert runs_of(known) == ["3"]


@pytest.mark.parametrize(
    "value",
    [b"", b"{", b"[]", to_bytes(passed(1)).replace(b'"hashes":"A', b'"hashes":"'), to_bytes(passed(2))],
    ids=["empty", "cut", "a list", "half a hash", "under another key"],
)
def test_what_is_no_record_is_refused_and_changes_nothing(value: bytes) -> None:
    known = Baselines()
    with pytest.raises(MalformedRecord):
        known.on_record(passed(1).key, value)
    assert (len(known), known.size) == (0, 0)


def test_hashes_come_back_from_their_bytes_and_the_same_lines_give_the_same_bytes() -> None:
    lines = [f"step {word} took 3 s" for word in ("one", "two", "three")]
    one, other = Baseline.of(lines), Baseline.of(reversed(lines))
    assert one.to_bytes() == other.to_bytes()
    assert Baseline.from_bytes(one.to_bytes()) == one


# Extraction: with a baseline, with its own, with another job's.

SETUP = [f"Collecting package {word}" for word in "abcdefghijklmnopqrstuvwxyz" * 2]
NOISE = ["warning: error: cache 17 not found", "npm ERR! code ELIFECYCLE", "##[error]soft step failed, ignored"]
CAUSE = "src/cart.c:3:5: error: 'total' undeclared"
TEST = ["FAILED tests/a.py::test_a - boom", "Traceback (most recent call last):", "ValueError: no"]
ENDS = ["make: *** [all] Error 2", "##[error]Process completed with exit code 1."]
words = st.sampled_from([*SETUP[:26], *NOISE, CAUSE, *TEST, *ENDS, ""])


@given(st.lists(words, max_size=40), st.lists(words, max_size=20))
def test_a_log_without_a_line_that_no_passing_run_printed_gives_nothing(log: list[str], more: list[str]) -> None:
    baseline = Baseline.of([*log, *more])
    assert extract(log, baseline=baseline) == ()
    assert findings(log, baseline=baseline).blocks == ()


@given(some_of([*SETUP[:26], *NOISE[:2]], most=30))
def test_a_new_line_raises_nothing_by_being_new(log: list[str]) -> None:
    """Beside what passing runs print, a line that no rule knows is no reason."""
    assert extract([*log, "tidied up the qux shelf"], baseline=Baseline.of(log)) == ()


def test_new_lines_near_the_end_and_near_structure_come_before_known_ones() -> None:
    tail = ["make: *** [Makefile:2: all] Error 1", "##[error]Process completed with exit code 2."]
    log = [*SETUP, *NOISE, "src/cart.c: In function 'sum':", CAUSE, *tail]
    (best, *_) = extract(log, baseline=Baseline.of([*SETUP, *NOISE]))
    assert log[best.evidence - 1] == CAUSE
    early = [*SETUP[:10], "a.c:1:1: error: early", *SETUP[10:] * 8, *log[len(SETUP) :]]
    (best, *_) = extract(early, baseline=Baseline.of([*SETUP, *NOISE]))
    assert early[best.evidence - 1] == CAUSE


def test_a_baseline_of_another_job_is_told_and_changes_nothing() -> None:
    log = [*SETUP, *NOISE[:2], CAUSE, "make: *** [Makefile:2: all] Error 1"]
    other = Baseline.of([f"Downloading artifact {word}" for word in "abcdefghijklm"])
    alone = list(read_log(log, Ci(), occurred_at_ms=AT_MS))
    helped = read_log(log, Ci(), occurred_at_ms=AT_MS, baseline=other)
    assert list(helped) == alone
    assert [note for note in helped.notes if "the baseline is not of this job as it is now" in note]
    in_pieces = read_log([f"{line}\n".encode() for line in log], Ci(), occurred_at_ms=AT_MS, baseline=other)
    assert (list(in_pieces), in_pieces.notes) == (alone, helped.notes)
    grown = read_log([*SETUP, CAUSE, *ENDS, *TEST * 100], Ci(), occurred_at_ms=AT_MS, baseline=Baseline.of(SETUP))
    assert CAUSE in "".join(one.traceback or one.message for one in grown)
    assert not grown.notes
