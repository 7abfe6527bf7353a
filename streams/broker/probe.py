"""Whether the brokers answer now, for a process that has nothing to ask them at the moment."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaError

from streams.broker.clients import Cluster

PROBE_S: Final = 3.0
"""For one broker."""


async def away(cluster: Cluster) -> str:
    """Why none of the brokers to begin with lets us in; empty when one does. Whoever is wrong is not looked at here."""
    reasons = []
    for host, port, _ in collect_hosts(cluster.bootstrap, randomize=False):
        try:
            async with asyncio.timeout(PROBE_S):
                conn = await create_conn(
                    host, port, request_timeout_ms=int(PROBE_S * 1000), **cluster.security.arguments
                )
            conn.close()
        except (OSError, KafkaError, TimeoutError) as error:
            reasons.append(f"{host}:{port}: {str(error) or type(error).__name__}")
        else:
            return ""
    return f"Kafka at {cluster.bootstrap} ({'; '.join(reasons)})"
