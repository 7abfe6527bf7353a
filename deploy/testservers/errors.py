"""What can go wrong with a test server.

ServerError
├── Unobtainable    its files cannot be had on this machine: tests skip, with the reason
└── StartFailed     its files are here and it does not run: tests fail, with the end of its log
    └── KilledAtStart   a signal ended it, which was not ours: it is tried once more
"""

from __future__ import annotations

from pathlib import Path

LOG_LINES_SHOWN = 40
LOG_BYTES_READ = 64 * 1024


class ServerError(Exception):
    """A test server cannot be used. Its text names the server and the way out."""


class Unobtainable(ServerError):
    """The files of a server, or the program that runs it, cannot be had here."""


class StartFailed(ServerError):
    """A server does not start, does not answer in time, or does not end."""


class KilledAtStart(StartFailed):
    """Somebody else's signal ended a server while it started: the system's, for want of memory, or a person's."""


def log_end(log: Path) -> str:
    """The last lines of a log, with its path; says so when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_BYTES_READ))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return f"there is no log at {log}"
    return "\n".join([f"the end of {log}:", *lines[-LOG_LINES_SHOWN:]])
