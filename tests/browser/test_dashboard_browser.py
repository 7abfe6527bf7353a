"""The page in a real browser, under its own content policy."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from suites.dashboard_server import Served, served
from suites.fake_queries import FakeQueries, Group, group, reject

from streams.contract.fold import Sample

pytestmark = pytest.mark.browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_S = 8.0
WIDTHS = (360, 768, 1280)
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(2)</script>",
    "\"'><svg onload=alert(3)>",
    "</title></textarea></pre><script>alert(4)</script>",
    "\u202e\x1b[31m<iframe srcdoc='<script>parent.alert(5)</script>'>",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium on this machine (Debian package chromium)")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield launched
        launched.close()


@dataclass
class Seen:
    """A tab, and everything in it that must not happen."""

    page: Page
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", self._dialog)

    def _dialog(self, dialog: Any) -> None:
        self.faults.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def until(self, true: Callable[[], bool]) -> None:
        """Poll: the content policy refuses the browser's own waiting for a function."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < deadline, self.page.inner_text("body")[:500]
            self.page.wait_for_timeout(30)

    def overflow(self) -> int:
        """Pixels by which the document is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture
def tab(chromium: Browser, running: Served) -> Iterator[Seen]:
    """Asks for the server only to be closed before it: a stream that breaks is a fault on the console."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    seen = Seen(context.new_page())
    yield seen
    context.close()
    assert seen.faults == []


def now_ms() -> int:
    return int(time.time() * 1000)


def recent(number: int, **options: Any) -> Group:
    return group(number, times_ms=(now_ms() - 90_000,), **options)


def hostile(number: int, payload: str) -> Group:
    long = payload + " " + "unbroken" * 60
    one = recent(number, title=long, template=long, where=((long, 2), (payload, 1)))
    one.detail = replace(
        one.detail,
        samples=(Sample(long, now_ms(), "0" * 32),),
        parts=((payload, long, payload),),
        documents=({payload: long},),
    )
    return one


@pytest.fixture
def running() -> Iterator[Served]:
    with served(FakeQueries([recent(1), *(hostile(10 + i, payload) for i, payload in enumerate(HOSTILE))])) as one:
        yield one


def test_a_new_failure_appears_without_a_reload(tab, running):
    page = tab.page
    page.goto(running.url)
    tab.until(lambda: page.inner_text("#connection") == "Live")
    page.evaluate("document.body.dataset.mine = 'kept'")
    page.click("#table-ci > summary")
    page.focus("#groups a.title")
    focused = page.evaluate("document.activeElement.getAttribute('href')")
    running.queries.add(recent(2, title="Something else broke"))
    tab.until(lambda: "Something else broke" in page.inner_text("#groups"))
    assert page.evaluate("document.body.dataset.mine") == "kept"
    assert page.evaluate("document.getElementById('table-ci').open") is True
    assert page.evaluate("document.activeElement.getAttribute('href')") == focused
    assert page.inner_text("#totals dd >> nth=1") == "7"
    assert "7 groups" in page.inner_text("#news")


def test_the_first_failure_fills_an_empty_page(chromium):
    with served(FakeQueries()) as running:
        seen = Seen(chromium.new_page())
        page = seen.page
        page.goto(running.url)
        assert "Nothing has failed yet" in page.inner_text("main")
        seen.until(lambda: page.inner_text("#connection") == "Live")
        running.queries.add(recent(1))
        seen.until(lambda: "no answer after 30 s" in page.inner_text("main"))
        assert page.locator("#filters").count() == 1
        page.close()
        assert seen.faults == []


def test_a_swap_waits_while_somebody_types(tab, running):
    page = tab.page
    page.goto(running.url)
    tab.until(lambda: page.inner_text("#connection") == "Live")
    page.focus("input[name=text]")
    page.keyboard.type("tim")
    running.queries.add(recent(2, title="Something else broke"))
    page.wait_for_timeout(400)
    assert "Something else broke" not in page.inner_text("#groups")
    tab.until(lambda: "Something else broke" in page.inner_text("#groups"))
    assert page.input_value("input[name=text]") == "tim"
    assert page.evaluate("document.activeElement.name") == "text"


