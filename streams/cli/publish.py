"""`faultline publish`: failures out of reports, logs, flags and records, sent to a running server or to Kafka.

The exit status is 0 whatever happens, unless `--strict` asks for another: a publishing step must not break its job.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import options
from streams.cli.bare import help_if_bare
from streams.cli.options import URL_DEFAULT

if TYPE_CHECKING:
    from streams.cli.delivery import Delivery, Loss
    from streams.cli.inputs import Input
    from streams.contract.failure import Ci, Failure

RECORDS_BYTES_MAX = 256 * 1024 * 1024
"""Of one file of records, which is held in memory."""
RECORDS_MAX = 1_000_000
"""Of one file."""

app = typer.Typer(
    name="publish",
    invoke_without_command=True,
    rich_markup_mode=None,
    help="Send failures out of reports, logs, errors or records.",
    epilog="\b\nExamples:\n  faultline publish junit 'results/**/*.xml'\n  make test 2>&1 | faultline publish log -",
)


@app.callback()
def _publish(context: typer.Context) -> None:
    help_if_bare(context)


@app.command(
    epilog="\b\nExamples:\n  faultline publish junit 'results/**/*.xml'\n"
    "  faultline publish junit report.xml --dry-run\n  faultline publish junit report.xml --to kafka\n"
    "  cat report.xml | faultline publish junit -"
)
def junit(
    reports: Annotated[list[str], typer.Argument(metavar="GLOB...|-", help="Reports; ** stands for any folders.")],
    *,
    url: options.Url = URL_DEFAULT,
    to: options.To = "http",
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    strict: options.Strict = False,
    deadline: options.Deadline = None,
    repo: options.Repo = "",
    workflow: options.Workflow = "",
    run_id: options.RunId = "",
    job: options.Job = "",
    attempt: options.Attempt = 0,
    branch: options.Branch = "",
    commit: options.Commit = "",
) -> None:
    """Send the failed tests of JUnit reports."""
    from streams.cli.delivery import Delivery

    delivery = Delivery(url=url, to=to, deadline_s=deadline, dry_run=dry_run, as_json=as_json, strict=strict)
    context = _context(
        repo=repo, workflow=workflow, run_id=run_id, job=job, attempt=attempt, branch=branch, commit=commit
    )
    _deliver_inputs(delivery, reports, lambda one: _of_report(one, context), pattern="*.xml")


@app.command(
    epilog="\b\nExamples:\n  faultline publish report TestResults/*.trx vitest.json\n"
    "  go test -json ./... | faultline publish report -\n"
    "  docker buildx build --progress=rawjson . 2>&1 | faultline publish report - --dry-run"
)
def report(
    reports: Annotated[list[str], typer.Argument(metavar="FILE...|-", help="Reports of any format; patterns too.")],
    *,
    url: options.Url = URL_DEFAULT,
    to: options.To = "http",
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    strict: options.Strict = False,
    deadline: options.Deadline = None,
    repo: options.Repo = "",
    workflow: options.Workflow = "",
    run_id: options.RunId = "",
    job: options.Job = "",
    attempt: options.Attempt = 0,
    branch: options.Branch = "",
    commit: options.Commit = "",
) -> None:
    """Send reports and build outputs of any format.

    The content of each says which format it has.

    JUnit, TRX, TAP, JSON of go test, cargo, libtest, Jest, Vitest, Mocha, BuildKit and annotations; else as a log.
    """
    from streams.cli.delivery import Delivery

    delivery = Delivery(url=url, to=to, deadline_s=deadline, dry_run=dry_run, as_json=as_json, strict=strict)
    context = _context(
        repo=repo, workflow=workflow, run_id=run_id, job=job, attempt=attempt, branch=branch, commit=commit
    )
    _deliver_inputs(delivery, reports, lambda one: _of_any_report(one, context), pattern="*")


@app.command(
    epilog="\b\nExamples:\n  make test 2>&1 | tee build.log; faultline publish log build.log\n"
    "  faultline publish log 'logs/**/*.txt' --job nightly\n"
    "  make test 2>&1 | tee build.log && faultline publish log build.log --passed"
)
def log(
    logs: Annotated[list[str], typer.Argument(metavar="FILE...|-", help="Plain logs of failed jobs; patterns too.")],
    *,
    baseline: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Log of a passing run to hold it against, in place of those known."),
    ] = None,
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Hold it against no passing run, and ask for none.")
    ] = False,
    passed: Annotated[
        bool,
        typer.Option("--passed", help="The job passed: keep hashes of what it prints, to hold failing logs against."),
    ] = False,
    url: options.Url = URL_DEFAULT,
    to: options.To = "http",
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    strict: options.Strict = False,
    deadline: options.Deadline = None,
    repo: options.Repo = "",
    workflow: options.Workflow = "",
    run_id: options.RunId = "",
    job: options.Job = "",
    attempt: options.Attempt = 0,
    branch: options.Branch = "",
    commit: options.Commit = "",
) -> None:
    """Send the failures that the logs of failed jobs tell of.

    What passing runs of the job print is no reason; the server tells it where repository and job are known.
    """
    from streams.cli.baselines import chosen, keep
    from streams.cli.delivery import Delivery
    from streams.cli.job_log import of_log

    if (passed, no_baseline, baseline is not None).count(True) > 1:
        raise typer.BadParameter("--passed, --baseline and --no-baseline exclude each other")
    delivery = Delivery(url=url, to=to, deadline_s=deadline, dry_run=dry_run, as_json=as_json, strict=strict)
    context = _context(
        repo=repo, workflow=workflow, run_id=run_id, job=job, attempt=attempt, branch=branch, commit=commit
    )
    if passed:
        kept = keep(logs, context, to=to, url=url, deadline_s=deadline, dry_run=dry_run, as_json=as_json)
        raise typer.Exit(1 if kept.losses and strict else 0)
    baseline_of = chosen(baseline, asks=not (no_baseline or dry_run), to=to, url=url, deadline_s=deadline)
    _deliver_inputs(delivery, logs, lambda one: of_log(one, context, baseline_of), pattern="*.log")


@app.command(
    epilog="\b\nExamples:\n  faultline publish benchmark --provider acme --model m-1 --stage generate"
    " --message 'Error code: 404 - no such model'\n  faultline publish benchmark errors.ndjson"
)
def benchmark(
    rows: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE...|-]", help="Rows, one JSON object a line.")
    ] = None,
    provider: Annotated[str, typer.Option(help="Who serves the model.")] = "",
    model: Annotated[str, typer.Option(help="The model that was called.")] = "",
    stage: Annotated[str, typer.Option(help="The stage of the run, for example generate.")] = "",
    message: Annotated[str, typer.Option(help="The error's text.")] = "",
    status: Annotated[int | None, typer.Option(min=100, max=999, help="HTTP status; else read from the text.")] = None,
    exception_type: Annotated[str, typer.Option(help="Name of the exception.")] = "",
    code: Annotated[str, typer.Option(help="The provider's own error code.")] = "",
    run_id: Annotated[str, typer.Option(metavar="ID", help="Run of the benchmark.")] = "",
    request_id: Annotated[str, typer.Option(metavar="ID", help="Request, as the provider names it.")] = "",
    *,
    url: options.Url = URL_DEFAULT,
    to: options.To = "http",
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    strict: options.Strict = False,
    deadline: options.Deadline = None,
) -> None:
    """Send errors of LLM calls: one by flags, or rows. Flags stand in for what a row does not say."""
    from streams.cli.delivery import Delivery

    delivery = Delivery(url=url, to=to, deadline_s=deadline, dry_run=dry_run, as_json=as_json, strict=strict)
    flags: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "stage": stage,
        "message": message,
        "status": status,
        "exception_type": exception_type,
        "code": code,
        "run_id": run_id,
        "request_id": request_id,
    }
    given = {name: value for name, value in flags.items() if value not in ("", None)}
    if rows:
        _deliver_inputs(delivery, rows, lambda one: _of_rows(one, given), pattern="*.ndjson")
        return
    if not {"message", "status", "exception_type", "code"} & given.keys():
        raise typer.BadParameter("say what failed with --message or --status, or name a file of rows")
    from streams.producers.benchmark import from_row

    raise typer.Exit(delivery([from_row(given, occurred_at_ms=_now_ms())]))


@app.command(
    epilog="\b\nExamples:\n"
    """  echo '{"origin":"ci","message":"disk full","ci":{"repo":"acme/shop"}}' | faultline publish event -\n"""
    "  faultline publish event failures.ndjson --dry-run --json"
)
def event(
    records: Annotated[list[str], typer.Argument(metavar="FILE...|-", help="Failures as JSON: one, a list, or lines.")],
    *,
    url: options.Url = URL_DEFAULT,
    to: options.To = "http",
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    strict: options.Strict = False,
    deadline: options.Deadline = None,
) -> None:
    """Send failures that are records already."""
    from streams.cli.delivery import Delivery

    delivery = Delivery(url=url, to=to, deadline_s=deadline, dry_run=dry_run, as_json=as_json, strict=strict)
    key = _new_run_id()
    _deliver_inputs(delivery, records, lambda one: _of_records(one, key), pattern="*.ndjson")


def _deliver_inputs(
    delivery: Delivery, arguments: list[str], read: Callable[[Input], Iterator[Failure | Loss]], *, pattern: str
) -> None:
    """Everything that the arguments name, read by `read`; an input that cannot be read is one loss.

    One that does not end is left at Ctrl-C or at the deadline: what came so far is delivered, the rest is one loss.
    """
    from streams.cli.delivery import Loss, unreadable
    from streams.cli.inputs import named
    from streams.cli.interrupt import READING_S_MAX, Stop
    from streams.contract.errors import FaultlineError

    stop = Stop(delivery.deadline_s or READING_S_MAX)

    def found() -> Iterator[Failure | Loss]:
        for one in named(arguments, stop, pattern=pattern):
            if stop.reason:
                return
            if isinstance(one, FaultlineError):
                yield unreadable(str(one))
                continue
            try:
                yield from read(one)
            except FaultlineError as error:
                yield unreadable(str(error).removeprefix(f"{one.name}: "), one.name)
            except OSError as error:
                yield unreadable(error.strerror or str(error), one.name)
            if one.stop.reason:
                yield Loss("unreadable", one.name, f"in part: {one.stop.reason}", is_said=True)

    raise typer.Exit(delivery(found()))


def _of_report(one: Input, context: Ci) -> Iterator[Failure | Loss]:
    from streams.cli.delivery import Loss
    from streams.producers.contents import Contents, read_junit_in

    now_ms = _now_ms()
    with one.open(packed=True) as stream:
        found = Contents(stream, context, lambda part, own: read_junit_in(part, own, occurred_at_ms=now_ms))
        yield from found
    for note in (*found.notes, *found.damage):
        told = f"in part: {note}"
        if "no test case found" in note:
            told = f"{note}; `faultline publish report` reads TRX and other formats"
        yield Loss("unreadable", one.name, told)


def _of_any_report(one: Input, context: Ci) -> Iterator[Failure | Loss]:
    from streams.cli.delivery import Loss
    from streams.cli.job_log import SEE_MORE
    from streams.cli.screen import line, tell
    from streams.producers.contents import Contents, read_any
    from streams.producers.formats import NOTHING_FOUND

    now_ms = _now_ms()
    with one.open(packed=True) as stream:
        found = Contents(stream, context, lambda part, own: read_any(part, own, occurred_at_ms=now_ms))
        yield from found
    tell(f"{line(one.name)}: read as {found.form}")
    for note in (*found.notes, *found.damage):
        if note == NOTHING_FOUND:
            tell(f"{line(one.name)}: {note}; if it did fail, {SEE_MORE}")
        else:
            yield Loss("unreadable", one.name, f"in part: {note}")


def _of_rows(one: Input, given: dict[str, Any]) -> Iterator[Failure | Loss]:
    import msgspec

    from streams.cli.delivery import Loss
    from streams.contract.errors import MalformedRecord
    from streams.contract.wire import RECORD_BYTES_MAX
    from streams.producers.benchmark import EARLIER_NAMES, from_row

    decoder = msgspec.json.Decoder(dict[str, Any])
    now_ms = _now_ms()
    with one.open() as stream:
        number = 0
        while row := stream.readline(RECORD_BYTES_MAX * 16):
            number += 1
            if not row.strip():
                continue
            try:
                said = {name: value for name, value in decoder.decode(row).items() if value not in ("", None)}
                said = {EARLIER_NAMES.get(name, name): value for name, value in said.items()}
                yield from_row(given | said, occurred_at_ms=now_ms)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, MalformedRecord) as error:
                yield Loss("refused", f"{one.name}, line {number}", str(error))


def _of_records(one: Input, key: str) -> Iterator[Failure | Loss]:
    import msgspec

    from streams.cli.delivery import Loss
    from streams.contract.errors import UnreadableInput
    from streams.gateway.admission import admitted
    from streams.gateway.pieces import pieces_of

    with one.open() as stream:
        body = stream.read(RECORDS_BYTES_MAX + 1)
    if len(body) > RECORDS_BYTES_MAX:
        raise UnreadableInput(f"{one.name}: more than {RECORDS_BYTES_MAX} bytes; send it in parts")
    pieces = pieces_of(body, "", items_max=RECORDS_MAX)
    if len(pieces) > RECORDS_MAX:
        raise UnreadableInput(f"{one.name}: more than {RECORDS_MAX} records; send them in parts")
    for item in admitted(pieces, now_ms=_now_ms(), request_key=key):
        if item.failure is not None:
            # Who accepts it first stamps the arrival; that is the server.
            yield msgspec.structs.replace(item.failure, received_at_ms=None)
        else:
            line = f", line {item.piece.line}" if item.piece.line else ""
            yield Loss("refused", f"{one.name}{line}", str(item.error))


def _context(*, repo: str, workflow: str, run_id: str, job: str, attempt: int, branch: str, commit: str) -> Ci:
    """The CI's context, with what the flags say instead."""
    import msgspec

    from streams.producers.context import ci_context

    context = ci_context(os.environ)
    flags: dict[str, Any] = {
        "repo": repo,
        "workflow": workflow,
        "run_id": run_id or context.run_id or _new_run_id(),
        "job_id": job,
        "job_name": job,
        "attempt": attempt,
        "branch": branch,
        "commit_sha": commit,
    }
    return msgspec.structs.replace(context, **{name: value for name, value in flags.items() if value})


def _new_run_id() -> str:
    return f"call-{uuid.uuid4().hex[:16]}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
