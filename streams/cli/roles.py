"""The roles of the cluster form, a command and a process each: the words; `streams.cli.wiring` holds what they run."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import typer

from streams.cli import options
from streams.cli.bare import help_if_bare

if TYPE_CHECKING:
    from streams.settings import Settings

Run = Callable[["Settings", "int | None"], int]
"""A role: settings, and the port to listen on, None for none. Returns the exit status."""

HEALTH: Final = "/metrics, /healthz and /readyz are served where --port or FAULTLINE_PORT names a port."


def add(app: typer.Typer, name: str, told: str, run: Callable[[], Run], *, port: int, serves: bool = False) -> None:
    """Add one role. `run` gives it, once the command is called; `port`: of the example in its help.

    `serves`: it is a server, so it listens in any case.
    """

    def command(*, host: options.Host = "", port: options.Port = None, file: options.Config = None) -> None:
        from streams.settings import Settings

        flags = options.flags(FAULTLINE_HOST=host, FAULTLINE_PORT=port)
        settings = Settings.read({**os.environ, **flags}, config=file)
        listens = serves or "port" in settings.model_fields_set
        raise typer.Exit(run()(settings, settings.port if listens else None))

    words = told if serves else f"{told}\n\n{HEALTH}"
    path = f"{app.info.name} {name}" if isinstance(app.info.name, str) and app.info.name != "faultline" else name
    app.command(name, help=words, epilog=f"\b\nExample:\n  faultline {path} --port {port}")(command)


def add_to(app: typer.Typer) -> None:
    """Add the roles that need no language model."""
    add(app, "fold", "Read failures from Kafka, fingerprint and fold them.", _wired("fold"), port=9100)
    told = "Keep the counts and the verdict of each fingerprint."
    add(app, "work", told, _wired("work"), port=9101)

    sink = typer.Typer(
        name="sink",
        invoke_without_command=True,
        rich_markup_mode=None,
        help="Write documents to a store.",
        epilog="\b\nExample:\n  faultline sink mongo --port 9102",
    )

    @sink.callback()
    def _sink(context: typer.Context) -> None:
        help_if_bare(context)

    told = "Write documents, and what the page shows, to MongoDB."
    add(sink, "mongo", told, _wired("sink mongo"), port=9102)
    add(sink, "opensearch", "Write documents of failures to OpenSearch.", _wired("sink opensearch"), port=9103)
    app.add_typer(sink, name="sink")

    told = "Take failures in over HTTP, and publish them to Kafka."
    add(app, "gateway", told, _wired("gateway"), port=8765, serves=True)
    told = "Show the page over MongoDB, live. A person's verdicts go to Kafka."
    add(app, "dashboard", told, _wired("dashboard"), port=8766, serves=True)


def _wired(name: str) -> Callable[[], Run]:
    def run() -> Run:
        from streams.cli.wiring import ROLES

        return ROLES[name]

    return run
