"""Which fingerprints the tables of a partition may forget: such as were not seen for long, by event time.

Looked for once a day, because that walks all rows; forgotten in bounded steps, because each step is a transaction.
"""

from __future__ import annotations

from streams.core.rows import PositionRow
from streams.core.tables import Tables

EVERY_MS = 86_400_000
AT_ONCE = 500
"""Fingerprints in one step; each has a handful of rows."""


class Forgetting:
    """Holds what the last look found and is still to go: a restart looks again."""

    def __init__(self, tables: Tables, *, after_ms: int) -> None:
        """`after_ms`: how far behind the watermark the last failure of what is forgotten lies, at least."""
        self._tables = tables
        self._after_ms = after_ms
        self._found: list[str] = []

    def due(self, position: PositionRow) -> tuple[list[str], bool]:
        """What is to be forgotten now, at most AT_ONCE; and whether that was a look's last step."""
        before_ms = position.watermark_ms - self._after_ms
        if not self._found:
            if position.watermark_ms - position.looked_ms < EVERY_MS:
                return [], False
            keys = list(self._tables.fingerprints)  # a list: reading a row of an earlier form writes another one
            self._found = [key for key in keys if self._is_old(key, before_ms)]
        some, self._found = self._found[:AT_ONCE], self._found[AT_ONCE:]
        return [key for key in some if self._is_old(key, before_ms)], not self._found

    def _is_old(self, key: str, before_ms: int) -> bool:
        row = self._tables.fingerprints.get(key)
        return row is not None and row.last_at_ms < before_ms
