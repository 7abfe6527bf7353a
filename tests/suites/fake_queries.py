"""A store in memory that answers `Queries`, and groups to put into it."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from streams.contract.errors import SinkUnavailable
from streams.contract.failure import Origin
from streams.contract.fold import Sample
from streams.contract.verdict import Verdict, VerdictSource
from streams.sinks.base import (
    GroupDetail,
    GroupFilter,
    GroupPage,
    GroupRow,
    KindSeries,
    KindsOverTime,
    RejectedPage,
    RejectedRow,
    Totals,
)

NOW_MS = 1_924_000_000_000
HOUR_MS = 3_600_000


@dataclass(slots=True)
class Group:
    """One group of the fake store: what it is, and when its failures happened."""

    detail: GroupDetail
    times_ms: list[int] = field(default_factory=list)


def group(
    number: int = 1,
    *,
    origin: str = "ci",
    kind: str = "timeout",
    family: str = "infrastructure_error",
    title: str = "TimeoutError: no answer after 30 s",
    template: str = "TimeoutError: no answer after <dur>",
    where: tuple[tuple[str, int], ...] = (("acme/api / nightly / unit tests", 1),),
    times_ms: tuple[int, ...] = (NOW_MS - 60_000,),
    **detail: Any,
) -> Group:
    """A group with its fingerprint made from `number`; `detail` replaces fields of its GroupDetail."""
    fingerprint = f"fp1.{'abcdefghij'[number // 10 % 10]}{'abcdefghij'[number % 10]}{'x' * 24}"
    verdict = Verdict(
        fingerprint=fingerprint,
        origin=Origin(origin),
        kind=kind,
        family=family,
        confidence=0.93,
        source=VerdictSource.RULE,
        decided_at_ms=min(times_ms),
        reason="The text says that a deadline passed.",
        evidence="no answer after 30 s",
        transient=True,
        rule_id="deadline-passed",
    )
    row = GroupRow(
        fingerprint=fingerprint,
        origin=origin,
        template=template,
        title=title,
        kind=kind,
        family=family,
        source="rule",
        confidence=0.93,
        count=0,
        first_seen_ms=0,
        last_seen_ms=0,
        where=where,
        spark=(),
    )
    whole = GroupDetail(
        row=row,
        class_value="fp1.class",
        site_values=2,
        parts=(("type", "TimeoutError", "exception type"), ("template", template, "masked message")),
        verdict=verdict,
        samples=(Sample("no answer after 30 s", NOW_MS - 60_000, "0" * 32),),
        history=(verdict,),
        alike=(),
        documents=({"s_error_id": "0" * 32, "s_repo": "acme/api", "l_run_attempt": 1},),
    )
    return Group(replace(whole, **detail), list(times_ms))


def reject(number: int = 1, *, text: str = '{"origin": "x"}', **changes: Any) -> RejectedRow:
    """Something that was rejected, `number` minutes ago."""
    row = RejectedRow(
        at_ms=NOW_MS - number * 60_000,
        topic="gateway",
        reason="Invalid enum value 'x'",
        place="$.origin",
        size_bytes=len(text.encode("utf-8", "surrogatepass")),
        text=text,
    )
    return replace(row, **changes)


class FakeQueries:
    """Answers from memory. `asked` counts the calls of `totals`; `away` makes every call fail."""

    def __init__(
        self, groups: list[Group] | None = None, *, rejected: int = 0, rejects: tuple[RejectedRow, ...] = ()
    ) -> None:
        self._lock = threading.Lock()
        self.groups_by_fingerprint = {one.detail.row.fingerprint: one for one in groups or []}
        self._rejected = rejected
        self.rejects = rejects
        self.revision = 1
        self.asked = 0
        self.away = False

    def add(self, one: Group) -> None:
        """One more group, or more failures of one that is there."""
        with self._lock:
            known = self.groups_by_fingerprint.setdefault(one.detail.row.fingerprint, replace(one, times_ms=[]))
            known.times_ms += one.times_ms
            self.revision += 1

    def groups(self, wanted: GroupFilter, *, limit: int, offset: int, now_ms: int) -> GroupPage:
        rows = self._rows(wanted, now_ms)
        field = {"count": "count", "first_seen": "first_seen_ms"}.get(wanted.sort, "last_seen_ms")
        rows.sort(key=lambda row: (-getattr(row, field), row.fingerprint))
        return GroupPage(tuple(rows[offset : offset + limit]), len(rows), offset)

    def group(self, fingerprint: str, *, now_ms: int) -> GroupDetail | None:
        self._answer()
        with self._lock:
            found = [one for value, one in self.groups_by_fingerprint.items() if value.startswith(fingerprint)]
        return replace(found[0].detail, row=_row(found[0], now_ms)) if len(found) == 1 else None

    def kinds(self, wanted: GroupFilter, *, start_ms: int, step_ms: int, buckets: int) -> KindsOverTime:
        rows = {row.fingerprint for row in self._rows(wanted, start_ms + step_ms * buckets)}
        counts: dict[tuple[str, str, str], Counter[int]] = {}
        for value in rows:
            one = self.groups_by_fingerprint[value]
            row = one.detail.row
            series = counts.setdefault((row.origin, row.kind, row.family), Counter())
            series.update((at - start_ms) // step_ms for at in one.times_ms)
        series_all = []
        for (origin, kind, family), at in sorted(counts.items()):
            whole = tuple(at[i] for i in range(buckets))
            series_all.append(KindSeries(origin, kind, family, whole, sum(whole)))
        return KindsOverTime(start_ms, step_ms, buckets, tuple(series_all))

    def rejected(self, *, limit: int, offset: int) -> RejectedPage:
        self._answer()
        return RejectedPage(self.rejects[offset : offset + limit], len(self.rejects), offset)

    def totals(self) -> Totals:
        self.asked += 1
        self._answer()
        with self._lock:
            times = [at for one in self.groups_by_fingerprint.values() for at in one.times_ms]
            return Totals(
                len(times),
                len(self.groups_by_fingerprint),
                max(self._rejected, len(self.rejects)),
                max(times, default=None),
                self.revision,
            )

    def _answer(self) -> None:
        if self.away:
            raise SinkUnavailable("the store is away", retry_after_s=7)

    def _rows(self, wanted: GroupFilter, now_ms: int) -> list[GroupRow]:
        self._answer()
        with self._lock:
            rows = [_row(one, now_ms) for one in self.groups_by_fingerprint.values()]
        return [row for row in rows if _passes(row, wanted)]


def _row(one: Group, now_ms: int) -> GroupRow:
    hours = Counter((now_ms - at) // HOUR_MS for at in one.times_ms)
    return replace(
        one.detail.row,
        count=len(one.times_ms),
        first_seen_ms=min(one.times_ms),
        last_seen_ms=max(one.times_ms),
        spark=tuple(hours[23 - i] for i in range(24)),
    )


def _passes(row: GroupRow, wanted: GroupFilter) -> bool:
    names = {name for dimension, _ in row.where for name in dimension.split(" / ")}
    return (
        wanted.origin in ("", row.origin)
        and wanted.kind in ("", row.kind)
        and wanted.family in ("", row.family)
        and (not wanted.where or wanted.where in names)
        and wanted.text.lower() in f"{row.template} {row.title} {row.fingerprint}".lower()
        and (wanted.since_ms is None or row.last_seen_ms >= wanted.since_ms)
        and (wanted.new_since_ms is None or row.first_seen_ms >= wanted.new_since_ms)
    )
