"""`faultline run`: the words of the command. What it runs stands above this room, so it is handed in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli import options

if TYPE_CHECKING:
    from streams.settings import Settings


def add_to(app: typer.Typer, serve: Callable[[Settings, Path | None], int]) -> None:
    """Add `run`. `serve` takes the settings and the folder of `--demo`, and returns the exit status."""

    @app.command("run", epilog="\b\nExamples:\n  faultline run --data ./data\n  faultline run --port 9000")
    def run(
        *,
        data: Annotated[
            Path | None, typer.Option(metavar="DIR", help="Where everything is kept; made when missing.")
        ] = None,
        host: options.Host = "",
        port: options.Port = None,
        demo: Annotated[
            Path | None, typer.Option(metavar="FOLDER", help="Begin with failures that this folder's script makes.")
        ] = None,
        file: options.Config = None,
    ) -> None:
        """Run everything in one process: take failures in, keep, show.

        They are classified on their way, and a page shows them.
        """
        from streams.settings import Settings

        flags = options.flags(FAULTLINE_DATA=data, FAULTLINE_HOST=host, FAULTLINE_PORT=port)
        raise typer.Exit(serve(Settings.read({**os.environ, **flags}, config=file), demo))
