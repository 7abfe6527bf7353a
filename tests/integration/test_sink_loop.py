"""The loop that feeds a store, on a real broker with a store in memory: nothing is committed before it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition
from suites.folding import PARTITIONS, Seen, cluster_at, made, now_ms, producing, read_all
from suites.records import AT_MS, ci_failure, told, verdict

from streams.broker.clients import Cluster, close
from streams.broker.headers import headers_of
from streams.broker.sink import RejectedRead, SinkLimits, sink
from streams.contract import topics
from streams.contract.classified import Classified, VerdictChanged
from streams.contract.errors import ConfigurationError, SinkUnavailable, TooManyRejected
from streams.contract.fold import Cursor, FoldBatch
from streams.contract.rollup import Rollup
from streams.contract.wire import to_bytes
from streams.core.flood import FloodBounds
from streams.core.fold import fold_of
from streams.core.pipeline import Pipeline
from streams.sinks.base import Refusal

pytestmark = pytest.mark.timeout(90)
ROLE = "sink-memory"


@dataclass(slots=True)
class Memory:
    """A store that takes what it is given, unless it is told to be away or to refuse."""

    written: list[Any] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    prepared: int = 0
    is_away: bool = False
    refuses: Callable[[Any], bool] = lambda _: False
    kept: list[RejectedRead] = field(default_factory=list)

    async def prepare(self) -> None:
        self._answer()
        self.prepared += 1

    async def write(self, records: Sequence[Any]) -> list[Refusal]:
        self.calls.append(len(records))
        self._answer()
        self.written += [one for one in records if not self.refuses(one)]
        return [Refusal(index, "too odd") for index, one in enumerate(records) if self.refuses(one)]

    async def keep(self, records: Sequence[RejectedRead]) -> None:
        self._answer()
        self.kept += records

    def _answer(self) -> None:
        if self.is_away:
            raise SinkUnavailable("the memory is away", retry_after_s=0.2)


@dataclass(slots=True)
class Running:
    task: asyncio.Task[None]
    stop: asyncio.Event
    seen: Seen


def begin(cluster: Cluster, store: Memory, *, flood: FloodBounds | None = None, keeps: bool = False) -> Running:
    stop, seen = asyncio.Event(), Seen()
    work = sink(
        cluster,
        store,
        role=ROLE,
        observer=seen,
        stop=stop,
        now_ms=now_ms,
        keep_rejected=store.keep if keeps else None,
        limits=SinkLimits(flood or FloodBounds(), app_version="1.2.3"),
    )
    return Running(asyncio.create_task(work), stop, seen)


@asynccontextmanager
async def sinking(cluster: Cluster, store: Memory, **more: Any) -> AsyncIterator[Running]:
    running = begin(cluster, store, **more)
    try:
        yield running
    finally:
        running.stop.set()
        await running.task


async def until(condition: Callable[[], bool], *, within_s: float = 40) -> None:
    async with asyncio.timeout(within_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.1)


async def committed(cluster: Cluster, topic: topics.Topic) -> int:
    """The group's offsets of a topic, added up."""
    consumer = await cluster.start(lambda: cluster.consumer(group=cluster.group(ROLE)), deadline_s=30)
    try:
        places = [TopicPartition(cluster.topic(topic), p) for p in range(cluster.partitions)]
        return sum([await consumer.committed(place) or 0 for place in places])
    finally:
        await close(consumer)


def classified(number: int, *, of: int = 1) -> Classified:
    failures = [ci_failure(f"m{number} {n}", job=f"j{number}") for n in range(of)]
    fold = fold_of([told(one) for one in failures], fold_id=f"t/0/{number}-{number}")
    return Classified(fold=fold, verdict=fold.verdict, verdict_version=number)


def some_rollups() -> list[tuple[str, Rollup]]:
    """As the pipeline emits them: key and record."""
    batch = FoldBatch(topic="t", partition=0, cursor=Cursor(0, 1), at_ms=AT_MS, folds=(classified(1).fold,))
    emitted = Pipeline({}, partition=0).on_batches([(0, batch)])
    return [(one.key, one.record) for one in emitted if isinstance(one.record, Rollup)]


def test_records_reach_the_store_in_the_order_of_their_partition_and_then_count_as_read(
    kafka: str, topic_prefix: str
) -> None:
    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        store = Memory()
        async with sinking(cluster, store) as running, producing(cluster) as send:
            for number in range(120):
                one = classified(number, of=2)
                await send(topics.CLASSIFIED, to_bytes(one), key=b"k", partition=number % PARTITIONS)
            change = VerdictChanged(fingerprint="fp1.a", verdict=verdict("fp1.a", "timeout"), verdict_version=7)
            await send(topics.CLASSIFIED, to_bytes(change), key=b"fp1.a", partition=0)
            await until(lambda: len(store.written) == 121)
            await until(lambda: set(running.seen.values.values()) == {0})
        assert store.prepared == 1
        for partition in range(PARTITIONS):
            versions = [one.verdict_version for one in store.written if isinstance(one, Classified)]
            mine = [version for version in versions if version % PARTITIONS == partition]
            assert mine == sorted(mine)
        assert change in store.written
        assert await committed(cluster, topics.CLASSIFIED) == 121
        assert sum(running.seen.counts.values()) == 240
        assert running.seen.waits[-1] == ""

    asyncio.run(scenario())


