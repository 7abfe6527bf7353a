"""A body of events -> the pieces that should each be one failure, each with its place.

A body is one JSON object, a JSON list, an envelope `{"failures": [...]}`, lines of JSON (NDJSON), or a CloudEvent in
structured mode or a batch of them. A piece with a fault in it does not take the others with it: where the body as a
whole is not JSON, it is cut at the commas between its items, and each item is judged alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

import msgspec

from streams.contract.errors import MalformedRecord, UnknownVersion
from streams.contract.wire import VERSION, malformed

NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
CLOUDEVENT = "application/cloudevents+json"
CLOUDEVENTS = "application/cloudevents-batch+json"
EVENT_TYPES = frozenset({"", "application/json", "text/json", CLOUDEVENT, CLOUDEVENTS}) | NDJSON_TYPES
_BOM = b"\xef\xbb\xbf"
_BYTE = re.compile(r"\s*\(byte (\d+)\)$")
_STRING = rb'"(?>(?:[^"\\]++|\\.)*)(?:"|\\?\Z)'
"""A string that does not end takes all that follows: were it no match, each quote in it would be tried again."""
_TO_COMMA = re.compile(rb'(?>(?:[^"\[\]{},]++|' + _STRING + rb")*)", re.DOTALL)
_TO_BRACKET = re.compile(rb'(?>(?:[^"\[\]{}]++|' + _STRING + rb")*)", re.DOTALL)
_DEPTH_MAX = 500
_MARKS_MAX = 2_000_000
"""Brackets and commas that are looked at; what follows them is one piece. A second or two of work."""
_FAILURES_KEY = re.compile(rb'\s*"failures"\s*:\s*\[')


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that should be one failure."""

    data: bytes
    place: str = "$"
    """JSON path of the piece; the path within its line, when it is one of several lines."""
    line: int | None = None
    """From 1, for NDJSON."""
    offset: int | None = None
    """Of `data` in the body, in bytes, where that is known: then a fault is told by its byte."""
    key: str = ""
    """What tells the piece from others where its failure does not: id and source of a CloudEvent."""
    at_ms: int | None = None
    """When it happened, if the wrapping says so."""


