"""Questions to a running server: which groups there are, what one of them is, and what a person says it is."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any
from urllib.parse import quote

import typer

from streams.cli import options
from streams.cli.options import URL_DEFAULT, URL_VARIABLE
from streams.cli.screen import line, say, shown, table, when
from streams.contract.errors import FaultlineError

DEADLINE_S = 15.0
HELD_WITHIN_S = 10.0
"""So long is looked for a person's word on two fingerprints on their pages; it is there within a second or two."""
HELD_EVERY_S = 0.25
NOT_HELD = (
    "their pages do not tell it after {seconds:g} s. Either what writes them is behind (`faultline status`), and they "
    "will; or as many pairs are held as may be (10,000, and 1,000 more of persons), and new ones are dropped: "
    "`aliases.full` in the log, `faultline_aliases_dropped_total`. A rule of your own needs no pair (`faultline rules`)"
)
PAGE_URL = "http://127.0.0.1:8766"
"""Where the page is beside a gateway of the same machine."""
NOT_FOUND = 404
ROWS_DEFAULT = 50
SAMPLE_LINES_MAX = 30
WHERE_CHARS_MAX = 40
CANDIDATES_MAX = 5
"""Groups that are named where several begin alike."""
PAGE_ROWS = 200
"""Groups of one page of a server's, at most."""
BEGINNING_CHARS_MAX = 40
"""A fingerprint is shorter."""
Fingerprint = Annotated[
    str, typer.Argument(metavar="FINGERPRINT", help="As `groups` shows it; its beginning suffices.")
]


class UnknownGroup(FaultlineError):
    """No fingerprint begins so; the message says where they are listed."""


class SeveralGroups(FaultlineError):
    """More than one fingerprint begins so; the message has a line for each of the first."""


def add_to(app: typer.Typer) -> None:
    """Add `groups`, `show`, `verdict` and `alias`."""
    app.command("groups", epilog="\b\nExamples:\n  faultline groups\n  faultline groups --kind rate_limit --json")(
        _groups
    )
    app.command("show", epilog="\b\nExample:\n  faultline show fp1.k3wq")(_show)
    app.command("verdict", epilog="\b\nExample:\n  faultline verdict fp1.k3wq flaky_test --reason 'races on port 80'")(
        _verdict
    )
    app.command("alias", epilog="\b\nExample:\n  faultline alias fp1.k3wq fp1.x7ab --not --reason 'two registries'")(
        _alias
    )


