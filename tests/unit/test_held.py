"""The lines of a log in bounded memory: the same whether they come as a whole or one by one."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import load

from streams.core.extract.chunks import one_chunk
from streams.producers.held import Held


@given(st.lists(st.sampled_from(["", "a", "some words"]), min_size=1, max_size=60), st.integers(1, 60))
def test_lines_are_the_same_in_pieces_of_any_size(lines: list[str], size: int) -> None:
    held = Held(bytes_max=1 << 20)
    for at in range(0, len(lines), size):
        held.take(one_chunk(lines[at : at + size]))
    assert len(held) == len(lines)
    assert held.numbered(1, len(lines)) == list(enumerate(lines, 1))
    assert held.cut(2, 3) == lines[1:3]


def test_a_log_that_comes_line_by_line_takes_little_more_room_than_its_bytes_and_loses_its_middle_only() -> None:
    lines = max(30_000, load(100_000))
    held, found = Held(bytes_max=lines * 4), (lines // 2, lines // 2 + 1)
    tracemalloc.start()
    for number in range(1, lines + 1):
        held.take(one_chunk([f"{number:06d}"]), lambda: [found])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    assert held.cut(1, 1) + held.cut(*found) + held.cut(lines, lines) == [f"{n:06d}" for n in (1, *found, lines)]
    assert held.cut(lines * 2 // 5, lines * 2 // 5) == []
    assert held.lost == 0
