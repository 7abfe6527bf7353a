"""Folds and verdicts through the tables: counts, verdicts and versions do not depend on order, crashes or repeats."""

from __future__ import annotations

import dataclasses
import functools
import json
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from suites.records import AT_MS, benchmark_failure, ci_failure, edge, told, verdict, verdicts

from streams.contract import topics
from streams.contract.alias import Alias, AliasSource
from streams.contract.classified import Classified, GroupChanged, Unseen, VerdictChanged
from streams.contract.documents import failure_documents
from streams.contract.errors import CursorBroken
from streams.contract.failure import Benchmark, Ci, Failure, Origin, identified
from streams.contract.fold import BATCH_FOLDS_MAX, BriefSample, Cursor, Fold, FoldBatch
from streams.contract.rollup import WHERE_MAX, Rollup, Span
from streams.contract.verdict import Unanswered, Verdict, VerdictSource
from streams.contract.wire import from_bytes, to_bytes
from streams.core.counting import LIFETIMES_MAX
from streams.core.emissions import Emission
from streams.core.fold import fold_of, folds_of, merged_samples, newest_samples, sealed
from streams.core.groups import Groups
from streams.core.ladder import strength
from streams.core.pipeline import Pipeline
from streams.core.renewal import renewed

TOPIC = topics.CI.name


def batch(*folds: Fold, start: int, verdicts: Sequence[Verdict] = (), at_ms: int = AT_MS, **more: Any) -> FoldBatch:
    return FoldBatch(
        topic=TOPIC,
        partition=0,
        cursor=Cursor(start, start + 1),
        at_ms=at_ms,
        folds=folds,
        verdicts=tuple(verdicts),
        **more,
    )


def folds(found: Sequence[Failure], name: str = "t/0/0-0") -> list[Fold]:
    return folds_of((told(failure) for failure in found), fold_id=name)


def last_rollups(emissions: Sequence[Emission]) -> dict[str, Rollup]:
    """What a store ends with: the newest snapshot of each row, without what tells of the arrival."""
    return {e.record.key: _timeless(e.record) for e in emissions if isinstance(e.record, Rollup)}


def _timeless(rollup: Rollup) -> Rollup:
    if rollup.verdict is not None:
        rollup = replace(rollup, verdict=replace(rollup.verdict, supersedes="", decided_at_ms=0))
    return replace(rollup, row_version=0)


names = st.sampled_from(["", "a", "b", "|", "a|b", "é", "n" * 300])
texts = st.sampled_from(["", "it broke", "it broke 17", "it broke 18", "\x1f", "timeout after 3 s", "x" * 5_000])
places = st.builds(Ci, repo=names, workflow=names, run_id=names, job_name=names, test_name=names)
sent = st.builds(
    Failure, origin=st.just(Origin.CI), message=texts, occurred_at_ms=st.integers(AT_MS - 7_200_000, AT_MS), ci=places
) | st.builds(
    Failure,
    origin=st.just(Origin.BENCHMARK),
    message=texts,
    occurred_at_ms=st.integers(AT_MS - 7_200_000, AT_MS),
    http_status=st.sampled_from([None, 429, 500]),
    benchmark=st.builds(Benchmark, provider=names, model=names, stage=names, request_id=names),
)
distinct = st.lists(sent.map(identified), max_size=25, unique_by=lambda failure: failure.id)
"""Few words and many meetings: what names and texts may hold is asked where they are read."""


@given(distinct, st.randoms(use_true_random=False))
def test_a_fold_does_not_depend_on_the_order_of_its_failures(found: list[Failure], rnd: random.Random) -> None:
    shuffled = list(found)
    rnd.shuffle(shuffled)

    def key(fold: Fold) -> str:
        return fold.fingerprint.value

    assert sorted(folds(found), key=key) == sorted(folds(shuffled), key=key)


@given(distinct)
def test_folds_hold_every_failure_once(found: list[Failure]) -> None:
    members = [member.failure.id for fold in folds(found) for member in fold.members]
    assert sorted(members) == sorted(failure.id for failure in found)


@given(distinct, st.integers(0, 25), st.randoms(use_true_random=False))
def test_cutting_and_shuffling_the_input_leaves_the_same_rows(
    found: list[Failure], cut: int, rnd: random.Random
) -> None:
    whole = Pipeline({}, partition=0)
    truth = last_rollups(whole.on_batches([(0, batch(*folds(found), start=0))]))
    shuffled = list(found)
    rnd.shuffle(shuffled)
    parts = Pipeline({}, partition=0)
    out = parts.on_batches([(0, batch(*folds(shuffled[:cut]), start=0))])
    out += parts.on_batches([(1, batch(*folds(shuffled[cut:]), start=1))])
    assert last_rollups(out) == truth


