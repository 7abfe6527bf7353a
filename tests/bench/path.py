"""The whole path on real servers, all on the same cores: failures a second, and how long one takes at a steady pace.

First a backlog: publish, then wait for `failures.classified.v1` and for both stores. Then failures at a steady pace,
some of which are looked for in both stores by their id until they are there.
The yardstick is the fold stage's own work on the same failures, in memory, in the same run.
CPU seconds for 1,000 failures, by role and by server, tell a slow machine from a slow role.
Run: make bench, or python tests/bench/path.py [--failures 20000] [--pace 300] [--seconds 30]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))

import opensearchpy
import pymongo
from suites.cluster import Installation, wait_until
from suites.fake_llm.process import FakeLlmProcess
from suites.texts import texts
from testservers.process import Identity
from testservers.shared import VARIABLES, Shared

from streams.broker.clients import Cluster
from streams.broker.publish import KafkaPublisher
from streams.contract.classified import Classified
from streams.contract.failure import Failure
from streams.contract.fold import FoldBatch
from streams.contract.taxonomy import default_taxonomy
from streams.contract.wire import classified_from_bytes, envelope_of, from_bytes, to_bytes
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage, RawRecord, Stretch, ids_in
from streams.core.known_failures.book import default_rules

PARTITIONS = 4
WITHIN_S = 600.0
WATCHED_EVERY = 5
"""Of the calls at a steady pace, 20 a second, one in so many has a failure that is looked for."""
LOOK_EVERY_S = 0.05
LOOK_SHARE = 0.05
"""A failure is looked for again after this share of its age: to ask for many holds up a store that is behind."""
GIVEN_UP_S = 60.0
CLASSIFIED_GOAL, STORED_GOAL, P99_GOAL_S = 5_000, 1_500, 2.0
SERVERS = ("kafka", "mongodb", "opensearch")
STORES = ("mongodb", "opensearch")
COLLECTIONS = ("ci_failures", "errors_cloud")
PLACES = ("published", "folded", "classified", *STORES)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Meter:
    """CPU seconds, user and system, of the roles, of the servers that were started here, and of this script."""

    def __init__(self, installation: Installation, shared: Shared) -> None:
        self._roles = installation.roles
        servers = {kind: shared.instance(kind).process for kind in SERVERS if VARIABLES[kind] not in shared.environ}
        self._servers = {kind: process.pid for kind, process in servers.items() if process is not None}

    def spent(self, before: Mapping[str, float] | None = None) -> dict[str, float]:
        """By name, since each process began, or since `before`."""
        pids = {role.name.rpartition(" ")[0]: role.process.pid for role in self._roles if role.process is not None}
        pids |= self._servers | {"this script": os.getpid()}
        return {name: cpu_s(pid) - (before or {}).get(name, 0.0) for name, pid in pids.items()}


def cpu_s(pid: int) -> float:
    """Of all threads of a process, those that ended too (proc(5): utime and stime, in clock ticks)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def alone(failures: list[Failure]) -> tuple[float, float]:
    """Failures a second of the fold stage in memory, and its CPU seconds."""
    stage = FoldStage(
        fingerprinter=Fingerprinter(), rules=default_rules(), taxonomy=default_taxonomy(), partitions=PARTITIONS
    )
    began, began_cpu_s = time.perf_counter(), time.process_time()
    for start in range(0, len(failures), 1_000):
        records = [
            RawRecord(start + n, envelope_of(map(to_bytes, failures[start + n : start + n + 100])), now_ms())
            for n in range(0, 1_000, 100)
        ]
        stage.on_failures(records, Stretch("t", 0, start, start + 1_000), at_ms=now_ms(), is_new=lambda _: True)
    return len(failures) / (time.perf_counter() - began), time.process_time() - began_cpu_s


def classified(installation: Installation) -> int:
    """Failures in the topic of what is classified."""
    found = (classified_from_bytes(record.value) for record in installation.records("failures.classified.v1"))
    return sum(one.fold.count for one in found if hasattr(one, "fold"))


