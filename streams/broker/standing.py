"""How far every role is, asked of the brokers: nothing is remembered, so it is the same after any restart.

- How far a role is: the committed offsets of its group; of `work`, the position rows in its changelog.
- How many records it is behind: those records, read and counted. What is not read within READ_S_MAX is told by the
  distance of the offsets, which counts the marks of transactions too.
- Failures folded, repeated and rejected: what the fold stage keeps beside its offsets (`streams.broker.counts`), since
  its group began. Failures that wait: in the records that a role is behind.
- What was rejected at which stage: the headers in `failures.rejected.v1`, within its retention and
  REJECTED_RECORDS_MAX a partition.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streams.broker.admin import administering, check
from streams.broker.clients import Cluster
from streams.broker.counts import Counts
from streams.broker.reader import Reader, reading
from streams.contract import topics
from streams.contract.classified import Classified
from streams.contract.errors import MalformedRecord, SinkUnavailable
from streams.contract.failure import Failure, Origin
from streams.contract.fold import FoldBatch
from streams.contract.topics import Topic
from streams.contract.verdict import Verdict
from streams.contract.wire import classified_from_bytes, failures_from_bytes, from_bytes
from streams.core.rows import PositionRow
from streams.core.tables import Tables

INPUTS: Final[Mapping[str, tuple[Topic, ...]]] = {
    "fold": (topics.CI, topics.BENCHMARK, topics.VERDICTS, topics.UNANSWERED, topics.ALIASES),
    "work": (topics.FOLDED,),
    "classify": (topics.UNSEEN,),
    "sink-mongo": (topics.CLASSIFIED, topics.ROLLUPS, topics.REJECTED),
    "sink-opensearch": (topics.CLASSIFIED, topics.ROLLUPS),
}
"""By role, which is the name of its group too."""
READ_S_MAX: Final = 15.0
"""For counting what all roles are behind."""
REJECTED_RECORDS_MAX: Final = 20_000
"""The newest of a partition."""
TAIL_RECORDS: Final = 500
"""How far the end of a changelog is read first; every transaction ends it with the position row."""
VERDICT_RECORDS: Final = 50


@dataclass(frozen=True, slots=True)
class Place:
    """How far a role is in one partition of an input."""

    role: str
    topic: str
    partition: int
    at: int
    """Offset of what it reads next."""
    end: int
    behind: int
    """Records; where they are not counted, the distance of the offsets."""
    is_counted: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What the brokers say."""

    places: tuple[Place, ...]
    counts: Mapping[Origin, Counts]
    """Of everything the fold stage has read."""
    waiting: Mapping[tuple[str, Origin], int]
    """Failures that a role has not read yet."""
    is_whole: bool
    """Whether all that waits was counted."""
    rejected: Mapping[tuple[str, str], int]
    """Records of the rejected topic by stage and by the topic that they were read from."""
    newest_verdict: Verdict | None


async def standing(cluster: Cluster, *, deadline_s: float) -> Standing:
    """Ask.

    Raises:
        ConfigurationError: topics are missing or have other partitions; told before anything waits for them.
        SinkUnavailable: a broker did not answer, within `deadline_s` at the start or in the middle.
    """
    wanted = dict.fromkeys((*(topic for inputs in INPUTS.values() for topic in inputs), topics.STATE))
    await check(cluster, wanted, deadline_s=deadline_s)
    async with (
        administering(cluster, deadline_s=deadline_s) as client,
        reading(cluster, *wanted, deadline_s=deadline_s) as reader,
    ):
        try:
            return await _Reading(cluster, client, reader).read()
        except (KafkaError, OSError, TimeoutError) as error:
            raise SinkUnavailable(f"Kafka at {cluster.bootstrap}: {error!r}", retry_after_s=2.0) from error


