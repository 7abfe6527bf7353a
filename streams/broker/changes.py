"""A hint whenever something was written to a topic: what was written is not looked at, and nothing is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiokafka.errors import KafkaError

from streams.broker.clients import Cluster, close, unless
from streams.contract.topics import Topic

WAIT_MS: Final = 500
AGAIN_S: Final = 2.0


async def watch(
    cluster: Cluster, topic: Topic, *, role: str, on_change: Callable[[], None], stop: asyncio.Event
) -> None:
    """Call `on_change` for every fetch that brought records, from now on, until `stop` is set.

    `role`: the consumer group, one that no other process has, or the hints are shared out among them. A broker that
    goes away is waited for: hints are then missing, nothing else.

    Raises:
        ConfigurationError: what waiting will not heal.
        Stopping: `stop` was set while the brokers were away.
    """
    while not stop.is_set():
        consumer = await cluster.start(
            lambda: cluster.consumer(cluster.topic(topic), group=cluster.group(role), offset_reset="latest"), stop=stop
        )
        try:
            while not stop.is_set():
                if await consumer.getmany(timeout_ms=WAIT_MS):
                    on_change()
        except KafkaError:  # of the group or of a fetch; a new consumer begins anew, and its start says what is wrong
            await unless(stop, asyncio.sleep(AGAIN_S))
        finally:
            await close(consumer)
