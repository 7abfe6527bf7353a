"""The gateway's port over a real broker: acknowledged means kept, and a broker that is away is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from suites.folding import PARTITIONS, Seen, cluster_at, made, now_ms, read_all, some_failures
from suites.records import verdict
from suites.servers import private
from testservers.kinds import Kafka

from streams.broker.clients import Cluster
from streams.broker.publish import KafkaPublisher
from streams.contract import topics
from streams.contract.errors import ConfigurationError, LogFull, MalformedRecord, SinkUnavailable
from streams.contract.failure import Failure
from streams.contract.verdict import Verdict, record_key
from streams.contract.wire import failures_from_bytes, from_bytes
from streams.core.partition import partition_of

pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def publishing(cluster: Cluster, **more: Any) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(cluster, source="gateway", now_ms=now_ms, app_version="1.2.3", **more)
    await publisher.start(deadline_s=30)
    try:
        yield publisher
    finally:
        await publisher.close()


def test_what_was_acknowledged_is_in_the_topics_once_in_the_partition_of_its_key(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        cluster = await made(cluster_at(kafka, topic_prefix))
        failures = some_failures(1_000)
        seen = Seen()
        async with publishing(cluster, observer=seen) as publisher:
            await asyncio.gather(*(publisher.publish(failures[n : n + 250]) for n in range(0, 1_000, 250)))
            said = verdict("fp1.x", "timeout")
            await publisher.decide(said)
            await publisher.reject(b"{oops", MalformedRecord("no", place="$"), place="body")
        found: Counter[str] = Counter()
        for topic in topics.INPUTS.values():
            for record in await read_all(cluster, topic):
                inside = [one for one in failures_from_bytes(record.value) if isinstance(one, Failure)]
                assert {one.topic_key for one in inside} == {record.key.decode()}
                assert record.partition == partition_of(record.key.decode(), PARTITIONS)
                assert dict(record.headers)["ce_type"] == f"faultline.{topic.name}".encode()
                found.update(one.id for one in inside)
        assert found == Counter(one.id for one in failures)
        assert sum(seen.counts.values()) == 1_000
        (record,) = await read_all(cluster, topics.VERDICTS)
        assert (record.key.decode(), from_bytes(Verdict, record.value)) == (record_key(said), said)
        (record,) = await read_all(cluster, topics.REJECTED)
        headers = dict(record.headers)
        assert (record.value, headers["dlq.stage"], headers["__streams.errors.topic"]) == (
            b"{oops",
            b"gateway",
            b"body",
        )

    asyncio.run(scenario())


def test_it_does_not_start_without_its_topics(kafka: str, topic_prefix: str) -> None:
    async def scenario() -> None:
        async with publishing(cluster_at(kafka, topic_prefix)):
            raise AssertionError("there are no topics")

    with pytest.raises(ConfigurationError, match="faultline topics apply"):
        asyncio.run(scenario())


def test_a_broker_that_is_away_is_told_and_what_waits_is_bounded() -> None:
    """Afterwards it goes on by itself, and what was told to be refused may be there or not, but each once."""

    async def scenario(broker: Kafka) -> None:
        cluster = await made(cluster_at(broker.address, "away."))
        failures = some_failures(300)
        async with publishing(cluster, answer_s_max=2, waiting_bytes_max=20_000) as publisher:
            await publisher.publish(failures[:100])
            await asyncio.to_thread(broker.kill)
            with pytest.raises(SinkUnavailable, match="did not answer in 2 s") as away:
                await publisher.publish(failures[100:200])
            assert away.value.retry_after_s > 0
            with pytest.raises(LogFull, match="bytes wait for Kafka already"):
                await publisher.publish(failures[100:200])
            await asyncio.to_thread(broker.restart)
            async with asyncio.timeout(60):
                while True:
                    try:
                        await publisher.publish(failures[200:])
                    except (LogFull, SinkUnavailable) as later:
                        await asyncio.sleep(later.retry_after_s)
                    else:
                        break
        found: Counter[str] = Counter()
        for topic in topics.INPUTS.values():
            for record in await read_all(cluster, topic):
                found.update(one.id for one in failures_from_bytes(record.value) if isinstance(one, Failure))
        assert {one.id for one in [*failures[:100], *failures[200:]]} <= set(found)
        assert all(found[one.id] == 1 for one in failures[:200])

    with private(Kafka) as broker:
        asyncio.run(scenario(broker))
