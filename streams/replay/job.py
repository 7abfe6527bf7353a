"""The sending of a replay: not faster than wanted, and from where it was ended, if it was.

What was sent is remembered on the brokers, as the committed offset of a consumer group that has the job's name.
What was sent and not remembered yet is sent twice after a crash; the fold stage drops it as it drops every repeat.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.broker.clients import Cluster
from streams.broker.reject import rejected
from streams.contract import topics
from streams.replay.source import SOURCE, Bad, Piece, Step, Stretch, replay_headers

JOB: Final = re.compile(r"[a-z0-9][a-z0-9._\-]{0,59}")
"""What a job may be called: a part of a group's name."""
_END: Final = re.compile(r"faultline1 end=(\d{1,18})")
PIECES_PER_CALL: Final = 100
"""Records that are under way at once."""


def group_of(job: str) -> str:
    """The role under which the cluster knows a job's group."""
    return f"replay-{job}"


@dataclass(slots=True)
class Sent:
    """What a job has done since it was started or went on."""

    failures: int = 0
    records: int = 0
    bad: int = 0


async def remembered(cluster: Cluster, client: AIOKafkaAdminClient, job: str) -> dict[TopicPartition, Stretch]:
    """From where an earlier start of the job goes on, and how far; empty when it is new."""
    found = await client.list_consumer_group_offsets(cluster.group(group_of(job)))
    out = {}
    for place, at in found.items():
        if at.offset >= 0 and (end := _END.fullmatch(at.metadata or "")):
            out[place] = Stretch(at.offset, int(end.group(1)))
    return out


async def remember(consumer: AIOKafkaConsumer, wanted: Mapping[TopicPartition, Stretch]) -> None:
    """Write down where a job begins and ends, before it sends anything. `consumer`: of the job's group."""
    consumer.assign(list(wanted))
    await consumer.commit({place: (stretch.start, _metadata(stretch.end)) for place, stretch in wanted.items()})


def _metadata(end: int) -> str:
    return f"faultline1 end={end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """How a replay is sent."""

    name: str
    is_backfill: bool
    rate: float | None
    """Failures a second, at most."""
    archive: str = ""
    """Name of the file, for what of it is put aside."""
    app_version: str = ""

    async def send(
        self,
        cluster: Cluster,
        consumer: AIOKafkaConsumer,
        producer: AIOKafkaProducer,
        steps: AsyncIterator[Step],
        *,
        ends: Mapping[TopicPartition, int],
        now_ms: Callable[[], int],
        on_sent: Callable[[int], None],
    ) -> Sent:
        """Send all of it. `consumer`: of the job's group, with the place of a step assigned while it is handled.

        `ends`: of each place, as `remember` was told. `on_sent` is told how many failures were acknowledged.
        Raises: KafkaError.
        """
        sent, loop = Sent(), asyncio.get_running_loop()
        began_s = loop.time()
        async for step in steps:
            for start in range(0, len(step.pieces), PIECES_PER_CALL):
                some = step.pieces[start : start + PIECES_PER_CALL]
                await self._send(cluster, producer, some)
                number = sum(len(piece.failures) for piece in some)
                sent.failures += number
                sent.records += len(some)
                on_sent(number)
                if self.rate is not None:
                    await asyncio.sleep(max(0.0, sent.failures / self.rate - (loop.time() - began_s)))
            await self._put_aside(cluster, producer, step.bad, now_ms())
            sent.bad += len(step.bad)
            await consumer.commit({step.place: (step.end, _metadata(ends[step.place]))})
        return sent

    async def _send(self, cluster: Cluster, producer: AIOKafkaProducer, pieces: Sequence[Piece]) -> None:
        waiting: list[asyncio.Future[Any]] = []
        for piece in pieces:
            headers = replay_headers(piece, self.name, is_backfill=self.is_backfill)
            name = cluster.topic(piece.topic)
            waiting.append(
                await producer.send(name, piece.value, key=piece.key, partition=piece.partition, headers=headers)
            )
        await asyncio.gather(*waiting)

    async def _put_aside(self, cluster: Cluster, producer: AIOKafkaProducer, found: Sequence[Bad], at_ms: int) -> None:
        waiting: list[asyncio.Future[Any]] = []
        for bad in found:
            out = rejected(
                bad.data,
                bad.error,
                key=None,
                headers=(),
                topic=self.archive,
                partition=-1,
                offset=bad.number,
                stage=SOURCE,
                at_ms=at_ms,
                app_version=self.app_version,
            )
            waiting.append(await producer.send(cluster.topic(topics.REJECTED), out.value, headers=out.headers))
        await asyncio.gather(*waiting)
