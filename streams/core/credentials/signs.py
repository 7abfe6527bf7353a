"""Which formats a text may hold, found without a regular expression for each.

Most literals hold a whole word (`bearer`): the words of a text are compared with all of them at once. Those of a token
(`sk` of `sk-proj-`, or its first letters as `akia`) are looked for in long runs only, and what has neither a word nor a
run (`://`) behind a character that few texts have.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from operator import itemgetter
from typing import Final

from streams.core.credentials.formats import FORMATS
from streams.core.credentials.row import RUN_CHARS_MIN, Format

_START_CHARS: Final = 3
_MARKS: Final = "@$%|<>-:"
"""Rare ones first."""
_TO_WORDS: Final = bytes(code if code < 128 and chr(code).isalnum() else 32 for code in range(256))
_IN_RUNS: Final = b"_.~+/@?-"
"""Beside letters and digits; the question mark stands for each letter beyond ASCII."""
_RUN_CHARS: Final = frozenset(_IN_RUNS) | {code for code in _TO_WORDS if code != 32}
TO_RUNS: Final = bytes(97 if code in _RUN_CHARS else 32 for code in range(256))
_RUN_START: Final = b"a" * RUN_CHARS_MIN
_RUN: Final = re.compile(rb"[a-z0-9%b]{%d,}" % (re.escape(_IN_RUNS), RUN_CHARS_MIN))
_COLOUR: Final = re.compile(rb"[\[;][0-9]{1,2}m")
_ESCAPED: Final = re.compile(rb"\\u00[0-9a-f]{2}|\\[nrtbf]")
_ENCODED: Final = re.compile(rb"%[0-9a-f]{2}")
"""What ends in a letter or digit and is no part of the word behind it."""
_IN_PROSE: Final = frozenset(b"and with using or org src target test live project registry".split())
_START: Final = itemgetter(slice(0, _START_CHARS))


def present(text: str, lowered: str, letters: bytes, runs: bytes) -> list[tuple[Format, list[str]]]:
    """The formats with a literal that the text may hold, by rank, each with its literals that are there.

    `lowered` is the text in lower case, `letters` the same in ASCII, `runs` these by `TO_RUNS`; all are of one length.
    """
    found: dict[Format, list[str]] = {}
    for literal in filter(lowered.__contains__, _possible(lowered, letters, runs)):
        for row in _BY_LITERAL[literal]:
            found.setdefault(row, []).append(literal)
    if not found:
        return []
    rows = sorted(found, key=_RANK.__getitem__) if len(found) > 1 else found
    return [(row, found[row]) for row in rows if is_possible(row, text)]


def is_possible(row: Format, text: str) -> bool:
    """Whether the text has what every match of the row needs besides its literal."""
    return not row.needs or any(map(text.__contains__, row.needs))


def _possible(lowered: str, letters: bytes, runs: bytes) -> Iterator[str]:
    letters = _without_escapes(lowered, letters)
    found = [_BY_WORD[word] for word in _WORDS.intersection(_words(letters))]
    found += [literals for mark, literals in _BY_MARK.items() if mark in lowered]
    if _RUN_START in runs:
        tokens = b" ".join(_RUN.findall(letters))
        words = _words(tokens)
        in_runs = [_BY_RUN_WORD[word] for word in _RUN_WORDS.intersection(words)]
        in_runs += map(_BY_START.__getitem__, _STARTS.intersection(map(_START, words)))
        found.append(tuple(filter(tokens.decode().__contains__, chain(_IN_RUN, *in_runs))))
    return chain.from_iterable(found)


def _words(lowered: bytes) -> list[bytes]:
    """The runs of letters and digits of ASCII."""
    return lowered.translate(_TO_WORDS).split()


def _without_escapes(lowered: str, letters: bytes) -> bytes:
    """The text with its words apart; other places than in the text."""
    if "\\" in lowered:
        letters = _ESCAPED.sub(b" ", letters)
    if "%" in lowered:
        letters = _ENCODED.sub(b"%", letters)
    return _COLOUR.sub(b" ", letters) if "\x1b" in lowered or "u001b" in lowered else letters


def _by_literal() -> dict[str, tuple[Format, ...]]:
    table: dict[str, list[Format]] = {}
    for row in FORMATS:
        for literal in row.literals:
            table.setdefault(literal, []).append(row)
    return {literal: tuple(rows) for literal, rows in table.items()}


def _sign(literal: str, rows: tuple[Format, ...]) -> tuple[str, bytes]:
    """Where a literal is looked up, and under what: a word, a word or the start of one in a run, any run, or a mark."""
    letters = literal.encode()
    words = _words(letters)
    token = all(row.token for row in rows) and set(letters) <= _RUN_CHARS
    goes_on = words and letters.endswith(words[-1]) and (token or len(words[-1]) < _START_CHARS)
    whole = min(words[:-1] if goes_on else words, key=_how_common, default=b"")
    if len(whole) > 1 or (whole and not token):
        return "run word" if token else "word", whole
    if not token:
        marks = (mark for mark in _MARKS if mark in literal or all(row.needs == (mark,) for row in rows))
        return "mark", next(marks).encode()
    start = max(words, key=len, default=b"")
    return ("start", start[:_START_CHARS]) if len(start) >= _START_CHARS else ("run", b"")


def _precise(literal: str) -> int:
    """The order of rows by a literal: without a word, with one and a sign behind it, with the start of one."""
    words = _words(literal.encode())
    if any(len(word) > 1 for word in (words[:-1] if literal[-1].isalnum() else words)):
        return 1
    return 2 if any(len(word) >= _START_CHARS for word in words) else 0


def _how_common(word: bytes) -> tuple[bool, int, int]:
    return len(word) < 2 or word in _IN_PROSE, _USES[word], -len(word)


def _tables() -> dict[str, dict[bytes, tuple[str, ...]]]:
    tables: dict[str, dict[bytes, tuple[str, ...]]] = {"word": {}, "run word": {}, "start": {}, "run": {}, "mark": {}}
    for literal, rows in _BY_LITERAL.items():
        place, sign = _sign(literal, rows)
        tables[place][sign] = (*tables[place].get(sign, ()), literal)
    return tables


_BY_LITERAL: Final = _by_literal()
_USES: Final = Counter(word for literal in _BY_LITERAL for word in _words(literal.encode()))
_RANK: Final = {row: (min(map(_precise, row.literals), default=0), number) for number, row in enumerate(FORMATS)}
"""Which row names a credential that two rows find at one place; the name is part of the text's fingerprint."""
_TABLES: Final = _tables()
_BY_WORD: Final = _TABLES["word"]
_WORDS: Final = frozenset(_BY_WORD)
_BY_RUN_WORD: Final = _TABLES["run word"]
_RUN_WORDS: Final = frozenset(_BY_RUN_WORD)
_BY_START: Final = _TABLES["start"]
_STARTS: Final = frozenset(_BY_START)
_IN_RUN: Final = _TABLES["run"][b""]
_BY_MARK: Final = {mark.decode(): literals for mark, literals in _TABLES["mark"].items()}
