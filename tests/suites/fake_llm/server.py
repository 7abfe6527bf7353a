"""A language model's HTTP interface on loopback: Anthropic's Messages and chat completions, with faults on order.

Faults are a queue: each question takes the next one, and is answered well when there is none. A fault is an object:

    {"fault": "status", "status": 429, "headers": {"retry-after": "1"}, "kind": "", "code": "", "message": ""}
    {"fault": "status", "status": 503, "body": "<html>..."}
    {"fault": "hang"}         never answers          {"fault": "drip", "pause_s": 0.1}   a byte at a time
    {"fault": "reset"}        cuts the line          {"fault": "reset_body"}             in the middle of the answer
    {"fault": "html"} {"fault": "empty"} {"fault": "half_json"} {"fault": "hello"} {"fault": "null"}
    {"fault": "body", "body": "[]"}                  any JSON
    {"fault": "no_content"} {"fault": "text_null"}   status 200 with something else in it
    {"fault": "max_tokens"} {"fault": "refusal"}     how an answer may end
    {"fault": "drop", "at": "first"}                 every name of `personality.ROWS` and `TEXTS`, `leak` and `obey`

Beside the two interfaces: POST /control/faults (a list), GET /control/journal, GET /control/totals.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from suites.fake_llm import personality, strict
from suites.fake_llm.journal import CACHED_TOKENS_MIN, CHARS_PER_TOKEN, Entry, Journal, tokens

Fault = dict[str, Any]
BODIES = {
    "html": (b"<html><body>It works!</body></html>", "text/html"),
    "empty": (b"", "application/json"),
    "half_json": (b'{"id": "msg_1", "type": "mess', "application/json"),
    "hello": (b'{"hello": 1}', "application/json"),
    "null": (b"null", "application/json"),
}


@dataclass
class FakeLlm:
    """The server's state; a test reads and changes it between questions."""

    key: str = ""
    """The one key that is good; empty: any."""
    takes: str = "json_schema"
    """The most that chat completions know of response formats."""
    limit: str = ""
    """The one name of the bound that chat completions know; empty: as OpenAI has it."""
    models: bool = True
    """Whether chat completions have OpenAI's llms alone."""
    answers_as: str = ""
    """The name of the llm in answers; empty: as asked."""
    hostile: float = 0.0
    """Share of the answers that are bad in a way of `personality.HOSTILE`."""
    broken: float = 0.0
    """Share of the requests that end with 529, 429 or a cut line."""
    latency_s: float = 0.0
    seed: int = 0
    journal: Journal = field(default_factory=Journal)
    faults: deque[Fault] = field(default_factory=deque)
    bodies: list[bytes] = field(default_factory=list)
    """The last 1,000 requests, as they came."""
    url: str = ""

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._cached: set[str] = set()
        self._number = 0

    def order(self, *faults: Fault | str) -> None:
        """Faults for the next questions; a text is a fault of that name, an empty one a good answer."""
        self.faults.extend({"fault": fault} if isinstance(fault, str) else fault for fault in faults)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(
            [
                web.post("/v1/messages", self._messages),
                web.post("/v1/messages/count_tokens", self._count),
                web.post("/v1/chat/completions", self._chat),
                web.post("/control/faults", self._order),
                web.get("/control/journal", self._journal),
                web.get("/control/totals", self._journal),
            ]
        )
        return app

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        body, headers = await self._body(request)
        try:
            strict.check_messages(body, headers, key=self.key)
        except strict.Refused as refused:
            self._note(request, body, status=refused.status, refused=refused.message)
            error = {"type": refused.kind, "message": refused.message}
            return web.json_response({"type": "error", "error": error}, status=refused.status)
        system = body.get("system", "")
        blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
        instructions = "".join(block["text"] for block in blocks)
        marked = "".join(block["text"] for block in blocks if block.get("cache_control"))
        schema = body.get("output_config", {}).get("format", {}).get("schema")
        document = "".join(_text(turn["content"]) for turn in body["messages"])
        read = tokens(instructions) + tokens(document) + tokens(json.dumps(schema) if schema else "")
        written = cached = 0
        if tokens(marked) >= CACHED_TOKENS_MIN:
            cached, written = (tokens(marked), 0) if marked in self._cached else (0, tokens(marked))
            self._cached.add(marked)
        fault = self._fault(document)
        thinks = body.get("thinking", {}).get("type") != "disabled" and body["model"] in strict.NEW
        said, ended = self._said(document, instructions, fault, body["max_tokens"], thinking=thinks)
        used = {
            "input_tokens": read - cached - written,
            "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": written,
            "output_tokens": tokens(said) + (100 * len(_items(document)) if thinks else 0),
        }
        content: list[Any] = [{"type": "thinking", "thinking": "", "signature": "x"}] if thinks else []
        content += [] if ended == "refusal" else [{"type": "text", "text": said}]
        if fault.get("fault") == "no_content":
            content = None  # type: ignore[assignment]  # what some gateways do
        if fault.get("fault") == "text_null":
            content = [{"type": "text", "text": None}]
        answer = {
            "id": f"msg_{self._number}",
            "type": "message",
            "role": "assistant",
            "model": self.answers_as or body["model"],
            "content": content,
            "stop_reason": {"max_tokens": "max_tokens", "refusal": "refusal"}.get(ended, "end_turn"),
            "stop_sequence": None,
            "usage": used,
        }
        self._note(
            request,
            body,
            fault=fault,
            instructions=instructions,
            document=document,
            max_tokens=body["max_tokens"],
            used=(read - cached - written, cached, written, used["output_tokens"]),
        )
        return await self._answer(request, answer, fault)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body, headers = await self._body(request)
        try:
            strict.check_chat(body, headers, key=self.key, takes=self.takes, limit=self.limit, models=self.models)
        except strict.Refused as refused:
            self._note(request, body, status=refused.status, refused=refused.message)
            error = {"type": refused.kind, "message": refused.message, "code": refused.code or None, "param": None}
            return web.json_response({"error": error}, status=refused.status)
        instructions = "".join(_text(turn["content"]) for turn in body["messages"] if turn["role"] == "system")
        document = "".join(_text(turn["content"]) for turn in body["messages"] if turn["role"] == "user")
        shape = body.get("response_format")
        read = tokens(instructions) + tokens(document) + tokens(json.dumps(shape) if shape else "")
        fault = self._fault(document)
        max_tokens = body.get("max_completion_tokens") or body.get("max_tokens") or 4_096
        said, ended = self._said(document, instructions, fault, max_tokens, thinking=False)
        message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": None}
        if ended == "refusal":
            message = {"role": "assistant", "content": None, "refusal": "I cannot help with that."}
        if fault.get("fault") == "text_null":
            message["content"] = None
        reasons = {"max_tokens": "length", "refusal": "stop"}
        choice = {"index": 0, "message": message, "finish_reason": reasons.get(ended, "stop"), "logprobs": None}
        wrote = tokens(said)
        answer = {
            "id": f"chatcmpl-{self._number}",
            "object": "chat.completion",
            "created": 1_795_000_000,
            "model": self.answers_as or body["model"],
            "choices": None if fault.get("fault") == "no_content" else [choice],
            "usage": {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote},
        }
        self._note(
            request,
            body,
            fault=fault,
            instructions=instructions,
            document=document,
            max_tokens=max_tokens,
            used=(read, 0, 0, wrote),
        )
        return await self._answer(request, answer, fault)

    async def _count(self, request: web.Request) -> web.StreamResponse:
        body, headers = await self._body(request)
        try:
            strict.check_messages(body, headers, key=self.key, counting=True)
        except strict.Refused as refused:
            error = {"type": refused.kind, "message": refused.message}
            return web.json_response({"type": "error", "error": error}, status=refused.status)
        whole = _text(body.get("system", "")) + "".join(_text(turn["content"]) for turn in body["messages"])
        return web.json_response({"input_tokens": tokens(whole)})

    async def _order(self, request: web.Request) -> web.StreamResponse:
        self.order(*await request.json())
        return web.json_response({"waiting": len(self.faults)})

    async def _journal(self, request: web.Request) -> web.StreamResponse:
        from suites.fake_llm.journal import totals, violations

        entries = self.journal.entries
        if request.path.endswith("totals"):
            return web.json_response({**totals(entries), "violations": violations(entries)})
        return web.json_response([asdict(entry) for entry in entries])

    async def _body(self, request: web.Request) -> tuple[Any, dict[str, str]]:
        data = await request.read()
        self._number += 1
        self.bodies = [*self.bodies[-999:], data]
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            return json.loads(data), headers
        except ValueError:
            return None, headers

    def _fault(self, document: str) -> Fault:
        if self.faults:
            return self.faults.popleft()
        if personality.REFUSED_WORD in document:
            return {"fault": "refusal"}
        if self._chance.random() < self.broken:
            statuses = ({"fault": "status", "status": 529}, {"fault": "status", "status": 429}, {"fault": "reset"})
            return dict(self._chance.choice(statuses))
        if self._chance.random() < self.hostile:
            at = self._chance.choice(("first", "middle", "last"))
            return {"fault": self._chance.choice(personality.HOSTILE), "at": at}
        return {}

    def _said(
        self, document: str, instructions: str, fault: Fault, max_tokens: int, *, thinking: bool
    ) -> tuple[str, str]:
        """The text of the answer, and how it ends."""
        if fault.get("fault") == "refusal":
            return "", "refusal"
        items = _items(document)
        text = personality.answer(items, instructions, fault, self._chance) if items else "Hello."
        most = max_tokens - (100 * len(items) if thinking else 0)
        if fault.get("fault") == "max_tokens":
            most = min(most, tokens(text) // 2)
        if tokens(text) > most:
            return text[: int(max(0, most) * CHARS_PER_TOKEN)], "max_tokens"
        return text, ""

    async def _answer(self, request: web.Request, answer: Any, fault: Fault) -> web.StreamResponse:
        name = fault.get("fault", "")
        if name == "status" and "body" in fault:
            return web.Response(text=fault["body"], content_type="text/html", status=fault["status"])
        if name == "status":
            kind, message = fault.get("kind", "api_error"), fault.get("message", "as ordered")
            error = {"type": kind, "message": message, "code": fault.get("code") or None}
            if fault.get("code"):
                error["details"] = {"error_code": fault["code"]}
            body = {"type": "error", "error": error}
            return web.json_response(body, status=fault["status"], headers=fault.get("headers", {}))
        if name == "body":
            return web.Response(text=fault["body"], content_type="application/json")
        if name in BODIES:
            data, kind = BODIES[name]
            return web.Response(body=data, content_type=kind)
        transport = request.transport
        assert transport is not None
        if name == "hang":
            await asyncio.sleep(3_600)
        if name == "reset":
            transport.abort()
            return web.Response()
        data = json.dumps(answer).encode()
        if name not in {"drip", "reset_body"}:
            return web.Response(body=data, content_type="application/json")
        response = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(data))})
        await response.prepare(request)
        if name == "reset_body":
            await response.write(data[: len(data) // 2])
            transport.abort()
            return response
        for byte in data:
            await response.write(bytes([byte]))
            await asyncio.sleep(fault.get("pause_s", 0.05))
        return response

    def _note(
        self,
        request: web.Request,
        body: Any,
        *,
        fault: Fault | None = None,
        instructions: str = "",
        document: str = "",
        max_tokens: int = 0,
        used: tuple[int, int, int, int] = (0, 0, 0, 0),
        status: int = 200,
        refused: str = "",
    ) -> None:
        fault = fault or {}
        name = fault.get("fault", "")
        # Of what is cut or never sent nobody hears a price; the interface counts it all the same.
        counts = not refused and name not in {"status", "reset"}
        read, cached, written, wrote = used if counts else (0, 0, 0, 0)
        self.journal.add(
            Entry(
                number=self._number,
                at_s=time.time(),
                path=request.path,
                model=str(body.get("model", "")) if isinstance(body, dict) else "",
                status=fault.get("status", status),
                fault=name,
                input_tokens=read,
                cached_tokens=cached,
                cache_written_tokens=written,
                output_tokens=wrote,
                max_tokens=max_tokens,
                instructions=hashlib.sha256(instructions.encode()).hexdigest()[:16] if instructions else "",
                items=_items(document),
                refused=refused,
            )
        )


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


def _items(document: str) -> list[dict[str, Any]]:
    try:
        items = json.loads(document)["items"]
    except (ValueError, KeyError, TypeError):
        return []
    return [item for item in items if isinstance(item, dict)]


@asynccontextmanager
async def fake_llm(*, port: int = 0, journal: Path | None = None, **state: Any) -> AsyncIterator[FakeLlm]:
    """A running server on a port of this machine, in the running loop."""
    fake = FakeLlm(journal=Journal(journal), **state)
    runner = web.AppRunner(fake.app(), shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()
        fake.journal.close()


def asked_texts(entries: Iterable[Entry]) -> list[str]:
    """The texts of all items of all questions."""
    return [item["text"] for entry in entries for item in entry.items]
