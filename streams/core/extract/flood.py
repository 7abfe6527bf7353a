"""A log that says the same again and again: after so many times, only the first and the last of a chunk are looked at.

A service that cannot reach its database fills a log with one error. Of equal blocks the first and the last count, and
of one rule so many are held, so whatever is looked at in between changes nothing, and costs a hundred times what it
costs to know it again. Lines are the same when they are equal without digits and the letters of hexadecimal numbers; a
block is, when all its lines are.
"""

from __future__ import annotations

from itertools import compress
from typing import Final

LINES_MIN: Final = 200
"""A chunk of fewer lines is looked at as a whole: whoever follows a log gets it line by line."""
SEEN_MIN: Final = 64
"""So many equal blocks are looked at first; more than are held of one rule."""
KEPT: Final = 8
"""So many equal blocks are looked at further on, at each end of a chunk."""
BLOCK_LINES_MAX: Final = 100
KINDS_MAX: Final = 500
"""Kinds of equal blocks that are remembered; then it forgets all and begins again."""
_VARIES: Final = b"0123456789abcdefABCDEF"

Shape = tuple[bytes, ...]
"""Of a block: what is equal in each of its lines."""


class Floods:
    """What one log says again and again."""

    def __init__(self) -> None:
        self._seen: dict[Shape, int] = {}
        self._by_first: dict[bytes, list[Shape]] = {}
        """The blocks that were seen often enough, longest first, by their first line."""

    def rest(self, data: bytes, lines: list[bytes]) -> list[int] | None:
        """The lines of a chunk, by their numbers from 0, that are to be looked at; None for all. Linear."""
        if not self._by_first or len(lines) < LINES_MIN:
            return None
        shapes = shapes_of(data)
        by_first, found = self._by_first, dict[Shape, list[int]]()
        behind = 0
        for at in [at for at, shape in enumerate(shapes) if shape in by_first]:
            if at < behind:
                continue
            for shape in by_first[shapes[at]]:
                if len(shape) == 1 or tuple(shapes[at : at + len(shape)]) == shape:
                    begins = found.get(shape)
                    if begins is None:
                        begins = found[shape] = []
                    begins.append(at)
                    behind = at + len(shape)
                    break
        is_looked_at = bytearray(b"\1") * len(shapes)
        for shape, begins in found.items():
            size, none = len(shape), bytes(len(shape))
            for at in begins[KEPT:-KEPT]:
                is_looked_at[at : at + size] = none
        return list(compress(range(len(shapes)), is_looked_at)) if 0 in is_looked_at else None

    def learn(self, data: bytes, lines: list[bytes], blocks: list[tuple[int, int]]) -> None:
        """Counts the blocks that were found in a chunk, by the numbers of their first and last lines from 0."""
        if len(lines) < LINES_MIN or len(blocks) < KEPT:
            return
        shapes = shapes_of(data)
        for first, last in blocks:
            if not 0 <= first <= last < len(shapes) or last - first >= BLOCK_LINES_MAX:
                continue
            shape = tuple(shapes[first : last + 1])
            seen = self._seen[shape] = self._seen.get(shape, 0) + 1
            if seen == SEEN_MIN:
                known = self._by_first.setdefault(shape[0], [])
                known.append(shape)
                known.sort(key=len, reverse=True)
        if len(self._seen) > KINDS_MAX:
            self._seen.clear()
            self._by_first.clear()


def shapes_of(data: bytes) -> list[bytes]:
    """Of each line what is equal in all that are the same."""
    return data.translate(None, _VARIES).split(b"\n")
