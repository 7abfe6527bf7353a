"""The MongoDB sink: documents a second, beside a bare bulk upsert of the same documents in the same run.

The yardstick has no index but `_id`, no guard, and encodes nothing itself: what the driver and the server can do.
Run: python tests/bench/mongo_sink.py [--uri mongodb://...] [--failures 20000]; without --uri it starts a server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))
sys.path.insert(0, str(Path(__file__).parents[1]))

from pymongo import UpdateOne
from suites.records import told
from suites.servers import private
from suites.texts import texts
from testservers.kinds import MongoDB

from streams.contract import topics
from streams.contract.classified import Classified, VerdictChanged
from streams.contract.documents import failure_documents
from streams.contract.failure import Failure, Origin
from streams.contract.fold import Cursor, FoldBatch
from streams.contract.rollup import Rollup
from streams.contract.verdict import Verdict, VerdictSource
from streams.core.fold import folds_of
from streams.core.pipeline import Pipeline
from streams.sinks.base import Record
from streams.sinks.mongo.client import Document, open_for_writing
from streams.sinks.mongo.documents import stored
from streams.sinks.mongo.sink import MongoSink

BATCH_FAILURES = 500
START_MS = int(time.time()) * 1000 - 7_200_000


def records_of(failures: Sequence[Failure]) -> list[list[Record]]:
    """What the tables say of them, in batches."""
    pipeline = Pipeline({}, partition=0)
    out: list[list[Record]] = []
    for at, first in enumerate(range(0, len(failures), BATCH_FAILURES)):
        folds = tuple(folds_of((told(f) for f in failures[first : first + BATCH_FAILURES]), fold_id=str(at)))
        batch = FoldBatch(topic=topics.CI.name, partition=0, cursor=Cursor(at, at + 1), at_ms=START_MS, folds=folds)
        emitted = pipeline.on_batches([(at, batch)])
        out.append([e.record for e in emitted if e.topic is not topics.UNSEEN])  # type: ignore[misc]  # Unseen is left out
    return out


@contextlib.contextmanager
def server(uri: str | None) -> Iterator[str]:
    if uri:
        yield uri
    else:
        with private(MongoDB) as one:
            yield one.address


async def timed(work: Callable[[Any], Awaitable[None]], what: object) -> float:
    started = time.perf_counter()
    await work(what)
    return time.perf_counter() - started


async def measure(uri: str, number: int) -> None:
    batches = records_of(texts(number, start_ms=START_MS))
    classified = [[r for r in batch if isinstance(r, Classified)] for batch in batches]
    rollups = [[r for r in batch if isinstance(r, Rollup)] for batch in batches]
    bare = [
        [(name, stored(document)) for record in batch for name, document in failure_documents(record)]
        for batch in classified
    ]
    size = sum(len(batch) for batch in bare)
    database = f"bench{secrets.token_hex(4)}"
    client = open_for_writing(uri, appname="bench")
    sink = MongoSink(client, database)
    await sink.prepare()

    async def upsert(documents: Sequence[tuple[str, Document]]) -> None:
        operations = [UpdateOne({"_id": name}, {"$setOnInsert": body}, upsert=True) for name, body in documents]
        await client[database]["bare"].bulk_write(operations, ordered=False)

    async def write(records: Sequence[Record]) -> None:
        assert await sink.write(records) == []

    def changes(version: int) -> list[Record]:
        seen = {r.fold.fingerprint.value: r for batch in classified for r in batch}
        return [
            VerdictChanged(
                fingerprint=key,
                verdict_version=version,
                verdict=Verdict(
                    fingerprint=key,
                    origin=Origin(record.fold.origin),
                    kind="timeout",
                    family="code_error",
                    confidence=0.9,
                    source=VerdictSource.LLM,
                    decided_at_ms=START_MS,
                ),
            )
            for key, record in seen.items()
        ]

    try:
        await upsert(bare[0][:1])
        yardstick_s = sink_s = 0.0
        for documents, records in zip(bare, classified, strict=True):  # by turns, so that other load meets both
            yardstick_s += await timed(upsert, documents)
            sink_s += await timed(write, records)
        again_s = sum([await timed(write, records) for records in classified])
        rows = sum(len(batch) for batch in rollups)
        rows_s = sum([await timed(write, records) for records in rollups])
        changed_s = await timed(write, changes(2**39))
    finally:
        await client.drop_database(database)
        await sink.close()
    print(f"documents {size}, batches of {BATCH_FAILURES}")
    print(f"bare bulk upsert   {size / yardstick_s:9,.0f} documents/s")
    print(f"sink               {size / sink_s:9,.0f} documents/s   {yardstick_s / sink_s:5.2f} of the bare upsert")
    print(f"the same again     {size / again_s:9,.0f} documents/s")
    print(f"rollups            {rows / rows_s:9,.0f} rows/s ({rows} rows)")
    print(f"one verdict each   {size / changed_s:9,.0f} documents/s (throttled)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--uri", default=os.environ.get("FAULTLINE_TEST_MONGODB"))
    parser.add_argument("--failures", type=int, default=20_000)
    given = parser.parse_args()
    with server(given.uri) as uri:
        asyncio.run(measure(uri, given.failures))


if __name__ == "__main__":
    main()
