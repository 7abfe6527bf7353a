"""Asks the store what one page shows. HTML and JSON tell the same data, so both come through here. Blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.requests import Request

from streams.contract.failure import Origin
from streams.dashboard.asked import NEW_FOR_MS, STRETCHES, Asked, AskedRows, Stretch, asked, asked_rows
from streams.dashboard.charts import Chart, stacked
from streams.dashboard.kinds import Kinds
from streams.sinks.base import GroupDetail, GroupFilter, GroupPage, KindsOverTime, Queries, RejectedPage, Totals

FINGERPRINT_CHARS_MAX = 100
"""A longer name is no fingerprint, so the store is not asked."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What the first page shows."""

    asked: Asked
    now_ms: int
    totals: Totals
    new_groups: int
    stretch: Stretch
    charts: tuple[Chart, ...]
    page: GroupPage

    @property
    def next_url(self) -> str | None:
        """The address of the next rows; None on the last page."""
        end = self.asked.offset + len(self.page.rows)
        return self.asked.url(offset=end) if self.page.rows and end < self.page.total else None

    @property
    def previous_url(self) -> str | None:
        """The address of the rows before; None on the first page."""
        if self.asked.offset == 0:
            return None
        return self.asked.url(offset=max(0, self.asked.offset - self.asked.limit))


@dataclass(frozen=True, slots=True)
class Rejected:
    """What the page of rejected records shows."""

    asked: AskedRows
    now_ms: int
    totals: Totals
    page: RejectedPage

    @property
    def next_offset(self) -> int | None:
        """Where the next rows begin; None on the last page."""
        end = self.page.offset + len(self.page.rows)
        return end if self.page.rows and end < self.page.total else None

    @property
    def previous_offset(self) -> int | None:
        """Where the rows before begin; None on the first page."""
        return max(0, self.page.offset - self.asked.limit) if self.page.offset else None


class View:
    """The store's answers, put together for one request."""

    def __init__(self, queries: Queries, *, now_ms: Callable[[], int], kinds: Kinds) -> None:
        self.queries = queries
        self.now_ms = now_ms
        self.kinds = kinds

    def asked(self, request: Request, *, strict: bool) -> Asked:
        """What the request's address asks for. Raises: BadParameter."""
        items = request.query_params.multi_items()
        return asked(items, kinds=self.kinds.names, families=self.kinds.families, strict=strict)

    def rejected(self, request: Request, *, strict: bool) -> Rejected:
        """What could not be read. Raises: BadParameter."""
        rows = asked_rows(request.query_params.multi_items(), strict=strict)
        totals = self.queries.totals()
        page = self.queries.rejected(limit=rows.limit, offset=rows.offset)
        return Rejected(rows, self.now_ms(), totals, page)

    def overview(self, wish: Asked) -> Overview:
        """Everything of the first page."""
        now_ms = self.now_ms()
        totals = self.queries.totals()
        wanted = wish.wanted(now_ms)
        stretch = self.stretch(wish, totals, now_ms)
        return Overview(
            asked=wish,
            now_ms=now_ms,
            totals=totals,
            new_groups=self.queries.groups(
                GroupFilter(new_since_ms=now_ms - NEW_FOR_MS), limit=1, offset=0, now_ms=now_ms
            ).total,
            stretch=stretch,
            charts=self._charts(self.over_time(wish, stretch, now_ms), wish, stretch),
            page=self.queries.groups(wanted, limit=wish.limit, offset=wish.offset, now_ms=now_ms),
        )

    def stretch(self, wish: Asked, totals: Totals, now_ms: int) -> Stretch:
        """The stretch asked for; without one the shortest that shows the newest failure well."""
        if wish.range:
            return STRETCHES[wish.range]
        age_ms = now_ms - (totals.last_failure_ms or now_ms)
        # Half of it, so that what has just been seen does not leave the chart with the next refresh.
        return next((one for one in STRETCHES.values() if age_ms <= one.length_ms // 2), STRETCHES["7d"])

    def over_time(self, wish: Asked, stretch: Stretch, now_ms: int) -> KindsOverTime:
        """Kinds over the stretch. It alone says the time: `since` chooses rows of the table."""
        wanted = replace(wish.wanted(now_ms), since_ms=None)
        return self.queries.kinds(
            wanted, start_ms=stretch.start_ms(now_ms), step_ms=stretch.step_ms, buckets=stretch.buckets
        )

    def _charts(self, kinds: KindsOverTime, wish: Asked, stretch: Stretch) -> tuple[Chart, ...]:
        """One chart an origin, since each has its own kinds; none where nothing failed, unless it was asked for."""
        charts = (
            stacked(kinds, origin=origin.value, stretch=stretch, colour=self.kinds.colour)
            for origin in Origin
            if wish.origin in ("", origin.value)
        )
        return tuple(chart for chart in charts if chart.total or wish.origin)

    def group(self, fingerprint: str) -> GroupDetail | None:
        """One group; None where there is none, or where several begin so."""
        if not 0 < len(fingerprint) <= FINGERPRINT_CHARS_MAX:
            return None
        return self.queries.group(fingerprint, now_ms=self.now_ms())
