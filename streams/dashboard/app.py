"""The dashboard's routes, to be mounted beside others in one Starlette application.

Who runs the server also makes the `Live` and calls its `stop` when told to end, since a server waits for open answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from streams.contract.taxonomy import Taxonomy
from streams.dashboard.api import Api, Elsewhere
from streams.dashboard.guard import Guard
from streams.dashboard.kinds import Kinds
from streams.dashboard.live import Live
from streams.dashboard.pages import DEFAULT_HINTS, Hint, Pages
from streams.dashboard.view import View
from streams.sinks.base import Queries

STATIC = Path(__file__).parent / "static"


def dashboard_routes(
    queries: Queries,
    *,
    now_ms: Callable[[], int],
    taxonomy: Taxonomy,
    live: Live,
    hints: Iterable[Hint] = DEFAULT_HINTS,
    allowed_hosts: Iterable[str] = (),
) -> list[BaseRoute]:
    """Pages, JSON, events and static files, each behind the guard.

    `now_ms` is the clock (epoch milliseconds); `hints` are the commands that an empty page offers;
    `allowed_hosts` are the host names, without port, under which the page may be asked for besides the loopback ones.
    """
    view = View(queries, now_ms=now_ms, kinds=Kinds.of(taxonomy))
    guarded = [Middleware(Guard, allowed_hosts=tuple(allowed_hosts))]
    api = Api(view).endpoints()
    endpoints = [*Pages(view, hints=tuple(hints)).endpoints(), *api, ("/favicon.ico", _favicon)]
    return [
        *(Route(path, endpoint, middleware=guarded) for path, endpoint in endpoints),
        Route("/api/{path:path}", Elsewhere(path for path, _ in api), middleware=guarded),
        Route("/events", live, methods=["GET"], middleware=guarded),
        Mount("/static", StaticFiles(directory=STATIC), middleware=guarded),
    ]


def _favicon(_request: Request) -> Response:
    """Browsers ask for it when they show JSON, where no page names the icon."""
    return FileResponse(STATIC / "favicon.svg", media_type="image/svg+xml")
