"""The sink of MongoDB: one document a failure, brought up to date by verdicts, and the rows that the pages read.

Why writing twice changes nothing: a failure's document is inserted when its `_id` is not there, a verdict touches only
documents with an older one, and a row replaces only a row of the same or an older version.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from itertools import islice, product
from typing import Any, Final, TypeVar

from pymongo import AsyncMongoClient, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, PyMongoError

from streams.contract.documents import (
    FINGERPRINT_FIELDS,
    FULL_TEXT_CHARS_MAX,
    TIME_FIELDS,
)
from streams.contract.errors import SinkUnavailable
from streams.contract.failure import Origin
from streams.core.pipeline import OFFSET_BITS
from streams.sinks.base import HISTORY_MAX, Record, Refusal, RejectedRecord
from streams.sinks.mongo.documents import date, rejected_document
from streams.sinks.mongo.errors import DUPLICATE_KEY, RETRY_AFTER_S, fault_of, is_passing, refusal_of
from streams.sinks.mongo.plan import EPOCH_FIELD, Change, NewDocument, PastVerdict, Plan, Planner, Refusals, Row
from streams.sinks.mongo.schema import Document, MongoNames, collections, prepare

WRITES_PER_CALL: Final = 1_000
CHANGES_PER_SEARCH: Final = 50
CHANGED_PER_STEP: Final = 1_000
CHANGED_PER_S_MAX: Final = 5_000
"""Documents a second that verdicts rewrite, so that a change of a large group leaves the store room for others."""
CHANGES_S_MAX: Final = 60.0
"""After so long a batch's changes are left for the next call: what is done is done, and guarded."""
HISTORY_KEPT: Final = 100_000
HISTORY_KEPT_S: Final = 3_600.0
"""How many verdicts, and how long, the sink remembers to have put into a group's history; only to save the asking."""
DAY_MS: Final = 86_400_000
COUNTERS_ID: Final = "sink"

Operation = InsertOne[Document] | ReplaceOne[Document] | UpdateOne | UpdateMany
T = TypeVar("T")