@given(distinct)
def test_rollups_count_what_was_folded(found: list[Failure]) -> None:
    rows = last_rollups(Pipeline({}, partition=0).on_batches([(0, batch(*folds(found), start=0))]))
    truth = Counter(told(failure).fingerprint.value for failure in found)
    for span in Span:
        counted: Counter[str] = Counter()
        for row in rows.values():
            if row.span is span and (span is not Span.LIFETIME or row.where is None):
                counted[row.fingerprint] += row.count
        assert counted == truth


@given(distinct)
def test_a_batch_that_was_applied_changes_nothing(found: list[Failure]) -> None:
    table: dict[str, bytes] = {}
    pipeline = Pipeline(table, partition=0)
    pipeline.on_batches([(0, batch(*folds(found), start=0))])
    before = dict(table)
    assert pipeline.on_batches([(0, batch(*folds(found), start=0))]) == []
    assert table == before


@given(distinct, st.integers(0, 25))
def test_two_records_in_one_call_leave_the_rows_of_two_calls(found: list[Failure], cut: int) -> None:
    first, second = batch(*folds(found[:cut]), start=0), batch(*folds(found[cut:]), start=1)
    one, two = Pipeline({}, partition=0), Pipeline({}, partition=0)
    together = one.on_batches([(0, first), (1, second)])
    assert last_rollups(together) == last_rollups(two.on_batches([(0, first)]) + two.on_batches([(1, second)]))
    assert one.position == two.position


@given(distinct, st.integers(0, 25))
def test_a_restart_between_batches_changes_nothing(found: list[Failure], cut: int) -> None:
    first, second = batch(*folds(found[:cut]), start=0), batch(*folds(found[cut:]), start=1)
    straight: dict[str, bytes] = {}
    one = Pipeline(straight, partition=0)
    emitted = [one.on_batches([(0, first)]), one.on_batches([(1, second)])]
    table: dict[str, bytes] = {}
    again = [
        Pipeline(table, partition=0).on_batches([(0, first)]),
        Pipeline(table, partition=0).on_batches([(1, second)]),
    ]
    assert again == emitted
    assert table == straight


@given(distinct, st.integers(0, 25))
def test_sealed_folds_leave_what_open_ones_leave(found: list[Failure], cut: int) -> None:
    pieces = [batch(*folds(found[:cut]), start=0), batch(*folds(found[cut:]), start=1)]
    tables: list[dict[str, bytes]] = [{}, {}]
    emitted = []
    for is_sealed, table in enumerate(tables):
        pipeline = Pipeline(table, partition=0)
        for offset, piece in enumerate(pieces):
            if is_sealed:
                closed = tuple(sealed(fold, at_ms=piece.at_ms) for fold in piece.folds)
                assert tuple(fold.opened() for fold in closed) == piece.folds
                piece = from_bytes(FoldBatch, to_bytes(replace(piece, folds=(), sealed=closed)))
            emitted.append(pipeline.on_batches([(offset, piece)]))
    assert emitted[:2] == emitted[2:]
    assert tables[0] == tables[1]


@given(distinct)
def test_what_is_sent_has_the_bytes_of_the_record_that_is_read(found: list[Failure]) -> None:
    for emission in Pipeline({}, partition=0).on_batches([(0, batch(*folds(found), start=0))]):
        assert emission.value == to_bytes(emission.record)
        assert emission.topic is not topics.ROLLUPS or emission.key == emission.record.key  # type: ignore[union-attr]  # a Rollup


