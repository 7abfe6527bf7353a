"""The partitions of a table that this process has: fenced, loaded in bulk, written in one transaction each.

Order of events: `suspend` when partitions are taken away, `drained` until no transaction is under way; `on_rebalance`
fences the former owners and asks where the changelog ends; `on_recovery_completed` reads up to there; `targets` says
from where the input is to be read; `serve` opens the table. Every later assignment makes an earlier one void (`epoch`).
Anything unexpected ends the process: memory could be ahead of the changelog.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from faust.stores import STORES
from faust.types import TP

from streams.app.ending import end
from streams.app.partition import Partition
from streams.app.sending import Item, send_records
from streams.app.served import ServedRows
from streams.broker.clients import Cluster
from streams.contract.errors import FaultlineError
from streams.contract.telemetry import LogEvent
from streams.core.pipeline import Pipeline

SCHEME: Final = "door"
SERVING_S_MAX: Final = 60.0
"""From an assignment until the table serves, or a newer assignment comes."""
KEPT_S_MAX: Final = 3600.0
"""Rows of a partition that comes back are kept for so long. Shorter than the changelog keeps deletion markers
(`delete.retention.ms`, 24 h), so the difference that is read has every deletion in it."""
LOAD_WAIT_MS: Final = 500
STOP_S_MAX: Final = 3.0

log_event = structlog.get_logger("faultline.role")

Output = tuple[str, Item]
"""Topic as the brokers know it, and what goes there."""


class InputGone(FaultlineError):
    """The input does not hold what the table has to read next; nothing was applied."""


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What the store of a table needs to know."""

    cluster: Cluster
    reader: AIOKafkaConsumer
    """Without a group: for positions and rows."""
    input: str
    """Its one input topic, as the brokers know it. Its partitions are those of the table."""
    make: Callable[[int, Partition], Pipeline]
    """What is to work on a partition once its rows are there."""
    partition_of: Callable[[str], int]
    """The partition of a key."""
    retire: Callable[[BaseException], NoReturn] = end


