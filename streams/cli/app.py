"""The tree of commands, and the one place where errors become a line on standard error and an exit status."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from streams.cli import about, explain, groups, publish
from streams.cli.screen import line, tell

FAILURE, USAGE, INTERRUPTED = 1, 2, 130
DEBUG = "--debug"


def create_app() -> typer.Typer:
    """The commands of this room; `agents.cli` adds its own."""
    app = typer.Typer(
        name="faultline",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="\b\nExamples:\n  faultline run --data ./data\n  faultline publish junit 'results/**/*.xml'\n"
        "  faultline groups --kind timeout",
    )

    @app.callback()
    def faultline(
        *,
        debug: Annotated[
            bool, typer.Option(DEBUG, help="Show the traceback of an error. Anywhere in the line.")
        ] = False,
    ) -> None:
        """Turn the failures of CI jobs and LLM benchmark runs into classified, counted, explained records."""
        del debug  # `run` has taken it out of the line already

    app.add_typer(publish.app, name="publish")
    app.add_typer(about.config, name="config")
    app.add_typer(about.topics, name="topics")
    explain.add_to(app)
    groups.add_to(app)
    about.add_to(app)
    return app


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command line. Returns the exit status: 0; 1 for a failure; 2 for wrong usage or settings; 130 for Ctrl-C.

    A fault of our own ends `publish` without `--strict` with 0 as well: it must not break its job.
    """
    debug = DEBUG in arguments
    try:
        status = app([one for one in arguments if one != DEBUG], prog_name="faultline", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, a pager for example, went away; Python would complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except Exception as error:  # noqa: BLE001 - the outermost loop of a command
        if debug:
            traceback.print_exc()
        return _told(error, is_lenient="publish" in arguments[:1] and "--strict" not in arguments)
    return status if isinstance(status, int) else 0


def _told(error: Exception, *, is_lenient: bool) -> int:
    from streams.contract.errors import ConfigurationError, FaultlineError

    if isinstance(error, typer.Abort):
        return INTERRUPTED
    if isinstance(error, typer.TyperException):
        where = getattr(getattr(error, "ctx", None), "command_path", "faultline")
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        tell(f"{line(text)} ({where} --help has the words and an example)")
        return USAGE
    if isinstance(error, ConfigurationError):
        for fault in str(error).splitlines():
            tell(line(fault))
        return USAGE
    if isinstance(error, FaultlineError):
        tell(line(str(error)))
    elif isinstance(error, OSError):
        tell(line(f"{error.filename}: {error.strerror}" if error.filename else str(error)))
    else:
        tell(line(f"our own fault: {type(error).__name__}: {error}; {DEBUG} shows where; please report it"))
    return 0 if is_lenient else FAILURE
