"""A crash report while it is read: what names the crash, and the frames from there on."""

from __future__ import annotations

from collections.abc import Sequence

from streams.core.frames.crash_frames import NAME_CHARS_MAX, frame_of, go_frame, is_entry, shown
from streams.core.frames.crash_types import Said

PARTS_MAX = 3
"""Parts of a crash's name: the headline, if there is one, and frames."""

REPEATS_MIN = 4
"""Turns after which calls count as recursion; a function may call itself once without any."""

DEPTH_MAX = 120
"""Frames of an overflowed stack that are searched for the calls that repeat."""

NO_PARTS = "NULL"
"""Stands for the parts of a crash that names none."""

NULL_PAGE_MAX = 0x1000
"""Addresses below are reached through a null pointer and an offset."""

_WITH_ACCESS = (
    "-overflow", "-underflow", "-after-free", "-after-return", "-after-scope", "-poison", "race", "-mismatch",
    "-overlap", "-access", "-fiasco",
)  # fmt: skip


def repeated(parts: list[str]) -> list[str]:
    """Return the calls that repeat in an overflowed stack, from where they first do; all when none does."""
    for start in range(min(len(parts), DEPTH_MAX // 4)):
        for period in range(1, (len(parts) - start) // REPEATS_MIN + 1):
            turn = parts[start : start + period]
            if turn * REPEATS_MIN == parts[start : start + REPEATS_MIN * period] and "/" not in turn[0]:
                return turn
    return parts


_LOGGERS = frozenset(("g_log", "g_logv", "g_log_structured", "g_log_structured_array", "<signal handler called>"))


class Report:
    """What was understood so far; frames count from the line that names the crash."""

    __slots__ = (
        "_form",
        "access",
        "address",
        "closed",
        "crash_type",
        "fatal_file",
        "going",
        "headline",
        "leaks",
        "logged",
        "parts",
        "process",
        "python",
        "rank",
        "target",
    )

    def __init__(self) -> None:
        self.crash_type = self.headline = self.access = self.fatal_file = self._form = ""
        self.process = self.target = ""
        self.rank = -1
        self.address: int | None = None
        self.parts: list[str] = []
        self.python: list[str] = []
        self.logged: list[str] = []
        self.going = self.closed = False
        self.leaks = 0

    def say(self, said: Said) -> None:
        """Take a new name of the crash if it is stronger than what is known; frames read before it are dropped."""
        if said.rank <= self.rank:
            return
        self.crash_type, self.headline, self.rank = said.crash_type, said.headline, said.rank
        self.access, self.parts, self.closed, self._form = "", [], False, ""

    def frame(self, line: str, lines: Sequence[str], number: int) -> None:
        """Take the line as a frame if it is one and there is room."""
        room = DEPTH_MAX if self.crash_type == "Stack-overflow" else PARTS_MAX
        if self.rank < 0 or self.closed or len(self.parts) >= room:
            return
        if self.going and number + 1 < len(lines):
            name = go_frame(line, lines[number + 1])
            if name is not None:
                self._add("go", name, "")
                return
        found = frame_of(line)
        if found is not None:
            self._add(*found)

    def _add(self, form: str, name: str, file: str) -> None:
        mixed = self._form and form != self._form
        if mixed and (form in ("managed", "kernel", "go") or self._form in ("managed", "go")):
            return
        if name in _LOGGERS:
            self.parts.clear()  # What is above was called by the logger to end the program.
        part = shown(name, file)
        if form == "glog":
            if part and len(self.logged) < PARTS_MAX:
                self.logged.append(part)
            return
        if part:
            self._form = self._form or form
            self.parts.append(part)
        if is_entry(name) and self.parts:
            self.closed = True

    def result(self) -> tuple[str, list[str]]:
        """Return the crash type and its parts."""
        if self.rank < 0:
            return "", []
        parts = self.python[::-1] or self.parts or self.logged
        if self.crash_type == "Timeout" and self.target:
            parts = [self.target]  # An alarm goes off anywhere: where it did tells two runs apart, not two problems.
        if not parts and not self.headline and self.process:
            parts = [self.process.capitalize()]
        if self.crash_type == "Stack-overflow":
            parts = repeated(parts)
        if self.headline:
            parts = [line[:NAME_CHARS_MAX].strip() for line in self.headline.split("\n")] + parts
        return self._full_type(), parts[:PARTS_MAX] or [NO_PARTS]

    def _full_type(self) -> str:
        kind, touched = self.crash_type, self.access
        if kind == "UNKNOWN":
            if self.address is not None and self.address < NULL_PAGE_MAX:
                kind = "Null-dereference"
            return f"{kind} {touched}" if touched in ("READ", "WRITE") else kind
        if touched and (kind.endswith(_WITH_ACCESS) or kind.startswith("Kernel failure")):
            return f"{kind}\n{touched}"
        return kind


class Here:
    """The line that is read now, with what was understood before it and the lines around it."""

    __slots__ = ("line", "lines", "number", "report")

    def __init__(self, report: Report, lines: Sequence[str]) -> None:
        self.report, self.lines = report, lines
        self.line, self.number = "", 0

    def below(self, most: int) -> Sequence[str]:
        """Return up to ``most`` lines below this one."""
        return self.lines[self.number + 1 : self.number + 1 + most]
