"""Commands that speak to brokers: their one event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from streams.cli.screen import tell

if TYPE_CHECKING:
    from streams.broker.clients import Cluster
    from streams.settings import Settings

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do it. What the client library would print besides is left out: the one error at the end says it."""
    import asyncio
    import logging

    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    return asyncio.run(work)


def cluster_of(settings: Settings) -> Cluster:
    """The brokers that the settings name. A command that has to wait for them says so, once."""
    from streams.broker.clients import Cluster

    told: list[str] = []

    def tell_once(what: str) -> None:
        if what and not told:
            told.append(what)
            tell(f"waiting for {what}; FAULTLINE_KAFKA says where it is")

    return Cluster.of(settings, on_waiting=tell_once)
