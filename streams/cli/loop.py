"""Commands that speak to brokers: their one event loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do it. What the client library would print besides is left out: the one error at the end says it."""
    import asyncio
    import logging

    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    return asyncio.run(work)
