"""`faultline status`: how far every role of the cluster is, what the stores hold, and whether the failures add up."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import typer

from streams.cli import options
from streams.cli.screen import line, say, table, tell, when

if TYPE_CHECKING:
    from streams.broker.standing import Standing
    from streams.contract.failure import Origin
    from streams.settings import Settings

DEADLINE_S: Final = 15.0
"""For each server to answer."""
EQUATION: Final = "accepted = documents + rejected + repeats + in flight"


@dataclass(slots=True)
class Held:
    """What one store holds."""

    name: str
    role: str
    """Who writes there."""
    documents: dict[Origin, int] = field(default_factory=dict)
    """Documents of failures that are ours; those of an earlier system beside them are not counted."""
    more: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sum:
    """What became of the failures of one origin, on the way to one store."""

    origin: str
    store: str
    accepted: int
    documents: int
    rejected: int
    repeats: int
    in_flight: int

    @property
    def rest(self) -> int:
        """Accepted failures that are nowhere; below 0, documents that nobody sent."""
        return self.accepted - self.documents - self.rejected - self.repeats - self.in_flight


def add_to(app: typer.Typer) -> None:
    """Add `status`."""
    app.command("status", epilog="\b\nExamples:\n  faultline status\n  faultline status --json | jq .sums")(_status)


def _status(*, as_json: options.Json = False, file: options.Config = None) -> None:
    """Show lag, what the stores hold, and if it adds up.

    Asked of Kafka and the stores at this moment, so restarts change nothing. Exit status 1 when a server is away.
    """
    import asyncio

    from streams.serving.logs import configure_log
    from streams.settings import Settings

    settings = Settings.read(os.environ, config=file)
    configure_log(settings.log_format, libraries=False)
    told, stores, away = asyncio.run(_asked(settings))
    sums = [] if told is None else sums_of(told, stores, settings.sink_origins)
    if as_json:
        say(json.dumps(_data(told, stores, sums, away)))
    else:
        _show(told, stores, sums)
    for reason in away:
        tell(line(reason))
    if away:
        raise typer.Exit(1)


async def _asked(settings: Settings) -> tuple[Standing | None, list[Held], list[str]]:
    """What each server says, and why one says nothing. All are asked at once."""
    import asyncio

    from streams.broker.standing import standing
    from streams.cli.loop import cluster_of
    from streams.contract.errors import FaultlineError

    answers = await asyncio.gather(
        standing(cluster_of(settings), deadline_s=DEADLINE_S),
        _mongodb(settings),
        _opensearch(settings),
        return_exceptions=True,
    )
    told, stores, away = None, [], []
    for answer in answers:
        if isinstance(answer, FaultlineError):
            away.append(str(answer))
        elif isinstance(answer, BaseException):
            raise answer
        elif isinstance(answer, Held):
            stores.append(answer)
        else:
            told = answer
    return told, stores, away


async def _mongodb(settings: Settings) -> Held:
    import asyncio

    from pymongo.errors import PyMongoError

    from streams.cli.wiring import mongo_names
    from streams.contract.documents import VERSION_FIELDS
    from streams.contract.failure import Origin
    from streams.sinks.mongo.client import open_for_reading
    from streams.sinks.mongo.errors import fault_of

    names = mongo_names(settings)

    def ask() -> Held:
        held = Held("MongoDB", "sink-mongo")
        with open_for_reading(settings.mongodb_uri.get_secret_value(), appname="faultline-status") as client:
            database = client[settings.mongodb_db]
            for origin in Origin:
                ours = {VERSION_FIELDS[origin]: {"$exists": True}}
                held.documents[origin] = database[names.failures(origin)].count_documents(
                    ours, maxTimeMS=int(DEADLINE_S * 1000)
                )
            held.more["groups"] = database[names.groups].estimated_document_count()
            held.more["rejected"] = database[names.rejected].estimated_document_count()
        return held

    try:
        return await asyncio.to_thread(ask)
    except PyMongoError as error:
        raise fault_of(error) from error


async def _opensearch(settings: Settings) -> Held:
    import asyncio

    from streams.contract.errors import SinkUnavailable
    from streams.contract.failure import Origin
    from streams.sinks.opensearch.door import Door, Refused
    from streams.sinks.opensearch.options import OpenSearchOptions

    settings_of = OpenSearchOptions.of(settings)
    door, held = Door(settings_of), Held("OpenSearch", "sink-opensearch")
    try:
        async with asyncio.timeout(DEADLINE_S):
            for origin in Origin:
                try:
                    found = await door.ask("POST", f"/{settings_of.indexes[origin]}/_count", ours_in_search(origin))
                    held.documents[origin] = int(found["count"])
                except Refused as refused:
                    if refused.status != 404:
                        raise SinkUnavailable(f"OpenSearch: {refused}", retry_after_s=1.0) from refused
                    held.documents[origin] = 0  # nothing was written yet
    except TimeoutError as error:
        told = f"OpenSearch at {settings.opensearch_url} did not answer within {DEADLINE_S:g} s"
        raise SinkUnavailable(told, retry_after_s=1.0) from error
    finally:
        await door.close()
    return held


def ours_in_search(origin: Origin) -> dict[str, Any]:
    """The query for documents of OpenSearch that our sink wrote: those that carry a version of their verdict."""
    from streams.contract.documents import VERSION_FIELDS, search_field

    return {"query": {"exists": {"field": search_field(VERSION_FIELDS, origin)}}}


def sums_of(told: Standing, stores: list[Held], origins: frozenset[str]) -> list[Sum]:
    """The equation for each origin that is written, and each store that answered."""
    from streams.contract.failure import Origin

    out = []
    for origin in Origin:
        counts, unread = told.counts[origin], told.waiting.get(("fold", origin), 0)
        for store in stores:
            if origin not in origins:
                continue
            folded = told.waiting.get(("work", origin), 0) + told.waiting.get((store.role, origin), 0)
            out.append(
                Sum(
                    str(origin),
                    store.name,
                    accepted=counts.read + unread,
                    documents=store.documents[origin],
                    rejected=counts.rejected,
                    repeats=counts.repeats,
                    in_flight=unread + folded,
                )
            )
    return out


def _data(told: Standing | None, stores: list[Held], sums: list[Sum], away: list[str]) -> dict[str, Any]:
    import msgspec

    out: dict[str, Any] = {
        "away": away,
        "stores": {one.name: {**{str(k): n for k, n in one.documents.items()}, **one.more} for one in stores},
        "sums": [asdict(one) | {"rest": one.rest} for one in sums],
    }
    if told is not None:
        out |= {
            "places": [asdict(place) for place in told.places],
            "is_whole": told.is_whole,
            "rejected": [{"stage": s, "topic": t, "records": n} for (s, t), n in sorted(told.rejected.items())],
            "newest_verdict": msgspec.to_builtins(told.newest_verdict) if told.newest_verdict else None,
        }
    return out


def _show(told: Standing | None, stores: list[Held], sums: list[Sum]) -> None:
    from streams.broker.standing import lags

    if told is not None:
        rows = [
            (
                role,
                topic,
                ("" if all(place.is_counted for place in places) else "~") + str(sum(p.behind for p in places)),
                " ".join(str(place.behind) for place in places),
            )
            for (role, topic), places in lags(told.places).items()
        ]
        say(table(("role", "reads", "behind", "by partition"), rows, flexible=3))
        verdict = told.newest_verdict
        newest = "none yet"
        if verdict is not None:
            newest = f"{when(verdict.decided_at_ms)} UTC, {verdict.kind}, said by {verdict.source}"
        say(f"\nnewest verdict of the llm or a person: {newest}")
        for (stage, topic), number in sorted(told.rejected.items()):
            say(line(f"rejected by {stage or '?'}, read from {topic or '?'}: {number} records"))
    for store in stores:
        held = {f"{origin} failures": number for origin, number in store.documents.items()} | store.more
        say(f"{store.name} holds " + ", ".join(f"{number} {name}" for name, number in held.items()))
    if not sums:
        return
    say(f"\n{EQUATION}")
    lines = [
        (
            one.origin,
            one.store,
            *map(str, (one.accepted, one.documents, one.rejected, one.repeats, one.in_flight)),
            "yes" if not one.rest else f"{one.rest:+d}",
        )
        for one in sums
    ]
    head = ("origin", "store", "accepted", "documents", "rejected", "repeats", "in flight", "adds up")
    say(table(head, lines, flexible=1))
    if any(one.rest for one in sums):
        say(_why(told))


def _why(told: Standing | None) -> str:
    if told is not None and (not told.is_whole or any(told.waiting.values())):
        return "failures are on their way, and the servers are asked one after the other: ask again when it is quiet"
    return (
        "+n: failures without a document here: refused by the store (see rejected), or forgotten after their retention;"
        " a repeat that came too late to be known counts here, too. -n: documents that were there before the counting"
        " began. deploy/docs/cluster.md says how exact each figure is"
    )
