"""The fold role as processes, killed and paused at random moments, with a broker that dies: each failure counts once.

The producer's ledger is compared with the folded topic as any reader of committed records gets it; the cursors must
follow one another without a gap. Every failure is sent one to three times.
Short form by default; `make chaos` sets FAULTLINE_CHAOS_KILLS and FAULTLINE_CHAOS_FAILURES for the long one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from suites.cluster import RESTART_S, ROOT, Role
from suites.folding import (
    PARTITIONS,
    Folded,
    cluster_at,
    made,
    producing,
    publish,
    read_folded,
    some_failures,
    until_folded,
)
from suites.servers import kafka, private, topic_prefix
from testservers.kinds import Kafka

from streams.broker.clients import Cluster
from streams.contract.failure import Failure

__all__ = ["kafka", "topic_prefix"]

KILLS = int(os.environ.get("FAULTLINE_CHAOS_KILLS", "4"))
FAILURES = int(os.environ.get("FAULTLINE_CHAOS_FAILURES", "3000"))
SEED = int(os.environ.get("FAULTLINE_CHAOS_SEED", "20261121"))
BROKER_AWAY_S = float(os.environ.get("FAULTLINE_CHAOS_AWAY_S", "10"))
FAULT_EVERY_S = (1.0, 5.0)
PAUSE_S = 8.0
"""Longer than the session: the others have its partitions when it goes on."""
HEALED_S = 30.0
BATCH = 60

pytestmark = [pytest.mark.timeout(int(KILLS * 20 + FAILURES / 50 + 180)), pytest.mark.xdist_group("fold-chaos")]


@contextlib.asynccontextmanager
async def processes(cluster: Cluster, folder: Path, count: int = 2) -> AsyncIterator[list[Role]]:
    """So many fold roles; whichever ends is started again."""
    environ = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | {
        "PYTHONPATH": str(ROOT),
        "FAULTLINE_KAFKA": cluster.bootstrap,
        "FAULTLINE_TOPIC_PREFIX": cluster.prefix,
        "FAULTLINE_PARTITIONS": str(cluster.partitions),
        "FAULTLINE_LOG_FORMAT": "json",
    }
    roles = [Role(f"fold {n}", ["fold"], environ, folder / f"fold{n}.log") for n in range(count)]

    async def watch() -> None:
        while True:
            for role in roles:
                if role.wanted and role.process is not None and role.process.poll() is not None:
                    role.exits.append(role.process.returncode)
                    await asyncio.sleep(RESTART_S)
                    role.start()
            await asyncio.sleep(0.1)

    for role in roles:
        role.start()
    watcher = asyncio.create_task(watch())
    try:
        yield roles
    finally:
        watcher.cancel()
        await asyncio.wait((watcher,))
        statuses = [await asyncio.to_thread(role.stop) for role in roles]
        # One that was started again a moment ago has no handler for the signal yet, and nothing to finish.
        assert set(statuses) <= {0, -signal.SIGTERM}, [role.said() for role in roles]


def copies_of(failures: list[Failure], rng: random.Random) -> list[Failure]:
    """Each one to three times; a copy comes up to 300 failures later."""
    placed = [
        (n + rng.random() * 300 * copy, one) for n, one in enumerate(failures) for copy in range(rng.randint(1, 3))
    ]
    return [one for _, one in sorted(placed, key=lambda pair: pair[0])]


async def send_all(cluster: Cluster, failures: list[Failure], until: asyncio.Event) -> None:
    """At least until the faults are over, as evenly as they allow."""
    rng = random.Random(SEED)
    copies = copies_of(failures, rng)
    pause_s = KILLS * sum(FAULT_EVERY_S) / 2 / max(1, len(copies) / BATCH)
    async with producing(cluster) as send:
        for start in range(0, len(copies), BATCH):
            await publish(send, copies[start : start + BATCH], together=5)
            await asyncio.sleep(0 if until.is_set() else min(1.0, pause_s))


async def until_some(cluster: Cluster, number: int) -> None:
    """Wait until so many failures are folded: the roles work."""
    async with asyncio.timeout(60):
        while True:
            if len((await read_folded(cluster)).members) >= number:
                return
            await asyncio.sleep(0.3)


def compare(folded: Folded, failures: list[Failure]) -> None:
    wrong = Counter(one.id for one in failures)
    wrong.subtract(folded.members)
    assert {one: number for one, number in wrong.items() if number} == {}, "lost (1), or counted again (-1)"
    assert folded.broken() == []


def test_kills_and_pauses_lose_and_repeat_nothing(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        rng = random.Random(SEED)
        cluster = await made(cluster_at(kafka, topic_prefix, partitions=PARTITIONS))
        failures = some_failures(FAILURES, seed=SEED)
        over = asyncio.Event()
        async with processes(cluster, tmp_path) as roles:
            sending = asyncio.create_task(send_all(cluster, failures, over))
            await until_some(cluster, 200)
            for number in range(KILLS):
                await asyncio.sleep(rng.uniform(*FAULT_EVERY_S))
                role = rng.choice(roles)
                if number % 3 == 2:
                    await asyncio.to_thread(role.pause, PAUSE_S)
                else:
                    role.kill()
            over.set()
            await sending
            compare(await until_folded(cluster, [one.id for one in failures], within_s=HEALED_S), failures)
        exits = Counter(status for role in roles for status in role.exits)
        assert set(exits) <= {-signal.SIGKILL, 70}, [role.said() for role in roles]
        assert exits[-signal.SIGKILL] >= 1

    asyncio.run(scenario())


def test_a_broker_that_dies_and_comes_back_loses_and_repeats_nothing(tmp_path: Path) -> None:
    async def scenario(broker: Kafka) -> None:
        cluster = await made(cluster_at(broker.address, "dies."))
        failures = some_failures(FAILURES // 2, seed=SEED + 1)
        over = asyncio.Event()
        async with processes(cluster, tmp_path) as roles:
            sending = asyncio.create_task(send_all(cluster, failures, over))
            await until_some(cluster, 200)
            await asyncio.to_thread(broker.kill)
            await asyncio.sleep(BROKER_AWAY_S)
            await asyncio.to_thread(broker.restart)
            over.set()
            await sending
            compare(await until_folded(cluster, [one.id for one in failures], within_s=HEALED_S), failures)
        assert {status for role in roles for status in role.exits} <= {70}, [role.said() for role in roles]

    with private(Kafka) as broker:
        asyncio.run(scenario(broker))
