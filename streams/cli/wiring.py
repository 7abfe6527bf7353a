"""What each role of the cluster form is made of: settings in, a process out.

Each function imports its own parts, so that a role holds in memory what it uses and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import structlog

from streams.broker.clients import Cluster, Stopping
from streams.contract import topics
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.failure import Origin
from streams.contract.telemetry import LogEvent, Observer
from streams.core.flood import FloodBounds
from streams.serving.role import run_role
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.sinks.mongo_schema import MongoNames

FORGET_S: Final = 3_600.0
"""Between two looks for documents past their retention."""

log_event = structlog.get_logger("faultline.role")


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def fold(settings: Settings, port: int | None) -> int:
    """The fold stage."""
    from streams.broker.fold import FoldLimits
    from streams.broker.fold import fold as work_on
    from streams.core.fingerprint import Fingerprinter
    from streams.core.intake import FoldStage
    from streams.core.known_failures.book import default_rules

    cluster = Cluster.of(settings)
    stage = FoldStage(
        fingerprinter=Fingerprinter(),
        rules=default_rules(),
        taxonomy=settings.load_taxonomy(),
        partitions=settings.partitions,
    )
    limits = FoldLimits(
        recent_ids=settings.recent_ids,
        flood=_flood(settings),
        app_version=version("faultline"),
    )

    async def body(observer: Observer, stop: asyncio.Event) -> None:
        await work_on(cluster, stage, observer=observer, stop=stop, now_ms=now_ms, limits=limits)

    return run_role("fold", settings, port, body)


def work(settings: Settings, port: int | None) -> int:
    """The stream agent."""
    from streams.app.work import run_work
    from streams.broker.admin import check

    cluster = Cluster.of(settings)
    needed = (topics.FOLDED, topics.STATE, topics.CLASSIFIED, topics.ROLLUPS, topics.UNSEEN)

    async def body(observer: Observer, stop: asyncio.Event) -> None:
        with contextlib.suppress(Stopping):
            await check(cluster, needed, stop=stop, on_waiting=lambda what: observer.waiting_for(what or "its topics"))
            await run_work(cluster, observer, stop)

    return run_role("work", settings, port, body)


def sink_mongo(settings: Settings, port: int | None) -> int:
    """The sink of MongoDB."""
    from streams.broker.sink import RejectedRead, SinkLimits, sink
    from streams.sinks.base import RejectedRecord
    from streams.sinks.mongo import MongoSink
    from streams.sinks.mongo_client import open_for_writing

    cluster = Cluster.of(settings)

    async def body(observer: Observer, stop: asyncio.Event) -> None:
        store = MongoSink(
            open_for_writing(settings.mongodb_uri.get_secret_value(), appname="faultline-sink-mongo"),
            settings.mongodb_db,
            names=mongo_names(settings),
            origins=origins(settings),
            retention_days=settings.retention_days,
            backfill_days=settings.verdict_backfill_days,
            primary_is_kind=settings.primary_category == "kind",
            full_text_chars_max=settings.error_length_max,
            now_ms=now_ms,
        )

        async def keep_rejected(found: Sequence[RejectedRead]) -> None:
            await store.write_rejected(
                [RejectedRecord(one.partition, one.offset, one.at_ms, one.headers, one.value) for one in found]
            )

        try:
            await sink(
                cluster,
                store,
                role="sink-mongo",
                observer=observer,
                stop=stop,
                now_ms=now_ms,
                keep_rejected=keep_rejected,
                limits=SinkLimits(flood=_flood(settings), app_version=version("faultline")),
            )
        finally:
            await store.close()

    return run_role("sink mongo", settings, port, body)


def sink_opensearch(settings: Settings, port: int | None) -> int:
    """The sink of OpenSearch."""
    from streams.broker.sink import SinkLimits, sink
    from streams.sinks.opensearch.options import OpenSearchOptions
    from streams.sinks.opensearch.sink import OpenSearchSink

    cluster, options = Cluster.of(settings), OpenSearchOptions.of(settings)

    async def body(observer: Observer, stop: asyncio.Event) -> None:
        store = OpenSearchSink(options)
        forgetting = asyncio.create_task(_forget(settings, stop))
        try:
            await sink(
                cluster,
                store,
                role="sink-opensearch",
                observer=observer,
                stop=stop,
                now_ms=now_ms,
                limits=SinkLimits(flood=_flood(settings), app_version=version("faultline")),
            )
        finally:
            forgetting.cancel()
            await asyncio.wait({forgetting})
            await store.close()

    return run_role("sink opensearch", settings, port, body)


async def _forget(settings: Settings, stop: asyncio.Event) -> None:
    """Drop what is older than the retention, every FORGET_S. MongoDB does that by itself.

    A store that is away, or does not let us, is asked again: what refuses us for good ends the role by its writes.
    """
    from streams.sinks.opensearch.options import OpenSearchOptions
    from streams.sinks.opensearch.sink import OpenSearchSink

    store = OpenSearchSink(OpenSearchOptions.of(settings))
    try:
        while not stop.is_set():
            try:
                dropped = await store.drop_before(now_ms() - settings.retention_days * topics.DAY_MS)
            except (SinkUnavailable, ConfigurationError) as error:
                log_event.warning(LogEvent.RETENTION_LATER, reason=str(error))
            else:
                if dropped.indexes or dropped.documents:
                    log_event.info(
                        LogEvent.DOCUMENTS_DROPPED, indexes=",".join(dropped.indexes), documents=dropped.documents
                    )
            await asyncio.sleep(FORGET_S)
    finally:
        await store.close()


def mongo_names(settings: Settings) -> MongoNames:
    """Names of the collections."""
    from streams.sinks.mongo_schema import MongoNames

    return MongoNames(errors=settings.mongodb_errors, rollups=settings.mongodb_rollups)


def origins(settings: Settings) -> frozenset[Origin]:
    """Whose failures the sinks write."""
    return frozenset(Origin(name) for name in settings.sink_origins)


def _flood(settings: Settings) -> FloodBounds:
    return FloodBounds(in_a_row=settings.rejected_in_a_row, ratio=settings.rejected_ratio)


ROLES: Final[Mapping[str, Callable[[Settings, int | None], int]]] = MappingProxyType(
    {"fold": fold, "work": work, "sink mongo": sink_mongo, "sink opensearch": sink_opensearch}
)
