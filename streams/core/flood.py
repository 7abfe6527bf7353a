"""When too much of an input cannot be read: the point at which going on would only empty a topic into the rejected one.

A single bad record is put aside and forgotten; hundreds in a row are a sender, or a reader, that is broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

IN_A_ROW_DEFAULT = 500
RATIO_DEFAULT = 0.5
WINDOW = 2_000
"""Items over which the ratio is taken; before there were as many it is not looked at."""


@dataclass(frozen=True, slots=True)
class FloodBounds:
    """How much of one partition may be unreadable."""

    in_a_row: int = IN_A_ROW_DEFAULT
    """Items one after the other; 0 for no bound."""
    ratio: float = RATIO_DEFAULT
    """Part of the last WINDOW items; 1 for no bound."""


class Flood:
    """Counts what of one partition could be read. The same items in any pieces end at the same item."""

    def __init__(self, bounds: FloodBounds) -> None:
        self._bounds = bounds
        self._in_a_row = 0
        self._last = bytearray()
        self._next = 0
        self._rejected = 0

    def add(self, outcomes: Iterable[int]) -> str:
        """Take what became of some items in order, 1 for read and 0 for rejected.

        Returns which bound they passed, in words; empty while none is passed.
        """
        passed = ""
        for outcome in outcomes:
            self._count(outcome)
            passed = passed or self._passed()
        return passed

    def _count(self, outcome: int) -> None:
        self._in_a_row = 0 if outcome else self._in_a_row + 1
        if len(self._last) < WINDOW:
            self._last.append(outcome)
        else:
            self._rejected -= 1 - self._last[self._next]
            self._last[self._next] = outcome
            self._next = (self._next + 1) % WINDOW
        self._rejected += 1 - outcome

    def _passed(self) -> str:
        if self._bounds.in_a_row and self._in_a_row > self._bounds.in_a_row:
            return f"more than {self._bounds.in_a_row} items in a row"
        if len(self._last) == WINDOW and self._rejected > self._bounds.ratio * WINDOW:
            return f"{self._rejected} of the last {WINDOW} items"
        return ""
