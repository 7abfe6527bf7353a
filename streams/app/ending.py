"""The end of a process that cannot go on: one log line, then out, without any shutdown that would act on broken state.

Faust swallows exceptions in some of its callbacks and restarts agents after others; a table that is ahead of its topic
must not be used for another moment.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import Final, NoReturn

import structlog

from streams.contract.telemetry import LogEvent

FAILED: Final = 70
"""sysexits.h, EX_SOFTWARE: a supervisor starts the process again, and it goes on from its last commit."""

log_event = structlog.get_logger("faultline.role")


def end(error: BaseException) -> NoReturn:
    """Say what happened and end the process with FAILED, at once."""
    log_event.error(LogEvent.ROLE_FAILED, error=f"{type(error).__name__}: {error}", exc_info=error)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed or broken: nobody listens any more
            stream.flush()
    os._exit(FAILED)
