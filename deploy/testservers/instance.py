"""One server with its own data, port and log, whatever its kind."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from testservers.errors import KilledAtStart, StartFailed, log_end
from testservers.process import POLL_S, Identity, end, free_port, locked, spawn

START_S_MAX = 100
"""From the start of the process until it answers. It takes 1 to 7 s, and 30 s were seen on a machine with three times
the work it has cores for. Below the time limit of a test, so that the end of the log is told."""
STOP_S_MAX = 40
KILL_S_MAX = 20

PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
"""Of our environment, all that a server gets to see."""


class Instance(ABC):
    """A server in the directory `home`: `data/`, `server.log`, `pid`, `ports`, and `address` once it is ready.

    Every method blocks, and may be called from several processes at once: one does it, the others wait and find it
    done. Its files are fetched into `downloads`, which many instances share.
    """

    kind: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]] = ("main",)

    def __init__(self, home: Path, downloads: Path, *, environ: Mapping[str, str] | None = None) -> None:
        """`environ` is what the tools that fetch get, our own environment if None."""
        self.home = home.absolute()
        self.downloads = downloads.absolute() / self.kind
        self.environ = dict(os.environ if environ is None else environ)
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self._pid = self.home / "pid"
        self._ports = self.home / "ports"
        self._address = self.home / "address"
        self._is_whole = self.home / "whole"
        """There once the data were ready to serve; what a start left half done is not kept."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def process(self) -> Identity | None:
        """The process that we started, if it lives."""
        return Identity.read(self._pid)

    @property
    def address(self) -> str:
        """As a client takes it. Raises: StartFailed when it was never started."""
        return self._address_of(self.ports)

    @property
    def ports(self) -> dict[str, int]:
        try:
            told: dict[str, int] = json.loads(self._ports.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise StartFailed(f"{self.kind} in {self.home} was never started") from None
        return told

    def start(self, *, keep: bool = False) -> str:
        """Its address, once it is ready; one that runs already is only waited for.

        Data of a run before are wiped, and the ports are new ones, unless `keep` and that run was once ready.
        Raises: Unobtainable, StartFailed with the end of the log.
        """
        with locked(self.home / "lock"):
            process = self.process or self._spawn(keep=keep)
            try:
                self._await_ready(process)
            except KilledAtStart as killed:
                logging.getLogger(__name__).warning("%s; it is started once more", killed)
                self._await_ready(self._spawn(keep=keep))
            self._is_whole.touch()
            self._address.write_text(self.address, encoding="utf-8")
            return self.address

    def stop(self) -> bool:
        """Ask it to end, wait, kill it if it does not; whether there was one to stop. Its data stay."""
        with locked(self.home / "lock"):
            process = self.process
            if process is not None and not end(process, signal.SIGTERM, within_s=STOP_S_MAX):
                self._kill(process)
            self._pid.unlink(missing_ok=True)
            self._address.unlink(missing_ok=True)
            return process is not None

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Raises: StartFailed when there is no process, or it does not go."""
        with locked(self.home / "lock"):
            process = self.process
            if process is None:
                raise StartFailed(f"{self.kind} in {self.home} does not run, so it cannot be killed")
            self._kill(process)

    def restart(self) -> str:
        """Stop it if it runs, and start it with the same data on the same ports. Raises: as `start`."""
        self.stop()
        return self.start(keep=True)

    def remove(self) -> None:
        """Stop it and remove its directory."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    @abstractmethod
    def _address_of(self, ports: Mapping[str, int]) -> str: ...

    @abstractmethod
    def _prepare(self, *, is_new: bool) -> Sequence[str]:
        """Fetch, configure, format when the data are new; the command to run. Raises: Unobtainable, StartFailed."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether it answers as it should, asked again and again while it starts. At most a few seconds."""

    def _kill(self, process: Identity) -> None:
        if not end(process, signal.SIGKILL, within_s=KILL_S_MAX):
            raise StartFailed(f"{self.kind} (process {process.pid}) does not go, not even by SIGKILL")

    def _wipe(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self._is_whole.unlink(missing_ok=True)
        shutil.rmtree(self.data, ignore_errors=True)
        self._address.unlink(missing_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".before.log"))

    def _spawn(self, *, keep: bool) -> Identity:
        keep = keep and self._ports.exists() and self._is_whole.exists()
        if not keep:
            self._wipe()
            ports = {name: free_port() for name in self.port_names}
            self._ports.write_text(json.dumps(ports), encoding="utf-8")
        command = self._prepare(is_new=not keep)
        environ = {name: self.environ[name] for name in PASSED_ON if name in self.environ}
        process = spawn(command, log=self.log, environ=environ)
        process.write(self._pid)
        return process

    def _await_ready(self, process: Identity) -> None:
        """Raises: KilledAtStart when somebody else's signal ended it, StartFailed otherwise; none is left running."""
        began = time.monotonic()
        while not self._is_ready():
            took_s = time.monotonic() - began
            is_alive = process.is_alive
            if is_alive and took_s <= START_S_MAX:
                time.sleep(POLL_S)
                continue
            signalled, how = process.how_it_ended
            end(process, signal.SIGKILL, within_s=KILL_S_MAX)
            if is_alive:
                raise StartFailed(f"{self.kind} was not ready after {START_S_MAX} s; {log_end(self.log)}")
            kind = KilledAtStart if signalled else StartFailed
            raise kind(f"{self.kind} ended {how}, after {took_s:.1f} s and before it was ready; {log_end(self.log)}")
