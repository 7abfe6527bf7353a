"""One HTTP server for gateway and pages on localhost, and the start and the end of the process."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
import time
import uuid
from importlib.metadata import version
from pathlib import Path

import structlog
from starlette.routing import BaseRoute

from agents.local.engine import Engine
from agents.local.metrics import FileMetrics
from agents.local.stages import EngineSettings
from streams.contract import topics
from streams.contract.errors import ConfigurationError
from streams.contract.taxonomy import Taxonomy
from streams.contract.telemetry import LogEvent
from streams.core.known_failures.book import default_rules
from streams.core.own_rules.fingerprinter import fingerprinter_before
from streams.core.own_rules.read import rules_in_use
from streams.dashboard.app import dashboard_routes
from streams.dashboard.live import Live
from streams.dashboard.pages import Hint
from streams.gateway.app import gateway_routes
from streams.serving.health import metrics_route
from streams.serving.logs import configure_log
from streams.serving.observer import exposition
from streams.serving.role import FAILED, GC_THRESHOLD
from streams.serving.web import WebServer, listening, url_of
from streams.settings import Settings
from streams.sinks.sqlite_queries import SqliteQueries

DEMO_SCRIPT = "make_failures.py"
DEMO_STOP_S_MAX = 2
PORT_WAY_OUT = "stop what listens there, or choose another with --port (make run PORT=...)"

log_event = structlog.get_logger("faultline.server")


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def run(settings: Settings, *, demo: Path | None) -> int:
    """Serve until told to stop. `demo`: a folder whose script makes sample failures once the server answers.

    Returns the exit status: 0 after a signal, FAILED when the stages ended by themselves.
    Raises: `ConfigurationError` for a data directory, port, taxonomy or demo folder that cannot be used.
    """
    configure_log(settings.log_format)
    gc.set_threshold(GC_THRESHOLD)
    taxonomy = settings.load_taxonomy()
    if settings.anthropic_api_key is not None:
        log_event.warning(
            LogEvent.KEY_UNUSED, reason="no language model is asked yet: verdicts come from status, rules and people"
        )
    script = _demo_script(demo)
    with listening(settings.host, settings.port, way_out=PORT_WAY_OUT) as listener:
        engine = Engine(
            EngineSettings(
                directory=settings.data,
                backlog_bytes_max=settings.log_bytes_max,
                documents_keep_ms=settings.retention_days * topics.DAY_MS,
                primary_is_kind=settings.primary_category == "kind",
                error_length_max=settings.error_length_max,
                app_version=version("faultline"),
                baseline_bytes_max=settings.baseline_bytes_max,
            ),
            rules=default_rules(),
            before=fingerprinter_before(settings.rules_before_text(), source=str(settings.rules_before)),
            own_rules=rules_in_use(settings.rules_text(), source=str(settings.rules)),
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
    url = url_of(settings.host, listener)
    server = WebServer(_routes(settings, taxonomy, engine, queries, live, path=path, url=url))
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
    serving = await server.begun(listener)
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
    return [
        *gateway_routes(
            engine,
            now_ms=now_ms,
            new_run_id=lambda: uuid.uuid4().hex,
            taxonomy=taxonomy,
            allowed_hosts=settings.allowed_hosts,
            ready=lambda: "" if engine.is_running else "the stages",
            baselines=engine,
        ),
        *dashboard_routes(
            queries,
            now_ms=now_ms,
            taxonomy=taxonomy,
            live=live,
            hints=_hints(url),
            allowed_hosts=settings.allowed_hosts,
        ),
        metrics_route(
            lambda: exposition(FileMetrics(path, version=version("faultline"))), allowed_hosts=settings.allowed_hosts
        ),
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
