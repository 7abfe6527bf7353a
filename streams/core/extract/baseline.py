"""What passing runs of a job say: a bounded set of hashes of masked lines.

A line that a passing run also prints is not why this run failed. Numbers and hexadecimal runs are masked, so that
durations, ids and addresses make no line new. 8 bytes a line; hashes are private, so xxh3 is enough.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import xxhash

from streams.contract.baseline import LINES_MAX
from streams.core.extract.clean import clean

MASKING: Final = 1
"""Grows with every change of `hashed` or `clean` that gives usual lines other hashes: the older ones match nothing."""

_VARIABLE = re.compile(r"\b[0-9a-fA-F]{7,64}\b|\d[0-9a-fA-F]*")


def hashed(cleaned: str) -> int:
    """64 bits over a cleaned line whose variable parts are masked."""
    return xxhash.xxh3_64_intdigest(_VARIABLE.sub("#", cleaned).encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Baseline:
    """The masked lines of passing runs of one job, as hashes."""

    hashes: frozenset[int]

    @classmethod
    def of(cls, lines: Iterable[str], *, lines_max: int = LINES_MAX) -> Self:
        """Of the log of one passing run, of any length; at most `lines_max` distinct lines are kept, the first ones."""
        found: set[int] = set()
        for line in lines:
            if len(found) >= lines_max:
                break
            found.add(hashed(clean(line)))
        return cls(frozenset(found))

    def merge(self, other: Baseline) -> Baseline:
        """Both runs together, within LINES_MAX: what the two share, then the newer one's lines, then the older one's.

        `other` is the newer run.
        """
        kept = set(self.hashes & other.hashes)
        for hashes in (other.hashes, self.hashes):
            for value in sorted(hashes - kept):
                if len(kept) >= LINES_MAX:
                    return Baseline(frozenset(kept))
                kept.add(value)
        return Baseline(frozenset(kept))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` wrote: 8 bytes a line, big-endian."""
        return cls(frozenset(_swapped(array("Q", data))))

    def to_bytes(self) -> bytes:
        """The hashes, sorted: the same lines give the same bytes."""
        return _swapped(array("Q", sorted(self.hashes))).tobytes()

    def share_new(self, lines: Iterable[str]) -> float:
        """The part of the lines, 0 to 1, that no passing run printed; blank ones do not count."""
        told = [hashed(text) in self.hashes for line in lines if (text := clean(line))]
        return 1 - sum(told) / len(told) if told else 0.0

    def is_new(self, line: str) -> bool:
        """Whether no passing run printed this line, but for its variable parts."""
        return hashed(clean(line)) not in self.hashes


def _swapped(numbers: array[int]) -> array[int]:
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
