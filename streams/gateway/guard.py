"""Who may call. The gateway listens on localhost without a password: a page in the user's browser must not reach it.

Two checks keep pages of other origins out: the `Host` header must name this machine (a page whose name was made to
resolve to 127.0.0.1 still sends its own name), and a request that a browser made for a page must come from our own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.gateway.answers import Refusal

ANY = "*"
"""As an allowed host: every host. For a gateway behind a proxy that checks."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def host_name(authority: str) -> str:
    """The host of a `Host` header, lower case, without port, brackets and trailing dot; empty when it is none."""
    try:
        return (urlsplit("//" + authority).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether the name can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refusal_of(headers: Headers, *, method: str, allowed_hosts: Collection[str]) -> Refusal | None:
    """Why a request with these headers is refused, or None. `allowed_hosts`: lower case, besides the loopback names."""
    authority = headers.get("host", "")
    host = host_name(authority)
    if not (is_loopback(host) or host in allowed_hosts or ANY in allowed_hosts):
        told = f"host {host[:100]!r} is not served here; add it to FAULTLINE_ALLOWED_HOSTS if it should be"
        return Refusal(403, told)
    origin = headers.get("origin")
    if origin is not None and not _is_same(origin, authority):
        return Refusal(403, f"a page of {origin[:100]!r} may not send here: only pages of this address may")
    if method not in _SAFE and headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return Refusal(403, "a page of another site may not send here")
    return None


def _is_same(origin: str, authority: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == authority.lower()


class Guard:
    """ASGI middleware: refuses what `refusal_of` refuses, in every HTTP route below it."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: Collection[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(host.lower() for host in allowed_hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refused = refusal_of(Headers(scope=scope), method=scope["method"], allowed_hosts=self._allowed)
            if refused is not None:
                await refused.answer()(scope, receive, send)
                return
        await self._app(scope, receive, send)
