"""A running server, asked over HTTP. The standard library does it: a client library would double the start-up time."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

from streams.cli.options import DEADLINE_S, URL_DEFAULT, url_name
from streams.contract.errors import ConfigurationError, FaultlineError

ATTEMPT_S_MAX = 15.0
"""One attempt, however much of the deadline is left."""
RETRY_AFTER_S_MAX = 10.0
"""A server may ask for more; waiting longer than this is not worth a job's minutes."""
LOOPBACK_REFUSED_S_MAX = 3.0
"""Nothing listens on this machine: time for a server that is starting, not for one that nobody started."""
ANSWER_BYTES_MAX = 32 * 1024 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_AGAIN = frozenset({429, 502, 503, 504})
_ADDRESS = re.compile(r"(?i:https?)://[^\s/?#@]+(?:/[^\s?#]*)?")


class Unreachable(FaultlineError):
    """No answer within the deadline; the message names the address and the way out."""


class Refusal(FaultlineError):
    """The server answered that it will not do this."""

    def __init__(self, message: str, *, status: int, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body

    @property
    def value(self) -> Any:
        """The JSON of the answer, None where it was none."""
        return _json(self.body)


class _Later(FaultlineError):
    """Worth another attempt, not before `after_s` where the server says so."""

    def __init__(self, message: str, *, after_s: float | None = None, refused: bool = False) -> None:
        super().__init__(message)
        self.after_s = after_s
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Answer:
    """A status below 400 and the JSON that came with it (None where it was no JSON)."""

    status: int
    value: Any


class _StayHere(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as an empty GET, so the new address is told instead of followed."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> None:
        del req, fp, code, msg, headers, newurl


class Server:
    """One server and one deadline for all that is asked of it, from the first question on.

    Blocks; not for threads to share.
    """

    def __init__(self, url: str, *, deadline_s: float = DEADLINE_S, refused_s: float = LOOPBACK_REFUSED_S_MAX) -> None:
        """`refused_s`: how long this machine may refuse connections before that is an answer.

        Raises: `ConfigurationError` when the address is none.
        """
        self._named = url_name(url)
        host = _host(url.strip())
        if not host:
            raise ConfigurationError(
                f"{self._named} {url!r} is no address; write one like {URL_DEFAULT}, without credentials"
            )
        self.url = url.strip().rstrip("/")
        self._loopback = host in _LOOPBACK
        self._deadline_s = deadline_s
        self._refused_s = refused_s if self._loopback else deadline_s
        self._begins_s: float | None = None
        # A proxy for the outside cannot know what listens on this machine.
        proxies = urllib.request.ProxyHandler({} if self._loopback else None)
        self._opener = urllib.request.build_opener(proxies, _StayHere())

    @property
    def left_s(self) -> float:
        """Seconds of the deadline that are left."""
        if self._begins_s is None:  # what is sent may have taken its time to come
            self._begins_s = time.monotonic()
        return self._begins_s + self._deadline_s - time.monotonic()

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Answer:
        """Ask. Raises: `Unreachable`, `Refusal`."""
        given = {name: value for name, value in (query or {}).items() if value not in (None, "")}
        return self._asked("GET", f"{path}?{urllib.parse.urlencode(given)}" if given else path, None, "")

    def post(self, path: str, body: bytes, content_type: str = "application/json") -> Answer:
        """Send; `body` must be harmless to send twice. Raises: `Unreachable`, `Refusal`."""
        return self._asked("POST", path, body, content_type)

    def _asked(self, method: str, path: str, body: bytes | None, content_type: str) -> Answer:
        import stamina
        import stamina.instrumentation

        stamina.instrumentation.set_on_retry_hooks([])  # what is worth telling is told below
        left_s = max(0.001, self.left_s)
        try:
            for attempt in stamina.retry_context(
                on=self._wait_for, attempts=None, timeout=left_s, wait_initial=0.2, wait_max=5.0, wait_jitter=0.3
            ):
                with attempt:
                    return self._once(method, path, body, content_type)
        except _Later as error:
            way_out = "try again later"
            if error.refused:
                way_out = (
                    f"start one with `make run`, on Kafka with `faultline gateway`, or name another with {self._named}"
                )
            raise Unreachable(f"{self.url}: {error}; {way_out}") from error
        raise AssertionError("stamina ends with an answer or an error")

    def _wait_for(self, error: Exception) -> bool | float:
        if not isinstance(error, _Later) or self.left_s <= 0:
            return False
        if error.refused and self._deadline_s - self.left_s > self._refused_s:
            return False
        if error.after_s is None:
            return True
        wait_s = min(error.after_s, RETRY_AFTER_S_MAX)
        return wait_s if wait_s < self.left_s else False

    def _once(self, method: str, path: str, body: bytes | None, content_type: str) -> Answer:
        headers = {"Accept": "application/json", "User-Agent": "faultline"}
        if content_type:
            headers["Content-Type"] = content_type
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method=method)  # noqa: S310 - the scheme was checked
        try:
            with self._opener.open(request, timeout=self._attempt_s()) as answer:
                return Answer(answer.status, _json(self._read(answer)))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except urllib.error.URLError as error:
            reason = error.reason
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise Unreachable(f"{self.url}: its certificate is not trusted ({reason.verify_message})") from error
            refused = isinstance(reason, ConnectionRefusedError)
            raise _Later("nothing listens there" if refused else _named(reason), refused=refused) from error
        except (http.client.HTTPException, OSError) as error:
            raise _Later(_named(error)) from error

    def _attempt_s(self) -> float:
        return max(0.05, min(ATTEMPT_S_MAX, self.left_s))

    def _read(self, answer: IO[bytes]) -> bytes:
        """The body, within the deadline and the bound: an answer that trickles must not hold the job."""
        chunks, size = [], 0
        ends_s = time.monotonic() + self._attempt_s()
        read = getattr(answer, "read1", answer.read)
        while chunk := read(65_536):
            size += len(chunk)
            if size > ANSWER_BYTES_MAX:
                raise Refusal(f"{self.url}: an answer of more than {ANSWER_BYTES_MAX} bytes", status=200)
            if time.monotonic() > ends_s:
                raise _Later("the answer did not end in time")
            chunks.append(chunk)
        return b"".join(chunks)

    def _refused(self, error: urllib.error.HTTPError) -> FaultlineError:
        if 300 <= error.code < 400:
            return Refusal(
                f"{self.url} sends on to {error.headers.get('Location', '?')[:200]}; give that with {self._named}",
                status=error.code,
            )
        try:
            body = self._read(error)
        except (_Later, OSError, http.client.HTTPException):
            body = b""
        reason = _reason(body)
        if error.code in _AGAIN:
            told = f"HTTP {error.code}" + (f", {reason}" if reason else "")
            return _Later(told, after_s=_seconds(error.headers.get("Retry-After", "")))
        return Refusal(f"{self.url} answered {error.code}: {reason or error.reason}", status=error.code, body=body)


def _host(url: str) -> str:
    """The host of an address that can be asked; empty where it is none, or names credentials or a query."""
    if not (_ADDRESS.fullmatch(url) and url.isascii() and url.isprintable()):
        return ""
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        return ""
    return host


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _reason(body: bytes) -> str:
    """What an answer says is wrong, with the place where there is one."""
    value = _json(body)
    if not isinstance(value, dict):
        return ""
    if "parameter" in value:
        return f"{value['parameter']} is {value.get('given')!r}; allowed: {value.get('allowed')}"[:500]
    error = value.get("reason") or value.get("error") or ""
    place = value.get("place")
    return f"{str(error)[:500]} (at {str(place)[:200]})" if place and str(place) not in str(error) else str(error)[:500]


def _seconds(text: str) -> float | None:
    """`Retry-After` in seconds; its other form, a date, is not worth a clock that may be wrong."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e6 else None


def _named(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    text = getattr(error, "strerror", None) or str(error)
    return f"{text or type(error).__name__}"[:200]
