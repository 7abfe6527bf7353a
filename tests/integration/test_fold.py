"""The fold role on a real broker: every failure in exactly one fold, whatever comes in and whoever comes and goes."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from suites.folding import (
    PARTITIONS,
    QUIET_S,
    begin,
    cluster_at,
    folding,
    made,
    producing,
    publish,
    read_all,
    read_folded,
    some_failures,
    until_folded,
)
from suites.records import AT_MS, ci_failure, edge, verdict

from streams.broker.publish import KafkaPublisher
from streams.contract import topics
from streams.contract.errors import ConfigurationError, TooManyRejected
from streams.contract.failure import Origin
from streams.contract.fold import FoldBatch
from streams.contract.verdict import Unanswered, record_key
from streams.contract.wire import from_bytes, to_bytes
from streams.core.flood import FloodBounds
from streams.core.partition import partition_of

pytestmark = pytest.mark.timeout(120)


def test_every_failure_is_in_exactly_one_fold(kafka: str, topic_prefix: str) -> None:
    """And verdicts and what the llm left open reach the partition of their fingerprint, and aliases all partitions."""

    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        failures = some_failures(600)
        said = verdict("fp1.abc", "timeout")
        left = Unanswered(fingerprint="fp1.abd", origin=Origin.CI, retry_at_ms=AT_MS, reason="no answer")
        joined = edge("fp1.abc", "fp1.abd")
        async with folding(cluster) as running, producing(cluster) as send:
            await publish(send, failures)
            await send(topics.VERDICTS, to_bytes(said), key=record_key(said).encode())
            await send(topics.UNANSWERED, to_bytes(left), key=left.fingerprint.encode())
            await send(topics.ALIASES, to_bytes(joined), key=joined.key.encode())
            folded = await until_folded(cluster, [one.id for one in failures])
        assert folded.members == Counter(one.id for one in failures)
        assert folded.broken() == []
        found = {(target, one.fingerprint) for target, _, batch in folded.batches for one in batch.verdicts}
        assert found == {(partition_of("fp1.abc", PARTITIONS), "fp1.abc")}
        open_ones = {(target, one.fingerprint) for target, _, batch in folded.batches for one in batch.unanswered}
        assert open_ones == {(partition_of("fp1.abd", PARTITIONS), "fp1.abd")}
        counts = running.seen.counts
        assert sum(number for (name, *_), number in counts.items() if name.endswith("folded_total")) == 603
        edges = sorted((target, one.key) for target, _, batch in folded.batches for one in batch.aliases)
        assert edges == [(target, joined.key) for target in range(PARTITIONS)], "every partition names groups by itself"
        assert set(running.seen.values.values()) == {0}
        assert running.seen.waits[-1] == ""

    asyncio.run(scenario())


def test_time_reaches_every_target_while_nothing_comes_in(kafka: str, topic_prefix: str) -> None:
    """A tick a target every 5 s, with the cursor where the source stands."""

    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        failures = [ci_failure(f"m{n}", run_id=str(n)) for n in range(20)]
        async with folding(cluster), producing(cluster) as send:
            await publish(send, failures)
            await until_folded(cluster, [one.id for one in failures])
            await asyncio.sleep(11)
        folded = await read_folded(cluster)
        assert {target for target, _ in folded.ticks} == set(range(PARTITIONS))
        assert 4 <= len(folded.ticks) <= 3 * PARTITIONS
        ends = Counter[int]()
        for _, _, batch in folded.batches:
            if batch.topic == topics.CI.name:
                ends[batch.partition] = max(ends[batch.partition], batch.cursor.end)
        for target, tick in folded.ticks:
            assert (tick.topic, tick.partition, tick.cursor.start) == (topics.CI.name, target, ends[target])

    asyncio.run(scenario())


def test_each_failure_counts_once_though_it_comes_five_times_and_the_role_restarts(
    kafka: str, topic_prefix: str
) -> None:
    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        rng = random.Random(5)
        failures = some_failures(300)
        copies = [one for one in failures for _ in range(rng.randint(1, 5))]
        rng.shuffle(copies)
        third = len(copies) // 3
        async with producing(cluster) as send:
            for part in (copies[:third], copies[third : 2 * third], copies[2 * third :]):
                async with folding(cluster):
                    await publish(send, part, together=3)
                    await until_folded(cluster, [one.id for one in part])
        folded = await read_folded(cluster)
        assert folded.members == Counter(one.id for one in failures)
        assert folded.broken() == []

    asyncio.run(scenario())


def test_an_id_that_is_older_than_the_filter_counts_again(kafka: str, topic_prefix: str) -> None:
    """The horizon is a number of ids, and it is the same after a restart."""

    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        failures = [ci_failure(f"m{n}") for n in range(11)]  # one key, so one partition
        async with producing(cluster) as send:
            async with folding(cluster, recent_ids=10):
                await publish(send, failures, together=2)
                await until_folded(cluster, [one.id for one in failures])
            async with folding(cluster, recent_ids=10):
                await publish(send, [failures[1], failures[0]], together=1)
                async with asyncio.timeout(60):
                    while True:
                        if (await read_folded(cluster)).members.total() > len(failures):
                            break
                        await asyncio.sleep(0.3)
                await asyncio.sleep(QUIET_S)
        assert (await read_folded(cluster)).members == Counter(one.id for one in [*failures, failures[0]])

    asyncio.run(scenario())


def test_what_is_folded_of_one_trace_belongs_to_it(kafka: str, topic_prefix: str) -> None:
    """From the gateway's producer on; a tick belongs to none."""
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        publisher = KafkaPublisher(cluster, source="gateway", now_ms=lambda: AT_MS)
        await publisher.start(deadline_s=30)
        failure = ci_failure("m")
        async with folding(cluster):
            await publisher.publish([failure], traceparent=trace)
            await publisher.close()
            await until_folded(cluster, [failure.id])
        for record in await read_all(cluster, topics.FOLDED):
            batch = from_bytes(FoldBatch, record.value)
            carried = [value.decode() for name, value in record.headers if name == "traceparent"]
            assert carried == [trace] * (batch.cursor.end - batch.cursor.start)

    asyncio.run(scenario())


