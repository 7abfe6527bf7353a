"""Stretches of partitions, read one at a time and to their ends: for commands, which join no group.

The assignment of a reader never changes. aiokafka 0.14 forgets that it was cancelled when the assignment changes while
a fetch is under way, and such a client never closes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.broker.clients import Cluster, close
from streams.contract.topics import Topic

POLL_MS: Final = 1_000
POLL_RECORDS: Final = 500
DEADLINE_S: Final = 20.0
"""For a broker to answer."""


class Reader:
    """Made by `reading`. One stretch is read at a time; records are those that are committed."""

    def __init__(self, consumer: AIOKafkaConsumer, places: Iterable[TopicPartition]) -> None:
        self._consumer = consumer
        consumer.assign(list(places))
        consumer.pause(*consumer.assignment())

    async def begin(self, *places: TopicPartition) -> dict[TopicPartition, int]:
        """The first offset of each that is still there."""
        found: dict[TopicPartition, int] = await self._consumer.beginning_offsets(list(places))
        return found

    async def end(self, *places: TopicPartition) -> dict[TopicPartition, int]:
        """Where each ends; the last offsets may be transactions' markers, which are no records."""
        found: dict[TopicPartition, int] = await self._consumer.end_offsets(list(places))
        return found

    async def at(self, at_ms: int, *places: TopicPartition) -> dict[TopicPartition, int]:
        """The first offset of each from that moment on; its end where there is none."""
        last = await self.end(*places)
        found = await self._consumer.offsets_for_times(dict.fromkeys(places, at_ms))
        return {
            place: last[place] if found[place] is None else min(last[place], found[place].offset) for place in places
        }

    async def records(
        self, place: TopicPartition, start: int, end: int, *, at_once: int = POLL_RECORDS
    ) -> AsyncGenerator[tuple[list[Any], int], None]:
        """Records of a stretch in pieces, which may be empty, each with the offset behind it."""
        consumer = self._consumer
        if start >= end:
            return
        consumer.seek(place, start)
        consumer.resume(place)
        try:
            while await consumer.position(place) < end:
                found = (await consumer.getmany(place, timeout_ms=POLL_MS, max_records=at_once)).get(place, [])
                yield [record for record in found if record.offset < end], min(end, await consumer.position(place))
        finally:
            consumer.pause(place)


@asynccontextmanager
async def reading(cluster: Cluster, *wanted: Topic, deadline_s: float = DEADLINE_S) -> AsyncIterator[Reader]:
    """A reader of all partitions of these topics. Raises: as `Cluster.start`."""
    consumer = await cluster.start(cluster.consumer, deadline_s=deadline_s)
    try:
        yield Reader(
            consumer,
            [TopicPartition(cluster.topic(topic), number) for topic in wanted for number in range(cluster.partitions)],
        )
    finally:
        await close(consumer)
