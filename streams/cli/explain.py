"""`faultline explain`: why a failure has its fingerprint and its verdict. Of two see `why`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import options
from streams.cli.options import URL_DEFAULT
from streams.cli.screen import line, say, shown

if TYPE_CHECKING:
    from streams.cli.reading import Read

TEXT_BYTES_MAX = 4 * 1024 * 1024


def add_to(app: typer.Typer) -> None:
    """Add `explain`."""
    app.command(
        "explain",
        epilog="\b\nExamples:\n  faultline explain 'Error code: 429 - rate limit of 50 requests' --origin benchmark\n"
        "  faultline explain trace.txt\n  faultline explain --why 'no space on /dev/sda1' 'no space on /dev/sdb7'\n"
        "  faultline explain --why-not fp1.k3wq fp1.x7ab\n  faultline explain --nearest 'no space on /dev/sda1'",
    )(_explain)


def _explain(
    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT|FILE|-]", help="A message or trace, a file, or - for input.")
    ] = None,
    why: Annotated[
        tuple[str, str] | None,
        typer.Option("--why", metavar="A B", help="Are these one problem? Texts, files, or fingerprints of a server."),
    ] = None,
    why_not: Annotated[
        tuple[str, str] | None,
        typer.Option("--why-not", metavar="A B", help="What tells these two apart, and what would join them?"),
    ] = None,
    origin: Annotated[str, typer.Option(help="ci or benchmark; without it benchmark when a --status is given.")] = "",
    status: Annotated[int | None, typer.Option(min=100, max=999, help="HTTP status.")] = None,
    code: Annotated[str, typer.Option(help="The provider's own error code.")] = "",
    exception_type: Annotated[str, typer.Option(help="Name of the exception.")] = "",
    exit_code: Annotated[int | None, typer.Option(help="Exit status of the step.")] = None,
    url: options.Url = URL_DEFAULT,
    *,
    nearest: Annotated[
        bool, typer.Option("--nearest", help="Which fingerprints of a server are nearest to the text, or to one of it?")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Say why a failure has its fingerprint and its verdict.

    Shows the template with what was masked and why, the parts, the three ids, and which rule gave the verdict.
    Put -- before a text that begins with -.
    """
    origin = origin or ("benchmark" if status is not None else "ci")
    if origin not in {"ci", "benchmark"}:
        raise typer.BadParameter("--origin is ci or benchmark")
    given: dict[str, Any] = {
        "origin": origin,
        "http_status": status,
        "provider_error_code": code,
        "exception_type": exception_type,
        "exit_code": exit_code,
    }
    if sum((why is not None, why_not is not None, nearest)) > 1:
        raise typer.BadParameter("--why, --why-not and --nearest are three questions; ask one")
    pair = why or why_not
    if pair is not None:
        from streams.cli.why import compare

        compare(pair, lambda text: _read(text, given).fingerprint, url, as_json=as_json, asks_why_not=why is None)
        return
    if text is not None and not text.strip():
        raise typer.BadParameter("TEXT is empty; give a text, a file, or - and the text on standard input")
    if text is None and sys.stdin.isatty():
        raise typer.BadParameter("give a text, a file, or - and the text on standard input")
    if nearest:
        from streams.cli import why as pairs

        pairs.nearest(text or "-", lambda text: _read(text, given).fingerprint, url, as_json=as_json)
        return
    read = _read(text or "-", given)
    if as_json:
        say(json.dumps(_data(read)))
    else:
        _print(read)


def text_of(argument: str) -> str:
    """The text that an argument means: what a file of that name holds, standard input, or the argument itself."""
    from streams.contract.errors import UnreadableInput

    if argument == "-":
        data = sys.stdin.buffer.read(TEXT_BYTES_MAX)
    else:
        try:
            if not Path(argument).is_file():
                return argument
            with Path(argument).open("rb") as stream:
                data = stream.read(TEXT_BYTES_MAX)
        except (ValueError, OSError) as error:
            if len(argument) > 255 or "\n" in argument or "\0" in argument:
                return argument  # too long for a name, so a text
            raise UnreadableInput(f"{argument}: {error}") from error
    if not data.strip():
        raise UnreadableInput(f"{'standard input' if argument == '-' else argument}: empty")
    return data.decode("utf-8", "replace")


def _read(argument: str, given: dict[str, Any]) -> Read:
    from streams.cli.reading import Reader
    from streams.contract.failure import Benchmark, Ci, Failure, Origin, bounded

    where: dict[str, Any] = {"ci": Ci()} if given["origin"] == "ci" else {"benchmark": Benchmark()}
    rest = given | {"origin": Origin(given["origin"])}
    failure = Failure(message=text_of(argument).strip(), occurred_at_ms=0, **rest, **where)
    return Reader().read(bounded(failure))


