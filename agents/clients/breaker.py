"""When an llm is not asked at all: after failures in a row, or at once when it refuses us.

Pure: the caller brings the time.

closed --failures in a row, or refused--> open --its time is over--> trying (one question) --answered--> closed
                                           ^                             |
                                           +------failed, twice as long--+
"""

from __future__ import annotations

from typing import Final

from agents.llm import LlmClosed

FAILURES_MAX: Final = 5
"""Failed requests in a row that open it."""
OPEN_S: Final = 30.0
REFUSED_S: Final = 300.0
"""How long the first time when a person has to act: key, credit, permission, name of the llm."""
OPEN_MAX_S: Final = 3_600.0


class Breaker:
    """State of one provider. Not for several threads."""

    def __init__(self, *, failures_max: int = FAILURES_MAX) -> None:
        self._failures_max = failures_max
        self._failures = 0
        self._openings = 0
        """In a row, without an answer between."""
        self._open_until_s: float | None = None
        self._trying = False
        self._reason = ""

    def closed_for_s(self, now_s: float) -> float:
        """Seconds until a question may be tried; 0 when one may be asked now."""
        if self._open_until_s is None:
            return 0.0
        left = self._open_until_s - now_s
        return left if left > 0 else (OPEN_S if self._trying else 0.0)

    def enter(self, now_s: float) -> None:
        """A request is about to go. Each `enter` is followed by one of `answered`, `failed`, `refused`, `left`.

        Raises: LlmClosed while it is open, or while the one question that tries it is on its way.
        """
        if self._open_until_s is None:
            return
        wait_s = self.closed_for_s(now_s)
        if wait_s > 0:
            raise LlmClosed(f"not asked, since {self._reason}", retry_after_s=wait_s)
        self._trying = True

    def answered(self) -> bool:
        """The interface works. Returns whether that closed it."""
        was_open = self._open_until_s is not None
        self._failures = self._openings = 0
        self._open_until_s, self._trying, self._reason = None, False, ""
        return was_open

    def failed(self, now_s: float, reason: str, *, open_s: float = OPEN_S) -> bool:
        """A request failed. Returns whether that opened it."""
        self._failures += 1
        if not self._trying and self._failures < self._failures_max:
            return False
        return self._open(now_s, reason, open_s)

    def refused(self, now_s: float, reason: str, *, open_s: float = REFUSED_S) -> bool:
        """Asking on is of no use before something changed. Returns whether that opened it."""
        return self._open(now_s, reason, open_s)

    def left(self) -> None:
        """The request ended without telling anything of the interface: cancelled, or nothing was sent."""
        self._trying = False

    def _open(self, now_s: float, reason: str, open_s: float) -> bool:
        already = self._open_until_s is not None and not self._trying
        if not already:
            open_s = max(open_s, min(open_s * 2**self._openings, OPEN_MAX_S))
            self._openings = min(self._openings + 1, 16)
        until_s = now_s + open_s
        self._open_until_s = max(until_s, self._open_until_s or until_s)
        self._trying = False
        self._reason = reason
        return not already
