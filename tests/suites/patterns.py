"""Regular expressions that a hostile text can keep busy for ever: found by their form, before a text finds them.

A group that is repeated, and whose rounds can be told apart by nothing: `(?:[A-Z]\\w*(?:::)?){1,9}` reads `SSSSSS` in
as many ways as there are cuts, and tries all of them where the rest does not match. What a round may end in (a repeat
of any length, behind which everything may be missing) must not be able to begin the next round.
Works on what `re` itself parses a pattern to. Characters beyond ASCII count as one, which is no digit and no space.
"""

from __future__ import annotations

import re
import re._constants as c  # type: ignore[import-not-found]  # the parser of `re`: typeshed leaves it out
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterable
from typing import Any

BEYOND = 128
ALL = frozenset(range(BEYOND + 1))
ROUNDS_MIN = 3
"""Of a group that is repeated less often the ways are few."""
REPEATS = (c.MAX_REPEAT, c.MIN_REPEAT)
CATEGORIES = {
    c.CATEGORY_DIGIT: r"\d",
    c.CATEGORY_NOT_DIGIT: r"\D",
    c.CATEGORY_SPACE: r"\s",
    c.CATEGORY_NOT_SPACE: r"\S",
    c.CATEGORY_WORD: r"\w",
    c.CATEGORY_NOT_WORD: r"\W",
}
Item = tuple[Any, Any]


def ambiguous(pattern: str, flags: int = 0) -> list[str]:
    """For each repeated group that can be cut in many ways: what it is cut in, some characters of it."""
    return [
        "".join(chr(one) for one in sorted(common) if 32 < one < 127)[:20] or "?"
        for common in _walk(parser.parse(pattern, flags & ~re.UNICODE))
    ]


def _walk(items: Iterable[Item]) -> Iterable[frozenset[int]]:
    for op, av in items:
        if op in REPEATS and av[1] >= ROUNDS_MIN and (common := _tails(av[2]) & _first(av[2])):
            yield common
        for body in _bodies(op, av):
            yield from _walk(body)


def _bodies(op: Any, av: Any) -> list[Any]:
    if op in REPEATS or op is c.POSSESSIVE_REPEAT:
        return [av[2]]
    if op is c.SUBPATTERN:
        return [av[3]]
    if op is c.ATOMIC_GROUP:
        return [av]
    if op is c.BRANCH:
        return list(av[1])
    return [av[1]] if op in (c.ASSERT, c.ASSERT_NOT) else []


def _characters(op: Any, av: Any) -> frozenset[int] | None:
    """What a single character is out of; None for all else."""
    if op is c.LITERAL:
        return frozenset({min(av, BEYOND)})
    if op is c.NOT_LITERAL:
        return ALL - {av}
    if op is c.ANY:
        return ALL - {10}
    if op is c.RANGE:
        return frozenset(min(one, BEYOND) for one in range(av[0], min(av[1], BEYOND) + 1))
    if op is c.CATEGORY:
        ascii_ = frozenset(one for one in range(BEYOND) if re.match(CATEGORIES[av], chr(one)))
        return ascii_ if av in (c.CATEGORY_DIGIT, c.CATEGORY_SPACE) else ascii_ | {BEYOND}
    if op is not c.IN:
        return None
    found: frozenset[int] = frozenset()
    for inner, value in av:
        found |= _characters(inner, value) or frozenset()
    return ALL - found if av[0][0] is c.NEGATE else found


def _may_be_missing(op: Any, av: Any) -> bool:
    if _characters(op, av) is not None:
        return False
    if op in REPEATS or op is c.POSSESSIVE_REPEAT:
        return bool(av[0] == 0 or av[2].getwidth()[0] == 0)
    bodies = _bodies(op, av)
    return op in (c.AT, c.ASSERT, c.ASSERT_NOT) or any(body.getwidth()[0] == 0 for body in bodies)


def _first(items: Iterable[Item]) -> frozenset[int]:
    """What these may begin with."""
    found: frozenset[int] = frozenset()
    for op, av in items:
        if (own := _characters(op, av)) is not None:
            return found | own
        if op not in (c.AT, c.ASSERT, c.ASSERT_NOT):
            bodies = _bodies(op, av)
            found = found.union(*map(_first, bodies)) if bodies else ALL
        if not _may_be_missing(op, av):
            return found
    return found


def _tails(items: Iterable[Item]) -> frozenset[int]:
    """What the repeats of any length are made of that these may end in."""
    found: frozenset[int] = frozenset()
    for op, av in reversed(list(items)):
        if op in REPEATS and av[1] > max(1, av[0]):
            found |= _first(av[2])
        if op in REPEATS or op in (c.SUBPATTERN, c.BRANCH):
            found = found.union(*map(_tails, _bodies(op, av)))
        if not _may_be_missing(op, av):
            break
    return found
