"""Headers of our records: CloudEvents in binary mode, as its Kafka protocol binding 1.0.2 has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

Headers = list[tuple[str, bytes]]

SPEC_VERSION: Final = b"1.0"
JSON: Final = "application/json"
MSGPACK: Final = "application/vnd.msgpack"
REPLAY_JOB: Final = "replay.job"
"""On a record that comes again: which job sent it."""
REPLAY_RECEIVED: Final = "replay.received_at_ms"
"""When the log first took a record that comes again: it stands in where nobody stamped its failures."""
REPLAY_BACKFILL: Final = "replay.backfill"
"""`1` on failures of the past that come for the first time: their time may be of any age."""


TRACE_PARENT: Final = "traceparent"
"""W3C Trace Context, level 1: which trace a record belongs to."""
_TRACE: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def event_headers(*, kind: str, id_: str, source: str, at_ms: int, content_type: str = JSON) -> Headers:
    """The six headers of a record. `source` and `id_` together are unique; `kind` names the record and its version."""
    return [id_header(id_), *shared_headers(kind=kind, source=source, at_ms=at_ms, content_type=content_type)]


def id_header(id_: str) -> tuple[str, bytes]:
    """The one header that no two records of a source share."""
    return ("ce_id", id_.encode())


def shared_headers(*, kind: str, source: str, at_ms: int, content_type: str = JSON) -> Headers:
    """The other five: for many records of one kind and moment they are made once."""
    time = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return [
        ("ce_specversion", SPEC_VERSION),
        ("ce_type", f"faultline.{kind}".encode()),
        ("ce_source", source.encode()),
        ("ce_time", time.replace("+00:00", "Z").encode()),
        ("content-type", content_type.encode()),
    ]


def headers_of(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """A record's headers as text, the last of a name; a byte that is not UTF-8 stands as `\\xff`."""
    return {name: (value or b"").decode("utf-8", "backslashreplace") for name, value in headers}


def traced(headers: Iterable[Sequence[tuple[str, bytes]] | None]) -> Headers:
    """The header of the trace that came in with these records, for what is made of them: of one trace or of none.

    Of two and more none is carried: a record has room for one parent. One that is not as the standard has it is none.
    """
    found: bytes | None = None
    for of_one in headers:
        for name, value in of_one or ():
            if name == TRACE_PARENT and value != found and value and _TRACE.fullmatch(value):
                if found is not None:
                    return []
                found = bytes(value)
    return [] if found is None else [(TRACE_PARENT, found)]
