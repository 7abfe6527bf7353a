"""The log archive of a run of GitHub Actions, by the names of its entries.

It holds each job's log twice: whole, as `0_build.txt` (`-1_build.txt` from older servers), and by its steps, as
`build/1_Set up job.txt`. The whole one is read, for a step's log is no log of a job: what failed in one step is told
by the next, and its line numbers are those of the raw log that the site shows. The steps' logs only tell by their
names and their lengths which step a line is of, since the whole log has the names of few. A job of which the whole log
is missing is read from its steps, one after another. `build/system.txt` is the runner's own and is left out.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Final, NamedTuple

_WHOLE: Final = re.compile(r"(-?\d{1,20})_([^/]+)\.txt", re.DOTALL)
_STEP: Final = re.compile(r"([^/]+)/(\d{1,9})_([^/]*)\.txt", re.DOTALL)
_OWN: Final = re.compile(r"[^/]+/system\.txt", re.DOTALL)
_LEFT_OUT: Final = re.compile(r"[/:\\\s_]+")
"""Characters of a job's name that one of its two names may lack."""


class JobLog(NamedTuple):
    """The log of one job; numbers are places in the list of names."""

    job: str
    whole: int | None
    steps: tuple[tuple[int, str, int], ...]
    """Number, name and place of each, in the order in which they ran."""


class Steps:
    """Where the steps of a log begin: made from the bytes of their own logs, in order."""

    def __init__(self) -> None:
        self._first: list[int] = []
        self._names: list[tuple[int, str]] = []
        self._lines = 0
        self._is_open = False

    def begin(self, number: int, name: str) -> None:
        """The next bytes are of this step."""
        self.line_end()
        self._first.append(self._lines + 1)
        self._names.append((number, name))

    def count(self, piece: bytes) -> None:
        """Takes the next bytes of the step."""
        self._lines += piece.count(b"\n")
        self._is_open = not piece.endswith(b"\n") if piece else self._is_open

    def line_end(self) -> bytes:
        """Ends a line that the step left open; the bytes that do it where logs are put together."""
        if not self._is_open:
            return b""
        self._lines += 1
        self._is_open = False
        return b"\n"

    @property
    def lines(self) -> int:
        """Of all steps together."""
        return self._lines + self._is_open

    def at(self, line: int) -> tuple[int, str] | None:
        """Number and name of the step in which a line stands, counted from 1; None beyond the steps."""
        before = bisect_right(self._first, line)
        return self._names[before - 1] if before and line <= self.lines else None


def job_logs(names: Sequence[str]) -> tuple[JobLog, ...] | None:
    """The jobs of the archive with entries of these names, in the order of their numbers; None when it is another one.

    It is one when every entry has such a name, and one is a log. Jobs may share a name: each log is read, and none is
    given its steps, as nothing tells whose they are.
    """
    wholes: dict[str, list[tuple[int, str, int]]] = {}
    steps: dict[str, list[tuple[int, str, int]]] = {}
    folders: dict[str, str] = {}
    for at, name in enumerate(names):
        if match := _STEP.fullmatch(name):
            key = _key(match.group(1))
            folders.setdefault(key, match.group(1))
            steps.setdefault(key, []).append((int(match.group(2)), match.group(3), at))
        elif match := _WHOLE.fullmatch(name):
            wholes.setdefault(_key(match.group(2)), []).append((int(match.group(1)), match.group(2), at))
        elif not _OWN.fullmatch(name):
            return None
    found: list[tuple[int, JobLog]] = []
    for key, logs in wholes.items():
        own = tuple(sorted(steps.pop(key, [])))
        numbered = [log for log in logs if log[0] >= 0] or logs  # beside one with a number, `-1` is the same log again
        found += [(number, JobLog(job, at, own if len(numbered) == 1 else ())) for number, job, at in numbered]
    ordered = [log for _, log in sorted(found, key=itemgetter(0))]
    ordered += [JobLog(folders[key], None, tuple(sorted(own))) for key, own in steps.items()]
    return tuple(ordered) or None


def _key(job: str) -> str:
    return _LEFT_OUT.sub("", job)
