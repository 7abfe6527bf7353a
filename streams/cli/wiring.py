"""What each role of the cluster form is made of: settings in, a process out.

Each function imports its own parts, so that a role holds in memory what it uses and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import structlog
from starlette.routing import Route

from streams.broker.clients import Cluster, Stopping
from streams.broker.probe import away
from streams.contract import topics
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.failure import Origin
from streams.contract.telemetry import LogEvent, Observer
from streams.core.flood import FloodBounds
from streams.serving.observer import RoleObserver
from streams.serving.role import Site, run_role
from streams.settings import Settings

if TYPE_CHECKING:
    from pymongo import MongoClient

    from streams.sinks.mongo.schema import MongoNames

BESIDE_THE_PAGE: Final = frozenset({"verdicts", "aliases", "healthz", "readyz"})
"""Routes of the gateway that the page's process has too: whoever reads a group there says there what it is."""
POLL_S: Final = 5.0
"""How often the page's store is asked without a hint."""
FORGET_S: Final = 3_600.0
"""Between two looks for documents past their retention."""

log_event = structlog.get_logger("faultline.role")


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def fold(settings: Settings, port: int | None) -> int:
    """The fold stage."""
    from streams.broker.fold import fold as work_on
    from streams.broker.fold_partition import FoldLimits
    from streams.core.intake import FoldStage
    from streams.core.known_failures.book import default_rules
    from streams.core.own_rules.fingerprinter import fingerprinter_before, fingerprinter_under
    from streams.core.own_rules.read import rules_in_use

    cluster = Cluster.of(settings)
    stage = FoldStage(
        fingerprinter=fingerprinter_under(rules_in_use(settings.rules_text(), source=str(settings.rules))),
        rules=default_rules(),
        taxonomy=settings.load_taxonomy(),
        partitions=settings.partitions,
        before=fingerprinter_before(settings.rules_before_text(), source=str(settings.rules_before)),
    )
    limits = FoldLimits(
        recent_ids=settings.recent_ids,
        flood=_flood(settings),
        app_version=version("faultline"),
    )

    async def body(observer: Observer, stop: asyncio.Event) -> None:
        await work_on(cluster, stage, observer=observer, stop=stop, now_ms=now_ms, limits=limits)

    return run_role("fold", settings, port, body, probe=lambda: away(cluster))


def work(settings: Settings, port: int | None) -> int:
    """The stream agent."""
    from streams.app.work import run_work
    from streams.broker.admin import check

    cluster = Cluster.of(settings)
    needed = (topics.FOLDED, topics.STATE, topics.CLASSIFIED, topics.ROLLUPS, topics.UNSEEN, topics.VERDICTS)

    async def body(observer: Observer, stop: asyncio.Event) -> None:
        with contextlib.suppress(Stopping):
            await check(cluster, needed, stop=stop, on_waiting=lambda what: observer.waiting_for(what or "its topics"))
            keep_ms = settings.retention_days * topics.DAY_MS
            await run_work(cluster, observer, stop, forget_after_ms=keep_ms)

    return run_role("work", settings, port, body, probe=lambda: away(cluster))


def sink_mongo(settings: Settings, port: int | None) -> int:
    """The sink of MongoDB."""
    from streams.broker.sink import RejectedRead, SinkLimits, sink
    from streams.sinks.base import RejectedRecord
    from streams.sinks.mongo.client import open_for_writing
    from streams.sinks.mongo.sink import MongoSink

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

    return run_role("sink-mongo", settings, port, body, probe=lambda: away(cluster))


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

    return run_role("sink-opensearch", settings, port, body, probe=lambda: away(cluster))


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


def gateway(settings: Settings, port: int | None) -> int:
    """HTTP in, Kafka out; and what passing runs printed, in memory."""
    from streams.broker.baselines import KafkaBaselines
    from streams.broker.publish import KafkaPublisher
    from streams.gateway.app import gateway_routes
    from streams.serving.health import metrics_route
    from streams.serving.observer import exposition

    cluster, taxonomy = Cluster.of(settings), settings.load_taxonomy()
    publisher: KafkaPublisher | None = None
    baselines: KafkaBaselines | None = None

    def site(observer: RoleObserver) -> Site:
        nonlocal publisher, baselines
        publisher = KafkaPublisher(
            cluster, source="gateway", now_ms=now_ms, observer=observer, app_version=version("faultline")
        )
        baselines = KafkaBaselines(cluster, publisher, observer=observer, bytes_max=settings.baseline_bytes_max)
        routes = gateway_routes(
            publisher,
            now_ms=now_ms,
            new_run_id=_new_run_id,
            taxonomy=taxonomy,
            allowed_hosts=settings.allowed_hosts,
            ready=lambda: observer.waiting,
            baselines=baselines,
        )
        return Site([*routes, metrics_route(lambda: exposition(observer), allowed_hosts=settings.allowed_hosts)])

    async def body(observer: Observer, stop: asyncio.Event) -> None:
        assert publisher is not None, "the site is made before"
        assert baselines is not None, "with it"
        try:
            with contextlib.suppress(Stopping):
                await publisher.start(stop=stop, on_waiting=lambda what: observer.waiting_for(what or "its topics"))
                observer.waiting_for("")
                await baselines.follow(stop)
        finally:
            await publisher.close()

    return run_role("gateway", settings, port, body, site=site, probe=lambda: away(cluster))


