"""What was read and is not acknowledged yet, in order within each partition.

An acknowledgement out of order would let the group's position pass a record that nobody has answered.
A record may come twice, when its partition goes and comes back: then the newer delivery is the one to acknowledge, and
nothing is asked again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

E = TypeVar("E")

FINISHED_MAX: Final = 10_000
"""Finished records of a partition that are remembered, in case they come again before their acknowledgement was
committed."""


@dataclass(slots=True)
class Entry(Generic[E]):
    """One record: where it is, its newest delivery, and whether all is done for it."""

    partition: int
    offset: int
    event: E
    is_done: bool = False


@dataclass(slots=True)
class _Line(Generic[E]):
    waiting: deque[Entry[E]] = field(default_factory=deque)
    by_offset: dict[int, Entry[E]] = field(default_factory=dict)
    finished: dict[int, None] = field(default_factory=dict)


class Ledger(Generic[E]):
    """Entries of all partitions. Its size is what is being asked about, and FINISHED_MAX offsets a partition."""

    def __init__(self) -> None:
        self._lines: dict[int, _Line[E]] = {}

    def take(self, partition: int, offset: int, event: E) -> Entry[E] | None:
        """A record was delivered. None when nothing is to be done for it that is not done or under way already."""
        line = self._lines.setdefault(partition, _Line())
        known = line.by_offset.get(offset)
        if known is not None:
            known.event = event
            return None
        entry = Entry(partition, offset, event, is_done=offset in line.finished)
        line.by_offset[offset] = entry
        if line.waiting and line.waiting[-1].offset > offset:  # an older stretch was delivered again
            line.waiting = deque(sorted((*line.waiting, entry), key=lambda one: one.offset))
        else:
            line.waiting.append(entry)
        return None if entry.is_done else entry

    def finish(self, entries: Iterable[Entry[E]]) -> None:
        """All is done for them."""
        for entry in entries:
            entry.is_done = True

    def acknowledged(self) -> Iterator[E]:
        """Deliveries that may be acknowledged now, in order within each partition; each is given once."""
        for line in self._lines.values():
            while line.waiting and line.waiting[0].is_done:
                entry = line.waiting.popleft()
                del line.by_offset[entry.offset]
                line.finished[entry.offset] = None
                while len(line.finished) > FINISHED_MAX:
                    del line.finished[next(iter(line.finished))]
                yield entry.event

    def __len__(self) -> int:
        return sum(len(line.waiting) for line in self._lines.values())
