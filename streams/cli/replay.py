"""`faultline replay`: failures that come again, or for the first time after long."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from streams.cli import options
from streams.cli.moments import iso, moment, rate
from streams.cli.screen import line, say, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.broker.clients import Cluster
    from streams.replay.look import Looked
    from streams.replay.run import Outcome, Wanted
    from streams.settings import Settings

RECOUNT_NEXT = (
    "when the sinks have written all of it: stop the role work, run `faultline recount`, and start work again"
)
DAY_MS = 86_400_000
MARGIN_MS = 3_600_000
"""Within the last hour of their retention documents may be gone already, or not."""

TopicName = Literal["failures.ci.v1", "failures.benchmark.v1"]


def add_to(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        "replay",
        epilog="\b\nExamples:\n  faultline replay --topic failures.ci.v1 --from 2h --dry-run\n"
        "  faultline replay --archive failures-2025.jsonl.gz --backfill --rate 500/s\n"
        "  faultline replay --rebuild",
    )
    def replay(
        *,
        topic: Annotated[
            TopicName | None, typer.Option("--topic", help="Whose failures; with --archive: only those of it.")
        ] = None,
        since: Annotated[
            str, typer.Option("--from", metavar="TIME", help="First arrival: 2026-05-31T12:00Z, 2h, 7d (ago).")
        ] = "",
        until: Annotated[
            str, typer.Option("--to", metavar="TIME", help="Before this arrival; else up to what is there now.")
        ] = "",
        archive: Annotated[
            Path | None, typer.Option("--archive", metavar="FILE", help="JSON lines, gzipped or not, not the topic.")
        ] = None,
        backfill: Annotated[
            bool, typer.Option("--backfill", help="Failures that never came before; they may be of any age.")
        ] = False,
        rebuild: Annotated[
            bool, typer.Option("--rebuild", help="Build all counts anew from the topics; fold and work are stopped.")
        ] = False,
        recount: Annotated[
            bool, typer.Option("--recount", help="Counts are made again afterwards: do not mind what counts twice.")
        ] = False,
        per_second: Annotated[
            str, typer.Option("--rate", metavar="N/s", help="Failures a second, at most; else as fast as it goes.")
        ] = "",
        job: Annotated[
            str, typer.Option("--job", metavar="NAME", help="Its name; that of one that was ended goes on with it.")
        ] = "",
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Look and check; send and change nothing.")] = False,
        as_json: options.Json = False,
        file: options.Config = None,
    ) -> None:
        """Send failures again, or build everything anew.

        They come from a topic or an archive, and keep their ids. What would count twice is refused.
        """
        from streams.cli.loop import cluster_of
        from streams.settings import Settings

        if rebuild:
            if topic or since or until or archive or backfill or recount or per_second or job:
                raise typer.BadParameter(
                    "--rebuild takes everything that the topics have; beside it there are --dry-run and --json"
                )
            settings = Settings.read(os.environ, config=file)
            _rebuild(settings, cluster_of(settings), is_dry=dry_run, as_json=as_json)
            return
        if archive is None and topic is None:
            raise typer.BadParameter("name what is to come again: --topic failures.ci.v1, or --archive FILE")
        if archive is not None and not (backfill or recount):
            raise typer.BadParameter(
                "an archive is sent with --backfill, when its failures never came before, or with --recount"
            )
        settings = Settings.read(os.environ, config=file)
        wanted = _wanted(topic, since, until, archive, per_second, job, backfill=backfill, recount=recount)
        _replay(settings, cluster_of(settings), wanted, is_dry=dry_run, as_json=as_json)

    @app.command(
        "recount",
        epilog="\b\nExamples:\n  faultline recount --dry-run\n  faultline recount --since 2026-05-31T12:00Z",
    )
    def recount(
        *,
        since: Annotated[
            str,
            typer.Option(
                "--since", metavar="TIME", help="Groups that began then or later; else all that documents tell of."
            ),
        ] = "",
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Count and compare; change nothing.")] = False,
        as_json: options.Json = False,
        file: options.Config = None,
    ) -> None:
        """Make counts again from the documents of MongoDB.

        The role work is stopped meanwhile, and the sink of MongoDB has come to the end.
        """
        from streams.cli.wiring import now_ms
        from streams.settings import Settings

        settings = Settings.read(os.environ, config=file)
        now = now_ms()
        kept_ms = now - settings.retention_days * DAY_MS + MARGIN_MS
        since_ms = max(kept_ms, moment(since, "--since", now_ms=now) or 0)
        _recount(settings, since_ms, is_dry=dry_run, as_json=as_json)


def _recount(settings: Settings, since_ms: int, *, is_dry: bool, as_json: bool) -> None:
    from streams.cli.loop import cluster_of, run
    from streams.cli.progress import progress
    from streams.cli.wiring import mongo_names, origins
    from streams.replay.recount import by_fingerprint, recount_all
    from streams.sinks.mongo.client import open_for_reading
    from streams.sinks.mongo.past import MongoPast

    cluster = cluster_of(settings)
    with (
        open_for_reading(settings.mongodb_uri.get_secret_value(), appname="faultline-recount") as client,
        progress("partitions", cluster.partitions) as advance,
    ):
        past = MongoPast(client, settings.mongodb_db, names=mongo_names(settings))
        done = run(
            recount_all(
                cluster,
                lambda: {of: by_fingerprint(past.counts(of, since_ms=since_ms)) for of in origins(settings)},
                since_ms=since_ms,
                is_dry=is_dry,
                on_partition=lambda _: advance(1),
            )
        )
    if as_json:
        say(json.dumps(asdict(done) | {"dry_run": is_dry, "since_ms": since_ms}))
        return
    say(f"{done.changed} groups {'would be' if is_dry else 'were'} counted again, {done.failures} failures less in all")
    say(f"{done.same} were right; {done.older} began before {iso(since_ms)}, {done.without} have no documents: left")
    if not is_dry:
        say("start work again")


def _wanted(
    topic: str | None,
    since: str,
    until: str,
    archive: Path | None,
    per_second: str,
    job: str,
    *,
    backfill: bool,
    recount: bool,
) -> Wanted:
    from importlib.metadata import version

    from streams.cli.wiring import now_ms
    from streams.contract.topics import BY_NAME
    from streams.replay.job import JOB
    from streams.replay.run import Wanted

    now = now_ms()
    if job and not JOB.fullmatch(job):
        raise typer.BadParameter(f"{job!r}; expected up to 60 of a-z 0-9 . _ -", param_hint="--job")
    kind = "backfill" if backfill else "replay"
    return Wanted(
        topic=None if topic is None else BY_NAME[topic],
        archive=archive,
        from_ms=moment(since, "--from", now_ms=now),
        to_ms=moment(until, "--to", now_ms=now),
        is_backfill=backfill,
        counts_again=recount,
        rate=rate(per_second, "--rate"),
        job=job or f"{kind}-{now}",
        app_version=version("faultline"),
    )


def _replay(settings: Settings, cluster: Cluster, wanted: Wanted, *, is_dry: bool, as_json: bool) -> None:
    from streams.cli import interrupt
    from streams.cli.loop import run
    from streams.cli.wiring import mongo_names, now_ms
    from streams.replay.run import replay
    from streams.sinks.mongo.client import open_for_reading
    from streams.sinks.mongo.past import MongoPast

    interrupt.raises()
    shown = _Shown(wanted, settings, is_dry=is_dry, now_ms=now_ms())
    with open_for_reading(settings.mongodb_uri.get_secret_value(), appname="faultline-replay") as client:
        past = MongoPast(client, settings.mongodb_db, names=mongo_names(settings))
        try:
            outcome = run(
                replay(
                    cluster,
                    wanted,
                    past,
                    recent_ids=settings.recent_ids,
                    now_ms=now_ms,
                    is_dry=is_dry,
                    on_looked=shown.looked,
                    on_sent=shown.sent,
                )
            )
        except BaseException:
            shown.ended()
            raise
        finally:
            shown.close()
    if as_json:
        say(json.dumps(_data(outcome, wanted)))
    elif outcome.sent is not None:
        aside = f", {outcome.sent.bad} of the archive put aside: faultline rejected list" if outcome.sent.bad else ""
        say(f"{outcome.sent.failures} failures sent again in {outcome.sent.records} records{aside}")
        if wanted.counts_again:
            say(RECOUNT_NEXT)


class _Shown:
    """What a person sees of a replay."""

    def __init__(self, wanted: Wanted, settings: Settings, *, is_dry: bool, now_ms: int) -> None:
        self._wanted = wanted
        self._settings = settings
        self._is_dry = is_dry
        self._now_ms = now_ms
        self._advance: Callable[[int], None] = lambda _: None
        self._progress: Any = None
        self._begun = False

    def looked(self, found: Looked | None) -> None:
        """What there is to send; then the progress begins."""
        if found is None:
            tell(f"job {self._wanted.job} goes on")
        else:
            self._tell(found)
        if self._is_dry:
            return
        if found is not None:
            tell(f"job {self._wanted.job}; when it is ended, the same command with --job {self._wanted.job} goes on")
        from streams.cli.progress import progress

        self._begun = True
        self._progress = progress(f"sending ({self._wanted.job})", None if found is None else found.failures)
        self._advance = self._progress.__enter__()

    def sent(self, more: int) -> None:
        """So many more are with the brokers."""
        self._advance(more)

    def close(self) -> None:
        """The progress is over."""
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
            self._progress = None

    def ended(self) -> None:
        """It ended before its end."""
        self.close()
        if self._begun:
            tell(f"not all of it was sent; the same command with --job {self._wanted.job} goes on where it ended")

    def _tell(self, found: Looked) -> None:
        span = ""
        if found.oldest_ms is not None and found.newest_ms is not None:
            span = f", of {iso(found.oldest_ms)} to {iso(found.newest_ms)}"
        tell(f"{found.failures} failures in {found.records} records{span}")
        for bad in found.told:
            tell(f"no failure: {line(str(bad.error))}")
        if found.bad > len(found.told):
            tell(f"and {found.bad - len(found.told)} more that are no failures")
        if found.unreadable:
            tell(f"{found.unreadable} records are left out: they could not be read when they came first")
        forgotten_ms = self._now_ms - self._settings.retention_days * DAY_MS
        if found.oldest_ms is not None and found.oldest_ms < forgotten_ms:
            days = self._settings.retention_days
            tell(f"some are older than {days} days (FAULTLINE_RETENTION_DAYS): stores will forget them soon")


def _data(outcome: Outcome, wanted: Wanted) -> dict[str, Any]:
    found, sent = outcome.found, outcome.sent
    return {
        "job": wanted.job,
        "found": None
        if found is None
        else {
            "failures": found.failures,
            "records": found.records,
            "bad": found.bad,
            "unreadable": found.unreadable,
            "oldest_ms": found.oldest_ms,
            "newest_ms": found.newest_ms,
            "told": [{"line": bad.number, "reason": str(bad.error)} for bad in found.told],
        },
        "sent": None if sent is None else asdict(sent),
    }


def _rebuild(settings: Settings, cluster: Cluster, *, is_dry: bool, as_json: bool) -> None:
    from streams.cli.loop import run
    from streams.cli.progress import progress
    from streams.cli.wiring import mongo_names
    from streams.replay.rebuild import rebuild
    from streams.sinks.mongo.client import open_for_reading
    from streams.sinks.mongo.past import MongoPast

    with open_for_reading(settings.mongodb_uri.get_secret_value(), appname="faultline-replay") as client:
        oldest_ms = MongoPast(client, settings.mongodb_db, names=mongo_names(settings)).oldest_ms()
    with progress("partitions", cluster.partitions) as advance:
        done = run(rebuild(cluster, oldest_ms=oldest_ms, is_dry=is_dry, on_partition=lambda _: advance(1)))
    if as_json:
        say(json.dumps(asdict(done) | {"dry_run": is_dry}))
        return
    would = "would be" if is_dry else "were"
    say(
        f"{done.rows} rows of the tables {would} thrown away, all but {done.waiting} that hold verdicts; epoch "
        f"{done.epoch}; {done.records} records {'would' if is_dry else 'will'} flow through again"
    )
    if not is_dry:
        say("start fold and work again")
