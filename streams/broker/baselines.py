"""What passing runs printed, over Kafka: the whole of `baselines.v1`, read at the start and followed from then on.

All records of a job are in the partition of its key, so every reader sees them in one order, and any number of
gateways that read and write come to the same (see `streams.core.baselines`). Nothing is committed: no group is joined.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.broker.clients import Cluster, close, unless
from streams.broker.publish import KafkaPublisher
from streams.broker.reader import reading
from streams.contract import telemetry, topics
from streams.contract.baseline import Job, PassedRun
from streams.contract.errors import MalformedRecord, SinkUnavailable
from streams.contract.telemetry import LogEvent, Observer
from streams.core.baselines import BYTES_MAX, Baselines
from streams.core.partition import partition_of

WAIT_MS: Final = 500
AGAIN_S: Final = 2.0
POLL_RECORDS: Final = 50
"""Read at a time: each may hold 40,000 hashes, and requests wait meanwhile."""

log_event = structlog.get_logger("faultline.baselines")


class KafkaBaselines:
    """The port `BaselineKeeper` of a gateway. Of use once `follow` has read what was there."""

    def __init__(
        self,
        cluster: Cluster,
        publisher: KafkaPublisher,
        *,
        observer: Observer | None = None,
        bytes_max: int = BYTES_MAX,
    ) -> None:
        """`publisher` writes, once it has started."""
        self._cluster = cluster
        self._publisher = publisher
        self._observer = observer
        self._known = Baselines(bytes_max=bytes_max)
        self._next: dict[TopicPartition, int] = {}
        self._is_read = False
        self._keeping = asyncio.Lock()

    def of(self, job: Job) -> tuple[PassedRun, ...]:
        """See `BaselineKeeper`. Raises: SinkUnavailable until the topic was read whole."""
        if not self._is_read:
            raise SinkUnavailable("the baselines are still being read from Kafka", retry_after_s=AGAIN_S)
        return self._known.of(job)

    async def keep(self, run: PassedRun) -> None:
        """See `BaselineKeeper`. Raises: LogFull, SinkUnavailable, also until the topic was read whole."""
        async with self._keeping:
            self.of(run.job)
            written = self._known.plan(run)
            await self._publisher.keep(written)
            for one in written:  # they come again over Kafka, which changes nothing
                self._known.on_record(one.key, one.value)

    async def follow(self, stop: asyncio.Event) -> None:
        """Read the topic, and what is written to it, until `stop` is set. A broker that goes away is waited for.

        Raises: ConfigurationError for what waiting will not heal; Stopping.
        """
        while not stop.is_set():
            consumer = await self._cluster.start(
                lambda: self._cluster.consumer(poll_records_max=POLL_RECORDS), stop=stop
            )
            try:
                await self._read(consumer, stop)
            except KafkaError as error:  # of a fetch; a new consumer goes on where this one was
                log_event.warning(LogEvent.KAFKA_AWAY, brokers=self._cluster.bootstrap, reason=repr(error))
                await unless(stop, asyncio.sleep(AGAIN_S))
            finally:
                await close(consumer)

    async def _read(self, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> None:
        topic = self._cluster.topic(topics.BASELINES)
        places = [TopicPartition(topic, number) for number in range(self._cluster.partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        begins = await consumer.beginning_offsets(places)
        for place in places:
            consumer.seek(place, max(begins[place], self._next.get(place, 0)))
        while not stop.is_set():
            for place, records in (await consumer.getmany(timeout_ms=WAIT_MS)).items():
                for record in records:
                    is_taken = _take(self._known, (record.key or b"").decode("utf-8", "replace"), record.value)
                    if not is_taken and self._observer is not None:
                        self._observer.add(telemetry.REJECTED, 1, topics.BASELINES.name)
                self._next[place] = records[-1].offset + 1
            if not self._is_read:  # offsets have gaps, so it is the position that tells
                self._is_read = all([await consumer.position(place) >= ends[place] for place in places])
            if self._observer is not None:
                self._observer.set(telemetry.BASELINE_JOBS, len(self._known))
                self._observer.set(telemetry.BASELINE_BYTES, self._known.size)


async def read_job(cluster: Cluster, job: Job) -> Baselines:
    """What is known of one job: its partition, read to its end. Raises: as `Cluster.start`; KafkaError."""
    known = Baselines()
    begins_with = job.key.removesuffix("]") + ","
    async with reading(cluster, topics.BASELINES) as reader:
        place = TopicPartition(cluster.topic(topics.BASELINES), partition_of(job.key, cluster.partitions))
        start, end = (await reader.begin(place))[place], (await reader.end(place))[place]
        pieces: AsyncGenerator[tuple[list[object], int], None] = reader.records(place, start, end, at_once=POLL_RECORDS)
        async with aclosing(pieces) as found:
            async for records, _ in found:
                for record in records:
                    key = (record.key or b"").decode("utf-8", "replace")  # type: ignore[attr-defined]  # no types
                    if key.startswith(begins_with):
                        _take(known, key, record.value)  # type: ignore[attr-defined]  # no types
    return known


def _take(known: Baselines, key: str, value: bytes | None) -> bool:
    """Whether it is a record; what is none is told and passed over."""
    try:
        known.on_record(key, value)
    except MalformedRecord as error:
        log_event.warning(LogEvent.BASELINE_DAMAGED, key=key[:200], reason=str(error))
        return False
    return True
