"""The routes of the gateway. Each answers only after the publisher returned, so what was answered is kept.

Answers of the ways in that take failures: `{"accepted": n, "refused": m, "items": [...]}` with status 200 when all
was accepted, 207 when some, 400 when none. An item is `{"index", "id"}`, or `{"index", "error", "place"}` with the
line or byte of the fault. A request refused as a whole is answered `{"error"}`: 403 host or origin, 408 too slow, 413
over a limit (named), 415 type or encoding, 429 the log is full, 503 the log is away or too many requests; the last
two say when to try again. An address that leads nowhere is 404 and names those that do, another method 405.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import anyio
import anyio.to_thread
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from streams.contract.errors import LogFull, MalformedRecord, SinkUnavailable, UnreadableInput
from streams.contract.failure import Ci, Failure
from streams.contract.taxonomy import Taxonomy
from streams.gateway.admission import Item, admitted
from streams.gateway.aliases import alias_from
from streams.gateway.answers import Json, Refusal, answer, later, over_limit, place_of, status_of
from streams.gateway.baselines import BaselineKeeper, Known, keep_log, keep_sent, told_of
from streams.gateway.body import drain, read_bytes, spooled
from streams.gateway.guard import Guard
from streams.gateway.limits import Limits
from streams.gateway.pieces import EVENT_TYPES, pieces_of
from streams.gateway.publisher import Publisher
from streams.gateway.reports import context_of, log_records, taken
from streams.gateway.verdicts import verdict_of
from streams.producers.contents import Contents, read_any, read_junit_in
from streams.producers.packed import PackedLimits

BUSY_RETRY_S = 1.0
"""After so long a request that found all places taken may come again."""
INLINE_BYTES_MAX = 64 * 1024
"""A body up to this size is read in the event loop; a larger one in a thread, so that the loop stays live."""
KEY_CHARS_MAX = 200
PATH_CHARS_MAX = 100
"""How much of a wrong path an answer repeats."""
_RAW_TYPES = frozenset({"", "application/octet-stream", "application/x-www-form-urlencoded"})
"""What clients say of a body that they know nothing of; `curl --data-binary` says the last."""
_PACKED_TYPES = frozenset({"application/gzip", "application/x-gzip", "application/zip", "application/x-zip-compressed"})
_XML_TYPES = frozenset({"application/xml", "text/xml"}) | _PACKED_TYPES | _RAW_TYPES
_LOG_TYPES = frozenset({"text/plain"}) | _PACKED_TYPES | _RAW_TYPES

BASELINES = "/v1/baselines"

Endpoint = Callable[[Request], Awaitable[Response]]


def always_ready() -> str:
    """Nothing to wait for."""
    return ""


def gateway_routes(
    publisher: Publisher,
    *,
    now_ms: Callable[[], int],
    new_run_id: Callable[[], str],
    taxonomy: Taxonomy,
    limits: Limits | None = None,
    allowed_hosts: Collection[str] = (),
    ready: Callable[[], str] = always_ready,
    baselines: BaselineKeeper | None = None,
) -> list[BaseRoute]:
    """Routes to mount in an application.

    `now_ms`: the time, in milliseconds since 1970. `new_run_id`: a key that was never given before.
    `allowed_hosts`: host names besides the loopback ones under which callers may reach this (`*`: all).
    `ready`: what the application still waits for; empty text when it can take failures.
    `baselines`: keeps what passing runs printed; None where somebody else does.
    """
    limits = limits or Limits()
    gateway = _Gateway(
        publisher,
        now_ms,
        new_run_id,
        taxonomy,
        limits,
        ready,
        baselines,
        anyio.CapacityLimiter(limits.logs_at_once_max),
    )
    guard = [Middleware(Guard, allowed_hosts=tuple(allowed_hosts))]
    posts = {
        "events": gateway.events,
        "junit": gateway.junit,
        "reports": gateway.reports,
        "logs": gateway.logs,
        "verdicts": gateway.verdicts,
        "aliases": gateway.aliases,
        "baselines": gateway.passed,
    }
    return [
        Route(BASELINES, gateway.guarded(gateway.baseline), methods=["GET"], name="baselines", middleware=guard),
        *(
            Route(f"/v1/{name}", gateway.guarded(way), methods=["POST"], name=name, middleware=guard)
            for name, way in posts.items()
        ),
        Route("/v1/{path:path}", _Elsewhere(tuple(f"/v1/{name}" for name in posts)), middleware=guard),
        Route("/healthz", gateway.healthz, name="healthz", middleware=guard),
        Route("/readyz", gateway.readyz, name="readyz", middleware=guard),
    ]


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """The ASGI endpoint of requests that no route takes."""

    known: tuple[str, ...]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path in self.known:
            allowed = "GET, POST" if path == BASELINES else "POST"
            told = f"{path} takes {allowed.replace(', ', ' and ')} only"
            refusal = Refusal(405, told, headers={"Allow": allowed})
        else:
            refusal = Refusal(404, f"{path[:PATH_CHARS_MAX]} leads nowhere; there are {', '.join(self.known)}")
        await drain(Request(scope, receive))
        await refusal.answer()(scope, receive, send)


@dataclass(slots=True)
class _Gateway:
    publisher: Publisher
    now_ms: Callable[[], int]
    new_run_id: Callable[[], str]
    taxonomy: Taxonomy
    limits: Limits
    ready: Callable[[], str]
    baselines: BaselineKeeper | None
    reading: anyio.CapacityLimiter
    at_work: int = 0

    def guarded(self, way: Endpoint) -> Endpoint:
        """The endpoint with its errors made answers, among at most `requests_max` at a time."""

        async def endpoint(request: Request) -> Response:
            if self.at_work >= self.limits.requests_max:
                told = f"{self.limits.requests_max} requests are at work (requests_max)"
                return later(told, status=503, after_s=BUSY_RETRY_S).answer()
            self.at_work += 1
            try:
                return await way(request)
            except Refusal as refusal:
                if refusal.status != 408:  # who was too slow once need not be waited for again
                    await drain(request)
                return refusal.answer()
            except LogFull as error:
                return later(str(error), status=429, after_s=error.retry_after_s).answer()
            except SinkUnavailable as error:
                return later(str(error), status=503, after_s=error.retry_after_s).answer()
            except ClientDisconnect:
                return Response(status_code=400)  # nobody is there to read it
            finally:
                self.at_work -= 1

        return endpoint

    async def healthz(self, _: Request) -> Response:
        return answer(200, {"status": "alive"})

    async def readyz(self, _: Request) -> Response:
        waiting = self.ready()
        return later(waiting, status=503, after_s=1).answer() if waiting else answer(200, {"status": "ready"})

    async def events(self, request: Request) -> Response:
        kind = _content_type(request, EVENT_TYPES, "-H 'Content-Type: application/json' or application/x-ndjson")
        key, _ = self._key(request)
        body = await read_bytes(request, limit="events_bytes_max", limits=self.limits)
        now_ms = self.now_ms()

        def read() -> list[Item]:
            pieces = pieces_of(body, kind, items_max=self.limits.items_max)
            if len(pieces) > self.limits.items_max:
                raise over_limit("items_max", self.limits.items_max, what="the number of events")
            return list(admitted(pieces, now_ms=now_ms, request_key=key))

        items = read() if len(body) <= INLINE_BYTES_MAX else await anyio.to_thread.run_sync(read)
        kept = [item.failure for item in items if item.failure is not None]
        refused = [item for item in items if item.error is not None]
        if kept:
            await self.publisher.publish(kept, traceparent=_trace(request))
        told: Json = {"accepted": len(kept), "refused": len(refused)}
        told["items"] = [_told(index, item) for index, item in enumerate(items)]
        if refused:
            told |= await self._reject([(item.piece.data, item.error) for item in refused if item.error is not None])
        return answer(status_of(accepted=len(kept), refused=len(refused)), told)

    async def junit(self, request: Request) -> Response:
        _content_type(request, _XML_TYPES, "--data-binary @report.xml -H 'Content-Type: application/xml'")
        context, is_given = self._context(request, request.query_params)
        async with spooled(request, limit="junit_bytes_max", limits=self.limits) as file:
            now_ms = self.now_ms()
            found = Contents(
                file,
                context,
                lambda part, own: read_junit_in(part, own, occurred_at_ms=now_ms),
                limits=PackedLimits(unpacked_bytes_max=self.limits.junit_bytes_max),
            )
            report = _Report(self, request, context, is_run_given=is_given, now_ms=now_ms)
            try:
                await report.publish(found)
            except UnreadableInput as error:
                return await self._unreadable(file, error)
            notes = [*found.notes, *found.damage]
            if not found.cases and any("no test case found" in note for note in notes):
                return await self._unreadable(file, UnreadableInput("; ".join(notes)))
        return report.answer({"cases": found.cases, "flakes": found.flakes, "notes": notes})

    async def reports(self, request: Request) -> Response:
        """A report of any known format, told by its content: what callers say of its type is seldom right."""
        context, is_given = self._context(request, request.query_params)
        async with spooled(request, limit="junit_bytes_max", limits=self.limits) as file, self.reading:
            now_ms = self.now_ms()
            told = _Report(self, request, context, is_run_given=is_given, now_ms=now_ms)
            try:
                found = Contents(
                    file,
                    context,
                    lambda part, own: read_any(part, own, occurred_at_ms=now_ms),
                    limits=PackedLimits(unpacked_bytes_max=self.limits.junit_bytes_max),
                )
                await told.publish(found)
            except UnreadableInput as error:
                return await self._unreadable(file, error)
        notes = [*found.notes, *found.damage]
        more: Json = {"format": found.form, "cases": found.cases, "flakes": found.flakes, "notes": notes}
        return told.answer(more)

    async def logs(self, request: Request) -> Response:
        _content_type(request, _LOG_TYPES, "--data-binary @job.log -H 'Content-Type: text/plain'")
        query = dict(request.query_params)
        passed = query.pop("passed", "false").lower()
        if passed not in {"true", "false"}:
            raise Refusal(400, f"`passed` is true or false, not {passed[:20]!r}", place="parameter passed")
        context, is_given = self._context(request, query)
        async with spooled(request, limit="log_bytes_max", limits=self.limits) as file, self.reading:
            now_ms = self.now_ms()
            limits = PackedLimits(unpacked_bytes_max=self.limits.log_bytes_max)
            report = _Report(self, request, context, is_run_given=is_given, now_ms=now_ms)
            try:
                if passed == "true":
                    return await keep_log(self.baselines, file, context, now_ms=now_ms, limits=limits)
                told = Known(self.baselines)
                found = Contents(
                    file,
                    context,
                    lambda part, own: log_records(part, own, occurred_at_ms=now_ms, baseline=told.of(own)),
                    limits=limits,
                )
                await report.publish(found)
            except UnreadableInput as error:
                return await self._unreadable(file, error)
        notes = [*told.notes, *found.notes, *found.damage]
        return report.answer({"baseline_runs": told.runs, "notes": notes})

    async def passed(self, request: Request) -> Response:
        """What a passing run printed, as hashes."""
        _content_type(request, frozenset({"", "application/json"}), "-H 'Content-Type: application/json'")
        body = await read_bytes(request, limit="baseline_bytes_max", limits=self.limits)
        return await keep_sent(self.baselines, body, now_ms=self.now_ms())

    async def baseline(self, request: Request) -> Response:
        """What is known of one job, for whoever extracts its logs."""
        return await told_of(self.baselines, request.query_params)

    async def verdicts(self, request: Request) -> Response:
        _content_type(request, frozenset({"", "application/json"}), "-H 'Content-Type: application/json'")
        body = await read_bytes(request, limit="verdict_bytes_max", limits=self.limits)
        try:
            verdict = verdict_of(body, taxonomy=self.taxonomy, now_ms=self.now_ms())
        except MalformedRecord as error:
            raise Refusal(400, error.reason, place=error.place) from error
        await self.publisher.decide(verdict)
        return answer(200, {"fingerprint": verdict.fingerprint, "kind": verdict.kind, "family": verdict.family})

    async def aliases(self, request: Request) -> Response:
        _content_type(request, frozenset({"", "application/json"}), "-H 'Content-Type: application/json'")
        body = await read_bytes(request, limit="verdict_bytes_max", limits=self.limits)
        try:
            alias = alias_from(body, now_ms=self.now_ms())
        except MalformedRecord as error:
            raise Refusal(400, error.reason, place=error.place) from error
        await self.publisher.alias(alias)
        return answer(200, {"a": alias.a, "b": alias.b, "same": alias.stands})

    def _key(self, request: Request) -> tuple[str, bool]:
        """The request's key, and whether the caller gave it."""
        key = request.headers.get("idempotency-key", "").strip()
        if len(key) > KEY_CHARS_MAX or not (key.isascii() and key.isprintable()):
            told = f"an Idempotency-Key has at most {KEY_CHARS_MAX} printable characters of ASCII"
            raise Refusal(400, told, place="header Idempotency-Key")
        return (key, True) if key else (self.new_run_id(), False)

    def _context(self, request: Request, query: Mapping[str, str]) -> tuple[Ci, bool]:
        """Where a report ran, and whether the caller named the run."""
        key, is_given = self._key(request)
        context = context_of(query, request.headers, request_key=key)
        return context, is_given or context.run_id != key

    async def _reject(self, refused: Sequence[tuple[bytes, MalformedRecord]]) -> Json:
        """Keep the first refused pieces to be looked at. The answer must go out even if they cannot be kept."""
        kept = [(data, error) for data, error in refused if data.strip()][: self.limits.rejects_max]
        try:
            for data, error in kept:
                await self.publisher.reject(data[: self.limits.reject_bytes_max], error, place=error.place)
        except (LogFull, SinkUnavailable) as error:
            return {"note": f"what was refused is named here only, it could not be kept: {error}"}
        return {}

    async def _unreadable(self, file: BinaryIO, error: UnreadableInput) -> Response:
        """The body is not of its format."""
        file.seek(0)
        fault = MalformedRecord(str(error))
        note = await self._reject([(file.read(self.limits.reject_bytes_max), fault)])
        return answer(400, {"accepted": 0, "refused": 1, "items": [{"index": 0, "error": str(error)}]} | note)


