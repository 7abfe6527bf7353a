"""A role as a process: how it starts, what it tells, how it ends."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from suites.cluster import free_port

WORKS = """
async def body(observer, stop):
    observer.waiting_for("")
    await stop.wait()
"""
WAITS = """
async def body(observer, stop):
    observer.waiting_for("Kafka at a:9092")
    await stop.wait()
    raise SinkUnavailable("stopped while waiting for Kafka", retry_after_s=0)
"""
BREAKS = """
async def body(observer, stop):
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(60))
        group.create_task(breaks())
async def breaks():
    raise CursorBroken("offset 7 follows 5\\nof partition 3")
"""
ENDS = """
async def body(observer, stop):
    pass
"""
LACKS = """
async def body(observer, stop):
    raise ConfigurationError("topic failures.ci.v1 is missing; run `faultline topics apply`")
"""
HANGS = """
async def body(observer, stop):
    observer.waiting_for("")
    await stop.wait()
    time.sleep(60)
"""
SPINS = """
async def body(observer, stop):
    observer.waiting_for("")
    await asyncio.sleep(0.2)
    while True:
        time.sleep(0.01)
"""


@dataclass
class Running:
    process: subprocess.Popen[str]
    port: int

    def get(self, path: str, host: str = "") -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Host": host} if host else {})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def until_up(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                if self.get("/healthz")[0] == 200:
                    return
            time.sleep(0.05)
        self.process.kill()
        raise AssertionError(f"not up: {self.process.communicate()}")

    def end(self, timeout_s: float = 10) -> tuple[int, list[str]]:
        """Exit status and log lines."""
        _, told = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, told.splitlines()


def start(body: str, *, port: int | None = None, log_format: str = "json", stop_s_max: float = 10) -> Running:
    port = free_port() if port is None else port
    script = f"""
import asyncio, sys, time
from streams.cli.app import _told
from streams.contract.errors import *
from streams.serving.role import run_role
from streams.settings import Settings
{body}
try:
    sys.exit(run_role("sample", Settings(log_format={log_format!r}), {port}, body, stop_s_max={stop_s_max}))
except ConfigurationError as error:
    sys.exit(_told(error, nothing_sent=False))
"""
    command = [sys.executable, "-c", script]
    return Running(subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True), port)


@pytest.fixture
def role(request: pytest.FixtureRequest) -> Iterator[Running]:
    """The body that the test names in `indirect`."""
    running = start(request.param)
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.process.communicate()


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("role", [WORKS, WAITS], indirect=True, ids=["works", "waits"])
def test_a_signal_ends_it_with_zero_and_every_line_is_json(role, number):
    role.until_up()
    role.process.send_signal(number)
    status, lines = role.end()
    told = parsed(lines)
    assert status == 0, lines
    assert [line["event"] for line in told if line["event"].startswith("server.")] == [
        "server.started",
        "server.stopping",
        "server.stopped",
    ]
    assert {line["role"] for line in told} == {"sample"}


@pytest.mark.parametrize("role", [WORKS], indirect=True, ids=["works"])
def test_it_tells_of_itself(role):
    role.until_up()
    assert role.get("/readyz") == (200, '{"status":"ready"}')
    assert "faultline_build_info" in role.get("/metrics")[1]
    assert role.get("/metrics", host="evil.example")[0] == 403


@pytest.mark.parametrize("role", [WAITS], indirect=True, ids=["waits"])
def test_it_says_what_it_waits_for(role):
    role.until_up()
    status, body = role.get("/readyz")
    assert (status, json.loads(body)["for"]) == (503, "Kafka at a:9092")


@pytest.mark.parametrize("role", [BREAKS], indirect=True, ids=["breaks"])
def test_what_breaks_inside_is_one_line_and_status_70(role):
    status, lines = role.end()
    assert status == 70
    (failed,) = [line for line in parsed(lines) if line["event"] == "role.failed"]
    assert failed["error"] == "CursorBroken: offset 7 follows 5\nof partition 3"
    assert "in breaks" in failed["exception"]


@pytest.mark.parametrize("role", [ENDS], indirect=True, ids=["ends"])
def test_an_end_that_nobody_asked_for_is_told_and_is_status_70(role):
    status, lines = role.end()
    assert status == 70
    assert any(line.get("error") == "it ended without being told to" for line in parsed(lines))


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_the_user_has_to_mend_is_said_and_is_status_2(log_format):
    status, lines = start(LACKS, log_format=log_format).end()
    assert status == 2
    told = "topic failures.ci.v1 is missing; run `faultline topics apply`"
    if log_format == "json":
        assert parsed(lines)[-1]["error"] == told
    else:
        assert lines[-1] == f"faultline: {told}"


@pytest.mark.parametrize("body", [HANGS, SPINS], ids=["hangs", "spins"])
def test_what_does_not_end_in_time_is_ended_hard_with_a_line(body):
    hanging = start(body, stop_s_max=1)
    hanging.until_up()
    time.sleep(0.5)
    hanging.process.terminate()
    status, lines = hanging.end(5)
    assert status == 70
    assert parsed(lines)[-1]["event"] == "role.killed"


@pytest.mark.parametrize("role", [HANGS], indirect=True, ids=["hangs"])
def test_a_second_ctrl_c_ends_it_at_once(role):
    role.until_up()
    role.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    role.process.send_signal(signal.SIGINT)
    assert role.end(5)[0] == 130


def test_a_port_in_use_is_named_with_the_way_out():
    first = start(WORKS)
    first.until_up()
    status, lines = start(WORKS, port=first.port, log_format="console").end()
    first.process.terminate()
    assert first.end()[0] == 0
    assert status == 2
    assert lines[-1].startswith(f"faultline: cannot listen on 127.0.0.1:{first.port}")
    assert lines[-1].endswith("--port")
