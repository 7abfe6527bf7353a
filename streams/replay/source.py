"""Where a replay reads, piece by piece, in an order that is the same each time.

A piece is a record of an input topic: as it was, or made of a line of an archive.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka import TopicPartition

from streams.broker.clients import Cluster
from streams.broker.headers import REPLAY_BACKFILL, REPLAY_JOB, REPLAY_RECEIVED, Headers, event_headers, headers_of
from streams.broker.reader import Reader
from streams.contract import topics
from streams.contract.errors import MalformedRecord
from streams.contract.failure import Failure, identified
from streams.contract.topics import Topic
from streams.contract.wire import Refused, failures_from_bytes
from streams.core.envelopes import envelopes
from streams.core.partition import partition_of
from streams.replay.archive import BadLine, lines

ARCHIVE_LINES: Final = 200
ARCHIVE_FAILURES: Final = 2_000
"""Lines, and failures in them, that are put into envelopes together; one line may hold more."""
SOURCE: Final = "replay"


@dataclass(frozen=True, slots=True)
class Bad:
    """Something of an archive that is no failure."""

    number: int
    """Of its line."""
    data: bytes
    error: MalformedRecord


@dataclass(frozen=True, slots=True)
class Piece:
    """One record to be sent."""

    topic: Topic
    partition: int
    key: bytes | None
    value: bytes
    headers: Headers
    """Without what tells of the replay."""
    received_ms: int | None
    """When the log took it first; None when it comes for the first time."""
    failures: tuple[Failure, ...]
    """Those of its failures that can be read."""


@dataclass(frozen=True, slots=True)
class Step:
    """Some pieces, and the place behind them: what is to be remembered once they are sent."""

    place: TopicPartition
    end: int
    pieces: tuple[Piece, ...] = ()
    bad: tuple[Bad, ...] = ()
    unreadable: int = 0
    """Records of a topic with nothing in them that can be read: they were put aside when they came first."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Offsets of one partition, `start` up to but not including `end`."""

    start: int
    end: int


def replay_headers(piece: Piece, job: str, *, is_backfill: bool) -> Headers:
    """The headers of a piece as it is sent."""
    told = [(name, value) for name, value in piece.headers if name not in (REPLAY_JOB, REPLAY_BACKFILL)]
    told.append((REPLAY_JOB, job.encode()))
    if is_backfill:
        told.append((REPLAY_BACKFILL, b"1"))
    if piece.received_ms is not None and REPLAY_RECEIVED not in {name for name, _ in told}:
        told.append((REPLAY_RECEIVED, b"%d" % piece.received_ms))
    return told


async def stretches(
    reader: Reader, cluster: Cluster, topic: Topic, *, from_ms: int | None, to_ms: int | None
) -> dict[int, Stretch]:
    """What a topic has between two moments, by the time of its log, for each partition that has any."""
    places = [TopicPartition(cluster.topic(topic), number) for number in range(cluster.partitions)]
    first = await reader.begin(*places)
    start = first if from_ms is None else await reader.at(from_ms, *places)
    end = await (reader.end(*places) if to_ms is None else reader.at(to_ms, *places))
    return {
        place.partition: Stretch(max(first[place], start[place]), end[place])
        for place in places
        if max(first[place], start[place]) < end[place]
    }


async def topic_steps(
    reader: Reader, cluster: Cluster, topic: Topic, wanted: Mapping[int, Stretch], *, but_of: str = ""
) -> AsyncIterator[Step]:
    """The records of these stretches, one partition after the other.

    `but_of`: a job whose own records are passed over, where it reads what it wrote.
    """
    for number, stretch in sorted(wanted.items()):
        place = TopicPartition(cluster.topic(topic), number)
        async for records, end in reader.records(place, stretch.start, stretch.end):
            pieces = [_piece(topic, record) for record in records if not _is_of(record, but_of)]
            readable = tuple(piece for piece in pieces if piece.failures)
            yield Step(place, end, readable, unreadable=len(pieces) - len(readable))


def archive_steps(
    path: Path, cluster: Cluster, *, only: Topic | None, from_ms: int | None, to_ms: int | None, after_line: int = 0
) -> Iterator[Step]:
    """The failures of an archive as records, in the order of its lines. Raises: UnreadableInput.

    `only`: failures of other topics are passed over. `from_ms`, `to_ms`: by when each arrived, or else happened.
    The place of a step is partition 0 of CI, whichever topics its records go to: the job's own count of lines.
    """
    place = TopicPartition(cluster.topic(topics.CI), 0)
    found: list[Failure] = []
    bad: list[Bad] = []
    begun = end = after_line
    for line in lines(path):
        if line.number <= after_line:
            continue
        end = line.number
        if isinstance(line, BadLine):
            bad.append(Bad(line.number, line.head, line.error))
        else:
            for item in failures_from_bytes(line.data):
                if isinstance(item, Refused):
                    reason = MalformedRecord(item.error.reason, place=f"line {line.number} {item.error.place}".strip())
                    bad.append(Bad(line.number, item.data, reason))
                elif _is_wanted(item, only, from_ms, to_ms):
                    found.append(identified(item))
        if len(found) >= ARCHIVE_FAILURES or line.number >= begun + ARCHIVE_LINES:
            yield Step(place, end, tuple(_enveloped(found, cluster)), tuple(bad))
            found, bad, begun = [], [], line.number
    if end > begun:
        yield Step(place, end, tuple(_enveloped(found, cluster)), tuple(bad))


def _is_wanted(failure: Failure, only: Topic | None, from_ms: int | None, to_ms: int | None) -> bool:
    at_ms = failure.occurred_at_ms if failure.received_at_ms is None else failure.received_at_ms
    if only is not None and topics.INPUTS[failure.origin] is not only:
        return False
    return (from_ms is None or at_ms >= from_ms) and (to_ms is None or at_ms < to_ms)


def _enveloped(found: Sequence[Failure], cluster: Cluster) -> Iterator[Piece]:
    for one in envelopes(found):
        inside = tuple(item for item in failures_from_bytes(one.value) if isinstance(item, Failure))
        at_ms = max(failure.occurred_at_ms for failure in inside)
        yield Piece(
            topic=one.topic,
            partition=partition_of(one.key, cluster.partitions),
            key=one.key.encode(),
            value=one.value,
            headers=event_headers(kind=one.topic.name, id_=one.first_id, source=SOURCE, at_ms=at_ms),
            received_ms=None,
            failures=inside,
        )


def _piece(topic: Topic, record: Any) -> Piece:
    inside = failures_from_bytes(record.value)
    return Piece(
        topic=topic,
        partition=record.partition,
        key=record.key,
        value=record.value or b"",
        headers=[(name, bytes(value or b"")) for name, value in record.headers],
        received_ms=record.timestamp,
        failures=tuple(identified(item) for item in inside if isinstance(item, Failure)),
    )


def _is_of(record: Any, job: str) -> bool:
    return bool(job) and headers_of(record.headers).get(REPLAY_JOB) == job
