"""How far a command is that takes its time: a bar for who watches, a line now and then for who reads it later."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from streams.cli.screen import is_watched, tell

LINE_EVERY_S: Final = 10.0


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Gives what is to be called with how many more are done. `total`: of how many, None when nobody knows."""
    if is_watched():
        with _bar(what, total) as advance:
            yield advance
        return
    done = 0
    told_s = time.monotonic()

    def advance_line(more: int) -> None:
        nonlocal done, told_s
        done += more
        if time.monotonic() - told_s >= LINE_EVERY_S:
            told_s = time.monotonic()
            tell(f"{what}: {done}" + ("" if total is None else f" of {total}"))

    yield advance_line


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda more: shown.advance(task, more)
