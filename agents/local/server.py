"""One HTTP server for gateway and pages on localhost, and the start and the end of the process."""

from __future__ import annotations

import time

import structlog

STOP_S_MAX = 4
"""How long open requests may take to end once the process is told to stop."""
DEMO_SCRIPT = "make_failures.py"

log_event = structlog.get_logger("faultline.server")


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000