def backlog(installation: Installation, failures: list[Failure], meter: Meter) -> tuple[float, float, dict[str, float]]:
    """Failures a second into the topic and into both stores, from the first one published, and what was spent."""
    before, began_s = meter.spent(), time.time()
    installation.publish(failures, envelope=100, deadline_s=WITHIN_S)
    with pymongo.MongoClient[dict[str, object]](installation.mongodb) as mongo:
        database = mongo[installation.database]
        # by what the server keeps count of: to count the documents themselves would take a part of its time
        wait_until(
            lambda: sum(database[name].estimated_document_count() for name in COLLECTIONS),
            len(failures),
            seconds=WITHIN_S,
            told=installation.said,
        )
    wait_until(installation.opensearch_count, len(failures), seconds=WITHIN_S, told=installation.said)
    stored_s, spent = time.time() - began_s, meter.spent(before)
    if classified(installation) != len(failures) or installation.mongo_count() != len(failures):
        raise SystemExit("the topic or MongoDB does not hold each failure once")
    # by the broker's clock: to read the topic again and again would take the cores
    classified_s = installation.last_at_s("failures.classified.v1") - began_s
    return len(failures) / classified_s, len(failures) / stored_s, spent


@dataclass(slots=True)
class Waited:
    """Seconds that one failure took, each from before it was published."""

    began_s: float
    """Of the epoch, as every moment that a record carries."""
    failure: Failure
    look_s: float = 0.0
    seen: dict[str, float] = field(default_factory=dict)
    """By place: until it was there. GIVEN_UP_S where that took longer."""