@given(distinct, st.integers(0, 25))
def test_what_a_pipeline_has_in_hand_changes_nothing(found: list[Failure], cut: int) -> None:
    first, second = batch(*folds(found[:cut]), start=0), batch(*folds(found[cut:]), start=1)
    results = []
    for held_max in (1, 1_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("streams.core.pipeline.HELD_MAX", held_max)
            patch.setattr("streams.core.marks.HELD_MAX", held_max)
            table: dict[str, bytes] = {}
            pipeline = Pipeline(table, partition=0)
            results.append((pipeline.on_batches([(0, first)]), pipeline.on_batches([(1, second)]), table))
    assert results[0] == results[1]


@pytest.mark.parametrize("cursor", [Cursor(0, 1), Cursor(2, 3), Cursor(1, 2, 1, 2)])
def test_a_skipped_or_repeated_record_ends_the_work(cursor: Cursor) -> None:
    pipeline = Pipeline({}, partition=0)
    pipeline.on_batches([(0, batch(start=0))])
    wrong = FoldBatch(topic=TOPIC, partition=0, cursor=cursor, at_ms=AT_MS)
    with pytest.raises(CursorBroken, match="expected offset 1 chunk 0"):
        pipeline.on_batches([(1, wrong)])


def test_chunks_of_one_transaction_follow_each_other() -> None:
    pipeline = Pipeline({}, partition=0)
    for offset, cursor in enumerate([Cursor(0, 9, 0, 2), Cursor(0, 9, 1, 2), Cursor(9, 12), Cursor(12, 12)]):
        pipeline.on_batches([(offset, FoldBatch(topic=TOPIC, partition=0, cursor=cursor, at_ms=AT_MS))])
    assert pipeline.position.cursors == {f"{TOPIC}/0": Cursor(9, 12)}


def one_group(pipeline: Pipeline) -> str:
    found = folds([ci_failure("it broke")])
    pipeline.on_batches([(0, batch(*found, start=0))])
    return found[0].fingerprint.value


def only(emissions: Sequence[Emission], kind: type) -> list[Any]:
    return [e.record for e in emissions if isinstance(e.record, kind)]


def test_a_stronger_verdict_changes_documents_and_rollups() -> None:
    pipeline = Pipeline({}, partition=0)
    key = one_group(pipeline)
    out = pipeline.on_batches([(1, batch(start=1, verdicts=[verdict(key, "timeout")]))])
    (changed,) = only(out, VerdictChanged)
    assert (changed.verdict.kind, changed.verdict.supersedes) == ("timeout", "status")
    assert {row.verdict.kind for row in only(out, Rollup)} == {"timeout"}
    assert len(only(out, Rollup)) == 2  # the row of all, then that of its one dimension


def test_a_verdict_sticks_when_the_failure_comes_again() -> None:
    pipeline = Pipeline({}, partition=0)
    key = one_group(pipeline)
    pipeline.on_batches([(1, batch(start=1, verdicts=[verdict(key, "timeout")]))])
    again = folds([ci_failure("it broke", job="other")])
    out = pipeline.on_batches([(2, batch(*again, start=2))])
    (classified,) = only(out, Classified)
    assert (classified.verdict.kind, classified.verdict.source) == ("timeout", VerdictSource.LLM)
    assert classified.known_before
    assert classified.count_before == 1
    assert only(out, VerdictChanged) == []


def test_a_weaker_verdict_that_comes_late_is_passed_over() -> None:
    pipeline = Pipeline({}, partition=0)
    key = one_group(pipeline)
    pipeline.on_batches([(1, batch(start=1, verdicts=[verdict(key, "timeout", source=VerdictSource.HUMAN)]))])
    late = verdict(key, "runtime_error", decided_at_ms=AT_MS + 9_999)
    assert only(pipeline.on_batches([(2, batch(start=2, verdicts=[late]))]), VerdictChanged) == []


def test_a_verdict_that_comes_before_its_fingerprint_waits_for_it() -> None:
    found = folds([ci_failure("it broke")])
    key = found[0].fingerprint.value
    pipeline = Pipeline({}, partition=0)
    word = verdict(key, "flaky_test", source=VerdictSource.HUMAN)
    assert pipeline.on_batches([(0, batch(start=0, verdicts=[word]))]) == []
    assert pipeline.position.pending == 1
    out = pipeline.on_batches([(1, batch(*found, start=1))])
    assert [classified.verdict.kind for classified in only(out, Classified)] == ["flaky_test"]
    assert pipeline.position.pending == 0


def test_verdicts_that_wait_are_bounded_and_the_rest_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.core.pipeline.PENDING_VERDICTS_MAX", 2)
    pipeline = Pipeline({}, partition=0)
    pipeline.on_batches([(0, batch(start=0, verdicts=[verdict(f"fp1.{i}", "timeout") for i in range(5)]))])
    assert (pipeline.position.pending, pipeline.position.dropped_verdicts) == (2, 3)


@given(st.permutations(range(6)), st.lists(verdicts, min_size=3, max_size=3))
def test_the_verdict_does_not_depend_on_what_came_first(order: list[int], said: list[Verdict]) -> None:
    failures = [ci_failure("it broke", ordinal=i, at_ms=AT_MS + i, exit_code=code) for i, code in enumerate((1, 2, 1))]
    key = folds(failures[:1])[0].fingerprint.value
    records: list[FoldBatch] = [batch(*folds([failure]), start=0) for failure in failures]
    records += [batch(start=0, verdicts=[replace(one, fingerprint=key)]) for one in said if not one.source.is_own_text]
    results = set()
    for wanted in (range(len(records)), [i for i in order if i < len(records)]):
        pipeline = Pipeline({}, partition=0)
        out: list[Emission] = []
        for offset, i in enumerate(wanted):
            record = replace(records[i], cursor=Cursor(offset, offset + 1))
            out += pipeline.on_batches([(offset, record)])
        last = [r for r in only(out, Rollup) if r.span is Span.LIFETIME and r.where is None and r.fingerprint == key][
            -1
        ]
        results.add(strength(last.verdict))
    assert len(results) == 1


def test_what_was_not_seen_for_long_is_forgotten_but_a_persons_word_waits() -> None:
    table: dict[str, bytes] = {}
    pipeline = Pipeline(table, partition=0)
    found = folds([ci_failure("old"), ci_failure("older")])
    word = verdict(found[0].fingerprint.value, "flaky_test", source=VerdictSource.HUMAN)
    pipeline.on_batches([(0, batch(*found, start=0, verdicts=[word]))])
    pipeline.forget(fold.fingerprint.value for fold in found)
    assert {key.split("|")[0] for key in table} == {"m", "v", "w"}
    out = pipeline.on_batches([(1, batch(*folds([ci_failure("old", ordinal=1)]), start=1))])
    assert [classified.verdict.kind for classified in only(out, Classified)] == ["flaky_test"]


def test_a_verdict_of_the_text_that_was_taken_in_before_it_was_forgotten_is_taken_in_again() -> None:
    weak, strong = (ci_failure("x", job=job) for job in ("a", "b"))
    status = fold_of([told(weak)], fold_id="t/0/0-0")
    said = replace(status.verdict, source=VerdictSource.RULE, kind="timeout", rule_id="r", confidence=0.9)
    rule = replace(fold_of([told(strong)], fold_id="t/0/1-1"), verdict=said)
    pipeline = Pipeline({}, partition=0)
    pipeline.on_batches([(0, batch(status, start=0)), (1, batch(rule, start=1))])
    pipeline.forget([rule.fingerprint.value])
    out = pipeline.on_batches([(2, batch(status, start=2)), (3, batch(rule, start=3))])
    assert {classified.verdict.kind for classified in only(out, Classified)} == {"timeout"}


DAY_MS = 86_400_000
KEEP_MS = 30 * DAY_MS


def seen(table: dict[str, bytes]) -> int:
    """How many fingerprints have rows."""
    return len({key.rsplit("|", 1)[-1] for key in table if key.startswith("f|")})


def test_what_is_not_seen_for_the_time_that_is_set_goes_once_a_day_and_the_rest_stays() -> None:
    table: dict[str, bytes] = {}
    pipeline = Pipeline(table, partition=0, forget_after_ms=KEEP_MS)
    pipeline.on_batches([(0, batch(*folds([ci_failure("old"), ci_failure("older")]), start=0))])
    late_ms = AT_MS + 20 * DAY_MS
    again = folds([ci_failure("old", ordinal=1, at_ms=late_ms, received_at_ms=late_ms)])
    pipeline.on_batches([(1, batch(*again, start=1, at_ms=late_ms))])
    before = seen(table)
    for number, (day, left) in enumerate([(29, 2), (30, 2), (32, 1), (49, 1), (52, 0)], start=2):
        for offset in (2 * number, 2 * number + 1):  # what a tick makes old goes with the record behind it
            tick = FoldBatch(topic=TOPIC, partition=0, cursor=Cursor(2, 2), at_ms=AT_MS + day * DAY_MS)
            pipeline.on_batches([(offset, tick)])
        assert seen(table) == left, f"day {day} of {before}"
    assert {key.split("|")[0] for key in table} == {"m"}


def test_many_that_are_old_go_in_steps_and_a_restart_between_them_forgets_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.core.forgetting.AT_ONCE", 3)
    table: dict[str, bytes] = {}
    words = "ash bay elm fir ivy oak yew asp".split()
    pipeline = Pipeline(table, partition=0, forget_after_ms=KEEP_MS)
    pipeline.on_batches([(0, batch(*folds([ci_failure(f"{word} is missing") for word in words]), start=0))])
    left = []
    for offset in range(1, 6):
        if offset == 4:
            pipeline = Pipeline(table, partition=0, forget_after_ms=KEEP_MS)
        tick = FoldBatch(topic=TOPIC, partition=0, cursor=Cursor(1, 1), at_ms=AT_MS + 40 * DAY_MS)
        pipeline.on_batches([(offset, tick)])
        left.append(seen(table))
    assert left == [8, 5, 2, 0, 0]


def test_a_fingerprint_is_asked_about_once() -> None:
    pipeline = Pipeline({}, partition=0)
    first = pipeline.on_batches([(0, batch(*folds([ci_failure("x")]), start=0))])
    second = pipeline.on_batches([(1, batch(*folds([ci_failure("x", job="b")]), start=1))])
    assert [unseen.asking_because for unseen in only(first, Unseen)] == ["new"]
    assert only(second, Unseen) == []


MINUTE_MS = 60_000


class Asking:
    """A pipeline with one fingerprint, and what is asked about it as time goes on."""

    def __init__(self) -> None:
        self.table: dict[str, bytes] = {}
        self.pipeline = Pipeline(self.table, partition=0)
        self.offset = 0
        self.fold = folds([ci_failure("x")])[0]
        self.fingerprint = self.fold.fingerprint.value

    def at(self, minute: int, *found: Fold, **more: Any) -> list[tuple[str, int]]:
        """One record at a minute; the questions that come of it."""
        one = batch(*found, start=self.offset, at_ms=AT_MS + minute * MINUTE_MS, **more)
        out = self.pipeline.on_batches([(self.offset, one)])
        self.offset += 1
        return [(unseen.asking_because, unseen.attempt) for unseen in only(out, Unseen)]

    def unanswered(self, until_minute: int) -> dict[str, Any]:
        until_ms = AT_MS + until_minute * MINUTE_MS
        return {"unanswered": (Unanswered(fingerprint=self.fingerprint, origin=Origin.CI, retry_at_ms=until_ms),)}

    def verdict(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"verdicts": [verdict(self.fingerprint, kind, **more)]}


def test_what_the_llm_gave_no_verdict_for_is_asked_again_when_its_time_has_come() -> None:
    asking = Asking()
    assert asking.at(0, asking.fold) == [("new", 1)]
    assert asking.at(1, **asking.unanswered(5)) == []
    assert asking.at(4) == []
    assert asking.at(5) == [("retry", 2)]
    assert asking.at(6) == []
    asking.pipeline = Pipeline(asking.table, partition=0)  # a restart knows what it waits for
    assert asking.at(7, **asking.unanswered(9)) == []
    asking.pipeline = Pipeline(asking.table, partition=0)
    assert asking.at(9) == [("retry", 3)]
    assert asking.at(10, **asking.verdict("timeout")) == []
    assert asking.at(60 * 24 * 30) == []
    assert not [key for key in asking.table if key.startswith("a|")]


def test_a_question_that_nobody_answers_in_any_way_comes_again_when_its_topic_has_lost_it() -> None:
    asking = Asking()
    asking.at(0, asking.fold)
    assert asking.at(7 * 24 * 60 - 1) == []
    assert asking.at(7 * 24 * 60) == [("retry", 2)]


def test_questions_that_are_due_at_once_come_again_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.core.questions.ASKED_AGAIN_MAX", 3)
    asking = Asking()
    found = folds([ci_failure(f"{word} is missing") for word in "ash bay elm fir ivy oak yew asp".split()])
    assert len(asking.at(0, *found)) == 8
    told = tuple(
        Unanswered(fingerprint=fold.fingerprint.value, origin=Origin.CI, retry_at_ms=AT_MS + 5 * MINUTE_MS)
        for fold in found
    )
    assert asking.at(1, unanswered=told) == []
    assert [len(asking.at(5)) for _ in range(4)] == [3, 3, 2, 0]


def test_an_answer_that_nothing_is_known_is_remembered_and_asked_again_only_for_a_new_failure() -> None:
    asking = Asking()
    asking.at(0, asking.fold)
    again = {"recheck_after_ms": AT_MS + 60 * MINUTE_MS}
    assert asking.at(1, **asking.verdict("unknown", **again)) == []
    assert asking.at(59, asking.fold) == []
    assert asking.at(61) == []
    assert asking.at(62, asking.fold) == [("recheck", 2)]
    assert asking.at(63, asking.fold) == []
    assert asking.at(64, **asking.verdict("unknown", decided_at_ms=AT_MS + 64 * MINUTE_MS)) == []
    assert asking.at(65, asking.fold) == []
    assert asking.at(65 + 30 * 24 * 60, asking.fold) == [("recheck", 3)]


def test_what_a_person_decided_is_not_asked_about_again() -> None:
    asking = Asking()
    asking.at(0, asking.fold)
    asking.at(1, **asking.verdict("timeout", source=VerdictSource.HUMAN))
    assert asking.at(2, **asking.unanswered(3)) == []
    assert asking.at(4, **asking.verdict("unknown", recheck_after_ms=AT_MS + 5 * MINUTE_MS)) == []
    assert asking.at(60 * 24 * 10, asking.fold) == []


def test_questions_do_not_depend_on_how_the_input_is_cut() -> None:
    apart, together = Asking(), Asking()
    steps: list[tuple[int, tuple[Fold, ...], dict[str, Any]]] = [
        (0, (apart.fold,), {}),
        (1, (), apart.unanswered(2)),
        (3, (), {}),
        (4, (), apart.verdict("unknown", recheck_after_ms=AT_MS + 5 * MINUTE_MS)),
        (6, (apart.fold,), {}),
    ]
    for minute, found, more in steps:
        apart.at(minute, *found, **more)
    together.pipeline.on_batches(
        (number, batch(*found, start=number, at_ms=AT_MS + minute * MINUTE_MS, **more))
        for number, (minute, found, more) in enumerate(steps)
    )
    rows = [{k: v for k, v in one.table.items() if k.startswith("a|")} for one in (apart, together)]
    assert rows[0] == rows[1] != {}


def test_windows_that_are_over_leave_the_table_and_late_failures_count_in_the_lifetime() -> None:
    table: dict[str, bytes] = {}
    pipeline = Pipeline(table, partition=0)
    old = ci_failure("late", at_ms=AT_MS, received_at_ms=AT_MS)
    pipeline.on_batches([(0, batch(*folds([old]), start=0))])
    assert sum(key.startswith("w|") for key in table) == 2
    nine_days_on = AT_MS + 9 * 86_400_000
    tick = FoldBatch(topic=TOPIC, partition=0, cursor=Cursor(1, 1), at_ms=nine_days_on)
    pipeline.on_batches([(1, tick)])
    assert sum(key.startswith("w|") for key in table) == 0
    out = pipeline.on_batches([(2, batch(*folds([ci_failure("late", job="b")]), start=1))])
    assert pipeline.position.late == 1
    assert [row.span for row in only(out, Rollup)] == [Span.LIFETIME] * 2
    assert [row.count for row in only(out, Rollup) if row.where is None] == [2]


def test_a_row_names_a_bounded_number_of_dimensions() -> None:
    found = [benchmark_failure("same", model=f"m{i}") for i in range(LIFETIMES_MAX + 20)]
    table: dict[str, bytes] = {}
    rows = last_rollups(Pipeline(table, partition=0).on_batches([(0, batch(*folds(found), start=0))]))
    whole = [row for row in rows.values() if row.span is Span.LIFETIME and row.where is None]
    assert sum(row.count for row in whole) == len(found)
    assert max(len(row.counts) for row in rows.values()) == WHERE_MAX + 1
    per_fingerprint = Counter(row.fingerprint for row in rows.values() if row.where is not None)
    assert max(per_fingerprint.values()) <= LIFETIMES_MAX + 1
    assert sum(row.count for row in rows.values() if row.where is not None) == len(found)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_a_text_that_came_often_is_one_sample_of_its_newest_time(times: list[int]) -> None:
    found = [ci_failure("same problem", at_ms=AT_MS + at, ordinal=i) for i, at in enumerate(times)]
    fold = fold_of([told(failure) for failure in found], fold_id="x")
    assert [sample.at_ms for sample in fold.samples] == [AT_MS + max(times)]


brief_samples = st.lists(st.builds(BriefSample, st.sampled_from("abcde"), st.integers(0, 4), st.sampled_from("xyz")))


@given(brief_samples, brief_samples)
def test_samples_may_be_merged_in_any_parts(a: list[BriefSample], b: list[BriefSample]) -> None:
    whole = newest_samples(a + b)
    assert [(s.text, s.at_ms) for s in merged_samples(newest_samples(a), newest_samples(b))] == [
        (s.text, s.at_ms) for s in whole
    ]


def test_the_samples_of_a_dimension_weigh_no_more_than_one_of_the_fingerprint() -> None:
    found = [
        ci_failure(f"{letter * 500} {letter} broke", ordinal=i, at_ms=AT_MS + i) for i, letter in enumerate("abcd")
    ]
    mark = told(found[0]).fingerprint
    fold = fold_of([dataclasses.replace(told(one), fingerprint=mark) for one in found], fold_id="t/0/0-0")
    rows = last_rollups(Pipeline({}, partition=0).on_batches([(0, batch(fold, start=0))]))
    whole, place = sorted((row for row in rows.values() if row.span is Span.LIFETIME), key=lambda row: len(row.key))
    assert [len(sample.text) for sample in whole.samples] == [508, 508, 508] == [len(s.text) for s in fold.samples]
    assert [sample.text for sample in place.samples] == [letter * 200 for letter in "dcb"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_site_shown_is_that_of_the_earliest_failure_whatever_came_first(order: tuple[int, ...]) -> None:
    sites = ("fp1.b", "fp1.c", "fp1.a")  # the first two failed at once, the third later
    one = told(ci_failure("it broke"))
    found = [
        dataclasses.replace(
            one,
            failure=ci_failure("it broke", ordinal=i, at_ms=AT_MS + i // 2),
            fingerprint=replace(one.fingerprint, site_value=site),
        )
        for i, site in enumerate(sites)
    ]
    pipeline = Pipeline({}, partition=0)
    out: list[Emission] = []
    for start, i in enumerate(order):
        out = pipeline.on_batches([(start, batch(fold_of([found[i]], fold_id="x"), start=start))])
    (whole,) = [row for row in only(out, Rollup) if row.parts is not None]
    assert whole.parts.site_value == "fp1.b"
    assert fold_of([found[i] for i in order], fold_id="x").fingerprint.site_value == "fp1.b"


def test_rows_of_the_first_format_are_read_and_go_on() -> None:
    text = (Path(__file__).parent / "older_rows.json").read_text()
    table = {key: bytes.fromhex(row) for key, row in json.loads(text).items()}
    found = [ci_failure("it broke", exit_code=137), ci_failure("it broke", job="other", at_ms=AT_MS - 60_000)]
    found.append(ci_failure("cannot open a.c"))
    found += [benchmark_failure("slow", request=str(i), at_ms=AT_MS + i, http_status=429) for i in range(2)]
    key = folds(found[:1])[0].fingerprint.value
    said = [verdict(key, "timeout"), verdict("fp1.waiting", "flaky_test")]
    new = Pipeline({}, partition=0)
    new.on_batches([(0, batch(*folds(found), start=0, verdicts=said))])
    old = Pipeline(table, partition=0)
    assert old.position == new.position
    more = [ci_failure("it broke", ordinal=1), benchmark_failure("slow", request="9", at_ms=AT_MS + 9, http_status=429)]
    for start in (1, 2):  # the second time all rows that were touched are of the new format
        word = [verdict(key, "runtime_error", decided_at_ms=AT_MS + start)]
        came = batch(*folds([replace(one, ordinal=start) for one in more]), start=start, verdicts=word)
        assert last_rollups(old.on_batches([(start, came)])) == last_rollups(new.on_batches([(start, came)]))


def test_a_large_fold_comes_in_pieces_that_hold_all() -> None:
    found = [ci_failure(f"{'x' * 20_000} {i}", ordinal=i) for i in range(40)]
    pieces = folds_of((told(failure) for failure in found), fold_id="t/0/0-0")
    assert sum(piece.count for piece in pieces) == 40
    assert all(sum(map(len, piece.texts)) <= 256 * 1024 for piece in pieces)
    assert len({piece.fold_id for piece in pieces}) == len(pieces) <= BATCH_FOLDS_MAX


@given(distinct)
def test_documents_of_status_verdicts_depend_on_the_failures_alone(found: list[Failure]) -> None:
    def documents(pieces: list[list[Failure]]) -> dict[str, dict[str, Any]]:
        pipeline, out = Pipeline({}, partition=0), {}
        for start, piece in enumerate(pieces):
            for e in pipeline.on_batches([(start, batch(*folds(piece), start=start))]):
                if isinstance(e.record, Classified):
                    out.update(dict(failure_documents(e.record)))
        arrival = {"b_is_duplicate", "l_occurrence_count", "l_verdict_version", "verdict_version"}
        return {name: {k: v for k, v in doc.items() if k not in arrival} for name, doc in out.items()}

    assert documents([found]) == documents([[failure] for failure in reversed(found)])


TEXTS = ("it broke", "the disk is full", "no route to the host", "out of memory", "cannot open the lock file")
BY_TEXT = {text: told(ci_failure(text)).fingerprint.value for text in TEXTS}
FOUND = st.lists(st.builds(lambda text, job: ci_failure(text, job=job), st.sampled_from(TEXTS), st.sampled_from("abc")))
EDGES = st.lists(
    st.builds(
        lambda pair, source, at_ms, stands: edge(
            BY_TEXT[pair[0]], BY_TEXT[pair[1]], source, at_ms=at_ms, stands=stands
        ),
        st.lists(st.sampled_from(TEXTS), min_size=2, max_size=2, unique=True),
        st.sampled_from(AliasSource),
        st.integers(AT_MS, AT_MS + 3),
        st.booleans(),
    ),
    max_size=8,
)


def grouped_documents(emissions: Sequence[Emission]) -> dict[str, str]:
    """The group of each fingerprint as a store ends with it; empty for one that is alone."""
    groups: dict[str, str] = {}
    for record in (e.record for e in emissions):
        if isinstance(record, Classified):
            groups[record.fold.fingerprint.value] = record.group
        elif isinstance(record, GroupChanged):
            assert record.fingerprint in groups
            groups[record.fingerprint] = record.group
    return groups


@given(FOUND, EDGES, st.integers(0, 8), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order_of_failures_and_edges(
    found: list[Failure], aliases: list[Alias], cut: int, rnd: random.Random
) -> None:
    whole = Pipeline({}, partition=0)
    together = whole.on_batches([(0, batch(*folds(found), start=0, aliases=tuple(aliases)))])
    shuffled = list(aliases)
    rnd.shuffle(shuffled)
    parts, table, when = [], dict[str, bytes](), rnd.randrange(2)
    for start, piece in enumerate((shuffled[:cut], shuffled[cut:])):
        more = folds(found) if start == when else []
        pipeline = Pipeline(table, partition=0)  # begun anew from its table
        parts += pipeline.on_batches([(start, batch(*more, start=start, aliases=tuple(piece)))])
    assert grouped_documents(parts) == grouped_documents(together)
    rows = {r.fingerprint: r.group for r in only(parts, Rollup) if r.span is Span.LIFETIME and r.where is None}
    assert rows == grouped_documents(parts)


@given(FOUND, EDGES)
def test_partitions_that_hold_a_part_of_the_fingerprints_name_groups_alike(
    found: list[Failure], aliases: list[Alias]
) -> None:
    """Every partition gets all edges, and none of the others' fingerprints."""
    whole = Pipeline({}, partition=0)
    truth = grouped_documents(whole.on_batches([(0, batch(*folds(found), start=0, aliases=tuple(aliases)))]))
    parts: dict[str, str] = {}
    for key in truth:
        mine = [fold for fold in folds(found) if fold.fingerprint.value == key]
        out = Pipeline({}, partition=0).on_batches(
            [(0, batch(*mine, start=0)), (1, batch(start=1, aliases=tuple(aliases)))]
        )
        parts |= grouped_documents(out)
    assert parts == truth


def test_an_alias_says_so_once_and_a_person_takes_it_back() -> None:
    pipeline = Pipeline({}, partition=0)
    first, second = sorted(list(BY_TEXT.values())[:2])
    pipeline.on_batches([(0, batch(*folds([ci_failure(text) for text in TEXTS[:2]]), start=0))])
    out = pipeline.on_batches([(1, batch(start=1, aliases=(edge(first, second),)))])
    assert {(c.fingerprint, c.group, c.group_version, c.changed_at_ms) for c in only(out, GroupChanged)} == {
        (first, first, 1, AT_MS),
        (second, first, 1, AT_MS),
    }
    again = edge(first, second, at_ms=AT_MS - 1)
    assert pipeline.on_batches([(2, batch(start=2, aliases=(again,)))]) == []
    undone = edge(first, second, AliasSource.HUMAN, stands=False)
    out = pipeline.on_batches([(3, batch(start=3, aliases=(undone,)))])
    assert {(c.fingerprint, c.group) for c in only(out, GroupChanged)} == {(first, ""), (second, "")}
    (classified,) = only(pipeline.on_batches([(4, batch(*folds([ci_failure(TEXTS[0])]), start=4))]), Classified)
    assert (classified.group, classified.group_version) == ("", 3)


def test_aliases_past_the_bound_are_counted_in_the_row_of_the_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.core.pipeline.Groups", functools.partial(Groups, edges_max=1))
    pipeline = Pipeline({}, partition=0)
    one, two, three = list(BY_TEXT.values())[:3]
    pipeline.on_batches([(0, batch(start=0, aliases=(edge(one, two), edge(one, three))))])
    assert pipeline.position.dropped_aliases == 1


def test_tables_that_are_begun_anew_keep_aliases() -> None:
    table: dict[str, bytes] = {}
    first, second = sorted(list(BY_TEXT.values())[:2])
    Pipeline(table, partition=0).on_batches([(0, batch(start=0, aliases=(edge(first, second),)))])
    anew = Pipeline(renewed(table, 0, epoch=1, offset=0), partition=0)
    out = anew.on_batches([(1, batch(*folds([ci_failure(text) for text in TEXTS[:2]]), start=1))])
    assert {classified.group for classified in only(out, Classified)} == {first}
