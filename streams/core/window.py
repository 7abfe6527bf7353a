"""Windows of event time: which ones a moment falls into, and which are over.

Times are milliseconds since the epoch. A window is named by its start and holds [start, start + size).
"""

from __future__ import annotations

from streams.contract.rollup import Span

WINDOWS: tuple[Span, ...] = (Span.MINUTE, Span.HOUR)
CLAMP_PAST_MS = 7 * 86_400_000
CLAMP_FUTURE_MS = 5 * 60_000
LATENESS_MS = 300_000
"""How far behind the newest failure another may be without being late: producers and partitions drift apart."""


def clamped(at_ms: int, received_at_ms: int, *, is_backfill: bool = False) -> int:
    """Event time within [arrival - 7 days, arrival + 5 minutes]: nobody's clock may open windows anywhere else.

    A backfill may be of any age: it comes long after it happened, and its windows are over.
    """
    latest_ms = min(at_ms, received_at_ms + CLAMP_FUTURE_MS)
    return max(latest_ms, 0) if is_backfill else max(received_at_ms - CLAMP_PAST_MS, latest_ms, 0)


def window_start_ms(at_ms: int, span: Span) -> int:
    """Start of the window of that span which holds the moment."""
    size_ms = span.size_s * 1000
    return at_ms - at_ms % size_ms


_LASTS_MS = {span: (span.size_s + span.keep_s) * 1000 for span in WINDOWS}
"""From the start of a window to the moment at which its row may be forgotten."""


def is_over(start_ms: int, span: Span, watermark_ms: int) -> bool:
    """Whether the row of this window may be forgotten: its end lies further back than the span keeps rows."""
    return start_ms <= over_until_ms(span, watermark_ms)


def over_until_ms(span: Span, watermark_ms: int) -> int:
    """The latest start of a window that is over."""
    return watermark_ms - _LASTS_MS[span]


class OpenWindows:
    """Keys of the window rows that a table holds, by their window, so that those that are over are found at once.

    Derived from the table, never stored. About 100 bytes a key.
    """

    def __init__(self) -> None:
        self._keys: dict[Span, dict[int, set[str]]] = {span: {} for span in WINDOWS}
        self._oldest_ms: dict[Span, int] = {}

    def add(self, span: Span, start_ms: int, key: str) -> None:
        """Remember the row `key` of a window."""
        self._keys[span].setdefault(start_ms, set()).add(key)
        if start_ms < self._oldest_ms.get(span, start_ms + 1):
            self._oldest_ms[span] = start_ms

    def take_over(self, watermark_ms: int) -> list[str]:
        """Forget the windows that are over, and return the keys of their rows."""
        out: list[str] = []
        for span in WINDOWS:
            if self._oldest_ms.get(span, watermark_ms) > over_until_ms(span, watermark_ms):
                continue
            starts = self._keys[span]
            for start_ms in sorted(start for start in starts if is_over(start, span, watermark_ms)):
                out += sorted(starts.pop(start_ms))
            del self._oldest_ms[span]
            if starts:
                self._oldest_ms[span] = min(starts)
        return out

    def __len__(self) -> int:
        return sum(len(keys) for starts in self._keys.values() for keys in starts.values())
