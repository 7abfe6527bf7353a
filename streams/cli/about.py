"""What this installation is: its settings, its version."""

from __future__ import annotations

import json
import os

import typer

from streams.cli import options
from streams.cli.bare import help_if_bare
from streams.cli.screen import say, table

config = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="Check or print the settings that the environment gives.",
    epilog="\b\nExample:\n  faultline config check",
)


@config.callback()
def _config(context: typer.Context) -> None:
    help_if_bare(context)


@config.command(epilog="\b\nExample:\n  faultline config check && faultline run")
def check(*, file: options.Config = None) -> None:
    """Say whether the settings are right. Every fault is told, each with its variable."""
    from streams.core.own_rules.read import rules_in_use
    from streams.settings import Settings

    settings = Settings.read(os.environ, config=file)
    settings.load_taxonomy()
    rules_in_use(settings.rules_text(), source=str(settings.rules))
    rules_in_use(settings.rules_before_text() or "", source=str(settings.rules_before))
    say("the settings are right; `faultline config print` shows them")


@config.command("print", epilog="\b\nExample:\n  faultline config print --json")
def print_settings(*, file: options.Config = None, as_json: options.Json = False) -> None:
    """Print every setting with its source; credentials are not shown."""
    from streams.environment import described
    from streams.settings import Settings

    rows = described(Settings.read(os.environ, config=file), os.environ, config=file)
    if as_json:
        say(json.dumps({row.name: {"value": row.value, "source": row.source} for row in rows}))
        return
    cells = [(row.name, row.value, row.source, row.meaning) for row in rows]
    say(table(("variable", "value", "from", "meaning"), cells, flexible=3))


def add_to(app: typer.Typer) -> None:
    """Add `version`."""

    @app.command(epilog="\b\nExample:\n  faultline version")
    def version() -> None:
        """Print the versions of program and records."""
        say(versions())


def versions() -> str:
    """One line about the program, fingerprints and records."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    from streams.contract.wire import VERSION as RECORDS
    from streams.core.ids import VERSION as FINGERPRINTS

    try:
        own = installed("faultline")
    except PackageNotFoundError:
        own = "(not installed)"
    return f"faultline {own}, fingerprints {FINGERPRINTS}, records v{RECORDS}, Python {platform.python_version()}"
