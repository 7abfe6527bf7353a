"""What was read and is not finished yet, in order within each partition: how far a group may say it has come.

A position past a record that nobody has answered would lose it. After a new assignment of partitions records come
again from the committed position on: what is under way or finished here is not begun a second time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

FINISHED_MAX: Final = 10_000
"""Finished records of a partition that are remembered, in case they come again."""


@dataclass(slots=True)
class Entry:
    """One record, and whether all is done for it."""

    partition: int
    offset: int
    is_done: bool = False


@dataclass(slots=True)
class _Line:
    generation: int
    waiting: deque[Entry] = field(default_factory=deque)
    """As they were delivered in this generation."""
    position: int = -1
    """Behind the last record that is done with all before it; -1: none yet in this generation."""
    committed: int = -1
    under_way: dict[int, Entry] = field(default_factory=dict)
    finished: dict[int, None] = field(default_factory=dict)


class Ledger:
    """Records of all partitions: those under way, and FINISHED_MAX offsets a partition."""

    def __init__(self) -> None:
        self._lines: dict[int, _Line] = {}

    def take(self, partition: int, offset: int, generation: int) -> Entry | None:
        """A record was delivered. `generation`: of the group, in which it was.

        None when nothing is to be done for it that is not done or under way already.
        """
        line = self._lines.get(partition)
        if line is None:
            line = self._lines[partition] = _Line(generation)
        if line.generation != generation:  # another process may have gone on in between: begin from what comes now
            line.generation, line.position, line.committed = generation, -1, -1
            line.waiting.clear()
        known = line.under_way.get(offset)
        entry = known or Entry(partition, offset, is_done=offset in line.finished)
        line.waiting.append(entry)
        if known is not None or entry.is_done:
            return None
        line.under_way[offset] = entry
        return entry

    def finish(self, entries: Iterable[Entry]) -> None:
        """All is done for them."""
        for entry in entries:
            entry.is_done = True
            line = self._lines[entry.partition]
            del line.under_way[entry.offset]
            line.finished[entry.offset] = None
            while len(line.finished) > FINISHED_MAX:
                del line.finished[next(iter(line.finished))]

    def positions(self, generation: int) -> dict[int, int]:
        """By partition, what may be committed in this generation and is not yet: the next offset to be read."""
        out = {}
        for partition, line in self._lines.items():
            while line.waiting and line.waiting[0].is_done:
                line.position = line.waiting.popleft().offset + 1
            if line.generation == generation and line.position > line.committed:
                out[partition] = line.position
        return out

    def commit(self, positions: Mapping[int, int], generation: int) -> None:
        """These positions were committed in that generation."""
        for partition, position in positions.items():
            line = self._lines[partition]
            if line.generation == generation:
                line.committed = max(line.committed, position)