def dashboard(settings: Settings, port: int | None) -> int:
    """The page over MongoDB. Without Kafka it shows what there is, and looks less often; verdicts are refused."""
    from streams.broker.changes import watch
    from streams.broker.publish import KafkaPublisher
    from streams.dashboard.app import dashboard_routes
    from streams.dashboard.live import Live
    from streams.gateway.app import gateway_routes
    from streams.serving.health import metrics_route
    from streams.serving.observer import exposition
    from streams.sinks.mongo.client import open_for_reading
    from streams.sinks.mongo.queries import MongoQueries

    cluster, taxonomy = Cluster.of(settings), settings.load_taxonomy()
    publisher = KafkaPublisher(cluster, source="dashboard", now_ms=now_ms, app_version=version("faultline"))
    client = open_for_reading(settings.mongodb_uri.get_secret_value(), appname="faultline-dashboard")
    queries = MongoQueries(client, settings.mongodb_db, names=mongo_names(settings))
    live = Live(queries, now_ms=now_ms, poll_s=POLL_S)

    def site(observer: RoleObserver) -> Site:
        taken = gateway_routes(
            publisher,
            now_ms=now_ms,
            new_run_id=_new_run_id,
            taxonomy=taxonomy,
            allowed_hosts=settings.allowed_hosts,
            ready=lambda: observer.waiting,
        )
        routes = [
            *(route for route in taken if isinstance(route, Route) and route.name in BESIDE_THE_PAGE),
            *dashboard_routes(
                queries, now_ms=now_ms, taxonomy=taxonomy, live=live, allowed_hosts=settings.allowed_hosts
            ),
            metrics_route(lambda: exposition(observer), allowed_hosts=settings.allowed_hosts),
        ]
        return Site(routes, on_stop=live.stop)

    async def probe() -> str:
        return await asyncio.to_thread(mongo_away, client)

    async def body(observer: Observer, stop: asyncio.Event) -> None:
        observer.waiting_for("")  # the page is there whatever is away, and says so itself; the probe looks at MongoDB
        try:
            with contextlib.suppress(Stopping):
                await publisher.start(stop=stop)
                own = f"dashboard-{uuid.uuid4().hex[:12]}"
                await watch(cluster, topics.CLASSIFIED, role=own, on_change=live.look, stop=stop)
        finally:
            await publisher.close()
            client.close()

    return run_role("dashboard", settings, port, body, site=site, probe=probe)


def mongo_away(client: MongoClient[dict[str, Any]]) -> str:
    """Why MongoDB does not answer; empty when it does. Blocks. Raises: ConfigurationError when it refuses us."""
    from pymongo.errors import PyMongoError

    from streams.sinks.mongo.errors import fault_of

    try:
        client.admin.command("ping")
    except PyMongoError as error:
        fault = fault_of(error)
        if isinstance(fault, ConfigurationError):
            raise fault from error
        return str(fault)
    return ""


def _new_run_id() -> str:
    return uuid.uuid4().hex


def mongo_names(settings: Settings) -> MongoNames:
    """Names of the collections."""
    from streams.sinks.mongo.schema import MongoNames

    return MongoNames(errors=settings.mongodb_errors, rollups=settings.mongodb_rollups)


def origins(settings: Settings) -> frozenset[Origin]:
    """Whose failures the sinks write."""
    return frozenset(Origin(name) for name in settings.sink_origins)


def _flood(settings: Settings) -> FloodBounds:
    return FloodBounds(in_a_row=settings.rejected_in_a_row, ratio=settings.rejected_ratio)


ROLES: Final[Mapping[str, Callable[[Settings, int | None], int]]] = MappingProxyType(
    {
        "fold": fold,
        "work": work,
        "sink mongo": sink_mongo,
        "sink opensearch": sink_opensearch,
        "gateway": gateway,
        "dashboard": dashboard,
    }
)
