"""The lines of a report that has lines, and the JSON objects among them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgspec

from streams.producers.report import Limits, Notes
from streams.producers.xml_events import Damage, chunks

_decoded = msgspec.json.Decoder().decode
_OBJECT: Final = re.compile(r"\{\s*\"")
"""How an object begins that has a member."""
_STAMP: Final = re.compile(r"\s*\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?\s*$")
"""What CI systems put before a line."""


def lines_of(stream: BinaryIO, limits: Limits, notes: Notes) -> Iterator[str]:
    """The lines without their ends, in UTF-8 or in what a byte order mark says; what is no text becomes U+FFFD.

    A line longer than `line_chars_max` is cut there; it, and bytes beyond `bytes_max`, are noted. Linear.
    """
    damage = Damage()
    room = limits.line_chars_max
    too_long = f"lines longer than {room} characters, cut there"
    parts: list[str] = []
    held = 0
    for chunk in chunks(stream, limits.bytes_max, damage):
        *whole, rest = chunk.split("\n")
        for line in whole:
            if held + len(line) > room:
                notes.add(too_long)
            yield "".join([*parts, line[: max(0, room - held)]]).removesuffix("\r")
            parts, held = [], 0
        if rest:
            if held < room:
                parts.append(rest[: room - held])
            held += len(rest)
    if held:
        if held > room:
            notes.add(too_long)
        yield "".join(parts).removesuffix("\r")
    for reason, count in damage.places.items():
        notes.add(reason, count)


def objects_of(lines: Iterator[str], notes: Notes) -> Iterator[dict[str, Any] | str]:
    """Each line as the JSON object it is, or as text where it is none.

    Tools write text between their objects, even before one on its line: that comes out as a line of its own, unless it
    is a time stamp. What begins an object and is none is noted, and comes as text.
    """
    for line in lines:
        begins = _OBJECT.search(line)
        if begins is None:
            yield line
            continue
        before, told = line[: begins.start()], line[begins.start() :]
        try:
            decoded = _decoded(told)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            if not before.strip():
                notes.add("lines of JSON that are damaged or cut off")
            yield line
            continue
        if before.strip() and not _STAMP.match(before):
            yield before
        yield decoded if isinstance(decoded, dict) else told
