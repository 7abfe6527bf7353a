"""What passing runs printed, over a real broker: two gateways, a late third one, a command, and damage on the way."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from suites.folding import PARTITIONS, Seen, cluster_at, made, now_ms, read_all

from streams.broker.baselines import KafkaBaselines, read_job
from streams.broker.clients import Cluster
from streams.broker.publish import KafkaPublisher
from streams.contract import topics
from streams.contract.baseline import CHUNK_LINES_MAX, RUNS_MAX, Job, PassedRun
from streams.contract.errors import SinkUnavailable
from streams.core.baselines import Written, together
from streams.core.extract.baseline import MASKING

pytestmark = pytest.mark.timeout(120)
JOBS = [Job("acme/shop", "ci", name) for name in ("build", "lint", "unit")]


def passed(job: Job, number: int, lines: int = 5) -> PassedRun:
    hashes = b"".join((number * 10**6 + line).to_bytes(8, "big") for line in range(lines))
    return PassedRun(job=job, run_id=str(number), passed_at_ms=1_000 + number, masking=MASKING, hashes=hashes)


@asynccontextmanager
async def gateway(cluster: Cluster, seen: Seen | None = None) -> AsyncIterator[tuple[KafkaBaselines, KafkaPublisher]]:
    """One gateway's share of it."""
    stop = asyncio.Event()
    publisher = KafkaPublisher(cluster, source="gateway", now_ms=now_ms)
    await publisher.start(deadline_s=30)
    baselines = KafkaBaselines(cluster, publisher, observer=seen)
    with pytest.raises(SinkUnavailable, match="still being read"):
        baselines.of(JOBS[0])
    following = asyncio.create_task(baselines.follow(stop))
    try:
        yield baselines, publisher
    finally:
        stop.set()
        await following
        await publisher.close()


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if what():
                    return
            except SinkUnavailable:
                pass
            await asyncio.sleep(0.02)


def told(baselines: KafkaBaselines) -> list[list[str]]:
    return [[run for run, _ in together(baselines.of(job)).runs] for job in JOBS]


def test_gateways_come_to_the_same_and_so_does_one_that_starts_later_and_a_command(
    kafka: str, topic_prefix: str
) -> None:
    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        async with gateway(cluster) as (one, publisher), gateway(cluster) as (other, _):
            await until(lambda: told(one) == told(other) == [[], [], []])
            runs = [passed(job, number) for number in range(6) for job in JOBS]
            await asyncio.gather(*((one, other)[index % 2].keep(run) for index, run in enumerate(runs)))
            long = passed(JOBS[0], 9, CHUNK_LINES_MAX + 7)
            await one.keep(long)
            want = [["9", "5", "4"], ["5", "4", "3"], ["5", "4", "3"]]
            await until(lambda: told(one) == told(other) == want)
            damaged = Written(JOBS[1], "nonsense", b"{oops")
            await publisher.keep([damaged, Written(JOBS[2], passed(JOBS[2], 5).key, None)])
            want[2] = ["4", "3"]
            await until(lambda: told(one) == told(other) == want)
            await other.keep(passed(JOBS[2], 6))
            want[2] = ["6", "4", "3"]
            seen = Seen()
            async with gateway(cluster, seen) as (late, _):
                await until(lambda: told(late) == told(one) == told(other) == want)
                assert [late.of(job) for job in JOBS] == [one.of(job) for job in JOBS]
                await until(lambda: seen.values.get(("faultline_baseline_jobs",)) == len(JOBS))
                assert seen.counts["faultline_failures_rejected_total", "baselines.v1"] == 1
        asked = await read_job(cluster, JOBS[0])
        assert len(asked) == 1
        assert together(asked.of(JOBS[0])).hashes == together(one.of(JOBS[0])).hashes
        last = {record.key: record.value for record in await read_all(cluster, topics.BASELINES)}
        held = [key for key, value in last.items() if value is not None and key != b"nonsense"]
        assert len(held) <= RUNS_MAX * len(JOBS) + 1 + 3  # the long run is two, and races may leave one a job behind
        places = {(record.partition, record.key[:30]) for record in await read_all(cluster, topics.BASELINES)}
        assert len({key: partition for partition, key in places}) == len(places)

    asyncio.run(scenario())


STEPS = "".join(f"step {word} took 3 s\n" for word in "abcdefghijklmnopqrstuvwxyz")
NOISE = "E: Unable to locate package extra-fonts\n"
CAUSE = "src/cart.c:3:5: error: 'total' undeclared\nmake: *** [Makefile:2: all] Error 1\n"


def test_a_command_keeps_and_asks_straight_at_the_brokers(kafka: str, topic_prefix: str) -> None:
    cluster = cluster_at(kafka, topic_prefix)
    asyncio.run(made(cluster))
    settings = {
        "FAULTLINE_KAFKA": kafka,
        "FAULTLINE_TOPIC_PREFIX": topic_prefix,
        "FAULTLINE_PARTITIONS": str(PARTITIONS),
    }

    def publish(log: str, run: int, *words: str) -> subprocess.CompletedProcess[str]:
        job = ("--repo", "acme/shop", "--workflow", "ci", "--job", "build", "--run-id", str(run))
        command = [sys.executable, "-m", "agents.cli", "publish", "log", "-", "--to", "kafka", *job, *words]
        return subprocess.run(
            command, env=os.environ | settings, input=log, capture_output=True, text=True, timeout=60, check=True
        )

    for run in (1, 2):
        done = publish(STEPS + NOISE, run, "--passed")
        assert done.stdout.startswith(f"27 lines of run {run} kept for acme/shop/ci/build, with {run - 1} earlier run")
    done = publish(STEPS + NOISE + CAUSE, 3)
    assert done.stdout.startswith("1 sent to Kafka")
    assert done.stderr == "faultline: held against 2 passing runs of acme/shop/ci/build\n"