class MongoSink:
    """Writes to one database. One call at a time; a call ends within about CHANGES_S_MAX and the client's timeouts.

    Implements `AsyncSink` and `RejectedSink`. The client is closed by `close`.
    """

    def __init__(
        self,
        client: AsyncMongoClient[Document],
        database: str,
        *,
        names: MongoNames | None = None,
        origins: frozenset[Origin] = frozenset(Origin),
        retention_days: int = 30,
        backfill_days: int = 30,
        primary_is_kind: bool = False,
        full_text_chars_max: int = FULL_TEXT_CHARS_MAX,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """`retention_days`: how long documents are kept. `backfill_days`: how old one may be that a verdict changes."""
        self._client = client
        self._names = names or MongoNames()
        self._db = client[database]
        self._planner = Planner(self._names, origins, primary_is_kind, full_text_chars_max)
        self._retention_days = retention_days
        self._backfill_ms = backfill_days * DAY_MS
        self._now_ms = now_ms
        self._told: OrderedDict[tuple[str, int], float] = OrderedDict()

    async def prepare(self) -> None:
        """See `AsyncSink.prepare`."""
        try:
            await prepare(self._db, collections(self._names, retention_days=self._retention_days))
        except PyMongoError as error:
            raise fault_of(error) from error

    async def close(self) -> None:
        """See `AsyncSink.close`."""
        await self._client.close()

    async def write(self, records: Sequence[Record]) -> list[Refusal]:
        """See `AsyncSink.write`."""
        plan = self._planner.plan(records)
        try:
            for origin, documents in plan.documents.items():
                await self._insert(origin, documents, plan.refusals)
            await self._change(plan)
            await self._remember(plan)
            for collection, rows in plan.rows.items():
                await self._put(collection, rows, plan.refusals)
            if records:  # last, so that whoever sees the new revision finds the new documents
                await self._count(plan.received_ms)
        except PyMongoError as error:
            raise fault_of(error) from error
        return plan.refusals.all()

    async def write_rejected(self, records: Sequence[RejectedRecord]) -> None:
        """See `RejectedSink.write_rejected`. The collection is bounded (REJECTED_BYTES_MAX, REJECTED_ROWS_MAX)."""
        collection = self._db[self._names.rejected]
        try:
            for some in _chunks(records):
                refused = await _bulk(collection, [InsertOne(rejected_document(one)) for one in some])
                for _, item in refused:
                    if not _is_own_id(item):
                        raise SinkUnavailable(
                            f"MongoDB: {self._names.rejected} does not take a row: {refusal_of(item)}",
                            retry_after_s=RETRY_AFTER_S,
                        )
            if records:
                await self._count(0)
        except PyMongoError as error:
            raise fault_of(error) from error

    async def _insert(self, origin: Origin, documents: Mapping[str, NewDocument], refusals: Refusals) -> None:
        collection = self._db[self._names.failures(origin)]
        for some in _chunks(documents.values()):
            known = []
            for position, item in await _bulk(collection, [InsertOne(one.body) for one in some]):
                if _is_own_id(item):
                    known.append(some[position])
                else:
                    refusals.add(some[position].index, f"failure {some[position].id}", refusal_of(item))
            await self._rebuild(collection, known, refusals)

    async def _rebuild(
        self,
        collection: AsyncCollection[Document],
        known: Sequence[NewDocument],
        refusals: Refusals,
    ) -> None:
        """Write anew what an earlier epoch of the tables wrote; within one epoch the document that is there stands."""
        anew = [one for one in known if one.version >> OFFSET_BITS]
        replace: list[Operation] = [
            ReplaceOne(
                {"_id": one.id, EPOCH_FIELD: {"$not": {"$gte": one.version >> OFFSET_BITS}}},  # or without one
                one.body,
            )
            for one in anew
        ]
        for position, item in await _bulk(collection, replace):
            refusals.add(anew[position].index, f"failure {anew[position].id}", refusal_of(item))

    async def _change(self, plan: Plan) -> None:
        """Write verdicts and groups into the documents that carry older ones."""
        started = time.monotonic()
        done = 0
        for origin, planned in product(Origin, (plan.changes, plan.regrouped)):
            changes = [change for change in planned.values() if change.origin is origin]
            for some in _chunks(changes, CHANGES_PER_SEARCH):
                async for stale in self._stale(origin, some):
                    ahead_s = done / CHANGED_PER_S_MAX - (time.monotonic() - started)
                    if ahead_s > 0:
                        await asyncio.sleep(ahead_s)
                    if time.monotonic() - started > CHANGES_S_MAX:
                        raise SinkUnavailable(
                            f"MongoDB: {done} documents were brought up to date, and there are more; it goes on",
                            retry_after_s=0.1,
                        )
                    await self._set(origin, stale, plan.refusals)
                    done += sum(len(names) for _, names in stale)

    async def _stale(self, origin: Origin, changes: Sequence[Change]) -> AsyncIterator[list[tuple[Change, list[str]]]]:
        """Ids of documents to change, at most CHANGED_PER_STEP at a time.

        The index that is walked holds nothing that a change writes, so no document is met twice.
        """
        fingerprint, at = FINGERPRINT_FIELDS[origin], TIME_FIELDS[origin]
        since = date(max(0, self._now_ms() - self._backfill_ms))
        by_fingerprint = {change.fingerprint: change for change in changes}
        wanted = [{fingerprint: change.fingerprint, at: {"$gte": since}} | change.stale for change in changes]
        found: dict[str, list[str]] = {}
        number = 0
        collection = self._db[self._names.failures(origin)]
        async with collection.find({"$or": wanted}, {fingerprint: 1}).batch_size(CHANGED_PER_STEP) as cursor:
            async for document in cursor:
                found.setdefault(document[fingerprint], []).append(document["_id"])
                number += 1
                if number == CHANGED_PER_STEP:
                    yield [(by_fingerprint[name], ids) for name, ids in found.items()]
                    found, number = {}, 0
        if found:
            yield [(by_fingerprint[name], ids) for name, ids in found.items()]

    async def _set(self, origin: Origin, stale: Sequence[tuple[Change, list[str]]], refusals: Refusals) -> None:
        collection = self._db[self._names.failures(origin)]
        many: list[Operation] = [
            UpdateMany({"_id": {"$in": names}} | change.stale, change.update) for change, names in stale
        ]
        refused = await _bulk(collection, many)
        # one document that is refused ends the update of all behind it, so those are tried one by one
        single = [(change, name) for position, _ in refused for change, names in (stale[position],) for name in names]
        one_by_one: list[Operation] = [
            UpdateOne({"_id": name} | change.stale, change.update) for change, name in single
        ]
        for position, item in await _bulk(collection, one_by_one):
            change, name = single[position]
            refusals.add(change.index, f"change of failure {name}", refusal_of(item))

    async def _remember(self, plan: Plan) -> None:
        """Put verdicts into the history of their groups, each version once, the newest HISTORY_MAX."""
        now_s = time.monotonic()
        fresh = [
            past for key, past in plan.history.items() if now_s - self._told.get(key, -HISTORY_KEPT_S) >= HISTORY_KEPT_S
        ]
        collection = self._db[self._names.groups]
        for some in _chunks(fresh):
            for position, item in await _bulk(collection, [_past(past) for past in some]):
                if not _is_own_id(item):  # it is there: the filter did not match, and the upsert met it
                    past = some[position]
                    plan.refusals.add(past.index, f"history of {past.fingerprint}", refusal_of(item))
            for past in some:
                self._told[past.fingerprint, past.version] = now_s
                self._told.move_to_end((past.fingerprint, past.version))
        while len(self._told) > HISTORY_KEPT:
            self._told.popitem(last=False)

    async def _put(self, name: str, rows: Mapping[str, Row], refusals: Refusals) -> None:
        """Replace rows that are older or equal. A newer one that is there makes the upsert meet its `_id`.

        Rows that are not there yet, which most windows and many places are, are inserted: an upsert costs the server
        four times as much.
        """
        collection = self._db[name]
        for wanted in _chunks(rows.items()):
            cursor = collection.find({"_id": {"$in": [key for key, _ in wanted]}}, {"_id": 1})
            there = {document["_id"] async for document in cursor}
            some = [one for one in wanted if one[0] in there]
            absent = [one for one in wanted if one[0] not in there]
            for position, item in await _bulk(
                collection, [InsertOne({"_id": key} | row.fields) for key, row in absent]
            ):
                if _is_own_id(item):  # another writer was quicker
                    some.append(absent[position])
                else:
                    refusals.add(absent[position][1].index, f"row {absent[position][0]}", refusal_of(item))
            met = []
            for position, item in await _bulk(collection, [_row(*one, upsert=True) for one in some]):
                if _is_own_id(item):
                    met.append(some[position])
                else:
                    refusals.add(some[position][1].index, f"row {some[position][0]}", refusal_of(item))
            # two writers that insert the same row at once meet too: without the insert the newer of them wins
            for position, item in await _bulk(collection, [_row(*one, upsert=False) for one in met]):
                refusals.add(met[position][1].index, f"row {met[position][0]}", refusal_of(item))

    async def _count(self, received_ms: int) -> None:
        change: Document = {"$inc": {"revision": 1}}
        if received_ms:
            change["$max"] = {"last_received_ms": received_ms}
        await self._db[self._names.counters].update_one({"_id": COUNTERS_ID}, change, upsert=True)


async def _bulk(
    collection: AsyncCollection[Document], operations: Sequence[Operation]
) -> list[tuple[int, Mapping[str, Any]]]:
    """Send operations in any order. Returns position and answer of each that was refused for good.

    Raises the driver's error when the store was at fault in any of them: the rest may be written or not.
    """
    if not operations:
        return []
    try:
        await collection.bulk_write(operations, ordered=False)
    except BulkWriteError as error:
        items = error.details.get("writeErrors", [])
        if error.details.get("writeConcernErrors") or any(is_passing(item["code"]) for item in items):
            raise
        return [(item["index"], item) for item in items]
    return []


def _is_own_id(item: Mapping[str, Any]) -> bool:
    """Whether a write was refused because a document with this `_id` is there."""
    return item.get("code") == DUPLICATE_KEY and list(item.get("keyPattern", {})) == ["_id"]


def _row(name: str, row: Row, *, upsert: bool) -> UpdateOne:
    # `$not` also takes a row without a version: a group that only has a history yet
    return UpdateOne({"_id": name, "row_version": {"$not": {"$gt": row.version}}}, {"$set": row.fields}, upsert=upsert)


def _past(past: PastVerdict) -> UpdateOne:
    entry = {"v": past.version, "verdict": past.verdict}
    push = {"history": {"$each": [entry], "$sort": {"v": -1}, "$slice": HISTORY_MAX}}
    return UpdateOne({"_id": past.fingerprint, "history.v": {"$ne": past.version}}, {"$push": push}, upsert=True)


def _chunks(items: Iterable[T], size: int = WRITES_PER_CALL) -> Iterable[list[T]]:
    left = iter(items)
    while some := list(islice(left, size)):
        yield some
