"""Who may call a server that listens on localhost without a password: a page in the user's browser must not reach it.

Two checks keep pages of other origins out: the `Host` header must name this machine (a page whose name was made to
resolve to 127.0.0.1 still sends its own name), and a request that a browser made for a page must come from our own.
The gateway and the pages ask the same question and answer each in its own form.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

ANY = "*"
"""As an allowed host: every host. For a server behind a proxy that checks."""
REFUSED = 403
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def host_name(authority: str) -> str:
    """The host of a `Host` header, lower case, without port, brackets and trailing dot; empty when it is none."""
    try:
        parts = urlsplit(f"//{authority}")
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return "" if parts.netloc != authority or "@" in authority else name.rstrip(".")


def is_loopback(host: str) -> bool:
    """Whether the name can only mean this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refusal(headers: Mapping[str, str], *, method: str, allowed_hosts: Collection[str]) -> str:
    """Why a request is refused, or nothing. `headers`: names in lower case; `allowed_hosts`: besides loopback."""
    authority = headers.get("host", "")
    host = host_name(authority)
    if not (is_loopback(host) or host in allowed_hosts or ANY in allowed_hosts):
        return "this host name is not served here; use localhost, or add the name to FAULTLINE_ALLOWED_HOSTS"
    origin = headers.get("origin")
    if origin is not None and not _is_same(origin, authority):
        return "a page of another site may not ask here: only pages of this address may"
    if method not in _SAFE and headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return "a page of another site may not send here"
    return ""


def _is_same(origin: str, authority: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == authority.lower()
