"""A group of commands, called without one: its help, as `--help` prints it."""

from __future__ import annotations

import sys

import typer

from streams.cli.screen import say


def help_if_bare(context: typer.Context, *, status: int = 2) -> None:
    """Print the help and end with `status`, unless a command follows. Other than 0 it goes to standard error."""
    if context.invoked_subcommand is not None:
        return
    if status:
        sys.stderr.write(context.get_help() + "\n")
    else:
        say(context.get_help())
    raise typer.Exit(status)
