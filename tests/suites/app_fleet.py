"""Faust roles as processes under a supervisor that starts again whatever ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.broker.clients import Cluster

ROLE = Path(__file__).with_name("app_role.py")
RESTART_S = 1.0
LOOK_S = 0.05
CURSOR_EXIT = '"error": "CursorBroken'
STOP_S = 30


async def until(what: Callable[[], object], *, pause_s: float = 0.1) -> None:
    """Wait until it holds; the caller brings the deadline."""
    while not what():  # noqa: ASYNC110  # what is looked at is a file or another process
        await asyncio.sleep(pause_s)


@dataclass(slots=True)
class Member:
    """One process of a role, and every way it ended."""

    command: list[str]
    log: Path
    wanted: bool = True
    process: subprocess.Popen[bytes] | None = None
    ended_s: float | None = None
    exits: list[int] = field(default_factory=list)
    begins: int = 0
    """Where in the log its present life begins."""

    def start(self) -> None:
        self.ended_s = None
        self.begins = self.log.stat().st_size if self.log.exists() else 0
        root = ROLE.parents[2]
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{root}:{root / 'tests'}"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, cwd=root
            )

    @property
    def is_up(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it has had its partitions since it was last started."""
        return self.is_up and b'"event": "role.ready"' in self.log.read_bytes()[self.begins :]

    def signal(self, number: int) -> None:
        if self.process is not None and self.is_up:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def end(self, *, seconds: float = STOP_S) -> int:
        """SIGTERM, and wait. Returns the exit status."""
        self.wanted = False
        if self.process is None:
            return 0
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
            raise AssertionError(f"did not end within {seconds} s of SIGTERM: {self.said()}") from None

    def said(self, chars: int = 3000) -> str:
        return self.log.read_text(errors="replace")[-chars:] if self.log.exists() else ""


class Fleet:
    """Processes of one role. What ends while it is wanted starts again after RESTART_S."""

    def __init__(self, folder: Path, cluster: Cluster, role: str, *more: str) -> None:
        self._folder = folder
        where = [cluster.bootstrap, cluster.prefix, str(cluster.partitions)]
        self._command = [sys.executable, str(ROLE), role, *where, *more]
        self.members: list[Member] = []
        self._ending = threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        self._ending.set()
        self._watching.join()
        for member in self.members:
            member.wanted = False
            member.signal(signal.SIGKILL)
            if member.process is not None:
                member.process.wait(10)
        if error is not None:
            print(self.said())  # pytest shows it with the failure

    def add(self) -> Member:
        member = Member(self._command, self._folder / f"{len(self.members)}.log")
        member.start()
        self.members.append(member)
        return member

    async def ready(self, *, seconds: float = 20.0) -> bool:
        """Wait until all that are wanted are ready. Returns whether they are."""
        try:
            async with asyncio.timeout(seconds):
                await until(lambda: all(member.is_ready for member in self.members if member.wanted))
        except TimeoutError:
            return False
        return True

    def _watch(self) -> None:
        while not self._ending.wait(LOOK_S):
            for member in list(self.members):
                if not member.wanted or member.process is None or (code := member.process.poll()) is None:
                    continue
                if member.ended_s is None:
                    member.ended_s = time.monotonic()
                    member.exits.append(code)
                elif time.monotonic() - member.ended_s >= RESTART_S:
                    member.start()

    def stop(self) -> list[int]:
        """SIGTERM to all. Returns how they ended."""
        for member in self.members:
            member.wanted = False
        return [member.end() for member in self.members if member.is_up]

    def lines(self) -> Iterator[str]:
        for member in self.members:
            yield from member.log.read_text(errors="replace").splitlines()

    def cursor_exits(self) -> int:
        """Records that were skipped or repeated, and caught by the cursor."""
        return sum(CURSOR_EXIT in line for line in self.lines())

    def exits(self) -> list[int]:
        return [code for member in self.members for code in member.exits]

    def count(self, text: str) -> int:
        return sum(text in line for line in self.lines())

    def failures(self) -> list[str]:
        """Why processes ended by themselves."""
        return [line.split('"error": "', 1)[1][:200] for line in self.lines() if '"event": "role.failed"' in line]

    def said(self) -> str:
        return "\n".join(f"--- {member.log.name} {member.exits}\n{member.said()}" for member in self.members)
