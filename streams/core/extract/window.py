"""The lines that may be looked at: those of the chunk at hand, and some before it."""

from __future__ import annotations

from typing import Final

from streams.core.extract.clean import clean

BACK_LINES_MAX: Final = 80
"""How far anybody looks up from a line."""


class Window:
    """Lines by their numbers, from 1. Each is decoded and cleaned when somebody looks at it, once a chunk."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._before = 0
        self._texts: dict[int, str] = {}

    def slide(self, lines: list[bytes]) -> range:
        """Takes the lines of the next chunk; gives their numbers."""
        kept = self._lines[-BACK_LINES_MAX:]
        first = self._before + len(self._lines) + 1
        self._before = first - 1 - len(kept)
        self._lines = kept + lines
        self._texts.clear()
        return range(first, first + len(lines))

    def raw(self, at: int) -> str:
        """Line `at` as it stands in the log."""
        return self._lines[at - self._before - 1].decode("utf-8", "replace")

    def put(self, at: int, line: str) -> None:
        """Line `at` without what stands before it."""
        self._lines[at - self._before - 1] = line.encode("utf-8", "replace")
        self._texts.pop(at, None)

    def know(self, at: int, text: str) -> None:
        """What line `at` is when it is cleaned."""
        self._texts[at] = text

    def bytes(self, at: int) -> bytes:
        """Line `at` as it came."""
        return self._lines[at - self._before - 1]

    def text(self, at: int) -> str:
        """Line `at`, cleaned."""
        text = self._texts.get(at)
        if text is None:
            text = self._texts[at] = clean(self.raw(at))
        return text
