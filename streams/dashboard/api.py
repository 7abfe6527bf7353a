"""The data of the pages as JSON. `deploy/docs/api.md` describes every field; times are epoch milliseconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from streams.contract.errors import SinkUnavailable
from streams.contract.fingerprint import Part
from streams.core.parts import is_of_problem
from streams.dashboard.asked import GIVEN_CHARS_MAX, NEW_FOR_MS, BadParameter
from streams.dashboard.live import totals_json
from streams.dashboard.view import View
from streams.dashboard.words import plain
from streams.sinks.base import GroupDetail, GroupRow, RejectedRow


class Json(Response):
    """A JSON answer. Everything beyond ASCII is escaped, so that no text, lone surrogates included, can break it."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes of the answer; what JSON has no form for is told as text."""
        return json.dumps(content, default=str, separators=(",", ":")).encode("ascii")


def row_json(row: GroupRow, *, now_ms: int) -> dict[str, Any]:
    """One row of the table of groups."""
    return {
        "fingerprint": row.fingerprint,
        "origin": row.origin,
        "title": row.title,
        "template": row.template,
        "kind": row.kind,
        "family": row.family,
        "source": row.source,
        "confidence": row.confidence,
        "count": row.count,
        "first_seen_ms": row.first_seen_ms,
        "last_seen_ms": row.last_seen_ms,
        "new": row.first_seen_ms >= now_ms - NEW_FOR_MS,
        "where": [{"name": name, "count": count} for name, count in row.where],
        "spark": list(row.spark),
        "fingerprints": row.fingerprints,
    }


def detail_json(detail: GroupDetail, *, now_ms: int) -> dict[str, Any]:
    """One group with everything its page shows."""
    return {
        **row_json(detail.row, now_ms=now_ms),
        "class_value": detail.class_value,
        "site_values": detail.site_values,
        "parts": [
            {"name": name, "value": value, "rule": rule, "problem": is_of_problem(Part(name, value, rule))}
            for name, value, rule in detail.parts
        ],
        "verdict": msgspec.to_builtins(detail.verdict),
        "samples": [msgspec.to_builtins(sample) for sample in detail.samples],
        "history": [msgspec.to_builtins(verdict) for verdict in detail.history],
        "group": detail.members.group or detail.row.fingerprint,
        "members": [row_json(row, now_ms=now_ms) for row in detail.members.rows],
        "members_total": detail.members.total,
        "members_failures": detail.members.failures,
        "aliases": [msgspec.to_builtins(alias) for alias in detail.members.aliases],
        "alike": [row_json(row, now_ms=now_ms) for row in detail.alike],
        "documents": list(detail.documents),
    }


def rejected_json(row: RejectedRow) -> dict[str, Any]:
    """One rejected record. Its text may hold anything, so what hides in it is made visible here too."""
    return {
        "at_ms": row.at_ms,
        "topic": row.topic,
        "reason": plain(row.reason),
        "place": plain(row.place),
        "size_bytes": row.size_bytes,
        "text": plain(row.text),
    }


class Api:
    """The endpoints. They block, so the server calls them in threads."""

    def __init__(self, view: View) -> None:
        self._view = view

    def endpoints(self) -> list[tuple[str, Callable[[Request], Response]]]:
        """Paths and what answers there."""
        return [
            ("/api/groups", _answering(self.groups)),
            ("/api/groups/{fingerprint}", _answering(self.group)),
            ("/api/kinds", _answering(self.kinds)),
            ("/api/rejected", _answering(self.rejected)),
            ("/api/totals", _answering(self.totals)),
        ]

    def groups(self, request: Request) -> Response:
        """Groups that pass the filters, a page at a time."""
        wish = self._view.asked(request, strict=True)
        now_ms = self._view.now_ms()
        page = self._view.queries.groups(wish.wanted(now_ms), limit=wish.limit, offset=wish.offset, now_ms=now_ms)
        end = wish.offset + len(page.rows)
        return Json(
            {
                "groups": [row_json(row, now_ms=now_ms) for row in page.rows],
                "total": page.total,
                "offset": wish.offset,
                "limit": wish.limit,
                "next": wish.url("/api/groups", offset=end) if page.rows and end < page.total else None,
                "now_ms": now_ms,
            }
        )

    def group(self, request: Request) -> Response:
        """One group, by its fingerprint or an unambiguous beginning of it."""
        fingerprint: str = request.path_params["fingerprint"]
        detail = self._view.group(fingerprint)
        if detail is None:
            reason = "no group has this fingerprint, or several begin so"
            return Json({"error": "unknown_group", "fingerprint": fingerprint[:100], "reason": reason}, 404)
        return Json(detail_json(detail, now_ms=self._view.now_ms()))

    def kinds(self, request: Request) -> Response:
        """Failures a kind over the asked stretch of time."""
        wish = self._view.asked(request, strict=True)
        now_ms = self._view.now_ms()
        stretch = self._view.stretch(wish, self._view.queries.totals(), now_ms)
        kinds = self._view.over_time(wish, stretch, now_ms)
        return Json(
            {
                "range": stretch.name,
                "start_ms": kinds.start_ms,
                "step_ms": kinds.step_ms,
                "buckets": kinds.buckets,
                "series": [
                    {
                        "origin": one.origin,
                        "kind": one.kind,
                        "family": one.family,
                        "total": one.total,
                        "counts": list(one.counts),
                    }
                    for one in kinds.series
                ],
                "now_ms": now_ms,
            }
        )

    def rejected(self, request: Request) -> Response:
        """What could not be read, newest first, a page at a time."""
        shown = self._view.rejected(request, strict=True)
        following = shown.next_offset
        return Json(
            {
                "rejected": [rejected_json(row) for row in shown.page.rows],
                "total": shown.page.total,
                "offset": shown.asked.offset,
                "limit": shown.asked.limit,
                "next": None if following is None else shown.asked.url("/api/rejected", offset=following),
                "now_ms": shown.now_ms,
            }
        )

    def totals(self, request: Request) -> Response:
        """What the store holds, and how fresh it is."""
        self._view.asked(request, strict=True)
        return Json(totals_json(self._view.queries.totals(), now_ms=self._view.now_ms()))


class Elsewhere:
    """The ASGI endpoint of requests under `/api` that no route takes. `known`: the paths of those that there are."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)
        self._routes = [compile_path(path)[0] for path in self._known]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if any(route.match(path) for route in self._routes):
            told, status, headers = {"error": "method_not_allowed", "allowed": "GET"}, 405, {"allow": "GET, HEAD"}
        else:
            told, status, headers = {"error": "unknown_path", "allowed": ", ".join(self._known)}, 404, {}
        reason = f"{scope['method']} {path[:GIVEN_CHARS_MAX]} is not answered here; allowed: {told['allowed']}"
        await Json({**told, "reason": reason}, status, headers=headers)(scope, receive, send)


def _answering(endpoint: Callable[[Request], Response]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        try:
            return endpoint(request)
        except BadParameter as fault:
            told = {"error": "bad_parameter", "parameter": fault.name, "given": fault.given, "allowed": fault.allowed}
            return Json(told, 400)
        except SinkUnavailable as fault:
            wait = {"retry-after": str(max(1, round(fault.retry_after_s)))}
            return Json({"error": "store_unavailable", "reason": str(fault)}, 503, headers=wait)

    return answer
