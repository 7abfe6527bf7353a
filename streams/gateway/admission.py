"""Pieces -> failures that have their identity, or refusals by name.

**Identity.** A failure sent twice must be one failure, and two failures must not become one.
Most producers give enough for that: a CI failure its run, a benchmark failure its run and request, or its time.
Where they do not, the *request's key* stands in: its `Idempotency-Key` header (the source and id of a CloudEvent), else
a key made new for each request. So the same report on two days is two failures, and a retry with its key is one.

- A CI failure without a run id gets the request's key as its run id.
- A benchmark failure without a time, a run and a request id gets it as its run id; without a time and a request id, but
  with a run id, it keeps its run id and is told apart by the key.
- A time that was missing is filled in with the time of arrival, which no identity contains.
- A failure that comes with an `id` or an `ordinal` of its own keeps it.

**Ordinals.** Failures of one request whose identity is otherwise equal are one failure when message and time are equal
too; else the second gets ordinal 1, and so on. Those that bring neither time nor run nor request id are never merged:
a list of five bare `429`s is five failures.

**Repairs.** What is not JSON only because of half characters (lone surrogates), bytes that are not UTF-8, raw control
characters in a text, or `NaN`, is repaired and accepted with a note that says so.
What else does not count as it was sent, `notes` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from streams.contract.errors import MalformedRecord, UnknownVersion
from streams.contract.failure import FIELD_CHARS_MAX, Failure, bounded, identity
from streams.contract.wire import VERSION, from_bytes, malformed
from streams.gateway.answers import with_allowed
from streams.gateway.notes import Notes, says_nothing
from streams.gateway.pieces import Piece, byte_of, unknown_version

NOTE_SURROGATES = "half of a surrogate pair replaced by U+FFFD"
NOTE_UTF8 = "bytes that are not UTF-8 replaced by U+FFFD"
NOTE_CONTROL = "raw control characters in a text escaped"
NOTE_NAN = "NaN or Infinity read as null"
NOTHING_SAID = "nothing says what failed: give a message, an exception_type or a traceback"

_TIME = "occurred_at_ms"
_NO_TIME = re.compile(r"missing required field `occurred_at_ms`|got `null` - at `\$\.occurred_at_ms`")
_CLEAN = rb"""(?>(?:[^"NI-]++|"(?>(?:[^"\\\x00-\x1f]++|\\[^u]|\\u[^dD])*)")+)"""
_STRING = rb'"(?>(?:[^"\\]++|\\.)*)(?:"|\\?\Z)'
_MENDABLE = re.compile(b"(" + _CLEAN + b")|" + _STRING + rb"|-?\b(?:NaN|Infinity)\b", re.DOTALL)
"""Long stretches that need nothing; strings that may; and what Python and JavaScript write for no number."""
_SURROGATES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_CONTROLS = tuple((bytes([code]), b"\\u%04x" % code) for code in range(0x20))


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What became of one piece: a failure, or an error."""

    piece: Piece
    failure: Failure | None = None
    error: MalformedRecord | None = None
    byte: int | None = None
    """Of the fault, in the body."""
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sent:
    """A failure as it was sent."""

    failure: Failure
    is_timed: bool
    notes: list[str] = field(default_factory=list)


def admitted(
    pieces: Iterable[Piece | tuple[Piece, MalformedRecord]], *, now_ms: int, request_key: str
) -> Iterator[Item]:
    """What became of each piece, in order. `now_ms`: the time of arrival; `request_key`: what names this request."""
    seen: dict[str, dict[object, int]] = {}
    notes = Notes()
    for number, piece in enumerate(pieces):
        if isinstance(piece, tuple):
            yield _refused(*piece)
            continue
        try:
            sent = _sent(piece, now_ms, notes)
        except MalformedRecord as error:
            yield _refused(piece, error)
            continue
        # identified before it is cut: what differs past a bound are different failures
        failure = bounded(_identified(sent, number, (piece.key or request_key)[:FIELD_CHARS_MAX], seen))
        yield Item(piece=piece, failure=replace(failure, received_at_ms=now_ms), notes=tuple(sent.notes))


def _refused(piece: Piece, error: MalformedRecord) -> Item:
    told, byte = byte_of(with_allowed(error))
    place = (piece.place + told.place.removeprefix("$")) if told.place else piece.place
    known = byte is not None and piece.offset is not None
    renamed = UnknownVersion if isinstance(error, UnknownVersion) else MalformedRecord
    return Item(
        piece=piece, error=renamed(told.reason, place=place), byte=(piece.offset or 0) + (byte or 0) if known else None
    )


def _sent(piece: Piece, now_ms: int, notes: Notes) -> _Sent:
    """Raises: MalformedRecord with the place within the piece."""
    data = piece.data
    repairs: list[str] = []
    try:
        sent = _decoded(data, piece, now_ms)
    except UnknownVersion:
        raise
    except MalformedRecord as first:
        data, repairs = repaired(piece.data)
        if not repairs:
            raise
        try:
            sent = _decoded(data, piece, now_ms)
        except MalformedRecord as second:
            # What is still wrong stands in the repaired text; its path is right, its bytes are not.
            raise (second if second.place else first) from second
    if says_nothing(sent.failure):
        raise MalformedRecord(NOTHING_SAID, place="$.message")
    at_ms = sent.failure.occurred_at_ms if sent.is_timed else None
    sent.notes = [*repairs, *notes.of(bounded(sent.failure), data, at_ms=at_ms, now_ms=now_ms)]
    return sent


def _decoded(data: bytes, piece: Piece, now_ms: int) -> _Sent:
    try:
        return _Sent(from_bytes(Failure, data), is_timed=True)
    except MalformedRecord as error:
        if not isinstance(error.__cause__, msgspec.ValidationError) or not _NO_TIME.search(str(error.__cause__)):
            raise
    try:
        fields: dict[str, Any] = msgspec.json.decode(data)
        fields[_TIME] = now_ms if piece.at_ms is None else piece.at_ms
        failure = msgspec.convert(fields, Failure)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error, data) from error
    if failure.version != VERSION:
        raise unknown_version(failure.version)
    return _Sent(failure, is_timed=piece.at_ms is not None)


def _identified(sent: _Sent, number: int, key: str, seen: dict[str, dict[object, int]]) -> Failure:
    """The failure with its id, by the rules at the top of this file."""
    failure, told_apart = sent.failure, sent.failure if sent.is_timed else replace(sent.failure, occurred_at_ms=0)
    if failure.id:
        return failure
    is_bare = not sent.is_timed
    if failure.ci is not None:
        if failure.ci.run_id:
            is_bare = False
        else:
            failure = replace(failure, ci=replace(failure.ci, run_id=key))
            told_apart = replace(told_apart, ci=failure.ci)
    elif failure.benchmark is not None:
        call = failure.benchmark
        is_bare = is_bare and not call.request_id
        if is_bare and not call.run_id:
            failure = replace(failure, benchmark=replace(call, run_id=key))
            told_apart = replace(told_apart, benchmark=failure.benchmark)
        elif is_bare:
            told_apart = replace(told_apart, benchmark=replace(call, request_id=key))
            is_bare = False
    value = identity(told_apart)
    if not failure.ordinal:
        twins = seen.setdefault(value, {})
        twin: object = number if is_bare else (told_apart.occurred_at_ms, failure.message)
        ordinal = twins.setdefault(twin, len(twins))
        if ordinal:
            failure = replace(failure, ordinal=ordinal)
            value = identity(replace(told_apart, ordinal=ordinal))
    return replace(failure, id=value)


def repaired(data: bytes) -> tuple[bytes, list[str]]:
    """The piece with what can be mended mended, and a note for each kind of mending. Linear in the piece."""
    notes: dict[str, None] = {}
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        data = data.decode("utf-8", "replace").encode("utf-8")
        notes[NOTE_UTF8] = None

    def surrogate(found: re.Match[bytes]) -> bytes:
        if found[1] is None:
            return found[0]
        notes[NOTE_SURROGATES] = None
        return b"\\ufffd"

    def mended(found: re.Match[bytes]) -> bytes:
        if found[1] is not None:
            return found[1]
        text = found[0]
        if not text.startswith(b'"'):
            notes[NOTE_NAN] = None
            return b"null"
        if b"\\u" in text:
            text = _SURROGATES.sub(surrogate, text)
        size = len(text)
        for control, escape in _CONTROLS:
            text = text.replace(control, escape)
        if len(text) > size:
            notes[NOTE_CONTROL] = None
        return text

    return _MENDABLE.sub(mended, data), list(notes)
