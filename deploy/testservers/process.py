"""Processes that outlive the program that started them, and are stopped only by who can prove that they are meant.

A process number is used again by the system. So a process is remembered by its number together with the moment of its
start, and nothing is sent a signal whose start differs from what was written down.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from testservers.errors import ServerError, StartFailed, log_end

POLL_S = 0.05
PORTS = range(20_000, 32_000)
"""Below what systems give to outgoing connections: a client that knocks on a dead server's port must not happen to
hold that port itself, or, worse, connect to itself."""
PORT_TRIES = 200
_ENDED: dict[int, int] = {}
"""Exit status of each process of ours whose status was fetched, by number: the system tells it once."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, for ever: no other has both of these."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this number now; None when there is none, or only its exit status is left."""
        with contextlib.suppress(ChildProcessError):
            ended, status = os.waitpid(pid, os.WNOHANG)  # one that we started ourselves stays listed until someone asks
            if ended:
                _ENDED[pid] = os.waitstatus_to_exitcode(status)
        if Path("/proc/self/stat").exists():
            try:
                # the name of the program, in parentheses, may hold spaces and parentheses
                fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
            except (FileNotFoundError, ProcessLookupError):
                return None
            state, started = fields.split()[0], fields.split()[19]
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            return None if state in "ZX" else cls(pid, f"{boot} {started}")
        command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.split(None, 1)
        return cls(pid, told[1].strip()) if len(told) == 2 and not told[0].startswith("Z") else None

    @property
    def is_alive(self) -> bool:
        return Identity.of(self.pid) == self

    @property
    def how_it_ended(self) -> tuple[bool, str]:
        """Whether a signal ended it, and which, or its exit status; only its parent is told."""
        code = _ENDED.get(self.pid)
        if code is None:
            return False, "in a way that is not known"
        return code < 0, f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"

    def write(self, path: Path) -> None:
        """Into `path`, at once or not at all."""
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
        partial.replace(path)

    @classmethod
    def read(cls, path: Path) -> Identity | None:
        """What `path` names, if that process lives; None when there is no such file."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            told = cls(int(data["pid"]), str(data["started"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise ServerError(
                f"{path} does not name a process ({error}); look what runs, then remove the file"
            ) from error
        return told if told.is_alive else None


def spawn(command: Sequence[str], *, log: Path, environ: Mapping[str, str]) -> Identity:
    """Start `command` (an absolute path first) in a session of its own, its output appended to `log`.

    A Ctrl-C in our terminal does not reach it, and it does not end with us. Raises: StartFailed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    try:
        pid = os.posix_spawn(
            command[0], list(command), dict(environ), file_actions=actions, setsid=True, setsigdef=[signal.SIGPIPE]
        )
    except OSError as error:
        raise StartFailed(f"{command[0]} cannot be run ({error})") from error
    _ENDED.pop(pid, None)
    identity = Identity.of(pid)
    if identity is None:
        raise StartFailed(f"{command[0]} ended at once; {log_end(log)}")
    return identity


def end(identity: Identity, how: signal.Signals, *, within_s: float) -> bool:
    """Send the signal and wait until the process is gone; whether it is."""
    with contextlib.suppress(ProcessLookupError):
        if identity.is_alive:
            os.kill(identity.pid, how)
    until = time.monotonic() + within_s
    while identity.is_alive:
        if time.monotonic() > until:
            return False
        time.sleep(POLL_S)
    return True


def free_port() -> int:
    """A port of the loopback address that nobody listens on now. Raises: StartFailed after 200 tries."""
    for port in random.sample(PORTS, PORT_TRIES):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StartFailed(f"no free port on 127.0.0.1 among {PORT_TRIES} of {PORTS.start} to {PORTS.stop}")


def answers(port: int) -> bool:
    """Whether someone accepts connections there."""
    with socket.socket() as knock:
        knock.settimeout(1)
        return knock.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def locked(path: Path, *, within_s: float = 900) -> Iterator[None]:
    """Hold the lock of `path` against all other processes and threads. It ends with us, however we end.

    Raises: ServerError when another holds it for longer than `within_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + within_s
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise ServerError(f"{path} has been held by another process for {within_s:.0f} s") from None
                time.sleep(POLL_S)
        yield
