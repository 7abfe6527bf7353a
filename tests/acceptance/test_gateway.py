"""The gateway behind a real server: answers arrive over a socket also where a body is refused halfway."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from suites.gateway import FAILURE, NOW_MS, MemoryPublisher

from streams.contract.taxonomy import default_taxonomy
from streams.gateway.app import gateway_routes
from streams.gateway.limits import Limits

STARTED_S_MAX = 10.0
GOOD = json.dumps(FAILURE).encode()


@dataclass
class Served:
    """A gateway on a port of this machine."""

    port: int
    publisher: MemoryPublisher

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any], http.client.HTTPMessage]:
        """One request on a connection of its own; an iterable body is sent in chunks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("POST", path, body, sent)
            response = connection.getresponse()
            return response.status, json.loads(response.read()), response.headers
        finally:
            connection.close()


@pytest.fixture
def served() -> Iterator[Served]:
    publisher = MemoryPublisher()
    limits = Limits(events_bytes_max=1024 * 1024, junit_bytes_max=4 * 1024 * 1024, body_seconds_max=0.3)
    routes = gateway_routes(
        publisher, now_ms=lambda: NOW_MS, new_run_id=lambda: "made", taxonomy=default_taxonomy(), limits=limits
    )
    # The protocol is named because asyncio only then sends small answers at once.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    end = monotonic() + STARTED_S_MAX
    while not server.started and monotonic() < end:
        sleep(0.01)
    yield Served(listener.getsockname()[1], publisher)
    server.should_exit = True
    thread.join(STARTED_S_MAX)
    assert not thread.is_alive()


def test_events_come_in_over_a_socket(served: Served) -> None:
    status, told, headers = served.post("/v1/events", b"[" + GOOD + b",3]")
    assert (status, told["accepted"], told["refused"]) == (207, 1, 1)
    assert headers["content-type"] == "application/json"
    assert [failure.id for failure in served.publisher.failures] == [told["items"][0]["id"]]


def test_a_chunked_body_over_the_limit_gets_its_answer(served: Served) -> None:
    status, told, _ = served.post("/v1/events", (b" " * 65_536 for _ in range(64)))
    assert (status, told["limit"]) == (413, "events_bytes_max")


def test_a_declared_body_over_the_limit_gets_its_answer(served: Served) -> None:
    status, told, _ = served.post("/v1/events", b" " * (8 * 1024 * 1024))
    assert (status, told["limit"]) == (413, "events_bytes_max")


def test_a_caller_that_asks_before_it_sends_is_told_not_to(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_a_bomb_gets_its_answer(served: Served) -> None:
    bomb = gzip.compress(bytes(16 * 1024 * 1024))
    status, told, _ = served.post("/v1/junit", bomb, Content_Encoding="gzip", Content_Type="application/xml")
    assert (status, told["limit"]) == (413, "junit_bytes_max")


def test_a_slow_body_gets_its_answer(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as connection:
        connection.sendall(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n[")
        assert connection.recv(12) == b"HTTP/1.1 408"


def test_another_host_name_is_refused(served: Served) -> None:
    status, _, _ = served.post("/v1/events", GOOD, Host="evil.example")
    assert status == 403
    assert not served.publisher.failures


def test_the_loop_stays_live_while_a_large_request_is_read(served: Served) -> None:
    events = json.dumps([FAILURE | {"message": f"m{number}"} for number in range(8_000)]).encode()
    answers: list[int] = []
    large = threading.Thread(target=lambda: answers.append(served.post("/v1/events", events)[0]))
    large.start()
    while large.is_alive():
        assert served.post("/v1/events", GOOD)[0] == 200
    large.join()
    assert answers == [200]
    assert len({failure.id for failure in served.publisher.failures}) == 8_001