class _Reading:
    """One look."""

    def __init__(self, cluster: Cluster, client: AIOKafkaAdminClient, reader: Reader) -> None:
        self._cluster = cluster
        self._client = client
        self._reader = reader
        self._begins: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}

    async def read(self) -> Standing:
        wanted = {topic for inputs in INPUTS.values() for topic in inputs} | {topics.STATE}
        places = [self._at(topic, number) for topic in wanted for number in range(self._cluster.partitions)]
        self._begins = await self._reader.begin(*places)
        self._ends = await self._reader.end(*places)
        at: dict[tuple[str, TopicPartition], int] = {}
        counts = {origin: Counts() for origin in Origin}
        for role, inputs in INPUTS.items():
            own = [self._at(topic, number) for topic in inputs for number in range(self._cluster.partitions)]
            if role == "work":
                applied = await self._applied()
                at |= {(role, place): applied[place.partition] for place in own}
                continue
            committed = await self._client.list_consumer_group_offsets(self._cluster.group(role))
            for place in own:
                found = committed.get(place)
                has_place = found is not None and found.offset >= 0
                at[role, place] = found.offset if has_place else self._begins[place]
                origin = _origin(self._topic(place))
                if role == "fold" and origin is not None and has_place:
                    counts[origin] = counts[origin] + Counts.of(found.metadata)
        behind, waiting, unread = await self._count(at)
        return Standing(
            places=tuple(
                Place(
                    role,
                    self._topic(place),
                    place.partition,
                    offset,
                    self._ends[place],
                    behind[role, place],
                    place not in unread,
                )
                for (role, place), offset in at.items()
            ),
            counts=dict(counts),
            waiting=dict(waiting),
            is_whole=not unread,
            rejected=await self._rejected(),
            newest_verdict=await self._newest_verdict(),
        )

    async def _applied(self) -> dict[int, int]:
        """Of each partition of the tables: the offset of the input that comes next."""
        out = {}
        for number in range(self._cluster.partitions):
            place, input_ = self._at(topics.STATE, number), self._at(topics.FOLDED, number)
            row = await self._position(place, f"m|{number}|")
            out[number] = max(self._begins[input_], 0 if row is None else row.offset + 1)
        return out

    async def _position(self, place: TopicPartition, key: str) -> PositionRow | None:
        """The newest position row: every transaction writes it, so it is looked for from the end."""
        found: list[bytes] = []

        def take(_: TopicPartition, record: Any) -> None:
            if record.key == key.encode() and record.value is not None:
                found.append(record.value)

        end, step = self._ends[place], TAIL_RECORDS
        while not found and end > self._begins[place]:
            start = max(self._begins[place], end - step)
            await self._between({place: start}, {place: end}, take)
            end, step = start, step * 4
        return Tables({key: found[-1]}, place.partition).position.get("") if found else None

    async def _count(
        self, at: Mapping[tuple[str, TopicPartition], int]
    ) -> tuple[dict[tuple[str, TopicPartition], int], Counter[tuple[str, Origin]], set[TopicPartition]]:
        """Read what the roles are behind: records a place, failures a role and origin, places not read to their end."""
        starts: dict[TopicPartition, int] = {}
        roles: dict[TopicPartition, list[tuple[str, int]]] = {}
        for (role, place), offset in at.items():
            if offset < self._ends[place]:
                starts[place] = min(offset, starts.get(place, offset))
                roles.setdefault(place, []).append((role, offset))
        behind: Counter[tuple[str, TopicPartition]] = Counter()
        waiting: Counter[tuple[str, Origin]] = Counter()

        def take(place: TopicPartition, record: Any) -> None:
            told = _failures(self._topic(place), record.value)
            for role, offset in roles[place]:
                if record.offset >= offset:
                    behind[role, place] += 1
                    for origin, number in told.items():
                        waiting[role, origin] += number

        unread = await self._between(starts, self._ends, take)
        for (role, place), offset in at.items():
            if place in unread:
                behind[role, place] = self._ends[place] - offset
        return {key: behind[key] for key in at}, waiting, unread

    async def _rejected(self) -> dict[tuple[str, str], int]:
        places = [self._at(topics.REJECTED, number) for number in range(self._cluster.partitions)]
        out: Counter[tuple[str, str]] = Counter()

        def take(_: TopicPartition, record: Any) -> None:
            headers = {name: value or b"" for name, value in record.headers}
            stage, topic = headers.get("dlq.stage", b""), headers.get("__streams.errors.topic", b"")
            out[stage.decode("utf-8", "replace"), topic.decode("utf-8", "replace")] += 1

        await self._between(self._tails(places, REJECTED_RECORDS_MAX), self._ends, take)
        return dict(out)

    async def _newest_verdict(self) -> Verdict | None:
        places = [self._at(topics.VERDICTS, number) for number in range(self._cluster.partitions)]
        found: list[Verdict] = []

        def take(_: TopicPartition, record: Any) -> None:
            try:
                found.append(from_bytes(Verdict, record.value or b""))
            except MalformedRecord:
                return  # the fold stage puts it aside

        await self._between(self._tails(places, VERDICT_RECORDS), self._ends, take)
        return max(found, key=lambda verdict: verdict.decided_at_ms, default=None)

    def _tails(self, places: Iterable[TopicPartition], records: int) -> dict[TopicPartition, int]:
        starts = {place: max(self._begins[place], self._ends[place] - records) for place in places}
        return {place: start for place, start in starts.items() if start < self._ends[place]}

    async def _between(
        self,
        starts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        take: Callable[[TopicPartition, Any], None],
    ) -> set[TopicPartition]:
        """Give every record from `starts` up to `ends` to `take`. Returns the places not read to their end in time."""
        loop = asyncio.get_running_loop()
        left = set(starts)
        until_s = loop.time() + READ_S_MAX
        for place, start in starts.items():
            async with aclosing(self._reader.records(place, start, ends[place])) as pieces:
                async for records, _ in pieces:
                    for record in records:
                        take(place, record)
                    if loop.time() > until_s:
                        return left
            left.discard(place)
        return left

    def _at(self, topic: Topic, number: int) -> TopicPartition:
        return TopicPartition(self._cluster.topic(topic), number)

    def _topic(self, place: TopicPartition) -> str:
        name: str = place.topic
        return name.removeprefix(self._cluster.prefix)


def _origin(topic: str) -> Origin | None:
    return next((origin for origin, input_ in topics.INPUTS.items() if input_.name == topic), None)


def _failures(topic: str, value: bytes | None) -> Counter[Origin]:
    """How many failures a record stands for. What cannot be read stands for none: its reader puts it aside."""
    out: Counter[Origin] = Counter()
    try:
        if _origin(topic) is not None:
            for one in failures_from_bytes(value):
                if isinstance(one, Failure):
                    out[one.origin] += 1
        elif topic == topics.FOLDED.name:
            batch = from_bytes(FoldBatch, value or b"")
            for fold in batch.folds:
                out[fold.origin] += fold.count
            for sealed in batch.sealed:
                out[sealed.origin] += sealed.count
        elif topic == topics.CLASSIFIED.name:
            record = classified_from_bytes(value or b"")
            if isinstance(record, Classified):
                out[record.fold.origin] += record.fold.count
    except MalformedRecord:
        return Counter()
    return out


def lags(places: Sequence[Place]) -> dict[tuple[str, str], list[Place]]:
    """By role and topic, the partitions in order."""
    out: dict[tuple[str, str], list[Place]] = {}
    for place in sorted(places, key=lambda one: (list(INPUTS).index(one.role), one.topic, one.partition)):
        out.setdefault((place.role, place.topic), []).append(place)
    return out
