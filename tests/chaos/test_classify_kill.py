"""The classification agent under kill -9 and pauses: every fingerprint answered rightly, at little extra cost.

Short form by default; `make chaos` sets FAULTLINE_CHAOS_KILLS for the long one.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from suites.app_fleet import Fleet
from suites.app_role import TIMING
from suites.folds import create_topics
from suites.servers import private
from suites.unseen import all_answered, answers, right, send, unseen
from testservers.kinds import Kafka

from streams.broker.clients import Cluster

KILLS = int(os.environ.get("FAULTLINE_CHAOS_KILLS", "4"))
SEED = int(os.environ.get("FAULTLINE_CHAOS_SEED", "20261121"))
PARTITIONS = 4
ROUND_ITEMS = 150
BATCH = 50
DRAIN_S = 60.0
PAUSE_S = 4.0

pytestmark = [pytest.mark.timeout(KILLS * 20 + 300), pytest.mark.xdist_group("classify-chaos")]


@pytest.fixture(scope="module")
def broker() -> Iterator[Kafka]:
    with private(Kafka) as kafka:
        yield kafka


def test_kills_and_pauses_leave_every_fingerprint_answered(broker: Kafka, tmp_path: Path) -> None:
    """Two processes; a round of fingerprints, a kill while they are asked about. Questions that were open when a
    process died are asked again."""
    rnd = random.Random(SEED)
    cluster = Cluster(broker.address, "classify.", PARTITIONS, timing=TIMING)
    journal = tmp_path / "journal"
    items = {item.fingerprint.value: item for item in map(unseen, range((KILLS + 2) * ROUND_ITEMS))}

    async def run() -> None:
        await create_topics(cluster)
        rest = list(items.values())
        with Fleet(tmp_path, cluster, "classify", str(journal), "0.3") as fleet:
            fleet.add()
            fleet.add()
            for number in range(KILLS + 1):
                now, rest = rest[:ROUND_ITEMS], rest[ROUND_ITEMS:]
                await send(cluster, now)
                await asyncio.sleep(rnd.uniform(0.5, 5.0))
                member = rnd.choice(fleet.members)
                if number == KILLS:
                    member.signal(signal.SIGSTOP)
                    await asyncio.sleep(PAUSE_S)
                    member.signal(signal.SIGCONT)
                else:
                    member.signal(signal.SIGKILL)
            await send(cluster, rest)
            async with asyncio.timeout(DRAIN_S):
                await all_answered(cluster, len(items))
            stopped = await asyncio.to_thread(fleet.stop)
            found = await answers(cluster)
            assert found.keys() == items.keys()
            assert all(right(items[mark], told) for mark, told in found.items())
            questions = journal.read_text().splitlines()
            twice = sum(len(line.split()) for line in questions) - len(items)
            print(f"{len(items)} fingerprints, {len(questions)} questions, {twice} asked again, {fleet.exits()}")
            assert twice <= (KILLS + 1) * BATCH, "one question a kill"
            assert len(questions) >= math.ceil(len(items) / BATCH)
            assert set(stopped) <= {0}
            assert set(fleet.exits()) <= {-signal.SIGKILL}, fleet.failures()

    asyncio.run(run())
