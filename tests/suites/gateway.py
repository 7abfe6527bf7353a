"""A publisher in memory, and a client that calls the routes without a socket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from starlette.applications import Starlette
from suites.asgi import Client

from streams.contract.alias import Alias
from streams.contract.baseline import Job, PassedRun
from streams.contract.errors import FaultlineError, MalformedRecord
from streams.contract.failure import Failure
from streams.contract.taxonomy import default_taxonomy
from streams.contract.verdict import Verdict
from streams.core.baselines import Baselines
from streams.gateway.app import always_ready, gateway_routes
from streams.gateway.limits import Limits

NOW_MS = 1_800_000_000_000
FAILURE: dict[str, Any] = {"origin": "ci", "message": "boom", "ci": {"repo": "here/shop", "run_id": "7"}}


@dataclass
class MemoryPublisher:
    """Keeps what it is given; raises `refusing`, if that is set, on every call after the first `refuse_from`."""

    failures: list[Failure] = field(default_factory=list)
    rejected: list[tuple[bytes, MalformedRecord, str]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    refusing: FaultlineError | None = None
    traces: list[str] = field(default_factory=list)
    refuse_from: int = 0
    calls: int = 0

    async def publish(self, failures: Sequence[Failure], *, traceparent: str = "") -> None:
        self._answer()
        self.traces.append(traceparent)
        self.failures += failures

    async def reject(self, data: bytes, error: MalformedRecord, *, place: str) -> None:
        self._answer()
        self.rejected.append((data, error, place))

    async def decide(self, verdict: Verdict) -> None:
        self._answer()
        self.verdicts.append(verdict)

    async def alias(self, alias: Alias) -> None:
        self._answer()
        self.aliases.append(alias)

    def _answer(self) -> None:
        self.calls += 1
        if self.refusing is not None and self.calls > self.refuse_from:
            raise self.refusing


@dataclass
class MemoryBaselines:
    """Keeps what passing runs printed; raises `refusing`, if that is set."""

    known: Baselines = field(default_factory=Baselines)
    refusing: FaultlineError | None = None

    def of(self, job: Job) -> tuple[PassedRun, ...]:
        if self.refusing is not None:
            raise self.refusing
        return self.known.of(job)

    async def keep(self, run: PassedRun) -> None:
        if self.refusing is not None:
            raise self.refusing
        for one in self.known.plan(run):
            self.known.on_record(one.key, one.value)


@dataclass
class Caller:
    """A caller of a gateway on this machine."""

    publisher: MemoryPublisher
    client: Client
    baselines: MemoryBaselines

    def post(
        self, path: str, body: object, kind: str | None = "application/json", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and answer. A body that is neither bytes nor text is sent as JSON; `kind` is its content type."""
        data = (
            body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        )
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if kind is not None:
            sent["content-type"] = kind
        response = self.client.post(path, content=data, headers=sent)
        return response.status_code, response.json()

    def failures(self, body: object, kind: str | None = "application/json", **headers: str) -> list[Failure]:
        """The failures that one request of events brought."""
        before = len(self.publisher.failures)
        self.post("/v1/events", body, kind, **headers)
        return self.publisher.failures[before:]


def caller(
    *,
    limits: Limits | None = None,
    allowed_hosts: Sequence[str] = (),
    waiting: str = "",
    host: str = "localhost:8765",
    keeps_baselines: bool = True,
) -> Caller:
    """A caller of a fresh gateway. Run ids are `made-0`, `made-1`, ... ."""
    publisher, baselines = MemoryPublisher(), MemoryBaselines()
    number = count()
    routes = gateway_routes(
        publisher,
        now_ms=lambda: NOW_MS,
        new_run_id=lambda: f"made-{next(number)}",
        taxonomy=default_taxonomy(),
        limits=limits,
        allowed_hosts=allowed_hosts,
        ready=(lambda: waiting) if waiting else always_ready,
        baselines=baselines if keeps_baselines else None,
    )
    return Caller(publisher, Client(Starlette(routes=routes), base_url=f"http://{host}"), baselines)
