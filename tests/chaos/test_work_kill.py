"""The stream agent under kill -9, pauses, workers that come and go, and a broker that restarts: exact, every time.

Exact totals are not enough: a record that was skipped ends the worker by its cursor and is read again, so an exit by
the cursor is a fault as well. What is compared comes from the failures that were sent and from the raw topics.
Short forms by default; `make chaos` sets FAULTLINE_CHAOS_KILLS, and FAULTLINE_CHAOS_WORK_S for the third worker.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from suites.app_fleet import Fleet
from suites.folds import Ledger, Writer, compare, create_topics, wait_applied, written
from suites.servers import private
from testservers.kinds import Kafka

from streams.broker.clients import Cluster

KILLS = int(os.environ.get("FAULTLINE_CHAOS_KILLS", "5"))
WORK_S = float(os.environ.get("FAULTLINE_CHAOS_WORK_S", "40"))
"""How long a third worker comes and goes."""
SEED = int(os.environ.get("FAULTLINE_CHAOS_SEED", "20261121"))
PARTITIONS = 4
SOURCES = 3
PER = 40
EVERY_S = 0.05
FAILURES_MAX = 1_000_000
"""The load ends with the faults, never before."""
DRAIN_S = 60.0
PAUSE_S = 4.0
"""Twice the session of the test's groups: the worker has lost its partitions when it goes on."""
COMES_S = 4.0
EXPECTED = (
    "ProducerFenced",
    "KafkaConnectionError",
    "KafkaError: KafkaConnectionError",
    "KafkaTimeoutError",
    "LeaderNotAvailableError",
)
"""Why a worker may end by itself: another one has its partitions, or the broker was down while it needed an answer, for
the last of these longer than a record may wait for its partition to have a leader again (30 s)."""

pytestmark = [pytest.mark.timeout(int(WORK_S * 2 + KILLS * 30 + 400)), pytest.mark.xdist_group("work-chaos")]


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    """Of this module's own, so that it can be restarted."""
    with private(Kafka) as kafka:
        yield kafka


@dataclass(slots=True)
class Load:
    """Folds that come in while faults happen."""

    cluster: Cluster
    ledger: Ledger
    last: dict[int, int] = field(default_factory=dict)
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def still(self) -> None:
        """Wait until no transaction is being written."""
        async with self._writing:
            pass

    async def write(self) -> None:
        """Until `done`. The writer is no subject here: it stands still while the broker is restarted."""
        sent = written(
            self.ledger,
            failures=FAILURES_MAX,
            fingerprints=300,
            sources=SOURCES,
            partitions=PARTITIONS,
            per=PER,
            seed=SEED,
        )
        async with Writer(self.cluster, SOURCES) as writer:
            while not self.done.is_set():
                await self.flowing.wait()
                one = await asyncio.to_thread(next, sent, None)
                if one is None:
                    break
                async with self._writing:
                    await writer.write(one)
                await asyncio.sleep(EVERY_S)
            self.last |= writer.last


def scene(broker: Kafka, folder: Path, name: str, faults: Callable[[Fleet, Load], Awaitable[None]]) -> None:
    """Two workers and folds that come in, faults for a while, and then everything compared."""

    async def run() -> None:
        cluster = Cluster(broker.address, f"{name}.", PARTITIONS)
        await create_topics(cluster)
        load = Load(cluster, Ledger())
        load.flowing.set()
        writing = asyncio.create_task(load.write())
        with Fleet(folder, cluster, "work") as fleet:
            fleet.add()
            fleet.add()
            await faults(fleet, load)
            load.done.set()
            await writing
            await check(load, fleet)

    asyncio.run(run())


async def check(load: Load, fleet: Fleet) -> None:
    """Wait for the tables, compare, and look at why workers ended."""
    for member in fleet.members:
        member.signal(signal.SIGCONT)
    took_s = await wait_applied(load.cluster, load.last, seconds=DRAIN_S)
    out = await compare(load.cluster, load.ledger)
    unexpected = [why for why in fleet.failures() if not why.startswith(EXPECTED)]
    print(
        f"{len(out.classified)} failures, exits {fleet.exits()}, {fleet.count('kafka.fetch_dropped')} fetches dropped, "
        f"{fleet.count('table.loaded')} assignments, drained in {took_s:.1f} s, {fleet.failures()}"
    )
    assert fleet.cursor_exits() == 0
    assert unexpected == []
    assert set(await asyncio.to_thread(fleet.stop)) <= {0}


def test_kills_pauses_and_a_broker_that_restarts_leave_the_tables_exact(broker: Kafka, tmp_path: Path) -> None:
    rnd = random.Random(SEED)

    async def faults(fleet: Fleet, load: Load) -> None:
        for number in range(KILLS):
            await fleet.ready()
            await asyncio.sleep(rnd.uniform(0.2, 2.0))
            member = rnd.choice(fleet.members)
            member.signal(signal.SIGKILL)
            if number % 3 == 1:
                other = next(one for one in fleet.members if one is not member)
                other.signal(signal.SIGSTOP)
                await asyncio.sleep(PAUSE_S)
                other.signal(signal.SIGCONT)
            if number == KILLS // 2:
                load.flowing.clear()
                await load.still()
                await asyncio.to_thread(broker.restart)
                load.flowing.set()

    scene(broker, tmp_path, "kill", faults)


def test_a_third_worker_that_comes_and_goes_leaves_the_tables_exact(broker: Kafka, tmp_path: Path) -> None:
    rnd = random.Random(SEED)

    async def faults(fleet: Fleet, _: Load) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + WORK_S
        while loop.time() < until_s:
            third = fleet.add()
            await fleet.ready()
            await asyncio.sleep(rnd.uniform(0.0, COMES_S))
            assert await asyncio.to_thread(third.end) in (0, 70)
            await asyncio.sleep(rnd.uniform(0.0, COMES_S))

    scene(broker, tmp_path, "third", faults)
