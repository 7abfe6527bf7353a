"""The dashboard over a store in memory, as an application and as a real server on a free port."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from suites.fake_queries import NOW_MS, FakeQueries

from streams.contract.taxonomy import default_taxonomy
from streams.dashboard.app import dashboard_routes
from streams.dashboard.live import Live
from streams.sinks.base import Queries

START_S = 10.0


def application(
    queries: Queries, *, now_ms: Callable[[], int] = lambda: NOW_MS, live: Live | None = None, **options: Any
) -> Starlette:
    """The dashboard's routes alone."""
    live = live or Live(queries, now_ms=now_ms, poll_s=0.05)
    routes = dashboard_routes(queries, now_ms=now_ms, taxonomy=default_taxonomy(), live=live, **options)
    return Starlette(routes=routes)


@dataclass(slots=True)
class Served:
    """A server that runs in a thread of its own."""

    url: str
    queries: FakeQueries
    live: Live
    server: uvicorn.Server
    thread: threading.Thread

    def stop(self) -> float:
        """End as a Ctrl-C does; the seconds that it took."""
        began = time.monotonic()
        self.live.stop()
        self.server.should_exit = True
        self.thread.join(START_S)
        return time.monotonic() - began


@contextlib.contextmanager
def served(queries: FakeQueries, *, port: int = 0) -> Iterator[Served]:
    """The dashboard on a port of 127.0.0.1 (a free one unless it is named), with the wall clock."""

    def now_ms() -> int:
        return int(time.time() * 1000)

    live = Live(queries, now_ms=now_ms, poll_s=0.05, heartbeat_s=0.5)
    app = application(queries, now_ms=now_ms, live=live)
    listening = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_S
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not start")
        time.sleep(0.01)
    running = Served(f"http://127.0.0.1:{listening.getsockname()[1]}", queries, live, server, thread)
    try:
        yield running
    finally:
        running.stop()
        listening.close()
