"""The sending of a replay: not faster than wanted, and from where it was ended, if it was.

What was sent is remembered on the brokers, as the committed offset of a consumer group that has the job's name,
written in one transaction with the last of what it stands for. After a crash a step may be sent twice; the fold stage
drops it as it drops every repeat.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.broker.clients import Cluster
from streams.broker.reject import rejected
from streams.contract import topics
from streams.replay.source import SOURCE, Bad, Piece, Step, Stretch, replay_headers

JOB: Final = re.compile(r"[a-z0-9][a-z0-9._\-]{0,59}")
"""What a job may be called: a part of a group's name."""
_END: Final = re.compile(r"faultline1 end=(\d{1,18})")
INPUTS: Final = tuple(topics.INPUTS.values())
CALL_FAILURES: Final = 10_000
"""Failures in one transaction, unless one record has more."""


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
    # named one by one: of a group as a whole the client library passes over what the broker could not say
    places = [TopicPartition(cluster.topic(t), n) for t in INPUTS for n in range(cluster.partitions)]
    found = await client.list_consumer_group_offsets(cluster.group(group_of(job)), partitions=places)
    out = {}
    for place, at in found.items():
        if at.offset >= 0 and (end := _END.fullmatch(at.metadata or "")):
            out[place] = Stretch(at.offset, int(end.group(1)))
    return out


async def remember(
    cluster: Cluster, producer: AIOKafkaProducer, job: str, wanted: Mapping[TopicPartition, Stretch]
) -> None:
    """Write down where a job begins and ends, before it sends anything. `producer`: of the job."""
    async with producer.transaction():
        await producer.send_offsets_to_transaction(
            {place: (stretch.start, _metadata(stretch.end)) for place, stretch in wanted.items()},
            cluster.group(group_of(job)),
        )


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
        producer: AIOKafkaProducer,
        steps: AsyncIterator[Step],
        *,
        ends: Mapping[TopicPartition, int],
        now_ms: Callable[[], int],
        on_sent: Callable[[int], None],
    ) -> Sent:
        """Send all of it. `producer`: transactional, with the job's own id, so that it runs once at a time.

        `ends`: of each place, as `remember` was told. `on_sent` is told how many failures were acknowledged.
        Raises: KafkaError.
        """
        sent, loop = Sent(), asyncio.get_running_loop()
        began_s = loop.time()
        async for step in steps:
            calls = list(self._calls(step.pieces)) or [()]
            for number, pieces in enumerate(calls):
                async with producer.transaction():
                    await self._send(cluster, producer, pieces)
                    if number == len(calls) - 1:
                        await self._put_aside(cluster, producer, step.bad, now_ms())
                        at = {step.place: (step.end, _metadata(ends[step.place]))}
                        await producer.send_offsets_to_transaction(at, cluster.group(group_of(self.name)))
                more = sum(len(piece.failures) for piece in pieces)
                sent.failures += more
                sent.records += len(pieces)
                on_sent(more)
                if self.rate is not None:
                    await asyncio.sleep(max(0.0, sent.failures / self.rate - (loop.time() - began_s)))
            sent.bad += len(step.bad)
        return sent

    def _calls(self, pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
        """Pieces that go together: of a quarter of a second where there is a rate."""
        failures_max = CALL_FAILURES if self.rate is None else max(1.0, self.rate / 4)
        some: list[Piece] = []
        size = 0
        for piece in pieces:
            if some and size + len(piece.failures) > failures_max:
                yield some
                some, size = [], 0
            some.append(piece)
            size += len(piece.failures)
        if some:
            yield some

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
