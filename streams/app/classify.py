"""The classification agent (`faultline classify`): fingerprints that want a verdict -> questions -> verdicts.

The alias rules run beside it (`aliasing`).

Who is asked is an argument. A question holds fingerprints of several partitions: full, or old, or long enough; some
questions are under way at once. The group's position passes a record when the broker has what came of it and of all
before it in its partition: after a crash a question may be asked twice, and none is lost.
Faust's own acknowledgements are not used: past each marker of a transaction they take a commit of their own, so that
with markers between the records they stay behind for minutes, and a start would ask again what was answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import structlog
from aiokafka import AIOKafkaProducer
from faust.types import TP

from streams.app.aliasing import aliasing
from streams.app.ending import end
from streams.app.ledger import Entry, Ledger
from streams.app.worker import WAITING_FOR, DoorApp, consumer_of, create_app, raw_topic, run_worker
from streams.broker.clients import Cluster, close
from streams.broker.headers import Headers, traced
from streams.broker.outgoing import outgoing
from streams.broker.reject import rejected
from streams.contract import topics
from streams.contract.alias import Alias
from streams.contract.classified import Unseen
from streams.contract.errors import MalformedRecord
from streams.contract.telemetry import QUESTIONS_OPEN, REJECTED, LogEvent, Observer
from streams.contract.verdict import Unanswered, Verdict
from streams.contract.wire import from_bytes
from streams.core.aliaser import Aliaser, Neighbour
from streams.core.batch import Batcher

ROLE: Final = "classify"
TAKE_RECORDS_MAX: Final = 50
TAKE_WITHIN_S: Final = 0.1
TURN_S: Final = 0.05
"""How often it is looked whether a batch is due."""
BUFFER_RECORDS_MAX: Final = 1_000
"""Records that Faust holds for the agent: more would only be delivered again after a crash."""
COMMIT_EVERY_S: Final = 0.5
STOP_S_MAX: Final = 5.0
"""How long what runs beside the agent may take to end: a client may swallow its cancellation."""
DRAIN_S_MAX: Final = 15.0
"""How long questions under way are waited for when the process is to end."""

log_event = structlog.get_logger("faultline.role")

Answer = Verdict | Unanswered | Alias
Commit = Callable[[Mapping[int, int]], Awaitable[bool]]
"""By partition, the next offset to be read. Returns whether the broker has it."""
Ask = Callable[[Sequence[Unseen], Mapping[str, Sequence[Neighbour]]], Awaitable[Sequence[Answer]]]
"""Takes fingerprints, and by fingerprint what it may be the same problem as. One `Verdict` or `Unanswered` for each,
whatever happens, and aliases; it has its own deadline. An exception ends the process."""


@dataclass(frozen=True, slots=True)
class ClassifyOptions:
    """When a question is full, and how many may be under way."""

    batch_size: int = 50
    batch_age_max_s: float = 2.0
    """After its first fingerprint."""
    batch_chars_max: int = 60_000
    """Characters of samples and templates."""
    questions_max: int = 4
    app_version: str = ""


@dataclass(slots=True)
class _Asked:
    """A fingerprint on its way into a question."""

    entry: Entry
    unseen: Unseen
    trace: Headers


class Classifying:
    """What the agent does with the records that it is given. Lives in one event loop."""

    def __init__(
        self,
        cluster: Cluster,
        producer: AIOKafkaProducer,
        observer: Observer,
        ask: Ask,
        options: ClassifyOptions,
        *,
        commit: Commit,
        generation: Callable[[], int],
        near: Callable[[Unseen], Sequence[Neighbour]] = lambda _: (),
        known: Callable[[str], Verdict | None] = lambda _: None,
        now_s: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        retire: Callable[[BaseException], NoReturn] = end,
    ) -> None:
        """`generation`: of the group, at present. `near`: what may be the same problem as a fingerprint.
        `known`: the verdict that its group has, so that nobody is asked.
        """
        self._cluster = cluster
        self._producer = producer
        self._observer = observer
        self._ask = ask
        self._options = options
        self._commit = commit
        self._generation = generation
        self._near = near
        self._known = known
        self._now_s = now_s
        self._now_ms = now_ms
        self._retire = retire
        self._ledger = Ledger()
        self._batcher = Batcher[_Asked](options.batch_size, options.batch_age_max_s, options.batch_chars_max)
        self._room = asyncio.Semaphore(options.questions_max)
        self._under_way: dict[asyncio.Task[None], int] = {}
        self._is_draining = False

    async def take(self, events: Sequence[Any]) -> None:
        """Records in the order in which they were delivered. Waits while as many questions are open as may be."""
        for event in events:
            if self._is_draining:
                return  # it comes again
            message = event.message
            entry = self._ledger.take(message.partition, message.offset, message.generation_id)
            if entry is None:
                continue
            try:
                unseen = from_bytes(Unseen, message.value or b"")
            except MalformedRecord as error:
                await self._reject(message, error)
                self._ledger.finish([entry])
                continue
            full = self._batcher.add(
                _Asked(entry, unseen, traced([message.headers])), size=_chars(unseen), now_s=self._now_s()
            )
            if full:
                await self._put(full)

    async def watch(self) -> None:
        """Ask what is due, and commit what is done. Ends by cancellation."""
        committed_s = self._now_s()
        try:
            while True:
                if self._now_s() - committed_s >= COMMIT_EVERY_S:
                    await self.commit()
                    committed_s = self._now_s()
                due_s = self._batcher.due_in_s(self._now_s())
                if due_s == 0 and not self._is_draining:
                    await self._put(self._batcher.take())
                else:
                    await asyncio.sleep(min(TURN_S, TURN_S if due_s is None else due_s))
        except Exception as error:  # noqa: BLE001  # nobody else looks at this task
            self._retire(error)

    async def drain(self) -> None:
        """Finish what is being asked, and commit; what is not asked yet comes again."""
        self._is_draining = True
        if self._under_way:  # from here on none is added
            await asyncio.wait(self._under_way, timeout=DRAIN_S_MAX)
        if self._under_way:
            log_event.warning(
                LogEvent.QUESTIONS_LEFT, batches=len(self._under_way), items=sum(self._under_way.values())
            )
        for task in list(self._under_way):
            task.cancel()
        await self.commit()

    async def commit(self) -> None:
        """Say how far all is done."""
        generation = self._generation()
        positions = self._ledger.positions(generation)
        if positions and await self._commit(positions):
            self._ledger.commit(positions, generation)

    async def _put(self, batch: list[_Asked]) -> None:
        await self._room.acquire()
        if self._is_draining:
            self._room.release()
            return  # they come again
        task = asyncio.create_task(self._answered(batch))
        self._under_way[task] = len(batch)
        task.add_done_callback(self._over)
        self._observer.set(QUESTIONS_OPEN, len(self._under_way))

    def _over(self, task: asyncio.Task[None]) -> None:
        self._room.release()
        self._under_way.pop(task, None)
        self._observer.set(QUESTIONS_OPEN, len(self._under_way))
        if not task.cancelled() and (error := task.exception()) is not None:
            self._retire(error)

    async def _answered(self, batch: list[_Asked]) -> None:
        answers: list[Answer] = []
        asking: list[_Asked] = []
        near: dict[str, Sequence[Neighbour]] = {}
        for asked in batch:
            key, recheck = asked.unseen.fingerprint.value, asked.unseen.asking_because == "recheck"
            verdict = None if recheck else self._known(key)
            if verdict is not None:
                answers.append(verdict)
                continue
            near[key] = self._near(asked.unseen)
            asking.append(asked)
            await asyncio.sleep(0)
        if asking:
            found = await self._ask([asked.unseen for asked in asking], near)
            _check(asking, found)
            answers += found
        traces = {asked.unseen.fingerprint.value: asked.trace for asked in batch}
        sent = [
            await self._send(answer, [] if isinstance(answer, Alias) else traces[answer.fingerprint])
            for answer in answers
        ]
        await asyncio.gather(*sent)
        self._ledger.finish(asked.entry for asked in batch)

    async def _send(self, answer: Answer, trace: Headers) -> asyncio.Future[Any]:
        out = outgoing(answer, source=ROLE, at_ms=self._now_ms(), trace=trace)
        topic = self._cluster.topic(out.topic)
        sent: asyncio.Future[Any] = await self._producer.send(topic, out.value, key=out.key, headers=out.headers)
        return sent

    async def _reject(self, message: Any, error: MalformedRecord) -> None:
        out = rejected(
            message.value or b"",
            error,
            key=message.key,
            headers=message.headers,
            topic=topics.UNSEEN.name,
            partition=message.partition,
            offset=message.offset,
            stage=ROLE,
            at_ms=self._now_ms(),
            app_version=self._options.app_version,
        )
        topic = self._cluster.topic(out.topic)
        await self._producer.send_and_wait(
            topic, out.value, key=out.key, partition=message.partition, headers=out.headers
        )
        self._observer.add(REJECTED, 1, topics.UNSEEN.name)


def _chars(unseen: Unseen) -> int:
    return len(unseen.fingerprint.template) + sum(len(sample.text) for sample in unseen.samples)


def _check(batch: Sequence[_Asked], answers: Sequence[Answer]) -> None:
    """Raises: ValueError unless there is one answer for each fingerprint."""
    asked = sorted({item.unseen.fingerprint.value for item in batch})
    answered = [answer.fingerprint for answer in answers if not isinstance(answer, Alias)]
    if sorted(set(answered)) != asked or len(answered) > len(batch):
        raise ValueError(f"{len(answers)} answers for {len(batch)} questions, or for others than were asked")


def create_classify_app(
    cluster: Cluster,
    take: Callable[[Sequence[Any]], Awaitable[None]],
    *,
    retire: Callable[[BaseException], NoReturn] = end,
) -> DoorApp:
    """The app with its one agent, over all partitions that the process has: a question crosses them."""
    app = create_app(cluster, ROLE, buffer_records_max=BUFFER_RECORDS_MAX)
    unseen = raw_topic(app, cluster.topic(topics.UNSEEN))

    async def ask(stream: Any) -> None:
        try:
            # its `within` counts from the last flush, not from the first record: batches are made by the batcher
            async for events in stream.noack_take(TAKE_RECORDS_MAX, within=TAKE_WITHIN_S):
                await take(events)
        except Exception as error:  # noqa: BLE001  # Faust would start the agent again and pass what it held
            retire(error)

    app.agent(unseen, name="ask")(ask)
    return app


async def run_classify(
    cluster: Cluster, observer: Observer, stop: asyncio.Event, ask: Ask, options: ClassifyOptions
) -> None:
    """Work until `stop` is set. Raises: ConfigurationError, SinkUnavailable."""
    producer = await cluster.start(
        cluster.producer, stop=stop, on_waiting=lambda what: observer.waiting_for(what or WAITING_FOR)
    )

    name = cluster.topic(topics.UNSEEN)

    async def commit(positions: Mapping[int, int]) -> bool:
        return await consumer_of(app).commit_positions({TP(name, number): at for number, at in positions.items()})

    aliaser = Aliaser()
    classifying = Classifying(
        cluster,
        producer,
        observer,
        ask,
        options,
        commit=commit,
        generation=lambda: app.consumer_generation_id,
        near=aliaser.near,
        known=aliaser.sharing.known,
    )
    app = create_classify_app(cluster, classifying.take)
    app.before_revoked = classifying.commit
    watching = asyncio.create_task(classifying.watch())
    comparing = asyncio.create_task(aliasing(cluster, producer, stop, aliaser, observer, source=ROLE))
    try:
        await run_worker(app, observer, stop, before_stop=classifying.drain)
    finally:
        watching.cancel()
        comparing.cancel()
        await asyncio.wait({watching, comparing}, timeout=STOP_S_MAX)
        await close(producer)
