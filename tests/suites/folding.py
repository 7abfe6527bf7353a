"""The fold role over a real broker: a producer with a ledger, and a look at the raw topics.

What a checker compares are the ids that were sent and the records of the topics as any reader gets them, never a
counter of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from suites.records import AT_MS, benchmark_failure, ci_failure

from streams.broker import admin
from streams.broker.clients import Cluster, GroupTiming, close
from streams.broker.fold import fold
from streams.broker.fold_partition import FoldLimits
from streams.contract import topics
from streams.contract.failure import Failure
from streams.contract.fold import Cursor, FoldBatch
from streams.contract.taxonomy import default_taxonomy
from streams.contract.telemetry import Metric
from streams.contract.topics import Topic
from streams.contract.wire import envelope_of, from_bytes, to_bytes
from streams.core.fingerprint import Fingerprinter
from streams.core.flood import FloodBounds
from streams.core.intake import FoldStage
from streams.core.known_failures.book import default_rules
from streams.core.partition import partition_of

FAST = GroupTiming(session_ms=2_000, heartbeat_ms=333, rebalance_ms=5_000)
PARTITIONS = 4
QUIET_S = 1.5
"""Nothing new in a topic for so long, with everything read: it is over."""


class Seen:
    """An `Observer` that remembers."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.values: dict[tuple[str, ...], float] = {}
        self.waits: list[str] = []

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        assert len(labels) == len(metric.labels)
        self.counts[(metric.name, *labels)] += int(amount)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        assert len(labels) == len(metric.labels)
        self.values[(metric.name, *labels)] = value

    def waiting_for(self, what: str) -> None:
        self.waits.append(what)


def cluster_at(address: str, prefix: str, *, partitions: int = PARTITIONS) -> Cluster:
    return Cluster(address, prefix=prefix, partitions=partitions, timing=FAST)


async def made(cluster: Cluster) -> Cluster:
    """The same, with its topics there."""
    async with admin.administering(cluster, deadline_s=30) as client:
        await admin.apply(cluster, client)
    return cluster


def stage(partitions: int = PARTITIONS) -> FoldStage:
    return FoldStage(
        fingerprinter=Fingerprinter(), rules=default_rules(), taxonomy=default_taxonomy(), partitions=partitions
    )


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Running:
    """A fold role in this process."""

    task: asyncio.Task[None]
    stop: asyncio.Event
    seen: Seen

    async def ended(self) -> None:
        self.stop.set()
        await self.task


def begin(
    cluster: Cluster, *, recent_ids: int = 100_000, flood: FloodBounds | None = None, seen: Seen | None = None
) -> Running:
    stop, seen = asyncio.Event(), seen or Seen()
    limits = FoldLimits(recent_ids=recent_ids, flood=flood or FloodBounds(), app_version="1.2.3")
    work = fold(cluster, stage(cluster.partitions), observer=seen, stop=stop, now_ms=now_ms, limits=limits)
    return Running(asyncio.create_task(work), stop, seen)


@contextlib.asynccontextmanager
async def folding(cluster: Cluster, **more: Any) -> AsyncIterator[Running]:
    running = begin(cluster, **more)
    try:
        yield running
    finally:
        await running.ended()


def some_failures(count: int, *, seed: int = 1, problems: int = 40) -> list[Failure]:
    """Distinct failures of both origins, of so many problems."""
    rng = random.Random(seed)
    out = []
    for number in range(count):
        message = f"cannot open part{rng.randrange(problems)}of: attempt {number}"
        if rng.random() < 0.5:
            out.append(ci_failure(message, at_ms=AT_MS + number, run_id=str(rng.randrange(50)), job=f"job{seed}"))
        else:
            request = f"{seed}-{number}"
            out.append(benchmark_failure(message, at_ms=AT_MS + number, model=f"m{rng.randrange(9)}", request=request))
    return out


