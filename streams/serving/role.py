"""One role as a process: it works until it is told to stop, or until something in it breaks.

SIGTERM and SIGINT ask the role to end at its next commit; what has not ended after STOP_S_MAX is ended hard, which
every role survives as it survives a kill. A second SIGINT ends it at once.
Whatever breaks inside ends the process with FAILED after one log line: a supervisor starts it again from its last
commit, and nothing is repaired in a running process.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from types import FrameType
from typing import Final

import structlog
from starlette.routing import BaseRoute

from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.contract.telemetry import LogEvent, Observer
from streams.serving.health import health_routes
from streams.serving.logs import configure_log
from streams.serving.observer import RoleObserver
from streams.serving.web import WebServer, listening, url_of
from streams.settings import Settings

STOP_S_MAX: Final = 28.0
"""From the signal to the hard end; supervisors commonly wait 30 s before they kill."""
FAILED: Final = 70
"""Exit status when the work ended by itself (sysexits.h, EX_SOFTWARE): a supervisor starts the process again."""
REFUSED: Final = 2
"""Exit status when a setting is wrong or something is missing: starting again will not help."""
INTERRUPTED: Final = 130
PROBE_EVERY_S: Final = 5.0
GC_THRESHOLD: Final = 50_000
"""New objects before the collector of cycles looks (700 by default): records come in thousands and hold no cycles,
and looking through them costs a tenth."""
PORT_WAY_OUT: Final = "stop what listens there, or choose another with --port"

log_event = structlog.get_logger("faultline.role")

Body = Callable[[Observer, asyncio.Event], Awaitable[None]]
"""A role's work, until the event is set. It ends by itself only by raising.

`SinkUnavailable` once the event is set is a good end: nothing was taken that would have to be finished.
"""

Probe = Callable[[], Awaitable[str]]
"""Looks whether what the role needs answers: what does not, in words, or nothing. Ends within some seconds, and raises
only `ConfigurationError`."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a role serves besides its health, and what to do first when it is told to stop."""

    routes: Sequence[BaseRoute]
    """All of them; `/healthz`, `/readyz` and `/metrics` too."""
    on_stop: Callable[[], None] = lambda: None


def run_role(
    name: str,
    settings: Settings,
    port: int | None,
    body: Body,
    *,
    site: Callable[[RoleObserver], Site] | None = None,
    probe: Probe | None = None,
    stop_s_max: float = STOP_S_MAX,
) -> int:
    """Run `body` in this process until a signal comes. The last thing that a process does.

    `port`: where health and metrics are served on `settings.host`, 0 for a free one, None for nowhere.
    `site`: makes what is served there instead, in the running loop before the body begins; its requests end before
    the body is told to stop. Without one, health is served until the body has ended.
    `probe`: asked every PROBE_EVERY_S, so that /readyz knows of what is away also while the body has nothing to do.
    Returns the exit status: 0 after a signal, FAILED when the body ended by itself or not in time, REFUSED for what
    is configured wrong, where log lines are JSON.
    Raises: `ConfigurationError` for a port that cannot be used and for what the body finds wrong, where lines are
    for people: the command says it in words.
    """
    configure_log(settings.log_format, role=name)
    gc.set_threshold(GC_THRESHOLD)
    role = _Role(settings, body, site, probe, _Watchdog(stop_s_max))
    try:
        with contextlib.ExitStack() as open_until_end:
            listener = None
            if port is not None:
                listener = open_until_end.enter_context(listening(settings.host, port, way_out=PORT_WAY_OUT))
            failed = asyncio.run(role.live(listener))
    except ConfigurationError as error:
        if settings.log_format != "json":
            raise
        log_event.error(LogEvent.ROLE_REFUSED, error=str(error))
        return REFUSED
    log_event.info(LogEvent.STOPPED)
    return FAILED if failed else 0


