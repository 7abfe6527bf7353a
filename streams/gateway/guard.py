"""The gateway's answer to a caller that may not call."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.callers import REFUSED, refusal
from streams.gateway.answers import Refusal


class Guard:
    """ASGI middleware: refuses callers that `streams.callers` refuses, in every HTTP route below it."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: Collection[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            reason = refusal(Headers(scope=scope), method=scope["method"], allowed_hosts=self._allowed)
            if reason:
                await Refusal(REFUSED, reason).answer()(scope, receive, send)
                return
        await self._app(scope, receive, send)
