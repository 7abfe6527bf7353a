"""The whole path on real servers, all on the same cores: failures a second, and how long one takes at a steady pace.

First a backlog: publish, then wait for `failures.classified.v1` and for both stores. Then failures at a steady pace,
some of which are looked for in both stores by their id until they are there.
The yardstick is the fold stage's own work on the same failures, in memory, in the same run.
Run: make bench, or python tests/bench/path.py [--failures 20000] [--pace 300] [--seconds 30]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))

import opensearchpy
import pymongo
from suites.cluster import Installation, wait_until
from suites.fake_llm.process import FakeLlmProcess
from suites.texts import texts
from testservers.process import Identity
from testservers.shared import Shared

from streams.broker.clients import Cluster
from streams.broker.publish import KafkaPublisher
from streams.contract.failure import Failure
from streams.contract.taxonomy import default_taxonomy
from streams.contract.wire import classified_from_bytes, envelope_of, to_bytes
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage, RawRecord, Stretch
from streams.core.known_failures.book import default_rules

PARTITIONS = 4
WITHIN_S = 600.0
WATCHED_EVERY = 3
"""Of the calls at a steady pace, 20 a second, one in so many has a failure that is looked for."""
LOOK_EVERY_S = 0.05
GIVEN_UP_S = 60.0
CLASSIFIED_GOAL, STORED_GOAL, P99_GOAL_S = 5_000, 1_500, 2.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def alone(failures: list[Failure]) -> float:
    """Failures a second of the fold stage in memory."""
    stage = FoldStage(
        fingerprinter=Fingerprinter(), rules=default_rules(), taxonomy=default_taxonomy(), partitions=PARTITIONS
    )
    began = time.perf_counter()
    for start in range(0, len(failures), 1_000):
        records = [
            RawRecord(start + n, envelope_of(map(to_bytes, failures[start + n : start + n + 100])), now_ms())
            for n in range(0, 1_000, 100)
        ]
        stage.on_failures(records, Stretch("t", 0, start, start + 1_000), at_ms=now_ms(), is_new=lambda _: True)
    return len(failures) / (time.perf_counter() - began)


def classified(installation: Installation) -> int:
    """Failures in the topic of what is classified."""
    found = (classified_from_bytes(record.value) for record in installation.records("failures.classified.v1"))
    return sum(one.fold.count for one in found if hasattr(one, "fold"))


def backlog(installation: Installation, failures: list[Failure]) -> tuple[float, float]:
    """Failures a second into the topic and into both stores, from the first one published."""
    began_s = time.time()
    installation.publish(failures, envelope=100, deadline_s=WITHIN_S)
    for count in (installation.mongo_count, installation.opensearch_count):
        wait_until(count, len(failures), seconds=WITHIN_S, told=installation.said)
    stored_s = time.time() - began_s
    if classified(installation) != len(failures):
        raise SystemExit("the topic does not hold each failure once")
    # by the broker's clock: to read the topic again and again would take the cores
    classified_s = installation.last_at_s("failures.classified.v1") - began_s
    return len(failures) / classified_s, len(failures) / stored_s


class Watch:
    """Looks for some failures in both stores, for all of them at once, so that looking takes little of the cores."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._pending: dict[str, tuple[Failure, float]] = {}
        self._all_sent = threading.Event()
        self.took: list[float] = []
        """Seconds from before publishing until a failure was in both stores; GIVEN_UP_S where that took longer."""

    def watch(self, failure: Failure, began_s: float) -> None:
        self._pending[failure.id] = failure, began_s

    def all_sent(self) -> None:
        self._all_sent.set()

    def run(self) -> None:
        with (
            pymongo.MongoClient[dict[str, object]](self._installation.mongodb) as mongo,
            opensearchpy.OpenSearch(self._installation.opensearch) as search,
        ):
            while self._pending or not self._all_sent.is_set():
                time.sleep(LOOK_EVERY_S)
                looked_for = dict(self._pending)
                found = self._in_mongo(mongo, looked_for) & self._in_search(search, looked_for)
                for key, (_, began_s) in looked_for.items():
                    waited_s = time.perf_counter() - began_s
                    if key in found or waited_s > GIVEN_UP_S:
                        self.took.append(min(waited_s, GIVEN_UP_S))
                        del self._pending[key]

    def _in_mongo(self, mongo: pymongo.MongoClient[dict[str, object]], keys: Iterable[str]) -> set[str]:
        database, looked_for = mongo[self._installation.database], {"_id": {"$in": list(keys)}}
        return {
            str(one["_id"])
            for name in ("ci_failures", "errors_cloud")
            for one in database[name].find(looked_for, {"_id": 1})
        }

    def _in_search(self, search: opensearchpy.OpenSearch, failures: Mapping[str, tuple[Failure, float]]) -> set[str]:
        ci, benchmark, *_ = self._installation.opensearch_names()
        wanted = [
            {"_index": ci if one.ci else benchmark, "_id": key, "_source": False} for key, (one, _) in failures.items()
        ]
        answer = search.mget(body={"docs": wanted}) if wanted else {"docs": []}
        return {one["_id"] for one in answer["docs"] if one.get("found")}