def _groups(
    *,
    kind: Annotated[str, typer.Option(help="Only this kind.")] = "",
    origin: Annotated[str, typer.Option(help="Only ci, or only benchmark.")] = "",
    family: Annotated[str, typer.Option(help="Only this family of kinds.")] = "",
    text: Annotated[str, typer.Option(help="Only groups with these words.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="Rows.")] = ROWS_DEFAULT,
    url: options.Url = URL_DEFAULT,
    fingerprints: Annotated[
        bool, typer.Option("--fingerprints", help="Every fingerprint by itself, also where aliases join several.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """List the groups of failures that are one problem. The one seen last comes first."""
    query: dict[str, object] = {"kind": kind, "origin": origin, "family": family, "text": text, "limit": limit}
    if fingerprints:
        query["fingerprints"] = 1
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
            *([] if fingerprints else [str(row.get("fingerprints", 1))]),
            str(row["count"]),
            str(row["kind"]),
            str(row["family"]),
            when(row["last_seen_ms"]),
            _where([str(place["name"]) for place in row["where"]]),
            str(row["title"]),
        )
        for row in rows
    ]
    head = ("count", "kind", "family", "last seen, UTC", "where", "what")
    first = ("fingerprint",) if fingerprints else ("group", "fps")
    say(table((*first, *head), cells, flexible=len(first) + len(head) - 1))
    if value["total"] > len(rows):
        what = "fingerprints" if fingerprints else "groups"
        say(f"{len(rows)} of {value['total']} {what}; --limit and the filters show others")


def _where(names: list[str]) -> str:
    first = line(names[0], WHERE_CHARS_MAX) if names else ""
    return f"{first} +{len(names) - 1}" if len(names) > 1 else first or "-"


def _show(fingerprint: Fingerprint, url: options.Url = URL_DEFAULT, *, as_json: options.Json = False) -> None:
    """Show one group: its verdict, its places, its samples. And why its members are one."""
    from streams.cli.why import members_told

    group = detail(url, fingerprint)
    if as_json:
        say(json.dumps(group))
        return
    verdict = group["verdict"]
    rows = [
        ("fingerprint", group["fingerprint"]),
        ("what", group["title"]),
        ("kind", f"{verdict['kind']} ({verdict['family']})"),
        ("said by", _said_by(verdict)),
        ("reason", verdict.get("reason", "")),
        ("evidence", verdict.get("evidence", "")),
        ("count", group["count"]),
        ("first seen", f"{when(group['first_seen_ms'])} UTC"),
        ("last seen", f"{when(group['last_seen_ms'])} UTC"),
        *(("where", f"{place['name']} ({place['count']})") for place in group["where"]),
        ("group", f"{group['members_total']} fingerprints, {group['members_failures']} failures together")
        if group.get("members_total")
        else ("group", ""),
        ("template", group["template"]),
        *(("same", told) for told in members_told(group)),
        *(
            # a server of before does not say which parts are the problem's
            ("part" if part.get("problem", True) else "beside", f"{part['name']} = {part['value']} ({part['rule']})")
            for part in sorted(group["parts"], key=lambda part: not part.get("problem", True))
        ),
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


def _said_by(verdict: dict[str, Any]) -> str:
    if verdict["kind"] == "unknown" and verdict["source"] == "status" and not verdict["confidence"]:
        return "nobody yet"
    by = [verdict["source"], verdict.get("rule_id") or verdict.get("model") or ""]
    from_whom = f", inherited from {verdict['inherited_from'][:12]}" if verdict.get("inherited_from") else ""
    return f"{' '.join(filter(None, by))}, confidence {verdict['confidence']:.2f}{from_whom}"


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


def _alias(
    one: Fingerprint,
    other: Fingerprint,
    reason: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "",
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says so.")] = "",
    url: options.Url = URL_DEFAULT,
    *,
    apart: Annotated[bool, typer.Option("--not", help="They are two problems: no rule joins them again.")] = False,
    as_json: options.Json = False,
) -> None:
    """Say whether two fingerprints are one problem. Nothing outranks a person's word but a later one."""
    from streams.cli.server import Server

    first, second = detail(url, one), detail(url, other)
    if first["origin"] != second["origin"]:
        told = f"{one} is of origin {first['origin']}, {other} of {second['origin']}: they are two problems anyway"
        raise typer.BadParameter(told)
    said = {
        "one": first["fingerprint"],
        "other": second["fingerprint"],
        "origin": first["origin"],
        "same": not apart,
        "reason": reason,
        "by": by,
    }
    answer = Server(url, deadline_s=DEADLINE_S, refused_s=0.0).post("/v1/aliases", json.dumps(said).encode()).value
    is_held = _is_held(url, said)
    if as_json:
        say(json.dumps(answer | {"held": is_held}))
        return
    told = f"{said['one']} and {said['other']} are {'two problems' if apart else 'one problem'}"
    say(f"{told} from now on" if is_held else f"{told}: taken, but {NOT_HELD.format(seconds=HELD_WITHIN_S)}")


def _is_held(url: str, said: dict[str, Any]) -> bool:
    """Whether a person's word is among those on one of the two within HELD_WITHIN_S. Raises as `detail`."""
    from streams.cli.why import aliases_of
    from streams.contract.alias import AliasSource

    until_s = time.monotonic() + HELD_WITHIN_S
    wanted = (*sorted((said["one"], said["other"])), said["same"], AliasSource.HUMAN)
    while True:
        for one in (said["one"], said["other"]):
            if any((word.a, word.b, word.stands, word.source) == wanted for word in aliases_of(detail(url, one))):
                return True
        if time.monotonic() >= until_s:
            return False
        time.sleep(HELD_EVERY_S)


def detail(url: str, fingerprint: str) -> dict[str, Any]:
    """The group whose fingerprint begins so. Raises: `Unreachable`, `Refusal`, `UnknownGroup`, `SeveralGroups`."""
    from streams.cli.server import Refusal

    beginning = fingerprint.strip()
    if not beginning:
        raise typer.BadParameter("the fingerprint is empty; `faultline groups` lists them, and a beginning suffices")
    try:
        return _asked(url, f"/api/groups/{quote(beginning, safe='')}", {})
    except Refusal as error:
        value = error.value
        if isinstance(value, dict) and value.get("error") == "unknown_group":
            raise _no_single(url, beginning) from error
        raise


def listed(url: str, *, origin: str, rows_max: int, fingerprints: bool = False) -> list[dict[str, Any]]:
    """Groups of a server, the one seen last first, at most `rows_max`. Raises as `detail`.

    `fingerprints`: each by itself, also where aliases join several.
    """
    rows: list[dict[str, Any]] = []
    while len(rows) < rows_max:
        query: dict[str, object] = {"origin": origin, "limit": PAGE_ROWS, "offset": len(rows)}
        if fingerprints:
            query["fingerprints"] = 1
        found = _asked(url, "/api/groups", query).get("groups", [])
        rows += found
        if len(found) < PAGE_ROWS:
            break
    return rows[:rows_max]


def _no_single(url: str, beginning: str) -> FaultlineError:
    """What to say when not exactly one fingerprint begins so."""
    found: list[dict[str, Any]] = []
    if len(beginning) <= BEGINNING_CHARS_MAX:
        rows = _asked(url, "/api/groups", {"text": beginning, "limit": PAGE_ROWS, "fingerprints": 1}).get("groups", [])
        found = [row for row in rows if str(row["fingerprint"]).startswith(beginning)]
    if not found:
        return UnknownGroup(f"no group's fingerprint begins with {beginning!r}; `faultline groups` lists them")
    many = f"at least {len(found)}" if len(found) == PAGE_ROWS else str(len(found))
    head = f"{many} groups begin with {beginning!r}; write more of the one that is meant"
    cells = [f"  {row['fingerprint']}  {row['kind']}  {line(str(row['title']), 60)}" for row in found[:CANDIDATES_MAX]]
    return SeveralGroups("\n".join([head, *cells]))


def _asked(url: str, path: str, query: dict[str, object]) -> dict[str, Any]:
    from streams.cli.server import Refusal, Server

    try:
        answer = Server(url, deadline_s=DEADLINE_S, refused_s=0.0).get(path, query)
    except Refusal as error:
        value = error.value
        if error.status != NOT_FOUND or (isinstance(value, dict) and value.get("error") == "unknown_group"):
            raise
        raise Refusal(
            f"{url} answers, but has no page: a gateway alone, it seems; name the page's address, as with "
            f"`--url {PAGE_URL}` or {URL_VARIABLE}",
            status=error.status,
            body=error.body,
        ) from error
    if not isinstance(answer.value, dict):
        raise Refusal(f"{url} is no faultline server (no JSON came back); check --url", status=answer.status)
    return answer.value
