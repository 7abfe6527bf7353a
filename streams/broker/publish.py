"""The port `Publisher` over Kafka: what a caller was told is taken, all replicas have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)

from streams.broker.admin import check
from streams.broker.clients import Cluster, close
from streams.broker.headers import TRACE_PARENT, event_headers, traced
from streams.broker.outgoing import Outgoing, outgoing
from streams.broker.reject import rejected
from streams.contract import telemetry, topics
from streams.contract.alias import Alias
from streams.contract.errors import FaultlineError, LogFull, MalformedRecord, SinkUnavailable
from streams.contract.failure import Failure
from streams.contract.telemetry import LogEvent, Observer
from streams.contract.topics import Topic
from streams.contract.verdict import Verdict
from streams.core.baselines import Written
from streams.core.envelopes import envelopes
from streams.core.partition import partition_of

TOPICS: Final = (topics.CI, topics.BENCHMARK, topics.VERDICTS, topics.ALIASES, topics.BASELINES, topics.REJECTED)
WAITING_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of values that no broker has acknowledged yet, past which callers are told to come later."""
ANSWER_S_MAX: Final = 30.0
"""How long a caller waits for the brokers. The producer itself goes on: what it delivers after all is a repeat when
the caller sends it again."""
RETRY_AFTER_S: Final = 2.0
RENEWAL_S_MAX: Final = 60.0
SPENT: Final = (OutOfOrderSequenceNumber, UnknownProducerId, ProducerFenced, InvalidProducerEpoch)
"""After these a producer never writes to that partition again. aiokafka 0.14 numbers a batch also when it gives it up
because its partition has had no leader for long, and brokers refuse whatever stands behind the gap."""

log_event = structlog.get_logger("faultline.kafka")


