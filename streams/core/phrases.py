"""Which of many phrases stand in a text, in one pass over its words instead of one search a phrase.

A phrase that stands in a text has each of its words inside one word of the text. So every phrase is filed under the
one of its words that the other phrases use least, and a word of the text is asked which of these words it holds. The
words of failures come again and again, so answers are remembered; digits count as `0` there, so that numbers come again
too. What a word's answer names is then looked for in the text itself, unless the word says all.

A word that is not known is read as numbers of four bytes, one beginning at every second byte. Wherever a filed word of
five bytes or more stands, such numbers are inside it, either those at its even bytes or those at its odd ones. So it is
filed twice, and what the numbers share with the files names the few filed words worth a search.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from struct import unpack, unpack_from
from typing import Final, NamedTuple

RUN_BYTES: Final = 4
STEP_BYTES: Final = 2
FILED_BYTES_MIN: Final = RUN_BYTES + STEP_BYTES - 1
"""A shorter word may hold no number of a text; it is searched for by itself."""
WORDS_MAX: Final = 20_000
"""Words that are remembered, about 100 bytes each; all are forgotten when there are more."""
WORD_BYTES_MAX: Final = 64
"""A longer word is not remembered: it hardly comes again."""

LINES_MAX: Final = 10_000
"""Lines that are remembered, as the words are."""
LINE_BYTES_MAX: Final = 512
LEARNED_MAX: Final = 64
"""Words of one text that are remembered: a text of a thousand new words pays for few."""

_INEXACT: Final = re.compile(r"[0-9\n]")
"""What a masked line does not show."""
_DIGITS: Final = bytes.maketrans(string.digits.encode(), b"0" * 10)


class Phrases:
    """A fixed list of phrases. What `found_in` answers depends on its text alone, and takes time linear in it."""

    def __init__(self, phrases: Iterable[str]) -> None:
        kept = sorted(set(phrases))
        self._wordless = tuple(phrase for phrase in kept if not _words(phrase))
        self._inexact = frozenset(phrase for phrase in kept if _INEXACT.search(phrase))
        self._filed: dict[bytes, list[tuple[str, _Fit]]] = {}
        use = Counter(word for phrase in kept for word in set(_words(phrase)))
        for phrase in kept:
            places = [(word, _fit(phrase, number)) for number, word in enumerate(_words(phrase))]
            if places:
                word, fit = min(places, key=lambda place: (len(place[0]) < FILED_BYTES_MIN, use[place[0]]))
                self._filed.setdefault(word, []).append((phrase, fit))
        self._parts = _Parts(self._filed)
        self._dull: set[bytes] = set()
        self._telling: dict[bytes, tuple[str, ...]] = {}
        self._lines: dict[bytes, _Told] = {}

    def found_in(self, text: str) -> set[str]:
        """The phrases that are part of the text."""
        found: set[str] = set()
        possible = set(self._wordless)
        for line in _masked(text).split(b"\n"):
            told = self._lines.get(line)
            if told is None:
                told = self._told_by(line)
                if len(line) <= LINE_BYTES_MAX:
                    if len(self._lines) >= LINES_MAX:
                        self._lines.clear()
                    self._lines[line] = told
            if told.certain:
                found.update(told.certain)
            if told.possible:
                possible.update(told.possible)
        if possible:
            found.update([phrase for phrase in possible if phrase in text])
        return found

    def _told_by(self, line: bytes) -> _Told:
        """What is known of every text that has this masked line."""
        possible = set(self._spoken_for(line))
        inexact = possible & self._inexact
        certain = [phrase for phrase in possible - inexact if phrase.encode("utf-8", "surrogatepass") in line]
        return _Told(tuple(certain), tuple(inexact)) if certain or inexact else _NOTHING

    def _spoken_for(self, line: bytes) -> list[str]:
        """The phrases that a word of this line speaks for."""
        words = set(line.split())
        words -= self._dull
        possible: list[str] = []
        new = []
        for word in words:
            told = self._telling.get(word)
            if told is None:
                new.append(word)
            else:
                possible += told
        if new:
            parts = self._parts.found_in(b" ".join(new))
            possible += [phrase for part in parts for phrase, _ in self._filed[part]]
            self._learn(new[:LEARNED_MAX], parts)
        return possible

    def _learn(self, words: list[bytes], parts: set[bytes]) -> None:
        """Remember which phrases these words speak for; `parts` are the filed words that stand in any of them."""
        if len(self._dull) + len(self._telling) + len(words) > WORDS_MAX:
            self._dull.clear()
            self._telling.clear()
        for word in words:
            if len(word) > WORD_BYTES_MAX:
                continue
            held = [part for part in parts if part in word]
            told = tuple(phrase for part in held for phrase, fit in self._filed[part] if _fits(part, word, fit))
            if told:
                self._telling[word] = told
            else:
                self._dull.add(word)


class _Told(NamedTuple):
    """What a line tells when its digits are masked."""

    certain: tuple[str, ...]
    """Phrases without digits that stand in it."""
    possible: tuple[str, ...]
    """Phrases to look for in the text itself."""


_NOTHING: Final = _Told((), ())


class _Fit(NamedTuple):
    """Where a phrase's word stands in the word of a text that holds it."""

    at_start: bool
    """Something stands in front of it in the phrase: white space, at least."""
    at_end: bool


def _masked(text: str) -> bytes:
    """The text, each digit of ASCII `0`."""
    return text.encode("utf-8", "surrogatepass").translate(_DIGITS)


def _words(text: str) -> list[bytes]:
    """What stands between white space of ASCII."""
    return _masked(text).split()


def _fit(phrase: str, number: int) -> _Fit:
    """How the word of this number, from 0, has to stand."""
    fenced = _words(f"|{phrase}|")
    last = len(_words(phrase)) - 1
    return _Fit(number > 0 or fenced[0] == b"|", number < last or fenced[-1] == b"|")


def _fits(part: bytes, word: bytes, fit: _Fit) -> bool:
    return (not fit.at_start or word.startswith(part)) and (not fit.at_end or word.endswith(part))


class _Parts:
    """A fixed list of words that may be part of a word."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        kept = sorted(parts)
        self._short = tuple(part for part in kept if len(part) < FILED_BYTES_MIN)
        pairs = Counter(pair for part in kept for pair in pairwise(part))
        by_run: dict[int, list[bytes]] = {}
        for part in kept:
            if len(part) >= FILED_BYTES_MIN:
                for start in range(STEP_BYTES):
                    by_run.setdefault(_rarest(part[start:], pairs), []).append(part)
        self._by_run = {run: tuple(filed) for run, filed in by_run.items()}
        self._keys = frozenset(by_run)

    def found_in(self, data: bytes) -> set[bytes]:
        found = {part for part in self._short if part in data}
        for run in self._keys.intersection(_runs(data, 0) + _runs(data, STEP_BYTES)):
            for part in self._by_run[run]:
                if part in data:
                    found.add(part)
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
