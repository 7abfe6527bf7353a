"""Who may speak to the server, and what every answer carries."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from suites.asgi import Client
from suites.table import each

from streams.callers import host_name
from streams.dashboard.guard import CONTENT_SECURITY_POLICY, HEADERS, Guard


def speak(request: Request) -> PlainTextResponse:
    return PlainTextResponse("spoken", headers={"cache-control": "max-age=5"})


def client(**options) -> Client:
    routes = [Route("/", speak, methods=["GET", "POST"], middleware=[Middleware(Guard, **options)])]
    return Client(Starlette(routes=routes), base_url="http://127.0.0.1:8765")


HOSTS = [
    ("127.0.0.1", "127.0.0.1"),
    ("127.0.0.1:8765", "127.0.0.1"),
    ("LocalHost:1", "localhost"),
    ("[::1]:8765", "::1"),
    ("evil.example", "evil.example"),
    ("127.0.0.1.evil.example", "127.0.0.1.evil.example"),
    ("user@127.0.0.1", ""),
    ("127.0.0.1@evil.example", ""),
    ("127.0.0.1/evil", ""),
    ("127.0.0.1?x", ""),
    ("127.0.0.1#x", ""),
    ("127.0.0.1:port", ""),
    ("127.0.0.1:99999", ""),
    ("[::1", ""),
    ("", ""),
]


@each(("authority", "name"), HOSTS)
def test_the_host_of_an_authority(authority, name):
    assert host_name(authority) == name


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "localhost", "[::1]:80"])
def test_loopback_names_are_answered(host):
    assert client().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:8765", "x@localhost", ""])
def test_another_host_name_is_refused_with_the_way_out(host):
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == 403
    assert "FAULTLINE_ALLOWED_HOSTS" in answer.text
    assert "evil" not in answer.text


def test_hosts_can_be_allowed():
    assert client(allowed_hosts=["Board.Example"]).get("/", headers={"host": "board.example:80"}).status_code == 200
    assert client(allowed_hosts=["board.example"]).get("/").status_code == 200  # loopback names stay
    assert client(allowed_hosts=["*"]).get("/", headers={"host": "any.example"}).status_code == 200


@each("method", ["GET", "POST"])
@each(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1:9",
        "http://x@127.0.0.1:8765",
    ],
)
def test_a_script_of_another_site_may_not_ask(method, origin):
    assert client().request(method, "/", headers={"origin": origin}).status_code == 403
    assert client(allowed_hosts=["*"]).request(method, "/", headers={"origin": origin}).status_code == 403


def test_our_own_page_and_plain_tools_may_ask():
    assert client().get("/", headers={"origin": "http://127.0.0.1:8765"}).status_code == 200
    assert client().get("/").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
def test_every_answer_carries_the_headers(host):
    answer = client().get("/", headers={"host": host})
    for name, value in HEADERS.items():
        if name != "cache-control":
            assert answer.headers[name] == value


def test_a_header_that_the_answer_brings_is_kept():
    assert client().get("/").headers["cache-control"] == "max-age=5"


def test_the_policy_allows_nothing_inline():
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY
