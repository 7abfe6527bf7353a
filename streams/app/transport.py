"""When records may be delivered. Faust's own consumer resumes partitions before it seeks them; this one does not.

The rule: nothing fetched before a seek is delivered after it, and nothing fetched after it is dropped. So from the
moment partitions are taken away until their positions are set, nothing is fetched at all (`held`), the seek waits for
the fetch under way, and each fetch belongs to the epoch in which it began.
Private parts of Faust and aiokafka that this touches are named in tests/unit/test_app_guards.py.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, Final, cast

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer
from faust.transport.drivers.aiokafka import Transport as KafkaTransport
from faust.types import TP

from streams.app.ending import end
from streams.app.store import Store
from streams.broker.clients import GATHER_BYTES, GATHER_MS
from streams.contract.telemetry import LogEvent

SCHEME: Final = "door"
FETCH_S_MAX: Final = 0.2
"""What one fetch waits for records: a seek has to wait for the fetch under way."""
HELD_S: Final = 0.02
COMMIT_S_MAX: Final = 3.0
"""For the last commit of partitions that are taken away: inside the group's callback no heartbeats are sent."""

log_event = structlog.get_logger("faultline.role")


class DoorThread(AIOKafkaConsumerThread):
    """The consumer's thread: reads what is committed, does not sleep on empty fetches, says when its group is lost."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # noqa: SLF001  # Faust offers it with its own transactions alone
        # Faust's 1,500 ms: every other request on the connection waits behind an empty fetch
        consumer._fetch_max_wait_ms = GATHER_MS  # noqa: SLF001
        consumer._fetch_min_bytes = GATHER_BYTES  # noqa: SLF001
        return consumer

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  # Faust's signature
        max_records: int | None = None,
    ) -> Any:
        consumer._coordinator.check_errors()  # noqa: SLF001  # else a fatal group error leaves the worker idle
        return await super()._fetch_records(consumer, active_partitions, timeout=timeout, max_records=max_records)

    def on_crash(self, msg: str, *fmt: Any, **_: Any) -> None:
        """Faust prints it; here it is a log line like any other."""
        log_event.error(LogEvent.FAUST_CRASHED, error=msg.format(*fmt), exception=traceback.format_exc())


class DoorConsumer(Consumer):
    """Delivers records of the partitions that this process has, from their positions on.

    The position is the one in the table where the app has a table, else the group's committed one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._held = True
        self._is_idle = False
        self._epoch = 0
        self._chunk_epoch = -1
        self._fetching = 0
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._seeking = asyncio.Lock()
        self.dropped = 0
        """Fetches that met a seek: what they brought is fetched again, from the new position on."""

    @property
    def is_working(self) -> bool:
        """Whether records may come, or none will because others have all partitions."""
        return not self._held or self._is_idle

    def _new_consumer_thread(self) -> DoorThread:
        return DoorThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _store(self) -> Store | None:
        for table in self.app.tables.values():
            return cast(Store, table.data)
        return None

    def _hold(self) -> None:
        self._held = True
        self._is_idle = False
        self._epoch += 1
        if self._store is not None:
            self._store.suspend()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Partitions are taken away: no new batches; what is being written is written to its end."""
        try:
            await self._last_commit()
            self._hold()
            await super().on_partitions_revoked(revoked)
            if self._store is not None:
                await self._store.drained()
        except Exception as error:  # noqa: BLE001  # the caller would only log it
            end(error)

    async def _last_commit(self) -> None:
        """What is done need not be done again by the next owner."""
        before = getattr(self.app, "before_revoked", None)
        if before is None:
            return
        try:
            async with asyncio.timeout(COMMIT_S_MAX):
                await before()
        except TimeoutError:
            log_event.warning(LogEvent.COMMIT_LEFT, after_s=COMMIT_S_MAX)

    async def commit_positions(self, positions: Mapping[TP, int]) -> bool:
        """Commit these positions of the group. Returns whether the broker has them: not between two assignments."""
        assignment = self.assignment()
        if self._held or not positions.keys() <= assignment:
            return False
        return await self._commit(positions)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Partitions are given. They can come without a revocation before."""
        try:
            self._hold()
            await super().on_partitions_assigned(assigned, generation_id)
            self._is_idle = not assigned
        except Exception as error:  # noqa: BLE001
            end(error)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Not before the positions are set: `perform_seek` does it itself."""
        if not self._held:
            super().resume_partitions(tps)

    async def perform_seek(self) -> None:
        """Set the positions and let records flow. Faust calls it once tables are loaded, and at times twice."""
        try:
            async with self._seeking:
                epoch = self._epoch
                try:
                    await self._seek_and_resume()
                except (IllegalStateError, AssertionError):  # partitions went while they were being sought
                    if epoch == self._epoch:
                        raise
        except Exception as error:  # noqa: BLE001
            end(error)

    async def _seek_and_resume(self) -> None:
        store, epoch = self._store, self._epoch
        if not self._held or (store is not None and not store.is_loaded):
            return  # done already, or a newer assignment follows
        await self._at_rest.wait()  # the thread serves two calls at a time: a seek would not wait by itself
        if store is None:
            await super().perform_seek()
        else:
            targets = await store.targets()
            if epoch != self._epoch:
                return
            await self.seek_wait(targets)  # in the consumer's thread; `seek` could lose against a fetch
        if epoch != self._epoch:
            return
        self._epoch += 1
        self._held = False
        super().resume_partitions({tp for tp in self.assignment() if not self._is_changelog_tp(tp)})
        if store is not None:
            store.serve()

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        if self._held:
            await asyncio.sleep(HELD_S)
            return {}
        epoch = self._epoch
        self._fetching += 1
        self._at_rest.clear()
        try:
            # a copy: Faust's own set changes while the fetch waits, and would let resumed partitions in
            wanted = None if active_partitions is None else set(active_partitions)
            records = await super()._getmany(wanted, min(timeout, FETCH_S_MAX))
        finally:
            self._fetching -= 1
            if not self._fetching:
                self._at_rest.set()
        if epoch != self._epoch:
            self._drop(sum(map(len, records.values())))
            return {}
        self._chunk_epoch = epoch
        return records

    async def getmany(self, timeout: float) -> AsyncIterator[Any]:  # noqa: ASYNC109
        """Records of the fetch under way, as long as no seek has come between."""
        async with aclosing(cast(AsyncGenerator[Any, None], super().getmany(timeout))) as found:
            async for item in found:
                if self._chunk_epoch != self._epoch:
                    self._drop(1)
                    return
                yield item

    def _drop(self, records: int) -> None:
        if records:
            self.dropped += 1
            log_event.info(LogEvent.FETCH_DROPPED, records=records, dropped=self.dropped)


class Transport(KafkaTransport):
    """Kafka through the door."""

    Consumer: ClassVar[type[DoorConsumer]] = DoorConsumer


def register() -> None:
    """Make `door://` known to Faust."""
    TRANSPORTS.aliases[SCHEME] = f"{__name__}:{Transport.__name__}"
