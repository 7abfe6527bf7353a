"""Answers that a healthy OpenSearch does not give: no right, no password, TLS, a proxy's own pages, busy by turns."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from suites.records import ci_failure, verdict
from suites.stores import Feeder

from streams.contract.classified import GroupChanged, VerdictChanged
from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.failure import Origin
from streams.sinks.base import Refusal
from streams.sinks.opensearch import bulk
from streams.sinks.opensearch.bulk import Item, chunks
from streams.sinks.opensearch.door import Door
from streams.sinks.opensearch.names import index_name, period_of
from streams.sinks.opensearch.options import OpenSearchOptions
from streams.sinks.opensearch.sink import OpenSearchSink

ABOUT = {"version": {"distribution": "opensearch", "number": "3.8.0"}}
SECURITY = {"error": {"type": "security_exception", "reason": "no permissions for [indices:data/write/bulk]"}}
PAGE = "<html>upstream is away</html>"


class Server:
    """Says what the script says to bulks, in turn, the last for ever; to all else what an empty OpenSearch does."""

    def __init__(self, *script: Callable[[list[str]], web.Response], about: web.Response | None = None) -> None:
        self.script = list(script)
        self.about = about
        self.bulks: list[list[str]] = []
        self.changes: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        if request.path == "/":
            return self.about or web.json_response(ABOUT)
        if request.path == "/_bulk":
            lines = (await request.text()).splitlines()
            ids = [json.loads(line)["index"]["_id"] for line in lines[::2]]
            self.bulks.append(ids)
            return self.script[min(len(self.bulks), len(self.script)) - 1](ids)
        if request.path.endswith("/_update_by_query"):
            self.changes.append(await request.json())
            return self.script[min(len(self.changes), len(self.script)) - 1]([])
        if "_settings" in request.path:
            return web.json_response({f"{name_of(request)}2026.09": {"settings": {"index.uuid": "u"}}})
        return web.json_response({})

    async def meet(self, work: Callable[[OpenSearchSink], Awaitable[Any]], **more: Any) -> Any:
        context = more.pop("tls", None)
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = runner.addresses[0][1]
        scheme = more.pop("scheme", "http")
        sink = OpenSearchSink(OpenSearchOptions(url=f"{scheme}://127.0.0.1:{port}", **more))
        try:
            return await work(sink)
        finally:
            await sink.close()
            await runner.cleanup()

    def run(self, work: Callable[[OpenSearchSink], Awaitable[Any]], **more: Any) -> Any:
        return asyncio.run(self.meet(work, **more))


def name_of(request: web.Request) -> str:
    return request.path.split("/")[1].removesuffix("2*")


def items(*statuses: int) -> Callable[[list[str]], web.Response]:
    """Each document gets the status in its place; the last for the rest."""

    def said(ids: list[str]) -> web.Response:
        told = [statuses[min(i, len(statuses) - 1)] for i in range(len(ids))]
        faults = {429: "rejected_execution_exception", 503: "unavailable_shards_exception", 409: "version_conflict"}
        faults |= {400: "mapper_parsing_exception", 403: "security_exception"}
        answers = [
            {"index": {"status": s} | ({"error": {"type": faults[s], "reason": f"no {s}"}} if s > 299 else {})}
            for s in told
        ]
        return web.json_response({"errors": any(s > 299 for s in told), "items": answers})

    return said


def whole(status: int, body: object) -> Callable[[list[str]], web.Response]:
    if isinstance(body, str):
        return lambda ids: web.Response(status=status, text=body, content_type="text/html")
    return lambda ids: web.json_response(body, status=status)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "PAUSE_FIRST_S", 0.001)


def write(server: Server, count: int = 10, **more: Any) -> list[Refusal]:
    records = Feeder().records(*(ci_failure("boom", job=f"j{i}") for i in range(count)))
    refused: list[Refusal] = server.run(lambda sink: sink.write(records), **more)
    return refused


def test_only_what_was_not_taken_is_sent_again() -> None:
    server = Server(items(200, 429, 200, 503, 409, 200), items(429, 200), items(200))
    assert write(server) == []
    assert [len(ids) for ids in server.bulks] == [10, 2, 1]
    assert server.bulks[1] == [server.bulks[0][1], server.bulks[0][3]]


def test_a_store_that_stays_busy_is_given_up_after_a_bounded_number_of_requests() -> None:
    server = Server(items(200, 429), items(429))
    with pytest.raises(SinkUnavailable, match="too busy for 9 documents") as told:
        write(server)
    assert told.value.retry_after_s > 0
    assert len(server.bulks) == bulk.RETRIES_MAX + 1


@pytest.mark.parametrize("status", [429, 502, 503])
@pytest.mark.parametrize("body", [PAGE, {"error": {"type": "rejected_execution_exception", "reason": "full"}}])
def test_a_request_that_is_refused_whole_is_sent_again(status: int, body: object) -> None:
    server = Server(whole(status, body), items(200))
    assert write(server) == []
    assert len(server.bulks) == 2


def test_a_document_that_spoils_a_whole_request_is_found_by_halving() -> None:
    def said(ids: list[str]) -> web.Response:
        return whole(413, "")(ids) if server.bulks[0][7] in ids else items(200)(ids)

    server = Server(said)
    (refused,) = write(server)
    assert "413" in refused.reason
    assert refused.index == 0
    assert [len(ids) for ids in server.bulks] == [10, 5, 5, 2, 3, 1, 2, 1, 1][: len(server.bulks)]


def test_what_is_refused_for_good_is_told_once_a_record() -> None:
    (refused,) = write(Server(items(400, 400, 200)))
    assert (refused.index, "no 400 (and 1 more" in refused.reason) == (0, True)


@pytest.mark.parametrize("script", [whole(403, SECURITY), items(403)], ids=["request", "item"])
def test_a_missing_right_is_told_with_the_rights_it_takes(script: Callable[[list[str]], web.Response]) -> None:
    with pytest.raises(ConfigurationError, match=r"forbids this.*create_index"):
        write(Server(script))


def test_wrong_credentials_are_told_without_them() -> None:
    server = Server(items(200), about=web.Response(status=401, text="Unauthorized"))
    with pytest.raises(ConfigurationError, match="OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD") as told:
        write(server, username="fünf", password=SecretStr("geheim€"))
    assert "geheim" not in str(told.value)
    assert server.headers["authorization"] == "Basic ZsO8bmY6Z2VoZWlt4oKs"


def test_a_page_that_is_no_answer_of_opensearch_pauses_and_refuses_nothing() -> None:
    with pytest.raises(SinkUnavailable, match="answered for by something else"):
        write(Server(whole(400, "<html>The plain HTTP request was sent to HTTPS port</html>")))
    with pytest.raises(SinkUnavailable, match="answered for by something else"):
        write(Server(whole(200, {"items": []})))


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"version": {"number": "8.1.0"}}, "is not OpenSearch"),
        ({"version": {"distribution": "opensearch", "number": "2.6.9"}}, r"is 2\.6; at least 2\.7"),
        ([], "is not OpenSearch"),
    ],
)
def test_another_product_and_an_old_version_are_told(about: object, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        write(Server(items(200), about=web.json_response(about)))


def test_a_change_that_others_disturb_is_asked_for_until_nothing_is_left() -> None:
    answers = [{"updated": 3, "version_conflicts": 2}, {"updated": 0, "version_conflicts": 1}]
    server = Server(*(whole(200, body) for body in answers), whole(200, {"updated": 1, "version_conflicts": 0}))
    assert change(server) == []
    assert len(server.changes) == 3


def test_a_change_that_others_disturb_for_ever_is_given_up() -> None:
    server = Server(whole(200, {"updated": 0, "version_conflicts": 1}))
    with pytest.raises(SinkUnavailable, match="is a second sink running"):
        change(server)
    assert len(server.changes) == bulk.RETRIES_MAX + 1


def test_a_change_that_is_refused_for_good_is_found_among_the_others() -> None:
    cause = {"type": "mapper_parsing_exception", "reason": "no such type"}
    wrong = whole(400, {"updated": 0, "failures": [{"index": "i", "id": "1", "status": 400, "cause": cause}]})
    fine = whole(200, {"updated": 1, "version_conflicts": 0})
    refused = change(Server(wrong, fine, wrong), count=2)
    assert [one.index for one in refused] == [1]
    assert "no such type" in refused[0].reason


def test_a_verdict_and_a_group_of_one_fingerprint_are_two_requests_each_with_its_own_guard() -> None:
    fine = whole(200, {"updated": 1, "version_conflicts": 0})
    server = Server(fine)
    group = GroupChanged(
        fingerprint="fp1.0", origin=Origin.CI, group="fp1.!", group_version=7, changed_at_ms=1_790_000_000_000
    )
    said = VerdictChanged(fingerprint="fp1.0", verdict=verdict("fp1.0", "timeout"), verdict_version=9)
    assert server.run(lambda sink: sink.write([said, group]), origins=frozenset({Origin.CI})) == []
    told = [one["script"]["params"]["changes"]["fp1.0"]["said"] for one in server.changes]
    guards = [json.dumps(one["query"]) for one in server.changes]
    assert sorted("l_group_version" in one for one in guards) == [False, True]
    assert ['{"l_group_version": {"lt": 7}}' in one for one in guards] == ["s_group" in one for one in told]
    assert {"s_group": "fp1.!", "l_group_version": 7} in told


def change(server: Server, count: int = 1) -> list[Refusal]:
    """Verdicts of so many fingerprints."""
    records = [
        VerdictChanged(fingerprint=f"fp1.{i}", verdict=verdict(f"fp1.{i}", "timeout"), verdict_version=9)
        for i in range(count)
    ]
    refused: list[Refusal] = server.run(lambda sink: sink.write(records), origins=frozenset({Origin.CI}))
    return refused


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, with its key."""
    path = tmp_path / "both.pem"
    made = [tmp_path / "key.pem", tmp_path / "cert.pem"]
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", made[0], "-out", made[1]], check=True, capture_output=True, timeout=30)
    path.write_text("".join(one.read_text() for one in made))
    return path


