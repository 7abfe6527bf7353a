"""Small parts of the core: clean text, partitions, windows, batches, the ladder."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as kafka_murmur2
from hypothesis import given
from hypothesis import strategies as st
from suites.records import AT_MS, verdict, verdicts
from suites.table import each

from streams.contract.failure import Origin
from streams.contract.rollup import Span
from streams.contract.taxonomy import default_taxonomy
from streams.contract.verdict import Verdict, VerdictSource
from streams.core.batch import Batcher
from streams.core.clean import printable
from streams.core.ladder import status_verdict, strength, stronger
from streams.core.partition import murmur2, partition_of
from streams.core.window import OpenWindows, clamped, is_over, window_start_ms


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("plain", "plain"),
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        ("10%\r20%\rdone\r\n", "10%\n20%\ndone\n"),
        ("evil\u202etxt.exe\x00\x7f\u2066", "eviltxt.exe"),
        ("half \ud800 character", "half \ufffd character"),
        ("ünïcode 字 😀", "ünïcode 字 😀"),
    ],
)
def test_text_is_made_safe_and_nothing_else(text: str, want: str) -> None:
    assert printable(text) == want
    assert printable(f"before {text} after") == f"before {want} after"


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@given(st.binary(max_size=64))
def test_partitions_are_those_of_kafkas_clients(data: bytes) -> None:
    assert murmur2(data) == kafka_murmur2(data) & 0xFFFFFFFF


@given(st.text(), st.integers(1, 64))
def test_a_partition_is_within_the_topic(key: str, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions


@given(st.integers(0, AT_MS * 2), st.sampled_from([Span.MINUTE, Span.HOUR]))
def test_a_window_holds_its_moment(at_ms: int, span: Span) -> None:
    start = window_start_ms(at_ms, span)
    assert start <= at_ms < start + span.size_s * 1000
    assert start % (span.size_s * 1000) == 0


@pytest.mark.parametrize(
    ("at_ms", "want"), [(0, AT_MS - 7 * 86_400_000), (AT_MS, AT_MS), (32_472_144_000_000, AT_MS + 300_000)]
)
def test_nobodys_clock_opens_windows_far_away(at_ms: int, want: int) -> None:
    assert clamped(at_ms, AT_MS) == want


def test_windows_that_are_over_are_taken_once() -> None:
    windows = OpenWindows()
    windows.add(Span.MINUTE, 0, "old")
    windows.add(Span.HOUR, 0, "hour")
    past_ms = (60 + 3 * 3600) * 1000
    assert is_over(0, Span.MINUTE, past_ms)
    assert not is_over(0, Span.MINUTE, past_ms - 1)
    assert windows.take_over(past_ms) == ["old"]
    assert windows.take_over(past_ms) == []
    assert len(windows) == 1


@given(
    st.lists(st.tuples(st.sampled_from([Span.MINUTE, Span.HOUR]), st.integers(0, 50))),
    st.lists(st.integers(0, 400), max_size=6),
)
def test_every_window_is_taken_when_it_is_over(found: list[tuple[Span, int]], hours: list[int]) -> None:
    windows = OpenWindows()
    left = {(span, start * 3_600_000) for span, start in found}
    for hour in sorted(hours):
        for span, start in left:
            windows.add(span, start, f"{span}|{start}")
        over = {one for one in left if is_over(one[1], one[0], hour * 3_600_000)}
        assert sorted(windows.take_over(hour * 3_600_000)) == sorted(f"{span}|{start}" for span, start in over)
        left -= over
        assert len(windows) == len(left)


def test_a_batch_goes_when_it_is_full_by_number() -> None:
    batch: Batcher[int] = Batcher(items_max=2, age_max_s=9, size_max=100)
    assert batch.add(1, size=1, now_s=0) == []
    assert batch.add(2, size=1, now_s=0) == [1, 2]
    assert len(batch) == 0


def test_a_batch_goes_before_an_item_that_would_make_it_too_large() -> None:
    batch: Batcher[str] = Batcher(items_max=9, age_max_s=9, size_max=10)
    assert batch.add("a", size=6, now_s=0) == []
    assert batch.add("b", size=6, now_s=0) == ["a"]
    assert batch.take() == ["b"]


def test_a_batch_is_due_by_the_age_of_its_first_item() -> None:
    batch: Batcher[str] = Batcher(items_max=9, age_max_s=2, size_max=10)
    assert batch.due_in_s(0) is None
    batch.add("a", size=1, now_s=100)
    batch.add("b", size=1, now_s=101.5)
    assert batch.due_in_s(101.5) == 0.5
    assert batch.due_in_s(103) == 0


@given(st.lists(st.tuples(st.integers(), st.integers(0, 20)), max_size=60))
def test_a_batcher_loses_and_repeats_nothing_and_keeps_its_bounds(items: list[tuple[int, int]]) -> None:
    batch: Batcher[tuple[int, int]] = Batcher(items_max=5, age_max_s=1, size_max=30)
    out = [ready for item in items if (ready := batch.add(item, size=item[1], now_s=0))]
    out.append(batch.take())
    assert [item for ready in out for item in ready] == items
    assert all(len(ready) <= 5 and sum(size for _, size in ready) <= 30 for ready in out)


@given(verdicts, verdicts)
def test_the_stronger_verdict_does_not_depend_on_the_order(a: Verdict, b: Verdict) -> None:
    assert strength(stronger(a, b)) == strength(stronger(b, a))


@given(verdicts, verdicts, verdicts)
def test_the_stronger_verdict_does_not_depend_on_the_grouping(a: Verdict, b: Verdict, c: Verdict) -> None:
    assert strength(stronger(stronger(a, b), c)) == strength(stronger(a, stronger(b, c)))


@given(verdicts, verdicts)
def test_a_weaker_source_never_replaces_a_stronger_one_that_knows(a: Verdict, b: Verdict) -> None:
    if a.kind != "unknown" and a.source.rank > b.source.rank and b.source is not VerdictSource.HUMAN:
        assert stronger(a, b) is a
        assert strength(stronger(b, a)) == strength(a)


def test_an_unknown_of_the_llm_leaves_the_rules_kind() -> None:
    rule = verdict("f", "timeout", source=VerdictSource.RULE)
    assert stronger(rule, verdict("f", "unknown", source=VerdictSource.LLM)) is rule


def test_a_person_may_say_unknown() -> None:
    person = verdict("f", "unknown", source=VerdictSource.HUMAN)
    assert stronger(verdict("f", "timeout", source=VerdictSource.LLM), person) is person


def test_of_one_source_the_later_decision_stands() -> None:
    early, late = (verdict("f", kind, decided_at_ms=AT_MS + i) for i, kind in enumerate(["timeout", "runtime_error"]))
    assert stronger(late, early) is late


@each(
    ("origin", "http_status", "exit_code", "kind"),
    [
        (Origin.BENCHMARK, 429, None, "rate_limit"),
        (Origin.BENCHMARK, 401, None, "auth"),
        (Origin.BENCHMARK, 402, None, "billing"),
        (Origin.BENCHMARK, 404, None, "hard_model"),
        (Origin.BENCHMARK, 503, None, "transient_provider"),
        (Origin.BENCHMARK, 418, None, "unknown"),
        (Origin.BENCHMARK, None, None, "unknown"),
        (Origin.CI, None, 137, "resource_exhaustion"),
        (Origin.CI, None, 139, "runtime_error"),
        (Origin.CI, None, 124, "timeout"),
        (Origin.CI, None, 1, "unknown"),
        (Origin.CI, 429, None, "unknown"),
    ],
)
def test_status_and_signal_are_a_hint(
    origin: Origin, http_status: int | None, exit_code: int | None, kind: str
) -> None:
    said = status_verdict(
        origin=origin, http_status=http_status, exit_code=exit_code, at_ms=AT_MS, taxonomy=default_taxonomy()
    )
    assert (said.kind, said.source) == (kind, VerdictSource.STATUS)
    assert (said.confidence > 0) is (kind != "unknown")
