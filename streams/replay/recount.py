"""Counts of the tables, and with them of the stores, made again from the documents that a store has.

The stream agent is halted meanwhile, and the sink has written everything: then documents are what the tables should
have counted. Rows and their snapshots go out in one transaction a partition, under the agent's own id, as if it had
written them: so the next snapshot goes on from there and undoes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from streams.broker.admin import administering, check
from streams.broker.clients import Cluster
from streams.broker.reader import DEADLINE_S, Reader, reading
from streams.contract import topics
from streams.contract.failure import Origin
from streams.contract.wire import to_bytes
from streams.core.recount import Counts, Recounted, recount
from streams.replay.changelog import Record, changes, owned, rows_of, tables_id, write
from streams.replay.halt import check_halted, check_written

WORK: Final = "work"
SINK: Final = "sink-mongo"


class Counting(Protocol):
    """One group of documents; `streams.sinks.mongo.past.Counted` is one."""

    @property
    def fingerprint(self) -> str:
        """Ours."""

    @property
    def where(self) -> tuple[str, str, str]:
        """Their dimension."""

    @property
    def count(self) -> int:
        """How many there are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done in all partitions, or would be."""

    changed: int
    same: int
    older: int
    without: int
    failures: int
    snapshots: int


def by_fingerprint(found: Iterable[Counting]) -> Counts:
    """What a store counted, as the tables are asked."""
    out: dict[str, dict[tuple[str, str, str], int]] = {}
    for one in found:
        out.setdefault(one.fingerprint, {})[one.where] = one.count
    return out


async def recount_all(
    cluster: Cluster,
    count: Callable[[], Mapping[Origin, Counts]],
    *,
    since_ms: int,
    is_dry: bool,
    on_partition: Callable[[int], None],
) -> Outcome:
    """Count again what began at `since_ms` or later. `count`: asks the store; blocks, and is called once it is whole.

    Raises:
        ConfigurationError: the stream agent runs, or the sink has not written everything.
        SinkUnavailable: brokers or store do not answer.
    """
    await check(cluster, (topics.CLASSIFIED, topics.ROLLUPS, topics.STATE), deadline_s=DEADLINE_S)
    async with (
        administering(cluster, deadline_s=DEADLINE_S) as client,
        reading(cluster, topics.CLASSIFIED, topics.ROLLUPS, topics.STATE) as reader,
    ):
        await check_halted(cluster, client, (WORK,), why="counts are made again")
        await check_written(cluster, client, reader, SINK, (topics.CLASSIFIED, topics.ROLLUPS))
        counts = count()
        done = []
        for number in range(cluster.partitions):
            done.append(await _recounted(reader, cluster, number, counts, since_ms, is_dry=is_dry))
            on_partition(number)
    return Outcome(
        changed=sum(one.changed for one in done),
        same=sum(one.same for one in done),
        older=sum(one.older for one in done),
        without=sum(one.without for one in done),
        failures=sum(one.failures for one in done),
        snapshots=sum(len(one.rollups) for one in done),
    )


async def _recounted(
    reader: Reader, cluster: Cluster, number: int, counts: Mapping[Origin, Counts], since_ms: int, *, is_dry: bool
) -> Recounted:
    if is_dry:
        return recount(await rows_of(reader, cluster, number), number, counts, since_ms=since_ms)
    async with owned(cluster, tables_id(cluster, number)) as producer:
        before = await rows_of(reader, cluster, number)
        after = dict(before)
        done = recount(after, number, counts, since_ms=since_ms)
        if done.rollups:
            name = cluster.topic(topics.ROLLUPS)
            snapshots = [Record(name, row.key.encode(), to_bytes(row)) for row in done.rollups]
            async with producer.transaction():
                await write(producer, number, [*changes(cluster, before, after), *snapshots])
    return done
