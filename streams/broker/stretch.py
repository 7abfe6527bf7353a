"""Records in hand, cut into pieces that one transaction or one call to a store can take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

RECORDS_FIRST: Final = 200
"""How many are taken in hand at once before it is known how large they are."""


def stretches(records: Sequence[Any], *, records_max: int, bytes_max: int) -> Iterator[list[Any]]:
    """Pieces of at most so many records and bytes of values, in order; one record alone may be larger."""
    piece: list[Any] = []
    size = 0
    for record in records:
        more = len(record.value or b"")
        if piece and (len(piece) >= records_max or size + more > bytes_max):
            yield piece
            piece, size = [], 0
        piece.append(record)
        size += more
    if piece:
        yield piece


def records_for(records: Sequence[Any], *, records_max: int, bytes_max: int) -> int:
    """How many records like these make about one stretch: more in hand would only take memory."""
    each = sum(len(record.value or b"") for record in records) / max(1, len(records))
    return max(1, min(records_max, int(bytes_max / max(1.0, each))))