class KafkaPublisher:
    """One idempotent producer. Made by `start`, given back by `close`; between them safe for many callers at once."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        source: str,
        now_ms: Callable[[], int],
        observer: Observer | None = None,
        app_version: str = "",
        answer_s_max: float = ANSWER_S_MAX,
        waiting_bytes_max: int = WAITING_BYTES_MAX,
    ) -> None:
        """`source`: who publishes, as CloudEvents' `source` and as the stage of what is rejected: `gateway`."""
        self._cluster = cluster
        self._source = source
        self._now_ms = now_ms
        self._observer = observer
        self._app_version = app_version
        self._answer_s_max = answer_s_max
        self._waiting_bytes_max = waiting_bytes_max
        self._producer: AIOKafkaProducer = None
        self._renewal: asyncio.Task[None] | None = None
        self._waiting_bytes = 0

    async def start(
        self,
        *,
        stop: asyncio.Event | None = None,
        deadline_s: float | None = None,
        on_waiting: Callable[[str], None] | None = None,
    ) -> None:
        """Connect, and see that the topics are there.

        Raises: ConfigurationError, with the way out; as `Cluster.start`, when no broker answers.
        """
        await check(self._cluster, TOPICS, stop=stop, deadline_s=deadline_s, on_waiting=on_waiting)
        self._producer = await self._cluster.start(
            self._cluster.producer, stop=stop, deadline_s=deadline_s, on_waiting=on_waiting
        )

    async def close(self) -> None:
        """Send what waits, and disconnect."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait({self._renewal})
        if self._producer is not None:
            await close(self._producer)

    async def publish(self, failures: Sequence[Failure], *, traceparent: str = "") -> None:
        """Durable when it returns. See `Publisher`."""
        at_ms = self._now_ms()
        trace = traced([[(TRACE_PARENT, traceparent.encode())]])
        accepted: dict[Topic, int] = {}
        records = []
        for one in envelopes(failures):
            headers = event_headers(kind=one.topic.name, id_=one.first_id, source=self._source, at_ms=at_ms)
            records.append(Outgoing(one.topic, one.key.encode(), one.value, headers + trace))
            accepted[one.topic] = accepted.get(one.topic, 0) + one.failures
        await self._sent(records)
        if self._observer is not None:
            for topic, number in accepted.items():
                self._observer.add(telemetry.ACCEPTED, number, topic.name)

    async def reject(self, data: bytes, error: MalformedRecord, *, place: str) -> None:
        """Keep what was refused at the door, with its reason."""
        out = rejected(
            data,
            error,
            key=None,
            headers=(),
            topic=place,
            partition=-1,
            offset=-1,
            stage=self._source,
            at_ms=self._now_ms(),
            app_version=self._app_version,
        )
        await self._sent([out])

    async def decide(self, verdict: Verdict) -> None:
        """A verdict that is not computed here."""
        await self._sent([outgoing(verdict, source=self._source, at_ms=self._now_ms())])

    async def alias(self, alias: Alias) -> None:
        """What a person said of two fingerprints."""
        await self._sent([outgoing(alias, source=self._source, at_ms=self._now_ms())])

    async def keep(self, written: Sequence[Written]) -> None:
        """What passing runs of a job printed: all of a job in one partition, in this order. Raises as `publish`."""
        records = []
        for one in written:
            headers = event_headers(kind=topics.BASELINES.name, id_=one.key, source=self._source, at_ms=self._now_ms())
            partition = partition_of(one.job.key, self._cluster.partitions)
            records.append(Outgoing(topics.BASELINES, one.key.encode(), one.value, headers, partition))
        await self._sent(records)

    async def _sent(self, records: Sequence[Outgoing]) -> None:
        """Hand them over and wait until all are acknowledged."""
        if self._producer is None:
            raise SinkUnavailable(
                f"Kafka at {self._cluster.bootstrap} has not answered yet", retry_after_s=RETRY_AFTER_S
            )
        size = sum(len(record.value or b"") for record in records)
        if self._waiting_bytes and self._waiting_bytes + size > self._waiting_bytes_max:
            raise LogFull(
                f"{self._waiting_bytes} bytes wait for Kafka already, {self._waiting_bytes_max} may",
                retry_after_s=RETRY_AFTER_S,
            )
        self._waiting_bytes += size
        sending = asyncio.ensure_future(self._acknowledged(records))
        sending.add_done_callback(lambda done: self._gone(done, size))
        try:
            async with asyncio.timeout(self._answer_s_max):
                await asyncio.shield(sending)
        except TimeoutError as error:
            raise SinkUnavailable(
                f"Kafka at {self._cluster.bootstrap} did not answer in {self._answer_s_max:g} s",
                retry_after_s=RETRY_AFTER_S,
            ) from error
        except (KafkaError, OSError) as error:
            if isinstance(error, SPENT) and (self._renewal is None or self._renewal.done()):
                self._renewal = asyncio.create_task(self._renew(self._producer))
            raise SinkUnavailable(
                f"Kafka at {self._cluster.bootstrap} did not take it ({error!r})", retry_after_s=RETRY_AFTER_S
            ) from error

    async def _renew(self, spent: AIOKafkaProducer) -> None:
        """Take another producer in the place of one that is spent. When no broker answers, the next caller asks again.

        Until then the spent one goes on: other partitions may still take what it sends.
        """
        try:
            self._producer = await self._cluster.start(self._cluster.producer, deadline_s=RENEWAL_S_MAX)
        except FaultlineError as error:
            log_event.warning(LogEvent.KAFKA_AWAY, brokers=self._cluster.bootstrap, reason=str(error))
            return
        await close(spent)

    async def _acknowledged(self, records: Sequence[Outgoing]) -> None:
        producer = self._producer
        sent = []
        for one in records:
            sent.append(
                await producer.send(
                    self._cluster.topic(one.topic),
                    one.value,
                    key=one.key,
                    headers=one.headers,
                    partition=one.partition,
                )
            )
        await asyncio.gather(*sent)

    def _gone(self, done: asyncio.Future[None], size: int) -> None:
        self._waiting_bytes -= size
        if not done.cancelled():
            done.exception()  # its caller may be gone; the broker's word is not news to anybody else
