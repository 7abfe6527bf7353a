"""What stands beside a committed offset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.broker.counts import Counts

NUMBERS = st.integers(0, 10**17)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_counts_come_back_as_they_were_written(folded, repeats, rejected):
    counts = Counts(folded, repeats, rejected)
    assert Counts.of(counts.metadata()) == counts
    assert counts.read == folded + repeats + rejected
    assert len(counts.metadata()) < 4096, "the broker's bound"


@pytest.mark.parametrize("metadata", ["", "x", "faultline1 folded=-1 repeats=0 rejected=0", "faultline2 folded=1"])
def test_what_another_program_committed_counts_as_nothing(metadata):
    assert Counts.of(metadata) == Counts()


def test_counts_of_partitions_add_up():
    assert Counts(1, 2, 3) + Counts(10, 20, 30) == Counts(11, 22, 33)
