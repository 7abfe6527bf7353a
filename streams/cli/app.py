"""The tree of commands, and the one place where errors become a line on standard error and an exit status."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from streams.cli import about, explain, extract, groups, publish, rejected, replay, roles, rules, status, topics
from streams.cli.bare import help_if_bare
from streams.cli.interrupt import INTERRUPTED
from streams.cli.screen import line, say, tell

FAILURE, USAGE = 1, 2
DEBUG = "--debug"
STRICT = "--strict"


def create_app() -> typer.Typer:
    """The commands of this room; `agents.cli` adds its own."""
    app = typer.Typer(
        name="faultline",
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        epilog="\b\nExamples:\n  faultline run --data ./data\n  faultline publish junit 'results/**/*.xml'\n"
        "  faultline groups --kind timeout",
    )

    @app.callback()
    def faultline(
        context: typer.Context,
        *,
        version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
        debug: Annotated[
            bool, typer.Option(DEBUG, help="Show the traceback of an error. Anywhere in the line.")
        ] = False,
    ) -> None:
        """Turn the failures of CI jobs and LLM benchmark runs into classified, counted, explained records."""
        del debug  # `run` has taken it out of the line already
        if version:
            say(about.versions())
            raise typer.Exit
        help_if_bare(context, status=0)

    app.add_typer(publish.app, name="publish")
    app.add_typer(about.config, name="config")
    app.add_typer(topics.app, name="topics")
    app.add_typer(rejected.app, name="rejected")
    app.add_typer(rules.app, name="rules")
    explain.add_to(app)
    extract.add_to(app)
    groups.add_to(app)
    roles.add_to(app)
    replay.add_to(app)
    status.add_to(app)
    about.add_to(app)
    return app


def run(app: typer.Typer, arguments: Sequence[str]) -> int:
    """Run one command line. Returns the exit status: 0; 1 for a failure; 2 for wrong usage or settings; 130 for Ctrl-C.

    `publish` without `--strict` ends with 0 whatever is wrong, its own words too: it must not break its job.
    """
    debug = DEBUG in arguments
    words = [one for one in arguments if one != DEBUG]
    is_lenient = "publish" in words[:1] and STRICT not in words
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Unicode must not stop an answer
    try:
        status = app(words, prog_name="faultline", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, a pager for example, went away; Python would complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0 if is_lenient else FAILURE
    except Exception as error:  # noqa: BLE001 - the outermost loop of a command
        if debug:
            traceback.print_exc()
        status = _told(error, nothing_sent=words[:1] == ["publish"])
        return 0 if is_lenient and status != INTERRUPTED else status
    status = status if isinstance(status, int) else 0
    return 0 if is_lenient and status == USAGE else status


def _told(error: Exception, *, nothing_sent: bool) -> int:
    """Say it on standard error. `nothing_sent` is a thing to add about wrong usage. Returns the exit status."""
    from streams.contract.errors import ConfigurationError, FaultlineError

    lost = "; nothing was sent" if nothing_sent else ""
    if isinstance(error, typer.Abort):
        return INTERRUPTED
    if isinstance(error, typer.TyperException):
        where = getattr(getattr(error, "ctx", None), "command_path", "faultline")
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        hint = ""
        if where == "faultline explain" and text.startswith("No such option") and "(Possible" not in text:
            hint = "; put -- before a text that begins with -"
        tell(f"{line(text).removesuffix('.')}{hint}{lost} ({where} --help has the words and an example)")
        return USAGE
    if isinstance(error, ConfigurationError | groups.SeveralGroups):
        for fault in str(error).splitlines():
            tell(line(fault) + lost)
        return USAGE if isinstance(error, ConfigurationError) else FAILURE
    if isinstance(error, FaultlineError):
        tell(line(str(error)))
    elif isinstance(error, OSError):
        tell(line(f"{error.filename}: {error.strerror}" if error.filename else str(error)))
    else:
        tell(line(f"our own fault: {type(error).__name__}: {error}; {DEBUG} shows where; please report it"))
    return FAILURE
