"""Questions to a running server: which groups there are, what one of them is, and what a person says it is."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from streams.cli import options
from streams.cli.options import URL_DEFAULT
from streams.cli.screen import line, say, shown, table, when

DEADLINE_S = 15.0
ROWS_DEFAULT = 50
SAMPLE_LINES_MAX = 30
WHERE_CHARS_MAX = 40
Fingerprint = Annotated[
    str, typer.Argument(metavar="FINGERPRINT", help="As `groups` shows it; its beginning suffices.")
]


def add_to(app: typer.Typer) -> None:
    """Add `groups`, `show` and `verdict`."""
    app.command("groups", epilog="\b\nExamples:\n  faultline groups\n  faultline groups --kind rate_limit --json")(
        _groups
    )
    app.command("show", epilog="\b\nExample:\n  faultline show fp1.k3wq")(_show)
    app.command("verdict", epilog="\b\nExample:\n  faultline verdict fp1.k3wq flaky_test --reason 'races on port 80'")(
        _verdict
    )


def _groups(
    *,
    kind: Annotated[str, typer.Option(help="Only this kind.")] = "",
    origin: Annotated[str, typer.Option(help="Only ci, or only benchmark.")] = "",
    family: Annotated[str, typer.Option(help="Only this family of kinds.")] = "",
    text: Annotated[str, typer.Option(help="Only groups with these words.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="Rows.")] = ROWS_DEFAULT,
    url: options.Url = URL_DEFAULT,
    as_json: options.Json = False,
) -> None:
    """List the groups of failures that are one problem, the one seen last first."""
    query = {"kind": kind, "origin": origin, "family": family, "text": text, "limit": limit}
    value = _asked(url, "/api/groups", query)
    if as_json:
        say(json.dumps(value))
        return
    rows = value.get("groups", [])
    if not rows:
        say("no group; send failures with `faultline publish`, or ask with fewer filters")
        return
    cells = [
        (
            str(row["fingerprint"])[:12],
            str(row["count"]),
            str(row["kind"]),
            str(row["family"]),
            when(row["last_seen_ms"]),
            _where([str(place["name"]) for place in row["where"]]),
            str(row["title"]),
        )
        for row in rows
    ]
    say(table(("fingerprint", "count", "kind", "family", "last seen, UTC", "where", "what"), cells, flexible=6))
    if value["total"] > len(rows):
        say(f"{len(rows)} of {value['total']} groups; --limit and the filters show others")


def _where(names: list[str]) -> str:
    first = line(names[0], WHERE_CHARS_MAX) if names else ""
    return f"{first} +{len(names) - 1}" if len(names) > 1 else first or "-"


def _show(fingerprint: Fingerprint, url: options.Url = URL_DEFAULT, *, as_json: options.Json = False) -> None:
    """Show one group: its verdict, what went into its fingerprint, where it happens, samples."""
    group = detail(url, fingerprint)
    if as_json:
        say(json.dumps(group))
        return
    verdict = group["verdict"]
    by = verdict.get("rule_id") or verdict.get("model") or ""
    rows = [
        ("fingerprint", group["fingerprint"]),
        ("what", group["title"]),
        ("kind", f"{verdict['kind']} ({verdict['family']})"),
        ("said by", f"{verdict['source']} {by}, confidence {verdict['confidence']:.2f}"),
        ("reason", verdict.get("reason", "")),
        ("evidence", verdict.get("evidence", "")),
        ("count", group["count"]),
        ("first seen", f"{when(group['first_seen_ms'])} UTC"),
        ("last seen", f"{when(group['last_seen_ms'])} UTC"),
        *(("where", f"{place['name']} ({place['count']})") for place in group["where"]),
        ("template", group["template"]),
        *(("part", f"{part['name']} = {part['value']} ({part['rule']})") for part in group["parts"]),
    ]
    for name, text in rows:
        if text != "":
            say(f"{name:<12} {line(str(text))}")
    for sample in group["samples"]:
        lines = shown(str(sample["text"])).split("\n")
        say(f"\nsample of {when(sample['at_ms'])} UTC")
        say("\n".join(f"  {one[:400]}" for one in lines[:SAMPLE_LINES_MAX]))
        if len(lines) > SAMPLE_LINES_MAX:
            say(f"  ... {len(lines) - SAMPLE_LINES_MAX} more lines; --json has them all")


def _verdict(
    fingerprint: Fingerprint,
    kind: Annotated[str, typer.Argument(metavar="KIND", help="A kind of the taxonomy.")],
    reason: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "",
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says so.")] = "",
    url: options.Url = URL_DEFAULT,
    *,
    as_json: options.Json = False,
) -> None:
    """Say what kind of failure a group is. Nothing outranks a person's verdict but a later one."""
    from streams.cli.server import Server

    group = detail(url, fingerprint)
    said = {
        "fingerprint": group["fingerprint"],
        "kind": kind,
        "origin": group["origin"],
        "reason": reason,
        "by": by,
    }
    answer = Server(url, deadline_s=DEADLINE_S, refused_s=0.0).post("/v1/verdicts", json.dumps(said).encode()).value
    if as_json:
        say(json.dumps(answer))
    else:
        say(f"{said['fingerprint']} is {kind} from now on")


def detail(url: str, fingerprint: str) -> dict[str, Any]:
    """The group whose fingerprint begins so. Raises: `Unreachable`, `Refusal`."""
    return _asked(url, f"/api/groups/{quote(fingerprint, safe='')}", {})


def _asked(url: str, path: str, query: dict[str, object]) -> dict[str, Any]:
    from streams.cli.server import Refusal, Server

    answer = Server(url, deadline_s=DEADLINE_S, refused_s=0.0).get(path, query)
    if not isinstance(answer.value, dict):
        raise Refusal(f"{url} is no faultline server (no JSON came back); check --url", status=answer.status)
    return answer.value
