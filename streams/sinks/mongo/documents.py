"""Documents as MongoDB keeps them: times are dates, and keys from outside are values.

A label's name may hold dots and dollar signs, which MongoDB reads as paths; so such maps are lists of `{k, v}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from streams.contract.documents import DATE_FIELDS, MAP_FIELDS, Document, iso
from streams.contract.failure import TIME_MS_MAX
from streams.sinks.base import REJECTED_BYTES_SHOWN, RejectedRecord, RejectedRow
from streams.sinks.rows import rejected_row

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_ISO = datetime.fromisoformat


def date(ms: int) -> datetime:
    """Milliseconds since the epoch as a date; a time after the year 9999 is the end of that year."""
    return _EPOCH + min(ms, TIME_MS_MAX) * _MS


def at_ms(when: datetime) -> int:
    """The inverse of `date`."""
    return (when - _EPOCH) // _MS


def stored(document: Mapping[str, Any]) -> Document:
    """The same document for MongoDB."""
    out = dict(document)
    for field in DATE_FIELDS & out.keys():
        out[field] = _ISO(out[field])
    for field in MAP_FIELDS & out.keys():
        out[field] = [{"k": key, "v": value} for key, value in out[field].items()]
    return out


def shown(document: Mapping[str, Any]) -> Document:
    """What `stored` was given, without `_id`; a document of the earlier system comes out as it is, dates as text."""
    out: Document = {}
    for field, value in document.items():
        if isinstance(value, datetime):
            out[field] = iso(at_ms(value))
        elif field in MAP_FIELDS and isinstance(value, list):
            out[field] = {pair["k"]: pair["v"] for pair in value}
        elif field != "_id":
            out[field] = value
    return out


def rejected_document(record: RejectedRecord) -> Document:
    """What a page shows of it, ready, so that no credential of it is in the store.

    The time is part of the `_id`: a topic that was made anew counts its offsets from 0 again.
    """
    size = len(record.value)
    row = rejected_row(record.at_ms, record.headers, size, record.value[:REJECTED_BYTES_SHOWN])
    return {
        "_id": f"{record.partition}/{record.offset}/{record.at_ms}",
        "at": date(record.at_ms),
        "topic": row.topic,
        "reason": row.reason,
        "place": row.place,
        "size_bytes": size,
        "text": row.text,
    }


def rejected_of(document: Mapping[str, Any]) -> RejectedRow:
    """The inverse, as a page asks for it."""
    fields = {name: document[name] for name in ("topic", "reason", "place", "size_bytes", "text")}
    return RejectedRow(at_ms=at_ms(document["at"]), **fields)
