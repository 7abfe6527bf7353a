"""Which lines of a chunk may say something: the quick test that most lines do not pass.

Every rule names words of which one stands in each line it finds. A chunk is split into tokens at once; whether a token
holds a piece of a word is remembered, for the tokens of logs repeat. Only words of which a piece is there are searched
in the chunk, and only lines in which one stands are looked at. So a chunk costs one pass for its tokens and one for
each word that is there, however many rules there are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final

from streams.core.extract.rule import Rule
from streams.core.extract.section import NEVER

TOKENS_MAX: Final = 50_000
"""Tokens remembered; then it forgets all and begins again."""
TOKEN_BYTES_MAX: Final = 48
"""Longer ones are seldom seen twice, so they are not remembered."""

_SEPARATORS: Final = b"0123456789/.,:;=()\"'\\{}@%&|+~`$?!\t\r\n\x00"
_LOWER: Final = bytes(ord(chr(byte).lower()) if byte < 128 else byte for byte in range(256))
_FOLDED: Final = bytes(ord(" ") if byte in _SEPARATORS else _LOWER[byte] for byte in range(256))
"""Lower case and separators in one step over bytes: the fastest there is."""


def _piece(word: bytes) -> bytes:
    """The longest part of a word that no separator splits: a line with the word has a token with this part.

    Empty for a word of separators only, which is searched in every chunk.
    """
    return max(word.translate(_FOLDED).split(), key=len, default=b"")


class Word:
    """A word, and the rules that name it."""

    def __init__(self, text: str, rules: Sequence[tuple[int, Rule]]) -> None:
        self.needle: Final = text.encode()
        self.rules: Final = rules
        """With their places in the order; none where the word is a mark that is not of a rule."""
        self.is_mark: Final = not rules
        able = [pair for pair in rules if pair[1].pattern.pattern != NEVER.pattern]
        self._anchored = [pair for pair in able if is_anchored(pair[1].pattern.pattern)]
        self._loose = [pair for pair in able if pair not in self._anchored]
        self._any: re.Pattern[str] | None = None

    def may_find(self, text: str) -> list[tuple[int, Rule]]:
        """The rules that may find something in a line with the word: those bound to its beginning are tried at once."""
        if not self._anchored:
            return self._loose
        if self._any is None:
            self._any = re.compile("|".join(_scoped(rule.pattern) for _, rule in self._anchored))
        return [*self._loose, *self._anchored] if self._any.match(text) else self._loose


def first_rule(words: Iterable[Word], text: str) -> Rule | None:
    """The first rule in the order that finds its pattern in the cleaned line."""
    able = [pair for word in words for pair in word.may_find(text)]
    if len(able) > 1:
        able.sort(key=_order)
    return next((rule for _, rule in able if rule.pattern.search(text)), None)


def _order(pair: tuple[int, Rule]) -> int:
    return pair[0]


def _scoped(pattern: re.Pattern[str]) -> str:
    text = pattern.pattern
    return f"(?i:{text.removeprefix('(?i)')})" if pattern.flags & re.IGNORECASE else f"(?:{text})"


def is_anchored(pattern: str) -> bool:
    """Whether each alternative of an expression begins with `^`."""
    depth, fresh, in_set, escaped = 0, True, False, False
    for char in pattern.removeprefix("(?i)"):
        if fresh and char != "^":
            return False
        fresh = False
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif in_set:
            in_set = char != "]"
        elif char == "[":
            in_set = True
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|" and depth == 0:
            fresh = True
    return not fresh


class Gate:
    """Finds the lines of a chunk that hold a word. What it remembers of a token is true for every log."""

    def __init__(self, rules: Iterable[Rule], marks: Iterable[str] = ()) -> None:
        """`marks` are further words, which count only in their own case."""
        by_text: dict[str, list[tuple[int, Rule]]] = {}
        for order, rule in enumerate(rules):
            for text in rule.words:
                by_text.setdefault(text, []).append((order, rule))
        pieces: dict[bytes, list[tuple[Word, bool]]] = {}
        for word in [Word(text, pairs) for text, pairs in by_text.items()]:
            pieces.setdefault(_piece(word.needle), []).append((word, False))
        for word in [Word(text, ()) for text in dict.fromkeys(marks)]:
            pieces.setdefault(_piece(word.needle), []).append((word, True))
        self._pieces: Final[Mapping[bytes, list[tuple[Word, bool]]]] = pieces
        self._pieces_by_root: Final[dict[bytes, list[bytes]]] = {}
        """Of pieces that hold one another the shortest, and all that hold it: without it, none of them is there."""
        for piece in sorted(filter(None, pieces), key=len):
            root = next((root for root in self._pieces_by_root if root in piece), piece)
            self._pieces_by_root.setdefault(root, []).append(piece)
        self._plain: set[bytes] = set()
        """Tokens without a piece of a word."""
        self._telling: dict[bytes, tuple[bytes, ...]] = {}
        """The other tokens, and the pieces in each."""

    def __len__(self) -> int:
        return len(self._plain) + len(self._telling)

    def lines(self, data: bytes, lines: Sequence[bytes]) -> dict[int, list[Word]]:
        """The numbers from 0, ascending, of the lines that hold a word, and the words in each.

        `data` is the lines, joined. Linear in it, for the words that are in it at all.
        """
        found = self._pieces_in(data)
        if not found:
            return {}
        folded = data.translate(_LOWER)
        starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
        hits: dict[int, list[Word]] = {}
        for piece in found:
            for word, is_exact in self._pieces[piece]:
                text, needle = data if is_exact else folded, word.needle
                at = text.find(needle)
                while at >= 0:
                    number = bisect_right(starts, at) - 1
                    hits.setdefault(number, []).append(word)
                    at = text.find(needle, starts[number + 1])
        return dict(sorted(hits.items()))

    def _pieces_in(self, data: bytes) -> set[bytes]:
        tokens = set(data.translate(_FOLDED).split())
        tokens -= self._plain
        found = {b""} if b"" in self._pieces else set()
        unseen: list[bytes] = []
        for token in tokens:
            if (pieces := self._telling.get(token)) is not None:
                found.update(pieces)
            else:
                unseen.append(token)
        if unseen:
            found.update(self._learn(unseen))
        return found

    def _learn(self, tokens: list[bytes]) -> set[bytes]:
        """Remembers of tokens never seen before which pieces they hold; gives all these pieces."""
        joined = b"\n".join(tokens)
        starts = list(accumulate((len(token) + 1 for token in tokens), initial=0))
        found: dict[int, list[bytes]] = {}
        there: set[bytes] = set()
        for piece, parts in self._pieces_by_root.items():
            if piece in joined:
                for part in parts:
                    at = joined.find(part)
                    while at >= 0:
                        there.add(part)
                        number = bisect_right(starts, at) - 1
                        found.setdefault(number, []).append(part)
                        at = joined.find(part, starts[number + 1])
        if len(self) + len(tokens) > TOKENS_MAX:
            self._plain.clear()
            self._telling.clear()
        for number, token in enumerate(tokens[:TOKENS_MAX]):
            if len(token) > TOKEN_BYTES_MAX:
                continue
            if number in found:
                self._telling[token] = tuple(found[number])
            else:
                self._plain.add(token)
        return there
