"""The role of a sink: classified failures and rollups -> a store; then, and only then, the offsets are committed.

The store is idempotent and guarded by version, so whatever comes twice - after a crash, after a rebalance, or because
a commit came too late - changes nothing. While the store is away the role waits in its group and reads nothing more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from streams.broker.admin import check
from streams.broker.clients import Cluster, Stopping, close
from streams.broker.headers import REPLAY_JOB, headers_of
from streams.broker.lag import behind
from streams.broker.reject import rejected
from streams.broker.stretch import RECORDS_FIRST, records_for, stretches
from streams.contract import telemetry, topics
from streams.contract.classified import Classified, GroupChanged, VerdictChanged
from streams.contract.errors import MalformedRecord, SinkUnavailable, TooManyRejected
from streams.contract.rollup import Rollup
from streams.contract.telemetry import LogEvent, Observer
from streams.contract.topics import Topic
from streams.contract.wire import classified_from_bytes, from_bytes
from streams.core.flood import Flood, FloodBounds

INPUTS: Final[tuple[Topic, ...]] = (topics.CLASSIFIED, topics.ROLLUPS)
STRETCH: Final = {"records_max": 4_000, "bytes_max": 4 * 1024 * 1024}
"""Records and bytes of values in one call to the store."""
GATHER_MS: Final = 300
"""See `Cluster.consumer`."""
POLL_MS: Final = 500
AWAY_S: Final = (0.5, 5.0)
"""Pause after the first and after many calls that the store did not take; what it asks for itself is heeded up to
the second."""

Record = Classified | VerdictChanged | GroupChanged | Rollup

log_event = structlog.get_logger("faultline.sink")


class Refused(Protocol):
    """What a store will never take of a record."""

    @property
    def index(self) -> int:
        """Of the record in what was given to `write`."""

    @property
    def reason(self) -> str:
        """One line."""


class Store(Protocol):
    """What this role needs of a sink; `streams.sinks.base.AsyncSink` says what it owes."""

    async def prepare(self) -> None:
        """Make what is missing in the store. Raises `SinkUnavailable`, `ConfigurationError`."""

    async def write(self, records: Sequence[Any]) -> Sequence[Refused]:
        """Bring the documents of these records up to date. Raises as `prepare`."""


@dataclass(frozen=True, slots=True)
class RejectedRead:
    """A record of the rejected topic as it was read."""

    partition: int
    offset: int
    at_ms: int
    headers: Mapping[str, str]
    value: bytes


@dataclass(frozen=True, slots=True)
class SinkLimits:
    """What a role is told besides."""

    flood: FloodBounds = field(default_factory=FloodBounds)
    """Of one process: what the store refuses for good counts, too."""
    app_version: str = ""


async def sink(
    cluster: Cluster,
    store: Store,
    *,
    role: str,
    observer: Observer,
    stop: asyncio.Event,
    now_ms: Callable[[], int],
    keep_rejected: Callable[[Sequence[RejectedRead]], Awaitable[None]] | None = None,
    limits: SinkLimits | None = None,
) -> None:
    """Write documents until `stop` is set. `role`: such as `sink-mongo`, the name of the group and of the stage.

    With `keep_rejected` the rejected topic is read as well; it raises as the store does.

    Raises:
        ConfigurationError: topics are missing, the brokers or the store refuse us, too much is unreadable or refused.
        Exception: anything else; the process is to end, and to start again.
    """
    inputs = INPUTS if keep_rejected is None else (*INPUTS, topics.REJECTED)
    needed = dict.fromkeys((*inputs, topics.REJECTED))
    loop = _Loop(cluster, store, role, observer, stop, now_ms, keep_rejected, limits or SinkLimits())
    with contextlib.suppress(Stopping):
        await check(cluster, needed, stop=stop, on_waiting=observer.waiting_for)
        await loop.run(inputs)


class _Loop:
    """One process of the role."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        role: str,
        observer: Observer,
        stop: asyncio.Event,
        now_ms: Callable[[], int],
        keep_rejected: Callable[[Sequence[RejectedRead]], Awaitable[None]] | None,
        limits: SinkLimits,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._role = role
        self._observer = observer
        self._stop = stop
        self._now_ms = now_ms
        self._keep_rejected = keep_rejected
        self._limits = limits
        self._flood = Flood(limits.flood)
        self._fetch_records = RECORDS_FIRST
        self._lags: dict[TopicPartition, int] = {}

    async def run(self, inputs: Sequence[Topic]) -> None:
        """Prepare the store, join the group, and write until told to stop."""
        names = [self._cluster.topic(topic) for topic in inputs]
        start: dict[str, Any] = {"stop": self._stop, "on_waiting": self._observer.waiting_for}
        await self._taken(self._store.prepare)
        producer = await self._cluster.start(self._cluster.producer, **start)
        try:
            consumer = await self._cluster.start(
                lambda: self._cluster.consumer(*names, group=self._cluster.group(self._role), gather_ms=GATHER_MS),
                **start,
            )
            try:
                while not self._stop.is_set():
                    await self._step(consumer, producer)
            finally:
                await close(consumer)
        finally:
            await close(producer)

    async def _step(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        """Take what has come in, of all partitions together: few large calls to the store instead of many small."""
        found = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._fetch_records)
        everything = [record for records in found.values() for record in records]
        if everything:
            self._fetch_records = records_for(everything, **STRETCH)
        for stretch in stretches(everything, **STRETCH):
            await self._write(stretch, producer)
            await self._commit(consumer, stretch)
        for place in found:
            await self._tell_lag(consumer, place)

    def _topic(self, record: Any) -> Topic:
        return topics.BY_NAME[record.topic.removeprefix(self._cluster.prefix)]

    async def _write(self, records: Sequence[Any], producer: AIOKafkaProducer) -> None:
        """Bring some records into the store, those of a partition in their order, and put aside what will never be."""
        kept = [_rejected_read(record) for record in records if self._topic(record) is topics.REJECTED]
        if kept:
            keep = self._keep_rejected
            assert keep is not None, "the topic is read for this alone"
            await self._taken(lambda: keep(kept))
        records = [record for record in records if self._topic(record) is not topics.REJECTED]
        faults: list[tuple[Any, MalformedRecord]] = []
        sources, decoded = [], []
        for record in that_matter(records, self._topic):
            try:
                decoded.append(_decoded(self._topic(record), record.value))
                sources.append(record)
            except MalformedRecord as error:
                faults.append((record, error))
        refused = await self._taken(lambda: self._store.write(decoded)) if decoded else ()
        faults += [(sources[one.index], MalformedRecord(f"the store refuses it: {one.reason}")) for one in refused]
        await self._put_aside(records, faults, producer)
        lost = {one.index for one in refused}
        written = sum(
            one.fold.count for index, one in enumerate(decoded) if isinstance(one, Classified) and index not in lost
        )
        self._observer.add(telemetry.DOCUMENTS, written)

    async def _put_aside(
        self, records: Sequence[Any], faults: Sequence[tuple[Any, MalformedRecord]], producer: AIOKafkaProducer
    ) -> None:
        bad = {id(record) for record, _ in faults}
        if passed := self._flood.add(0 if id(record) in bad else 1 for record in records):
            last, error = faults[-1]
            raise TooManyRejected(
                f"{passed} cannot be written, the last one of {self._topic(last).name}, partition {last.partition}, "
                f"offset {last.offset}: {str(error)[:500]}\n"
                "nothing of them was put aside. Mend the store or the record's writer; to put all of them aside and "
                "go on, start with larger FAULTLINE_REJECTED_IN_A_ROW and FAULTLINE_REJECTED_RATIO (0 and 1: no bound)"
            )
        name = self._cluster.topic(topics.REJECTED)
        sent = []
        for record, error in faults:
            out = rejected(
                record.value or b"",
                error,
                key=record.key,
                headers=record.headers,
                topic=self._topic(record).name,
                partition=record.partition,
                offset=record.offset,
                stage=self._role,
                at_ms=self._now_ms(),
                app_version=self._limits.app_version,
            )
            sent.append(
                await producer.send(name, out.value, key=out.key, partition=record.partition, headers=out.headers)
            )
        await asyncio.gather(*sent)
        for record, _ in faults:
            self._observer.add(telemetry.REJECTED, 1, self._topic(record).name)

    async def _taken(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """What the call gives, made again and again while the store is away. Raises all else.

        Told to stop, it gives up: what was not taken is not committed, and comes again.
        """
        pause_s, longest_s = AWAY_S
        while True:
            try:
                result = await call()
            except SinkUnavailable as error:
                if self._stop.is_set():
                    raise Stopping from error
                self._observer.waiting_for(str(error))
                await self._pause(min(longest_s, max(pause_s, error.retry_after_s)))
                pause_s = min(longest_s, pause_s * 2)
            else:
                self._observer.waiting_for("")
                return result

    async def _pause(self, seconds: float) -> None:
        """Wait, or until told to stop. The group's heartbeats go on meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    async def _commit(self, consumer: AIOKafkaConsumer, records: Sequence[Any]) -> None:
        """Say that these are done. A partition that went to another process is left to it: it writes them again."""
        done = {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}
        ours = {place: end for place, end in done.items() if place in consumer.assignment()}
        try:
            if ours:
                await consumer.commit(ours)
        except (CommitFailedError, IllegalStateError):
            ours = {}
        if len(ours) < len(done):
            log_event.info(LogEvent.COMMIT_LATE, partitions=len(done) - len(ours))

    async def _tell_lag(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> None:
        """Say how far the partitions of a topic that are ours are behind, together."""
        ours = consumer.assignment()
        self._lags = {other: lag for other, lag in self._lags.items() if other in ours}
        if place in ours and (records := await behind(consumer, place)) is not None:
            self._lags[place] = records
        together = sum(lag for other, lag in self._lags.items() if other.topic == place.topic)
        self._observer.set(telemetry.LAG, together, self._role, place.topic.removeprefix(self._cluster.prefix))


def that_matter(records: Sequence[Any], topic_of: Callable[[Any], Topic]) -> list[Any]:
    """All but the rollups of which a newer one with the same key follows: they are absolute.

    One without a key stands for itself, and so does one that a command sent again: it is older than those before it.
    """

    def is_snapshot(record: Any) -> bool:
        is_rollup = record.key is not None and topic_of(record) is topics.ROLLUPS
        return is_rollup and all(name != REPLAY_JOB for name, _ in record.headers)

    newest = {record.key: record for record in records if is_snapshot(record)}
    return [record for record in records if not is_snapshot(record) or newest[record.key] is record]


def _decoded(topic: Topic, value: bytes | None) -> Record:
    if value is None:
        raise MalformedRecord("the record has no value")
    return from_bytes(Rollup, value) if topic is topics.ROLLUPS else classified_from_bytes(value)


def _rejected_read(record: Any) -> RejectedRead:
    headers = headers_of(record.headers)
    return RejectedRead(record.partition, record.offset, record.timestamp, headers, record.value or b"")