def steady(installation: Installation, *, pace: int, seconds: int) -> list[float]:
    """See `Watch.took`, of some of the failures."""
    failures = texts(pace * seconds, start_ms=now_ms() - 60_000, span_s=60, seed=11)
    watch = Watch(installation)
    looking = threading.Thread(target=watch.run)
    looking.start()
    try:
        asyncio.run(_paced(installation, failures, pace, watch))
    finally:
        watch.all_sent()
        looking.join()
    return watch.took


async def _paced(installation: Installation, failures: list[Failure], pace: int, watch: Watch) -> None:
    cluster = Cluster(installation.kafka, prefix=installation.prefix, partitions=PARTITIONS)
    publisher = KafkaPublisher(cluster, source="bench", now_ms=now_ms)
    await publisher.start(deadline_s=30)
    began_s = time.perf_counter()
    step = max(1, pace // 20)
    for number, start in enumerate(range(0, len(failures), step)):
        await asyncio.sleep(max(0.0, began_s + start / pace - time.perf_counter()))
        some = failures[start : start + step]
        at_s = time.perf_counter()
        await publisher.publish(some)
        if number % WATCHED_EVERY == 0:
            watch.watch(some[0], at_s)
    await publisher.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failures", type=int, default=20_000)
    parser.add_argument("--pace", type=int, default=300, help="failures a second")
    parser.add_argument("--seconds", type=int, default=30)
    given = parser.parse_args()
    myself = Identity.of(os.getpid())
    assert myself is not None, "this process lives"
    shared = Shared(os.environ)
    name = f"bench{secrets.token_hex(4)}"
    failures = texts(given.failures, start_ms=now_ms() - 3_600_000)
    with tempfile.TemporaryDirectory() as folder, FakeLlmProcess(Path(folder) / "llm.jsonl") as llm:
        installation = Installation(
            Path(folder),
            kafka=shared.use("kafka", myself),
            mongodb=shared.use("mongodb", myself),
            opensearch=shared.use("opensearch", myself),
            prefix=f"{name}.",
            database=name,
            index=f"{name}-error_classifications",
            partitions=PARTITIONS,
            ANTHROPIC_API_KEY=llm.key,
            API_BASE_URL=llm.url,
        )
        try:
            installation.create_topics()
            bare = alone(failures)
            for role in ("fold", "work", "classify", "sink mongo", "sink opensearch"):
                installation.add(role)
            wait_until(  # it is not the start that is measured
                lambda: all(role.is_ready() for role in installation.roles), True, seconds=60, told=installation.said
            )
            time.sleep(5)
            topic, stores = backlog(installation, failures)
            took = sorted(steady(installation, pace=given.pace, seconds=given.seconds))
        finally:
            installation.end()
            with pymongo.MongoClient[dict[str, object]](installation.mongodb) as client:
                client.drop_database(name)
            for kind in ("kafka", "mongodb", "opensearch"):
                shared.leave(kind, myself)
    print(f"fold stage in memory:          {bare:7,.0f} failures/s")
    print(
        f"to failures.classified.v1:     {topic:7,.0f} failures/s, {topic / bare:.2f} of it (goal {CLASSIFIED_GOAL:,})"
    )
    print(f"to both stores:                {stores:7,.0f} failures/s, {stores / bare:.2f} of it (goal {STORED_GOAL:,})")
    p99 = took[max(0, round(len(took) * 0.99) - 1)]
    print(
        f"published to both stores at {given.pace}/s: p50 {statistics.median(took):.2f} s, p99 {p99:.2f} s"
        f" of {len(took)} looked for (goal {P99_GOAL_S} s)"
    )


if __name__ == "__main__":
    main()
