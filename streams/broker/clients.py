"""Where the brokers are, what our topics and groups are called there, and clients with the settings that were tested.

Clients of aiokafka cannot start while the brokers are away; `Cluster.start` waits for them, and tells apart what
waiting heals from what it does not: a wrong password, a certificate nobody here trusts, TLS on one side only.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.telemetry import LogEvent
from streams.contract.topics import PARTITIONS_DEFAULT, Topic
from streams.settings import Settings

START_PAUSE_S: Final = (1.0, 2.0)
"""Between two attempts to start: somewhere in this range, so that roles do not come all at once."""
START_ATTEMPT_S: Final = 30.0
PROBE_S: Final = 5.0
CLOSE_S: Final = 4.0
"""For a client to stop; the members of a group wait for one that leaves no longer than its session."""
TOLD_EVERY_S: Final = 30.0
"""How often a start that goes on waiting says so."""

FETCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of one partition in one fetch."""
FETCH_ALL_BYTES_MAX: Final = 16 * 1024 * 1024
POLL_RECORDS_MAX: Final = 2_000
FETCH_WAIT_MS: Final = 100
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

CREDENTIAL_ERRORS: Final = (SaslAuthenticationFailed, AuthenticationFailedError)
MECHANISM_ERRORS: Final = (UnsupportedSaslMechanismError, AuthenticationMethodNotSupported, IllegalSaslStateError)

log_event = structlog.get_logger("faultline.kafka")


class Stopping(Exception):
    """Told to stop while waiting for something. A role ends with it as if its work were done."""


class Client(Protocol):
    """What producers, consumers and admin clients have in common."""

    async def start(self) -> None:
        """Connect. Raises `KafkaError` at once while no broker answers."""


C = TypeVar("C", bound=Client)


