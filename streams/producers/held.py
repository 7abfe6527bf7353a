"""The lines of a log in bounded memory: all of it; or its beginning, its end, and what was found between.

Lines keep their true numbers, counted from 1. They are held as bytes in chunks, as they came: a log of short lines
takes no more memory than its size.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from streams.core.extract.chunks import CHUNK_BYTES, Chunk, one_chunk
from streams.core.extract.clean import last_drawn

Spans = Callable[[], Iterable[tuple[int, int]]]
"""From and to which lines something was found so far."""
FOUND_SHARE: Final = 4
"""What was found between beginning and end may take this part of what is held: one in so many."""
JOINED_BYTES: Final = CHUNK_BYTES // 2
"""Smaller pieces are joined until they are as long: an object a line would take ten times the room of a short line."""
AROUND_LINES: Final = 50
"""Held around what was found: blocks widen when they are weighed."""


def nothing() -> tuple[tuple[int, int], ...]:
    """The spans of a log in which nothing is looked for."""
    return ()


class Held:
    """At most `bytes_max` bytes: half from the beginning and half from the end, and a quarter more of found lines."""

    def __init__(self, *, bytes_max: int) -> None:
        self._parts: list[tuple[int, bytes]] = []
        """Number of the first line, and lines joined; in order."""
        self._firsts: list[int] = []
        self._tail: deque[tuple[int, bytes, int]] = deque()
        """The same with the number of lines."""
        self._half = bytes_max // 2
        self._head_room = self._half
        self._tail_bytes = 0
        self._found_room = bytes_max // FOUND_SHARE
        self._new: list[bytes] = []
        """What came last, until it is worth a part of its own."""
        self._new_lines = self._new_bytes = 0
        self._single: list[str] = []
        self._single_chars = 0
        self._lines = 0
        self.cut_short = 0
        """Lines that were longer than what is held of one."""
        self.lost = 0
        """Lines in which something was found and that there was no room for."""

    def add(self, line: str) -> None:
        """Takes the next line, with or without its end."""
        self._single.append(line)
        self._single_chars += len(line)
        if self._single_chars > CHUNK_BYTES or len(self._single) > CHUNK_BYTES:
            self._flush()

    def take(self, chunk: Chunk, spans: Spans = nothing) -> None:
        """Takes the next lines. What `spans` has is kept when the end of the log moves on.

        A log that comes line by line takes no more room than one that comes as a whole: small pieces are joined.
        """
        self._lines += len(chunk.lines)
        self.cut_short += chunk.cut
        self._new.append(chunk.data)
        self._new_lines += len(chunk.lines)
        self._new_bytes += len(chunk.data) + 1
        if self._new_bytes >= JOINED_BYTES:
            self._join(spans)

    def _join(self, spans: Spans) -> None:
        """Puts the newest lines to the others."""
        data, count = b"\n".join(self._new), self._new_lines
        self._new, self._new_lines, self._new_bytes = [], 0, 0
        first = self._lines - count + 1
        if self._head_room > 0:
            self._head_room -= len(data) + 1
            self._keep(first, data)
            return
        self._tail.append((first, data, count))
        self._tail_bytes += len(data) + 1
        while self._tail_bytes > self._half and len(self._tail) > 1:
            first, data, count = self._tail.popleft()
            self._tail_bytes -= len(data) + 1
            self._sift(first, data, count, spans())

    def _flush(self) -> None:
        single, self._single, self._single_chars = self._single, [], 0
        if single:
            self.take(one_chunk(single))

    def _keep(self, first: int, data: bytes) -> None:
        self._parts.append((first, data))
        self._firsts.append(first)

    def _sift(self, first: int, data: bytes, count: int, spans: Iterable[tuple[int, int]]) -> None:
        """Keeps of lines that leave the end those in which something was found, and some around them."""
        last = first + count - 1
        near = ((begin - AROUND_LINES, end + AROUND_LINES) for begin, end in spans)
        wanted = sorted((max(begin, first), min(end, last)) for begin, end in near if begin <= last and end >= first)
        if not wanted:
            return
        lines = data.split(b"\n")
        at = first
        for begin, end in wanted:
            if (begins := max(begin, at)) > end:
                continue
            part = b"\n".join(lines[begins - first : end + 1 - first])
            at = end + 1
            if len(part) > self._found_room:
                self.lost += end + 1 - begins
            else:
                self._found_room -= len(part) + 1
                self._keep(begins, part)

    def __len__(self) -> int:
        """How many lines came."""
        return self._lines + len(self._single)

    def cut(self, first: int, last: int) -> list[str]:
        """Lines `first` to `last` as far as they are held."""
        return [line for _, line in self.numbered(first, last)]

    def numbered(self, first: int, last: int) -> list[tuple[int, str]]:
        """The same with their numbers."""
        self._flush()
        found: list[tuple[int, str]] = []
        parts = self._parts[max(0, bisect_right(self._firsts, first) - 1) :]
        newest = [(self._lines - self._new_lines + 1, b"\n".join(self._new))] if self._new else []
        for start, data in (*parts, *((start, data) for start, data, _ in self._tail), *newest):
            if start > last:
                break
            lines = data.split(b"\n")[max(0, first - start) : last + 1 - start]
            texts = (last_drawn(line.decode("utf-8", "replace")) for line in lines)
            found += enumerate(texts, max(first, start))
        return found
