"""The topics on the brokers: list them, compare them with what they should be, make them so."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import typer

from streams.cli import options
from streams.cli.bare import help_if_bare
from streams.cli.loop import cluster_of, run
from streams.cli.screen import say, table

if TYPE_CHECKING:
    from streams.broker.admin import Difference

DEADLINE_S = 20.0
"""For a broker to answer."""

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="The topics: what each holds; make them on the brokers.",
    epilog="\b\nExamples:\n  faultline topics list --json\n  faultline topics apply",
)


@app.callback()
def _topics(context: typer.Context) -> None:
    help_if_bare(context)


@app.command("list", epilog="\b\nExample:\n  faultline topics list --json")
def list_topics(*, as_json: options.Json = False) -> None:
    """Print the table of topics. No broker is asked."""
    from streams.contract.topics import DAY_MS, PARTITIONS_DEFAULT, STATE, TOPICS

    rows = (*TOPICS, STATE)
    if as_json:
        fields = ("name", "holds", "key", "cleanup", "retention_ms", "writers", "readers")
        out = [{name: getattr(topic, name) for name in fields} for topic in rows]
        for row, topic in zip(out, rows, strict=True):
            row["records"] = [record.__name__ for record in topic.records]
            row["partitions"] = PARTITIONS_DEFAULT
        say(json.dumps(out))
        return
    say(
        table(
            ("topic", "record", "key", "kept", "written by", "read by", "holds"),
            [
                (
                    topic.name,
                    " or ".join(record.__name__ for record in topic.records) or "bytes",
                    topic.key,
                    f"{topic.retention_ms // DAY_MS} d" if topic.retention_ms else "newest of a key",
                    ", ".join(topic.writers),
                    ", ".join(topic.readers),
                    topic.holds,
                )
                for topic in rows
            ],
            flexible=6,
        )
    )


@app.command(epilog="\b\nExample:\n  faultline topics apply && faultline fold")
def apply(*, file: options.Config = None) -> None:
    """Make the topics that are missing; configure those that differ."""
    from streams.broker import admin
    from streams.settings import Settings

    cluster = cluster_of(Settings.read(os.environ, config=file))

    async def applied() -> list[str]:
        async with admin.administering(cluster, deadline_s=DEADLINE_S) as client:
            return await admin.apply(cluster, client)

    for done in run(applied()):
        say(done)
    say(f"the topics on {cluster.bootstrap} are as they should be")


@app.command(epilog="\b\nExample:\n  faultline topics diff || faultline topics apply")
def diff(*, file: options.Config = None, as_json: options.Json = False) -> None:
    """Print what differs on the brokers; exit status 1 then."""
    from streams.broker import admin
    from streams.settings import Settings

    cluster = cluster_of(Settings.read(os.environ, config=file))

    async def differing() -> list[Difference]:
        async with admin.administering(cluster, deadline_s=DEADLINE_S) as client:
            return await admin.differences(cluster, client)

    found = run(differing())
    if as_json:
        say(json.dumps([{name: getattr(one, name) for name in one.__slots__} for one in found]))
    else:
        for one in found:
            say(str(one))
        say(f"{len(found)} differences on {cluster.bootstrap}; {admin.advice(found)}" if found else "no difference")
    if found:
        raise typer.Exit(1)
