"""What must stand in a line for an expression to find something in it: a look for a few characters is quicker.

Told from the expression as Python's own parser reads it. Where nothing is told, nothing is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import product
from re import _constants as ops  # the reading of an expression has no public name
from re import _parser as parser
from typing import Any, Final

_TOGETHER_MAX: Final = 8
"""Of so many texts one stands in the line, at most; more are no quicker than the expression."""
_SET_MAX: Final = 4
_CHARS_MIN: Final = 2
"""A single character tells too little."""
_FLAGS: Final = re.IGNORECASE | re.UNICODE
"""What an expression may be, to be told of."""

_DIGITS: Final = frozenset(range(ord("0"), ord("9") + 1))

_Texts = frozenset[str]
_NOTHING: Final = frozenset({""})


@cache
def needed(pattern: re.Pattern[str]) -> _Texts | None:
    """Of these one stands in each line in which the expression finds something; in lower case if it ignores case.

    A newline stands for the beginning of the line, and for its end. None where nothing is known.
    """
    if pattern.flags & ~_FLAGS:
        return None
    found = _needed(parser.parse(pattern.pattern))
    if found is None:
        return None
    return least(text.lower() for text in found) if pattern.flags & re.IGNORECASE else found


def least(texts: Iterable[str]) -> _Texts:
    """Without those that hold another one."""
    found: list[str] = []
    for text in sorted(set(texts), key=len):
        if not any(one in text for one in found):
            found.append(text)
    return frozenset(found)


@cache
def tells_digits(pattern: re.Pattern[str]) -> bool:
    """Whether the expression may find something in a line, and nothing in one that has other digits from 0 to 9."""
    return any(map(_tells_digits, parser.parse(pattern.pattern)))


def _tells_digits(node: Any) -> bool:
    if not isinstance(node, tuple | list | parser.SubPattern):
        return False
    if isinstance(node, tuple) and node:
        code, told = node[0], node[-1]
        if code in {ops.LITERAL, ops.NOT_LITERAL}:
            return told in _DIGITS
        if code in {ops.GROUPREF, ops.GROUPREF_EXISTS}:
            return True
        if code is ops.IN:
            digits: set[int] = set()
            for kind, which in told:
                if kind is ops.LITERAL:
                    digits |= _DIGITS & {which}
                elif kind is ops.RANGE:
                    digits |= _DIGITS.intersection(range(which[0], which[1] + 1))
                elif which in {ops.CATEGORY_DIGIT, ops.CATEGORY_WORD}:
                    digits |= _DIGITS
            return 0 < len(digits) < len(_DIGITS)
    return any(map(_tells_digits, node))


def _needed(sequence: Any) -> _Texts | None:
    best: _Texts | None = None
    whole = _NOTHING
    for code, told in sequence:
        texts = _all(code, told)
        if texts is not None and len(whole) * len(texts) <= _TOGETHER_MAX:
            whole = frozenset(map("".join, product(whole, texts)))
            continue
        best = _better(best, whole)
        best = _better(best, _inside(code, told) if texts is None else texts)
        whole = _NOTHING if texts is None else texts
    return _better(best, whole)


def _better(one: _Texts | None, other: _Texts | None) -> _Texts | None:
    if other is None or min(map(len, shortest := least(other))) < _CHARS_MIN:
        return one
    return shortest if one is None or min(map(len, shortest)) > min(map(len, one)) else one


def _inside(code: Any, told: Any) -> _Texts | None:
    """What is needed by a part that does not stand for a few texts only."""
    if code is ops.SUBPATTERN and not told[1]:
        return _needed(told[3])
    if code is ops.ATOMIC_GROUP:
        return _needed(told)
    if code in {ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT} and told[0] > 0:
        return _needed(told[2])
    if code is ops.BRANCH:
        parts = [_needed(part) for part in told[1]]
        together: set[str] = set()
        for part in parts:
            if part is None:
                return None
            together |= part
        return least(together) if len(together) <= _TOGETHER_MAX else None
    return None


def _all(code: Any, told: Any) -> _Texts | None:
    """All texts for which a part stands, where they are few; None else."""
    if code is ops.LITERAL:
        return frozenset(chr(told))
    if code is ops.AT:
        if told in {ops.AT_BEGINNING, ops.AT_END}:
            return frozenset("\n")
        return _NOTHING if told in {ops.AT_BOUNDARY, ops.AT_NON_BOUNDARY} else None
    if code in {ops.ASSERT, ops.ASSERT_NOT}:
        return _NOTHING
    if code is ops.IN and len(told) <= _SET_MAX and all(one is ops.LITERAL for one, _ in told):
        return frozenset(chr(char) for _, char in told)
    if code is ops.SUBPATTERN and not told[1]:
        return _all_of(told[3])
    if code is ops.BRANCH:
        parts = [_all_of(part) for part in told[1]]
        return None if None in parts else frozenset().union(*(part for part in parts if part is not None))
    if code in {ops.MAX_REPEAT, ops.MIN_REPEAT} and told[:2] == (0, 1):
        inner = _all_of(told[2])
        return None if inner is None else inner | _NOTHING
    return None


def _all_of(sequence: Any) -> _Texts | None:
    whole = _NOTHING
    for code, told in sequence:
        texts = _all(code, told)
        if texts is None or len(whole) * len(texts) > _TOGETHER_MAX:
            return None
        whole = frozenset(map("".join, product(whole, texts)))
    return whole
