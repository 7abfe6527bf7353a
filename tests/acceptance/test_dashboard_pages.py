"""What the pages say, without JavaScript, and that text from outside is only ever text."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient
from suites.dashboard_server import application
from suites.fake_queries import NOW_MS, FakeQueries, group, reject

from streams.contract.failure import Origin
from streams.contract.fold import Sample
from streams.contract.taxonomy import default_taxonomy
from streams.contract.verdict import VerdictSource
from streams.core.parts import BARE
from streams.dashboard.pages import Hint, commands
from streams.dashboard.words import explainable
from streams.sinks.base import GroupDetail

Change = Callable[[GroupDetail, str], GroupDetail]
VOID = {"meta", "link", "input", "line", "rect", "path", "br", "img"}


class Parsed(HTMLParser):
    """The elements of a page with their attributes, its text, and whether its tags match."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


def browser(*groups, rejected=0, rejects=(), **options) -> TestClient:
    queries = FakeQueries(list(groups), rejected=rejected, rejects=tuple(rejects))
    return TestClient(application(queries, **options), base_url="http://127.0.0.1:8765")


def parsed(client: TestClient, address: str = "/", status: int = 200) -> Parsed:
    answer = client.get(address)
    assert answer.status_code == status
    return Parsed(answer.text)


OLD_MS = NOW_MS - 3 * 86_400_000
TWO = (
    group(1, times_ms=(NOW_MS - 60_000, NOW_MS - 3_600_000)),
    group(
        2,
        origin="benchmark",
        kind="rate_limit",
        family="provider",
        title="RateLimitError: slow down",
        where=(("anthropic / vega-9 / generate", 1),),
        times_ms=(OLD_MS,),
    ),
)


def test_an_empty_page_says_what_to_do():
    page = parsed(browser(hints=[Hint("Send one", "faultline publish junit 'a b.xml'")]))
    assert "Nothing has failed yet" in page.text
    assert "faultline publish junit 'a b.xml'" in page.text
    assert not page.all("table")


def test_the_list_shows_each_group_with_its_facts():
    page = parsed(browser(*TWO, rejected=4))
    for told in ("TimeoutError: no answer after 30 s", "timeout", "infrastructure_error", "rate_limit", "slow down"):
        assert told in page.text
    assert "acme/api / nightly / unit tests" in page.text
    assert "1 min ago" in page.text
    assert [row["data-count"] for row in page.all("tr") if "data-key" in row] == ["2", "1"]
    sparks = [svg["aria-label"] for svg in page.all("svg") if svg.get("class") == "spark"]
    assert sparks == ["2 in the last 24 hours, at most 1 an hour", "none in the last 24 hours"]


def test_only_groups_first_seen_within_a_day_are_new():
    assert 'class="new"' in browser(TWO[0]).get("/").text
    assert 'class="new"' not in browser(TWO[1]).get("/").text


def test_times_are_relative_and_carry_the_moment():
    times = parsed(browser(group(times_ms=(1_924_000_000_000 - 60_000,)))).all("time")
    assert {time["datetime"] for time in times} == {"2030-12-20T12:25:40Z"}
    assert {time["title"] for time in times} == {"2030-12-20 12:25:40 UTC"}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {1, 2}),
        ("?origin=ci", {1}),
        ("?origin=benchmark", {2}),
        ("?kind=rate_limit", {2}),
        ("?family=infrastructure_error", {1}),
        ("?where=vega-9", {2}),
        ("?text=SLOW", {2}),
        ("?new=1", {1}),
        ("?since=24h", {1}),
        ("?origin=ci&kind=rate_limit", set()),
        ("?origin=&kind=&text=&utm_source=x", {1, 2}),
    ],
)
def test_filters_in_the_address_choose_the_groups(query, shown):
    page = parsed(browser(*TWO), f"/{query}")
    keys = {row["data-key"] for row in page.all("tr") if "data-key" in row}
    assert keys == {TWO[number - 1].detail.row.fingerprint for number in shown}
    if not shown:
        assert "No group passes these filters" in page.text
        assert "Clear filters" in page.text


def test_the_form_keeps_what_was_asked():
    page = parsed(browser(*TWO), "/?text=%22a%22&kind=timeout&sort=count&new=1&range=7d")
    values = {field["name"]: field.get("value") for field in page.all("input")}
    assert values["text"] == '"a"'
    assert values["range"] == "7d"
    chosen = {option["value"] for option in page.all("option") if "selected" in option}
    assert {"timeout", "count"} <= chosen
    assert "checked" in next(field for field in page.all("input") if field["name"] == "new")


