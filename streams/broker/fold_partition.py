"""One input partition of the fold role: find the place, remember what came last, then fold, a stretch a transaction."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.broker.clients import Cluster, close
from streams.broker.counts import Counts
from streams.broker.headers import (
    MSGPACK,
    REPLAY_BACKFILL,
    REPLAY_JOB,
    REPLAY_RECEIVED,
    Headers,
    event_headers,
    headers_of,
    traced,
)
from streams.broker.lag import behind
from streams.broker.outgoing import Outgoing
from streams.broker.reject import rejected
from streams.broker.stretch import RECORDS_FIRST, records_for, stretches
from streams.contract import telemetry, topics
from streams.contract.errors import TooManyRejected
from streams.contract.fold import FoldBatch
from streams.contract.telemetry import LogEvent, Observer
from streams.contract.topics import Topic
from streams.contract.wire import to_bytes
from streams.core.flood import WINDOW, Flood, FloodBounds
from streams.core.intake import FoldStage, Intake, RawRecord, Stretch, ids_in
from streams.core.recent import IDS_DEFAULT, RecentIds

ROLE: Final = "fold"
INPUTS: Final[tuple[Topic, ...]] = (topics.CI, topics.BENCHMARK, topics.VERDICTS, topics.UNANSWERED, topics.ALIASES)
FAILURES: Final[tuple[Topic, ...]] = (topics.CI, topics.BENCHMARK)
TICKER: Final = topics.CI
"""Whoever has its partition p sends the ticks of target p."""

TICK_S: Final = 5.0
STRETCH: Final = {"records_max": 2_000, "bytes_max": 512 * 1024}
"""Records and bytes of values in one transaction, unless a single record is larger: a tenth of a second of work, so
that the group's heartbeats get their turns."""
SLOTS: Final = 4
"""Partitions that compute or have a transaction open. A transaction takes six round trips, each of which may wait for
a stretch that another partition computes: without a bound those of many partitions that have much to catch up on run
into their timeout; so each waits for SLOTS - 1 stretches in all."""
TURNS: Final = 5
"""Rounds of the event loop between two stretches: a request and its answer take several, and with a stretch in each
of them a heartbeat would take seconds."""
STARTS_MAX: Final = 8
"""Producers that start at once."""
LOOK_BACK_RECORDS: Final = 1_000
"""How far a partition's past is read first; how many ids a record has shows how far to go."""
LOOK_BACK_RECORDS_MAX: Final = 100_000
TIME_DIGITS_MAX: Final = 15
"""Of milliseconds in a header; strangers write headers too."""

REMEMBERED_S_MIN: Final = 1.0
"""Reading a partition's last records again is worth a line of the log when it took as long."""

log_event = structlog.get_logger("faultline.fold")


@dataclass(frozen=True, slots=True)
class FoldLimits:
    """What a role is told besides."""

    recent_ids: int = IDS_DEFAULT
    """Ids that are remembered for each input partition."""
    flood: FloodBounds = field(default_factory=FloodBounds)
    app_version: str = ""


class Shared:
    """What the partitions of one process share."""

    def __init__(
        self, cluster: Cluster, stage: FoldStage, observer: Observer, now_ms: Callable[[], int], limits: FoldLimits
    ) -> None:
        self.cluster = cluster
        self.stage = stage
        self.observer = observer
        self.now_ms = now_ms
        self.limits = limits
        self.consumer: AIOKafkaConsumer = None
        self.turn = asyncio.Lock()
        """Held while a stretch is computed: between two of them the event loop does everything else once."""
        self.slots = asyncio.Semaphore(SLOTS)
        self.starts = asyncio.Semaphore(STARTS_MAX)
        self.sent_s: dict[int, float] = {}
        """When something went to a target partition the last time, by this process's monotonic clock."""
        self._lags: dict[TopicPartition, int] = {}

    def tell_lag(self, place: TopicPartition, topic: Topic, records: int) -> None:
        """Say how far the partitions of a topic that are ours are behind, together."""
        self._lags[place] = records
        together = sum(lag for other, lag in self._lags.items() if other.topic == place.topic)
        self.observer.set(telemetry.LAG, together, ROLE, topic.name)

    def forget_lag(self, place: TopicPartition) -> None:
        """It is somebody else's now."""
        self._lags.pop(place, None)


@dataclass(frozen=True, slots=True)
class _Batch:
    """A `FoldBatch` as a record."""

    target: int
    value: bytes
    headers: Headers

    @classmethod
    def of(cls, target: int, batch: FoldBatch, trace: Headers) -> _Batch:
        cursor = batch.cursor
        stretch = f"{batch.topic}/{batch.partition}/{cursor.start}-{cursor.end}"
        name = f"{stretch}/{batch.at_ms}/{target}.{cursor.chunk}"  # a tick has a stretch of length 0, and a time
        headers = event_headers(kind=topics.FOLDED.name, id_=name, source=ROLE, at_ms=batch.at_ms, content_type=MSGPACK)
        return cls(target, to_bytes(batch), headers + trace)


