"""Counting a fold: in the rows of its windows, and in the rows of the dimensions that it came from."""

from __future__ import annotations

from collections.abc import Sequence

from streams.contract.fold import WHERE_SEPARATOR, PlaceCount, SealedFold
from streams.contract.rollup import OTHER_WHERE, WHERE_MAX, Span
from streams.core.fold import merged_samples
from streams.core.rows import LifetimeRow, PlacesRow, WindowRow
from streams.core.tables import Tables
from streams.core.touched import Touched
from streams.core.window import WINDOWS, OpenWindows, over_until_ms

LIFETIMES_MAX = 1_000
"""Dimensions of one fingerprint that get a lifetime row of their own; later ones share the row OTHER_WHERE."""
OTHER_PLACE = WHERE_SEPARATOR.join((OTHER_WHERE, "", ""))
Spanned = tuple[Span, int, int]
"""A span, its size and the latest start of a window that is over, both in milliseconds."""


class Counting:
    """The windows and dimensions of one partition."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._open = OpenWindows()
        for key in tables.windows:
            span, start, _ = key.split("|", 2)
            self._open.add(Span(span), int(start), key)

    def close(self, watermark_ms: int, touched: Touched) -> None:
        """Delete the rows of windows that are over."""
        for key in self._open.take_over(watermark_ms):
            self._tables.windows.delete(key)
            touched.windows.pop(key, None)

    def lifetime(self, fingerprint: str, place: str, counted: PlaceCount, touched: Touched) -> None:
        """Count one dimension of a fold in its own row."""
        key = f"{fingerprint}|{place}"
        row = self._row(key, touched)
        if row is None:
            own = self._place(fingerprint, place, touched)
            if own != place:
                place, key = own, f"{fingerprint}|{own}"
                row = self._row(key, touched)
        if row is None:
            row = LifetimeRow(counted.count, counted.first_at_ms, counted.last_at_ms, counted.samples)
        else:
            row.count += counted.count
            if counted.first_at_ms < row.first_at_ms:
                row.first_at_ms = counted.first_at_ms
            if counted.last_at_ms > row.last_at_ms:
                row.last_at_ms = counted.last_at_ms
            row.samples = merged_samples(row.samples, counted.samples)
        touched.lifetimes[key] = fingerprint, place, row

    def _row(self, key: str, touched: Touched) -> LifetimeRow | None:
        known = touched.lifetimes.get(key)
        return self._tables.lifetimes.get(key) if known is None else known[2]

    def _place(self, fingerprint: str, place: str, touched: Touched) -> str:
        """The dimension to count under: its own name, or OTHER_WHERE past LIFETIMES_MAX names."""
        places = touched.places.get(fingerprint) or self._tables.places.get(fingerprint) or PlacesRow()
        if place not in places.names:
            if len(places.names) >= LIFETIMES_MAX:
                place = OTHER_PLACE
            if place not in places.names:
                touched.places[fingerprint] = PlacesRow((*places.names, place))
        return place

    def windows(self, fold: SealedFold, spans: Sequence[Spanned], touched: Touched) -> int:
        """Count a fold in its windows. Returns how many of its failures no window row could take any more."""
        late = 0
        fingerprint, windows = fold.fingerprint, touched.windows
        for minute_ms, counted in fold.minutes.items():
            number, first_ms, last_ms = counted.count, counted.first_at_ms, counted.last_at_ms
            taken = False
            for span, size_ms, over_ms in spans:
                start_ms = minute_ms - minute_ms % size_ms
                if start_ms <= over_ms:
                    continue
                taken = True
                key = f"{span}|{start_ms}|{fingerprint}"
                known = windows.get(key)
                if known is None:
                    row = self._tables.windows.get(key)
                    if row is None:
                        row = WindowRow(0, first_ms, last_ms, {})
                        self._open.add(span, start_ms, key)
                    windows[key] = fingerprint, span, start_ms, row
                else:
                    row = known[3]
                row.count += number
                if first_ms < row.first_at_ms:
                    row.first_at_ms = first_ms
                if last_ms > row.last_at_ms:
                    row.last_at_ms = last_ms
                where = row.where
                for place, more in counted.where.items():
                    if place in where:
                        where[place] += more
                    else:
                        add(where, place, more)
            if not taken:
                late += number
        return late


def spans_at(watermark_ms: int) -> list[Spanned]:
    """The spans with what is over of them."""
    return [(span, span.size_s * 1000, over_until_ms(span, watermark_ms)) for span in WINDOWS]


def add(counts: dict[str, int], place: str, more: int) -> None:
    """Count in place a dimension that has no name there yet; at most WHERE_MAX have one."""
    if len(counts) >= WHERE_MAX:
        place = OTHER_WHERE
    counts[place] = counts.get(place, 0) + more
