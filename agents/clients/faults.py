"""What a request that brought no answer asks us to do, the same for every provider."""

from __future__ import annotations

import email.utils
import enum
import math
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from streams.core.clean import printable
from streams.core.redact import mask_opaque, redact

TOLD_CHARS_MAX: Final = 200
UNAUTHORIZED: Final = 401
_SPEND_LIMITS: Final = frozenset(
    {
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "organization_on_hold",
        "ramp_limit_exceeded",
        "billing_error",
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
    }
)
"""Codes and types that mean money, whatever the status: Anthropic's `error.details.error_code`, OpenAI's `code`."""
_NO_CREDIT: Final = re.compile(r"credit balance is too low", re.IGNORECASE)
"""Anthropic says so under status 400."""
_TOO_LONG: Final = re.compile(r"prompt is too long|context.{0,20}length|context_length_exceeded", re.IGNORECASE)
_SECONDS: Final = re.compile(r"\d{1,12}(?:\.\d{1,9})?")


class Way(enum.Enum):
    """What to do about it."""

    RETRY = "ask again"
    LATER = "ask again, but not at once"
    ADAPTED = "ask again at once: the adapter has changed the form of its requests"
    CLOSE = "open the breaker"
    SPLIT = "ask in parts"
    GIVE_UP = "the request is wrong"


class CallFailed(Exception):
    """One request brought no answer. Its text is fit for a log."""

    def __init__(
        self, way: Way, reason: str, *, retry_after_s: float | None = None, may_be_billed: bool = False
    ) -> None:
        super().__init__(reason)
        self.way = way
        self.reason = reason
        self.retry_after_s = retry_after_s
        self.may_be_billed = may_be_billed
        """Whether the provider may have worked, and counted, although nothing came back."""


def told(text: object, *, secret: str = "") -> str:
    """Words of a provider, fit for a log: one short line without credentials, ours among them."""
    words = " ".join(printable(str(text)[: 4 * TOLD_CHARS_MAX]).split())
    if secret:
        words = words.replace(secret, "<key>")
    return mask_opaque(redact(words))[:TOLD_CHARS_MAX]


def of_status(
    status: int,
    *,
    code: str,
    kind: str,
    message: str,
    headers: Mapping[str, str],
    now_s: float,
    secret: str,
    key_name: str = "",
) -> CallFailed:
    """What a status other than 2xx asks for. `code` and `kind` are the provider's words for the cause, or empty.

    `key_name` is the setting that has the key, named where the key is not taken.
    `now_s` is the wall clock, which a `Retry-After` date is measured against.
    """
    words = told(message, secret=secret)
    name = told(code or kind, secret=secret)
    reason = " ".join(part for part in (f"HTTP {status}", name, words and f"({words})") if part)
    if status == UNAUTHORIZED and key_name:
        reason += f"; the key is not taken: set {key_name} and start the role again"
    wait_s = retry_after_s(headers, now_s=now_s)
    if {code, kind} & _SPEND_LIMITS or status in {UNAUTHORIZED, 402, 403, 404, 501} or _NO_CREDIT.search(message):
        return CallFailed(Way.CLOSE, reason, retry_after_s=wait_s)
    if status == 413 or (status == 400 and _TOO_LONG.search(f"{code} {message}")):
        return CallFailed(Way.SPLIT, reason)
    if status in {408, 409, 425, 429} or status >= 500:
        way = Way.LATER if headers.get("x-should-retry") == "false" else Way.RETRY
        # A gateway that gave up waiting says nothing of what stands behind it.
        return CallFailed(way, reason, retry_after_s=wait_s, may_be_billed=status in {408, 502, 504})
    return CallFailed(Way.GIVE_UP, reason)


def unreached(url: str, cause: BaseException) -> CallFailed:
    """A connection that was not made, or broke. Of the address only host and port are told: it may hold a password."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    reason = f"the connection to {parts.hostname}:{port} failed ({type(cause).__name__}); check API_BASE_URL"
    return CallFailed(Way.RETRY, reason, may_be_billed=True)


def retry_after_s(headers: Mapping[str, str], *, now_s: float) -> float | None:
    """The wait that an answer asks for: `retry-after-ms`, else `Retry-After`, seconds or date (RFC 9110, 10.2.3).

    None where there is none, or where it makes no sense.
    """
    millis = _number(headers.get("retry-after-ms"))
    if millis is not None:
        return millis / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        at = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, at - now_s) if math.isfinite(at) else None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _SECONDS.fullmatch(text.strip()) else None
