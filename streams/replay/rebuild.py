"""The tables begin anew, and the whole input flows through again, under versions that are higher than all before.

Order of events, so that an end in the middle is noticed and nothing counts wrong without a word:
1. roles are seen to be halted, and the input to reach back as far as what was counted;
2. the fold stage's offsets go back to the beginning, each in a transaction under the id of the role, which fences it;
3. each partition of the tables is emptied in one transaction under the id of the role, and gets a higher epoch and a
   position behind everything that was folded so far.
Between 2 and 3 a stream agent that is started meets a cursor that does not follow, and ends. The same command again
finishes what was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiokafka import TopicPartition

from streams.broker.admin import administering, check
from streams.broker.clients import Cluster
from streams.broker.counts import Counts
from streams.broker.fold_partition import FAILURES, ROLE
from streams.broker.reader import Reader, reading
from streams.contract import topics
from streams.contract.errors import ConfigurationError
from streams.core.renewal import epoch_of, renewed
from streams.core.window import CLAMP_FUTURE_MS
from streams.replay.changelog import changes, owned, rows_of, tables_id, write
from streams.replay.halt import check_halted

DEADLINE_S: Final = 20.0
"""For a broker to answer."""
WORK: Final = "work"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was done, or would be."""

    epoch: int
    """Of the tables from now on."""
    rows: int
    """That were in the tables."""
    waiting: int
    """Rows that stay: verdicts that wait for their failures, and when to ask again."""
    records: int
    """Of the input, that are to flow through again; gaps of the log are counted with them."""


async def rebuild(
    cluster: Cluster, *, oldest_ms: int | None, is_dry: bool, on_partition: Callable[[int], None]
) -> Rebuilt:
    """Make everything ready; the roles, once they are started, do the rest.

    `oldest_ms`: when the first failure happened that the stores' counts stand for; None when they have none.
    `on_partition` is told of each partition of the tables that is done.

    Raises:
        ConfigurationError: a role still runs, or the input does not reach back to `oldest_ms`.
        SinkUnavailable: no broker answered.
    """
    await check(cluster, (*FAILURES, topics.FOLDED, topics.STATE), deadline_s=DEADLINE_S)
    async with administering(cluster, deadline_s=DEADLINE_S) as client:
        await check_halted(cluster, client, (ROLE, WORK), why="the tables begin anew")
        places = [TopicPartition(cluster.topic(t), n) for t in FAILURES for n in range(cluster.partitions)]
        async with reading(cluster, *FAILURES, topics.FOLDED, topics.STATE) as reader:
            begin = await reader.begin(*places)
            await _check_reach(reader, cluster, begin, oldest_ms)
            epoch = 1 + max([await _epoch(reader, cluster, number) for number in range(cluster.partitions)])
            if not is_dry:
                await _back_to(cluster, begin)
            ends = await reader.end(*places)
            rows = waiting = 0
            for number in range(cluster.partitions):
                had, kept = await _renew(reader, cluster, number, epoch, is_dry=is_dry)
                rows += had
                waiting += kept
                on_partition(number)
    return Rebuilt(epoch, rows, waiting, sum(ends[place] - begin[place] for place in places))


async def _check_reach(
    reader: Reader, cluster: Cluster, begin: Mapping[TopicPartition, int], oldest_ms: int | None
) -> None:
    """See that nothing of what was counted has gone from the input.

    What has gone from a partition came before its first record that is left, so it happened at most CLAMP_FUTURE_MS
    after that record's arrival: counts of what happened later are covered.
    """
    if oldest_ms is None:
        return
    for place, offset in begin.items():
        if offset == 0:
            continue  # nothing has gone
        first_ms = await _first_ms(reader, place, offset)
        if first_ms is not None and oldest_ms >= first_ms + CLAMP_FUTURE_MS:
            continue
        since = "is empty" if first_ms is None else f"begins at {_when(first_ms)}"
        raise ConfigurationError(
            f"{place.topic.removeprefix(cluster.prefix)}, partition {place.partition}, has lost its first {offset} "
            f"offsets and {since}; what the store counts began at {_when(oldest_ms)}. Built anew from this, counts "
            "would lack what has gone. Count again from the documents instead: faultline recount"
        )


async def _first_ms(reader: Reader, place: TopicPartition, offset: int) -> int | None:
    """When the first record arrived that a partition has from this offset on."""
    end = (await reader.end(place))[place]
    async with aclosing(reader.records(place, offset, end, at_once=1)) as found:
        async for records, _ in found:
            if records:
                return int(records[0].timestamp)
    return None


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


async def _epoch(reader: Reader, cluster: Cluster, number: int) -> int:
    return epoch_of(await rows_of(reader, cluster, number), number)


async def _back_to(cluster: Cluster, begin: Mapping[TopicPartition, int]) -> None:
    """Let the fold stage read from these offsets on, and count anew what it does."""
    for place, offset in begin.items():
        topic = topics.BY_NAME[place.topic.removeprefix(cluster.prefix)]
        name = cluster.transactional_id(ROLE, topic, place.partition)
        async with owned(cluster, name) as producer, producer.transaction():
            await producer.send_offsets_to_transaction({place: (offset, Counts().metadata())}, cluster.group(ROLE))


async def _renew(reader: Reader, cluster: Cluster, number: int, epoch: int, *, is_dry: bool) -> tuple[int, int]:
    """Empty one partition of the tables. Returns how many rows it had, and how many stay."""
    folded = TopicPartition(cluster.topic(topics.FOLDED), number)
    if is_dry:
        rows = await rows_of(reader, cluster, number)
        return len(rows), len(renewed(rows, number, epoch=epoch, offset=-1)) - 1
    async with owned(cluster, tables_id(cluster, number)) as producer:
        rows = await rows_of(reader, cluster, number)
        end = (await reader.end(folded))[folded]
        after = renewed(dict(rows), number, epoch=epoch, offset=end - 1)
        async with producer.transaction():
            await write(producer, number, changes(cluster, rows, after))
    return len(rows), len(after) - 1