class _Head(msgspec.Struct):
    version: int = VERSION
    failures: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _CloudEvent(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    time: datetime | None = None


_head = msgspec.json.Decoder(_Head)
_event = msgspec.json.Decoder(_CloudEvent)


def unknown_version(version: int) -> UnknownVersion:
    """The error of a record whose version is not ours."""
    told = f"version {version} is not known here (known: {VERSION}); upgrade faultline, or send version {VERSION}"
    return UnknownVersion(told, place="$.version")


def byte_of(error: MalformedRecord) -> tuple[MalformedRecord, int | None]:
    """The error without the byte position in its text, and that position."""
    if found := _BYTE.search(error.reason):
        return MalformedRecord(error.reason[: found.start()], place=error.place), int(found[1])
    if error.place.startswith("byte "):
        return MalformedRecord(error.reason), int(error.place[5:])
    return error, None


def pieces_of(body: bytes, content_type: str, *, items_max: int) -> list[Piece | tuple[Piece, MalformedRecord]]:
    """The pieces in order, at most one more than `items_max`; one that is refused here already comes with its error.

    Never raises on bytes. An empty body is one refused piece.
    """
    start = len(_BOM) if body.startswith(_BOM) else 0
    if not body[start : start + 1024].strip() and not body[start:].strip():
        return [(Piece(body), MalformedRecord("the body is empty; send a failure, a list of them, or lines of them"))]
    found: Iterator[Piece | tuple[Piece, MalformedRecord]]
    if content_type in NDJSON_TYPES:
        found = _lines(body, start)
    elif content_type in {CLOUDEVENT, CLOUDEVENTS}:
        found = (_unwrapped(piece) for piece in _items(body, start))
    elif _looks_like_lines(body, start) and not _is_json(body[start:]):
        found = _lines(body, start)
    else:
        found = _items(body, start)
    return list(islice(found, items_max + 1))


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _looks_like_lines(body: bytes, start: int) -> bool:
    """Whether a second line begins an object while the first does not leave one open: so do no pretty-printed ones."""
    first, _, rest = body[start : start + 16 * 1024 * 1024].lstrip().partition(b"\n")
    return rest.lstrip().startswith(b"{") and not first.rstrip().endswith((b"[", b",", b":"))


def _lines(body: bytes, start: int) -> Iterator[Piece]:
    number, begin = 0, start
    while begin < len(body):
        end = body.find(b"\n", begin)
        end = len(body) if end < 0 else end
        number += 1
        line = body[begin:end]
        if line.strip():
            yield Piece(line, line=number, offset=begin)
        begin = end + 1


def _items(body: bytes, start: int) -> Iterator[Piece | tuple[Piece, MalformedRecord]]:
    """The items of a list, of an envelope, or the one object."""
    first = len(body) - len(body[start:].lstrip())
    whole = Piece(body[start:], offset=start)
    if body[first : first + 1] == b"[":
        yield from _cut(body, first, "$")
        return
    if body[first : first + 1] != b"{":
        yield whole
        return
    try:
        head = _head.decode(whole.data)
    except msgspec.ValidationError as error:
        yield whole, malformed(error, whole.data)
        return
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        head = None
    if head is not None and head.version != VERSION:
        yield whole, unknown_version(head.version)
        return
    if head is None or not isinstance(head.failures, msgspec.UnsetType):
        for begin, end, _ in _between(body, first):
            if key := _FAILURES_KEY.match(body, begin, end):
                yield from _cut(body, key.end() - 1, "$.failures")
                return
    yield whole


def _cut(body: bytes, opening: int, path: str) -> Iterator[Piece | tuple[Piece, MalformedRecord]]:
    """The items of a list, also of one that is not JSON as a whole."""
    for number, (begin, end, is_behind) in enumerate(_between(body, opening)):
        piece = Piece(body[begin:end], f"{path}[{number}]", offset=begin)
        if not is_behind:
            yield piece
        elif path == "$":
            yield replace(piece, place="$"), MalformedRecord("more text after the end of the list (byte 0)")


def _between(body: bytes, opening: int) -> Iterator[tuple[int, int, bool]]:
    """Begin and end of what stands between the commas of the list or object that opens at `opening`.

    Then, marked with True, of what follows its end. What is cut off ends with the body.
    Goes from bracket to bracket, so linear whatever the bytes are.
    """
    depth, begin, at, is_first = 1, opening + 1, opening + 1, True
    for _ in range(_MARKS_MAX):
        found = (_TO_COMMA if depth == 1 else _TO_BRACKET).match(body, at)
        at = found.end() if found else at
        mark = body[at : at + 1]
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
        if not mark or depth > _DEPTH_MAX:
            break
        if depth == 0 or (depth == 1 and mark == b","):
            if mark == b"," or not is_first or body[begin:at].strip():
                yield begin, at, False
            begin, is_first = at + 1, False
            if depth == 0:
                break
        at += 1
    if body[begin:].strip():
        yield begin, len(body), depth == 0


def _unwrapped(item: Piece | tuple[Piece, MalformedRecord]) -> Piece | tuple[Piece, MalformedRecord]:
    if isinstance(item, tuple):
        return item
    try:
        event = _event.decode(item.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return item, malformed(error, item.data)
    if isinstance(event.data, msgspec.UnsetType):
        return item, MalformedRecord("the CloudEvent has no `data`; put the failure there", place="$.data")
    time = event.time
    if time is not None and time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    at_ms = max(0, int(time.timestamp() * 1000)) if time else None
    return Piece(bytes(event.data), f"{item.place}.data", key=f"{event.id} {event.source}", at_ms=at_ms)
