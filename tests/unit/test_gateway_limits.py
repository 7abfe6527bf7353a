"""Limits: every one is named when it is passed, and memory stays bounded on the way there."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import Message
from suites.gateway import FAILURE, NOW_MS, MemoryPublisher, caller

from streams.contract.errors import LogFull, SinkUnavailable
from streams.contract.taxonomy import default_taxonomy
from streams.gateway.app import gateway_routes
from streams.gateway.limits import Limits

GOOD = json.dumps(FAILURE).encode()
SMALL = Limits(
    events_bytes_max=1000, items_max=3, junit_bytes_max=2000, verdict_bytes_max=100, rejects_max=2, reject_bytes_max=5
)

OVER = {
    "events": ("/v1/events", b" " * 1001, "application/json", "events_bytes_max"),
    "items": ("/v1/events", b"[1,2,3,4]", "application/json", "items_max"),
    "a report": ("/v1/junit", b"<" * 2001, "application/xml", "junit_bytes_max"),
    "a verdict": ("/v1/verdicts", b" " * 101, "application/json", "verdict_bytes_max"),
}


@pytest.mark.parametrize(("path", "body", "kind", "limit"), OVER.values(), ids=OVER)
def test_a_body_over_its_limit_is_answered_413_with_the_limit(path: str, body: bytes, kind: str, limit: str) -> None:
    gateway = caller(limits=SMALL)
    status, told = gateway.post(path, body, kind)
    assert status == 413
    assert (told["limit"], told["limit_value"]) == (limit, getattr(SMALL, limit))
    assert limit in told["error"]
    assert gateway.publisher.calls == 0


def test_what_is_refused_is_kept_up_to_a_number_and_a_size() -> None:
    gateway = caller(limits=SMALL)
    _, told = gateway.post("/v1/events", b'["aaaaaaaa","b","c"]')
    assert told["refused"] == 3
    assert [data for data, _, _ in gateway.publisher.rejected] == [b'"aaaa', b'"b"']


def test_a_gzip_body_is_read() -> None:
    status, told = caller().post("/v1/events", gzip.compress(GOOD), content_encoding="gzip")
    assert (status, told["accepted"]) == (200, 1)


BAD_GZIP = {
    "not gzip": (GOOD, "not the gzip that Content-Encoding says"),
    "cut off": (gzip.compress(GOOD)[:-4], "cut off"),
    "countless members": (gzip.compress(b"") * 10_001, "more than 10000 gzip members"),
    "followed by something else": (gzip.compress(GOOD) + b"xx", "bytes behind the end of the gzip"),
}


@pytest.mark.parametrize(("body", "told"), BAD_GZIP.values(), ids=BAD_GZIP)
def test_a_gzip_body_that_is_broken_is_refused(body: bytes, told: str) -> None:
    status, answer = caller().post("/v1/events", body, content_encoding="gzip")
    assert status == 400
    assert told in answer["error"]


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "nonsense"])
def test_an_encoding_that_is_not_read_is_answered_415(encoding: str) -> None:
    status, told = caller().post("/v1/events", GOOD, content_encoding=encoding)
    assert status == 415
    assert "send gzip" in told["error"]


def test_a_bomb_is_refused_before_it_is_inflated() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(packer.compress(bytes(1024 * 1024)) for _ in range(32)), packer.flush()])
    gateway = caller(limits=Limits(events_bytes_max=4 * 1024 * 1024))
    tracemalloc.start()
    try:
        status, told = gateway.post("/v1/events", bomb, content_encoding="gzip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (status, told["limit"]) == (413, "events_bytes_max")
    assert peak < 16 * 1024 * 1024


def test_a_bomb_below_the_size_is_refused_by_its_ratio() -> None:
    limits = Limits(ratio_free_bytes=1024 * 1024)
    status, told = caller(limits=limits).post(
        "/v1/junit", gzip.compress(bytes(4_000_000)), None, content_encoding="gzip"
    )
    assert (status, told["limit"]) == (413, "inflated_ratio_max")


KINDS = ["text/html", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "image/png"]


@pytest.mark.parametrize("kind", KINDS)
def test_events_of_another_type_are_answered_415_with_the_way_out(kind: str) -> None:
    status, told = caller().post("/v1/events", GOOD, kind)
    assert status == 415
    assert "Content-Type: application/json" in told["error"]


LATER = {
    "the log is full": (LogFull("the log is behind", retry_after_s=2.5), 429, "3"),
    "the log is away": (SinkUnavailable("the log is away", retry_after_s=0.0), 503, "1"),
}


@pytest.mark.parametrize(("error", "status", "after"), LATER.values(), ids=LATER)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/events", GOOD),
        ("/v1/verdicts", b'{"fingerprint":"fp1.' + b"a" * 26 + b'","kind":"auth"}'),
    ],
)
def test_a_log_that_takes_nothing_is_told_with_the_time_to_come_again(
    error: LogFull | SinkUnavailable, status: int, after: str, path: str, body: bytes
) -> None:
    gateway = caller()
    gateway.publisher.refusing = error
    response = gateway.client.post(path, content=body, headers={"content-type": "application/json"})
    assert (response.status_code, response.headers["retry-after"]) == (status, after)
    assert response.json() == {"error": str(error)}


def test_what_was_published_is_answered_even_if_what_was_refused_cannot_be_kept() -> None:
    gateway = caller()
    gateway.publisher.refusing, gateway.publisher.refuse_from = LogFull("full", retry_after_s=1), 1
    status, told = gateway.post("/v1/events", b"[" + GOOD + b",3]")
    assert (status, told["accepted"], told["refused"]) == (207, 1, 1)
    assert "could not be kept" in told["note"]


@pytest.mark.parametrize("key", [b"k" * 201, b"a\tb", b"schl\xfcssel"])
def test_a_key_that_is_no_key_is_refused(key: bytes) -> None:
    headers = {b"idempotency-key": key, b"content-type": b"application/json"}
    response = caller().client.post("/v1/events", content=GOOD, headers=headers)
    assert response.status_code == 400
    assert "Idempotency-Key" in response.json()["place"]


async def asked(app: Starlette, messages: asyncio.Queue[Message], headers: dict[str, str]) -> tuple[int, Any]:
    """Status and answer of one POST to /v1/events whose body comes from a queue."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/events",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in ({"host": "localhost"} | headers).items()],
    }
    await app(scope, messages.get, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], json.loads(body) if body else None


