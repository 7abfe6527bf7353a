"""The `faultline` command: the commands of `streams.cli`, and those that run the roles.

Nothing is imported up here: until `main` has seen to Ctrl-C, every import is time in which it prints a traceback.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what `typing` says, without importing it
if TYPE_CHECKING:
    from pathlib import Path

    import typer

    from streams.settings import Settings


def main() -> None:
    """Entry point of the console script; ends the process with the command's exit status."""
    from streams.cli import interrupt

    interrupt.leaves_at_once()
    import sys

    from streams.cli.app import run

    status = run(create(), sys.argv[1:])
    interrupt.leaves_at_once()
    sys.exit(status)


def create() -> typer.Typer:
    """All commands."""
    from streams.cli import roles, running
    from streams.cli.app import create_app

    app = create_app()
    told = "Ask a language model what new fingerprints are."
    roles.add(app, "classify", told, lambda: _classify, port=9104)
    running.add_to(app, _serve)
    return app


def _serve(settings: Settings, demo: Path | None) -> int:
    """Serve until told to stop.

    Until the server listens Ctrl-C still ends the process at once: what is kept survives that as it survives a kill.
    """
    from agents.local.server import run

    return run(settings, demo=demo)


def _classify(settings: Settings, port: int | None) -> int:
    """The classification agent. Without a key it says so once, and every fingerprint stays to be asked later."""
    import asyncio
    import contextlib
    import random
    from importlib.metadata import version

    from agents.classify.agent import Classifier
    from agents.clients.connect import connect
    from streams.app.classify import ClassifyOptions, run_classify
    from streams.broker.admin import check
    from streams.broker.clients import Cluster, Stopping
    from streams.broker.probe import away
    from streams.cli.wiring import now_ms
    from streams.contract import topics
    from streams.contract.failure import MESSAGE_BYTES_MAX
    from streams.contract.telemetry import Observer
    from streams.serving.role import run_role

    cluster, taxonomy = Cluster.of(settings), settings.load_taxonomy()
    needed = (topics.UNSEEN, topics.VERDICTS, topics.UNANSWERED, topics.ALIASES, topics.REJECTED)
    options = ClassifyOptions(
        batch_size=settings.batch_size,
        batch_age_max_s=settings.batch_age_s,
        # A question cuts its texts itself, so the length of records must not make two questions of one.
        batch_chars_max=settings.batch_size * 2 * MESSAGE_BYTES_MAX,
        app_version=version("faultline"),
    )

    async def body(observer: Observer, stop: asyncio.Event) -> None:
        classifier = Classifier(
            connect(settings, observer=observer),
            taxonomy=taxonomy,
            now_ms=now_ms,
            draw=random.randrange,
            batch_items=settings.batch_size,
            confidence_min=settings.confidence_min,
            low_confidence_hours=settings.verdict_ttl_hours,
            observer=observer,
        )
        with contextlib.suppress(Stopping):
            await check(cluster, needed, stop=stop, on_waiting=lambda what: observer.waiting_for(what or "its topics"))
            await run_classify(cluster, observer, stop, classifier.answers, options)

    return run_role("classify", settings, port, body, probe=lambda: away(cluster))


if __name__ == "__main__":
    main()
