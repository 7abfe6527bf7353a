"""The OpenSearch sink beside a bare `helpers.async_bulk` of the same documents: documents a second, and the ratio.

The yardstick gets finished documents and looks at nothing; the sink makes them out of records, guards each by its
version and looks at every answer. Each writes into indexes of its own, made from the same template, by turns.
Run: python tests/bench/opensearch_sink.py [--failures 20000] [--rounds 3] [--url http://127.0.0.1:9200]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))

from opensearchpy import AsyncOpenSearch
from opensearchpy.helpers import async_bulk
from suites.records import AT_MS, ci_failure
from suites.search_store import SearchStore
from testservers.process import Identity
from testservers.shared import Shared

from streams.contract.classified import Classified, VerdictChanged
from streams.contract.documents import search_documents
from streams.contract.failure import Origin
from streams.sinks.base import Record
from streams.sinks.opensearch.options import OpenSearchOptions
from streams.sinks.opensearch.sink import OpenSearchSink

FINGERPRINTS = 300
BATCH_RECORDS = 100
FOLD_FAILURES = 10
TEXT_CHARS = 300
WORDS = "disk socket parser cache lease token queue shard index worker mount probe".split()


def load(store: SearchStore, count: int) -> list[Record]:
    """Folds of FOLD_FAILURES failures, messages of TEXT_CHARS characters, FINGERPRINTS templates."""
    out: list[Record] = []
    for start in range(0, count, FOLD_FAILURES):
        number = start // FOLD_FAILURES % FINGERPRINTS
        words = " ".join(WORDS[(number // 12**i) % 12] for i in range(3))
        message = f"{words} failed: ".ljust(TEXT_CHARS, "x")
        batch = [ci_failure(message, job=f"j{start + i}", at_ms=AT_MS + start) for i in range(FOLD_FAILURES)]
        out += [record for record in store.feeder.records(*batch) if isinstance(record, Classified)]
    return out


async def through_sink(options: OpenSearchOptions, records: list[Record]) -> float:
    sink = OpenSearchSink(options)
    try:
        await sink.prepare()
        start = time.perf_counter()
        for i in range(0, len(records), BATCH_RECORDS):
            assert await sink.write(records[i : i + BATCH_RECORDS]) == []
        return time.perf_counter() - start
    finally:
        await sink.close()


async def bare(url: str, index: str, documents: list[tuple[str, dict[str, object]]]) -> float:
    async with AsyncOpenSearch([url], timeout=60) as client:
        start = time.perf_counter()
        step = BATCH_RECORDS * FOLD_FAILURES
        for i in range(0, len(documents), step):
            actions = [{"_index": index, "_id": name, "_source": body} for name, body in documents[i : i + step]]
            await async_bulk(client, actions)
        return time.perf_counter() - start


async def changed(options: OpenSearchOptions, records: list[Record]) -> tuple[int, float]:
    """A new verdict for every fingerprint: documents changed, and seconds."""
    folds = [record for record in records if isinstance(record, Classified)]
    verdicts = {
        record.fold.fingerprint.value: VerdictChanged(
            fingerprint=record.fold.fingerprint.value, verdict=record.verdict, verdict_version=2**40
        )
        for record in folds
    }
    sink = OpenSearchSink(options)
    try:
        start = time.perf_counter()
        assert await sink.write(list(verdicts.values())) == []
        return sum(len(record.fold.members) for record in folds), time.perf_counter() - start
    finally:
        await sink.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--url")
    arguments = parser.parse_args()
    identity = Identity.of(os.getpid())
    assert identity is not None
    url = arguments.url or Shared(dict(os.environ)).use("opensearch", identity)
    ours, theirs = [], []
    for _ in range(arguments.rounds):
        prefix = f"bench{secrets.token_hex(4)}-"
        store = SearchStore(url, prefix)
        records = load(store, arguments.failures)
        documents = [one for record in records if isinstance(record, Classified) for one in search_documents(record)]
        store.prepare()
        yardstick = f"{store.names[Origin.CI]}-2026.01"  # of the same template
        store.ask("PUT", f"/{yardstick}")
        theirs.append(len(documents) / asyncio.run(bare(url, yardstick, documents)))
        ours.append(len(documents) / asyncio.run(through_sink(store.options, records)))
        count, took = asyncio.run(changed(store.options, records))
        print(f"sink {ours[-1]:,.0f}/s, bare {theirs[-1]:,.0f}/s; {count:,} documents changed, {count / took:,.0f}/s")
        for index in (yardstick, f"{store.names[Origin.CI]}-2026.09"):
            store.ask("DELETE", f"/{index}")
        for name in store.names.values():
            store.ask("DELETE", f"/_index_template/{name}")
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"sink / bare async_bulk: {ratio:.2f} (median of {arguments.rounds}, by turns, one node on the same cores)")


if __name__ == "__main__":
    main()
