"""Roles that must not run while tables are changed from outside, and sinks that must have written everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NoError, for_code

from streams.broker.clients import Cluster, close
from streams.contract.errors import ConfigurationError
from streams.contract.topics import Topic

LOOK_MS: Final = 1_000
DEAD: Final = "after a kill the group notices within {seconds:g} s"


async def check_halted(cluster: Cluster, client: AIOKafkaAdminClient, roles: Sequence[str], *, why: str) -> None:
    """See that no process of these roles belongs to its group.

    Raises: ConfigurationError that names those that do.
    """
    running = []
    for role in roles:
        number = await _members(client, cluster.group(role))
        if number:
            running.append(f"{role} ({number} {'process' if number == 1 else 'processes'})")
    if running:
        dead = DEAD.format(seconds=cluster.timing.session_ms / 1000)
        raise ConfigurationError(
            f"{' and '.join(running)} must not run while {why}: stop it ({dead}), do this again, and start it then"
        )


async def _members(client: AIOKafkaAdminClient, group: str) -> int:
    number = 0
    for answer in await client.describe_consumer_groups([group]):
        for one in answer.to_object()["groups"]:
            error = for_code(one["error_code"])
            if error is not NoError and one["state"] != "Dead":  # a group that nobody ever joined
                raise error(group)
            number += len(one["members"])
    return number


async def check_written(cluster: Cluster, role: str, topics: Sequence[Topic]) -> None:
    """See that a sink has written all that is in these topics.

    Raises: ConfigurationError with the topic and partition of which something is left.
    """
    consumer = await cluster.start(lambda: cluster.consumer(group=cluster.group(role)), deadline_s=20)
    try:
        for topic in topics:
            for number in range(cluster.partitions):
                place = TopicPartition(cluster.topic(topic), number)
                consumer.assign([place])
                begin = (await consumer.beginning_offsets([place]))[place]
                end = (await consumer.end_offsets([place]))[place]
                consumer.seek(place, max(begin, await consumer.committed(place) or 0))
                # behind the last record there may be transactions' markers, which nobody commits
                while await consumer.position(place) < end:
                    if (await consumer.getmany(place, timeout_ms=LOOK_MS, max_records=1)).get(place):
                        raise ConfigurationError(
                            f"{role} has not written all of {topic.name}, partition {number}: let it come to the end "
                            "(`faultline status` shows how far it is), and do this again"
                        )
    finally:
        await close(consumer)
