"""The normalisers and hashes of the two systems that this one replaces, oddities included.

Documents carry these values beside our own fingerprint, so that an old dashboard, query or deduplication store goes on
working. Nothing else may use them: a template is made by `core/template`, which repeats none of the oddities (a
decimal word that happens to be hex becomes HEXID, an ISO time leaves its Z, the tail of a UUID becomes TIMESTAMP).

`tests/unit/golden.json` holds what the earlier systems answered; every line below exists because a vector needs it.
All functions are pure and linear in the length of the text; callers bound it to 64 KiB.
"""

from __future__ import annotations

import functools
import hashlib
import re
import string
from itertools import islice
from typing import Final

CI_HASH_LENGTH_CHARS: Final = 16
BENCHMARK_MESSAGE_MAX_CHARS: Final = 2000
NUMBERS_MAX: Final = 32
"""With more numbers than this a text is looked at as a whole."""

_FROM_SLASH: Final = re.compile(r"/[\w\-./]*")


def _file_name_of_path(match: re.Match[str]) -> str:
    """What the earlier `/dirs/(name)` left of a run of path characters, from its first slash on: the name.

    The earlier expression was quadratic on a row of slashes. Here the run is found first and cut by position.
    """
    run = match.group()
    last = run.rstrip("/").rfind("/")
    return run[last + 1 :] if last >= 2 else run


_Step = tuple[re.Pattern[str], str, tuple[bytes, ...]]
"""A pattern, what it becomes, and what of a shape (see `_shape`) every match holds at least one of."""
_HEX: Final = "[0-9a-fA-F]"
_TIME_UNITS: Final = r"(?i:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h)"
_SIZE_UNITS: Final = r"(?i:bytes?|[kmgt]i?b|b)"
_HEX_ID: Final = re.compile(rf"{_HEX}(?<=\b.){_HEX}{{5,39}}\b")
_HEX_RUN: Final = b"ffffff"
"""What stands in a shape where a match of it begins."""
_WINDOWS_PATH: Final = re.compile(r"[A-Za-z]:\\[\w\-.\\]+\\([\w\-.]+)")


@functools.cache
def _steps(digit: str) -> tuple[tuple[_Step, ...], tuple[_Step, ...]]:
    """The steps of the earlier normaliser before the paths are cut, and those after it. `digit` is a class.

    Order matters: it is what makes the oddities. A pattern begins with a class, because such a place is found fast,
    and only then asks whether a word begins there.
    """
    d = digit
    before = (
        (rf"{d}{d}{{3}}-{d}{{2}}-{d}{{2}}[T ]{d}{{2}}:{d}{{2}}:{d}{{2}}(?:\.{d}+)?", "TIMESTAMP", (b"0000-00-00",)),
        (
            rf"[A-Z](?<=\b.)[a-z]{{2}}\s{{1,8}}{d}{{1,2}}\s{{1,8}}{d}{{2}}:{d}{{2}}:{d}{{2}}",
            "TIMESTAMP",
            (b"00:00:00",),
        ),
        (rf"{d}(?<=\b.){d}{{9,12}}\b", "TIMESTAMP", (b"0000000000",)),
        (
            rf"{_HEX}(?<=\b.){_HEX}{{7}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b",
            "UUID",
            (b"-ffff-ffff-ffff-",),
        ),
        (_HEX_ID.pattern, "HEXID", (_HEX_RUN,)),
    )
    after = (
        (rf"([lLcC](?<=\b.)(?i:(?<=l)ine|(?<=c)olumn))\s+{d}+", r"\1 NUM", (b"line0", b"column0")),
        (rf"(\.\w+):{d}+", r"\1:NUM", (b":0",)),
        (rf"0x{_HEX}+", "MEMADDR", (b"0x",)),
        (rf"([pPtT](?<=\b.)(?i:(?<=[pt])id|(?<=t)hread))\s+{d}+", r"\1 NUM", (b"id0", b"thread0")),
        (rf":{d}{{4,5}}\b", ":PORT", (b":0000",)),
        (rf"{d}(?<=\b.){d}*(?:\.{d}+)?\s*{_TIME_UNITS}\b", "NUM TIME_UNIT", (b"0m", b"0s", b"0h")),
        (
            rf"{d}(?<=\b.){d}*(?:\.{d}+)?\s*{_SIZE_UNITS}\b",
            "NUM SIZE_UNIT",
            (b"0b", b"0kb", b"0ki", b"0mb", b"0mi", b"0gb", b"0gi", b"0tb", b"0ti"),
        ),
    )
    return _compiled(before), _compiled(after)


def _compiled(steps: tuple[tuple[str, str, tuple[bytes, ...]], ...]) -> tuple[_Step, ...]:
    return tuple((re.compile(pattern), replacement, needs) for pattern, replacement, needs in steps)


_STEPS_BEFORE_PATHS, _STEPS_AFTER_PATHS = _steps("[0-9]")
_REQUEST_ID: Final = re.compile(r"(?:request|activity)[ _-]?id\s*[:=]\s*[\"']?[\w-]+[\"']?")

