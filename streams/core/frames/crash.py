"""Name a crash as crash-triage tools do: a crash type and up to three parts, assertion text and frames that matter."""

from __future__ import annotations

from streams.core.frames.crash_readers import READERS
from streams.core.frames.crash_report import Here, Report
from streams.core.frames.crash_types import STRONG
from streams.core.frames.trace import bounded_lines


def crash_state(text: str) -> tuple[str, list[str]]:
    """Return the crash type (a second line tells the memory access) and the top parts; ("", []) without a crash.

    Never raises; reads what ``trace.bounded_lines`` keeps. A line costs one look for each mark that the text holds.
    """
    readers = [(mark, reader) for mark, reader in READERS if mark in text]
    if not readers:
        return "", []
    lines = bounded_lines(text)
    report = Report()
    here = Here(report, lines)
    for number, line in enumerate(lines):
        here.line, here.number = line, number
        for mark, reader in readers if report.rank < STRONG else ():
            if mark in line:
                said = reader(here)
                if said is not None:
                    report.say(said)
                    break
        report.frame(line, lines, number)
    return report.result()