class FoldedPartition:
    """One input partition while it is ours."""

    def __init__(self, role: Shared, place: TopicPartition) -> None:
        self._role = role
        self._place = place
        self._topic = topics.BY_NAME[place.topic.removeprefix(role.cluster.prefix)]
        self._group = role.cluster.group(ROLE)
        self._recent = RecentIds(role.limits.recent_ids)
        self._flood = Flood(role.limits.flood)
        self._at = 0
        """The committed offset: what comes next."""
        self._counts = Counts()
        """Of all before it."""
        self._fetch_records = RECORDS_FIRST

    async def run(self) -> None:
        """Fence the former owner, find the place, remember what came last, then fold until cancelled."""
        role, place = self._role, self._place
        name = role.cluster.transactional_id(ROLE, self._topic, place.partition)
        async with role.starts:
            producer = await role.cluster.start(lambda: role.cluster.transactional_producer(name))
        try:
            await self._find_place()
            if self._topic is TICKER:
                role.sent_s[place.partition] = time.monotonic()
            while True:
                found = await role.consumer.getmany(place, timeout_ms=self._wait_ms(), max_records=self._fetch_records)
                if records := found.get(place):
                    self._fetch_records = records_for(records, **STRETCH)
                for stretch in stretches(records or (), **STRETCH):
                    async with role.slots:
                        await self._fold(producer, stretch)
                if (lag := await behind(role.consumer, place)) is not None:
                    role.tell_lag(place, self._topic, lag)
                if self._topic is TICKER and self._wait_ms() == 0:
                    await self._tick(producer)
        finally:
            await close(producer)

    async def _find_place(self) -> None:
        """Where the last transaction ended; and what it needs to know of the records before."""
        consumer, place = self._role.consumer, self._place
        committed = (await consumer._coordinator.fetch_committed_offsets([place])).get(place)  # noqa: SLF001  # the public call leaves the metadata out
        begin = (await consumer.beginning_offsets([place]))[place]
        has_place = committed is not None and committed.offset >= 0
        self._at = committed.offset if has_place else begin
        self._counts = Counts.of(committed.metadata) if has_place else Counts()
        if self._at < begin:
            log_event.error(
                LogEvent.INPUT_LOST, topic=self._topic.name, partition=place.partition, records=begin - self._at
            )
        began_s = time.monotonic()
        known = await self._look_back(begin, self._at)
        took_s = round(time.monotonic() - began_s, 2)
        if known and took_s >= REMEMBERED_S_MIN:
            log_event.info(
                LogEvent.FOLD_REMEMBERED, topic=self._topic.name, partition=place.partition, items=known, took_s=took_s
            )
        consumer.seek(place, max(begin, self._at))

    async def _look_back(self, begin: int, end: int) -> int:
        """Fill the filter and the flood's count from the last records before `end`. Returns how many items it took."""
        is_input = self._topic in FAILURES
        wanted = max(self._role.limits.recent_ids, WINDOW) if is_input else WINDOW
        step = LOOK_BACK_RECORDS
        pieces: list[deque[str]] = []
        have = 0
        while end > begin and have < wanted:
            start = max(begin, end - step)
            items: deque[str] = deque(maxlen=wanted - have)
            async for records in self._between(start, end):
                async with self._role.turn:
                    for record in records:
                        items.extend(ids_in(record.value) if is_input else [self._verdict_id(record)])
            pieces.append(items)
            have += len(items)
            step = max(LOOK_BACK_RECORDS, (wanted - have) * (end - start) // max(1, len(items)) * 11 // 10)
            step = min(step, LOOK_BACK_RECORDS_MAX)
            end = start
        for items in reversed(pieces):
            self._flood.add(1 if one else 0 for one in items)
            if is_input:
                for one in items:
                    if one:
                        self._recent.is_new(one)
        return have

    def _verdict_id(self, record: Any) -> str:
        """Something when the record can be read, nothing when not."""
        place = Stretch(self._topic.name, self._place.partition, record.offset, record.offset + 1)
        raw = [RawRecord(record.offset, record.value, 0)]
        return "" if self._passed_on(raw, place, 0).rejected else "read"

    async def _between(self, start: int, end: int) -> AsyncIterator[list[Any]]:
        """The records of this partition from `start` up to `end`, in pieces. Moves the consumer's position."""
        consumer, place = self._role.consumer, self._place
        consumer.seek(place, start)
        while await consumer.position(place) < end:
            found = await consumer.getmany(place, timeout_ms=1_000, max_records=RECORDS_FIRST)
            yield [record for record in found.get(place, ()) if record.offset < end]

    async def _fold(self, producer: AIOKafkaProducer, records: Sequence[Any]) -> None:
        """One transaction: what these records become, and that they are done."""
        role = self._role
        end = records[-1].offset + 1
        async with role.turn:
            intake = self._intake(records, Stretch(self._topic.name, self._place.partition, self._at, end))
            if passed := self._flood.add(intake.outcomes):
                raise self._flooded(passed, intake)
            trace = traced(record.headers for record in records)
            batches = [_Batch.of(target, batch, trace) for target, batch in intake.batches]
            put_aside = self._put_aside(records, intake)
            for _ in range(TURNS):
                await asyncio.sleep(0)
        counts = self._counts + Counts(intake.accepted, intake.repeats, len(intake.rejected))
        async with producer.transaction():
            await self._send(producer, batches, put_aside)
            await producer.send_offsets_to_transaction({self._place: (end, counts.metadata())}, self._group)
        self._at, self._counts = end, counts
        role.observer.add(telemetry.FOLDED, intake.accepted, self._topic.name)
        role.observer.add(telemetry.REPEATS, intake.repeats, self._topic.name)
        role.observer.add(telemetry.REJECTED, len(intake.rejected), self._topic.name)

    def _intake(self, records: Sequence[Any], place: Stretch) -> Intake:
        now_ms = self._role.now_ms()
        raw = [_raw(one, now_ms) for one in records]
        if self._topic in FAILURES:
            return self._role.stage.on_failures(raw, place, at_ms=now_ms, is_new=self._recent.is_new)
        return self._passed_on(raw, place, now_ms)

    def _passed_on(self, raw: Sequence[RawRecord], place: Stretch, at_ms: int) -> Intake:
        """What is no failure, for the tables."""
        stage = self._role.stage
        if self._topic is topics.VERDICTS:
            return stage.on_verdicts(raw, place, at_ms=at_ms)
        if self._topic is topics.ALIASES:
            return stage.on_aliases(raw, place, at_ms=at_ms)
        return stage.on_unanswered(raw, place, at_ms=at_ms)

    def _put_aside(self, records: Sequence[Any], intake: Intake) -> list[Outgoing]:
        by_offset = {one.offset: one for one in records} if intake.rejected else {}
        return [
            rejected(
                one.data,
                one.error,
                key=by_offset[one.offset].key,
                headers=by_offset[one.offset].headers,
                topic=self._topic.name,
                partition=self._place.partition,
                offset=one.offset,
                stage=ROLE,
                at_ms=self._role.now_ms(),
                app_version=self._role.limits.app_version,
            )
            for one in intake.rejected
        ]

    async def _send(self, producer: AIOKafkaProducer, batches: Sequence[_Batch], put_aside: Sequence[Outgoing]) -> None:
        """Send inside the transaction, and wait for every record: what failed must not be committed around."""
        cluster = self._role.cluster
        folded, aside = cluster.topic(topics.FOLDED), cluster.topic(topics.REJECTED)
        sent = []
        for batch in batches:
            key = b"%d" % batch.target
            sent.append(
                await producer.send(folded, batch.value, key=key, partition=batch.target, headers=batch.headers)
            )
        for one in put_aside:
            sent.append(
                await producer.send(aside, one.value, key=one.key, partition=self._place.partition, headers=one.headers)
            )
        await asyncio.gather(*sent)
        now_s = time.monotonic()
        for batch in batches:
            self._role.sent_s[batch.target] = now_s

    async def _tick(self, producer: AIOKafkaProducer) -> None:
        """Nothing went to our target for TICK_S: send the time."""
        target = self._place.partition
        at_ms = self._role.now_ms()
        tick = self._role.stage.on_tick(topic=self._topic.name, partition=target, at=self._at, at_ms=at_ms)
        async with self._role.slots, producer.transaction():
            await self._send(producer, [_Batch.of(target, tick, [])], ())

    def _wait_ms(self) -> int:
        """How long to wait for records: not past the next tick."""
        if self._topic is not TICKER:
            return 1_000
        due_s = self._role.sent_s.get(self._place.partition, 0.0) + TICK_S - time.monotonic()
        return int(1000 * min(1.0, max(0.0, due_s)))

    def _flooded(self, passed: str, intake: Intake) -> TooManyRejected:
        last = intake.rejected[-1]
        return TooManyRejected(
            f"{passed} of {self._topic.name}, partition {self._place.partition}, cannot be read, "
            f"the last at offset {last.offset}: {str(last.error)[:300]}\n"
            "nothing of them was taken. Mend whoever sends them; look at those before with `faultline rejected list`; "
            "to put all of them aside and go on, start with larger FAULTLINE_REJECTED_IN_A_ROW "
            "and FAULTLINE_REJECTED_RATIO (0 and 1: no bound)"
        )


def _raw(record: Any, now_ms: int) -> RawRecord:
    """The record as the stage reads it. One that comes again is as old as its first arrival."""
    at_ms, is_backfill = record.timestamp, False
    if record.headers:
        told = headers_of(record.headers)
        first = told.get(REPLAY_RECEIVED, "") if REPLAY_JOB in told else ""
        if first.isascii() and first.isdigit() and len(first) <= TIME_DIGITS_MAX:
            at_ms = int(first)
        is_backfill = REPLAY_JOB in told and told.get(REPLAY_BACKFILL) == "1"
    return RawRecord(record.offset, record.value, at_ms if 0 <= at_ms <= now_ms else now_ms, is_backfill)
