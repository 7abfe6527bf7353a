"""`faultline rules`: masks and grouping rules of one's own, checked and tried before anything runs under them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from streams.cli import options
from streams.cli.bare import help_if_bare
from streams.cli.rules_change import add_to
from streams.cli.screen import line, say, shown, table

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="Check, try and bring in masks and groups of your own.",
    epilog="\b\nExamples:\n  faultline rules check rules.toml\n  faultline rules try rules.toml 'order ABC-x7 lost'",
)
File = Annotated[Path, typer.Argument(metavar="FILE", help="A file of rules, in TOML.")]


@app.callback()
def _rules(context: typer.Context) -> None:
    help_if_bare(context)


@app.command(epilog="\b\nExample:\n  faultline rules check rules.toml")
def check(file: File, *, as_json: options.Json = False) -> None:
    """Say whether a file of rules can be used and its examples hold. Every fault is told, each with its line."""
    from streams.cli.reading import read_rules

    rules = read_rules(file)
    rows = [{"id": rule.id, "sort": rule.sort, "name": rule.name, "examples": len(rule.examples)} for rule in rules.all]
    if as_json:
        say(json.dumps({"rules": rows}))
        return
    if rows:
        cells = [(str(row["sort"]), str(row["name"]), str(row["examples"])) for row in rows]
        say(table(("sort", "rule", "examples"), cells, flexible=1))
    number = sum(len(rule.examples) for rule in rules.all)
    say(f"{file}: {len(rows)} rules and their {number} examples are right; set FAULTLINE_RULES={file} to use them")


@app.command("try", epilog="\b\nExample:\n  faultline rules try rules.toml 'order ABC-x7 lost' --origin ci")
def try_(
    file: File,
    text: Annotated[str, typer.Argument(metavar="TEXT|FILE|-", help="A message or trace, a file, or - for input.")],
    origin: Annotated[str, typer.Option(help="ci or benchmark; without it benchmark when a --status is given.")] = "",
    status: Annotated[int | None, typer.Option(min=100, max=999, help="HTTP status.")] = None,
    code: Annotated[str, typer.Option(help="The provider's own error code.")] = "",
    exception_type: Annotated[str, typer.Option(help="Name of the exception.")] = "",
    exit_code: Annotated[int | None, typer.Option(help="Exit status of the step.")] = None,
    *,
    as_json: options.Json = False,
) -> None:
    """Show which rules of a file have a part in a failure.

    With its template and its ids before and after.

    Put -- before a text that begins with -.
    """
    import msgspec

    from streams.cli.explain import text_of
    from streams.contract.failure import Benchmark, Ci, Failure, Origin, bounded
    from streams.core.fingerprint import fingerprint
    from streams.core.parts import OWN_RULE
    from streams.core.safe import safe

    origin = origin or ("benchmark" if status is not None else "ci")
    if origin not in set(Origin):
        raise typer.BadParameter("--origin is ci or benchmark")
    from streams.cli.reading import read_rules

    rules = read_rules(file)
    where: dict[str, Any] = {"ci": Ci()} if origin == "ci" else {"benchmark": Benchmark()}
    failure = Failure(
        origin=Origin(origin),
        message=text_of(text).strip(),
        occurred_at_ms=0,
        http_status=status,
        provider_error_code=code,
        exception_type=exception_type,
        exit_code=exit_code,
        **where,
    )
    clean = safe(bounded(failure))
    given: dict[str, Any] = {
        "origin": clean.origin,
        "message": clean.message,
        "exception_type": clean.exception_type,
        "http_status": clean.http_status,
        "provider_error_code": clean.provider_error_code,
        "exit_code": clean.exit_code,
    }
    before, after = fingerprint(**given), fingerprint(**given, rules=rules)
    own = [part for part in after.parts if part.name == OWN_RULE]
    if as_json:
        pair = {"before": msgspec.to_builtins(before), "after": msgspec.to_builtins(after)}
        say(json.dumps({"rules": [part.value for part in own], **pair}))
        return
    for part in own:
        rule = next(rule for rule in rules.all if rule.name == part.value)
        say(f"line {rule.line:<5} {rule.sort} {rule.id}{': ' + line(rule.reason) if rule.reason else ''}")
    if not own:
        say("no rule has a part in it")
    for part in after.parts:
        if part.name == "group":
            say(f"group      {line(part.value)}")
    if before.template != after.template:
        say("template, before and after")
        for found in (before, after):
            say("\n".join(f"  {one}" for one in shown(found.template).split("\n")))
    else:
        say("template")
        say("\n".join(f"  {one}" for one in shown(after.template).split("\n")))
    say(f"fingerprint  {before.value}" + ("" if before.value == after.value else f" -> {after.value}"))
    if before.site_value != after.site_value:
        say(f"site         {before.site_value} -> {after.site_value}")


add_to(app)
