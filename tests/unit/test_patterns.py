"""No regular expression of ours can be kept busy by a text that almost matches."""

from __future__ import annotations

import gc
import importlib
import pkgutil
import re
from collections.abc import Iterable

import pytest
from suites.patterns import ambiguous

import agents.classify
import streams.core
import streams.producers

OURS = ("streams.", "agents.")


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:[A-Z]\w{0,99}(?:::)?){1,9}Error",
        r"(?:[\w.]{1,200}(?:, ?)?){0,30}$",
        r"\.py(?:::\S+)*(?:\s+-\s+|$)",
        r"(\w+\s?)+:",
        r"(?:a|b+)*c",
        r"(?:x*y?)*z",
    ],
)
def test_rounds_that_nothing_tells_apart_are_found(pattern: str) -> None:
    assert ambiguous(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"[A-Z]\w{0,99}(?:::[A-Z]\w{0,99}){0,8}",
        r"(?:[A-Z]\w{0,80}\.){1,12}\w+Error",
        r"(?:\w+, )*\w+$",
        r"(?>(?:a|b)+)*c",
        r"(?:[^\s]+\s)*x",
    ],
)
def test_rounds_with_something_between_them_are_not(pattern: str) -> None:
    assert ambiguous(pattern) == []


def patterns_of(names: Iterable[str]) -> dict[str, int]:
    """Patterns that these modules hold: as globals, in collections, in objects of ours."""
    found: dict[str, int] = {}
    seen: set[int] = set()
    left: list[object] = [vars(importlib.import_module(name)) for name in names]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, re.Pattern) and isinstance(one.pattern, str):
            found[one.pattern] = one.flags
        elif isinstance(one, tuple | list | dict | set | frozenset) or type(one).__module__.startswith(OURS):
            left += gc.get_referents(one)
    return found


def test_no_pattern_of_ours_has_rounds_that_nothing_tells_apart() -> None:
    names = [
        module.name
        for package in (streams.core, streams.producers, agents.classify)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    patterns = patterns_of(names)
    assert len(patterns) > 800
    assert {pattern: found for pattern, flags in patterns.items() if (found := ambiguous(pattern, flags))} == {}
