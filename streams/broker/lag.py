"""How far a reader is behind in one of its partitions."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError


async def behind(consumer: AIOKafkaConsumer, place: TopicPartition) -> int | None:
    """Offsets from the next record to the end of the partition; None where it is not known.

    That is before the first fetch, and when the partition goes to another member of the group in this moment.
    """
    if place not in consumer.assignment():
        return None
    try:
        end = consumer.highwater(place)
        return None if end is None else max(0, end - await consumer.position(place))
    except IllegalStateError:
        return None