def test_of_a_rollup_only_the_newest_snapshot_of_a_batch_is_written(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        store = Memory()
        (key, rollup), *_ = some_rollups()
        async with producing(cluster) as send:
            for count in range(1, 31):
                data = to_bytes(rollup).replace(b'"count":1,', b'"count":%d,' % count)
                await send(topics.ROLLUPS, data, key=key.encode(), partition=1)
            async with sinking(cluster, store):
                await until(lambda: bool(store.written) and store.written[-1].count == 30)
        assert [one.count for one in store.written] == [30]
        assert await committed(cluster, topics.ROLLUPS) == 30

    asyncio.run(scenario())


def test_while_the_store_is_away_the_role_waits_in_its_group_and_loses_nothing(kafka: str, topic_prefix: str) -> None:
    """It asks seldom, says what it waits for, and ends at once when told to."""

    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        store = Memory(is_away=True)
        async with producing(cluster) as send:
            async with sinking(cluster, store) as running:
                await until(lambda: "the memory is away" in running.seen.waits)
                store.is_away = False
                await send(topics.CLASSIFIED, to_bytes(classified(0)), key=b"k", partition=0)
                await until(lambda: len(store.written) == 1)
                store.is_away, store.calls[:] = True, []
                for number in range(1, 9):
                    await send(topics.CLASSIFIED, to_bytes(classified(number)), key=b"k", partition=0)
                await asyncio.sleep(6)
                assert 1 <= len(store.calls) <= 6
                assert running.seen.waits[-1] == "the memory is away"
                store.is_away = False
                await until(lambda: len(store.written) == 9)
                assert running.seen.waits[-1] == ""
                store.is_away = True
                await send(topics.CLASSIFIED, to_bytes(classified(9)), key=b"k", partition=0)
                await until(lambda: running.seen.waits[-1] != "")
            assert await committed(cluster, topics.CLASSIFIED) == 9
            store.is_away = False
            async with sinking(cluster, store):
                await until(lambda: len(store.written) == 10)
        assert [one.verdict_version for one in store.written] == list(range(10))

    asyncio.run(scenario())


def test_what_cannot_be_read_or_written_is_put_aside_with_its_reason(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        store = Memory(refuses=lambda one: isinstance(one, Classified) and one.verdict_version == 1)
        async with sinking(cluster, store), producing(cluster) as send:
            for value in (to_bytes(classified(0)), b"{oops", None, to_bytes(classified(1)), to_bytes(classified(2))):
                await send(topics.CLASSIFIED, value, key=b"k", partition=2)
            await send(topics.ROLLUPS, b"[]", key=b"r", partition=1)
            await until(lambda: len(store.written) == 2)
            async with asyncio.timeout(40):
                while len(await read_all(cluster, topics.REJECTED)) < 4:  # noqa: ASYNC110  # of two topics
                    await asyncio.sleep(0.1)
        assert [one.verdict_version for one in store.written] == [0, 2]
        aside = {(one.key, one.value): headers_of(one.headers) for one in await read_all(cluster, topics.REJECTED)}
        assert set(aside) == {(b"k", b"{oops"), (b"k", b""), (b"k", to_bytes(classified(1))), (b"r", b"[]")}
        assert {said["dlq.stage"] for said in aside.values()} == {ROLE}
        told_why = aside[b"k", to_bytes(classified(1))]["__streams.errors.message"]
        assert told_why == "the store refuses it: too odd"

    asyncio.run(scenario())


def test_a_store_that_refuses_everything_stops_the_role_and_keeps_the_topic(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        store = Memory(refuses=lambda _: True)
        async with producing(cluster) as send:
            data = [to_bytes(classified(number)) for number in range(60)]
            await asyncio.gather(*(send(topics.CLASSIFIED, one, key=b"k", partition=0) for one in data))
        running = begin(cluster, store, flood=FloodBounds(in_a_row=20))
        with pytest.raises(TooManyRejected, match=r"more than 20 items in a row .*failures\.classified\.v1.*too odd"):
            await asyncio.wait_for(running.task, 40)
        assert await committed(cluster, topics.CLASSIFIED) <= 20
        assert len(await read_all(cluster, topics.REJECTED)) <= 20

    asyncio.run(scenario())


def test_rejected_records_reach_a_store_that_keeps_them(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        store = Memory()
        async with sinking(cluster, store, keeps=True), producing(cluster) as send:
            await send(topics.REJECTED, b"{oops", key=b"k", partition=3, headers=[("dlq.stage", b"fold")])
            await until(lambda: len(store.kept) == 1)
        (one,) = store.kept
        assert (one.partition, one.offset, one.value, one.headers) == (3, 0, b"{oops", {"dlq.stage": "fold"})
        assert abs(one.at_ms - now_ms()) < 60_000

    asyncio.run(scenario())


def test_what_waiting_does_not_heal_ends_the_role(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        class Locked(Memory):
            async def prepare(self) -> None:
                raise ConfigurationError("wrong password")

        cluster = await made(cluster_at(kafka, topic_prefix))
        with pytest.raises(ConfigurationError, match="wrong password"):
            await asyncio.wait_for(begin(cluster, Locked()).task, 30)

    asyncio.run(scenario())