def application(limits: Limits) -> Starlette:
    return Starlette(
        routes=gateway_routes(
            MemoryPublisher(),
            now_ms=lambda: NOW_MS,
            new_run_id=lambda: "made",
            taxonomy=default_taxonomy(),
            limits=limits,
        )
    )


def part(data: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": data, "more_body": more}


def test_a_body_that_never_ends_is_given_up() -> None:
    async def run() -> tuple[int, Any]:
        messages: asyncio.Queue[Message] = asyncio.Queue()
        messages.put_nowait(part(b"["))
        asyncio.get_running_loop().call_later(0.05, messages.put_nowait, {"type": "http.disconnect"})
        return await asked(application(Limits(body_seconds_max=0.01)), messages, {})

    status, told = asyncio.run(run())
    assert status == 408
    assert told["limit"] == "body_seconds_max"


def test_a_caller_that_goes_away_in_the_middle_leaves_nothing_behind() -> None:
    async def run() -> tuple[int, Any]:
        messages: asyncio.Queue[Message] = asyncio.Queue()
        messages.put_nowait(part(b"["))
        messages.put_nowait({"type": "http.disconnect"})
        return await asked(application(Limits()), messages, {})

    assert asyncio.run(run()) == (400, None)


def test_more_requests_than_places_are_sent_away_and_places_come_free_again() -> None:
    async def run() -> list[int]:
        app = application(Limits(requests_max=1))
        slow: asyncio.Queue[Message] = asyncio.Queue()
        first = asyncio.create_task(asked(app, slow, {}))
        await asyncio.sleep(0)
        quick: asyncio.Queue[Message] = asyncio.Queue()
        quick.put_nowait(part(GOOD, more=False))
        status, told = await asked(app, quick, {})
        assert "requests_max" in told["error"]
        slow.put_nowait(part(GOOD, more=False))
        return [status, (await first)[0], (await asked(app, quick, {}))[0]]

    assert asyncio.run(run()) == [503, 200, 200]


def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    async def run() -> tuple[int, Any]:
        messages: asyncio.Queue[Message] = asyncio.Queue()
        headers = {"content-length": "99999999999999999999999", "expect": "100-continue"}
        return await asked(application(Limits()), messages, headers)

    assert asyncio.run(run())[0] == 413
