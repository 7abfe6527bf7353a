"""Which known templates say most nearly the same as a text: by the words that both have, rare words before common ones.

For people and for the llm to judge; never a reason to join two by itself, since one word may be all that tells two
problems apart.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from streams.core.alias import untyped
from streams.core.value_words import WILD

KNOWN_MAX = 5_000
"""Templates that are known, those seen last; about 2.5 KB each."""
WORDS_MAX = 64
"""Different words of a template that count, its first."""
RARE_WORDS = 8
"""Words of a text, its rarest, by which candidates are found."""
CANDIDATES_MAX = 200
"""Templates that are compared with a text; takes 10 ms at most, where all words are common."""
LIKENESS_MIN = 0.3
"""Share of words and pairs of words that both have, of those that either has: what has less is not near."""


class Near(NamedTuple):
    """A known template that is near, and how near: 0 to 1."""

    key: str
    likeness: float


class Nearest:
    """Templates, each under a key of its own."""

    def __init__(self, *, known_max: int = KNOWN_MAX) -> None:
        self._known_max = known_max
        self._words: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        """By key, the one seen longest ago first."""
        self._with: dict[str, OrderedDict[str, None]] = {}
        """Keys of the templates with a word, the newest last."""

    def __len__(self) -> int:
        return len(self._words)

    def add(self, key: str, template: str) -> None:
        """Know a template, or know it anew."""
        if key in self._words:
            self._words.move_to_end(key)
            return
        words = _words(template)
        self._words[key] = words
        for word in set(words):
            self._with.setdefault(word, OrderedDict())[key] = None
        if len(self._words) > self._known_max:
            self._forget(next(iter(self._words)))

    def of(self, template: str, number: int, *, but: str = "") -> list[Near]:
        """The nearest, at most `number`, the nearest first, by key among equals. `but`: a key that is left out.

        Compares at most CANDIDATES_MAX, found by the rarest words of the template.
        """
        words = _words(template)
        ours = _pieces(words)
        found: Iterator[Near] = (
            Near(key, likeness)
            for key in self._candidates(words)
            if key != but and (likeness := _likeness(ours, _pieces(self._words[key]))) >= LIKENESS_MIN
        )
        return sorted(found, key=lambda near: (-near.likeness, near.key))[:number]

    def _candidates(self, words: tuple[str, ...]) -> list[str]:
        rare = sorted({word for word in words if word in self._with}, key=lambda word: (len(self._with[word]), word))
        seen: Counter[str] = Counter()
        for word in rare[:RARE_WORDS]:
            newest = reversed(self._with[word])
            for _, key in zip(range(CANDIDATES_MAX), newest, strict=False):
                seen[key] += 1
        return [key for key, _ in sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:CANDIDATES_MAX]]

    def _forget(self, key: str) -> None:
        for word in set(self._words.pop(key)):
            keys = self._with[word]
            del keys[key]
            if not keys:
                del self._with[word]


def _words(template: str) -> tuple[str, ...]:
    """The words of a template, the first WORDS_MAX different ones, in order; how a value was written does not count."""
    words = dict.fromkeys(word.casefold() for word in untyped(template).split())
    words.pop(WILD, None)
    return tuple(words)[:WORDS_MAX]


def _pieces(words: tuple[str, ...]) -> set[str | tuple[str, str]]:
    return {*words, *pairwise(words)}


def _likeness(ours: set[str | tuple[str, str]], theirs: set[str | tuple[str, str]]) -> float:
    shared = len(ours & theirs)
    return shared / (len(ours) + len(theirs) - shared or 1)
