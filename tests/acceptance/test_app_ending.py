"""The end of a process that cannot go on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ENDING = """
import asyncio, atexit
from streams.app.ending import end
from streams.contract.errors import CursorBroken
from streams.serving.logs import configure_log

configure_log("json", role="work")
atexit.register(lambda: print("a shutdown"))

async def swallow():
    try:
        end(CursorBroken("failures.ci.v1/1: expected offset 3"))
    except BaseException:
        print("swallowed")

asyncio.run(swallow())
"""


def test_an_end_is_one_log_line_and_exit_status_70_whatever_would_catch_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDING],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 70
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    told = json.loads(line)
    assert told["event"] == "role.failed"
    assert told["error"] == "CursorBroken: failures.ci.v1/1: expected offset 3"
    assert told["role"] == "work"