def test_pages_lead_on_and_back_and_keep_the_filters():
    many = [group(number, title=f"failure number {number}") for number in range(7)]
    client = browser(*many)
    seen = []
    page = parsed(client, "/?origin=ci&sort=count&limit=3")
    while True:
        seen += [row["data-key"] for row in page.all("tr") if "data-key" in row]
        following = [link["href"] for link in page.all("a") if link.get("rel") == "next"]
        if not following:
            break
        page = parsed(client, following[0])
    assert set(seen) == {one.detail.row.fingerprint for one in many}
    assert len(seen) == len(many)
    previous = next(link["href"] for link in page.all("a") if link.get("rel") == "prev")
    assert previous == "/?origin=ci&sort=count&limit=3&offset=3"


def test_a_page_behind_the_last_says_so():
    assert "begins after the last" in parsed(browser(*TWO), "/?offset=500").text


@pytest.mark.parametrize(
    ("age_h", "label"), [(0.1, "the last hour"), (5, "the last 24 hours"), (50, "the last 7 days")]
)
def test_the_chart_shows_the_newest_failure_unless_told_otherwise(age_h, label):
    client = browser(group(times_ms=(NOW_MS - int(age_h * 3_600_000),)))
    assert f"1 in {label}" in parsed(client).text
    assert "in the last 7 days" in parsed(client, "/?range=7d").text


def test_a_chart_has_a_table_with_the_same_numbers():
    page = parsed(browser(group(times_ms=(NOW_MS - 60_000,) * 3)), "/?range=1h")
    assert "The same as a table" in page.text
    assert "20 Dec 12:25" in page.text
    bars = [rect for rect in page.all("rect") if rect.get("class", "").startswith("bar ")]
    assert len(bars) == 1


def test_a_groups_page_explains_it():
    one = group(template="no answer from <host> after <dur>")
    page = browser(one).get(f"/groups/{one.detail.row.fingerprint}").text
    text = Parsed(page).text
    for told in (
        "TimeoutError: no answer after 30 s",
        "no answer after 30 s",
        "The text says that a deadline passed.",
        "deadline-passed",
        "93\u00a0%",
        "may help",
        "fp1.class",
        "exception type",
        "History of verdicts",
        '"s_repo": "acme/api"',
        f"faultline show {one.detail.row.fingerprint}",
        "faultline explain --origin ci -- 'no answer after 30 s'",
    ):
        assert told in text
    assert "<mark>&lt;host&gt;</mark> after <mark>&lt;dur&gt;</mark>" in page


def test_nothing_was_seen_in_the_future():
    one = group(times_ms=(NOW_MS + 240_000,))
    client = browser(one)
    for address in ("/", f"/groups/{one.detail.row.fingerprint}"):
        page = parsed(client, address)
        assert "in 4 min" not in page.text
        assert {time["title"] for time in page.all("time")} <= {"2030-12-20 12:26:40 UTC", "2030-12-20 12:25:40 UTC"}
    last = next(time for time in parsed(client).all("time") if time["data-ago"] == str(NOW_MS + 240_000))
    assert last["datetime"] == "2030-12-20T12:26:40Z"


def test_a_verdict_that_nobody_gave_is_called_so():
    one = group()
    nobody = {"source": VerdictSource.STATUS, "confidence": 0.0, "kind": "unknown", "rule_id": ""}
    verdict = msgspec.structs.replace(one.detail.verdict, **nobody)
    row = replace(one.detail.row, source="status", confidence=0.0, kind="unknown")
    one.detail = replace(one.detail, row=row, verdict=verdict, history=(verdict,))
    client = browser(one)
    for address in ("/", f"/groups/{one.detail.row.fingerprint}"):
        text = parsed(client, address).text
        assert "nobody yet" in text
        assert "0\u00a0%" not in text
        assert "status" not in text
    one.detail = replace(one.detail, row=replace(row, confidence=0.6))
    assert "60\u00a0%" in parsed(client).text


def test_a_place_that_was_not_given_is_called_so():
    one = group(where=(("", 3),))
    client = browser(one)
    for address in ("/", f"/groups/{one.detail.row.fingerprint}"):
        assert "place not given" in parsed(client, address).text


def test_the_foot_says_what_becomes_of_characters_that_hide():
    assert "are left out of failures as they come in" in parsed(browser()).text
    assert "What came is shown as it was" in parsed(browser(), "/rejected").text