class Store(ServedRows):
    """Rows as bytes by text key."""

    options: Mapping[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._door: StoreOptions = self.options["door"]
        self.partition_of = self._door.partition_of
        self._changelog: str = self.table.changelog_topic.get_topic_name()
        self._ends: dict[int, int] = {}
        self._epoch = 0
        self._ready = -1
        self._generation = -1
        self._loading = asyncio.Lock()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._writing = 0
        self.loaded_s = 0.0
        """How long the last load took."""

    # What the transport asks for.

    def suspend(self) -> None:
        """From now on nothing is served or written, until `serve`."""
        self._epoch += 1
        self._is_serving = False

    async def drained(self) -> None:
        """Wait until no transaction is under way."""
        await self._at_rest.wait()

    @property
    def is_loaded(self) -> bool:
        """Whether the rows of the newest assignment are there."""
        return self._ready == self._epoch

    async def targets(self) -> dict[TP, int]:
        """From where the input is to be read: behind what the tables have applied. A newer assignment makes it void.

        Raises: InputGone when the input does not reach back so far, or not so far up.
        """
        partitions = dict(self.partitions)
        if not partitions:
            return {}
        inputs = {number: TopicPartition(self._door.input, number) for number in partitions}
        first = await self._door.reader.beginning_offsets(list(inputs.values()))
        last = await self._door.reader.end_offsets(list(inputs.values()))
        targets = {}
        for number, tp in inputs.items():
            pipeline = partitions[number].pipeline
            applied = -1 if pipeline is None else pipeline.position.offset
            target = target_of(applied, first[tp])
            if not first[tp] <= target <= last[tp]:
                raise InputGone(
                    f"{tp.topic}/{number} holds offsets {first[tp]} to {last[tp]}, and the table is to go on at "
                    f"{target}; bring the topic back, or begin anew with a changelog topic of no records"
                )
            targets[TP(tp.topic, number)] = target
        return targets

    def serve(self) -> None:
        """Positions are set: the table may be read and written."""
        self._is_serving = True

    # What Faust asks for.

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],  # noqa: ARG002  # Faust's signature, as below
        newly_assigned: set[TP],  # noqa: ARG002
        generation_id: int = 0,
    ) -> None:
        """Take over the partitions that were assigned: from the end of this call on nobody else writes to them."""
        try:
            if generation_id == self.app.consumer_generation_id:
                self._generation = generation_id
                await self._take_over(assigned)
        except Exception as error:  # noqa: BLE001  # the caller would stop the app in order, on rows nobody may use
            self._door.retire(error)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:  # noqa: ARG002
        """Read the rows. Faust awaits it outside the group's callback, so heartbeats go on."""
        try:
            async with self._loading:
                await self._load()
        except Exception as error:  # noqa: BLE001  # the caller swallows it
            self._door.retire(error)

    def persisted_offset(self, tp: TP) -> int | None:
        """The last offset of the changelog, so that Faust finds nothing to recover: `_load` reads the rows."""
        return self._ends[tp.partition] - 1

    def set_persisted_offset(self, tp: TP, offset: int) -> None:  # noqa: ARG002
        """Faust tells of changelog records that it has sent; it sends none."""
        self._door.retire(RuntimeError(f"Faust wrote to {tp.topic}/{tp.partition} by itself"))

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:  # noqa: ARG002
        """Faust recovers by itself: never, unless it has changed. An empty batch is its way to say so."""
        if batch:
            self._door.retire(RuntimeError("Faust recovered the table by itself, past the door"))

    def reset_state(self) -> None:
        """There is nothing on disk."""

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:  # noqa: FBT001, FBT002
        """There is nothing on disk: the changelog is the copy."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:  # noqa: FBT001, FBT002
        """There is nothing on disk: the changelog is the copy."""

    # Taking over.

    async def _take_over(self, assigned: set[TP]) -> None:
        inputs = {tp.partition for tp in assigned if tp.topic == self._door.input}
        changelogs = {tp.partition for tp in assigned if tp.topic == self._changelog}
        if inputs != changelogs:
            raise RuntimeError(f"input partitions {sorted(inputs)}, changelog partitions {sorted(changelogs)}")
        for number in [number for number in self.partitions if number not in inputs]:
            await self._let_go(self.partitions.pop(number))
        for number in inputs:
            before = self.partitions.get(number)
            if before is None or not before.is_clean or time.monotonic() - before.used_s > KEPT_S_MAX:
                after = self.partitions[number] = Partition(number, now_s=time.monotonic())
                after.producer = None if before is None else before.producer
        await asyncio.gather(*(self._fence(partition) for partition in self.partitions.values()))
        tps = [TopicPartition(self._changelog, number) for number in inputs]
        ends = await self._door.reader.end_offsets(tps) if tps else {}
        self._ends = {tp.partition: end_offset for tp, end_offset in ends.items()}
        if inputs:  # with none, Faust does not ask for positions, and nothing is served
            asyncio.get_running_loop().call_later(SERVING_S_MAX, self._watch, self._epoch)

    async def _fence(self, partition: Partition) -> None:
        """Be the only one who writes to the partition; what the former owner left open is ended by then."""
        await self._let_go(partition)
        producer = self._door.cluster.transactional_producer(f"{self._changelog}-{partition.number}")
        partition.producer = producer
        await producer.start()
        await producer.begin_transaction()  # returns with the producer id: fenced
        await producer.abort_transaction()  # of nothing, which sends nothing

    async def _let_go(self, partition: Partition) -> None:
        producer, partition.producer = partition.producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):  # it may be fenced: nothing is open any more
                async with asyncio.timeout(STOP_S_MAX):
                    await producer.stop()

    def _watch(self, epoch: int) -> None:
        if epoch == self._epoch and not self._is_serving:
            self._door.retire(TimeoutError(f"the table did not serve within {SERVING_S_MAX} s of its assignment"))

    async def _load(self) -> None:
        epoch, partitions = self._epoch, dict(self.partitions)
        began_s = time.monotonic()
        read = await self._read(epoch, partitions)
        if epoch != self._epoch:
            return
        for partition in partitions.values():
            partition.pipeline = self._door.make(partition.number, partition)
            partition.pending.clear()
            partition.is_loaded = True
        self._ready = epoch
        self.loaded_s = time.monotonic() - began_s
        rows = sum(len(partition.rows) for partition in partitions.values())
        took_s = round(self.loaded_s, 3)
        log_event.info(LogEvent.TABLE_LOADED, partitions=len(partitions), rows=rows, read=read, took_s=took_s)

    async def _read(self, epoch: int, partitions: dict[int, Partition]) -> int:
        """Rows from where each partition is up to where its changelog ended. Returns how many records were read."""
        reader, number_of_records = self._door.reader, 0
        ends = {TopicPartition(self._changelog, number): self._ends[number] for number in partitions}
        if not ends:
            return 0
        first = await reader.beginning_offsets(list(ends))
        if epoch != self._epoch:
            return 0
        reader.assign(list(ends))
        for tp in ends:
            reader.seek(tp, max(first[tp], partitions[tp.partition].loaded_to))
        behind = set(ends)
        while behind:
            for tp in sorted(behind):  # by position: the last offset is a transaction's marker, not a record
                if await reader.position(tp) >= ends[tp]:
                    behind.discard(tp)
                    reader.pause(tp)  # it stays assigned: aiokafka's fetcher breaks without an assignment
            if not behind:
                break
            found = await reader.getmany(*behind, timeout_ms=LOAD_WAIT_MS)
            if epoch != self._epoch:
                return 0
            for tp, records in found.items():
                partition = partitions[tp.partition]
                partition.is_loaded = False  # until the end is reached, also where it was kept
                partition.apply({record.key.decode(): record.value for record in records})
                partition.loaded_to = records[-1].offset + 1
                partition.used_s = time.monotonic()
                number_of_records += len(records)
        return number_of_records

    # Writing.

    def writable(self, number: int, generation_id: int | None) -> bool:
        """Whether a record of that partition, delivered in that generation of the group, may be applied here."""
        return self._is_serving and generation_id == self._generation and number in self.partitions

    async def commit(self, number: int, outputs: Sequence[Output]) -> None:
        """Write the changes of a partition and these outputs, all or nothing, to the partition of the same number.

        Raises: ProducerFenced when another process has the partition; KafkaError. The rows are not to be used then.
        """
        partition = self.partitions[number]
        changes = partition.take_pending()
        producer = partition.producer
        assert producer is not None, "an assigned partition has one"
        partition.is_writing = True
        self._writing += 1
        self._at_rest.clear()
        try:
            by_topic: dict[str, list[Item]] = {
                self._changelog: [(key.encode(), row, []) for key, row in changes.items()]
            }
            for topic, item in outputs:
                by_topic.setdefault(topic, []).append(item)
            async with producer.transaction():
                ends = await asyncio.gather(
                    *(send_records(producer, t, number, items) for t, items in by_topic.items())
                )
            partition.apply(changes)
            partition.loaded_to = max(partition.loaded_to, ends[0] + 1)  # behind the marker of the commit
            partition.used_s = time.monotonic()
            partition.is_writing = False
        finally:
            self._writing -= 1
            if not self._writing:
                self._at_rest.set()

    async def leave(self) -> None:
        """Stop the producers: the process ends."""
        self.suspend()
        await asyncio.gather(*(self._let_go(partition) for partition in self.partitions.values()))


def target_of(applied: int, first: int) -> int:
    """The offset to go on at behind the one that was applied last (-1: none), in an input that begins at `first`.

    What ends a transaction is a marker and no record: an input whose records were all applied, and have all grown too
    old since, begins behind it. Had a record stood there instead, the cursor of the next one would not follow.
    """
    return first if applied < 0 or first == applied + 2 else applied + 1


def register() -> None:
    """Make `door://` known to Faust."""
    STORES.aliases[SCHEME] = f"{__name__}:{Store.__name__}"
