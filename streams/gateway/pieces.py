"""A body of events -> the pieces that should each be one failure, each with its place.

A body is one JSON object, a JSON list, an envelope `{"failures": [...]}`, lines of JSON (NDJSON), or a CloudEvent in
structured mode or a batch of them. A piece with a fault in it does not take the others with it: where the body as a
whole is not JSON, it is cut at the commas between its items, and each item is judged alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from streams.contract.errors import MalformedRecord, UnknownVersion
from streams.contract.wire import VERSION, malformed

NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
CLOUDEVENT = "application/cloudevents+json"
CLOUDEVENTS = "application/cloudevents-batch+json"
EVENT_TYPES = frozenset({"", "application/json", "text/json", CLOUDEVENT, CLOUDEVENTS}) | NDJSON_TYPES
_BOM = b"\xef\xbb\xbf"
_BYTE = re.compile(r"\s*\(byte (\d+)\)$")
_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},]', re.DOTALL)
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
    failures: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


class _CloudEvent(msgspec.Struct):
    specversion: str
    id: str
    source: str
    type: str
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    time: datetime | None = None


_head = msgspec.json.Decoder(_Head)
_list = msgspec.json.Decoder(list[msgspec.Raw])
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


def pieces_of(body: bytes, content_type: str) -> list[Piece | tuple[Piece, MalformedRecord]]:
    """The pieces in order; one that is refused here already comes with its error.

    Never raises on bytes. An empty body is one refused piece.
    """
    start = len(_BOM) if body.startswith(_BOM) else 0
    if not body[start:].strip():
        return [(Piece(body), MalformedRecord("the body is empty; send a failure, a list of them, or lines of them"))]
    if content_type in NDJSON_TYPES:
        return list(_lines(body, start))
    if content_type in {CLOUDEVENT, CLOUDEVENTS}:
        return [_unwrapped(piece) for piece in _items(body, start)]
    if not _is_json(body[start:] if start else body) and _looks_like_lines(body, start):
        return list(_lines(body, start))
    return list(_items(body, start))


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
    first = body[start : start + 64].lstrip()[:1]
    whole = Piece(body[start:], offset=start)
    if first == b"[":
        try:
            found = _list.decode(whole.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            yield from _cut(body, body.index(b"[", start), "$")
            return
        for number, raw in enumerate(found):
            yield Piece(bytes(raw), f"$[{number}]")
    elif first == b"{":
        yield from _object(body, start)
    else:
        yield whole


def _object(body: bytes, start: int) -> Iterator[Piece | tuple[Piece, MalformedRecord]]:
    whole = Piece(body[start:], offset=start)
    try:
        head = _head.decode(whole.data)
    except msgspec.ValidationError as error:
        yield whole, malformed(error, whole.data)
        return
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        opening = body.index(b"{", start)
        for begin, end in _between(body, opening):
            if key := _FAILURES_KEY.match(body, begin, end):
                yield from _cut(body, key.end() - 1, "$.failures")
                return
        yield whole
        return
    if head.version != VERSION:
        yield whole, unknown_version(head.version)
    elif isinstance(head.failures, msgspec.UnsetType):
        yield whole
    else:
        for number, raw in enumerate(head.failures):
            yield Piece(bytes(raw), f"$.failures[{number}]")


def _cut(body: bytes, opening: int, path: str) -> Iterator[Piece]:
    """The items of a list that is not JSON as a whole."""
    for number, (begin, end) in enumerate(_between(body, opening)):
        yield Piece(body[begin:end], f"{path}[{number}]", offset=begin)


def _between(body: bytes, opening: int) -> Iterator[tuple[int, int]]:
    """Begin and end of what stands between the commas of the list or object that opens at `opening`.

    One pass over strings and brackets, so linear whatever the bytes are; what is cut off ends with the body.
    """
    depth, begin, empty = 0, opening + 1, True
    for token in _STRUCTURE.finditer(body, opening):
        mark = token.group()
        if mark in b"[{":
            depth += 1
        elif mark in b"]}":
            depth -= 1
        if depth == 0 or (depth == 1 and mark == b","):
            if depth == 1 or not empty or body[begin : token.start()].strip():
                yield begin, token.start()
            begin, empty = token.end(), False
        if depth == 0:
            return
    if body[begin:].strip():
        yield begin, len(body)


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