POISON = {
    "not JSON": b"{oops",
    "not UTF-8": b"\xff\xfe",
    "another record": b'{"fingerprint": 3}',
    "version of the future": b'{"failures": [], "version": 99}',
    "empty": b"",
    "no value": None,
}


def test_what_cannot_be_read_is_put_aside_once_and_blocks_nothing(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        good = [ci_failure(f"m{n}") for n in range(2 * len(POISON))]
        place = partition_of(good[0].topic_key, PARTITIONS)
        sent = []
        async with folding(cluster), producing(cluster) as send:
            for before, (after, value) in zip(good[::2], zip(good[1::2], POISON.values(), strict=True), strict=True):
                for data in (to_bytes(before), value, to_bytes(after)):
                    done = await send(topics.CI, data, key=b"k", partition=place, headers=[("traceparent", b"00-1")])
                    if data == value:
                        sent.append((value or b"", done.offset))
            await send(topics.VERDICTS, b"[]", key=b"v", partition=0)
            folded = await until_folded(cluster, [one.id for one in good])
        assert folded.members == Counter(one.id for one in good)
        aside = await read_all(cluster, topics.REJECTED)
        headers = [{name: value.decode() for name, value in one.headers} for one in aside]
        from_ci = [(one, said) for one, said in zip(aside, headers, strict=True) if one.key == b"k"]
        found = [(one.value, int(said["__streams.errors.offset"])) for one, said in from_ci]
        assert sorted(found, key=lambda one: one[1]) == sent
        for one, said in from_ci:
            assert one.partition == place
            assert said["__streams.errors.topic"] == topics.CI.name
            assert said["__streams.errors.partition"] == str(place)
            assert said["__streams.errors.exception"] in ("MalformedRecord", "UnknownVersion")
            assert said["__streams.errors.message"]
            assert "__streams.errors.stacktrace" in said
            assert (said["dlq.stage"], said["dlq.attempt"], said["dlq.app_version"]) == ("fold", "1", "1.2.3")
            assert said["traceparent"] == "00-1"
        assert [
            said["__streams.errors.topic"] for one, said in zip(aside, headers, strict=True) if one.key == b"v"
        ] == [topics.VERDICTS.name]

    asyncio.run(scenario())


def test_a_flood_stops_the_role_before_it_empties_the_topic(kafka: str, topic_prefix: str) -> None:
    """A thousand in a row: nothing past the bound is put aside, also after restarts; a person can let them pass."""

    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        good = ci_failure("after the flood")
        place = partition_of(good.topic_key, PARTITIONS)
        async with producing(cluster) as send:
            await asyncio.gather(*(send(topics.CI, b"bad %d" % n, key=b"k", partition=place) for n in range(1_000)))
            await send(topics.CI, to_bytes(good), key=b"k", partition=place)
        for _ in range(3):
            running = begin(cluster, flood=FloodBounds(in_a_row=500))
            with pytest.raises(TooManyRejected, match=r"500 items in a row of failures\.ci\.v1, partition \d") as told:
                await asyncio.wait_for(running.task, 30)
            assert "FAULTLINE_REJECTED_IN_A_ROW" in str(told.value)
            assert len(await read_all(cluster, topics.REJECTED)) <= 500
        async with folding(cluster, flood=FloodBounds(in_a_row=0, ratio=1)):
            await until_folded(cluster, [good.id])
        aside = Counter(one.value for one in await read_all(cluster, topics.REJECTED))
        assert aside == Counter(b"bad %d" % n for n in range(1_000))

    asyncio.run(scenario())


def test_processes_that_come_and_go_lose_and_repeat_nothing(kafka: str, topic_prefix: str) -> None:
    """Two roles, one of them started and stopped again and again while failures come in."""

    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        failures = some_failures(4_000)
        async with folding(cluster), producing(cluster) as send:

            async def come_and_go() -> None:
                for _ in range(4):
                    async with folding(cluster):
                        await asyncio.sleep(1.5)

            guest = asyncio.create_task(come_and_go())
            for start in range(0, len(failures), 100):
                await publish(send, failures[start : start + 100], together=5)
                await asyncio.sleep(0.1)
            await guest
            folded = await until_folded(cluster, [one.id for one in failures])
        assert folded.members == Counter(one.id for one in failures)
        assert folded.broken() == []

    asyncio.run(scenario())


def test_the_role_does_not_start_without_its_topics(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        cluster = cluster_at(kafka, topic_prefix)
        with pytest.raises(ConfigurationError, match=r"has no topic .*failures\.ci\.v1.*`?faultline topics apply"):
            await begin(cluster).task

    asyncio.run(scenario())