def test_the_count_of_rejected_records_leads_to_them():
    client = browser(*TWO, rejects=(reject(1), reject(2, topic="failures.ci.v1", place="", text="\x00hello")))
    assert "/rejected" in [link["href"] for link in parsed(client).all("a")]
    text = parsed(client, "/rejected").text
    for told in (
        "1–2 of 2 kept",
        "Invalid enum value 'x'",
        "at the gateway",
        "$.origin",
        "failures.ci.v1",
        "⟨NUL⟩hello",
    ):
        assert told in text
    assert "/rejected" not in [link["href"] for link in parsed(browser(*TWO)).all("a")]


def test_rejected_records_are_paged_with_links():
    client = browser(rejects=[reject(number, text=f"number {number}.") for number in range(1, 6)])
    page = parsed(client, "/rejected?limit=2&offset=2")
    assert ("number 3." in page.text, "number 5." in page.text) == (True, False)
    links = {link["rel"]: link["href"] for link in page.all("a") if "rel" in link}
    assert links == {"prev": "/rejected?limit=2", "next": "/rejected?limit=2&offset=4"}
    assert "begins after the last" in parsed(client, "/rejected?offset=50").text


@pytest.mark.parametrize(
    ("count", "said"), [(0, "Nothing was rejected."), (3, "so long ago that none is kept any more")]
)
def test_an_empty_list_of_rejected_records_says_why(count, said):
    assert said in parsed(browser(rejected=count), "/rejected").text


def test_the_kind_is_explained_in_the_taxonomys_own_words():
    one = group()
    text = parsed(browser(one), f"/groups/{one.detail.row.fingerprint}").text
    assert default_taxonomy().kind(Origin.CI, "timeout").definition in text


def test_a_frame_is_told_as_a_reason_only_where_it_went_into_the_fingerprint():
    beside = "Beside it, in no fingerprint"
    for rule, is_beside in (("own file", True), (BARE, False)):
        one = group(parts=(("frame", "cart.CartTest:counts", rule), ("template", "no stock", "masked message")))
        text = parsed(browser(one), f"/groups/{one.detail.row.fingerprint}").text
        reasons, _, rest = text[text.index("What went into the fingerprint") :].partition(beside)
        assert ("cart.CartTest:counts" in reasons, "cart.CartTest:counts" in rest) == (not is_beside, is_beside)
        assert "no stock" in reasons


def test_a_beginning_of_a_fingerprint_leads_to_the_whole():
    answer = browser(group(1), group(20)).get("/groups/fp1.ab", follow_redirects=False)
    assert answer.headers["location"] == f"/groups/{group(1).detail.row.fingerprint}"


@pytest.mark.parametrize("name", ["fp1.nothing", "x" * 5000, "%00", "fp1.", "%ff%fe", "<b>"])
def test_an_unknown_group_has_a_page_with_a_way_back(name):
    page = parsed(browser(group(1), group(2)), f"/groups/{name}", 404)
    assert "No such group" in page.text
    assert "/" in [link["href"] for link in page.all("a")]


def test_a_wrong_address_says_what_is_allowed():
    page = parsed(browser(*TWO), "/?sort=size", 400)
    assert "sort" in page.text
    assert "last_seen, first_seen, count" in page.text


@pytest.mark.parametrize("path", ["/", "/groups/fp1.x", "/rejected"])
def test_a_store_that_is_away_is_told_with_a_time_to_wait(path):
    queries = FakeQueries()
    queries.away = True
    answer = TestClient(application(queries), base_url="http://localhost").get(path)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"
    assert "Nothing is lost" in answer.text


@pytest.mark.parametrize("path", ["/static/faultline.css", "/static/live.js", "/static/favicon.svg", "/favicon.ico"])
def test_static_files_come_with_their_type_and_the_guards_headers(path):
    answer = browser().get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] in ("text/css", "text/javascript", "image/svg+xml")
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/", "/static/x"]
)
def test_nothing_but_the_static_files_is_served(path):
    assert browser().get(path).status_code == 404


@pytest.mark.parametrize(
    "path", ["/", "/api/groups", "/api/totals", "/events", "/static/live.js", "/groups/x", "/rejected", "/api/rejected"]
)
def test_every_route_refuses_a_foreign_host(path):
    assert browser().get(path, headers={"host": "evil.example"}).status_code == 403


def test_a_page_has_no_inline_script_or_style_and_each_id_once():
    one = group()
    client = browser(one, *TWO)
    for address in ("/", f"/groups/{one.detail.row.fingerprint}", "/?sort=x", "/rejected"):
        page = Parsed(client.get(address).text)
        assert [script.get("src") for script in page.all("script")] == ["/static/live.js"]
        assert not page.all("style")
        for _, attributes in page.elements:
            assert not [name for name in attributes if name == "style" or name.startswith("on")]
        assert len(page.ids()) == len(set(page.ids()))


PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</pre></textarea></title><script>alert(1)</script>",
    "{{ 7 * 7 }}{% include 'base.html' %}",
    "javascript:alert(1)",
    "<!--",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<num><mark></mark><script>",
    "\u202e<b>\x00\x1b[2J\ud800",
]


def _row(**changes: Callable[[str], Any]) -> Change:
    return lambda one, payload: replace(one, row=replace(one.row, **{k: v(payload) for k, v in changes.items()}))


def _verdict(name: str) -> Change:
    return lambda one, payload: replace(one, verdict=msgspec.structs.replace(one.verdict, **{name: payload}))


FIELDS: dict[str, Change] = {
    "title": _row(title=str),
    "template": _row(template=str),
    "kind": _row(kind=str),
    "family": _row(family=str),
    "origin": _row(origin=str),
    "source": _row(source=str),
    "where": _row(where=lambda payload: ((payload, 3), (payload, 2), (payload, 1))),
    "class": lambda one, payload: replace(one, class_value=payload),
    "parts": lambda one, payload: replace(one, parts=((payload, payload, payload),)),
    "sample": lambda one, payload: replace(one, samples=(Sample(payload, NOW_MS, "0" * 32),)),
    "document": lambda one, payload: replace(one, documents=({payload: payload, "nested": [{"x": payload}]},)),
    "verdict kind": _verdict("kind"),
    "reason": _verdict("reason"),
    "evidence": _verdict("evidence"),
    "rule": _verdict("rule_id"),
    "llm": _verdict("model"),
    "prompt": _verdict("prompt_version"),
    "supersedes": _verdict("supersedes"),
    "history": lambda one, payload: replace(one, history=(_verdict("reason")(one, payload).verdict,)),
}


class Stranger:
    """One running page whose only group says whatever it is told to say."""

    def __init__(self) -> None:
        self._queries = FakeQueries([group()])
        self._detail = group().detail
        self.client = TestClient(application(self._queries), base_url="http://127.0.0.1:8765")
        self.harmless = functools.cache(self.elements)

    def elements(self, name: str, text: str) -> list[tuple[str, list[str]]]:
        """The elements of both pages when the field says `text`, but for the marks that we set around parts of it."""
        fingerprint = self._detail.row.fingerprint
        self._queries.groups_by_fingerprint[fingerprint].detail = FIELDS[name](self._detail, text)
        found = []
        for address in ("/", f"/groups/{fingerprint}"):
            answer = self.client.get(address)
            assert answer.status_code == 200
            page = Parsed(answer.content.decode())
            found += [(tag, sorted(names)) for tag, names in page.elements if tag not in ("mark", "span")]
        return found


@pytest.fixture(scope="module")
def stranger():
    made = Stranger()
    with made.client:
        yield made


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("name", FIELDS)
def test_text_from_outside_stays_text(stranger, name, payload):
    """The pages with the payload have the very elements of the pages with a harmless text."""
    harmless = "harmless" if explainable(payload) else "harm\nless"
    assert stranger.elements(name, payload) == stranger.harmless(name, harmless)


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("field", ["reason", "place", "text", "topic"])
def test_what_was_rejected_stays_text(field, payload):
    found = []
    for text in (payload, "harmless"):
        told: dict[str, Any] = {field: text}
        page = parsed(browser(rejects=[reject(**told)]), "/rejected")
        found.append([tag for tag, _ in page.elements if tag not in ("mark", "span")])
    assert found[0] == found[1]


@pytest.mark.parametrize("payload", [payload.replace("\ud800", "") for payload in PAYLOADS])
@pytest.mark.parametrize("parameter", ["text", "where"])
def test_what_is_asked_stays_text(parameter, payload):
    client = browser(*TWO)
    pages = [Parsed(client.get("/", params={parameter: text}).text) for text in (payload, "harmless")]
    assert [tag for tag, _ in pages[0].elements] == [tag for tag, _ in pages[1].elements]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_strangers_text_enters_a_command_only_quoted(payload):
    detail = replace(group().detail, samples=(Sample(payload, NOW_MS, "0" * 32),))
    for hint in commands(detail):
        words = shlex.split(hint.command)
        assert words[0] == "faultline"
        assert len(words) in (3, 6)
        assert words[-1] in (payload, detail.row.fingerprint)
