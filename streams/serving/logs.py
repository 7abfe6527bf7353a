"""Log lines on standard error: for people, or one JSON object each. Texts in them are escaped, so a line stays one.

What libraries log comes out in the same form. A client whose server is away may try again without a pause and log
each attempt, so a library's logger has a few lines in a while, and the rest is counted.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any, Final

import structlog

from streams.contract.telemetry import LogEvent

LIBRARY_LINES_MAX: Final = 5
"""Lines of one library logger in LIBRARY_S; one more tells how many were left out before it."""
LIBRARY_S: Final = 10.0
LIBRARY_CHARS_MAX: Final = 1_000
LOGGERS_MAX: Final = 200
"""Names of loggers that are counted one by one; the rest share one count."""

ANSWERED: Final = ("opensearch",)
"""Loggers of clients that warn of every refusal, also of such as our code asks for: only their errors are written."""

NORMAL: Final = ("GroupCoordinatorNotAvailableError", "because it is rebalancing")
"""In lines of aiokafka that are no trouble: a broker's first group ever, and a member that comes or goes."""

_PLAIN = (str, int, float, bool, type(None))

Event = MutableMapping[str, Any]


def configure_log(log_format: str, *, libraries: bool = True, **always: str) -> None:
    """Set up this process's log. `log_format`: `json` or `console`; `always`: fields that every line has.

    Replaces what libraries would have written to standard error by lines of the same form, warnings and worse alone;
    without `libraries`, for a command that tells what went wrong itself, by nothing.
    """
    last = (
        structlog.processors.JSONRenderer()  # escapes all that is not ASCII, so also what would turn a line around
        if log_format == "json"
        else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event", *always])
    )

    def with_always(_logger: object, _method: str, event: Event) -> Event:
        return {**always, **event}

    structlog.configure(
        processors=[
            with_always,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _texts,
            last,
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, LibraryLines | logging.NullHandler)]:
        root.removeHandler(handler)
    root.addHandler(LibraryLines(monotonic_s=time.monotonic) if libraries else logging.NullHandler())
    for name in ANSWERED:
        logging.getLogger(name).setLevel(logging.ERROR)


def _texts(_logger: object, _method: str, event: Event) -> Event:
    """Values as texts and numbers, however they are rendered: a foreign object could show itself on several lines."""
    return {
        str(name): (str(value) if isinstance(value, str) or not isinstance(value, _PLAIN) else value)
        for name, value in event.items()
    }


class LibraryLines(logging.Handler):
    """What libraries log, as log lines of ours, at most LIBRARY_LINES_MAX a logger in LIBRARY_S."""

    def __init__(self, *, monotonic_s: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self._monotonic_s = monotonic_s
        self._seen: dict[str, tuple[float, int, int]] = {}
        """By logger: when its stretch began, lines in it, lines left out since the last one that was written."""
        self._log_event = structlog.get_logger("faultline.library")

    def emit(self, record: logging.LogRecord) -> None:
        """Write it, or count it. Called under the handler's lock."""
        name = record.name if record.name in self._seen or len(self._seen) < LOGGERS_MAX else "(others)"
        now_s = self._monotonic_s()
        began_s, lines, left_out = self._seen.get(name, (now_s, 0, 0))
        if now_s - began_s >= LIBRARY_S:
            began_s, lines = now_s, 0
        if lines >= LIBRARY_LINES_MAX:
            self._seen[name] = (began_s, lines, left_out + 1)
            return
        self._seen[name] = (began_s, lines + 1, 0)
        try:
            message = record.getMessage()[:LIBRARY_CHARS_MAX]
        except (TypeError, ValueError):  # arguments that do not fit: the library's fault, not worth an end
            message = str(record.msg)[:LIBRARY_CHARS_MAX]
        more: dict[str, Any] = {"left_out": left_out} if left_out else {}
        if record.exc_info and record.exc_info[1] is not None:
            more["error"] = repr(record.exc_info[1])[:LIBRARY_CHARS_MAX]
        method = "error" if record.levelno >= logging.ERROR else "warning"
        if record.name.startswith("aiokafka") and any(one in message for one in NORMAL):
            method = "info"
        getattr(self._log_event, method)(LogEvent.LIBRARY, logger=record.name, message=message, **more)
