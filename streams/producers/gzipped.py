"""gzip -> bytes, a little at a time, for whoever counts what comes out: no more is in memory than a piece."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

from streams.core.clean import printable

PIECE_BYTES: Final = 64 * 1024
"""Unpacked at a time."""
MARK: Final = b"\x1f\x8b"
"""What a gzip stream begins with."""
_BITS: Final = 31
"""Of zlib: a gzip stream with its head and its checksum."""


class GzipDamaged(ValueError):
    """What follows cannot be unpacked; the message says why, in words for whoever sent it. What came before counts."""


class Unpacking:
    """Streams one after another are one text, as gzip has it; zeros behind the last are padding."""

    def __init__(self, *, members_max: int) -> None:
        self._members_max = members_max
        """Each costs a copy of what follows it in its piece of the input."""
        self._stream = zlib.decompressobj(_BITS)
        self._members = 0
        self._is_padding = False

    @property
    def is_cut_off(self) -> bool:
        """Whether the input, as far as it came, ends inside of a stream."""
        return self._members > 0 and not self._stream.eof

    def unpacked(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes of the input hold, at most PIECE_BYTES at a time. Raises: GzipDamaged."""
        while data:
            if self._members == 0 or self._stream.eof:
                if self._is_behind(data):
                    return
                self._next_stream()
            try:
                piece = self._stream.decompress(data, PIECE_BYTES)
                if piece:
                    yield piece
                data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
                if not data and len(piece) == PIECE_BYTES:  # the input is used up, and more may still be inside
                    while piece := self._stream.decompress(b"", PIECE_BYTES):
                        yield piece
            except zlib.error as error:
                raise GzipDamaged(f"no gzip, or damaged ({printable(str(error))})") from error

    def _is_behind(self, data: bytes) -> bool:
        """Whether these bytes stand behind the last stream. Raises: GzipDamaged for other bytes than zeros."""
        if self._members and (self._is_padding or not data.startswith(MARK[:1])):
            self._is_padding = True
            if data.strip(b"\0"):
                raise GzipDamaged("bytes behind the end of the gzip, which are none of it")
        return self._is_padding

    def _next_stream(self) -> None:
        self._members += 1
        if self._members > self._members_max:
            raise GzipDamaged(f"more than {self._members_max} gzip members")
        self._stream = zlib.decompressobj(_BITS)
