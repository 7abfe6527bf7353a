"""What people ask of the embedded store: the port `Queries`, over read-only connections.

Every question opens its own snapshot, so the writer is never in the way and never waits.
"""

# ruff: noqa: S608  # the only text put into a statement is the constants of this file; values are parameters

from __future__ import annotations

import functools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from streams.contract import topics
from streams.contract.documents import SITE_FIELDS
from streams.contract.errors import SinkUnavailable
from streams.contract.rollup import Rollup, Span
from streams.contract.verdict import Verdict
from streams.sinks.base import (
    DOCUMENTS_MAX,
    HISTORY_MAX,
    LISTED_MEMBERS_MAX,
    MEMBERS_MAX,
    PAGE_ROWS_MAX,
    REJECTED_BYTES_SHOWN,
    GroupDetail,
    GroupFilter,
    GroupPage,
    GroupRow,
    KindsOverTime,
    Members,
    RejectedPage,
    Totals,
)
from streams.sinks.rows import (
    ALIKE_READ_MAX,
    HOUR_MS,
    SITES_READ_MAX,
    Joined,
    aliases_of,
    alike_of,
    alone,
    group_row,
    joined_row,
    rejected_row,
    search_words,
    series_of,
    spark_hours,
    sparks_of,
    whole,
)
from streams.sinks.sqlite import DOCUMENTS, LAST_RECEIVED, REVISION

BUSY_S = 5.0
RETRY_AFTER_S = 1.0
P = ParamSpec("P")
T = TypeVar("T")
_SORTS = {"last_seen": "last_ms DESC", "first_seen": "first_ms DESC", "count": "count DESC"}
_rollup = msgspec.json.Decoder(Rollup).decode
_verdict = msgspec.json.Decoder(Verdict).decode
_headers = msgspec.json.Decoder(dict[str, str]).decode


