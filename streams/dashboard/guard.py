"""Which Host and Origin may speak to us, and the headers of every answer.

The server listens on localhost without a password, so any web page that the user visits could try to reach it:
by a name that it rebinds to 127.0.0.1 (then `Host` is that name), or by holding our streams open from its own script
(then `Origin` is that page). Both are refused before anything is read. No page of another site can frame or read ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",
}
REFUSED = 403


def host_name(authority: str) -> str:
    """The host of `host`, `host:port` or `[v6]:port`, in lower case; empty when it is none of them."""
    try:
        parts = urlsplit(f"//{authority}")
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.netloc != authority or "@" in authority:
        return ""
    return f"[{name}]" if ":" in name else name


class Guard:
    """ASGI middleware: refuses foreign hosts and origins, and gives every answer its headers.

    `allowed_hosts` are host names, without port, besides the loopback ones; `*` allows any.
    A header that the answer already has is kept.
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset((*LOOPBACK_HOSTS, *(host.lower() for host in allowed_hosts)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, headers: Headers) -> PlainTextResponse | None:
        authority = headers.get("host", "")
        if "*" not in self._hosts and host_name(authority) not in self._hosts:
            return PlainTextResponse(
                "This server does not answer to that host name.\n"
                "Use localhost, or add the name to FAULTLINE_ALLOWED_HOSTS.\n",
                REFUSED,
            )
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != authority.lower():
            return PlainTextResponse("Only pages of this address may ask here.\n", REFUSED)
        return None
