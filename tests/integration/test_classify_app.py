"""The classification agent on a real broker: every fingerprint answered, in questions across partitions."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import pytest
from aiokafka.structs import TopicPartition
from suites.app_fleet import Fleet, until
from suites.app_role import TIMING
from suites.folds import create_topics, whole
from suites.unseen import all_answered, answers, right, send, unseen

from streams.broker.clients import Cluster
from streams.contract import topics

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
