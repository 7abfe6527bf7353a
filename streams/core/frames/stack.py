"""What a traceback says: the data, its limits, and what all languages share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TEXT_CHARS_MAX = 128 * 1024
"""Characters of a text that are read: half from its head, half from its tail."""

LINES_MAX = 2000
"""Non-empty lines that are read: half from the head, half from the tail."""

LINE_CHARS_MAX = 2000
"""Characters of one line that are read; what stands behind is dropped."""

FRAMES_MAX = 200
"""Frames kept of one trace, innermost first."""

CHAIN_MAX = 50
"""Causes followed from the outermost exception inwards."""

MESSAGE_CHARS_MAX = 1000
"""Characters kept of an exception's message."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One call: stable names only, so that two runs of one failure give equal functions and modules.

    ``file`` and ``line`` are for people and links; ``reason`` names the rule that decided ``in_app``.
    """

    function: str
    module: str = ""
    file: str = ""
    line: int | None = None
    in_app: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """The innermost cause of one trace; frames innermost call first, chain from the outermost type inwards."""

    language: str
    exception_type: str
    message: str
    frames: tuple[Frame, ...]
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A trace and the number of the line where it begins, so that the last of several can be taken."""

    at: int
    trace: Trace


def bounded_lines(text: str, *, chars_max: int = TEXT_CHARS_MAX, lines_max: int = LINES_MAX) -> list[str]:
    """Return the non-blank lines of a text, right-stripped, within the limits above or those given.

    Of a longer text the head and the tail are kept: the first names the failure, the second its root cause.
    """
    if len(text) > chars_max:
        half = chars_max // 2
        text = text[:half] + "\n" + text[-half:]
    lines = [line for line in text.split("\n") if line and not line.isspace()]
    if len(lines) > lines_max:
        half = lines_max // 2
        lines = lines[:half] + lines[-half:]
    return [line[:LINE_CHARS_MAX].rstrip() for line in lines]


def collapse(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    """Fold recursion: a call of the same function directly below itself counts once, however deep it went.

    Two functions calling each other are folded as well, so the depth at which a stack overflows leaves no trace.
    """
    kept: list[Frame] = []
    for frame in frames:
        name = (frame.module, frame.function)
        if frame.function and kept and (kept[-1].module, kept[-1].function) == name:
            if frame.in_app and not kept[-1].in_app:
                kept[-1] = frame
            continue
        if len(kept) >= 3 and _same(kept[-2], frame) and _same(kept[-3], kept[-1]):
            kept.pop()
            continue
        kept.append(frame)
        if len(kept) >= FRAMES_MAX:
            break
    return tuple(kept)


Reading = tuple[int, str, str, Sequence[Frame], Sequence[str]]
"""A trace while its lines are read: where it begins, type, message, frames, types of the chain."""


def built(language: str, reading: Reading | None) -> Found | None:
    """Return the trace that was read; made once at the end, since a reader replaces it with every line."""
    if reading is None:
        return None
    at, raised, message, frames, chain = reading
    types = tuple(chain)[:CHAIN_MAX]
    return Found(at, Trace(language, raised, message[:MESSAGE_CHARS_MAX], collapse(frames), types))


def _same(one: Frame, other: Frame) -> bool:
    return bool(one.function) and one.function == other.function and one.module == other.module


def first_text(lines: Sequence[str]) -> str:
    """Return the first line that says something, cut to ``MESSAGE_CHARS_MAX``; empty when none does."""
    for line in lines:
        text = line.strip()
        if text:
            return text[:MESSAGE_CHARS_MAX]
    return ""
