"""Where the brokers are, what our topics and groups are called there, and clients with the settings that were tested.

Clients of aiokafka cannot start while the brokers are away; `Cluster.start` waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    KafkaError,
)

from streams.broker.security import Security, why
from streams.contract.errors import SinkUnavailable
from streams.contract.telemetry import LogEvent
from streams.contract.topics import PARTITIONS_DEFAULT, Topic
from streams.settings import Settings

START_PAUSE_S: Final = (1.0, 2.0)
"""Between two attempts to start: somewhere in this range, so that roles do not come all at once."""
START_ATTEMPT_S: Final = 30.0
CLOSE_S: Final = 4.0
"""For a client to stop; the members of a group wait for one that leaves no longer than its session."""
SILENT_S_MAX: Final = 2.0
"""How long an attempt may take before whoever waits is told what for."""
TOLD_EVERY_S: Final = 30.0
"""How often a start that goes on waiting says so."""

FETCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of one partition in one fetch."""
FETCH_ALL_BYTES_MAX: Final = 16 * 1024 * 1024
POLL_RECORDS_MAX: Final = 2_000
FETCH_WAIT_MS: Final = 100
GATHER_BYTES: Final = 64 * 1024
"""Compressed, of all partitions together: a broker that has less for a role lets more come in first, at most
`gather_ms`. A transaction and a call to a store cost about as much for one failure as for a hundred, and a batch of the
tables tells each count in it once."""
GATHER_MS: Final = 200
POLL_INTERVAL_MS_MAX: Final = 24 * 3_600_000
"""A member that does not ask for records keeps its partitions as long: a store may be away for hours. That a process
is alive is what its heartbeats say."""
BATCH_BYTES_MAX: Final = 256 * 1024
REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024
"""What a client of ours accepts of one record; what a broker accepts is the topic's `max.message.bytes`."""
COMPRESSION: Final = "zstd"
"""Of our records it makes a thirteenth at 590 MB/s. aiokafka writes lz4 at its highest level: an eighth at 140 MB/s,
which was half of the stream agent's work."""
REQUEST_TIMEOUT_MS: Final = 60_000
TRANSACTION_TIMEOUT_MS: Final = 10_000
"""How long what a killed process left open hides what is behind it, at most."""

log_event = structlog.get_logger("faultline.kafka")


class Stopping(Exception):
    """Told to stop while waiting for something. A role ends with it as if its work were done."""


class Client(Protocol):
    """What producers, consumers and admin clients have in common."""

    async def start(self) -> None:
        """Connect. Raises `KafkaError` at once while no broker answers."""


C = TypeVar("C", bound=Client)


@dataclass(frozen=True, slots=True)
class GroupTiming:
    """How soon a group notices that a member is gone. Brokers have a lower bound for the session, 6 s as shipped."""

    session_ms: int = 6_000
    heartbeat_ms: int = 1_000
    rebalance_ms: int = 10_000
    """How long members have to give back what they work on when another one comes or goes."""


@dataclass(slots=True)
class _Told:
    """When the log was told that no broker answers: many clients wait at once, one line is enough."""

    at_s: float | None = None