def _in_one_snapshot(
    question: Callable[Concatenate[SqliteQueries, P], T],
) -> Callable[Concatenate[SqliteQueries, P], T]:
    """Every statement of the question sees the file as it was when the question came."""

    @functools.wraps(question)
    def asked(self: SqliteQueries, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._snapshot():
            return question(self, *args, **kwargs)

    return asked


class SqliteQueries:
    """Answers from the file at `path`. Any thread may ask."""

    def __init__(self, path: Path) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=ro"
        self._threads = threading.local()

    @property
    def _db(self) -> sqlite3.Connection:
        """The connection of the question that this thread is answering."""
        connection: sqlite3.Connection = self._threads.connection
        return connection

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """One state of the file for all statements of a question. Raises `SinkUnavailable` when it cannot be read."""
        try:
            with closing(sqlite3.connect(self._uri, uri=True, timeout=BUSY_S, isolation_level=None)) as connection:
                connection.execute("BEGIN")
                self._threads.connection = connection
                yield
        except sqlite3.Error as error:
            raise SinkUnavailable(f"the store cannot be read ({error})", retry_after_s=RETRY_AFTER_S) from error

    @_in_one_snapshot
    def groups(self, wanted: GroupFilter, *, limit: int, offset: int, now_ms: int) -> GroupPage:
        """See `Queries.groups`."""
        limit = max(1, min(limit, PAGE_ROWS_MAX))
        if not wanted.fingerprints:
            return self._joined(wanted, limit=limit, offset=max(0, offset), now_ms=now_ms)
        where, values = _conditions(wanted)
        order = _SORTS.get(wanted.sort, _SORTS["last_seen"])
        total = self._db.execute("SELECT count(*) FROM groups g WHERE " + where, values).fetchone()[0]
        bodies = self._db.execute(
            "SELECT body FROM groups g WHERE " + where + " ORDER BY " + order + ", fingerprint LIMIT ? OFFSET ?",
            (*values, limit, max(0, offset)),
        ).fetchall()
        rollups = [_rollup(body) for (body,) in bodies]
        sparks = self._sparks([rollup.fingerprint for rollup in rollups], now_ms)
        rows = tuple(group_row(rollup, sparks[rollup.fingerprint]) for rollup in rollups)
        return GroupPage(rows=rows, total=total, offset=max(0, offset))

    @_in_one_snapshot
    def group(self, fingerprint: str, *, now_ms: int) -> GroupDetail | None:
        """See `Queries.group`."""
        # a range instead of LIKE: fingerprints hold no character above `z`, and nothing in them needs escaping
        found = self._db.execute(
            "SELECT body FROM groups WHERE fingerprint >= ? AND fingerprint < ? LIMIT 2",
            (fingerprint, fingerprint + "\x7f"),
        ).fetchall()
        if not fingerprint or len(found) != 1:
            return None
        rollup = _rollup(found[0][0])
        key, (verdict, parts) = rollup.fingerprint, whole(rollup)
        history = self._db.execute(
            "SELECT body FROM verdicts WHERE fingerprint = ? ORDER BY verdict_version DESC LIMIT ?", (key, HISTORY_MAX)
        )
        documents = self._db.execute(
            "SELECT body FROM documents WHERE fingerprint = ? ORDER BY at_ms DESC, id LIMIT ?", (key, DOCUMENTS_MAX)
        )
        field = f"$.{SITE_FIELDS[rollup.origin]}"
        sites = self._db.execute(
            "SELECT count(DISTINCT json_extract(body, ?)) FROM (SELECT body FROM documents WHERE fingerprint = ?"
            " ORDER BY at_ms DESC LIMIT ?)",
            (field, key, SITES_READ_MAX),
        ).fetchone()[0]
        return GroupDetail(
            row=group_row(rollup, self._sparks([key], now_ms)[key]),
            class_value=parts.class_value,
            site_values=sites,
            parts=tuple((part.name, part.value, part.rule) for part in parts.parts),
            verdict=verdict,
            samples=rollup.samples,
            members=self._members(rollup, now_ms),
            alike=self._alike(rollup, now_ms),
            history=tuple(_verdict(body) for (body,) in history),
            documents=tuple(msgspec.json.decode(body, type=dict[str, Any]) for (body,) in documents),
        )

    @_in_one_snapshot
    def kinds(self, wanted: GroupFilter, *, start_ms: int, step_ms: int, buckets: int) -> KindsOverTime:
        """See `Queries.kinds`."""
        where, values = _conditions(wanted)
        span = Span.HOUR if step_ms % HOUR_MS == 0 else Span.MINUTE
        end_ms = start_ms + step_ms * buckets
        found = self._db.execute(
            "SELECT g.origin, g.kind, g.family, (w.start_ms - ?) / ? AS bucket, sum(w.count)"
            " FROM windows w JOIN groups g USING (fingerprint)"
            f" WHERE w.span = ? AND w.start_ms >= ? AND w.start_ms < ? AND {where} GROUP BY 1, 2, 3, 4",
            (start_ms, step_ms, span.value, start_ms, end_ms, *values),
        )
        counts: dict[tuple[str, str, str], list[int]] = {}
        for origin, kind, family, bucket, number in found:
            counts.setdefault((origin, kind, family), [0] * buckets)[bucket] += number
        return KindsOverTime(start_ms=start_ms, step_ms=step_ms, buckets=buckets, series=series_of(counts))

    @_in_one_snapshot
    def rejected(self, *, limit: int, offset: int) -> RejectedPage:
        """See `Queries.rejected`."""
        limit, offset = max(1, min(limit, PAGE_ROWS_MAX)), max(0, offset)
        topic = topics.REJECTED.name
        total = self._db.execute("SELECT count(*) FROM log WHERE topic = ?", (topic,)).fetchone()[0]
        # the values are long, so only those of this page are read
        found = self._db.execute(
            "SELECT at_ms, headers, coalesce(length(value), 0), coalesce(substr(value, 1, ?), x'') FROM log"
            " WHERE rowid IN (SELECT rowid FROM log WHERE topic = ? ORDER BY at_ms DESC, offset DESC, part"
            " LIMIT ? OFFSET ?) ORDER BY at_ms DESC, offset DESC, part",
            (REJECTED_BYTES_SHOWN, topic, limit, offset),
        )
        return RejectedPage(
            rows=tuple(rejected_row(at, _headers(said or "{}"), size, head) for at, said, size, head in found),
            total=total,
            offset=offset,
        )

    @_in_one_snapshot
    def totals(self) -> Totals:
        """See `Queries.totals`."""
        counters = dict(self._db.execute("SELECT name, value FROM counters").fetchall())
        groups, joined, names = self._db.execute(
            "SELECT (SELECT count(*) FROM groups), count(*), count(DISTINCT name) FROM joined"
        ).fetchone()
        rejected = sum(value for name, value in counters.items() if name.startswith("rejected|"))
        return Totals(
            failures=counters.get(DOCUMENTS, 0),
            groups=groups - joined + names,
            rejected=rejected,
            last_failure_ms=counters.get(LAST_RECEIVED),
            # the sink counts what it wrote, and what is rejected never reaches it
            revision=counters.get(REVISION, 0) + rejected,
        )

    def _joined(self, wanted: GroupFilter, *, limit: int, offset: int, now_ms: int) -> GroupPage:
        """Groups as rows, what aliases join as one."""
        passing, values = _conditions(replace(wanted, since_ms=None, new_since_ms=None))
        within, times = _within(wanted)
        order = _SORTS.get(wanted.sort, _SORTS["last_seen"])
        some = (
            f"j.name IN (SELECT name FROM joined JOIN groups g USING (fingerprint) WHERE {passing})" if values else "1"
        )
        rows = (
            "WITH listed AS (SELECT fingerprint AS name, 1, fingerprint, 1, count, first_ms, last_ms FROM groups g"
            f" WHERE NOT EXISTS (SELECT 1 FROM joined j WHERE j.fingerprint = g.fingerprint) AND {passing}"
            " UNION ALL SELECT j.name, 0, min(g.fingerprint), count(*), sum(g.count), min(g.first_ms), max(g.last_ms)"
            # the index has all that is asked, and the rows are large
            " FROM joined j JOIN groups g INDEXED BY groups_in_brief USING (fingerprint)"
            f" WHERE {some} GROUP BY j.name)"
        )
        found = self._db.execute(
            f"{rows} SELECT *, count(*) OVER () FROM listed WHERE {within} ORDER BY {order}, name LIMIT ? OFFSET ?",
            (*values, *values, *times, limit, offset),
        ).fetchall()
        total = found[0][-1] if found else 0
        if offset and not found:  # past the last row; how many there are is still told
            total = self.groups(wanted, limit=1, offset=0, now_ms=now_ms).total
        return GroupPage(tuple(self._row(Joined(*row[:-1]), now_ms) for row in found), total, offset)

    def _row(self, joined: Joined, now_ms: int) -> GroupRow:
        if joined.is_alone:
            bodies = self._db.execute("SELECT body FROM groups WHERE fingerprint = ?", (joined.key,)).fetchall()
        else:
            bodies = self._newest(joined.key, LISTED_MEMBERS_MAX)
        rollups = [_rollup(body) for (body,) in bodies]
        return joined_row(rollups, self._sparks([one.fingerprint for one in rollups], now_ms), joined)

    def _newest(self, group: str, number: int) -> list[tuple[bytes]]:
        return self._db.execute(
            "SELECT g.body FROM joined j JOIN groups g USING (fingerprint) WHERE j.name = ?"
            " ORDER BY g.last_ms DESC LIMIT ?",
            (group, number),
        ).fetchall()

    def _members(self, rollup: Rollup, now_ms: int) -> Members:
        group = rollup.group
        if not group:
            return alone(rollup)
        total, failures = self._db.execute(
            "SELECT count(*), coalesce(sum(g.count), 0) FROM joined j JOIN groups g USING (fingerprint)"
            " WHERE j.name = ?",
            (group,),
        ).fetchone()
        rollups = [_rollup(body) for (body,) in self._newest(group, MEMBERS_MAX)]
        sparks = self._sparks([one.fingerprint for one in rollups], now_ms)
        rows = tuple(group_row(one, sparks[one.fingerprint]) for one in rollups)
        return Members(group, rows, total, failures, aliases_of((rollup, *rollups)))

    def _alike(self, rollup: Rollup, now_ms: int) -> tuple[GroupRow, ...]:
        """The groups of the same origin, among the ALIKE_READ_MAX seen last, that alias to this one."""
        bodies = self._db.execute(
            "SELECT body FROM groups WHERE origin = ? AND fingerprint <> ? ORDER BY last_ms DESC LIMIT ?",
            (rollup.origin.value, rollup.fingerprint, ALIKE_READ_MAX),
        )
        alike = alike_of(rollup, [_rollup(body) for (body,) in bodies])
        sparks = self._sparks([one.fingerprint for one in alike], now_ms)
        return tuple(group_row(one, sparks[one.fingerprint]) for one in alike)

    def _sparks(self, fingerprints: list[str], now_ms: int) -> dict[str, tuple[int, ...]]:
        first, last = spark_hours(now_ms)
        marks = ", ".join("?" * len(fingerprints))
        found = self._db.execute(
            f"SELECT fingerprint, start_ms, count FROM windows WHERE fingerprint IN ({marks})"
            " AND span = ? AND start_ms BETWEEN ? AND ?",
            (*fingerprints, Span.HOUR.value, first, last),
        )
        return sparks_of(fingerprints, found, first)


def _within(wanted: GroupFilter) -> tuple[str, list[object]]:
    """A condition over the times of a whole group, and its values."""
    times = (("last_ms", wanted.since_ms), ("first_ms", wanted.new_since_ms))
    asked = [(column, since) for column, since in times if since is not None]
    return " AND ".join(["1", *(f"{column} >= ?" for column, _ in asked)]), [since for _, since in asked]


def _conditions(wanted: GroupFilter) -> tuple[str, list[object]]:
    """A WHERE clause over `groups g`, and its values."""
    parts: list[str] = ["1"]
    values: list[object] = []
    for column in ("origin", "kind", "family"):
        if value := getattr(wanted, column):
            parts.append(f"g.{column} = ?")
            values.append(value)
    for column, since in (("last_ms", wanted.since_ms), ("first_ms", wanted.new_since_ms)):
        if since is not None:
            parts.append(f"g.{column} >= ?")
            values.append(since)
    for word in search_words(wanted.text):
        parts.append("instr(g.search, ?) > 0")
        values.append(word)
    if wanted.where:
        parts.append("EXISTS (SELECT 1 FROM rollups r WHERE r.fingerprint = g.fingerprint AND ? IN (r.a, r.b, r.c))")
        values.append(wanted.where)
    return " AND ".join(parts), values
