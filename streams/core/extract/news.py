"""Which lines no passing run printed, looked at only where somebody asks: most lines of a log need no hash.

Around such a line, the run of such lines belongs together. Nobody looks further than AROUND lines beyond a block, so no
run is followed further than that either.
"""

from __future__ import annotations

from typing import Final

from streams.core.extract.baseline import Baseline, hashed
from streams.core.extract.rule import BEFORE_LINES_MAX
from streams.core.extract.window import Window

AROUND: Final = 25
"""A block reaches so many lines up and down while they are new against passing runs."""
BACK_LINES_MAX: Final = BEFORE_LINES_MAX + AROUND + 1
"""So far up from the line that says why a block may begin."""


class News:
    """What is new in one log. Lines are asked for in ascending order; each is hashed at most once."""

    def __init__(self, baseline: Baseline, window: Window) -> None:
        self._hashes = baseline.hashes
        self._window = window
        self._seen = 0
        """The last line that was looked at."""
        self._was_known = True
        self.is_any = False
        """Whether a line that was looked at is new."""
        self.run: list[int] | None = None
        """First and last of the new lines that the line looked at last belongs to. Blank lines end no run."""

    def is_known(self, at: int) -> bool:
        """Whether a passing run printed line `at`, or it is blank."""
        if at == self._seen:
            return self._was_known
        text = self._window.text(at)
        if not text:
            if at == self._seen + 1:
                self._seen, self._was_known = at, True
            return True
        known = self._was_known = hashed(text) in self._hashes
        self.is_any = self.is_any or not known
        if known:
            self.run = None
        elif at == self._seen + 1 and self.run is not None:
            self.run[1] = at
        else:
            self._begin(at)
        self._seen = at
        return known

    def is_new(self, at: int) -> bool:
        """Whether no passing run printed line `at`; for lines in any order, and of no consequence for `run`."""
        text = self._window.text(at)
        return bool(text) and hashed(text) not in self._hashes

    def _begin(self, at: int) -> None:
        """The run that line `at` belongs to, as far up as anybody looks; it may be the one that was left before."""
        begins = at
        for number in range(at - 1, max(self._seen, at - BACK_LINES_MAX - 1, 0), -1):
            text = self._window.text(number)
            if text and hashed(text) in self._hashes:
                break
            if text:
                begins = number
        else:
            if self._seen >= at - BACK_LINES_MAX - 1 and self.run is not None:
                self.run[1] = at
                return
        self.run = [begins, at]
