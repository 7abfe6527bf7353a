"""Options that several commands have, each said once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

URL_DEFAULT = "http://127.0.0.1:8765"
URL_VARIABLE = "FAULTLINE_URL"
DEADLINE_S = 60.0
"""Of sending, in one publishing command, where none is given."""

Url = Annotated[
    str, typer.Option("--url", envvar=URL_VARIABLE, show_envvar=True, metavar="URL", help="The running server.")
]
To = Annotated[
    Literal["http", "kafka"],
    typer.Option("--to", help="The running server's HTTP, or Kafka itself at FAULTLINE_KAFKA and its like."),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON on standard output, for programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, with fingerprints; send nothing.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Exit status 1 when anything was refused, unreadable or could not be sent.")
]
Deadline = Annotated[
    float | None,
    typer.Option(
        "--deadline",
        min=0.1,
        max=3600.0,
        metavar="SECONDS",
        help="Time to send (60 without it); when given, input that does not end is given up after as long.",
    ),
]
Repo = Annotated[str, typer.Option(metavar="OWNER/NAME", help="Repository; else from the CI's environment.")]
Workflow = Annotated[str, typer.Option(metavar="NAME", help="Workflow or pipeline; else from the environment.")]
RunId = Annotated[str, typer.Option(metavar="ID", help="Run; else from the environment, else new with each call.")]
Job = Annotated[str, typer.Option(metavar="NAME", help="Job, for a matrix with its leg; else from the environment.")]
Attempt = Annotated[int, typer.Option(min=0, max=10_000, help="Attempt of the run; 0: from the environment.")]
Branch = Annotated[str, typer.Option(metavar="NAME", help="Branch; else from the environment.")]
Commit = Annotated[str, typer.Option(metavar="SHA", help="Commit; else from the environment.")]
Host = Annotated[str, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65_535, metavar="PORT", help="Port to listen on; 0: any free one.")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings in TOML; the environment is stronger.")
]


def flags(**given: object) -> dict[str, str]:
    """Options in place of the variables of the same settings; what was not given is left out."""
    return {name: str(value) for name, value in given.items() if value not in (None, "")}


def url_name(url: str) -> str:
    """Where an address was said, so that a complaint names the place to mend: the variable or the option."""
    return URL_VARIABLE if os.environ.get(URL_VARIABLE) == url else "--url"
