"""HTML answers.

Every page is whole without JavaScript; the script only fetches the same page again when something changed.
"""

from __future__ import annotations

import functools
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.contract.alias import Alias
from streams.contract.errors import SinkUnavailable
from streams.contract.failure import Origin
from streams.contract.fingerprint import Part
from streams.core.groups import Groups
from streams.core.parts import is_of_problem
from streams.dashboard import words
from streams.dashboard.asked import NEW_FOR_MS, SORTS, STRETCHES, TEXT_CHARS_MAX, BadParameter
from streams.dashboard.charts import SPARK_HEIGHT, SPARK_WIDTH, sparkline
from streams.dashboard.view import View
from streams.sinks.base import AT_THE_GATEWAY, REJECTED_BYTES_SHOWN, GroupDetail

DOCUMENT_CHARS_MAX = 20_000
"""How much of one document the page prints; `/api/groups/...` has the whole."""
DOCUMENTS_FIRST = 5
"""The older ones are folded away."""
ORIGIN_NAMES = {"ci": "CI jobs", "benchmark": "Benchmarks"}


@dataclass(frozen=True, slots=True)
class Hint:
    """A command that the user may copy, and what it does in one short sentence."""

    says: str
    command: str


DEFAULT_HINTS = (
    Hint("Send a test report", "faultline publish junit report.xml"),
    Hint("Send a job's log", "faultline publish log job.log"),
)


class Page(Response):
    """An HTML answer; a lone surrogate, which UTF-8 cannot carry, is written as its escape."""

    media_type = "text/html"

    def render(self, content: Any) -> bytes:
        """The bytes of the page."""
        return str(content).encode("utf-8", "backslashreplace")


@functools.cache
def environment() -> Environment:
    """The templates, compiled once: all is escaped, a missing name is an error, odd characters are made visible."""
    made = Environment(
        loader=PackageLoader("streams.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=words.shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("ago", "utc", "iso", "clock", "count", "percent", "cut", "odd_marked", "variables_marked"):
        made.filters[name] = getattr(words, name)
    made.filters["sparkline"] = sparkline
    made.filters["segment"] = lambda text: quote(text, safe="")
    made.globals.update(
        spark_width=SPARK_WIDTH,
        spark_height=SPARK_HEIGHT,
        new_for_ms=NEW_FOR_MS,
        stretches=STRETCHES,
        sorts=SORTS,
        text_chars_max=TEXT_CHARS_MAX,
        origins=[origin.value for origin in Origin],
        origin_names=ORIGIN_NAMES,
        documents_first=DOCUMENTS_FIRST,
        rejected_bytes_shown=REJECTED_BYTES_SHOWN,
        at_the_gateway=AT_THE_GATEWAY,
    )
    return made


class Pages:
    """The endpoints. They block, so the server calls them in threads."""

    def __init__(self, view: View, *, hints: tuple[Hint, ...] = DEFAULT_HINTS) -> None:
        self._view = view
        self._hints = hints

    def endpoints(self) -> list[tuple[str, Callable[[Request], Response]]]:
        """Paths and what answers there."""
        return [
            ("/", self._answering(self.overview)),
            ("/groups/{fingerprint}", self._answering(self.group)),
            ("/rejected", self._answering(self.rejected)),
        ]

    def overview(self, request: Request) -> Response:
        """Totals, kinds over time, table of groups."""
        wish = self._view.asked(request, strict=False)
        shown = self._view.overview(wish)
        return self._page("overview.html", view=shown, now_ms=shown.now_ms, hints=self._hints)

    def group(self, request: Request) -> Response:
        """One group; a beginning of a fingerprint leads to the whole one."""
        fingerprint: str = request.path_params["fingerprint"]
        detail = self._view.group(fingerprint)
        now_ms = self._view.now_ms()
        if detail is None:
            return self._page("missing.html", 404, fingerprint=fingerprint[:200], now_ms=now_ms)
        if detail.row.fingerprint != fingerprint:
            return RedirectResponse(f"/groups/{quote(detail.row.fingerprint, safe='')}", 307)
        parts = [Part(*part) for part in detail.parts]
        return self._page(
            "group.html",
            group=detail,
            problem_parts=[part for part in parts if is_of_problem(part)],
            parts_beside=[part for part in parts if not is_of_problem(part)],
            joined=joined(detail),
            row=detail.row,
            meaning=self._view.kinds.meaning(detail.row.origin, detail.verdict.kind),
            commands=commands(detail),
            documents=[document_text(document) for document in detail.documents],
            revision=self._view.queries.totals().revision,
            now_ms=now_ms,
        )

    def rejected(self, request: Request) -> Response:
        """What could not be read, and why."""
        shown = self._view.rejected(request, strict=False)
        return self._page("rejected.html", view=shown, now_ms=shown.now_ms)

    def _page(self, template: str, status: int = 200, **shown: Any) -> Page:
        return Page(environment().get_template(template).render(kinds=self._view.kinds, **shown), status)

    def _answering(self, endpoint: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            try:
                return endpoint(request)
            except BadParameter as fault:
                return self._page("refused.html", 400, fault=fault, now_ms=self._view.now_ms())
            except SinkUnavailable as fault:
                page = self._page("unavailable.html", 503, reason=str(fault), now_ms=self._view.now_ms())
                page.headers["retry-after"] = str(max(1, round(fault.retry_after_s)))
                return page

        return answer


def commands(detail: GroupDetail) -> tuple[Hint, ...]:
    """Commands about this group. A sample is a stranger's text: it enters one only quoted, short and visible."""
    fingerprint = shlex.quote(detail.row.fingerprint)
    shown = [Hint("This group in the terminal", f"faultline show {fingerprint}")]
    sample = next((one.text for one in detail.samples if words.explainable(one.text)), None)
    if sample is not None:
        told = shlex.join(["faultline", "explain", "--origin", detail.row.origin, "--", sample])
        shown.append(Hint("How a sample is masked and why", told))
    return tuple(shown)


def joined(detail: GroupDetail) -> dict[str, tuple[Alias, ...]]:
    """By fingerprint of the group: what joins it with the one that is shown, in order from that one."""
    groups, key = Groups(detail.members.aliases), detail.row.fingerprint
    return {row.fingerprint: tuple(groups.why(key, row.fingerprint)) for row in detail.members.rows}


def document_text(document: dict[str, Any]) -> str:
    """A document as indented JSON, cut to DOCUMENT_CHARS_MAX."""
    return words.cut(json.dumps(document, indent=2, ensure_ascii=False, default=str), DOCUMENT_CHARS_MAX)
