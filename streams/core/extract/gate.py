"""Which rules may find something in a line: the quick test that most lines do not pass.

Every rule names words of which one stands in each line it finds. A line is split into tokens; that a token holds a
piece of a word is remembered by token, for the tokens of logs repeat. So a line costs a few look-ups, however many
rules there are, and only tokens never seen before are searched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from streams.core.extract.rule import Rule

TOKENS_MAX: Final = 50_000
"""Tokens remembered; then it forgets all and begins again."""
TOKEN_CHARS_MAX: Final = 48
"""Longer ones are seldom seen twice, so they are not remembered."""

_SEPARATORS: Final = str.maketrans(dict.fromkeys("0123456789/.,:;=()\"'\\{}@%&|+~`$?!\t\r\x00", " "))


def _piece(word: str) -> str:
    """The longest part of a word that no separator splits: a line with the word has a token with this part."""
    return max(word.translate(_SEPARATORS).split(), key=len)


class Gate(dict[str, tuple[str, ...]]):
    """token -> the words that a line with this token may hold. Remembers at most TOKENS_MAX tokens."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        super().__init__()
        self._rules: dict[str, list[tuple[int, Rule]]] = {}
        for order, rule in enumerate(rules):
            for word in rule.words:
                self._rules.setdefault(word, []).append((order, rule))
        pieces: dict[str, list[str]] = {}
        for word in self._rules:
            pieces.setdefault(_piece(word), []).append(word)
        self._pieces = tuple((piece, tuple(words)) for piece, words in pieces.items())
        self._any = re.compile("|".join(map(re.escape, pieces)))

    def __missing__(self, token: str) -> tuple[str, ...]:
        words: tuple[str, ...] = ()
        if self._any.search(token):
            words = tuple(word for piece, group in self._pieces if piece in token for word in group)
        if len(token) <= TOKEN_CHARS_MAX:
            if len(self) >= TOKENS_MAX:
                self.clear()
            self[token] = words
        return words

    def rules(self, lower: str) -> list[tuple[int, Rule]]:
        """The rules that a line, given in lower case, has a word of, each with its place in the order; sorted."""
        found: list[tuple[int, Rule]] = []
        words = list(filter(None, map(self.__getitem__, lower.translate(_SEPARATORS).split())))
        if words:
            for word in set().union(*words) if len(words) > 1 else words[0]:
                if word in lower:
                    found += self._rules[word]
            if len(found) > 1:
                found.sort(key=_order)
        return found


def _order(pair: tuple[int, Rule]) -> int:
    return pair[0]
