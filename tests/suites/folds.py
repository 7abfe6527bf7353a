"""Input of the tables as the fold stage writes it, its ledger, and looks into the raw topics that come of it.

What a checker compares is computed from the failures themselves and read from the topics: no counter of ours.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import ConsumerRecord, RecordMetadata, TopicPartition
from suites.load import Told, load

from streams.broker.clients import Cluster
from streams.contract import topics
from streams.contract.classified import Classified, VerdictChanged
from streams.contract.failure import Failure, identified
from streams.contract.fold import FoldBatch
from streams.contract.rollup import Rollup, Span
from streams.contract.taxonomy import default_taxonomy
from streams.contract.verdict import Verdict
from streams.contract.wire import classified_from_bytes, from_bytes, to_bytes
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage, RawRecord, Stretch
from streams.core.known_failures.book import default_rules
from streams.core.pipeline import Pipeline
from streams.core.rows import PositionRow
from streams.core.window import window_start_ms

START_MS = 1_790_000_000_000
SOURCE = topics.CI.name
TOPICS = (topics.FOLDED, topics.CLASSIFIED, topics.UNSEEN, topics.ROLLUPS)


def fold_stage(partitions: int) -> FoldStage:
    return FoldStage(
        fingerprinter=Fingerprinter(), rules=default_rules(), taxonomy=default_taxonomy(), partitions=partitions
    )


@dataclass(slots=True)
class Ledger:
    """What was sent, and what must come of it."""

    fingerprints: dict[str, str] = field(default_factory=dict)
    """By failure id."""
    lifetimes: Counter[tuple[str, tuple[str, str, str] | None]] = field(default_factory=Counter)
    windows: Counter[tuple[str, Span, int]] = field(default_factory=Counter)

    def add(self, failure: Failure, fingerprint: str) -> None:
        self.fingerprints[failure.id] = fingerprint
        self.lifetimes[fingerprint, None] += 1
        self.lifetimes[fingerprint, failure.where] += 1
        for span in (Span.MINUTE, Span.HOUR):
            self.windows[fingerprint, span, window_start_ms(failure.occurred_at_ms, span)] += 1


@dataclass(slots=True)
class Written:
    """One transaction of the fold stage: batches by target partition."""

    source: int
    batches: list[tuple[int, FoldBatch]]


def written(
    ledger: Ledger, *, failures: int, fingerprints: int, sources: int, partitions: int, per: int, seed: int
) -> Iterator[Written]:
    """Transactions of some source partitions in turn, `per` failures each; the offsets of a source have gaps."""
    stage, rnd = fold_stage(partitions), random.Random(seed)
    found: Iterator[Told] = load(failures=failures, fingerprints=fingerprints, seed=seed, start_ms=START_MS)
    at = [0] * sources
    source = 0
    while piece := [told for _, told in zip(range(per), found, strict=False)]:
        start = at[source]
        records = []
        for number, told in enumerate(piece):
            data = json.dumps(told.body).encode()
            failure = identified(from_bytes(Failure, data))
            ledger.add(failure, stage.told(failure, received_at_ms=START_MS + 3_600_000).fingerprint.value)
            records.append(RawRecord(start + number, data, START_MS + 3_600_000))
        end = at[source] = start + len(piece) + rnd.randrange(3)
        place = Stretch(SOURCE, source, start, end)
        intake = stage.on_failures(records, place, at_ms=START_MS + 3_600_000, is_new=lambda _: True)
        assert intake.accepted == len(piece)
        yield Written(source, intake.batches)
        source = (source + 1) % sources


class Writer:
    """Writes transactions of several source partitions as the fold stage does."""

    def __init__(self, cluster: Cluster, sources: int) -> None:
        self._cluster = cluster
        self.last: dict[int, int] = {}
        """By target partition: the offset of the last record."""
        self._producers = [
            cluster.transactional_producer(cluster.transactional_id("fold", topics.CI, n)) for n in range(sources)
        ]

    async def __aenter__(self) -> Self:
        for producer in self._producers:
            await producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for producer in self._producers:
            await producer.stop()

    async def write(self, one: Written) -> None:
        producer = self._producers[one.source]
        async with producer.transaction():
            futures = [await self._send(producer, target, batch) for target, batch in one.batches]
            for (target, _), sent in zip(one.batches, await asyncio.gather(*futures), strict=True):
                self.last[target] = sent.offset

    async def _send(self, producer: AIOKafkaProducer, target: int, batch: FoldBatch) -> asyncio.Future[RecordMetadata]:
        name = self._cluster.topic(topics.FOLDED)
        sent: asyncio.Future[RecordMetadata] = await producer.send(
            name, to_bytes(batch), key=str(target).encode(), partition=target
        )
        return sent


async def create_topics(cluster: Cluster, *names: str) -> None:
    """The topics of the stream agent with its changelog; or others by name."""
    wanted = [
        NewTopic(name, cluster.partitions, 1)
        for name in (
            names
            or [
                cluster.topic(t) for t in (*TOPICS, topics.VERDICTS, topics.UNANSWERED, topics.ALIASES, topics.REJECTED)
            ]
        )
    ]
    if not names:
        small = {"cleanup.policy": "compact", "segment.bytes": "1048576", "min.cleanable.dirty.ratio": "0.1"}
        wanted.append(NewTopic(cluster.topic(topics.STATE), cluster.partitions, 1, topic_configs=small))
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    try:
        await admin.create_topics(wanted)
    finally:
        await admin.close()


async def whole(cluster: Cluster, name: str) -> list[ConsumerRecord[bytes, bytes]]:
    """Every committed record of a topic, by partition and offset."""
    reader = cluster.consumer()
    await reader.start()
    try:
        tps = [TopicPartition(name, number) for number in range(cluster.partitions)]
        ends = await reader.end_offsets(tps)
        reader.assign(tps)
        for tp, first in (await reader.beginning_offsets(tps)).items():
            reader.seek(tp, first)
        found: list[ConsumerRecord[bytes, bytes]] = []
        behind = set(tps)
        while behind:
            for tp in list(behind):
                if await reader.position(tp) >= ends[tp]:
                    behind.discard(tp)
            if behind:
                for records in (await reader.getmany(*behind, timeout_ms=500)).values():
                    found += records
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        await reader.stop()


def rows_of(changelog: Sequence[ConsumerRecord[bytes, bytes]]) -> dict[str, bytes]:
    """The table that the changelog tells."""
    rows: dict[str, bytes] = {}
    for record in changelog:
        assert record.key is not None
        key = record.key.decode()
        assert int(key.split("|")[1]) == record.partition, "a row is where its key says"
        if record.value is None:
            rows.pop(key, None)
        else:
            rows[key] = record.value
    return rows


def positions(rows: dict[str, bytes]) -> dict[int, PositionRow]:
    decode = msgspec.msgpack.Decoder(PositionRow).decode
    return {int(key.split("|")[1]): decode(row) for key, row in rows.items() if key.startswith("m|")}


def table_of(folded: Sequence[ConsumerRecord[bytes, bytes]], partitions: int) -> dict[str, bytes]:
    """The table that this input makes, computed here."""
    rows: dict[str, bytes] = {}
    for number in range(partitions):
        pipeline = Pipeline(rows, partition=number)
        records = [record for record in folded if record.partition == number]
        pipeline.on_batches([(r.offset, from_bytes(FoldBatch, r.value or b"")) for r in records])
    return rows


@dataclass(slots=True)
class Outcome:
    """What the raw topics say."""

    classified: Counter[str] = field(default_factory=Counter)
    """How often each failure came."""
    fingerprints: dict[str, str] = field(default_factory=dict)
    """Of each failure."""
    folds: Counter[tuple[str, str]] = field(default_factory=Counter)
    changes: Counter[tuple[str, int]] = field(default_factory=Counter)
    rollups: dict[str, Rollup] = field(default_factory=dict)
    """The newest of each key."""
    snapshots: Counter[tuple[str, int]] = field(default_factory=Counter)
    verdicts: dict[str, Verdict] = field(default_factory=dict)


async def outcome(cluster: Cluster) -> Outcome:
    """Read the outputs of the stream agent."""
    out = Outcome()
    for record in await whole(cluster, cluster.topic(topics.CLASSIFIED)):
        found = classified_from_bytes(record.value or b"")
        if isinstance(found, VerdictChanged):
            out.changes[found.fingerprint, found.verdict_version] += 1
            continue
        assert isinstance(found, Classified)
        out.folds[found.fold.fold_id, found.fold.fingerprint.value] += 1
        for member in found.fold.members:
            out.classified[member.failure.id] += 1
            out.fingerprints[member.failure.id] = found.fold.fingerprint.value
    for record in await whole(cluster, cluster.topic(topics.ROLLUPS)):
        rollup = from_bytes(Rollup, record.value or b"")
        out.snapshots[rollup.key, rollup.row_version] += 1
        out.rollups[rollup.key] = rollup
        before = out.rollups.get(rollup.key, rollup)
        assert before.row_version <= rollup.row_version, "a version never goes backwards"
    return out


async def compare(cluster: Cluster, ledger: Ledger) -> Outcome:
    """Fail where the raw topics are not what the ledger says, in anything."""
    out = await outcome(cluster)
    assert not [key for key, times in out.classified.items() if times != 1], "each failure once"
    assert out.fingerprints == ledger.fingerprints
    for counted in (out.folds, out.changes, out.snapshots):
        assert not [key for key, times in counted.items() if times > 1], "no output twice"
    lifetimes = {(r.fingerprint, r.where): r.count for r in out.rollups.values() if r.span is Span.LIFETIME}
    assert lifetimes == dict(ledger.lifetimes)
    windows = {
        (r.fingerprint, r.span, r.window_start_ms): r.count for r in out.rollups.values() if r.span is not Span.LIFETIME
    }
    assert windows == dict(ledger.windows)
    rows = rows_of(await whole(cluster, cluster.topic(topics.STATE)))
    truth = table_of(await whole(cluster, cluster.topic(topics.FOLDED)), cluster.partitions)
    assert rows.keys() == truth.keys()
    assert [key for key, row in rows.items() if row != truth[key]] == []
    return out


async def wait_applied(cluster: Cluster, last: dict[int, int], *, seconds: float) -> float:
    """Wait until the tables have applied their input up to these offsets. Returns the seconds it took."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    reader: AIOKafkaConsumer = cluster.consumer()
    await reader.start()
    try:
        tps = [TopicPartition(cluster.topic(topics.STATE), number) for number in range(cluster.partitions)]
        reader.assign(tps)
        await reader.seek_to_beginning(*tps)
        rows: dict[str, bytes] = {}
        while loop.time() - began_s < seconds:
            for records in (await reader.getmany(timeout_ms=200)).values():
                rows |= {r.key.decode(): r.value for r in records if r.key is not None and r.key.startswith(b"m|")}
            if {n: row.offset for n, row in positions(rows).items()} == last:
                return loop.time() - began_s
        raise AssertionError(f"applied {positions(rows)}, not {last}, after {seconds} s")
    finally:
        await reader.stop()
