"""The data of the page as JSON, and the stream over a real connection."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient
from suites.dashboard_server import application, served
from suites.fake_queries import NOW_MS, FakeQueries, group, reject

API_PAGE = Path(__file__).parents[2] / "deploy" / "docs" / "api.md"


def client(*groups, **options) -> TestClient:
    return TestClient(application(FakeQueries(list(groups), **options)), base_url="http://127.0.0.1:8765")


def test_groups_are_listed_with_their_facts():
    told = client(group(1)).get("/api/groups").json()
    assert {name: told[name] for name in ("total", "offset", "limit", "next", "now_ms")} == {
        "total": 1,
        "offset": 0,
        "limit": 50,
        "next": None,
        "now_ms": NOW_MS,
    }
    (row,) = told["groups"]
    assert row == {
        "fingerprint": group(1).detail.row.fingerprint,
        "origin": "ci",
        "title": "TimeoutError: no answer after 30 s",
        "template": "TimeoutError: no answer after <dur>",
        "kind": "timeout",
        "family": "infrastructure_error",
        "source": "rule",
        "confidence": 0.93,
        "count": 1,
        "first_seen_ms": NOW_MS - 60_000,
        "last_seen_ms": NOW_MS - 60_000,
        "new": True,
        "where": [{"name": "acme/api / nightly / unit tests", "count": 1}],
        "spark": [0] * 23 + [1],
        "fingerprints": 1,
    }


def test_the_next_links_reach_every_group_once():
    many = [group(number) for number in range(11)]
    speaking = client(*many)
    address, seen = "/api/groups?limit=4&kind=timeout", []
    while address:
        told = speaking.get(address).json()
        seen += [row["fingerprint"] for row in told["groups"]]
        address = told["next"]
    assert sorted(seen) == sorted(one.detail.row.fingerprint for one in many)


def test_one_group_is_told_whole():
    one = group(1)
    told = client(one).get(f"/api/groups/{one.detail.row.fingerprint}").json()
    assert told["verdict"]["rule_id"] == "deadline-passed"
    assert told["samples"] == [{"text": "no answer after 30 s", "at_ms": NOW_MS - 60_000, "failure_id": "0" * 32}]
    assert told["parts"][0] == {"name": "type", "value": "TimeoutError", "rule": "exception type", "problem": True}
    assert told["documents"] == [{"s_error_id": "0" * 32, "s_repo": "acme/api", "l_run_attempt": 1}]
    assert len(told["history"]) == 1


@pytest.mark.parametrize("name", ["fp1.nothing", "x" * 5000, "fp1."])
def test_an_unknown_group_is_404_with_a_reason(name):
    answer = client(group(1), group(2)).get(f"/api/groups/{name}")
    assert answer.status_code == 404
    assert answer.json()["error"] == "unknown_group"


def test_kinds_are_counted_on_one_axis_of_time():
    told = client(group(1, times_ms=(NOW_MS - 1, NOW_MS - 90_000))).get("/api/kinds?range=1h").json()
    assert (told["range"], told["step_ms"], told["buckets"]) == ("1h", 60_000, 60)
    (series,) = told["series"]
    assert series["total"] == sum(series["counts"]) == 2
    assert len(series["counts"]) == 60


def test_totals_tell_the_revision():
    told = client(group(1), rejected=3).get("/api/totals").json()
    assert told == {
        "failures": 1,
        "groups": 1,
        "rejected": 3,
        "last_failure_ms": NOW_MS - 60_000,
        "revision": 1,
        "now_ms": NOW_MS,
    }


def test_what_was_rejected_is_told_a_page_at_a_time():
    speaking = client(rejects=tuple(reject(number, text=f"n{number}\u202e") for number in range(5)))
    address, seen = "/api/rejected?limit=2", []
    while address:
        told = speaking.get(address).json()
        assert (told["total"], told["limit"], told["now_ms"]) == (5, 2, NOW_MS)
        seen += told["rejected"]
        address = told["next"]
    assert [row["text"] for row in seen] == [f"n{number}⟨U+202E⟩" for number in range(5)]
    assert seen[0] == {
        "at_ms": NOW_MS,
        "topic": "gateway",
        "reason": "Invalid enum value 'x'",
        "place": "$.origin",
        "size_bytes": 5,
        "text": "n0⟨U+202E⟩",
    }


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "offset=-1", "kind=timeout"])
def test_a_list_of_rejected_records_takes_no_other_parameter(query):
    assert client().get(f"/api/rejected?{query}").json()["error"] == "bad_parameter"


@pytest.mark.parametrize("path", ["/api/groups", "/api/kinds", "/api/totals"])
@pytest.mark.parametrize(
    ("query", "parameter", "given"),
    [("limit=0", "limit", "0"), ("kind=x", "kind", "x"), ("colour=red", "colour", "red"), ("new=1&new=0", "new", "0")],
)
def test_a_wrong_parameter_is_named(path, query, parameter, given):
    answer = client().get(f"{path}?{query}")
    assert answer.status_code == 400
    told = answer.json()
    assert (told["error"], told["parameter"], told["given"]) == ("bad_parameter", parameter, given)
    assert told["allowed"]


@pytest.mark.parametrize("path", ["/api/groups", "/api/kinds", "/api/totals", "/api/groups/fp1.x", "/api/rejected"])
def test_a_store_that_is_away_is_503_with_a_time_to_wait(path):
    queries = FakeQueries()
    queries.away = True
    answer = TestClient(application(queries), base_url="http://localhost").get(path)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["error"] == "store_unavailable"


def test_any_text_makes_valid_json():
    one = group()
    one.detail = replace(one.detail, documents=({"x": "\ud800\x00\u202e</script>", "at": object()},))
    answer = client(one).get(f"/api/groups/{one.detail.row.fingerprint}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["documents"][0]["x"] == "\ud800\x00\u202e</script>"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/api/groups", "/events"])
def test_nothing_here_can_be_changed(method, path):
    assert client().request(method, path).status_code == 405


@pytest.mark.parametrize("path", ["/api/", "/api/group", "/api/groups/", "/api/groups/fp1.a/b", "/api/%00"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_address_that_leads_nowhere_names_those_that_do(method, path):
    answer = client().request(method, path)
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown_path")
    assert "/api/groups, /api/groups/{fingerprint}, /api/kinds" in answer.json()["allowed"]


@pytest.mark.parametrize("path", ["/api/groups", "/api/groups/fp1.a", "/api/rejected"])
def test_another_method_is_told_which_one_to_use(path):
    answer = client().post(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json()["reason"] == f"POST {path} is not answered here; allowed: GET"


def test_every_field_is_documented():
    one = group(1)
    speaking = client(one, rejects=(reject(),))
    fingerprint = one.detail.row.fingerprint
    page = API_PAGE.read_text(encoding="utf-8")

    def names(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in value.items():
                yield name
                yield from names(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from names(inner)

    paths = ("nothing", "groups", f"groups/{fingerprint}", "kinds", "totals", "rejected", "groups?limit=x")
    for path in (f"/api/{name}" for name in paths):
        told = speaking.get(path).json()
        told.pop("documents", None)  # in the stores' own names
        for name in names(told):
            assert f"`{name}`" in page, name


def _open_stream(url: str) -> socket.socket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port), timeout=5)
    connection.sendall(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return connection


def _read_until(connection: socket.socket, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got:
        more = connection.recv(65536)
        assert more, got
        got += more
    return got


def test_the_stream_tells_changes_over_a_real_connection():
    queries = FakeQueries([group(1)])
    with served(queries) as running, _open_stream(running.url) as connection:
        head = _read_until(connection, b"id: 1\n")
        assert b"HTTP/1.1 200" in head
        assert b"text/event-stream" in head
        queries.add(group(2))
        told = _read_until(connection, b"id: 2\n") + _read_until(connection, b"\n\n")
        data = re.search(rb"data: (\{.*?\})\n", told)
        assert data is not None
        assert json.loads(data[1])["revision"] in (1, 2)


def test_open_streams_do_not_hold_up_the_end():
    with served(FakeQueries([group(1)])) as running:
        streams = [_open_stream(running.url) for _ in range(5)]
        for connection in streams:
            _read_until(connection, b"id: 1\n")
        ending = threading.Thread(target=running.stop)
        ending.start()
        for connection in streams:
            rest = b""
            while more := connection.recv(65536):
                rest += more
            assert rest.endswith(b"0\r\n\r\n")
            connection.close()
        ending.join(5)
        assert not running.thread.is_alive()
