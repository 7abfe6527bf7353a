"""The door: text -> the one trace that says why it failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streams.core.frames import (
    android,
    apple,
    beam,
    cpp,
    csharp,
    dart,
    go,
    hotspot,
    ips,
    java,
    javascript,
    julia,
    kernel,
    lua,
    minidump,
    notebook,
    perl,
    php,
    python,
    rlang,
    ruby,
    rust,
    tracked,
)
from streams.core.frames.stack import Found, Trace, bounded_lines

_Finder = Callable[[Sequence[str]], Found | None]
_LANGUAGES: tuple[tuple[tuple[str, ...], _Finder], ...] = (
    (python.MARKS, python.find),
    (notebook.MARKS, notebook.find),
    (java.MARKS, java.find),
    (hotspot.MARKS, hotspot.find),
    (javascript.MARKS, javascript.find),
    (go.MARKS, go.find),
    (rust.MARKS, rust.find),
    (apple.MARKS, apple.find),
    (android.MARKS, android.find),
    (kernel.MARKS, kernel.find),
    (dart.MARKS, dart.find),
    (minidump.MARKS, minidump.find),
    (cpp.MARKS, cpp.find),
    (csharp.MARKS, csharp.find),
    (ruby.MARKS, ruby.find),
    (php.MARKS, php.find),
    (beam.MARKS, beam.find),
    (lua.MARKS, lua.find),
    (julia.MARKS, julia.find),
    (rlang.MARKS, rlang.find),
    (perl.MARKS, perl.find),
)
"""Ordered: of two languages that begin on one line, the first wins."""

_MARKS = tuple({mark: None for marks, _ in _LANGUAGES for mark in marks} | dict.fromkeys(ips.MARKS))


def parse(text: str) -> Trace | None:
    """Return the innermost cause of the last trace in the text, or None when it holds none.

    A trace with frames of the user's own code beats one with frames only, and that one a bare error; among equals
    the later wins, since a tool prints the failure of what it called before its own. Reads at most
    ``TEXT_CHARS_MAX`` characters (head and tail), keeps at most ``FRAMES_MAX`` frames. Never raises.
    """
    if not any(map(text.__contains__, _MARKS)) and not tracked.may_hold(text):
        return None
    return parse_lines(text, bounded_lines(text))


def parse_lines(text: str, lines: Sequence[str]) -> Trace | None:
    """Do what ``parse`` does for a text whose bounded lines the caller has already."""
    if any(mark in text for mark in ips.MARKS) and (report := ips.find(text)):
        return report.trace
    if any(tag in text for tag in android.PREFIXED):
        lines = android.unprefixed(lines)
    best: Found | None = None
    best_rank = (-1, False, -1)
    for marks, find in _LANGUAGES:
        if not any(map(text.__contains__, marks)):
            continue
        found = find(lines)
        if found is None:
            continue
        rank = (_weight(found.trace), bool(found.trace.exception_type), found.at)
        if rank > best_rank:
            best, best_rank = found, rank
    if best is None and tracked.may_hold(text):
        best = tracked.find(lines)
    return best.trace if best else None


def _weight(trace: Trace) -> int:
    if trace.frames:
        return 2 if any(frame.in_app for frame in trace.frames) else 1
    return 0
