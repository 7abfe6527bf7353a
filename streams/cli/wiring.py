"""What each role of the cluster form is made of: settings in, a process out.

Each function imports its own parts, so that a role holds in memory what it uses and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from types import MappingProxyType
from typing import Final

from streams.broker.clients import Cluster
from streams.contract import topics
from streams.contract.telemetry import Observer
from streams.serving.role import run_role
from streams.settings import Settings


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def fold(settings: Settings, port: int | None) -> int:
    """The fold stage."""
    from streams.broker.fold import FoldLimits
    from streams.broker.fold import fold as work_on
    from streams.core.fingerprint import Fingerprinter
    from streams.core.flood import FloodBounds
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
        flood=FloodBounds(in_a_row=settings.rejected_in_a_row, ratio=settings.rejected_ratio),
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
        await check(cluster, needed, stop=stop, on_waiting=lambda what: observer.waiting_for(what or "its topics"))
        await run_work(cluster, observer, stop)

    return run_role("work", settings, port, body)


ROLES: Final[Mapping[str, Callable[[Settings, int | None], int]]] = MappingProxyType({"fold": fold, "work": work})
