"""The lines of a log in bounded memory: all of it, or its beginning and its end, with their true numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from streams.core.extract.clean import LINE_CHARS_MAX, last_drawn


class Held:
    """At most `chars_max` characters, half from the beginning and half from the end. Lines count from 1."""

    def __init__(self, lines: Iterable[str], *, chars_max: int) -> None:
        self.head: list[str] = []
        self.tail: deque[str] = deque()
        self.skipped = 0
        """Lines between the two that are no longer held."""
        self._half = chars_max // 2
        self._room = self._half
        self._in_tail = 0
        for line in lines:
            self.add(line)

    def add(self, raw: str) -> None:
        """Takes the next line, without its end."""
        marked = "\r" in raw and len(raw) <= LINE_CHARS_MAX and ("section_" in raw or "travis_" in raw)
        line = raw if marked else last_drawn(raw)  # a mark of a step stands before what is drawn over it
        if self._room > 0:
            self._room -= len(line) + 1
            self.head.append(line)
            return
        self.tail.append(line)
        self._in_tail += len(line) + 1
        while self._in_tail > self._half:
            self._in_tail -= len(self.tail.popleft()) + 1
            self.skipped += 1

    def __len__(self) -> int:
        """How many lines came."""
        return len(self.head) + self.skipped + len(self.tail)

    def __iter__(self) -> Iterator[str]:
        """All lines; those that are no longer held are empty."""
        yield from self.head
        for _ in range(self.skipped):
            yield ""
        yield from self.tail

    def cut(self, first: int, last: int) -> list[str]:
        """Lines `first` to `last` as far as they are held."""
        return [line for _, line in self.numbered(first, last)]

    def numbered(self, first: int, last: int) -> list[tuple[int, str]]:
        """The same with their numbers."""
        found = list(enumerate(self.head[first - 1 : last], first))
        start = len(self.head) + self.skipped
        if last > start:
            begin = max(0, first - 1 - start)
            found += enumerate(islice(self.tail, begin, last - start), start + begin + 1)
        return found
