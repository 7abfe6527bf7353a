"""Rows of the tables, read from their topic, and changed by one transaction a partition.

Whoever changes a partition first takes the transactional id of the role that has it: a process of that role that is
still there, unheard of by its group, is fenced and cannot write over what is changed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition

from streams.broker.clients import Cluster, close
from streams.broker.reader import Reader
from streams.contract import topics

TRANSACTION_MS: Final = 600_000
"""A partition of a million rows is written in a minute; brokers allow 15 as shipped."""
READ_RECORDS: Final = 20_000
SENDS_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Record:
    """One record to be written; without a value its row is to go."""

    topic: str
    key: bytes
    value: bytes | None


async def rows_of(reader: Reader, cluster: Cluster, partition: int) -> dict[str, bytes]:
    """The rows of a partition, whole; about 200 bytes a key beside key and row."""
    place = TopicPartition(cluster.topic(topics.STATE), partition)
    begin, end = (await reader.begin(place))[place], (await reader.end(place))[place]
    rows: dict[str, bytes] = {}
    async for records, _ in reader.records(place, begin, end, at_once=READ_RECORDS):
        for record in records:
            name = record.key.decode()
            if record.value is None:
                rows.pop(name, None)
            else:
                rows[name] = record.value
    return rows


@asynccontextmanager
async def owned(cluster: Cluster, transactional_id: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer in the place of whoever had this id: that one is fenced, and what it left open has ended."""
    producer = await cluster.start(
        lambda: cluster.transactional_producer(transactional_id, timeout_ms=TRANSACTION_MS), deadline_s=30
    )
    try:
        await producer.begin_transaction()  # returns with the producer id: fenced
        await producer.abort_transaction()  # of nothing, which sends nothing
        yield producer
    finally:
        await close(producer)


def tables_id(cluster: Cluster, partition: int) -> str:
    """The transactional id under which the stream agent writes a partition."""
    return f"{cluster.topic(topics.STATE)}-{partition}"


async def write(producer: AIOKafkaProducer, partition: int, records: Iterable[Record]) -> None:
    """Send these in the open transaction, and wait for each. Raises: KafkaError, and the transaction is to abort."""
    waiting: list[asyncio.Future[Any]] = []
    for one in records:
        waiting.append(await producer.send(one.topic, one.value, key=one.key, partition=partition))
        if len(waiting) >= SENDS_AT_ONCE:
            await asyncio.gather(*waiting)
            waiting.clear()
    await asyncio.gather(*waiting)


def changes(cluster: Cluster, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[Record]:
    """What makes the second of the first."""
    name = cluster.topic(topics.STATE)
    gone = [Record(name, key.encode(), None) for key in before if key not in after]
    return gone + [Record(name, key.encode(), row) for key, row in after.items() if before.get(key) != row]
