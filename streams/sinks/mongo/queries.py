"""What people ask of the MongoDB store: the port `Queries`.

Each question is several calls, and MongoDB's writers do not wait for readers: a row and its counts may be one batch
apart. What a page shows next is whole again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import msgspec
from pymongo import DESCENDING, MongoClient
from pymongo.errors import PyMongoError

from streams.contract.documents import FINGERPRINT_FIELDS, SITE_FIELDS, TIME_FIELDS, WHERE_FIELDS
from streams.contract.errors import SinkUnavailable
from streams.contract.rollup import Rollup, Span
from streams.contract.verdict import Verdict
from streams.sinks.base import (
    DOCUMENTS_MAX,
    HISTORY_MAX,
    LISTED_MEMBERS_MAX,
    MEMBERS_MAX,
    PAGE_ROWS_MAX,
    GroupDetail,
    GroupFilter,
    GroupPage,
    GroupRow,
    KindsOverTime,
    Members,
    RejectedPage,
    Totals,
)
from streams.sinks.mongo.documents import at_ms, date, rejected_of, shown
from streams.sinks.mongo.errors import RETRY_AFTER_S, fault_of
from streams.sinks.mongo.schema import Document, MongoNames
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
    search_words,
    series_of,
    spark_hours,
    sparks_of,
    whole,
)

COUNTERS_ID: Final = "sink"
QUESTION_MS_MAX: Final = 10_000
"""For one call; a question that takes longer is given up, and told as a store that is away."""
NAMED_MAX: Final = 100_000
"""Groups, those seen last, among which `GroupFilter.where` is looked for."""
P = ParamSpec("P")
T = TypeVar("T")
_SORTS = {"last_seen": "last_seen", "first_seen": "first_seen", "count": "count"}
_COUNTED: Final[Document] = {"count": {"$gte": 0}}
"""A group that has more than a history; asked like this, because an index answers it without the rows."""
_NAMED: Final[Document] = {"group": {"$gt": ""}}
"""A fingerprint that aliases join with others."""
_rollup = msgspec.json.Decoder(Rollup).decode
_verdict = msgspec.json.Decoder(Verdict).decode


def _asked(question: Callable[Concatenate[MongoQueries, P], T]) -> Callable[Concatenate[MongoQueries, P], T]:
    """The question; a store that does not answer is `SinkUnavailable`, whatever keeps it from answering."""

    @wraps(question)
    def asked(self: MongoQueries, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return question(self, *args, **kwargs)
        except PyMongoError as error:
            raise SinkUnavailable(str(fault_of(error)), retry_after_s=RETRY_AFTER_S) from error

    return asked


class MongoQueries:
    """Answers from one database. Any thread may ask; the client is its owner's to close."""

    def __init__(self, client: MongoClient[Document], database: str, *, names: MongoNames | None = None) -> None:
        self._names = names or MongoNames()
        self._db = client[database]

    @_asked
    def groups(self, wanted: GroupFilter, *, limit: int, offset: int, now_ms: int) -> GroupPage:
        """See `Queries.groups`."""
        limit, offset = max(1, min(limit, PAGE_ROWS_MAX)), max(0, offset)
        if not wanted.fingerprints:
            return self._joined(wanted, limit=limit, offset=offset, now_ms=now_ms)
        collection, condition = self._db[self._names.groups], self._condition(wanted)
        order = [(_SORTS.get(wanted.sort, "last_seen"), DESCENDING), ("_id", 1)]
        found = collection.find(condition, {"body": 1}, sort=order, skip=offset, limit=limit)
        rollups = [_rollup(document["body"]) for document in found.max_time_ms(QUESTION_MS_MAX)]
        total = collection.count_documents(condition, maxTimeMS=QUESTION_MS_MAX)
        return GroupPage(rows=self._rows(rollups, now_ms), total=total, offset=offset)

    @_asked
    def group(self, fingerprint: str, *, now_ms: int) -> GroupDetail | None:
        """See `Queries.group`."""
        if not fingerprint:
            return None
        # a range instead of a pattern: fingerprints hold no character above `z`, and nothing in them needs escaping
        begins = {"_id": {"$gte": fingerprint, "$lt": fingerprint + "\x7f"}, "row_version": {"$exists": True}}
        found = list(self._db[self._names.groups].find(begins, {"body": 1, "history": 1}, limit=2))
        if len(found) != 1:
            return None
        rollup = _rollup(found[0]["body"])
        verdict, parts = whole(rollup)
        origin = rollup.origin
        failures = self._db[self._names.failures(origin)]
        own, at = {FINGERPRINT_FIELDS[origin]: rollup.fingerprint}, TIME_FIELDS[origin]
        documents = failures.find(own, sort=[(at, DESCENDING), ("_id", 1)], limit=DOCUMENTS_MAX)
        site = SITE_FIELDS[origin]
        newest = failures.find(own, {site: 1, "_id": 0}, sort=[(at, DESCENDING)], limit=SITES_READ_MAX)
        return GroupDetail(
            row=self._rows([rollup], now_ms)[0],
            class_value=parts.class_value,
            site_values=len({document.get(site) for document in newest.max_time_ms(QUESTION_MS_MAX)}),
            parts=tuple((part.name, part.value, part.rule) for part in parts.parts),
            verdict=verdict,
            samples=rollup.samples,
            members=self._members(rollup, now_ms),
            alike=self._alike(rollup, now_ms),
            history=tuple(_verdict(past["verdict"]) for past in found[0].get("history", ())[:HISTORY_MAX]),
            documents=tuple(shown(document) for document in documents.max_time_ms(QUESTION_MS_MAX)),
        )

    @_asked
    def kinds(self, wanted: GroupFilter, *, start_ms: int, step_ms: int, buckets: int) -> KindsOverTime:
        """See `Queries.kinds`."""
        span = Span.HOUR if step_ms % HOUR_MS == 0 else Span.MINUTE
        start, end = date(start_ms), date(start_ms + step_ms * buckets)
        bucket = {"$toInt": {"$floor": {"$divide": [{"$subtract": ["$start", start]}, step_ms]}}}
        steps: list[Document] = [
            {"$match": {"span": span.value, "start": {"$gte": start, "$lt": end}}},
            {"$group": {"_id": {"f": "$fingerprint", "b": bucket}, "n": {"$sum": "$count"}}},
            {"$group": {"_id": "$_id.f", "counts": {"$push": {"b": "$_id.b", "n": "$n"}}}},
            {
                "$lookup": {
                    "from": self._names.groups,
                    "localField": "_id",
                    "foreignField": "_id",
                    "pipeline": [
                        {"$match": self._condition(wanted)},
                        {"$project": {"_id": 0, "origin": 1, "kind": 1, "family": 1}},
                    ],
                    "as": "group",
                }
            },
            {"$unwind": "$group"},
            {"$unwind": "$counts"},
            {"$group": {"_id": {"g": "$group", "b": "$counts.b"}, "n": {"$sum": "$counts.n"}}},
        ]
        counts: dict[tuple[str, str, str], list[int]] = {}
        for row in self._aggregate(self._names.windows, steps):
            group, number = row["_id"]["g"], row["_id"]["b"]
            name = group["origin"], group["kind"], group["family"]
            counts.setdefault(name, [0] * buckets)[number] += row["n"]
        return KindsOverTime(start_ms=start_ms, step_ms=step_ms, buckets=buckets, series=series_of(counts))

    @_asked
    def rejected(self, *, limit: int, offset: int) -> RejectedPage:
        """See `Queries.rejected`."""
        limit, offset = max(1, min(limit, PAGE_ROWS_MAX)), max(0, offset)
        collection = self._db[self._names.rejected]
        found = collection.find(sort=[("at", DESCENDING), ("_id", DESCENDING)], skip=offset, limit=limit)
        rows = tuple(rejected_of(document) for document in found.max_time_ms(QUESTION_MS_MAX))
        return RejectedPage(rows=rows, total=collection.estimated_document_count(), offset=offset)

    @_asked
    def totals(self) -> Totals:
        """See `Queries.totals`. Failures are those that the groups have counted."""
        counters = self._db[self._names.counters].find_one({"_id": COUNTERS_ID}) or {}
        steps: list[Document] = [
            {"$match": _COUNTED},
            {"$group": {"_id": None, "failures": {"$sum": "$count"}, "groups": {"$sum": 1}}},
        ]
        counted = next(iter(self._aggregate(self._names.groups, steps)), {"failures": 0, "groups": 0})
        names: list[Document] = [
            {"$match": _NAMED},
            {"$group": {"_id": "$group", "members": {"$sum": 1}}},
            {"$group": {"_id": None, "more": {"$sum": {"$subtract": ["$members", 1]}}}},
        ]
        joined = next(iter(self._aggregate(self._names.groups, names)), {"more": 0})
        rejected = self._db[self._names.rejected].estimated_document_count()
        return Totals(
            failures=counted["failures"],
            groups=counted["groups"] - joined["more"],
            rejected=rejected,
            last_failure_ms=counters.get("last_received_ms"),
            revision=counters.get("revision", 0),
        )

    def _joined(self, wanted: GroupFilter, *, limit: int, offset: int, now_ms: int) -> GroupPage:
        """Groups as rows, what aliases join as one."""
        passing = self._condition(replace(wanted, since_ms=None, new_since_ms=None))
        if passing != _COUNTED:
            some = self._aggregate(self._names.groups, [{"$match": passing | _NAMED}, {"$group": {"_id": "$group"}}])
            passing = {"$or": [passing, {"group": {"$in": [row["_id"] for row in some]}} | _COUNTED]}
        times = {"last_seen": wanted.since_ms, "first_seen": wanted.new_since_ms}
        within = {name: {"$gte": date(since_ms)} for name, since_ms in times.items() if since_ms is not None}
        steps: list[Document] = [
            {"$match": passing},
            {
                "$group": {
                    "_id": {"$cond": [{"$gt": ["$group", ""]}, "$group", "$_id"]},
                    "alone": {"$max": {"$not": [{"$gt": ["$group", ""]}]}},
                    "fingerprint": {"$min": "$_id"},
                    "fingerprints": {"$sum": 1},
                    "count": {"$sum": "$count"},
                    "first_seen": {"$min": "$first_seen"},
                    "last_seen": {"$max": "$last_seen"},
                }
            },
            {"$match": within},
            {
                "$facet": {
                    "rows": [
                        {"$sort": {_SORTS.get(wanted.sort, "last_seen"): -1, "_id": 1}},
                        {"$skip": offset},
                        {"$limit": limit},
                    ],
                    "total": [{"$count": "n"}],
                }
            },
        ]
        found = next(iter(self._aggregate(self._names.groups, steps)))
        total = found["total"][0]["n"] if found["total"] else 0
        return GroupPage(tuple(self._row(row, now_ms) for row in found["rows"]), total, offset)

    def _row(self, row: Document, now_ms: int) -> GroupRow:
        joined = Joined(
            row["_id"],
            row["alone"],
            row["fingerprint"],
            row["fingerprints"],
            row["count"],
            at_ms(row["first_seen"]),
            at_ms(row["last_seen"]),
        )
        own: Document = {"_id": joined.key} if joined.is_alone else {"group": {"$eq": joined.key}} | _COUNTED
        rollups = self._newest(own, LISTED_MEMBERS_MAX)
        return joined_row(rollups, self._sparks(rollups, now_ms), joined)

    def _newest(self, condition: Document, number: int) -> list[Rollup]:
        found = self._db[self._names.groups].find(
            condition, {"body": 1}, sort=[("last_seen", DESCENDING)], limit=number
        )
        return [_rollup(document["body"]) for document in found.max_time_ms(QUESTION_MS_MAX)]

    def _condition(self, wanted: GroupFilter) -> Document:
        """A filter over the groups that have been counted: one with a history alone is not there yet."""
        condition: Document = dict(_COUNTED)
        for name in ("origin", "kind", "family"):
            if value := getattr(wanted, name):
                condition[name] = value
        for name, since_ms in (("last_seen", wanted.since_ms), ("first_seen", wanted.new_since_ms)):
            if since_ms is not None:
                condition[name] = {"$gte": date(since_ms)}
        if words := search_words(wanted.text):
            # the words come from people: as literals, never as patterns or paths
            held = [{"$gte": [{"$indexOfBytes": ["$search", {"$literal": word}]}, 0]} for word in words]
            condition["$expr"] = {"$and": held}
        if wanted.where:
            condition["_id"] = {"$in": self._named(wanted.where)}
        return condition

    def _named(self, name: str) -> list[str]:
        """Fingerprints that were seen there, at most NAMED_MAX, those seen last."""
        fields = [field for names in WHERE_FIELDS.values() for field in names]
        steps: list[Document] = [
            {"$match": {"$or": [{field: {"$eq": name}} for field in fields], "row_version": {"$exists": True}}},
            {"$group": {"_id": "$fingerprint", "last": {"$max": "$last_seen"}}},
            {"$sort": {"last": -1}},
            {"$limit": NAMED_MAX},
        ]
        return [row["_id"] for row in self._aggregate(self._names.rollups, steps)]

    def _aggregate(self, collection: str, steps: Sequence[Mapping[str, Any]]) -> Iterable[Document]:
        return self._db[collection].aggregate(steps, maxTimeMS=QUESTION_MS_MAX)

    def _members(self, rollup: Rollup, now_ms: int) -> Members:
        group = rollup.group
        if not group:
            return alone(rollup)
        of_group = {"group": {"$eq": group}} | _COUNTED
        rollups = self._newest(of_group, MEMBERS_MAX)
        steps: list[Document] = [
            {"$match": of_group},
            {"$group": {"_id": None, "failures": {"$sum": "$count"}, "groups": {"$sum": 1}}},
        ]
        counted = next(iter(self._aggregate(self._names.groups, steps)), {"failures": 0, "groups": 0})
        rows = self._rows(rollups, now_ms)
        return Members(group, rows, counted["groups"], counted["failures"], aliases_of((rollup, *rollups)))

    def _alike(self, rollup: Rollup, now_ms: int) -> tuple[GroupRow, ...]:
        """The groups of the same origin, among the ALIKE_READ_MAX seen last, that alias to this one."""
        others = {"origin": rollup.origin.value, "_id": {"$ne": rollup.fingerprint}}
        newest = self._db[self._names.groups].find(
            others, {"body": 1}, sort=[("last_seen", DESCENDING)], limit=ALIKE_READ_MAX
        )
        found = [_rollup(document["body"]) for document in newest.max_time_ms(QUESTION_MS_MAX)]
        return self._rows(alike_of(rollup, found), now_ms)

    def _rows(self, rollups: Sequence[Rollup], now_ms: int) -> tuple[GroupRow, ...]:
        sparks = self._sparks(rollups, now_ms)
        return tuple(group_row(rollup, sparks[rollup.fingerprint]) for rollup in rollups)

    def _sparks(self, rollups: Sequence[Rollup], now_ms: int) -> dict[str, tuple[int, ...]]:
        first_ms, last_ms = spark_hours(now_ms)
        fingerprints = [rollup.fingerprint for rollup in rollups]
        hours = self._db[self._names.windows].find(
            {
                "fingerprint": {"$in": fingerprints},
                "span": Span.HOUR.value,
                "start": {"$gte": date(first_ms), "$lte": date(last_ms)},
            },
            {"_id": 0, "fingerprint": 1, "start": 1, "count": 1},
        )
        counted = (
            (row["fingerprint"], at_ms(row["start"]), row["count"]) for row in hours.max_time_ms(QUESTION_MS_MAX)
        )
        return sparks_of(fingerprints, counted, first_ms)
