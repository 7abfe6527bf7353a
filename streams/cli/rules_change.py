"""`faultline rules diff` and `apply`: what other rules do to the fingerprints that are there, and bringing them in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from streams.cli import options
from streams.cli.options import URL_DEFAULT
from streams.cli.screen import line, say, tell

if TYPE_CHECKING:
    from streams.contract.verdict import Verdict
    from streams.core.own_rules.rules import OwnRules
    from streams.core.succession import Exemplar, Succession

GROUPS_DEFAULT: Final = 500
GROUPS_MAX: Final = 5_000
"""Fingerprints of a server that one call looks at; each is a question to it."""
SHOWN_MAX: Final = 20
"""Changes of each sort that are printed; --json has LISTED_MAX."""
LISTED_MAX: Final = 1_000
MEMBERS_SHOWN_MAX: Final = 8
DEADLINE_S: Final = 15.0

File = Annotated[Path, typer.Argument(metavar="FILE", help="The rules to come; an empty file for none.")]
Against = Annotated[
    Path | None,
    typer.Option("--against", metavar="FILE", help="The rules in use; without it those of FAULTLINE_RULES, or none."),
]
Recorded = Annotated[
    bool, typer.Option("--recorded", help="Compare with the ids as they were recorded: after an upgrade of faultline.")
]
Groups = Annotated[int, typer.Option("--groups", min=1, max=GROUPS_MAX, help="Fingerprints to look at, newest first.")]


def add_to(app: typer.Typer) -> None:
    """Add `diff` and `apply`."""
    app.command(
        epilog="\b\nExamples:\n  faultline rules diff rules.toml\n"
        "  faultline rules diff new.toml --against old.toml --from failures.jsonl"
    )(diff)
    app.command(epilog="\b\nExample:\n  faultline rules apply rules.toml --by ann")(apply)


def diff(
    file: File,
    against: Against = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Failures, one record a line, not the server's.")
    ] = None,
    groups: Groups = GROUPS_DEFAULT,
    url: options.Url = URL_DEFAULT,
    *,
    recorded: Recorded = False,
    as_json: options.Json = False,
) -> None:
    """Show which fingerprints other rules merge, split or rename.

    Reads what is kept of recent ones again. Changes nothing.
    """
    found = _compared(file, against, source, groups, url, recorded=recorded)
    if as_json:
        say(json.dumps(_data(found)))
    else:
        _print(found)


def apply(
    file: File,
    against: Against = None,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says so.")] = "",
    groups: Groups = GROUPS_DEFAULT,
    url: options.Url = URL_DEFAULT,
    *,
    recorded: Recorded = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent; send nothing.")] = False,
    as_json: options.Json = False,
) -> None:
    """Hand verdicts on to what other rules make of fingerprints.

    And join each fingerprint with the one that takes its place.
    Run it before the rules come into use: then nobody has to be asked again. A second time it changes nothing more.
    """
    import msgspec

    from streams.cli.server import Server
    from streams.contract.alias import AliasSource

    found = _compared(file, against, None, groups, url, recorded=recorded)
    reason = f"rules of {file.name}"
    edges = found.aliases(reason=reason, source=AliasSource.HUMAN, decided_at_ms=0)
    if not dry_run:
        server = Server(url, deadline_s=DEADLINE_S + 0.1 * (len(edges) + len(found.verdicts)), refused_s=0.0)
        for verdict in found.verdicts:
            given = msgspec.structs.replace(verdict, fingerprint=verdict.inherited_from, inherited_from="")
            body: dict[str, Any] = {"fingerprint": verdict.fingerprint, "kind": verdict.kind, "inherits": given}
            body["origin"] = verdict.origin
            server.post("/v1/verdicts", msgspec.json.encode(body))
        for edge in edges:
            body = {"one": edge.a, "other": edge.b, "origin": edge.origin, "reason": reason, "by": by}
            server.post("/v1/aliases", msgspec.json.encode(body))
    if as_json:
        say(json.dumps({"sent": not dry_run, "aliases": len(edges), "verdicts": len(found.verdicts), **_data(found)}))
        return
    _print(found)
    verb = "would be sent" if dry_run else "sent"
    say(f"{verb}: {len(edges)} aliases, {len(found.verdicts)} inherited verdicts")
    if not dry_run:
        say(f"now set FAULTLINE_RULES={file} and start `faultline run`, or `faultline fold`, again")


def _compared(
    file: Path, against: Path | None, source: Path | None, groups: int, url: str, *, recorded: bool
) -> Succession:
    from streams.cli.kept import from_file, from_server
    from streams.cli.reading import own_rules_set, read_rules
    from streams.contract.errors import FaultlineError
    from streams.core.own_rules.fingerprinter import fingerprinter_under
    from streams.core.succession import succession

    def rules_of(path: Path) -> OwnRules | None:
        return None if path.exists() and path.stat().st_size == 0 else read_rules(path)

    if recorded and (against is not None or source is not None):
        raise typer.BadParameter("--recorded compares with the ids of a server: leave --against and --from out")
    after = fingerprinter_under(rules_of(file))
    before = fingerprinter_under(own_rules_set() if against is None else rules_of(against))
    if source is None:
        exemplars, unreadable = from_server(url, rows_max=groups, is_certain=recorded), 0
    else:
        exemplars, unreadable = from_file(source, before)
    if unreadable:
        tell(f"{source}: {unreadable} records are no failures and were left out")
    if not exemplars:
        raise FaultlineError("no fingerprint to compare; send failures first, or name a file of them with --from")
    return succession(exemplars, after=after, before=None if recorded else before)


def _data(found: Succession) -> dict[str, Any]:
    return {
        "total": found.total,
        "unchanged": found.unchanged,
        "renamed_total": len(found.renamed),
        "merged_total": len(found.merged),
        "split_total": len(found.split),
        "unread_total": len(found.unread),
        "renamed": [{"before": _one(one.before), "after": _id(one.after, found)} for one in found.renamed[:LISTED_MAX]],
        "merged": [
            {
                "before": [_one(one) for one in merged.before[:LISTED_MAX]],
                "after": _id(merged.after, found),
                "verdict": _said(merged.verdict),
                "gives_way": [_said(verdict) for verdict in merged.conflicts],
            }
            for merged in found.merged[:LISTED_MAX]
        ],
        "split": [
            {"before": _one(split.before), "after": [_id(value, found) for value in split.after[:LISTED_MAX]]}
            for split in found.split[:LISTED_MAX]
        ],
        "unread": [_one(one) for one in found.unread[:LISTED_MAX]],
        "inherited": len(found.verdicts),
    }


def _one(exemplar: Exemplar) -> dict[str, Any]:
    return {"fingerprint": exemplar.fingerprint, "count": exemplar.count, "title": exemplar.title}


def _id(value: str, found: Succession) -> dict[str, str]:
    return {"fingerprint": value, "title": found.titles.get(value, "")}


def _said(verdict: Verdict | None) -> dict[str, str] | None:
    if verdict is None:
        return None
    return {"kind": verdict.kind, "source": verdict.source, "fingerprint": verdict.fingerprint}


def _print(found: Succession) -> None:
    before = sum(len(one.before) for one in found.merged)
    after = sum(len(one.after) for one in found.split)
    say(
        f"{found.total} fingerprints: merges {before} into {len(found.merged)}, "
        f"splits {len(found.split)} into {after}, renames {len(found.renamed)}, leaves {found.unchanged}"
    )
    for merged in found.merged[:SHOWN_MAX]:
        say(f"merge -> {merged.after[:12]}  {line(found.titles.get(merged.after, ''), 120)}")
        for one in merged.before[:MEMBERS_SHOWN_MAX]:
            _row(one)
        _more(len(merged.before), MEMBERS_SHOWN_MAX)
        if merged.verdict is not None and merged.conflicts:
            others = ", ".join(f"{one.kind} ({one.source})" for one in merged.conflicts)
            say(f"    keeps {merged.verdict.kind} ({merged.verdict.source}); gives way: {others}")
    _more(len(found.merged), SHOWN_MAX)
    for split in found.split[:SHOWN_MAX]:
        say("split")
        _row(split.before)
        for value in split.after[:MEMBERS_SHOWN_MAX]:
            say(f"    -> {value[:12]}  {line(found.titles.get(value, ''), 120)}")
        _more(len(split.after), MEMBERS_SHOWN_MAX)
    _more(len(found.split), SHOWN_MAX)
    for renamed in found.renamed[:SHOWN_MAX]:
        say(f"rename -> {renamed.after[:12]}  {line(found.titles.get(renamed.after, ''), 120)}")
        _row(renamed.before)
    _more(len(found.renamed), SHOWN_MAX)
    if found.unread:
        say(f"not told of: {len(found.unread)} fingerprints; nothing kept gives them again (cut, or of other rules)")
        for one in found.unread[:MEMBERS_SHOWN_MAX]:
            _row(one)
        _more(len(found.unread), MEMBERS_SHOWN_MAX)


def _row(one: Exemplar) -> None:
    say(f"    {one.fingerprint[:12]}  {one.count:>6}  {line(one.title, 120)}")


def _more(number: int, shown: int) -> None:
    if number > shown:
        say(f"    ... {number - shown} more; --json has them")
