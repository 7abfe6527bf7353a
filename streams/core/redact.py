"""Text without credentials.

`redact` runs before a text is hashed, kept, logged or sent to a language model. Each credential becomes
`<secret:rule>`, so that a reader sees that something was there and what kind of thing, and two texts that differ only
in a credential become one.

A text is searched for cheap literals first; only where one is found does its pattern run. Names and formats are data in
`credentials/`. Doing it again changes nothing. Time is linear in the text.
`mask_opaque` is for texts that leave the house: it also takes anything that looks random, identifiers included.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streams.core.credentials.formats import FORMATS, Format
from streams.core.credentials.names import KEYS, NO_VALUES, PASSWORDS, SERVICES

ROUNDS_MAX: Final = 4
"""A replacement can uncover another one; a text settles in two rounds, the bound is for the text that does not."""
OPAQUE_CHARS_MIN: Final = 10
SERVICE_KEY_CHARS_MIN: Final = 14
MASKED_CHARS_MIN: Final = 20

_ASSIGNS: Final = r"(?:=>|:{1,3}=|\?=|\|\||[=:>,])"
_NEAR: Final = (
    r"[\w.-]{0,24}[\"'`\\\]]{0,4}\s{0,2}(?P<op>=>|:{1,3}=|\?=|[=:])\s{0,2}"
    r"(?:(?P<q>\\?[\"'`])(?P<quoted>[^\"'`\\\n<>]{4,})|(?P<bare>[^\s\"'`,;&<>(){}\[\]|\\$]{4,}))"
)
_FAR: Final = rf"[\w.\- \t]{{0,24}}[\s\"'\\]{{0,4}}{_ASSIGNS}[\s\"'`=\\]{{0,5}}(?P<bare>[\w.~+/@=:-]{{10,}})"
_WORDS_ONLY: Final = re.compile(r"[A-Za-z_.\-/]+")
_SEPARATORS: Final = str.maketrans("", "", "-_.=+/~@:%")
_CLASS: Final = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "a" * 26 + "A" * 26 + "0" * 10
)
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_LONG_RUN: Final = re.compile(rf"[A-Za-z0-9_+/=~-]{{{MASKED_CHARS_MIN},}}")


@dataclass(frozen=True, slots=True)
class Redaction:
    """A text without credentials, and what was taken."""

    text: str
    found: tuple[tuple[str, int], ...]
    """Rule and how often, by rule."""

    @property
    def count(self) -> int:
        """How many credentials were taken."""
        return sum(count for _, count in self.found)


def redact(text: str) -> str:
    """The text, each credential replaced by `<secret:rule>`. The same object when there is none."""
    return redacted(text).text


def redacted(text: str) -> Redaction:
    """The text without credentials, and how many of which rule were taken."""
    counts: Counter[str] = Counter()
    for _ in range(ROUNDS_MAX):
        once = _once(text, counts)
        if once == text:
            break
        text = once
    return Redaction(text, tuple(sorted(counts.items())))


def mask_opaque(text: str) -> str:
    """The text, each run of 20 characters or more that looks random replaced by `<opaque>`: hashes and ids too.

    For what goes to a language model or a log, after `redact`: what is lost there says nothing about the kind.
    """
    return _LONG_RUN.sub(lambda found: "<opaque>" if _is_random(found[0], turns=4) else found[0], text)


def _once(text: str, counts: Counter[str]) -> str:
    lowered = text.lower()
    for row in FORMATS:
        for literal in row.literals:
            if literal in lowered:
                text = _format_pattern(row).sub(_replacing(row.id, counts), text)
                break
    if not ("=" in text or ":" in text or ">" in text or "||" in text or "," in text):
        return text
    for name in PASSWORDS:
        if name in lowered:
            text = _near(name).sub(_judging("password", counts, _is_password), text)
    for name in KEYS:
        if name in lowered:
            text = _near(name).sub(_judging("key", counts, _is_key), text)
    for name in SERVICES:
        if name in lowered:
            text = _far(name).sub(_judging(f"{name.strip('_=:')}-key", counts, _is_service_key), text)
    return text


@functools.cache
def _format_pattern(row: Format) -> re.Pattern[str]:
    return re.compile(row.pattern, 0 if row.exact_case else re.IGNORECASE)


@functools.cache
def _near(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(name.rstrip('=:"')) + _NEAR, re.IGNORECASE)


@functools.cache
def _far(name: str) -> re.Pattern[str]:
    return re.compile(re.escape(name) + _FAR, re.IGNORECASE)


def _replacing(rule: str, counts: Counter[str]) -> Callable[[re.Match[str]], str]:
    def replace(found: re.Match[str]) -> str:
        group = next((name for name in ("s", "t") if found.groupdict().get(name) is not None), None)
        if group is None and found.re.groups:
            return found[0]
        counts[rule] += 1
        return _without(found, group or 0, rule)

    return replace


def _judging(rule: str, counts: Counter[str], judge: Callable[[re.Match[str]], bool]) -> Callable[[re.Match[str]], str]:
    def replace(found: re.Match[str]) -> str:
        if not judge(found):
            return found[0]
        counts[rule] += 1
        group = "quoted" if found.groupdict().get("quoted") is not None else "bare"
        return _without(found, group, rule)

    return replace


def _without(found: re.Match[str], group: str | int, rule: str) -> str:
    start, end = found.span(group)
    base = found.start()
    return f"{found[0][: start - base]}<secret:{rule}>{found[0][end - base :]}"


def _is_password(found: re.Match[str]) -> bool:
    quoted = found["quoted"]
    value = quoted if quoted is not None else found["bare"]
    if _is_placeholder(value):
        return False
    if quoted is not None:
        return " " not in value.strip() or not _WORDS_ONLY.fullmatch(value.replace(" ", ""))
    after = found.string[found.end() : found.end() + 1]
    if after in ("(", "[") and _WORDS_ONLY.fullmatch(value):
        return False
    if found["op"].startswith(":") and found["op"] != ":=":
        return len(value) >= 6 and not _WORDS_ONLY.fullmatch(value)
    return not (value.startswith(("os.", "self.", "secrets.", "env.", "process.", "--")))


def _is_key(found: re.Match[str]) -> bool:
    quoted = found["quoted"]
    value = quoted if quoted is not None else found["bare"]
    return not _is_placeholder(value) and _is_random(value, turns=3)


def _is_service_key(found: re.Match[str]) -> bool:
    value = found["bare"]
    return len(value) >= SERVICE_KEY_CHARS_MIN and _is_random(value, turns=4)


def _is_placeholder(value: str) -> bool:
    return value.startswith(("$", "%", "{", "<", "*")) or len(set(value)) <= 2 or value.lower() in NO_VALUES


def _is_random(value: str, *, turns: int) -> bool:
    """Whether a value looks drawn by lot: letters and digits that alternate, or a UUID, and no path or version."""
    if len(value) < OPAQUE_CHARS_MIN or "//" in value:
        return False
    if _UUID.search(value):
        return True
    classes = value.translate(_SEPARATORS).translate(_CLASS)
    if len(classes) < OPAQUE_CHARS_MIN or "0" not in classes or ("a" not in classes and "A" not in classes):
        return False
    letters = classes.replace("A", "a")
    changes = letters.count("a0") + letters.count("0a")
    return changes >= turns and changes * 8 >= len(classes)
