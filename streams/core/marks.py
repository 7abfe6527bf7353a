"""The whole fingerprint of each row: a row of its own, read when documents and questions show it."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from streams.contract.fingerprint import Fingerprint
from streams.contract.fold import SealedFold
from streams.core.rows import MarkRow
from streams.core.tables import Tables

HELD_MAX = 1_000
"""Fingerprints of which a partition keeps something in hand that it would else make again, about 1.5 KB each."""
to_json = msgspec.json.Encoder(order="deterministic").encode


class Marks:
    """The fingerprints of one partition."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._written: dict[str, Raw] = {}
        """Whole fingerprints that were sent lately, as JSON: they hardly ever change."""

    def get(self, key: str) -> MarkRow:
        """The whole fingerprint of a row."""
        mark = self._tables.marks.get(key)
        if mark is None:
            raise RuntimeError(f"{key} has a row and no fingerprint: the table lost a row that was written with it")
        return mark

    def written(self, key: str) -> Raw:
        """The whole fingerprint of a row, as JSON."""
        written = self._written.get(key)
        if written is None:
            if len(self._written) >= HELD_MAX:
                self._written.clear()
            written = self._written[key] = Raw(to_json(self.get(key).fingerprint(key)))
        return written

    def put(self, mark: Fingerprint) -> None:
        """Write the row."""
        self._written.pop(mark.value, None)
        self._tables.marks.put(mark.value, MarkRow.of(mark))

    def delete(self, key: str) -> None:
        """Forget it."""
        self._tables.marks.delete(key)
        self._written.pop(key, None)

    def seen(self, fold: SealedFold, first_at_ms: int) -> None:
        """Keep the whole fingerprint of the earliest failure: its site does not depend on what came first."""
        mark = fold.mark()
        if fold.first_at_ms < first_at_ms or mark.site_value < self.get(fold.fingerprint).site_value:
            self.put(mark)
