"""Text from outside on a terminal: nothing in it may move the cursor, change a colour or turn the writing around."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from streams.core.clean import printable

LINE_CHARS_MAX = 400


def say(text: str = "") -> None:
    """One line or more on standard output. Text from outside must have passed `shown` or `line`."""
    sys.stdout.write(text + "\n")


def tell(text: str) -> None:
    """One line on standard error, where people look and pipes do not."""
    sys.stderr.write(f"faultline: {text}\n")
    sys.stderr.flush()


def shown(text: str) -> str:
    """Text from outside without anything a terminal would obey; lines stay lines."""
    return printable(text).replace("\t", "    ")


def line(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """Text from outside as one line of at most `chars_max` characters."""
    flat = " ".join(shown(text[: chars_max * 8]).split())
    return flat if len(flat) <= chars_max else flat[: max(0, chars_max - 1)] + "…"


def is_watched() -> bool:
    """Whether a person watches standard error."""
    return sys.stderr.isatty()


def columns() -> int:
    """Width of the terminal; without one, wide enough that nothing useful is cut."""
    return shutil.get_terminal_size((200, 50)).columns if sys.stdout.isatty() else 200


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, flexible: int) -> str:
    """Columns of text, aligned, at most as wide as the terminal. Column `flexible` gives way where room is short."""
    clean = [[line(cell) for cell in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in clean)]) for i, name in enumerate(head)]
    room = columns() - (sum(widths) - widths[flexible]) - 2 * (len(head) - 1)
    widths[flexible] = max(len(head[flexible]), 20, min(widths[flexible], room))

    def laid(cells: Sequence[str]) -> str:
        cut = [line(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=True)]
        return "  ".join(cut).rstrip()

    return "\n".join([laid(head), laid(["-" * width for width in widths]), *(laid(row) for row in clean)])


def when(at_ms: int) -> str:
    """A time for people, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