@dataclass(frozen=True)
class Security:
    """How the brokers are spoken to. A user and a password go over TLS alone."""

    protocol: Literal["plaintext", "ssl", "sasl_ssl"] = "plaintext"
    ca: Path | None = None
    """Certificates to trust instead of the system's: a PEM file."""
    user: str = ""
    password: str = field(default="", repr=False)

    @cached_property
    def context(self) -> ssl.SSLContext | None:
        """TLS 1.2 or newer, certificate and host name checked; None in plaintext.

        Raises: ConfigurationError when the file holds no certificate.
        """
        if self.protocol == "plaintext":
            return None
        try:
            context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        except (ssl.SSLError, OSError) as error:
            raise ConfigurationError(f"FAULTLINE_KAFKA_CA={self.ca}: no certificates in PEM form ({error})") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    @property
    def arguments(self) -> dict[str, Any]:
        """What every client of aiokafka is given."""
        out: dict[str, Any] = {"security_protocol": self.protocol.upper(), "ssl_context": self.context}
        if self.protocol == "sasl_ssl":
            out |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return out


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
    _told: _Told = field(default_factory=_Told, repr=False, compare=False)

    @classmethod
    def of(cls, settings: Settings) -> Cluster:
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
        offset_reset: Literal["earliest", "latest"] = "earliest",
    ) -> AIOKafkaConsumer:
        """Reads what is committed and commits nothing by itself. `names`: as the brokers know the topics.

        Without a group it is a reader whose partitions are assigned by hand.
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
            fetch_max_wait_ms=FETCH_WAIT_MS,
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
        on_waiting: Callable[[str], None] = lambda _: None,
    ) -> C:
        """Make a client and start it; while no broker answers, again and again with a pause of START_PAUSE_S.

        `on_waiting` is told what it waits for, and the empty text once the client has started.

        Raises:
            ConfigurationError: what waiting will not heal.
            SinkUnavailable: no broker answered within `deadline_s`.
            Stopping: `stop` was set meanwhile.
        """
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while True:
            client = make()
            try:
                async with asyncio.timeout(START_ATTEMPT_S):
                    await unless(stop, client.start())
            except (OSError, KafkaError, TimeoutError) as error:
                await close(client)
                reason = await self._why(error)
            except BaseException:
                await close(client)
                raise
            else:
                on_waiting("")
                if self._told.at_s is not None:
                    self._told.at_s = None
                    log_event.info(LogEvent.KAFKA_BACK, brokers=self.bootstrap, after_s=round(loop.time() - began_s, 1))
                return client
            now_s = loop.time()
            pause_s = random.uniform(*START_PAUSE_S)
            if deadline_s is not None and now_s + pause_s - began_s > deadline_s:
                raise SinkUnavailable(f"Kafka does not answer at {self.bootstrap} ({reason})", retry_after_s=pause_s)
            on_waiting(f"Kafka at {self.bootstrap} ({reason})")
            is_due = self._told.at_s is None or now_s - self._told.at_s >= TOLD_EVERY_S
            if deadline_s is None and is_due:  # with a deadline, whoever called is told at its end
                self._told.at_s = now_s
                log_event.warning(LogEvent.KAFKA_AWAY, brokers=self.bootstrap, reason=reason)
            await unless(stop, asyncio.sleep(pause_s))

    @property
    def _everywhere(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.bootstrap, "client_id": "faultline", **self.security.arguments}

    async def _why(self, error: BaseException) -> str:
        """Why no broker answers, in words: the library says only that none did.

        Raises: ConfigurationError for what waiting will not heal.
        """
        self._refuse(error)
        reasons = []
        for host, port, _ in collect_hosts(self.bootstrap):
            try:
                async with asyncio.timeout(PROBE_S):
                    conn = await create_conn(
                        host, port, request_timeout_ms=int(PROBE_S * 1000), **self.security.arguments
                    )
                conn.close()
            except (OSError, KafkaError, TimeoutError) as found:
                self._refuse(found)
                if self.security.protocol != "plaintext" and await _speaks_plaintext(host, port):
                    raise ConfigurationError(self._no_tls) from found
                if self.security.protocol == "plaintext" and await _speaks_tls(host, port):
                    raise ConfigurationError(
                        f"Kafka at {host}:{port} wants TLS; set FAULTLINE_KAFKA_SECURITY=ssl, "
                        "or sasl_ssl with FAULTLINE_KAFKA_USER and FAULTLINE_KAFKA_PASSWORD"
                    ) from found
                reasons.append(f"{host}:{port}: {str(found) or type(found).__name__}")
        return "; ".join(reasons) or str(error) or type(error).__name__

    def _refuse(self, error: BaseException) -> None:
        """Raise ConfigurationError when only a person can change what `error` says."""
        if isinstance(error, CREDENTIAL_ERRORS):
            raise ConfigurationError(
                f"Kafka at {self.bootstrap} refuses the user {self.security.user!r}; "
                "check FAULTLINE_KAFKA_USER and FAULTLINE_KAFKA_PASSWORD (SCRAM-SHA-512)"
            ) from error
        if isinstance(error, MECHANISM_ERRORS):
            raise ConfigurationError(
                f"Kafka at {self.bootstrap} does not offer SCRAM-SHA-512 ({error}); "
                "enable it on that listener, or name another one in FAULTLINE_KAFKA"
            ) from error
        if isinstance(error, TransactionalIdAuthorizationFailed):
            raise ConfigurationError(
                f"Kafka at {self.bootstrap} lets {self.security.user or 'us'} not use transactional ids that begin "
                f"with {self.group('')}; allow Write and Describe on them"
            ) from error
        if isinstance(error, ssl.SSLCertVerificationError):
            raise ConfigurationError(
                f"the certificate of Kafka at {self.bootstrap} is not trusted ({error.verify_message}); "
                "name its authority in FAULTLINE_KAFKA_CA, and the brokers by the names in their certificates"
            ) from error
        if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL"):
            raise ConfigurationError(self._no_tls) from error

    @property
    def _no_tls(self) -> str:
        return (
            f"Kafka at {self.bootstrap} does not speak TLS on that port; name its TLS listener in FAULTLINE_KAFKA, "
            "or set FAULTLINE_KAFKA_SECURITY=plaintext"
        )


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


async def _speaks_tls(host: str, port: int) -> bool:
    """Whether a TLS handshake succeeds there. Nothing is sent over it, so the certificate is not looked at."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(PROBE_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _speaks_plaintext(host: str, port: int) -> bool:
    """Whether a broker answers there without TLS. It is asked for its versions; no user is named."""
    try:
        async with asyncio.timeout(PROBE_S):
            conn = await create_conn(host, port, request_timeout_ms=int(PROBE_S * 1000), security_protocol="PLAINTEXT")
    except (OSError, KafkaError, TimeoutError):
        return False
    conn.close()
    return True
