"""Who may call: this machine and the names that were allowed, and no page of another site."""

from __future__ import annotations

import pytest
from suites.gateway import FAILURE, caller
from suites.table import each

ALLOWED = ["localhost", "localhost:8765", "127.0.0.1:1", "127.8.9.1", "[::1]:8765", "LOCALHOST", "faultline.localhost"]
REFUSED = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "10.0.0.1:8765",
    "",
    "a b",
    "[::1",
    "0.0.0.0",
]


@pytest.mark.parametrize("host", ALLOWED)
def test_a_loopback_name_is_served(host: str) -> None:
    assert caller().post("/v1/events", FAILURE, host=host)[0] == 200


@each("host", REFUSED)
@each("path", ["/v1/events", "/v1/junit", "/v1/logs", "/v1/verdicts"])
def test_another_name_is_refused_with_the_way_out(host: str, path: str) -> None:
    gateway = caller()
    status, told = gateway.post(path, FAILURE, host=host)
    assert status == 403
    assert "FAULTLINE_ALLOWED_HOSTS" in told["error"]
    assert gateway.publisher.calls == 0


def test_a_name_that_was_allowed_is_served() -> None:
    gateway = caller(allowed_hosts=["CI.example"])
    assert gateway.post("/v1/events", FAILURE, host="ci.example:8765")[0] == 200
    assert gateway.post("/v1/events", FAILURE, host="other.example")[0] == 403
    assert caller(allowed_hosts=["*"]).post("/v1/events", FAILURE, host="any.example")[0] == 200


PAGES = {
    "our own page": ({"origin": "http://localhost:8765"}, 200),
    "our own page, said by the browser": ({"origin": "http://localhost:8765", "sec_fetch_site": "same-origin"}, 200),
    "no page": ({"sec_fetch_site": "none"}, 200),
    "another port": ({"origin": "http://localhost:3000"}, 403),
    "another site": ({"origin": "https://evil.example"}, 403),
    "a page without an origin": ({"origin": "null"}, 403),
    "an origin that is none": ({"origin": "http://[::1"}, 403),
    "another site that hides its origin": ({"sec_fetch_site": "cross-site"}, 403),
    "another port that hides its origin": ({"sec_fetch_site": "same-site"}, 403),
}


@pytest.mark.parametrize(("headers", "status"), PAGES.values(), ids=PAGES)
def test_only_our_own_pages_may_send(headers: dict[str, str], status: int) -> None:
    assert caller().post("/v1/events", FAILURE, host="localhost:8765", **headers)[0] == status


def test_health_is_told_and_readiness_says_what_is_missing() -> None:
    client = caller().client
    assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (200, 200)
    waiting = caller(waiting="the log is still being opened").client.get("/readyz")
    assert waiting.status_code == 503
    assert waiting.json() == {"error": "the log is still being opened"}
    assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 403


def test_other_methods_are_not_served() -> None:
    client = caller().client
    assert {client.request(method, "/v1/events").status_code for method in ("GET", "PUT", "DELETE", "OPTIONS")} == {405}


@each("method", ["GET", "POST", "DELETE"])
@each("path", ["/v1/", "/v1/event", "/v1/events/", "/v1/events/7", "/v1/%ff"])
def test_an_address_that_leads_nowhere_names_those_that_do(method: str, path: str) -> None:
    answer = caller().client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    assert "/v1/events, /v1/junit, /v1/reports, /v1/logs, /v1/verdicts, /v1/aliases" in answer.json()["error"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_told_which_one_to_use(method: str) -> None:
    answer = caller().client.request(method, "/v1/events")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json() == {"error": "/v1/events takes POST only"}


def test_an_address_that_leads_nowhere_is_guarded_too() -> None:
    assert caller().client.get("/v1/x", headers={"host": "evil.example"}).status_code == 403