@dataclass(frozen=True)
class Cluster:
    """The brokers of one installation. Everything that it names there begins with `prefix`."""

    bootstrap: str
    prefix: str = ""
    partitions: int = PARTITIONS_DEFAULT
    replication: int = 1
    security: Security = field(default_factory=Security)
    timing: GroupTiming = field(default_factory=GroupTiming)
    on_waiting: Callable[[str], None] = field(default=lambda _: None, repr=False, compare=False)
    """Told of every start that has to wait, unless the start has somebody else to tell."""
    _told: _Told = field(default_factory=_Told, repr=False, compare=False)

    @classmethod
    def of(cls, settings: Settings, *, on_waiting: Callable[[str], None] = lambda _: None) -> Cluster:
        """As the settings say."""
        password = settings.kafka_password
        return cls(
            bootstrap=settings.kafka,
            prefix=settings.topic_prefix,
            partitions=settings.partitions,
            replication=settings.replication,
            security=Security(
                protocol=settings.kafka_security,
                ca=settings.kafka_ca,
                user=settings.kafka_user,
                password="" if password is None else password.get_secret_value(),
            ),
            on_waiting=on_waiting,
        )

    def topic(self, topic: Topic) -> str:
        """Its name on the brokers."""
        return self.prefix + topic.name

    def group(self, role: str) -> str:
        """The consumer group of a role."""
        return f"{self.prefix}faultline-{role}"

    def transactional_id(self, role: str, topic: Topic, partition: int) -> str:
        """One for each input partition: whoever starts with it fences its former owner."""
        return f"{self.group(role)}-{topic.name}-{partition}"

    def producer(self) -> AIOKafkaProducer:
        """Idempotent, acknowledged by all replicas; keys find their partition as with every client (murmur2)."""
        return AIOKafkaProducer(
            **self._everywhere,
            acks="all",
            enable_idempotence=True,
            compression_type=COMPRESSION,
            linger_ms=5,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    def transactional_producer(
        self, transactional_id: str, *, timeout_ms: int = TRANSACTION_TIMEOUT_MS
    ) -> AIOKafkaProducer:
        """For one input partition, with transactions of at most `timeout_ms`.

        Once it has started, the former owner of the id is fenced.

        What that one left open has been ended by then, so the committed offset is to be asked for afterwards.
        """
        return AIOKafkaProducer(
            **self._everywhere,
            transactional_id=transactional_id,
            transaction_timeout_ms=timeout_ms,
            acks="all",
            compression_type=COMPRESSION,
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=REQUEST_BYTES_MAX,
            retry_backoff_ms=20,
            request_timeout_ms=30_000,
        )

    def consumer(
        self,
        *names: str,
        group: str | None = None,
        poll_records_max: int = POLL_RECORDS_MAX,
        gather_ms: int = 0,
        offset_reset: Literal["earliest", "latest"] = "earliest",
    ) -> AIOKafkaConsumer:
        """Reads what is committed and commits nothing by itself. `names`: as the brokers know the topics.

        Without a group it is a reader whose partitions are assigned by hand. `gather_ms`: how long little waits at the
        brokers for more to come, see GATHER_BYTES; 0: what is there comes at once.
        """
        return AIOKafkaConsumer(
            *names,
            **self._everywhere,
            group_id=group,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset=offset_reset,
            max_poll_records=poll_records_max,
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            fetch_max_bytes=FETCH_ALL_BYTES_MAX,
            fetch_min_bytes=GATHER_BYTES if gather_ms else 1,
            fetch_max_wait_ms=gather_ms or FETCH_WAIT_MS,
            session_timeout_ms=self.timing.session_ms,
            heartbeat_interval_ms=self.timing.heartbeat_ms,
            rebalance_timeout_ms=self.timing.rebalance_ms,
            max_poll_interval_ms=POLL_INTERVAL_MS_MAX,
            request_timeout_ms=40_000,
        )

    def admin(self) -> AIOKafkaAdminClient:
        """Topics and groups. To be closed with `close`, not `stop`."""
        return AIOKafkaAdminClient(**self._everywhere, request_timeout_ms=30_000)

    async def start(
        self,
        make: Callable[[], C],
        *,
        stop: asyncio.Event | None = None,
        deadline_s: float | None = None,
        on_waiting: Callable[[str], None] | None = None,
    ) -> C:
        """Make a client and start it; while no broker answers, again and again with a pause of START_PAUSE_S.

        `on_waiting`, or else the cluster's own, is told within SILENT_S_MAX what it waits for, and the empty text once
        the client has started.

        Raises:
            ConfigurationError: what waiting will not heal.
            SinkUnavailable: no broker answered within `deadline_s`.
            Stopping: `stop` was set meanwhile.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        tell = on_waiting or self.on_waiting
        while True:
            client = make()
            silence = loop.call_later(SILENT_S_MAX, tell, f"Kafka at {self.bootstrap} (it has not answered yet)")
            try:
                async with asyncio.timeout(START_ATTEMPT_S):
                    await unless(stop, client.start())
            except (OSError, KafkaError, TimeoutError) as error:
                silence.cancel()
                await close(client)
                reason = await why(error, self.bootstrap, self.security, ids=self.group(""))
            except BaseException:
                silence.cancel()
                await close(client)
                raise
            else:
                silence.cancel()
                tell("")
                if self._told.at_s is not None:
                    self._told.at_s = None
                    log_event.info(LogEvent.KAFKA_BACK, brokers=self.bootstrap, after_s=round(loop.time() - began_s, 1))
                return client
            now_s = loop.time()
            pause_s = random.uniform(*START_PAUSE_S)
            if deadline_s is not None and now_s + pause_s - began_s > deadline_s:
                raise SinkUnavailable(
                    f"Kafka does not answer at {self.bootstrap} ({reason}): FAULTLINE_KAFKA says where it is; "
                    "what `faultline run` holds, which has no Kafka, its page shows",
                    retry_after_s=pause_s,
                )
            tell(f"Kafka at {self.bootstrap} ({reason})")
            is_due = self._told.at_s is None or now_s - self._told.at_s >= TOLD_EVERY_S
            if deadline_s is None and is_due:  # with a deadline, whoever called is told at its end
                self._told.at_s = now_s
                log_event.warning(LogEvent.KAFKA_AWAY, brokers=self.bootstrap, reason=reason)
            await unless(stop, asyncio.sleep(pause_s))

    @property
    def _everywhere(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.bootstrap, "client_id": "faultline", **self.security.arguments}


async def unless(stop: asyncio.Event | None, wanted: Any) -> Any:
    """What `wanted` (an awaitable) gives; it is cancelled when `stop` comes first.

    Raises: Stopping.
    """
    task = asyncio.ensure_future(wanted)
    if stop is None:
        return await task
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, stopped), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Stopping
    finally:
        for one in (task, stopped):
            one.cancel()
        await asyncio.wait((task, stopped))


async def close(*clients: Any) -> None:
    """Stop clients of any kind, also such as never started. What a broken connection says on the way is not news.

    A consumer whose assignment changed a moment ago may swallow its own cancellation and wait for ever; a second one
    ends it. So a client has CLOSE_S, and as much once more.
    """
    for client in clients:
        stopping = asyncio.ensure_future(client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())
        try:
            _, hanging = await asyncio.wait({stopping}, timeout=CLOSE_S)
            if hanging:
                stopping.cancel()
                await asyncio.wait({stopping}, timeout=CLOSE_S)
        except asyncio.CancelledError:
            stopping.cancel()
            raise
        if stopping.done() and not stopping.cancelled():
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                stopping.result()
