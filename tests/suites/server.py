"""`faultline run` as a process, and a look into its file that asks nobody."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


class Server:
    """`faultline run` as a process, started anew after each kill."""

    def __init__(self, data: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.data = data
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.data.parent / f"{self.data.name}.log").open("ab")
        command = [sys.executable, "-m", "agents.cli", "run", "--data", str(self.data), "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()

    def wait_until_up(self) -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"not up within 30 s: {self.said()}")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(15)

    def said(self) -> str:
        return (self.data.parent / f"{self.data.name}.log").read_text(errors="replace")[-3000:]

    def get(self, path: str) -> Any:
        """The JSON answer."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return json.load(answer)

    def page(self, path: str) -> str:
        """The HTML answer."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text

    def post(self, path: str, body: bytes, kind: str = "application/json", **headers: str) -> tuple[int, Any]:
        """Status and JSON answer, whatever the status."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=body, headers={"Content-Type": kind, **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def wait_for(self, statement: str, want: object, *, seconds: float = 20) -> None:
        """Wait until a question to the file has this answer."""
        until = time.monotonic() + seconds
        found: object = None
        while time.monotonic() < until:
            if (found := raw(self.data, statement)[0][0]) == want:
                return
            time.sleep(0.05)
        raise AssertionError(f"{statement}: {found!r}, not {want!r}, after {seconds} s: {self.said()}")


def raw(data: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"{(data / 'faultline.sqlite3').as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()
