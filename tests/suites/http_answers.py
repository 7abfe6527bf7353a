"""A small HTTP server in the test's process that answers as it is told and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, dict[str, str], Any]
"""Status, headers, and a body: bytes as they are, anything else as JSON."""


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass
class Answers:
    """The server: `url`, what was `asked`, and `answer`, which a test may replace."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[Asked], Answer] = lambda asked: accept(asked)

    @property
    def records(self) -> list[dict[str, Any]]:
        """Every record of every request."""
        return [record for one in self.asked for record in one.records]


def accept(asked: Asked) -> Answer:
    """As the gateway answers when it takes everything."""
    ids = [{"index": index, "id": record["id"]} for index, record in enumerate(asked.records)]
    return 200, {}, {"accepted": len(ids), "refused": 0, "items": ids}


@contextmanager
def answers() -> Iterator[Answers]:
    """A running server on a free port of this machine."""
    told = Answers()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            told.asked.append(asked)
            status, headers, value = told.answer(asked)
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _any  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        told.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