@pytest.mark.tool("openssl", package="openssl")
def test_tls_in_front_is_told_and_spoken_when_it_is_set(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with pytest.raises(ConfigurationError, match="speaks TLS only; set OPENSEARCH_URL=https://"):
        write(Server(items(200)), tls=context)
    with pytest.raises(ConfigurationError, match=r"is not trusted.*FAULTLINE_OPENSEARCH_CA"):
        write(Server(items(200)), tls=context, scheme="https")
    assert write(Server(items(200)), tls=context, scheme="https", ca=certificate) == []


def test_tls_that_is_set_and_not_spoken_is_told() -> None:
    with pytest.raises(ConfigurationError, match="if it speaks plain HTTP, set OPENSEARCH_URL=http://"):
        write(Server(items(200)), scheme="https")


def test_a_file_of_certificates_that_holds_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(ConfigurationError, match=r"FAULTLINE_OPENSEARCH_CA=.*empty\.pem: cannot be read"):
        Door(OpenSearchOptions(url="https://127.0.0.1:1", ca=tmp_path / "empty.pem"))
    with pytest.raises(ConfigurationError, match="no colon"):
        Door(OpenSearchOptions(url="http://127.0.0.1:1", username="a:b"))


def test_a_store_that_does_not_answer_is_given_up_in_time() -> None:
    async def silent(sink: OpenSearchSink) -> object:
        return await sink.write([])

    class Silent(Server):
        async def answer(self, request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(1)
            return await super().answer(request)

    with pytest.raises(SinkUnavailable, match=r"did not answer within 0\.05 s"):
        Silent(items(200)).run(silent, request_s_max=0.05)
    with pytest.raises(SinkUnavailable, match=r"did not take 0 records within 0\.05 s"):
        Silent(items(200)).run(silent, write_s_max=0.05)


@pytest.mark.parametrize(
    ("documents_max", "bytes_max", "sizes"), [(3, 10**6, [3, 3, 1]), (100, 1, [1] * 7), (100, 10**6, [7])]
)
def test_requests_keep_both_bounds_and_the_order(documents_max: int, bytes_max: int, sizes: list[int]) -> None:
    given = [Item(record=i, index="x", id=str(i), version=1, body=b"{}") for i in range(7)]
    cut = list(chunks(given, documents_max=documents_max, bytes_max=bytes_max))
    assert [len(chunk) for chunk in cut] == sizes
    assert [item for chunk in cut for item, _ in chunk] == given


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("b-2026.09", ("month", 1_790_812_800_000)),
        ("b-2026.12", ("month", 1_798_761_600_000)),
        ("b-2026.09.21", ("day", 1_790_035_200_000)),
        ("b-2026.13", None),
        ("b-2026.02.30", None),
        ("b-9999.12", None),
        ("b-earlier", None),
        ("bc-2026.09", None),
        ("b", None),
    ],
)
def test_the_period_of_an_index_is_read_from_its_name(index: str, expected: tuple[str, int] | None) -> None:
    assert period_of("b", index) == expected
    if expected:
        assert index_name("b", expected[0], expected[1] - 1) == index
        assert index_name("b", expected[0], expected[1]) != index