class _Report:
    """The failures of one report on their way to the publisher."""

    def __init__(self, gateway: _Gateway, request: Request, context: Ci, *, is_run_given: bool, now_ms: int) -> None:
        self._gateway = gateway
        self._trace = _trace(request)
        self._context = context
        self._is_run_given = is_run_given
        self._now_ms = now_ms
        self._items: list[Json] = []
        self.count = 0

    async def publish(self, found: Iterator[Failure]) -> None:
        """All failures, in as few calls as their size allows.

        Raises: Refusal (429, 503) saying how many were kept before the log refused the next, and the key to go on with.
        """
        while batch := await anyio.to_thread.run_sync(lambda: taken(found, now_ms=self._now_ms)):
            try:
                await self._gateway.publisher.publish(batch, traceparent=self._trace)
            except (LogFull, SinkUnavailable) as error:
                if not self.count:
                    raise
                status = 429 if isinstance(error, LogFull) else 503
                more: Json = {"accepted": self.count} | self._run()
                told = f"{error}; send the report again with its run id, and nothing is counted twice"
                raise later(told, status=status, after_s=error.retry_after_s, more=more) from error
            self.count += len(batch)
            for failure in batch[: max(0, self._gateway.limits.answer_items_max - len(self._items))]:
                self._items.append(place_of(len(self._items), failure))

    def answer(self, more: Json) -> Response:
        told: Json = {"accepted": self.count, "refused": 0, "items": self._items}
        if left_out := self.count - len(self._items):
            told["items_left_out"] = left_out
        return answer(200, told | self._run() | {name: value for name, value in more.items() if value or value == 0})

    def _run(self) -> Json:
        """The run id that the gateway made, to be given as `run_id` or Idempotency-Key with a retry."""
        return {} if self._is_run_given else {"run_id": self._context.run_id}


def _trace(request: Request) -> str:
    return request.headers.get("traceparent", "")


def _content_type(request: Request, known: Collection[str], advice: str) -> str:
    """The request's content type, without parameters. Raises: Refusal (415)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in known:
        raise Refusal(415, f"Content-Type {kind[:100]!r} is not read here; send it with {advice}")
    return kind


def _told(index: int, item: Item) -> Json:
    told: Json = {"index": index}
    if item.failure is not None:
        told["id"] = item.failure.id
        if item.failure.truncated:
            told["truncated"] = [mark.field for mark in item.failure.truncated]
    elif item.error is not None:
        told |= {"error": item.error.reason, "place": item.error.place}
    for name, value in (("line", item.piece.line), ("byte", item.byte), ("notes", list(item.notes) or None)):
        if value is not None:
            told[name] = value
    return told
