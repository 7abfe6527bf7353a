"""The `faultline` command: the commands of `streams.cli`, and those that run the roles."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from streams.cli import options
from streams.cli.app import create_app, run


def main() -> None:
    """Entry point of the console script; ends the process with the command's exit status."""
    sys.exit(run(create(), sys.argv[1:]))


def create() -> typer.Typer:
    """All commands."""
    app = create_app()
    app.command("run", epilog="\b\nExamples:\n  faultline run --data ./data\n  faultline run --port 9000")(_run)
    return app


def _run(
    *,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where everything is kept; made when missing.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port to listen on; 0: any free one.")] = None,
    demo: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Begin with failures that this folder's script makes.")
    ] = None,
    file: options.Config = None,
) -> None:
    """Run everything in this process: take failures in, classify and keep them, and show them on a page."""
    from agents.local.server import run as run_all
    from streams.settings import Settings

    given = {"FAULTLINE_DATA": data, "FAULTLINE_HOST": host or None, "FAULTLINE_PORT": port}
    flags = {name: str(value) for name, value in given.items() if value is not None}
    settings = Settings.read({**os.environ, **flags}, config=file)
    raise typer.Exit(run_all(settings, demo=demo))


if __name__ == "__main__":
    main()
