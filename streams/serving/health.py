"""What a process tells whoever watches it: `/healthz` it lives, `/readyz` it works, `/metrics` what it did.

`/healthz` answers from the loop that the role works in, so an answer says that the loop turns.
`/readyz` is 503 with what the role waits for, until it works.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from streams.callers import REFUSED, refusal
from streams.serving.observer import RoleObserver, exposition

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
RETRY_AFTER_S = 1

Endpoint = Callable[[Request], Awaitable[Response]]


def health_routes(observer: RoleObserver, *, allowed_hosts: Collection[str]) -> list[BaseRoute]:
    """The three addresses. `allowed_hosts`: names besides the loopback ones under which they may be asked."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        if observer.waiting:
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            return JSONResponse({"status": "waiting", "for": observer.waiting}, 503, headers=headers)
        return JSONResponse({"status": "ready"})

    return [
        Route("/healthz", _guarded(healthz, allowed_hosts)),
        Route("/readyz", _guarded(readyz, allowed_hosts)),
        metrics_route(lambda: exposition(observer), allowed_hosts=allowed_hosts),
    ]


def metrics_route(exposed: Callable[[], bytes], *, allowed_hosts: Collection[str]) -> BaseRoute:
    """`/metrics`; `exposed` gives the text of an answer, and may block."""

    async def metrics(_: Request) -> Response:
        return Response(await anyio.to_thread.run_sync(exposed), media_type=METRICS_TYPE)

    return Route("/metrics", _guarded(metrics, allowed_hosts))


def _guarded(way: Endpoint, allowed_hosts: Collection[str]) -> Endpoint:
    """The endpoint, refusing callers that `streams.callers` refuses."""
    allowed = frozenset(host.lower() for host in allowed_hosts)

    async def endpoint(request: Request) -> Response:
        reason = refusal(request.headers, method=request.method, allowed_hosts=allowed)
        return PlainTextResponse(f"{reason}\n", REFUSED) if reason else await way(request)

    return endpoint
