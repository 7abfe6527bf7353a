"""The classification agent on a real broker: every fingerprint answered, in questions across partitions."""

from __future__ import annotations

import asyncio
import math
import signal
from pathlib import Path

import pytest
from aiokafka.structs import TopicPartition
from msgspec.structs import replace
from suites.app_fleet import Fleet, until
from suites.app_role import TIMING
from suites.folds import create_topics, whole
from suites.unseen import all_answered, answers, right, send, unseen

from streams.broker.clients import Cluster
from streams.contract import topics
from streams.contract.alias import Alias
from streams.contract.wire import from_bytes
from streams.core.fingerprint import fingerprint
from streams.core.groups import Groups

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("kafka")]

PARTITIONS = 4
ITEMS = 320


@pytest.fixture
def cluster(kafka: str, topic_prefix: str) -> Cluster:
    return Cluster(kafka, topic_prefix, PARTITIONS, timing=TIMING)


async def wait_answered(cluster: Cluster, number: int, *, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        await all_answered(cluster, number)


async def uncommitted(cluster: Cluster) -> int:
    """Records of the input that the group has not committed."""
    name = cluster.topic(topics.UNSEEN)
    reader = cluster.consumer(group=cluster.group("classify"))
    await reader.start()
    try:
        at = {n: await reader.committed(TopicPartition(name, n)) or 0 for n in range(cluster.partitions)}
    finally:
        await reader.stop()
    return sum(record.offset >= at[record.partition] for record in await whole(cluster, name))


def test_every_fingerprint_is_answered_once_and_a_second_start_asks_nothing(cluster: Cluster, tmp_path: Path) -> None:
    items = {item.fingerprint.value: item for item in map(unseen, range(ITEMS))}
    assert len(items) == ITEMS
    journal = tmp_path / "journal"

    async def run() -> None:
        await create_topics(cluster)
        producer = cluster.producer()
        await producer.start()
        await producer.send_and_wait(cluster.topic(topics.UNSEEN), b"no json", key=b"k", partition=1)
        await producer.stop()
        await send(cluster, items.values())
        with Fleet(tmp_path, cluster, "classify", str(journal), "0.2") as fleet:
            fleet.add()
            await wait_answered(cluster, ITEMS)
            assert await asyncio.to_thread(fleet.stop) == [0]
            found = await answers(cluster)
            assert found.keys() == items.keys()
            assert all(len(told) == 1 and right(items[mark], told) for mark, told in found.items())
            questions = journal.read_text().splitlines()
            assert len(questions) == math.ceil(ITEMS / 50), "full questions, whatever their partitions"
            (rejected,) = await whole(cluster, cluster.topic(topics.REJECTED))
            assert rejected.value == b"no json"
            assert await uncommitted(cluster) == 0

            fleet.add()
            await send(cluster, [unseen(ITEMS)])
            await wait_answered(cluster, ITEMS + 1)
            assert await asyncio.to_thread(fleet.stop) == [0]
            assert len(journal.read_text().splitlines()) == len(questions) + 1
            assert fleet.failures() == []

    asyncio.run(run())


def test_an_end_finishes_open_questions_and_loses_none(cluster: Cluster, tmp_path: Path) -> None:
    """Ended while questions are open and others wait; the next process goes on where it stopped."""
    items = {item.fingerprint.value: item for item in map(unseen, range(ITEMS))}
    journal = tmp_path / "journal"

    async def run() -> None:
        await create_topics(cluster)
        await send(cluster, items.values())
        with Fleet(tmp_path, cluster, "classify", str(journal), "1.5") as fleet:
            fleet.add()
            async with asyncio.timeout(60):
                await until(lambda: journal.exists() and journal.read_text())
            assert await asyncio.to_thread(fleet.stop) == [0]
            asked = {mark for line in journal.read_text().splitlines() for mark in line.split()}
            assert (await answers(cluster)).keys() == asked, "what was asked was answered before the end"
            fleet.add()
            await wait_answered(cluster, ITEMS)
            assert await asyncio.to_thread(fleet.stop) == [0]
            found = await answers(cluster)
            assert all(len(told) == 1 and right(items[mark], told) for mark, told in found.items())

    asyncio.run(run())


NAMES = ("registry", "ledger", "basket", "courier", "billing", "search", "gateway", "planner")
SERVICES = [
    replace(unseen(0), fingerprint=fingerprint(origin="ci", message=f"no answer of {name} in time")) for name in NAMES
]


async def groups(cluster: Cluster) -> Groups:
    """By all edges that were written."""
    edges = await whole(cluster, cluster.topic(topics.ALIASES))
    made = [from_bytes(Alias, record.value or b"") for record in edges]
    assert [(record.key or b"").decode() for record in edges] == [f"{alias.key}/{alias.source}" for alias in made]
    return Groups(made)


async def members(cluster: Cluster) -> int:
    return len((await groups(cluster)).members(SERVICES[0].fingerprint.value))


def test_fingerprints_of_all_partitions_and_times_are_compared_whichever_process_has_them(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Too few for a slot at first; the rest come after a kill, to two processes, each with half of the partitions."""

    async def until_joined(number: int) -> None:
        async with asyncio.timeout(60):
            while await members(cluster) != number:  # noqa: ASYNC110  # what is looked at is a topic
                await asyncio.sleep(0.2)

    async def run() -> None:
        await create_topics(cluster)
        await send(cluster, SERVICES[:3])
        with Fleet(tmp_path, cluster, "classify", str(tmp_path / "journal"), "0.01") as fleet:
            fleet.add()
            await wait_answered(cluster, 3)
            assert await members(cluster) == 1
            fleet.members[0].signal(signal.SIGKILL)  # it is started again
            fleet.add()
            await send(cluster, SERVICES[3:])
            await until_joined(len(SERVICES))
            await wait_answered(cluster, len(SERVICES))
            assert set(await asyncio.to_thread(fleet.stop)) == {0}
            edges = len(await groups(cluster))
            assert edges == len(SERVICES) - 1, "two processes make the same edges"

    asyncio.run(run())