class Watch:
    """Looks for some failures in both stores, for all of them at once, so that looking takes little of the cores."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._pending: dict[str, Waited] = {}
        self._all_sent = threading.Event()
        self.watched: dict[str, Waited] = {}

    def watch(self, failure: Failure, began_s: float) -> None:
        self.watched[failure.id] = self._pending[failure.id] = Waited(began_s, failure)

    def all_sent(self) -> None:
        self._all_sent.set()

    def run(self) -> None:
        with (
            pymongo.MongoClient[dict[str, object]](self._installation.mongodb) as mongo,
            opensearchpy.OpenSearch(self._installation.opensearch) as search,
        ):
            while self._pending or not self._all_sent.is_set():
                time.sleep(LOOK_EVERY_S)
                due = {key: one for key, one in dict(self._pending).items() if one.look_s <= time.time()}
                for store, found in (
                    ("mongodb", self._in_mongo(mongo, due)),
                    ("opensearch", self._in_search(search, due)),
                ):
                    for key, one in due.items():
                        waited_s = time.time() - one.began_s
                        one.look_s = time.time() + LOOK_SHARE * waited_s
                        if store not in one.seen and (key in found or waited_s > GIVEN_UP_S):
                            one.seen[store] = min(waited_s, GIVEN_UP_S)
                for key, one in due.items():
                    if set(STORES) <= one.seen.keys():
                        del self._pending[key]

    def _in_mongo(self, mongo: Any, looked_for: Mapping[str, Waited]) -> set[str]:
        database, wanted = mongo[self._installation.database], {"_id": {"$in": list(looked_for)}}
        return {str(one["_id"]) for name in COLLECTIONS for one in database[name].find(wanted, {"_id": 1})}

    def _in_search(self, search: Any, looked_for: Mapping[str, Waited]) -> set[str]:
        ci, benchmark, *_ = self._installation.opensearch_names()
        wanted = [
            {"_index": ci if one.failure.ci else benchmark, "_id": key, "_source": False}
            for key, one in looked_for.items()
        ]
        answer = search.mget(body={"docs": wanted}) if wanted else {"docs": []}
        return {one["_id"] for one in answer["docs"] if one.get("found")}

    def look_back(self) -> None:
        """When the roles between had them, by their records."""
        for topic in ("failures.ci.v1", "failures.benchmark.v1"):
            for record in self._installation.records(topic):
                self._seen("published", record.timestamp, ids_in(record.value))
        for record in self._installation.records("failures.folded.v1"):
            batch = from_bytes(FoldBatch, record.value)
            ids = [member.failure.id for fold in batch.sealed for member in fold.opened().members]
            self._seen("folded", record.timestamp, ids)
        for record in self._installation.records("failures.classified.v1"):
            one = classified_from_bytes(record.value)
            if isinstance(one, Classified):
                self._seen("classified", record.timestamp, [member.failure.id for member in one.fold.members])

    def _seen(self, place: str, at_ms: int, ids: Iterable[str]) -> None:
        for key in ids:
            if one := self.watched.get(key):
                one.seen[place] = at_ms / 1000 - one.began_s


def steady(
    installation: Installation, meter: Meter, *, pace: int, seconds: int
) -> tuple[list[Waited], dict[str, float]]:
    """Some of the failures, and what was spent until the last of them was in both stores."""
    before = meter.spent()
    failures = texts(pace * seconds, start_ms=now_ms() - 60_000, span_s=60, seed=11)
    watch = Watch(installation)
    looking = threading.Thread(target=watch.run)
    looking.start()
    try:
        asyncio.run(_paced(installation, failures, pace, watch))
    finally:
        watch.all_sent()
        looking.join()
    spent = meter.spent(before)
    watch.look_back()
    return list(watch.watched.values()), spent


async def _paced(installation: Installation, failures: list[Failure], pace: int, watch: Watch) -> None:
    cluster = Cluster(installation.kafka, prefix=installation.prefix, partitions=PARTITIONS)
    publisher = KafkaPublisher(cluster, source="bench", now_ms=now_ms)
    await publisher.start(deadline_s=30)
    began_s = time.perf_counter()
    step = max(1, pace // 20)
    for number, start in enumerate(range(0, len(failures), step)):
        await asyncio.sleep(max(0.0, began_s + start / pace - time.perf_counter()))
        some = failures[start : start + step]
        at_s = time.time()
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
            bare, bare_cpu_s = alone(failures)
            for role in ("fold", "work", "classify", "sink mongo", "sink opensearch"):
                installation.add(role)
            wait_until(  # it is not the start that is measured
                lambda: all(role.is_ready() for role in installation.roles), True, seconds=180, told=installation.said
            )
            time.sleep(5)
            meter = Meter(installation, shared)
            topic, stores, for_backlog = backlog(installation, failures, meter)
            watched, at_pace = steady(installation, meter, pace=given.pace, seconds=given.seconds)
        finally:
            installation.end()
            with pymongo.MongoClient[dict[str, object]](installation.mongodb) as client:
                client.drop_database(name)
            for kind in SERVERS:
                shared.leave(kind, myself)
    print(f"fold stage in memory:          {bare:7,.0f} failures/s")
    print(
        f"to failures.classified.v1:     {topic:7,.0f} failures/s, {topic / bare:.2f} of it (goal {CLASSIFIED_GOAL:,})"
    )
    print(f"to both stores:                {stores:7,.0f} failures/s, {stores / bare:.2f} of it (goal {STORED_GOAL:,})")
    print("CPU seconds for 1,000 failures:  backlog  at a steady pace")
    print(f"  {'fold stage in memory':30} {bare_cpu_s / given.failures * 1_000:7.2f}")
    for name, spent_s in for_backlog.items():
        steadily = at_pace[name] / (given.pace * given.seconds) * 1_000
        print(f"  {name:30} {spent_s / given.failures * 1_000:7.2f} {steadily:8.2f}")
    print(f"published at {given.pace}/s, seconds until it was there, of {len(watched)} looked for:  p50   p99")
    for place in PLACES:
        print(f"  {place:30} {_of(watched, [place], 0.5):7.2f} {_of(watched, [place], 0.99):7.2f}")
    p50, p99 = (_of(watched, STORES, share) for share in (0.5, 0.99))
    print(f"  {'both stores':30} {p50:7.2f} {p99:7.2f}  (goal {P99_GOAL_S} s for 99 %)")


def _of(watched: list[Waited], places: Sequence[str], share: float) -> float:
    """What this share of the failures took at most until they were in the last of these places."""
    took = sorted(max(one.seen.get(place, GIVEN_UP_S) for place in places) for one in watched)
    return took[max(0, round(len(took) * share) - 1)]


if __name__ == "__main__":
    main()
