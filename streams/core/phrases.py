"""Which of many phrases stand in a text, in one pass over the text instead of one search a phrase.

Each phrase is filed under four of its bytes. The text's runs of four bytes, read as numbers, are a set; what that set
shares with the files names the few phrases worth a search.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

RUN_BYTES: Final = 4


class Phrases:
    """A fixed list of phrases. `found_in` is pure and linear in the text."""

    def __init__(self, phrases: Iterable[str]) -> None:
        kept = sorted(set(phrases))
        runs = {phrase: sorted(_runs(phrase.encode())) for phrase in kept}
        shared = Counter(run for own in runs.values() for run in own)
        self._by_run: dict[int, list[str]] = {}
        self._short: list[str] = []
        for phrase in kept:
            if runs[phrase]:
                rarest = min(runs[phrase], key=lambda run: shared[run])
                self._by_run.setdefault(rarest, []).append(phrase)
            else:
                self._short.append(phrase)
        self._keys = frozenset(self._by_run)

    def found_in(self, text: str) -> set[str]:
        """The phrases that are part of the text."""
        found = {phrase for phrase in self._short if phrase in text}
        for run in self._keys & _runs(text.encode("utf-8", "surrogatepass")):
            found.update(phrase for phrase in self._by_run[run] if phrase in text)
        return found


def _runs(data: bytes) -> set[int]:
    """Every four bytes that follow each other, as numbers of this machine's byte order."""
    runs: set[int] = set()
    view = memoryview(data)
    for start in range(RUN_BYTES):
        length = (len(data) - start) // RUN_BYTES * RUN_BYTES
        if length > 0:
            runs.update(view[start : start + length].cast("I"))
    return runs
