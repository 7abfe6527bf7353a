"""The fold role: raw records -> `FoldBatch`es, each stretch of an input partition in one transaction.

Every input partition has a task, and every task a transactional producer of its own. When a partition changes hands,
the new owner first starts that producer, which fences the former owner and ends what it left open; only then does it
ask for the committed offset, and only from there does it read. The client library sends no generation of the group
with the offsets, so the producer's id is the only fence.
Nothing is repaired here: whatever goes wrong in a task ends the role, and the process starts again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from streams.broker.admin import check
from streams.broker.clients import GATHER_MS, Cluster, Stopping, close
from streams.broker.fold_partition import (
    INPUTS,
    ROLE,
    STRETCH,
    FoldedPartition,
    FoldLimits,
    Shared,
)
from streams.contract import topics
from streams.contract.telemetry import Observer
from streams.contract.topics import Topic
from streams.core.intake import FoldStage

OUTPUTS: Final[tuple[Topic, ...]] = (topics.FOLDED, topics.REJECTED)

REVOKE_S_MAX: Final = 8.0
"""Within the time that a group gives its members to let go."""
CHECK_S: Final = 1.0


async def fold(
    cluster: Cluster,
    stage: FoldStage,
    *,
    observer: Observer,
    stop: asyncio.Event,
    now_ms: Callable[[], int],
    limits: FoldLimits | None = None,
) -> None:
    """Fold what comes in until `stop` is set.

    Raises:
        ConfigurationError: topics are missing, the brokers refuse us, or too much cannot be read (`TooManyRejected`).
        Exception: anything else; the process is to end, and to start again.
    """
    with contextlib.suppress(Stopping):
        await check(
            cluster, (*INPUTS, *OUTPUTS), stop=stop, on_waiting=lambda what: observer.waiting_for(what or "its topics")
        )
        await _Role(Shared(cluster, stage, observer, now_ms, limits or FoldLimits())).run(stop)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """The group's word about partitions. The library only logs what is raised here, so nothing is."""

    def __init__(self, role: _Role) -> None:
        self._role = role

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._role.let_go(revoked)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._role.take_over(assigned)


class _Role:
    """One process of the role: a member of the group, with a task a partition."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._tasks: dict[TopicPartition, asyncio.Task[None]] = {}
        self._has_joined = False
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, stop: asyncio.Event) -> None:
        """Belong to the group until `stop` is set. Raises what went wrong in any task."""
        self._shared.consumer = await self._shared.cluster.start(
            self._subscribed,
            stop=stop,
            on_waiting=lambda what: self._shared.observer.waiting_for(what or "its partitions"),
        )
        if self._has_joined:
            self._shared.observer.waiting_for("")
        stopped = asyncio.ensure_future(stop.wait())
        try:
            while not stopped.done():
                await asyncio.wait((stopped, self._failed), timeout=CHECK_S, return_when=asyncio.FIRST_COMPLETED)
                if self._failed.done():
                    self._failed.result()
                self._shared.consumer._coordinator.check_errors()  # noqa: SLF001  # without partitions nobody else would ask
        finally:
            stopped.cancel()
            await self.let_go(set(self._tasks))
            await close(self._shared.consumer)
            if self._failed.done() and not self._failed.cancelled():
                self._failed.exception()  # seen: a second failure on the way out is not news

    def fail(self, error: BaseException) -> None:
        """End the role."""
        if not self._failed.done():
            self._failed.set_exception(error)

    async def take_over(self, assigned: set[TopicPartition]) -> None:
        """Begin with these partitions. Returns at once: the group sends no heartbeats meanwhile."""
        await self.let_go(set(self._tasks))  # an assignment can come without a word before it
        for place in assigned:
            task = asyncio.create_task(
                FoldedPartition(self._shared, place).run(), name=f"fold {place.topic}/{place.partition}"
            )
            task.add_done_callback(self._ended)
            self._tasks[place] = task
        self._has_joined = True
        self._shared.observer.waiting_for("")

    async def let_go(self, revoked: set[TopicPartition]) -> None:
        """End the tasks of these partitions; open transactions are given up."""
        tasks = {self._tasks.pop(place) for place in revoked if place in self._tasks}
        for place in revoked:
            self._shared.forget_lag(place)
        for task in tasks:
            task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=REVOKE_S_MAX)
            if late:
                self.fail(TimeoutError(f"{len(late)} partitions were not let go within {REVOKE_S_MAX} s"))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def _subscribed(self) -> AIOKafkaConsumer:
        consumer = self._shared.cluster.consumer(
            group=self._shared.cluster.group(ROLE), poll_records_max=STRETCH["records_max"], gather_ms=GATHER_MS
        )
        consumer.subscribe([self._shared.cluster.topic(topic) for topic in INPUTS], listener=_Listener(self))
        self._shared.consumer = consumer  # the listener may be called before `start` returns
        return consumer
