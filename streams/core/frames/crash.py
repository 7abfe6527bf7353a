"""Name a crash as crash-triage tools do: a crash type and up to three parts, assertion text and frames that matter."""

from __future__ import annotations

from collections.abc import Sequence

from streams.core.frames.crash_frames import NAME_CHARS_MAX
from streams.core.frames.crash_readers import READERS
from streams.core.frames.crash_report import PARTS_MAX, Here, Report
from streams.core.frames.crash_types import FAINT, STRONG, Said
from streams.core.frames.parse import parse_lines
from streams.core.frames.stack import bounded_lines

LOG_CHARS_MAX = 1024 * 1024
"""Characters of a log in which a crash is looked for: a device's log tells much before it tells of the crash."""

LOG_LINES_MAX = 8000
"""Lines of such a log."""


def crash_state(text: str) -> tuple[str, list[str]]:
    """Return the crash type (a second line tells the memory access) and the top parts; ("", []) without a crash.

    A traceback that no crash report surrounds gives its exception's type and its own frames; a bare native stack
    gives frames alone. Never raises; reads at most ``LOG_CHARS_MAX`` characters and ``LOG_LINES_MAX`` lines.
    A line costs one look for each mark that the text holds.
    """
    lines = bounded_lines(text, chars_max=LOG_CHARS_MAX, lines_max=LOG_LINES_MAX)
    report = _read(text, lines)
    if report.rank >= FAINT:
        kind, parts = report.result()
        if report.headline and len(parts) == 1:
            parts += _own_frames(text, lines)
        return kind, parts[:PARTS_MAX]
    lines = bounded_lines(text)
    return _native(lines) or _uncaught(text, lines)


def _read(text: str, lines: Sequence[str]) -> Report:
    """Read the lines with those readers whose mark the text holds."""
    readers = [(mark, reader) for mark, reader in READERS if mark in text]
    report = Report()
    here = Here(report, lines)
    for number, line in enumerate(lines if readers else ()):
        here.line, here.number = line, number
        for mark, reader in readers if report.rank < STRONG else ():
            if mark in line:
                said = reader(here)
                if said is not None:
                    report.say(said)
                    break
        report.frame(line, lines, number)
    return report


def _native(lines: Sequence[str]) -> tuple[str, list[str]] | None:
    """Read a stack of numbered frames that nothing introduces, as a debugger prints it on demand."""
    if not any(line.lstrip().startswith(("#0 ", "#0\t")) for line in lines):
        return None
    report = Report()
    report.say(Said("", FAINT))
    for number, line in enumerate(lines):
        report.frame(line, lines, number)
    return ("", report.parts) if report.parts else None


def _own_frames(text: str, lines: Sequence[str]) -> list[str]:
    """Read the calls below an assertion that only its language's own reader knows, as Rust prints them."""
    trace = parse_lines(text, lines)
    return _uncaught(text, lines)[1] if trace is not None and trace.language == "rust" else []


def _uncaught(text: str, lines: Sequence[str]) -> tuple[str, list[str]]:
    """Read a plain traceback of any language; the user's own frames are preferred to those of libraries."""
    trace = parse_lines(text, lines)
    if trace is None or not trace.frames:
        return "", []
    own = [frame for frame in trace.frames if frame.in_app] or trace.frames
    joined = trace.language in ("java", "go", "csharp")
    names = [f"{frame.module}.{frame.function}" if joined and frame.module else frame.function for frame in own]
    return trace.exception_type, [name[:NAME_CHARS_MAX] for name in names if name][:PARTS_MAX]
