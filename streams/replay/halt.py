"""Roles that must not run while tables are changed from outside, and sinks that must have written everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import NoError, for_code

from streams.broker.clients import Cluster
from streams.broker.reader import Reader
from streams.contract.errors import ConfigurationError
from streams.contract.topics import Topic

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


async def check_written(
    cluster: Cluster, client: AIOKafkaAdminClient, reader: Reader, role: str, wanted: Sequence[Topic]
) -> None:
    """See that a sink has written all that is in these topics.

    Raises: ConfigurationError with the topic and partition of which something is left.
    """
    for topic in wanted:
        places = [TopicPartition(cluster.topic(topic), number) for number in range(cluster.partitions)]
        committed = await client.list_consumer_group_offsets(cluster.group(role), partitions=places)
        begin, end = await reader.begin(*places), await reader.end(*places)
        for place in places:
            at = committed[place].offset  # -1 where it never came to
            # behind the last record there may be transactions' markers, which nobody commits
            async for records, _ in reader.records(place, max(begin[place], at), end[place], at_once=1):
                if records:
                    raise ConfigurationError(
                        f"{role} has not written all of {topic.name}, partition {place.partition}: let it come to the "
                        "end (`faultline status` shows how far it is), and do this again"
                    )
