"""A Faust app inside our process: its settings, its start, its end.

Faust's own worker takes over signals, log and standard output and serves its tables on a public address; none of that
is used. The app is started and stopped like any service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import SASLMechanism
from yarl import URL

from streams.app import store, transport
from streams.app.ending import end
from streams.app.transport import DoorConsumer
from streams.broker.clients import Cluster
from streams.contract.telemetry import FETCHES_DROPPED, Observer

STOP_S_MAX: Final = 20.0
"""What Faust may take to stop. What it leaves open then is as it is after a kill."""
LOOK_S: Final = 0.5
WAITING_FOR: Final = "its partitions"
FETCH_BYTES_MAX: Final = 4 * 1024 * 1024


class DoorApp(faust.App):
    """Faust's app without its directories on disk: nothing of ours is kept there."""

    before_revoked: Callable[[], Awaitable[None]] | None = None
    """What is to be done first when partitions are taken away. Short: no heartbeats are sent meanwhile."""

    async def on_first_start(self) -> None:
        """Nothing: Faust would make directories for tables on disk."""


def create_app(
    cluster: Cluster,
    role: str,
    *,
    buffer_records_max: int,
    poll_records_max: int = 500,
) -> DoorApp:
    """An app whose id, and so whose group and changelogs, are those of the role."""
    transport.register()
    store.register()
    timing = cluster.timing
    return DoorApp(
        cluster.group(role),
        env={},  # Faust lets variables such as BROKER_URL win over what it is given
        broker=[URL(f"{transport.SCHEME}://{address}") for address in cluster.bootstrap.split(",")],
        broker_credentials=_credentials(cluster),
        store=f"{store.SCHEME}://",
        processing_guarantee="at_least_once",
        autodiscover=False,
        web_enabled=False,
        worker_redirect_stdouts=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=cluster.partitions,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES_MAX,
        broker_max_poll_records=poll_records_max,
        broker_session_timeout=timing.session_ms / 1000,
        broker_heartbeat_interval=timing.heartbeat_ms / 1000,
        broker_rebalance_timeout=timing.rebalance_ms / 1000,
        broker_request_timeout=30.0,
        producer_acks=-1,
        producer_request_timeout=30.0,
        stream_recovery_delay=0.0,
        stream_buffer_maxsize=buffer_records_max,
        stream_wait_empty=False,
    )


def raw_topic(app: DoorApp, name: str) -> Any:
    """A topic whose keys and records stay bytes, and whose positions Faust leaves alone.

    With acks it enters every transaction's marker as a gap in an interval tree, and spends most of its time there.
    """
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", acks=False)


def _credentials(cluster: Cluster) -> Any:
    security = cluster.security
    if security.protocol == "ssl":
        return SSLCredentials(context=security.context)
    if security.protocol == "sasl_ssl":
        return SASLCredentials(
            username=security.user,
            password=security.password,
            mechanism=SASLMechanism.SCRAM_SHA_512,
            ssl_context=security.context,
        )
    return None


def consumer_of(app: DoorApp) -> DoorConsumer:
    """The app's consumer."""
    consumer = app.consumer
    assert isinstance(consumer, DoorConsumer), "the door's transport makes no other"
    return consumer


async def run_worker(
    app: DoorApp,
    observer: Observer,
    stop: asyncio.Event,
    *,
    before_stop: Callable[[], Awaitable[None]] | None = None,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Run the app until `stop` is set, then stop it within STOP_S_MAX.

    `before_stop`: what is to be finished while Faust still runs. `look`: called every LOOK_S, for gauges.
    What breaks inside Faust ends the process (`ending.end`).
    """
    observer.waiting_for(WAITING_FOR)
    consumer = consumer_of(app)
    starting = asyncio.ensure_future(app.start())
    stopped = asyncio.ensure_future(stop.wait())
    is_told, dropped = False, 0
    try:
        while not stop.is_set():
            await asyncio.wait({stopped}, timeout=LOOK_S)
            if starting.done() and not starting.cancelled() and (error := starting.exception()) is not None:
                end(error)
            if app.crashed:
                end(app.crash_reason or RuntimeError("Faust crashed"))
            look()
            if consumer.dropped > dropped:
                observer.add(FETCHES_DROPPED, consumer.dropped - dropped)
                dropped = consumer.dropped
            if consumer.is_working == is_told:
                continue
            is_told = not is_told
            observer.waiting_for("" if is_told else WAITING_FOR)
        if before_stop is not None:
            await before_stop()
    finally:
        stopped.cancel()
        await _stop(app, starting)


async def _stop(app: DoorApp, starting: asyncio.Future[None]) -> None:
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.wait({stopping}, timeout=STOP_S_MAX)  # no timeout inside: Faust swallows cancellations on its way
    if not stopping.done():
        end(TimeoutError(f"Faust did not stop within {STOP_S_MAX} s"))  # its thread would hold the process for ever
    starting.cancel()
    await asyncio.wait({starting}, timeout=1.0)
    stopping.result()
