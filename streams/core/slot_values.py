"""What a place of a form needs to become a slot: how many different words, and what stays of them.

A form is a template whose placeholders are wildcards (`alias.untyped`).
"""

import math
import re
from collections.abc import Iterable
from functools import lru_cache

from streams.core.value_words import FILE, FILES_MIN, WILD, WORDS_REMEMBERED_MAX, is_derived, may_be_name

VALUES_MIN = 6
"""Different words that make a place a slot."""

FEWER_VALUES = ((8, 3), (6, 4))
"""Words that stay, and the different names that then suffice: the longer a sentence, the less it is one by chance."""

DERIVED_SHARE = 4
"""Of so many names one may end like a verb."""

LONE_VALUES_MIN = 12
"""Different words that make a slot where only one other word is left."""

FIRST_WORD_VALUES_MIN = 12
"""Different words that make the first place a slot: a line's first word mostly says what it is about."""

MARKED_VALUES_MIN = 3
"""Different values that suffice where the form shows a value: `key=`, or a place that also held a masked one."""

CONSTANT_WORDS_MIN = 2
"""Words without a placeholder that must stay."""

CONSTANT_WORDS_OF_A_FIT = 3
"""Words that must stay where one other value of the form `node-<*>` is evidence enough for `node-a`."""

_PUNCTUATED = re.compile(r"(?:[\w.-]{1,64}[=:(\[]|[^\w\s])*")
_NAMED_WILD = re.compile(r"(?:[A-Za-z][\w.-]{0,63}:)?[A-Za-z][\w.-]{1,63}=[^\w\s]{0,3}<\*>")
_UNIT = re.compile(
    r"\S{1,128}(\.(?:service|socket|device|mount|automount|swap|target|path|timer|slice|scope)[^\w\s]{0,4})"
)
_KEY = re.compile(r"([^\w<:]{0,3}[A-Za-z_][\w.-]{0,63}[=:(\[])(.*)")


def constant_words(words: Iterable[str]) -> int:
    """How many words stay."""
    return sum(map(is_constant, words))


@lru_cache(maxsize=WORDS_REMEMBERED_MAX)
def is_constant(word: str) -> bool:
    """Whether a word stays: it has no wildcard, or is a key whose value has one (`uid=<*>`, `a:b=<*>`)."""
    return (WILD not in word or _NAMED_WILD.match(word) is not None) and any(map(str.isalpha, word))


def values_needed(place: int, values: set[str], constant: int) -> float:
    """How many different words, with `values`, make a slot where `constant` others stay; infinite if too few do."""
    key = bool(key_of(values))
    needed = MARKED_VALUES_MIN if key else _needed_by_form(place, values)
    if place and needed > MARKED_VALUES_MIN and all(map(may_be_name, values)):
        derived = sum(map(is_derived, values))
        if derived * DERIVED_SHARE <= len(values):
            needed = fewer(needed, constant)
    if constant + key >= CONSTANT_WORDS_MIN:
        return needed
    return max(LONE_VALUES_MIN, needed) if place and constant + key else math.inf


def fewer(needed: int, constant: int) -> int:
    """How many different names suffice in place of `needed` where so many words stay."""
    return min(needed, next((few for words, few in FEWER_VALUES if constant >= words), needed))


def _needed_by_form(place: int, values: set[str]) -> int:
    files = any(FILE.search(value) for value in values)
    masked = any(WILD in value for value in values)
    if masked and not (files and place == 0):
        return MARKED_VALUES_MIN
    if place == 0:
        return FIRST_WORD_VALUES_MIN
    return FILES_MIN if files else VALUES_MIN


def key_of(values: set[str]) -> str:
    """The `key=` that all values share, or the kind of unit that an init system starts, or nothing."""
    for form in (_KEY, _UNIT):
        keys = {match.group(1) if match else "" for match in map(form.fullmatch, values)}
        if len(keys) == 1:
            key = keys.pop()
            if key:
                return key
    return ""


def frame(values: set[str]) -> str:
    """A wildcard in what all values begin and end with, cut at punctuation."""
    values = {FILE.sub(WILD, value) for value in values}
    head = _PUNCTUATED.match(_common(values))
    tail = _PUNCTUATED.match(_common({value[::-1] for value in values}))
    before = head.group().rstrip("<*>") if head else ""
    after = tail.group()[::-1].lstrip("<*>") if tail else ""
    return f"{before}{WILD}{after}"


def _common(values: set[str]) -> str:
    """What all values begin with."""
    first, last = min(values), max(values)
    for i, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other:
            return first[:i]
    return first


def fits(value: str, pattern: str) -> bool:
    """Whether a value has what stands around the wildcards of `pattern`, in order."""
    head, *between, tail = pattern.split(WILD)
    if len(value) < len(head) + len(tail) or not value.startswith(head) or not value.endswith(tail):
        return False
    at, end = len(head), len(value) - len(tail)
    for part in between:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
