"""One HTTP server for gateway and pages on localhost, and the start and the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import sys
import time
import uuid
from collections.abc import Iterator, MutableMapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from agents.local.engine import Engine
from agents.local.metrics import exposition
from agents.local.stages import EngineSettings
from streams.contract import topics
from streams.contract.errors import ConfigurationError
from streams.contract.taxonomy import Taxonomy
from streams.contract.telemetry import LogEvent
from streams.core.known_failures.book import default_rules
from streams.dashboard.app import dashboard_routes
from streams.dashboard.guard import Guard
from streams.dashboard.live import Live
from streams.dashboard.pages import Hint
from streams.gateway.app import gateway_routes
from streams.settings import Settings
from streams.sinks.sqlite_queries import SqliteQueries

STOP_S_MAX = 3
"""How long open requests may take to end once the process is told to stop."""
GC_THRESHOLD = 50_000
"""New objects before the collector of cycles looks (700 by default)."""
DEMO_SCRIPT = "make_failures.py"
DEMO_STOP_S_MAX = 2
FAILED = 70
"""Exit status when the stages ended by themselves (sysexits.h, EX_SOFTWARE): a supervisor starts the process again."""

log_event = structlog.get_logger("faultline.server")


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def run(settings: Settings, *, demo: Path | None) -> int:
    """Serve until told to stop. `demo`: a folder whose script makes sample failures once the server answers.

    Returns the exit status: 0 after a signal, FAILED when the stages ended by themselves.
    Raises: `ConfigurationError` for a data directory, port, taxonomy or demo folder that cannot be used.
    """
    _configure_log(settings.log_format)
    gc.set_threshold(GC_THRESHOLD)  # records come in thousands and hold no cycles; looking through them costs a tenth
    taxonomy = settings.load_taxonomy()
    if settings.anthropic_api_key is not None:
        log_event.warning(
            LogEvent.KEY_UNUSED, reason="no language model is asked yet: verdicts come from status, rules and people"
        )
    script = _demo_script(demo)
    with _listening(settings.host, settings.port) as listener:
        engine = Engine(
            EngineSettings(
                directory=settings.data,
                backlog_bytes_max=settings.log_bytes_max,
                documents_keep_ms=settings.retention_days * topics.DAY_MS,
                primary_is_kind=settings.primary_category == "kind",
                error_length_max=settings.error_length_max,
                app_version=version("faultline"),
            ),
            rules=default_rules(),
            taxonomy=taxonomy,
            now_ms=now_ms,
            monotonic_s=time.monotonic,
        )
        path = engine.start()
        try:
            asyncio.run(_serve(settings, taxonomy, engine, path, listener, script))
        finally:
            engine.stop()
    log_event.info(LogEvent.STOPPED)
    return 0 if engine.failed is None else FAILED


async def _serve(
    settings: Settings, taxonomy: Taxonomy, engine: Engine, path: Path, listener: socket.socket, script: Path | None
) -> None:
    queries = SqliteQueries(path)
    live = Live(queries, now_ms=now_ms)
    port = listener.getsockname()[1]
    url = f"http://[{settings.host}]:{port}" if ":" in settings.host else f"http://{settings.host}:{port}"
    app = Starlette(routes=_routes(settings, taxonomy, engine, queries, live, path=path, url=url))
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=STOP_S_MAX,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        log_event.info(LogEvent.STOPPING)
        live.stop()
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)

    def stop_from_thread() -> None:
        loop.call_soon_threadsafe(stop)

    engine.on_failed = stop_from_thread
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait({serving, asyncio.create_task(server.is_up.wait())}, return_when=asyncio.FIRST_COMPLETED)
    log_event.info(LogEvent.STARTED, url=url, data=str(settings.data), version=version("faultline"))
    print(f"\n  faultline shows failures on {url}  (data in {settings.data}, Ctrl-C stops)\n", flush=True)
    process = None
    if script is not None:
        command = (sys.executable, str(script), "--url", url)
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    try:
        await serving
    finally:
        if process is not None:
            await _ended(process)


def _routes(
    settings: Settings,
    taxonomy: Taxonomy,
    engine: Engine,
    queries: SqliteQueries,
    live: Live,
    *,
    path: Path,
    url: str,
) -> list[BaseRoute]:
    def metrics(_: Request) -> Response:
        return Response(
            exposition(path, version=version("faultline")), media_type="text/plain; version=0.0.4; charset=utf-8"
        )

    return [
        *gateway_routes(
            engine,
            now_ms=now_ms,
            new_run_id=lambda: uuid.uuid4().hex,
            taxonomy=taxonomy,
            allowed_hosts=settings.allowed_hosts,
            ready=lambda: "" if engine.is_running else "the stages",
        ),
        *dashboard_routes(
            queries,
            now_ms=now_ms,
            taxonomy=taxonomy,
            live=live,
            hints=_hints(url),
            allowed_hosts=settings.allowed_hosts,
        ),
        Route("/metrics", metrics, middleware=[Middleware(Guard, allowed_hosts=settings.allowed_hosts)]),
    ]


def _hints(url: str) -> list[Hint]:
    """What an empty page offers to copy. The command sends to the default address, so another one is named."""
    to = "" if url == Settings().url else f" --url {url}"
    return [
        Hint("Send a test report", f"faultline publish junit report.xml{to}"),
        Hint("Send a job's log", f"faultline publish log job.log{to}"),
        Hint(
            "Send an error of a benchmark run",
            f"faultline publish benchmark --provider acme --model large-2 --status 429 --message 'slow down'{to}",
        ),
    ]


class _Server(uvicorn.Server):
    """uvicorn raises a signal it caught once more when it is done; ours are handled where the engine is stopped."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _plain_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event's name as text, however it is rendered."""
    event["event"] = str(event["event"])
    return event


def _configure_log(log_format: str) -> None:
    """Log lines on standard error, for people or one JSON object each; texts in them are escaped."""
    last = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
    )
    structlog.configure(
        processors=[
            _plain_event,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # with the protocol named, asyncio turns Nagle's delay off; without it every answer waits some 40 ms
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        way_out = "stop what listens there, or choose another with --port (make run PORT=...)"
        raise ConfigurationError(f"cannot listen on {host}:{port} ({error.strerror}); {way_out}") from error
    return listener


def _demo_script(demo: Path | None) -> Path | None:
    if demo is None:
        return None
    script = demo / DEMO_SCRIPT
    if not script.is_file():
        raise ConfigurationError(f"{demo} holds no {DEMO_SCRIPT}; leave --demo out, or name the folder deploy/demo")
    return script


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Stop the sample input if it still runs, and say so if it went wrong."""
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(DEMO_STOP_S_MAX):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
    elif process.returncode:
        log_event.warning(LogEvent.DEMO_FAILED, exit_code=process.returncode)