_LETTERS: Final = string.ascii_uppercase.encode()
_DIGITS: Final = string.digits.encode()
_HEX_DIGITS: Final = string.hexdigits.encode()
_SPACES: Final = bytes(code for code in range(128) if chr(code).isspace())
_TO_NUMBERS: Final = bytes.maketrans(_DIGITS + _LETTERS, b"0" * len(_DIGITS) + _LETTERS.lower())
_TO_HEX: Final = bytes.maketrans(_HEX_DIGITS, b"f" * len(_HEX_DIGITS))
_NO_HEX: Final = re.compile(b"[^f]")
_NUMBERS: Final = re.compile(rb"00*")
_NEEDED_BEFORE: Final = len("column")
_NEEDED_AFTER: Final = len("kb")
_FOREIGN: Final = re.compile("[^\x00-\x7f](?<=[\\d\\s\u0130\u0131\u017f\u212a])")
"""Digits and spaces that are not ASCII, and letters that count as an ASCII one where case does not.

A shape tells nothing of these."""


def _shape(text: str) -> bytes:
    """The text without white space, in small letters, each digit `0`; then the text, each hex digit `f`.

    What a step needs is looked for in here: most texts hold nothing for most steps, and a search of bytes costs a
    hundredth of a search of the pattern. No step makes anything that a later one needs, so that one shape serves a row
    of steps.
    """
    data = text.encode("ascii", "replace")
    return data.translate(_TO_NUMBERS, _SPACES) + b"|" + data.translate(_TO_HEX)


def _without_hex_ids(text: str) -> str:
    """The last of the steps before the paths, tried where a row of hex digits begins and nowhere else.

    A match begins where a word does, so that no other place in a row can be one.
    """
    data = text.encode("ascii", "replace").translate(_TO_HEX)
    if data.count(_HEX_RUN) > NUMBERS_MAX:
        return _HEX_ID.sub("HEXID", text)
    parts: list[str] = []
    done = end = 0
    while (start := data.find(_HEX_RUN, end)) >= 0:
        found = _HEX_ID.match(text, start)
        if found:
            parts += (text[done:start], "HEXID")
            done = found.end()
        after = _NO_HEX.search(data, start)
        end = after.start() if after else len(data)
    return "".join((*parts, text[done:])) if parts else text


def _near_numbers(text: str) -> bytes:
    """The first half of a shape, cut to what stands around its numbers: all that the later steps need."""
    shape = text.encode("ascii", "replace").translate(_TO_NUMBERS, _SPACES)
    places = [found.span() for found in islice(_NUMBERS.finditer(shape), NUMBERS_MAX + 1)]
    if len(places) > NUMBERS_MAX:
        return shape
    return b" ".join([shape[max(0, start - _NEEDED_BEFORE) : end + _NEEDED_AFTER] for start, end in places])


def _after(steps: tuple[_Step, ...], text: str, shape: bytes) -> str:
    for pattern, replacement, needs in steps:
        for need in needs:
            if need in shape:
                text = pattern.sub(replacement, text)
                break
    return text


def _after_all(steps: tuple[_Step, ...], text: str) -> str:
    for pattern, replacement, _ in steps:
        text = pattern.sub(replacement, text)
    return text


def _without_directories(text: str) -> str:
    if "/" in text:
        text = _FROM_SLASH.sub(_file_name_of_path, text)
    return _WINDOWS_PATH.sub(r"\1", text) if ":\\" in text else text


def ci_normalise(text: str) -> str:
    """The text as the earlier CI classifier normalised it before hashing."""
    if text.isascii() or not _FOREIGN.search(text):
        shape = _shape(text)
        text = _after(_STEPS_BEFORE_PATHS[:-1], text, shape)
        text = _without_directories(_without_hex_ids(text) if _HEX_RUN in shape else text)
        text = _after(_STEPS_AFTER_PATHS, text, _near_numbers(text))
    else:
        before, after = _steps(r"\d")
        text = _after_all(after, _without_directories(_after_all(before, text)))
    return _single_spaced(text)


def _single_spaced(text: str) -> str:
    """As `" ".join(text.split())`, faster for a text that is so already: of white space only a space is printable."""
    if text.isprintable() and "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    return " ".join(text.split())


def ci_error_hash(text: str) -> str:
    """`s_error_hash`: the first 16 hex digits of the SHA-256 of the normalised text. Lone surrogates count as `?`."""
    return hashlib.sha256(ci_normalise(text).encode("utf-8", "replace")).hexdigest()[:CI_HASH_LENGTH_CHARS]


def benchmark_normalise(text: str) -> str:
    """`normalized_message`: lower case, request ids redacted, white space single, the first 2,000 characters."""
    text = text.lower()
    if "request" in text or "activity" in text:
        text = _REQUEST_ID.sub("request_id=<redacted>", text)
    return _single_spaced(text)[:BENCHMARK_MESSAGE_MAX_CHARS]


def benchmark_fingerprint(provider: str, model: str, stage: str, kind: str, normalised: str) -> str:
    """`fingerprint` of the earlier rollups: 64 hex digits over the normalised message and what is named here.

    The kind by status alone is inside, as it was there.
    """
    parts = f"{provider}\n{model}\n{stage}\n{kind}\n{normalised}"
    return hashlib.sha256(parts.encode("utf-8", "replace")).hexdigest()
