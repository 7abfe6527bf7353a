"""Bytes <-> record, for every record that a topic carries, and what a rejected record says of itself.

JSON on the wire; msgpack for `FoldBatch`, which only our own roles read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from streams.contract.alias import Alias
from streams.contract.baseline import JobBaseline, PassedRun
from streams.contract.classified import Classified, GroupChanged, SealedClassified, Unseen, VerdictChanged
from streams.contract.errors import FaultlineError, MalformedRecord, RecordTooLarge, UnknownVersion
from streams.contract.failure import Envelope, Failure
from streams.contract.fold import FoldBatch
from streams.contract.rollup import Rollup, SealedRollup
from streams.contract.verdict import Unanswered, Verdict

VERSION = 1
RECORD_BYTES_MAX = 1024 * 1024
"""What the broker takes of one record; ours stay well below it."""
ENVELOPE_ITEMS_MAX = 10_000
"""Failures in one envelope of a foreign producer; ours hold at most ENVELOPE_FAILURES_MAX."""

ClassifiedRecord = Classified | VerdictChanged | GroupChanged
"""What `failures.classified.v1` holds."""
Record = (
    Failure
    | Envelope
    | FoldBatch
    | Verdict
    | Unanswered
    | Alias
    | ClassifiedRecord
    | Unseen
    | Rollup
    | PassedRun
    | JobBaseline
)
R = TypeVar("R", bound=Record)

_to_json = msgspec.json.Encoder(order="deterministic")
_to_msgpack = msgspec.msgpack.Encoder()
_DECODERS: dict[type, Callable[[bytes], Any]] = {
    FoldBatch: msgspec.msgpack.Decoder(FoldBatch).decode,
    **{
        kind: msgspec.json.Decoder(kind).decode
        for kind in (
            Failure,
            Envelope,
            Verdict,
            Unanswered,
            Alias,
            Classified,
            VerdictChanged,
            GroupChanged,
            Unseen,
            Rollup,
            PassedRun,
            JobBaseline,
        )
    },
}
_classified: msgspec.json.Decoder[ClassifiedRecord] = msgspec.json.Decoder(ClassifiedRecord)
_PLACE = re.compile(r"(?s)^(.*) - at `([^`]*)`$")


class _Head(msgspec.Struct):
    """The little that is looked at before a record is trusted."""

    version: int = VERSION
    failures: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


_head = msgspec.json.Decoder(_Head)


@dataclass(frozen=True, slots=True)
class Refused:
    """A part of a record that is not a failure: its bytes as they came, and why."""

    data: bytes
    error: MalformedRecord


def to_bytes(record: Record | SealedClassified | SealedRollup) -> bytes:
    """The record as bytes: msgpack for `FoldBatch`, JSON with keys in a fixed order for the rest."""
    return _to_msgpack.encode(record) if isinstance(record, FoldBatch) else _to_json.encode(record)


def envelope_of(failures: Iterable[bytes]) -> bytes:
    """The envelope of failures that are bytes already: each is written once."""
    return b'{"failures":[' + b",".join(failures) + b'],"version":%d}' % VERSION


def from_bytes(kind: type[R], data: bytes) -> R:
    """The record of that kind in these bytes.

    Raises: `UnknownVersion` for a version newer than VERSION; `MalformedRecord`, with the place, for all else.
    """
    try:
        record: R = _DECODERS[kind](data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error, data) from error
    if record.version != VERSION:
        raise UnknownVersion(_version_reason(record.version), place="$.version")
    return record


def classified_from_bytes(data: bytes) -> ClassifiedRecord:
    """Any of the records of `failures.classified.v1`. Raises as `from_bytes`."""
    try:
        return _classified.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(error, data) from error


def failures_from_bytes(data: bytes | None) -> Iterator[Failure | Refused]:
    """The failures of one record (one failure, or an envelope), in order; what is not one is given as `Refused`.

    One bad failure does not take the others of its envelope with it. Never raises on bytes.
    """
    if data is None:
        yield Refused(b"", MalformedRecord("the record has no value; send a Failure or an Envelope"))
        return
    if len(data) > RECORD_BYTES_MAX * 16:
        reason = f"{len(data)} bytes in one record; send envelopes of at most {RECORD_BYTES_MAX} bytes"
        yield Refused(data, RecordTooLarge(reason, limit_bytes=RECORD_BYTES_MAX))
        return
    try:
        head = _head.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        yield Refused(data, malformed(error, data))
        return
    if head.version != VERSION:
        yield Refused(data, UnknownVersion(_version_reason(head.version), place="$.version"))
    elif isinstance(head.failures, msgspec.UnsetType):
        yield _one(data, "$")
    elif len(head.failures) > ENVELOPE_ITEMS_MAX:
        reason = f"{len(head.failures)} failures in one envelope; send at most {ENVELOPE_ITEMS_MAX}"
        yield Refused(data, RecordTooLarge(reason, limit_bytes=RECORD_BYTES_MAX, place="$.failures"))
    else:
        for number, raw in enumerate(head.failures):
            yield _one(bytes(raw), f"$.failures[{number}]")


def _one(data: bytes, place: str) -> Failure | Refused:
    try:
        return from_bytes(Failure, data)
    except UnknownVersion as error:
        return Refused(data, UnknownVersion(error.reason, place=_under(place, error)))
    except MalformedRecord as error:
        return Refused(data, MalformedRecord(error.reason, place=_under(place, error)))


def _under(place: str, error: MalformedRecord) -> str:
    """The place of a fault inside a part, seen from the whole."""
    return place + error.place.removeprefix("$") if error.place or place != "$" else ""


def _version_reason(version: int) -> str:
    return f"version {version} is not known here (known: {VERSION}); upgrade faultline or send version {VERSION}"


def malformed(error: Exception, data: bytes) -> MalformedRecord:
    """The error of a decoder, as ours: its reason, and the place where it names one."""
    if isinstance(error, UnicodeDecodeError):
        return MalformedRecord(f"not UTF-8 ({error.reason})", place=f"byte {error.start}")
    if isinstance(error, RecursionError):
        return MalformedRecord("nested too deeply")
    text = str(error)
    if match := _PLACE.match(text):
        return MalformedRecord(match.group(1), place=match.group(2))
    if not data.strip():
        return MalformedRecord("empty")
    return MalformedRecord(text)


def rejected_headers(
    error: FaultlineError,
    *,
    topic: str,
    partition: int,
    offset: int,
    stage: str,
    failed_at_ms: int,
    app_version: str,
    attempt: int = 1,
) -> dict[str, str]:
    """Headers of a record of `failures.rejected.v1`: the six names of KIP-1034, then our own.

    There is no stack trace to give for bad input, so that header holds the place of the fault.
    """
    place = error.place if isinstance(error, MalformedRecord) else ""
    return {
        "__streams.errors.exception": type(error).__name__,
        "__streams.errors.stacktrace": place,
        "__streams.errors.message": str(error)[:1024],
        "__streams.errors.topic": topic,
        "__streams.errors.partition": str(partition),
        "__streams.errors.offset": str(offset),
        "dlq.stage": stage,
        "dlq.attempt": str(attempt),
        "dlq.first_failed_at": str(failed_at_ms),
        "dlq.app_version": app_version,
    }
