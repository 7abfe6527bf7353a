"""Failures in a file: one record a line, a `Failure` or an `Envelope` as the input topics carry them, gzipped or not.

Every limit is on a line: a file of any length is read in the memory of its longest line.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from streams.contract.errors import MalformedRecord, UnreadableInput
from streams.contract.wire import RECORD_BYTES_MAX

LINE_BYTES_MAX: Final = 2 * RECORD_BYTES_MAX
"""What the input topics take of one record, at most."""
GZIP_MAGIC: Final = b"\x1f\x8b"
"""RFC 1952, 2.3.1."""
HEAD_BYTES: Final = 4096
"""Kept of a line that is too long."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line, without its end."""

    number: int
    """Counted from 1."""
    data: bytes


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is not even looked into."""

    number: int
    head: bytes
    error: MalformedRecord


def lines(path: Path) -> Iterator[Line | BadLine]:
    """The lines of a file, in order; empty ones are passed over.

    Raises: UnreadableInput for a file that is not there, is a directory, or is damaged further on.
    """
    try:
        with path.open("rb") as raw:
            is_gzip = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            raw.seek(0)
            yield from _lines(cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if is_gzip else raw, path)
    except OSError as error:
        raise UnreadableInput(f"{path}: {error.strerror or error}; name a file of failures, one a line") from error


def _lines(file: BinaryIO, path: Path) -> Iterator[Line | BadLine]:
    number = 0
    try:
        while data := file.readline(LINE_BYTES_MAX + 1):
            number += 1
            if len(data) > LINE_BYTES_MAX and not data.endswith(b"\n"):
                size = len(data) + _skip(file)
                reason = f"{size} bytes in one line; {LINE_BYTES_MAX} may be"
                yield BadLine(number, data[:HEAD_BYTES], MalformedRecord(reason, place=f"line {number}"))
            elif stripped := data.strip():
                yield Line(number, stripped)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableInput(
            f"{path}: damaged behind line {number} ({error}); bring the whole file, or unpack what is left with zcat"
        ) from error


def _skip(file: BinaryIO) -> int:
    """Read up to the end of the line. Returns how many bytes that were."""
    size = 0
    while data := file.readline(LINE_BYTES_MAX):
        size += len(data)
        if data.endswith(b"\n"):
            break
    return size
