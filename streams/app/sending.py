"""Many records to one partition, in as few batches as they fit into."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from streams.broker.headers import Headers

Item = tuple[bytes, bytes | None, Headers]
"""Key, value, headers."""


async def send_records(producer: AIOKafkaProducer, topic: str, number: int, items: Iterable[Item]) -> int:
    """Send records, in order. Returns the offset behind the last one, 0 for none. Raises: KafkaError.

    A future a batch: one a record would cost more than the records themselves.
    """
    waiting = []
    batch = producer.create_batch()
    for key, value, headers in items:
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            waiting.append((await producer.send_batch(batch, topic, partition=number), batch.record_count()))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)  # the first one of a batch always fits
    if batch.record_count():
        waiting.append((await producer.send_batch(batch, topic, partition=number), batch.record_count()))
    behind = 0
    for future, count in waiting:
        behind = (await future).offset + count
    return behind
