"""`faultline rejected`: list, show, replay and purge what could not be read."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import options
from streams.cli.bare import help_if_bare
from streams.cli.loop import cluster_of, run
from streams.cli.moments import moment
from streams.cli.screen import line, say, shown, table, tell, when

if TYPE_CHECKING:
    from streams.broker.clients import Cluster
    from streams.rejected import Filter, Place, Rejected

LIMIT_DEFAULT = 50
REPLAY_MAX = 10_000
"""Records that one call sends again."""
_PLACE = re.compile(r"(\d{1,9})/(\d{1,18})")

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="What could not be read: look at it, send it again, delete it.",
    epilog="\b\nExamples:\n  faultline rejected list --from 2h\n  faultline rejected show 3/17\n"
    "  faultline rejected replay --reason 'no kind' --yes",
)

PlaceArgument = Annotated[str, typer.Argument(metavar="PARTITION/OFFSET", help="As `rejected list` names it.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="A part of the reason.")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="Rejected from then on: 2h, 2026-05-31T12:00Z.")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="Rejected before then.")]
TopicName = Annotated[str, typer.Option("--topic", metavar="NAME", help="Where it came from.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, it is only told what would be done.")]


@app.callback()
def _rejected(context: typer.Context) -> None:
    help_if_bare(context)


@app.command("list", epilog="\b\nExample:\n  faultline rejected list --topic failures.ci.v1 --from 1d --json")
def list_rejected(
    *,
    reason: Reason = "",
    topic: TopicName = "",
    since: From = "",
    until: To = "",
    limit: Annotated[int, typer.Option(min=1, max=REPLAY_MAX, help="The newest so many.")] = LIMIT_DEFAULT,
    as_json: options.Json = False,
    file: options.Config = None,
) -> None:
    """List what was rejected, the newest last."""
    from streams.rejected import find

    cluster = _cluster(file)
    found = run(find(cluster, _filter(reason, topic, since, until), limit=limit))
    if as_json:
        rows = [_data(record) for record in found.records]
        say(json.dumps({"rejected": rows, "matched": found.matched, "not_looked_at": found.skipped}))
        return
    if found.records:
        say(_table(found.records))
    more = f", the newest {len(found.records)} of them above" if found.matched > len(found.records) else ""
    say(f"{found.matched} rejected{more}")
    if found.skipped:
        tell(f"{found.skipped} older ones were not looked at; a shorter stretch of time finds them: --from, --to")


@app.command(epilog="\b\nExample:\n  faultline rejected show 3/17")
def show(*, place: PlaceArgument, as_json: options.Json = False, file: options.Config = None) -> None:
    """Show one record.

    Its headers, and its beginning as text, without credentials.
    """
    from streams.core.redact import redact
    from streams.rejected import Filter, find

    found = run(find(_cluster(file), Filter(place=_place(place)), limit=1))
    (record,) = found.records
    headers = {name: redact(value) for name, value in record.said.items()}
    if as_json:
        say(json.dumps(_data(record) | {"headers": headers, "text": record.row.text}))
        return
    say(f"{record.place}  {when(record.at_ms)}  {len(record.value)} bytes")
    for name, value in headers.items():
        say(f"{line(name)}: {line(value)}")
    say()
    say(shown(record.row.text))
    if len(record.value) > len(record.row.text.encode()):
        tell(f"the beginning of {len(record.value)} bytes, credentials taken out")


@app.command(
    epilog="\b\nExamples:\n  faultline rejected replay --place 3/17 --yes\n"
    "  faultline rejected replay --reason 'no kind' --topic fingerprints.classified.v1 --yes"
)
def replay(
    *,
    place: Annotated[str, typer.Option("--place", metavar="PARTITION/OFFSET", help="This record alone.")] = "",
    reason: Reason = "",
    topic: TopicName = "",
    since: From = "",
    until: To = "",
    yes: Yes = False,
    as_json: options.Json = False,
    file: options.Config = None,
) -> None:
    """Send records again, as they came, to where they came from."""
    from streams.cli.wiring import now_ms
    from streams.rejected import find, send_again

    wanted = _filter(reason, topic, since, until, place)
    if wanted.is_empty:
        raise typer.BadParameter("say which: --place, --reason, --topic, --from or --to")
    cluster = _cluster(file)
    found = run(find(cluster, wanted, limit=REPLAY_MAX))
    if found.matched > REPLAY_MAX or found.skipped:
        raise typer.BadParameter(
            f"{found.matched + found.skipped} records are more than the {REPLAY_MAX} that one call sends; "
            "take a shorter stretch of time: --from, --to"
        )
    left = [(record, why) for record in found.records if (why := record.why_not())]
    sent = 0
    if yes:
        sent = run(send_again(cluster, found.records, job=f"rejected-{now_ms()}")).sent
    if as_json:
        told = [{"place": str(record.place), "reason": why} for record, why in left]
        say(json.dumps({"matched": found.matched, "sent": sent, "dry_run": not yes, "left": told}))
        return
    if not yes and found.records:
        say(_table(found.records))
    for record, why in left:
        tell(f"{record.place} stays: {line(why)}")
    able = found.matched - len(left)
    say(f"{sent} sent again" if yes else f"{able} would be sent again; with --yes they are")


@app.command(epilog="\b\nExamples:\n  faultline rejected purge --to 7d --yes\n  faultline rejected purge --before 3/18")
def purge(
    *,
    before: Annotated[
        str, typer.Option("--before", metavar="PARTITION/OFFSET", help="All before it in its partition.")
    ] = "",
    until: Annotated[str, typer.Option("--to", metavar="TIME", help="All that was rejected before then.")] = "",
    yes: Yes = False,
    as_json: options.Json = False,
    file: options.Config = None,
) -> None:
    """Delete the oldest, up to an offset or a time.

    They cannot be had back; stores keep what they show.
    """
    from streams.cli.wiring import now_ms
    from streams.rejected import purge as purged

    if bool(before) == bool(until):
        raise typer.BadParameter("say up to where: --before PARTITION/OFFSET or --to TIME, one of them")
    to_ms = moment(until, "--to", now_ms=now_ms())
    place = _place(before) if before else None
    gone = run(purged(_cluster(file), before=place, before_ms=to_ms, is_dry=not yes))
    if as_json:
        say(json.dumps({"deleted": gone, "dry_run": not yes}))
        return
    for number, offsets in sorted(gone.items()):
        say(f"partition {number}: {offsets} offsets")
    # Kafka deletes by offset, and the mark of a transaction takes one: these are more than `list` has records.
    told = f"{sum(gone.values())} offsets, those of transactions' marks among them,"
    say(f"{told} deleted" if yes else f"{told} would be deleted; with --yes they are")


def _cluster(file: Any) -> Cluster:
    from streams.settings import Settings

    return cluster_of(Settings.read(os.environ, config=file))


def _filter(reason: str, topic: str, since: str, until: str, place: str = "") -> Filter:
    from streams.cli.wiring import now_ms
    from streams.rejected import Filter

    now = now_ms()
    return Filter(
        reason=reason,
        topic=topic,
        from_ms=moment(since, "--from", now_ms=now),
        to_ms=moment(until, "--to", now_ms=now),
        place=_place(place) if place else None,
    )


def _place(text: str) -> Place:
    from streams.rejected import Place

    found = _PLACE.fullmatch(text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no place; expected partition/offset, as 3/17")
    return Place(int(found.group(1)), int(found.group(2)))


def _table(records: tuple[Rejected, ...]) -> str:
    rows = [
        (str(r.place), when(r.at_ms), r.row.topic, str(r.attempt), str(len(r.value)), r.row.reason) for r in records
    ]
    return table(("place", "when", "from", "attempt", "bytes", "reason"), rows, flexible=5)


def _data(record: Rejected) -> dict[str, Any]:
    row = record.row
    return {
        "place": str(record.place),
        "at_ms": record.at_ms,
        "topic": record.came_from,
        "reason": row.reason,
        "where": row.place,
        "stage": record.said.get("dlq.stage", ""),
        "attempt": record.attempt,
        "size_bytes": len(record.value),
        "replayable": not record.why_not(),
    }
