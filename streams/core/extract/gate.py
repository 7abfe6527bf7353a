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

_SEPARATORS: Final = b"0123456789/.,:;=()\"'\\{}@%&|+~`$?!\t\r\n\x00"
_FOLDED: Final = bytes(
    ord(" ") if byte in _SEPARATORS else ord(chr(byte).lower()) if byte < 128 else byte for byte in range(256)
)
"""Lower case and separators in one step over the bytes of a line: the fastest there is."""


def _tokens(line: str) -> list[bytes]:
    return line.encode("utf-8", "replace").translate(_FOLDED).split()


def _piece(word: str) -> bytes:
    """The longest part of a word that no separator splits: a line with the word has a token with this part."""
    return max(_tokens(word), key=len)


class Gate(dict[bytes, tuple[str, ...]]):
    """token -> the words that a line with this token may hold. Remembers at most TOKENS_MAX tokens."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        super().__init__()
        self._rules: dict[str, list[tuple[int, Rule]]] = {}
        for order, rule in enumerate(rules):
            for word in rule.words:
                self._rules.setdefault(word, []).append((order, rule))
        pieces: dict[bytes, list[str]] = {}
        for word in self._rules:
            pieces.setdefault(_piece(word), []).append(word)
        self._pieces = tuple((piece, tuple(words)) for piece, words in pieces.items())
        self._any = re.compile(b"|".join(map(re.escape, pieces)))

    def __missing__(self, token: bytes) -> tuple[str, ...]:
        words: tuple[str, ...] = ()
        if self._any.search(token):
            words = tuple(word for piece, group in self._pieces if piece in token for word in group)
        if len(token) <= TOKEN_CHARS_MAX:
            if len(self) >= TOKENS_MAX:
                self.clear()
            self[token] = words
        return words

    def rules(self, line: str) -> list[tuple[int, Rule]]:
        """The rules that the line has a word of, each with its place in the order, sorted. Linear in the line."""
        words = list(filter(None, map(self.__getitem__, _tokens(line))))
        if not words:
            return []
        found: list[tuple[int, Rule]] = []
        lower = line.lower()
        for word in set().union(*words) if len(words) > 1 else words[0]:
            if word in lower:
                found += self._rules[word]
        if len(found) > 1:
            found.sort(key=_order)
        return found


def _order(pair: tuple[int, Rule]) -> int:
    return pair[0]