@contextlib.asynccontextmanager
async def producing(cluster: Cluster) -> AsyncIterator[Callable[..., Any]]:
    """`send(topic, value, key=..., partition=...)`, acknowledged when it returns."""
    producer = await cluster.start(cluster.producer, deadline_s=30)

    async def send(topic: Topic, value: bytes | None, **more: Any) -> Any:
        return await producer.send_and_wait(cluster.topic(topic), value, **more)

    try:
        yield send
    finally:
        await close(producer)


async def publish(send: Callable[..., Any], failures: Iterable[Failure], *, together: int = 7) -> None:
    """Send failures in envelopes of up to so many of one key, in their order."""
    waiting: dict[tuple[Topic, str], list[Failure]] = {}
    sends = []
    for failure in failures:
        place = topics.INPUTS[failure.origin], failure.topic_key
        waiting.setdefault(place, []).append(failure)
        if len(waiting[place]) >= together:
            sends.append((place, waiting.pop(place)))
    await asyncio.gather(
        *(
            send(
                topic,
                to_bytes(group[0]) if len(group) == 1 else envelope_of(to_bytes(one) for one in group),
                key=key.encode(),
            )
            for (topic, key), group in [*sends, *waiting.items()]
        )
    )


@dataclass(slots=True)
class Folded:
    """What the folded topic says, as a reader of committed records gets it."""

    batches: list[tuple[int, int, FoldBatch]] = field(default_factory=list)
    """Partition, offset and batch."""

    @property
    def members(self) -> Counter[str]:
        """How often each failure was folded."""
        found: Counter[str] = Counter()
        for target, _, batch in self.batches:
            for one in folds_in(batch):
                assert partition_of(one.fingerprint.value, PARTITIONS) == target
                assert one.count == len(one.members)
                found.update(member.failure.id for member in one.members)
        return found

    @property
    def ticks(self) -> list[tuple[int, FoldBatch]]:
        return [(target, batch) for target, _, batch in self.batches if is_tick(batch.cursor)]

    def broken(self) -> list[str]:
        """Cursors that do not follow the one before in the same target and source."""
        last: dict[tuple[int, str, int], Cursor] = {}
        out = []
        for target, offset, batch in self.batches:
            place, new = (target, batch.topic, batch.partition), batch.cursor
            old = last.get(place)
            if is_tick(new):
                continue
            if old is not None:
                expected = (old.start, old.end, old.chunk + 1) if old.chunk + 1 < old.chunks else (old.end, None, 0)
                given = (new.start, new.end if expected[1] is not None else None, new.chunk)
                if given != expected:
                    out.append(f"{place} at {offset}: {new} after {old}")
            last[place] = new
        return out


def folds_in(batch: FoldBatch) -> list[Any]:
    return [*batch.folds, *(sealed.opened() for sealed in batch.sealed)]


def is_tick(cursor: Cursor) -> bool:
    return cursor.start == cursor.end


async def read_all(cluster: Cluster, topic: Topic) -> list[Any]:
    """Every committed record of a topic up to its end now."""
    consumer = await cluster.start(cluster.consumer, deadline_s=30)
    try:
        places = [TopicPartition(cluster.topic(topic), p) for p in range(cluster.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        out: list[Any] = []
        async with asyncio.timeout(60):
            while any([await consumer.position(place) < ends[place] for place in places]):
                found = await consumer.getmany(timeout_ms=200)
                out += [record for records in found.values() for record in records]
        return out
    finally:
        await close(consumer)


async def read_folded(cluster: Cluster) -> Folded:
    records = await read_all(cluster, topics.FOLDED)
    return Folded([(one.partition, one.offset, from_bytes(FoldBatch, one.value)) for one in records])


async def until_folded(cluster: Cluster, ids: Sequence[str], *, within_s: float = 60) -> Folded:
    """Wait until every one of these is in the folded topic; then a little longer, for what should not come."""
    wanted = set(ids)
    async with asyncio.timeout(within_s):
        while True:
            folded = await read_folded(cluster)
            if wanted <= set(folded.members):
                break
            await asyncio.sleep(0.3)
    await asyncio.sleep(QUIET_S)
    return await read_folded(cluster)