def _explanation(read: Read) -> Any:
    from streams.core.fingerprint import explain

    failure = read.failure
    return explain(
        origin=failure.origin,
        message=failure.message,
        exception_type=failure.exception_type,
        traceback=failure.traceback,
        http_status=failure.http_status,
        provider_error_code=failure.provider_error_code,
        exit_code=failure.exit_code,
        rules=read.own_rules,
    )


def _data(read: Read) -> dict[str, Any]:
    import msgspec

    told, crash = _explanation(read), _crash(read)
    return {
        "template": read.fingerprint.template,
        "fingerprint": msgspec.to_builtins(read.fingerprint),
        "tokens": [msgspec.to_builtins(token) for token in told.tokens],
        "frames": [msgspec.to_builtins(frame) | {"file": _file_name(frame.file)} for frame in told.frames],
        "chain": list(told.chain),
        "crash": {"type": crash[0], "frames": crash[1]} if crash[0] else None,
        "verdict": msgspec.to_builtins(msgspec.structs.replace(read.verdict, evidence=_masked(read.verdict.evidence))),
        "earlier_hash": read.earlier_hash,
    }


def _masked(evidence: str) -> str:
    """The line that a verdict rests on as its template: like all that is told here, without what was masked."""
    from streams.core.template.mask import template_of

    return template_of(evidence) if evidence else ""


def _file_name(path: str) -> str:
    """A frame's file without its directories, which belong to a machine."""
    return _masked(path.replace("\\", "/").rpartition("/")[2])


def _crash(read: Read) -> tuple[str, list[str]]:
    """The crash that the failure tells of, as triage tools name it: its type and top frames."""
    from streams.core.frames.crash import crash_state

    kind, frames = crash_state(read.failure.text)
    return kind.replace("\n", " "), frames


def _print(read: Read) -> None:
    from streams.core.parts import is_of_problem

    told, found, verdict = _explanation(read), read.fingerprint, read.verdict
    for rule, count in read.secrets:
        say(f"removed      {count} x {rule}, before anything else")
    crash, frames = _crash(read)
    if crash:
        say(f"crash        {line(crash)}{' in ' + line(' < '.join(frames)) if frames else ''}")
    say("template")
    say("\n".join(f"  {one}" for one in shown(found.template).split("\n")))
    masked = [token for token in told.tokens if not token.kept]
    if masked:
        say("\nmasked: what varies from one time to the next")
        for token in dict.fromkeys((t.shown, t.length, t.rule, t.reason) for t in masked):
            say(f"  {line(token[0], 40):<12} {token[1]:>5} characters  {token[2]}: {line(token[3])}")
    digits = [token for token in told.tokens if token.kept and any(c.isdigit() for c in token.shown)]
    if digits:
        say("\nkept: numbers that mean something")
        for kept in dict.fromkeys((t.shown, t.rule, t.reason) for t in digits):
            say(f"  {line(kept[0], 60):<20} {kept[1]}: {line(kept[2])}")
    beside = [part for part in found.parts if not is_of_problem(part)]
    for heading, parts in (
        ("parts: what went into the fingerprint, in order", [part for part in found.parts if is_of_problem(part)]),
        ("beside it: what tells sorts or call sites apart, or is left out", beside),
    ):
        if parts:
            say(f"\n{heading}")
        for part in parts:
            say(f"  {part.name:<20} {line(part.value, 120)}  ({line(part.rule)})")
    if told.frames:
        say("\nframes, innermost first")
        for frame in told.frames[:12]:
            own = "own" if frame.in_app else "foreign"
            say(f"  {own:<8} {line(frame.module + ':' + frame.function, 120)}  ({line(frame.reason) or 'frame'})")
    say(f"\nfingerprint  {found.value}  one problem")
    say(f"class        {found.class_value}  this sort of thing")
    say(f"site         {found.site_value}  one place in the code")
    say(f"earlier      {read.earlier_hash}  what the earlier system called it")
    by = f"rule {verdict.rule_id}" if verdict.rule_id else f"the {verdict.source} alone"
    say(f"\nverdict      {verdict.kind} ({verdict.family}), confidence {verdict.confidence:.2f}, by {by}")
    for name, text in (("reason", verdict.reason), ("evidence", _masked(verdict.evidence))):
        if text:
            say(f"{name:<12} {line(text)}")