def test_a_lost_connection_is_told_and_its_return_too(chromium):
    # Its own tab: that the server is away is told on the console, which is no fault here.
    page = chromium.new_page()
    seen = Seen(page)
    with served(FakeQueries([recent(1)])) as running:
        port = int(running.url.rsplit(":", 1)[1])
        page.goto(running.url)
        seen.until(lambda: page.inner_text("#connection") == "Live")
        assert not page.is_visible("#banner")
    seen.until(lambda: page.is_visible("#banner"))
    assert "reconnecting" in page.inner_text("#banner")
    with served(FakeQueries([recent(1)]), port=port):
        seen.until(lambda: page.inner_text("#connection") == "Live")
        assert not page.is_visible("#banner")
        page.close()


def test_no_page_is_wider_than_the_window(tab, running):
    page = tab.page
    fingerprint = next(iter(running.queries.groups_by_fingerprint))
    strange = list(running.queries.groups_by_fingerprint)[-1]
    for path in ("/", f"/groups/{fingerprint}", f"/groups/{strange}", "/?kind=flaky_test", "/?text=" + "x" * 200):
        page.goto(running.url + path)
        for details in page.query_selector_all("details"):
            details.evaluate("one => { one.open = true; }")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert tab.overflow() <= 0, (path, width)


def test_the_count_of_rejected_records_leads_to_them_and_they_fit_any_width(tab, running):
    page = tab.page
    long = "unbroken" * 60
    running.queries.rejects = tuple(
        reject(number, text=f"{payload} {long}", reason=f"{payload} {long}", place=long)
        for number, payload in enumerate(HOSTILE)
    )
    running.queries.revision += 1
    page.goto(running.url)
    page.click("a[href='/rejected']")
    tab.until(lambda: page.locator(".rejects li").count() == len(HOSTILE))
    assert HOSTILE[0] in page.inner_text(".rejects li:first-child")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert tab.overflow() <= 0, width


def test_the_dark_scheme_is_dark_and_no_kind_is_lost_in_it(chromium, running):
    page = chromium.new_page(color_scheme="dark")
    page.goto(running.url)
    lightness = """element => {
        const [red, green, blue] = getComputedStyle(element).backgroundColor.match(/\\d+/g).map(Number);
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    }"""
    assert page.eval_on_selector("body", lightness) < 40
    page.eval_on_selector(
        "main",
        "main => main.append(...[...Array(10).keys()].map(i => Object.assign(document.createElement('i'), "
        "{className: `dot tone-${i}`})))",
    )
    for tone in range(10):
        assert page.eval_on_selector(f"main > .tone-{tone}", lightness) > 90
    page.close()


def test_keys_alone_lead_from_the_list_to_a_group_and_back(tab, running):
    page = tab.page
    page.goto(running.url + "/?text=no%20answer")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "title":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    tab.until(lambda: "/groups/" in page.url)
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "back":
            break
    page.keyboard.press("Enter")
    tab.until(lambda: page.url == running.url + "/")


def test_hostile_texts_open_no_dialog_and_make_no_element(tab, running):
    page = tab.page
    page.goto(running.url)
    tab.until(lambda: page.inner_text("#connection") == "Live")
    running.queries.add(hostile(30, HOSTILE[0]))  # through the live swap too
    tab.until(lambda: page.locator("tr[data-key]").count() == 7)
    for fingerprint in list(running.queries.groups_by_fingerprint):
        page.goto(f"{running.url}/groups/{fingerprint}")
        for details in page.query_selector_all("details"):
            details.evaluate("one => { one.open = true; }")
        assert page.locator("main img, main script, main iframe, main svg[onload]").count() == 0
    page.goto(running.url + "/?text=" + "%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    assert page.input_value("input[name=text]") == HOSTILE[0]


def test_filters_lead_to_a_short_address(tab, running):
    page = tab.page
    page.goto(running.url)
    page.fill("input[name=text]", "no answer")
    page.select_option("select[name=kind]", "timeout")
    page.click("#filters button")
    tab.until(lambda: "text=no+answer" in page.url)
    assert page.url == f"{running.url}/?text=no+answer&kind=timeout&sort=last_seen"
    assert page.locator("tr[data-key]").count() == 1
    page.click(".clear")
    tab.until(lambda: page.url == running.url + "/")


def test_the_page_is_whole_without_javascript(chromium, running):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(running.url)
    assert page.locator("tr[data-key]").count() == 6
    page.click("a.title >> nth=0")
    assert "/groups/" in page.url
    assert page.is_visible("#verdict")
    context.close()
