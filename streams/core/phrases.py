"""Which of many phrases stand in a text, in one pass over half of the text instead of one search a phrase.

The text is read as numbers of four bytes, one beginning at every second byte. Wherever a phrase of five bytes or more
stands, such numbers are inside it, either those at its even bytes or those at its odd ones. So a phrase is filed twice,
and what the text's numbers share with the files names the few phrases worth a search.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from struct import unpack, unpack_from
from typing import Final

RUN_BYTES: Final = 4
STEP_BYTES: Final = 2
FILED_BYTES_MIN: Final = RUN_BYTES + STEP_BYTES - 1
"""A shorter phrase may hold no number of a text; it is searched for by itself."""


class Phrases:
    """A fixed list of phrases. `found_in` is pure and linear in the text."""

    def __init__(self, phrases: Iterable[str]) -> None:
        kept = {phrase: phrase.encode() for phrase in sorted(set(phrases))}
        self._short = tuple(phrase for phrase, data in kept.items() if len(data) < FILED_BYTES_MIN)
        pairs = Counter(pair for data in kept.values() for pair in pairwise(data))
        by_run: dict[int, list[str]] = {}
        for phrase, data in kept.items():
            if len(data) >= FILED_BYTES_MIN:
                for start in range(STEP_BYTES):
                    by_run.setdefault(_rarest(data[start:], pairs), []).append(phrase)
        self._by_run = {run: tuple(filed) for run, filed in by_run.items()}
        self._keys = frozenset(by_run)

    def found_in(self, text: str) -> set[str]:
        """The phrases that are part of the text."""
        found = {phrase for phrase in self._short if phrase in text}
        data = text.encode("utf-8", "surrogatepass")
        for run in self._keys.intersection(_runs(data, 0) + _runs(data, STEP_BYTES)):
            for phrase in self._by_run[run]:
                if phrase in text:
                    found.add(phrase)
        return found


def _runs(data: bytes, start: int) -> tuple[int, ...]:
    """The numbers of this machine's byte order that follow each other from a start on."""
    length = max(0, (len(data) - start) // RUN_BYTES)
    return unpack_from(f"{length}I", data, start) if length else ()


def _rarest(data: bytes, pairs: Counter[tuple[int, int]]) -> int:
    """The number, of those at every second byte, that the pairs of letters of all phrases make least likely."""
    runs = [data[at : at + RUN_BYTES] for at in range(0, len(data) - RUN_BYTES + 1, STEP_BYTES)]
    number: int = unpack("I", min(runs, key=lambda run: math.prod(pairs[pair] for pair in pairwise(run))))[0]
    return number
