"""The stream agent (`faultline work`): folds and verdicts -> tables, and what they say.

One `Pipeline` an input partition, over the rows of that partition. Rows, outputs and the position row of a partition
go out in one transaction; the position row alone says how far the input was applied, the group commits nothing.
A record that cannot be read, a broken cursor, a fence: the process ends and starts again from its tables.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streams.app.ending import end
from streams.app.partition import Partition
from streams.app.store import Output, Store, StoreOptions
from streams.app.table import DoorTable
from streams.app.worker import WAITING_FOR, DoorApp, create_app, raw_topic, run_worker
from streams.broker.clients import Cluster, close
from streams.broker.headers import id_header, shared_headers, traced
from streams.contract import topics
from streams.contract.fold import FoldBatch
from streams.contract.telemetry import FOLDS_APPLIED, LAG, TABLE_ROWS, Observer
from streams.contract.wire import from_bytes
from streams.core.pipeline import Pipeline

ROLE: Final = "work"
BATCH_RECORDS_MAX: Final = 192
"""Records of all partitions that are applied together, one transaction a partition; a record holds up to 500 folds."""
BATCH_WITHIN_S: Final = 0.05
"""Faust needs 60-100 us a record: in 0.02 s it gathers half as many, and there are twice the transactions."""
BUFFER_RECORDS_MAX: Final = 1_024
"""Records that Faust holds for the agent: some 50 KB each, at most 256 KB."""
READ_RECORDS_MAX: Final = 20_000
"""Rows of the changelog in one go."""
LAG_EVERY_S: Final = 10.0


def create_work_app(
    cluster: Cluster,
    reader: AIOKafkaConsumer,
    observer: Observer,
    *,
    forget_after_ms: int | None = None,
    retire: Callable[[BaseException], NoReturn] = end,
) -> DoorApp:
    """The app with its one agent and its one table. `reader`: started, without a group. See `Pipeline`."""
    app = create_app(cluster, ROLE, buffer_records_max=BUFFER_RECORDS_MAX)
    options = StoreOptions(
        cluster=cluster,
        reader=reader,
        input=cluster.topic(topics.FOLDED),
        make=lambda number, rows: Pipeline(rows, partition=number, forget_after_ms=forget_after_ms),
        partition_of=partition_of_key,
        retire=retire,
    )
    table = DoorTable(
        app,
        name=topics.STATE_TABLE,
        partitions=cluster.partitions,
        key_type=str,
        value_type=bytes,
        options={"door": options},
    )
    app.tables.add(table)
    folded = raw_topic(app, cluster.topic(topics.FOLDED))
    worker = Worker(cluster, table.data, observer)

    async def apply_folds(stream: Any) -> None:
        try:
            async for events in stream.noack_take(BATCH_RECORDS_MAX, within=BATCH_WITHIN_S):
                await worker.apply(events)
        except Exception as error:  # noqa: BLE001  # Faust would start the agent again, on rows that nobody may use
            retire(error)

    app.agent(folded, name="apply_folds")(apply_folds)
    return app


class Worker:
    """What the agent does with the records that it is given."""

    def __init__(self, cluster: Cluster, store: Store, observer: Observer) -> None:
        self._names = {t: cluster.topic(t) for t in (topics.CLASSIFIED, topics.UNSEEN, topics.ROLLUPS, topics.VERDICTS)}
        self._store = store
        self._observer = observer

    async def apply(self, events: list[Any]) -> None:
        """Apply records, and write what comes of them. Raises: what ends the process."""
        by_partition: dict[int, list[Any]] = defaultdict(list)
        for event in events:
            message = event.message
            if self._store.writable(message.partition, message.generation_id):
                by_partition[message.partition].append(message)
            # else: delivered before the partitions were assigned anew; its owner reads it from the table's position
        work = [(number, self._outputs(number, messages)) for number, messages in by_partition.items()]
        await asyncio.gather(*(self._store.commit(number, outputs) for number, outputs in work if outputs is not None))

    def _outputs(self, number: int, messages: list[Any]) -> list[Output] | None:
        """Change the rows of a partition without giving anyone else a turn. None when there is nothing to write."""
        partition = self._store.partitions[number]
        pipeline = partition.pipeline
        assert pipeline is not None, "a partition that is served has one"
        batches = [(message.offset, from_bytes(FoldBatch, message.value or b"")) for message in messages]
        emissions = pipeline.on_batches(batches)
        if not partition.pending:
            return None  # all of it was applied before
        self._observer.add(FOLDS_APPLIED, sum(len(batch.folds) + len(batch.sealed) for _, batch in batches))
        stretch = f"{topics.FOLDED.name}/{number}/{batches[0][0]}-{batches[-1][0]}"
        at_ms, trace = batches[-1][1].at_ms, traced(message.headers for message in messages)
        shared = {topic: shared_headers(kind=topic.name, source=ROLE, at_ms=at_ms) + trace for topic in self._names}
        return [
            (self._names[e.topic], (e.key.encode(), e.value, [id_header(f"{stretch}/{index}"), *shared[e.topic]]))
            for index, e in enumerate(emissions)
        ]


def partition_of_key(key: str) -> int:
    """The partition of a row: the second field of its key. Raises: ValueError for a key that is none."""
    return int(key.split("|", 2)[1])


async def run_work(
    cluster: Cluster, observer: Observer, stop: asyncio.Event, *, forget_after_ms: int | None = None
) -> None:
    """Work until `stop` is set, while no broker answers as well. Raises: ConfigurationError, SinkUnavailable.

    `forget_after_ms`: after how long the rows of a fingerprint that does not come back are deleted; None: never.
    """
    reader = await cluster.start(
        lambda: cluster.consumer(poll_records_max=READ_RECORDS_MAX),
        stop=stop,
        on_waiting=lambda what: observer.waiting_for(what or WAITING_FOR),
    )
    app = create_work_app(cluster, reader, observer, forget_after_ms=forget_after_ms)
    store = cast(DoorTable, app.tables[topics.STATE_TABLE]).data
    lag = asyncio.create_task(_watch_lag(store, reader, cluster.topic(topics.FOLDED), observer))

    def look() -> None:
        observer.set(TABLE_ROWS, sum(len(partition.rows) for partition in store.partitions.values()))

    try:
        await run_worker(app, observer, stop, look=look)
    finally:
        lag.cancel()
        await asyncio.wait({lag})
        await store.leave()
        await close(reader)


async def _watch_lag(store: Store, reader: AIOKafkaConsumer, topic: str, observer: Observer) -> None:
    """How far the tables of this process are behind their input."""
    while True:
        await asyncio.sleep(LAG_EVERY_S)
        if not store.is_serving:
            continue
        at = _positions(store.partitions)
        try:
            ends: Mapping[TopicPartition, int] = await reader.end_offsets([TopicPartition(topic, n) for n in at])
        except (KafkaError, OSError, TimeoutError):
            continue  # a broker is away: the gauge keeps what it said last
        # the last offset of a partition may be a transaction's marker, which nobody reads
        behind = sum(max(0, offset - at[tp.partition] - 2) for tp, offset in ends.items())
        observer.set(LAG, behind, ROLE, topics.FOLDED.name)


def _positions(partitions: Mapping[int, Partition]) -> dict[int, int]:
    return {number: p.pipeline.position.offset for number, p in partitions.items() if p.pipeline is not None}
