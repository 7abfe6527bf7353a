"""Which of many phrases stand in a text, in one pass over a quarter of the text instead of one search a phrase.

The text is read as numbers of four bytes, each beginning where the one before ends. Wherever a phrase of seven bytes or
more stands, one such number is inside it: the one at its byte 0, 1, 2 or 3, or four bytes after that. So a phrase is
filed four times, and what the text's numbers share with the files names the few phrases worth a search.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from typing import Final

RUN_BYTES: Final = 4
FILED_BYTES_MIN: Final = 2 * RUN_BYTES - 1
"""A shorter phrase may stand across two numbers of a text; it is searched for by itself."""


class Phrases:
    """A fixed list of phrases. `found_in` is pure and linear in the text."""

    def __init__(self, phrases: Iterable[str]) -> None:
        kept = sorted(set(phrases))
        self._short = tuple(phrase for phrase in kept if len(phrase.encode()) < FILED_BYTES_MIN)
        runs = {phrase: _runs(phrase.encode()) for phrase in kept if phrase not in self._short}
        shared = Counter(run for own in runs.values() for run in set(own))
        by_run: dict[int, dict[str, None]] = {}
        for phrase, own in runs.items():
            for start in range(RUN_BYTES):
                rarest = min(own[start::RUN_BYTES], key=lambda run: shared[run])
                by_run.setdefault(rarest, {})[phrase] = None
        self._by_run = {run: tuple(filed) for run, filed in by_run.items()}
        self._keys = frozenset(by_run)

    def found_in(self, text: str) -> set[str]:
        """The phrases that are part of the text."""
        found = {phrase for phrase in self._short if phrase in text}
        data = text.encode("utf-8", "surrogatepass")
        numbers = memoryview(data)[: len(data) // RUN_BYTES * RUN_BYTES].cast("I")
        for run in self._keys.intersection(numbers):
            for phrase in self._by_run[run]:
                if phrase in text:
                    found.add(phrase)
        return found


def _runs(data: bytes) -> list[int]:
    """Every four bytes that follow each other, in order, as numbers of this machine's byte order."""
    return [int.from_bytes(data[at : at + RUN_BYTES], sys.byteorder) for at in range(len(data) - RUN_BYTES + 1)]
