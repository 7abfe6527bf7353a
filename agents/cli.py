"""The `faultline` command: the commands of `streams.cli`, and those that run the roles.

Nothing is imported up here: until `main` has seen to Ctrl-C, every import is time in which it prints a traceback.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what `typing` says, without importing it
if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from streams.settings import Settings


def main() -> None:
    """Entry point of the console script; ends the process with the command's exit status."""
    from streams.cli import interrupt

    interrupt.leaves_at_once()
    import sys

    from streams.cli.app import run

    status = run(create(), sys.argv[1:])
    interrupt.leaves_at_once()
    sys.exit(status)


def create() -> typer.Typer:
    """All commands."""
    from streams.cli import running
    from streams.cli.app import create_app

    app = create_app()
    running.add_to(app, _serve)
    return app


def _serve(settings: Settings, demo: Path | None) -> int:
    """Serve until told to stop.

    Until the server listens Ctrl-C still ends the process at once: what is kept survives that as it survives a kill.
    """
    from agents.local.server import run

    return run(settings, demo=demo)


if __name__ == "__main__":
    main()
