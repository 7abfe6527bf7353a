"""The stream agent on a real broker: exact over restarts, loud where its input is not what it has to be."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from suites.app_fleet import Fleet, Member, until
from suites.app_role import TIMING
from suites.folds import Ledger, Writer, Written, compare, create_topics, wait_applied, written

from streams.app.served import NotHere
from streams.app.store import Store
from streams.app.table import DoorTable
from streams.app.work import create_work_app
from streams.app.worker import run_worker
from streams.broker.clients import Cluster
from streams.contract import topics
from streams.contract.fold import FoldBatch
from streams.contract.telemetry import Metric

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("kafka")]

PARTITIONS = 4
SOURCES = 3


@pytest.fixture
def cluster(kafka: str, topic_prefix: str) -> Cluster:
    return Cluster(kafka, topic_prefix, PARTITIONS, timing=TIMING)


def some(ledger: Ledger, failures: int, *, seed: int = 1) -> list[Written]:
    return list(
        written(
            ledger,
            failures=failures,
            fingerprints=min(failures // 4, 200),
            sources=SOURCES,
            partitions=PARTITIONS,
            per=50,
            seed=seed,
        )
    )


def wait_until(what: Callable[[], object], *, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "not within its time"
        time.sleep(0.1)


def ended(member: Member) -> str:
    """Wait until the process has ended by itself. Returns its last failure line."""
    wait_until(lambda: member.exits)
    assert member.exits[0] == 70
    return next(line for line in member.log.read_text().splitlines() if '"event": "role.failed"' in line)


def loaded(member: Member) -> str:
    """Its last line about the rows that it has."""
    return [line for line in member.log.read_text().splitlines() if '"event": "table.loaded"' in line][-1]


class Watching:
    """An observer that knows what is waited for."""

    def __init__(self) -> None:
        self.waiting = ""
        self.values: dict[str, float] = {}

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        self.values[metric.name] = self.values.get(metric.name, 0) + amount

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        self.values[metric.name] = value

    def waiting_for(self, what: str) -> None:
        self.waiting = what


def test_two_workers_leave_the_tables_exact_over_an_end_and_a_start(cluster: Cluster, tmp_path: Path) -> None:
    """The second worker comes while folds flow, all end by SIGTERM in the middle, and others go on."""
    ledger = Ledger()
    sent = some(ledger, 4_000)

    async def run() -> None:
        await create_topics(cluster)
        async with Writer(cluster, SOURCES) as writer:
            with Fleet(tmp_path, cluster, "work") as fleet:
                fleet.add()
                for one in sent[:20]:
                    await writer.write(one)
                await wait_applied(cluster, writer.last, seconds=60)
                fleet.add()
                for one in sent[20:50]:
                    await writer.write(one)
                assert await fleet.ready()
                assert set(await asyncio.to_thread(fleet.stop)) == {0}
                for one in sent[50:]:
                    await writer.write(one)
                fleet.add()
                fleet.add()
                await wait_applied(cluster, writer.last, seconds=60)
                await compare(cluster, ledger)
                assert set(await asyncio.to_thread(fleet.stop)) == {0}
                assert fleet.exits() == []
                assert fleet.cursor_exits() == 0

    asyncio.run(run())


def test_faust_never_recovers_by_itself_and_the_table_answers_from_committed_rows(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(Store, "apply_changelog_batch", lambda *arguments: calls.append(arguments))
    ledger = Ledger()
    sent = some(ledger, 400)

    async def once(last: dict[int, int]) -> None:
        observer, stop = Watching(), asyncio.Event()
        reader = cluster.consumer()
        await reader.start()
        app = create_work_app(cluster, reader, observer)
        table = app.tables[topics.STATE_TABLE]
        assert isinstance(table, DoorTable)
        working = asyncio.create_task(run_worker(app, observer, stop))
        with pytest.raises(NotHere):
            table.lookup("m|0|")
        await wait_applied(cluster, last, seconds=60)
        async with asyncio.timeout(30):
            await until(lambda: not observer.waiting)
        keys = list(table)
        assert len(keys) == len(table) == len(dict(table.items())) > len(set(ledger.fingerprints.values()))
        assert table.lookup("m|0|") == table["m|0|"] == dict(table.items())["m|0|"]
        assert "m|3|" in table
        assert table.lookup("f|1|nothing") is None
        with pytest.raises(NotHere):
            table.lookup(f"m|{PARTITIONS}|")
        stop.set()
        async with asyncio.timeout(30):
            await working
        await table.data.leave()
        await reader.stop()
        with pytest.raises(NotHere):
            list(table)

    async def run() -> None:
        await create_topics(cluster)
        async with Writer(cluster, SOURCES) as writer:
            for one in sent[:4]:
                await writer.write(one)
            await once(writer.last)
            for one in sent[4:]:
                await writer.write(one)
        await once(writer.last)
        await compare(cluster, ledger)

    asyncio.run(run())
    assert calls == []


def test_a_batch_that_does_not_follow_ends_the_worker_and_says_so(cluster: Cluster, tmp_path: Path) -> None:
    sent = some(Ledger(), 600)
    del sent[4]  # as if one transaction had been skipped

    async def run() -> None:
        await create_topics(cluster)
        async with Writer(cluster, SOURCES) as writer:
            for one in sent:
                await writer.write(one)

    asyncio.run(run())
    with Fleet(tmp_path, cluster, "work") as fleet:
        line = ended(fleet.add())
        assert "CursorBroken: failures.ci.v1/1: expected offset" in line
        assert "restart from the table" in line
        assert fleet.cursor_exits() >= 1


def test_a_batch_that_cannot_be_read_ends_the_worker(cluster: Cluster, tmp_path: Path) -> None:
    async def run() -> None:
        await create_topics(cluster)
        producer = cluster.producer()
        await producer.start()
        await producer.send_and_wait(cluster.topic(topics.FOLDED), b"\xc1", key=b"0", partition=0)
        await producer.stop()

    asyncio.run(run())
    with Fleet(tmp_path, cluster, "work") as fleet:
        assert "MalformedRecord" in ended(fleet.add())


def test_input_that_was_deleted_before_it_was_applied_ends_the_worker_with_the_way_out(
    cluster: Cluster, tmp_path: Path
) -> None:
    ledger = Ledger()
    sent = some(ledger, 600)

    async def run() -> None:
        await create_topics(cluster)
        async with Writer(cluster, SOURCES) as writer:
            with Fleet(tmp_path, cluster, "work") as fleet:
                fleet.add()
                for one in sent[:3]:
                    await writer.write(one)
                await wait_applied(cluster, writer.last, seconds=60)
                await asyncio.to_thread(fleet.stop)
                for one in sent[3:]:
                    await writer.write(one)
                admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
                await admin.start()
                tp = TopicPartition(cluster.topic(topics.FOLDED), 2)
                await admin.delete_records({tp: RecordsToDelete(before_offset=writer.last[2])})
                await admin.close()
                line = await asyncio.to_thread(ended, fleet.add())
                assert f"InputGone: {tp.topic}/2 holds offsets {writer.last[2]} to" in line
                assert "begin anew with a changelog topic of no records" in line

    asyncio.run(run())


def test_a_worker_without_partitions_is_ready_and_takes_over(cluster: Cluster, tmp_path: Path) -> None:
    cluster = Cluster(cluster.bootstrap, cluster.prefix, 1, timing=TIMING)
    ledger = Ledger()
    sent = list(written(ledger, failures=300, fingerprints=50, sources=1, partitions=1, per=50, seed=1))

    async def run() -> None:
        await create_topics(cluster)
        async with Writer(cluster, 1) as writer:
            with Fleet(tmp_path, cluster, "work") as fleet:
                fleet.add()
                fleet.add()
                assert await fleet.ready()
                for one in sent[:3]:
                    await writer.write(one)
                await wait_applied(cluster, writer.last, seconds=60)
                (has,) = [member for member in fleet.members if '"partitions": 1' in loaded(member)]
                has.wanted = False
                has.signal(signal.SIGKILL)
                for one in sent[3:]:
                    await writer.write(one)
                await wait_applied(cluster, writer.last, seconds=60)
                await compare(cluster, ledger)
                assert fleet.failures() == []

    asyncio.run(run())


def test_ticks_and_empty_batches_reach_the_position(cluster: Cluster, tmp_path: Path) -> None:
    """So that time and cursors go on where nothing fails."""

    async def run() -> None:
        await create_topics(cluster)
        ledger = Ledger()
        one = some(ledger, 50)[0]
        end = one.batches[0][1].cursor.end
        tick = FoldBatch(
            topic=topics.CI.name, partition=0, cursor=type(one.batches[0][1].cursor)(end, end), at_ms=2 * 10**12
        )
        async with Writer(cluster, SOURCES) as writer:
            await writer.write(one)
            await writer.write(Written(0, [(number, tick) for number in range(PARTITIONS)]))
            with Fleet(tmp_path, cluster, "work") as fleet:
                fleet.add()
                await wait_applied(cluster, writer.last, seconds=60)
                assert fleet.failures() == []

    asyncio.run(run())
