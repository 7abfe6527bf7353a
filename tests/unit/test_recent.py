"""The filter of recent ids, and the count of what cannot be read."""

from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.records import benchmark_failure, ci_failure

from streams.contract.wire import envelope_of, to_bytes
from streams.core.flood import WINDOW, Flood, FloodBounds
from streams.core.intake import ids_in
from streams.core.recent import RecentIds


@given(st.lists(st.integers(0, 12).map(str), max_size=80), st.integers(1, 9))
def test_the_filter_knows_exactly_the_last_different_ids(ids: list[str], size: int) -> None:
    """The same answers as a queue of that length; an id that is asked about again does not become younger."""
    recent = RecentIds(size)
    expected: deque[str] = deque(maxlen=size)
    for one in ids:
        is_new = one not in expected
        if is_new:
            expected.append(one)
        assert recent.is_new(one) is is_new
    assert len(recent) == len(expected)


def test_the_horizon_holds_with_many_ids() -> None:
    rng = random.Random(1)
    ids = [f"{rng.getrandbits(128):032x}" for _ in range(15_000)]
    recent = RecentIds(10_000)
    assert all(recent.is_new(one) for one in ids)
    assert not any(recent.is_new(one) for one in ids[5_000:])
    assert recent.is_new(ids[4_999])


def test_a_filter_of_no_size_takes_every_id_for_new() -> None:
    recent = RecentIds(0)
    assert recent.is_new("a")
    assert recent.is_new("a")


def test_ids_are_read_as_the_fold_stage_reads_them() -> None:
    """A failure without an id has the one it will be given; what is rejected has none."""
    named, other = ci_failure("a"), benchmark_failure("b")
    nameless = to_bytes(other).replace(b'"id":"%s",' % other.id.encode(), b"")
    assert other.id.encode() not in nameless
    assert ids_in(envelope_of([to_bytes(named), b'{"origin":"ci"}', nameless])) == [named.id, "", other.id]
    assert ids_in(to_bytes(named)) == [named.id]
    assert ids_in(b"{oops") == [""]
    assert ids_in(None) == [""]


def test_more_than_the_bound_in_a_row_is_a_flood() -> None:
    flood = Flood(FloodBounds(in_a_row=3, ratio=1))
    assert flood.add([0, 0, 0, 1, 0, 0]) == ""
    assert flood.add([0]) == ""
    assert flood.add([0]) == "more than 3 items in a row"


def test_a_run_that_ends_inside_of_what_is_added_counts_too() -> None:
    assert Flood(FloodBounds(in_a_row=3, ratio=1)).add([0, 0, 0, 0, 1, 1]) != ""


def test_more_than_the_ratio_of_a_full_window_is_a_flood() -> None:
    flood = Flood(FloodBounds(in_a_row=0, ratio=0.5))
    assert flood.add([0, 1] * (WINDOW // 2 - 1) + [0]) == "", "not full yet"
    assert flood.add([1]) == "", "exactly half"
    assert flood.add([0]) == "", "the oldest that leaves was rejected as well"
    assert flood.add([0]) == f"{WINDOW // 2 + 1} of the last {WINDOW} items"


def test_without_bounds_nothing_is_a_flood() -> None:
    assert Flood(FloodBounds(in_a_row=0, ratio=1)).add([0] * 3 * WINDOW) == ""


@pytest.mark.parametrize("piece", [1, 7, 501])
def test_where_the_pieces_are_cut_does_not_matter(piece: int) -> None:
    rng = random.Random(2)
    outcomes = [1 if rng.random() < 0.45 else 0 for _ in range(6_000)]
    whole, cut = Flood(FloodBounds(in_a_row=0)), Flood(FloodBounds(in_a_row=0))
    said = ""
    for start in range(0, len(outcomes), piece):
        said = said or cut.add(outcomes[start : start + piece])
    assert whole.add(outcomes) == said != ""
