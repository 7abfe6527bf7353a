"""What passing runs of a job say: a bounded set of hashes of masked lines.

A line that a passing run also prints is not why this run failed. Numbers and hexadecimal runs are masked, so that
durations, ids and addresses make no line new. 8 bytes a line; hashes are private, so xxh3 is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

import xxhash

from streams.core.extract.clean import clean

LINES_MAX: Final = 200_000
"""Distinct lines of one job that are remembered; what comes after is not, and so stays new."""

_VARIABLE = re.compile(r"\b[0-9a-fA-F]{7,64}\b|\d[0-9a-fA-F]*")


def hashed(cleaned: str) -> int:
    """64 bits over a cleaned line whose variable parts are masked."""
    return xxhash.xxh3_64_intdigest(_VARIABLE.sub("#", cleaned).encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Baseline:
    """The masked lines of passing runs of one job, as hashes."""

    hashes: frozenset[int]

    @classmethod
    def of(cls, lines: Iterable[str]) -> Self:
        """Of the log of one passing run, of any length; at most LINES_MAX distinct lines are kept, the first ones."""
        found: set[int] = set()
        for line in lines:
            if len(found) >= LINES_MAX:
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

    def is_new(self, line: str) -> bool:
        """Whether no passing run printed this line, but for its variable parts."""
        return hashed(clean(line)) not in self.hashes
