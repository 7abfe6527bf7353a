"""What could not be read: looked through, sent again to where it came from, or deleted.

Reads `failures.rejected.v1` from a moment on, within bounds; nothing is remembered between two calls.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from streams.broker.admin import administering, check
from streams.broker.clients import Cluster, close
from streams.broker.headers import REPLAY_JOB, REPLAY_RECEIVED, Headers, headers_of
from streams.broker.reader import Reader, reading
from streams.broker.reject import CUT_HEADER
from streams.contract import topics
from streams.contract.errors import ConfigurationError, UnreadableInput
from streams.sinks.base import RejectedRow
from streams.sinks.rows import rejected_row

DEADLINE_S: Final = 20.0
"""For a broker to answer."""
SCANNED_MAX: Final = 200_000
"""Records that one call looks at, the newest; a narrower stretch of time finds what lies before."""
SENDS_AT_ONCE: Final = 100
OWN_HEADERS: Final = "__streams.errors."
"""What they begin with that tell of one refusal alone."""
ANSWERABLE: Final = frozenset(topics.BY_NAME) - {topics.REJECTED.name, topics.FOLDED.name}
"""Topics whose readers take a record that comes again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record of the rejected topic is."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records; what is empty or None excludes nothing."""

    reason: str = ""
    """A part of the reason, whatever its case."""
    topic: str = ""
    """Where it came from: a topic, an archive, or a place of the gateway."""
    from_ms: int | None = None
    to_ms: int | None = None
    place: Place | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it excludes nothing."""
        return self == Filter()


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record of the rejected topic."""

    place: Place
    at_ms: int
    key: bytes | None
    value: bytes
    headers: Headers

    @property
    def said(self) -> dict[str, str]:
        """Its headers as text."""
        return headers_of(self.headers)

    @property
    def came_from(self) -> str:
        """The topic that it was read from, or where it came to the gateway."""
        return self.said.get("__streams.errors.topic", "")

    @property
    def row(self) -> RejectedRow:
        """As the page shows it: redacted, its beginning alone."""
        from streams.sinks.base import REJECTED_BYTES_SHOWN

        return rejected_row(self.at_ms, self.said, len(self.value), self.value[:REJECTED_BYTES_SHOWN])

    @property
    def attempt(self) -> int:
        """How often it was refused."""
        told = self.said.get("dlq.attempt", "")
        return int(told) if told.isascii() and told.isdigit() and len(told) <= 15 else 1

    def why_not(self) -> str:
        """Why it cannot be sent again; empty when it can."""
        if self.came_from not in ANSWERABLE:
            return f"it came from {self.came_from or 'nowhere known'}, which is no topic that is read: send it there"
        if CUT_HEADER in self.said:
            return f"of its {self.said[CUT_HEADER]} bytes only {len(self.value)} were kept"
        return ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look through the topic gave."""

    records: tuple[Rejected, ...]
    """In the order of their time."""
    matched: int
    """All that match; more than `records` when not all were wanted."""
    skipped: int
    """Older records of the stretch that were not looked at."""


@dataclass(frozen=True, slots=True)
class SentAgain:
    """What became of rejected records."""

    sent: int
    left: tuple[tuple[Rejected, str], ...]
    """Those that cannot be sent, and why."""


async def find(cluster: Cluster, wanted: Filter, *, limit: int) -> Found:
    """The newest records that match, at most `limit`.

    Raises: ConfigurationError without the topic; UnreadableInput when the one wanted record is not there.
    """
    await check(cluster, (topics.REJECTED,), deadline_s=DEADLINE_S)
    kept: list[Rejected] = []
    matched = skipped = 0
    async with reading(cluster, topics.REJECTED) as reader:
        for place, start, end, passed in await _stretches(reader, cluster, wanted):
            skipped += passed
            newest: deque[Rejected] = deque(maxlen=limit)
            async for records, _ in reader.records(place, start, end):
                for record in filter(lambda one: _matches(one, wanted), map(_rejected, records)):
                    matched += 1
                    newest.append(record)
            kept += newest
    if wanted.place is not None and not kept:
        raise UnreadableInput(
            f"{topics.REJECTED.name} has no record {wanted.place}: deleted, or never there; "
            "`faultline rejected list` has what there is"
        )
    ordered = sorted(kept, key=lambda record: (record.at_ms, record.place.partition, record.place.offset))
    return Found(tuple(ordered[-limit:]), matched, skipped)


async def _stretches(reader: Reader, cluster: Cluster, wanted: Filter) -> list[tuple[TopicPartition, int, int, int]]:
    """Partition, first offset, end, and how many before are passed over, so that SCANNED_MAX are read in all."""
    name = cluster.topic(topics.REJECTED)
    if wanted.place is not None:
        place = TopicPartition(name, wanted.place.partition)
        if not 0 <= wanted.place.partition < cluster.partitions:
            return []
        begin, end = (await reader.begin(place))[place], (await reader.end(place))[place]
        at = wanted.place.offset
        return [(place, at, at + 1, 0)] if begin <= at < end else []
    places = [TopicPartition(name, number) for number in range(cluster.partitions)]
    begin_of = await (reader.begin(*places) if wanted.from_ms is None else reader.at(wanted.from_ms, *places))
    end_of = await reader.end(*places)
    each = SCANNED_MAX // cluster.partitions
    return [
        (
            place,
            max(begin_of[place], end_of[place] - each),
            end_of[place],
            max(0, end_of[place] - each - begin_of[place]),
        )
        for place in places
    ]


def _rejected(record: Any) -> Rejected:
    headers = [(name, bytes(value or b"")) for name, value in record.headers]
    place = Place(record.partition, record.offset)
    return Rejected(place, record.timestamp, record.key, record.value or b"", headers)


def _matches(record: Rejected, wanted: Filter) -> bool:
    if wanted.topic and wanted.topic not in (record.came_from, record.row.topic):
        return False
    if wanted.to_ms is not None and record.at_ms >= wanted.to_ms:
        return False
    if wanted.from_ms is not None and record.at_ms < wanted.from_ms:
        return False
    return not wanted.reason or wanted.reason.casefold() in record.row.reason.casefold()


def again_headers(record: Rejected, job: str) -> Headers:
    """Its headers as it is sent again: how often and when it was refused first stays, why it was does not."""
    kept = [(name, value) for name, value in record.headers if not name.startswith(OWN_HEADERS)]
    kept = [(name, value) for name, value in kept if name != REPLAY_JOB]
    names = {name for name, _ in kept}
    first = record.said.get("dlq.first_failed_at", "")
    if REPLAY_RECEIVED not in names and first:
        kept.append((REPLAY_RECEIVED, first.encode()))
    return [*kept, (REPLAY_JOB, job.encode())]


async def send_again(cluster: Cluster, records: Sequence[Rejected], *, job: str) -> SentAgain:
    """Send these bytes to the partitions they came from. Returns once the brokers have all of them."""
    left = tuple((record, why) for record in records if (why := record.why_not()))
    good = [record for record in records if not record.why_not()]
    if not good:
        return SentAgain(0, left)
    await check(cluster, [topics.BY_NAME[name] for name in sorted({r.came_from for r in good})], deadline_s=DEADLINE_S)
    producer = await cluster.start(cluster.producer, deadline_s=DEADLINE_S)
    try:
        for start in range(0, len(good), SENDS_AT_ONCE):
            waiting = [
                await producer.send(
                    cluster.topic(topics.BY_NAME[record.came_from]),
                    record.value,
                    key=record.key,
                    partition=_partition(record, cluster),
                    headers=again_headers(record, job),
                )
                for record in good[start : start + SENDS_AT_ONCE]
            ]
            await asyncio.gather(*waiting)
    finally:
        await close(producer)
    return SentAgain(len(good), left)


def _partition(record: Rejected, cluster: Cluster) -> int | None:
    """The partition it was read from; None when that is not told."""
    told = record.said.get("__streams.errors.partition", "")
    number = int(told) if told.isascii() and told.isdigit() and len(told) <= 9 else -1
    return number if 0 <= number < cluster.partitions else None


async def purge(cluster: Cluster, *, before: Place | None, before_ms: int | None, is_dry: bool) -> dict[int, int]:
    """Delete records from the beginning up to an offset of one partition, or up to a moment in all.

    Returns how many offsets go, by partition. Kafka deletes only from the beginning on.
    Raises: ConfigurationError for an offset that is not there.
    """
    await check(cluster, (topics.REJECTED,), deadline_s=DEADLINE_S)
    name = cluster.topic(topics.REJECTED)
    if before is not None and not 0 <= before.partition < cluster.partitions:
        raise ConfigurationError(f"partition {before.partition}: there are {cluster.partitions}, counted from 0")
    numbers = range(cluster.partitions) if before is None else [before.partition]
    places = [TopicPartition(name, number) for number in numbers]
    async with reading(cluster, topics.REJECTED) as reader:
        begin, end = await reader.begin(*places), await reader.end(*places)
        if before is not None:
            upto = dict.fromkeys(places, before.offset)
            if before.offset > end[places[0]]:
                raise ConfigurationError(f"{name}, partition {before.partition}, ends at offset {end[places[0]]}")
        else:
            assert before_ms is not None, "an offset or a moment is given"
            upto = await reader.at(before_ms, *places)
    going = {place: upto[place] for place in places if upto[place] > begin[place]}
    if going and not is_dry:
        async with administering(cluster, deadline_s=DEADLINE_S) as client:
            await client.delete_records({place: RecordsToDelete(offset) for place, offset in going.items()})
    return {place.partition: offset - begin[place] for place, offset in going.items()}
