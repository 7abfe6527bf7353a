"""One replay from beginning to end: look, check, send; or go on with what an earlier start has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from aiokafka import TopicPartition

from streams.broker.admin import administering, check
from streams.broker.clients import Cluster, close
from streams.broker.reader import Reader, reading
from streams.contract import topics
from streams.contract.errors import ConfigurationError, UnreadableInput
from streams.contract.topics import Topic
from streams.replay.job import Job, Sent, group_of, remember, remembered
from streams.replay.look import Looked, as_async, check_horizon, check_new, looked
from streams.replay.source import Step, Stretch, archive_steps, stretches, topic_steps

DEADLINE_S: Final = 20.0
"""For a broker to answer."""


class Past(Protocol):
    """What a store knows of failures; `streams.sinks.mongo.past.MongoPast` is one."""

    def known(self, ids: Sequence[str]) -> list[str]:
        """Those that have a document. Blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to come again, and how."""

    topic: Topic | None
    """Of an archive: failures of this topic alone."""
    archive: Path | None
    """Instead of what the topic still has."""
    from_ms: int | None
    to_ms: int | None
    is_backfill: bool
    """Failures that never came before."""
    counts_again: bool
    """Counts will be made again from the documents, so it does not matter what counts twice."""
    rate: float | None
    job: str
    app_version: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended."""

    found: Looked | None
    """None when a job went on: it was looked at when it began."""
    sent: Sent | None
    """None when nothing was to be sent."""


async def replay(
    cluster: Cluster,
    wanted: Wanted,
    past: Past,
    *,
    recent_ids: int,
    now_ms: Callable[[], int],
    is_dry: bool,
    on_looked: Callable[[Looked | None], None],
    on_sent: Callable[[int], None],
) -> Outcome:
    """Send what is wanted, and return once the brokers have all of it.

    `recent_ids`: how many ids the fold stage remembers for each partition. `on_looked` is told what there is to send
    before it is sent; None when a job goes on. `on_sent`: how many failures more were acknowledged.

    Raises:
        ConfigurationError: it would count twice, or a job of that name was something else.
        UnreadableInput: the archive cannot be read.
        SinkUnavailable: brokers or store do not answer; what was sent is remembered.
    """
    await check(cluster, (topics.CI, topics.BENCHMARK, topics.REJECTED), deadline_s=DEADLINE_S)
    async with administering(cluster, deadline_s=DEADLINE_S) as client:
        before = await remembered(cluster, client, wanted.job)
        async with reading(cluster, topics.CI, topics.BENCHMARK) as reader:
            plan = await _plan(reader, cluster, wanted, before)
            found = None
            if not before:
                found = await looked(_steps(reader, cluster, wanted, plan), seed=wanted.job)
                await _check(reader, cluster, wanted, found, plan, past, recent_ids)
            on_looked(found)
            if is_dry:
                return Outcome(found, None)
            steps = _steps(reader, cluster, wanted, plan)
            return Outcome(found, await _sent(cluster, wanted, plan, steps, now_ms, on_sent, is_new=not before))


async def _plan(
    reader: Reader, cluster: Cluster, wanted: Wanted, before: Mapping[TopicPartition, Stretch]
) -> dict[TopicPartition, Stretch]:
    """What is left of the source. Of an archive: lines that are done, and its size, under one place."""
    if wanted.archive is not None:
        plan = {TopicPartition(cluster.topic(topics.CI), 0): Stretch(0, _size(wanted.archive))}
    else:
        assert wanted.topic is not None, "without an archive there is a topic"
        found = await stretches(reader, cluster, wanted.topic, from_ms=wanted.from_ms, to_ms=wanted.to_ms)
        name = cluster.topic(wanted.topic)
        plan = {TopicPartition(name, number): stretch for number, stretch in found.items()}
    if not before:
        return plan
    is_same = (
        {place: one.end for place, one in before.items()} == {place: one.end for place, one in plan.items()}
        if wanted.archive is not None
        else {place.topic for place in before} == {cluster.topic(topic) for topic in (wanted.topic,) if topic}
    )
    if not is_same:
        raise ConfigurationError(f"job {wanted.job} was a replay of something else; give this one another --job")
    return dict(before)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise UnreadableInput(f"{path}: {error.strerror}; name a file of failures, one a line") from error


def _steps(
    reader: Reader, cluster: Cluster, wanted: Wanted, plan: Mapping[TopicPartition, Stretch]
) -> AsyncIterator[Step]:
    if wanted.archive is not None:
        (done,) = plan.values()
        steps = archive_steps(
            wanted.archive,
            cluster,
            only=wanted.topic,
            from_ms=wanted.from_ms,
            to_ms=wanted.to_ms,
            after_line=done.start,
        )
        return as_async(steps)
    assert wanted.topic is not None, "without an archive there is a topic"
    left = {place.partition: stretch for place, stretch in plan.items()}
    return topic_steps(reader, cluster, wanted.topic, left, but_of=wanted.job)


async def _check(
    reader: Reader,
    cluster: Cluster,
    wanted: Wanted,
    found: Looked,
    plan: Mapping[TopicPartition, Stretch],
    past: Past,
    recent_ids: int,
) -> None:
    """See that nothing will count twice. Raises: ConfigurationError."""
    if wanted.is_backfill:
        check_new(found, await asyncio.to_thread(past.known, found.sample), asked=len(found.sample))
    elif not wanted.counts_again:
        assert wanted.topic is not None, "an archive comes as a backfill, or is counted again"
        left = {place.partition: stretch for place, stretch in plan.items()}
        await check_horizon(reader, cluster, wanted.topic, left, found, recent_ids=recent_ids)


async def _sent(
    cluster: Cluster,
    wanted: Wanted,
    plan: Mapping[TopicPartition, Stretch],
    steps: AsyncIterator[Step],
    now_ms: Callable[[], int],
    on_sent: Callable[[int], None],
    *,
    is_new: bool,
) -> Sent:
    if not plan:
        return Sent()
    job = Job(
        name=wanted.job,
        is_backfill=wanted.is_backfill,
        rate=wanted.rate,
        archive="" if wanted.archive is None else wanted.archive.name,
        app_version=wanted.app_version,
    )
    own = cluster.group(group_of(wanted.job))
    producer = await cluster.start(lambda: cluster.transactional_producer(own), deadline_s=DEADLINE_S)
    try:
        if is_new:
            await remember(cluster, producer, wanted.job, plan)
        ends = {place: stretch.end for place, stretch in plan.items()}
        return await job.send(cluster, producer, steps, ends=ends, now_ms=now_ms, on_sent=on_sent)
    finally:
        await close(producer)
