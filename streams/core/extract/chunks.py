"""A log, as it comes, in chunks of whole lines: what is read at once, and all that is held of a line without an end.

Bytes stay bytes until a line is looked at: most lines never are. Linear time; memory is bounded by a chunk and a line,
whatever a log is made of: one line of a gigabyte, a progress bar drawn over itself, no newline at all, binary.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from streams.core.extract.clean import CUT_MARK, LINE_CHARS_MAX, last_drawn

Log = Iterable[str] | Iterable[bytes]
"""Lines as text, with or without their ends; or bytes in pieces of any size, in UTF-8 or as a byte order mark says."""

CHUNK_BYTES: Final = 64 * 1024
"""About so much is read at once: small enough for the caches of a processor, large enough to spread what a chunk costs.
"""
UNENDED_BYTES_MAX: Final = 256 * 1024
"""Held of a line whose end has not come; then only what a terminal would show of it."""
_BYTES_A_CHAR: Final = 4
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Chunk(NamedTuple):
    """Whole lines, each at most LINE_CHARS_MAX characters and a mark."""

    data: bytes
    """The lines, joined by newlines."""
    lines: list[bytes]
    cut: int = 0
    """So many of the lines were longer."""


def chunks(log: Log) -> Iterator[Chunk]:
    """The log in chunks, in order. Bytes up to the last end of line of a piece come at once: a log can be followed.

    What is no text becomes U+FFFD where it is looked at.
    """
    items = iter(log)
    for first in items:
        rest = chain((first,), items)
        yield from _of_bytes(rest) if isinstance(first, bytes) else _of_lines(rest)  # type: ignore[arg-type] # all alike
        return


def one_chunk(lines: Iterable[str]) -> Chunk:
    """A chunk of a few lines of text."""
    told = [line.rstrip("\n").replace("\n", " ").encode("utf-8", "replace") for line in lines]
    return _bounded(b"\n".join(told), told)


def _of_lines(lines: Iterable[str]) -> Iterator[Chunk]:
    held: list[str] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line) + 1
        if size >= CHUNK_BYTES:
            yield one_chunk(held)
            held, size = [], 0
    if held:
        yield one_chunk(held)


def _of_bytes(pieces: Iterable[bytes]) -> Iterator[Chunk]:
    unended = bytearray()
    for piece in _narrow(pieces):
        for start in range(0, len(piece), CHUNK_BYTES):
            part = piece[start : start + CHUNK_BYTES] if len(piece) > CHUNK_BYTES else piece
            end = part.rfind(b"\n")
            if end < 0:
                unended += part
                if len(unended) > UNENDED_BYTES_MAX:
                    unended = _shown(unended)
                continue
            data = bytes(unended) + part[:end]
            unended = bytearray(part[end + 1 :])
            yield _bounded(data, data.split(b"\n"))
    if unended:
        yield _bounded(bytes(unended), [bytes(unended)])


def _narrow(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same in UTF-8, where a byte order mark says that it is UTF-16."""
    items = iter(pieces)
    first = b""
    for piece in items:
        first += piece
        if len(first) > 1:
            break
    if first.startswith(_WIDE):
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        for piece in chain((first,), items):
            yield decoder.decode(piece).encode("utf-8", "replace")
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")
        return
    yield first
    yield from items


def _shown(line: bytearray) -> bytearray:
    """What may still be seen of a line that goes on: what was drawn last, enough of it to be cut later."""
    end = len(line.rstrip(b"\r"))
    shown = line[line.rfind(b"\r", 0, end) + 1 : end][: LINE_CHARS_MAX * _BYTES_A_CHAR + _BYTES_A_CHAR]
    return shown + b"\r" if end < len(line) else shown


def _bounded(data: bytes, lines: list[bytes]) -> Chunk:
    if max(map(len, lines)) <= LINE_CHARS_MAX:
        return Chunk(data, lines)
    bounded = [line if len(line) <= LINE_CHARS_MAX else _cut(line) for line in lines]
    cut = sum(line.endswith(_CUT) for line in bounded)
    return Chunk(b"\n".join(bounded), bounded, cut)


def _cut(line: bytes) -> bytes:
    return last_drawn(line.decode("utf-8", "replace")).encode("utf-8", "replace")


_CUT: Final = CUT_MARK.encode()
