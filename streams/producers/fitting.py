"""Whether a baseline is of the job of a log, by how the log begins: a job that fails begins like one that passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streams.core.extract.baseline import Baseline
from streams.core.extract.chunks import CHUNK_BYTES, Chunk

NEW_SHARE_MAX: Final = 0.5
"""When more of a log's beginning is new, the baseline is of another job, or of an earlier form of it. Of 18 pairs of
a failing and a passing run of one job none had more than 0.18, of pairs from two projects ten had more than 0.6;
with these, extraction finds more that is no reason than without."""
FIRST_BYTES: Final = CHUNK_BYTES // 2
"""Of a log are held until it is decided: one chunk of a file, many of a pipe that gives its lines one by one."""
BEGINNING: Final = 4
"""One in so many of the lines that are read first is the beginning: how a job fails may be long, and stands last."""
FIT_LINES_MIN: Final = 12
"""Of fewer lines nothing can be told."""


class Fitting:
    """One baseline and the first chunks of one log."""

    def __init__(self, baseline: Baseline) -> None:
        self.baseline: Final = baseline
        self.first: Final[list[Chunk]] = []
        self._bytes = self._lines = 0
        self._due = BEGINNING * FIT_LINES_MIN
        self.is_due = False
        """Whether enough came to look at it anew: as soon as anything can be told, then at twice as many lines."""

    @property
    def is_full(self) -> bool:
        """Whether enough is there to decide, however long the log is."""
        return self._bytes >= FIRST_BYTES

    def take(self, chunk: Chunk) -> None:
        """Takes the next lines, while it is not full."""
        self.first.append(chunk)
        self._bytes += len(chunk.data) + 1
        self._lines += len(chunk.lines)
        self.is_due = self._lines >= self._due
        if self.is_due:
            self._due = 2 * self._lines

    def take_from(self, coming: Iterator[Chunk]) -> None:
        """Takes what it wants, and leaves the rest."""
        for chunk in coming:
            self.take(chunk)
            if self.is_full:
                return

    def fitting(self, notes: list[str]) -> Baseline | None:
        """The baseline where it is of this job, by what is there; None and a note where it is not."""
        lines = [line for chunk in self.first for line in chunk.lines]
        lines = lines[: len(lines) // BEGINNING]
        if len(lines) < FIT_LINES_MIN:
            return self.baseline
        share = self.baseline.share_new(line.decode("utf-8", "replace") for line in lines)
        if share <= NEW_SHARE_MAX:
            return self.baseline
        notes.append(f"{share:.0%} of how it begins is new: the baseline is not of this job as it is now, and not used")
        return None