class _Role:
    """What lives in the event loop."""

    def __init__(
        self,
        settings: Settings,
        body: Body,
        site: Callable[[RoleObserver], Site] | None,
        probe: Probe | None,
        watchdog: _Watchdog,
    ) -> None:
        self._settings = settings
        self._body = body
        self._site = site
        self._probe = probe
        self._watchdog = watchdog

    async def live(self, listener: socket.socket | None) -> bool:
        """Work until told to stop. Returns whether it ended otherwise. Raises: `ConfigurationError`."""
        stop, told = asyncio.Event(), asyncio.Event()
        observer = RoleObserver(version=version("faultline"))
        with _signals(told.set, self._watchdog):
            site = Site(health_routes(observer, allowed_hosts=self._settings.allowed_hosts))
            if self._site is not None:
                site = self._site(observer)
            server, serving = WebServer(site.routes), None
            if listener is not None:
                serving = await server.begun(listener)
            url = url_of(self._settings.host, listener) if listener is not None else ""
            log_event.info(LogEvent.STARTED, url=url, version=version("faultline"))
            working = asyncio.ensure_future(self._body(observer, stop))
            asked = asyncio.create_task(told.wait())
            probing = asyncio.create_task(self._look(observer))
            tasks = {working, asked, probing} if serving is None else {working, asked, probing, serving}
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self._watchdog.watch()
            asked.cancel()
            probing.cancel()
            log_event.info(LogEvent.STOPPING)
            observer.ending()
            site.on_stop()
            if self._site is not None and serving is not None:
                server.should_exit = True
                await asyncio.wait({serving})
            stop.set()
            await asyncio.wait({working})
            server.should_exit = True
            if serving is not None:
                await asyncio.wait({serving})
            await asyncio.wait({probing})
        ended = (working, serving, None if probing.cancelled() else probing)
        faults = [fault for task in ended if task is not None and (fault := _fault(task)) is not None]
        if told.is_set():  # who was told to end while it waited for a server ends by saying that it is away
            faults = [fault for fault in faults if not isinstance(fault, SinkUnavailable)]
        for fault in faults:
            _tell(fault)
        if not faults and not told.is_set():
            log_event.error(LogEvent.ROLE_FAILED, error="it ended without being told to")
        return bool(faults) or not told.is_set()

    async def _look(self, observer: RoleObserver) -> None:
        """Ask the probe again and again; without one, only wait."""
        while self._probe is not None:
            observer.away(await self._probe())
            await asyncio.sleep(PROBE_EVERY_S)
        await asyncio.Event().wait()


def _fault(task: asyncio.Future[None]) -> BaseException | None:
    """What ended the task, one error; None when nothing did."""
    if task.cancelled():
        return asyncio.CancelledError("cancelled from inside")
    return None if (error := task.exception()) is None else _one(error)


def _one(error: BaseException) -> BaseException:
    """The error that says most of a group: a wrong configuration, else the first."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_one(inner) for inner in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, ConfigurationError)), leaves[0])


def _tell(fault: BaseException) -> None:
    """One line. Raises what the user has to mend."""
    if isinstance(fault, ConfigurationError):
        raise fault
    log_event.error(LogEvent.ROLE_FAILED, error=f"{type(fault).__name__}: {fault}", exc_info=fault)


class _Watchdog:
    """Ends the process hard when it does not end by itself. In a thread, because the event loop may be what hangs.

    It is never called off: threads and exit handlers, too, may keep a process from ending.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: threading.Timer | None = None

    def watch(self) -> None:
        """From the first call on the time runs."""
        if self._timer is None:
            self._timer = threading.Timer(self._seconds, self._end)
            self._timer.daemon = True
            self._timer.start()

    def _end(self) -> None:
        log_event.error(LogEvent.ROLE_KILLED, after_s=self._seconds)
        sys.stderr.flush()
        os._exit(FAILED)


@contextlib.contextmanager
def _signals(told: Callable[[], None], watchdog: _Watchdog) -> Iterator[None]:
    """SIGTERM and SIGINT call `told` in the running loop.

    Not the loop's own handlers: those would run only once the loop turns, and the watchdog is for when it does not.
    Afterwards both are ignored: who ends already must not be made to end in another way.
    """
    loop = asyncio.get_running_loop()
    interrupted = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if number == signal.SIGINT:
            if interrupted:
                os._exit(INTERRUPTED)
            interrupted = True
        watchdog.watch()
        loop.call_soon_threadsafe(told)

    both = (signal.SIGINT, signal.SIGTERM)
    for number in both:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in both:
            signal.signal(number, signal.SIG_IGN)
