"""`faultline explain` of two: why they are one problem or two, and what is nearest to one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from streams.cli.groups import detail, listed
from streams.cli.screen import line, say, table, when
from streams.contract.alias import Alias
from streams.contract.fingerprint import Fingerprint, Part
from streams.core.groups import Groups
from streams.core.nearest import Nearest
from streams.core.redact import redact
from streams.core.why import Answer, Comparison, compared

NEAREST_SHOWN = 5
NEAREST_READ_MAX = 1_000
"""Groups of a server, those seen last, among which the nearest are looked for."""
MEMBERS_SHOWN = 20
_FINGERPRINT = re.compile(r"fp\d{1,4}u?\.[a-z2-7]{4,26}")
_SAID = {
    Answer.SAME_FINGERPRINT: "one problem: the ids are equal",
    Answer.SAME_GROUP: "one problem: aliases join them",
    Answer.TAKEN_APART: "two problems: a person took them apart",
    Answer.TWO_PROBLEMS: "two problems",
}

Read = Callable[[str], Fingerprint]
"""What a text or the name of a file stands for."""


def is_fingerprint(argument: str) -> bool:
    """Whether an argument is meant as a fingerprint of a server, or the beginning of one."""
    return bool(_FINGERPRINT.fullmatch(argument))


def compare(two: tuple[str, str], read: Read, url: str, *, as_json: bool, asks_why_not: bool) -> None:
    """Print why two are one problem, or why not. Raises as `detail` for fingerprints of a server."""
    (one, ours), (other, theirs) = (_known(argument, read, url) for argument in two)
    if not (one.site_value and other.site_value):
        # a group has many sites, so one of a server cannot be told by its site
        one, other = (msgspec.structs.replace(mark, site_value="") for mark in (one, other))
    found = compared(one, other, [*ours, *theirs])
    if as_json:
        say(json.dumps({"one_problem": found.answer.is_one, **msgspec.to_builtins(found)}))
        return
    say(f"{found.one}\n{found.other}")
    say(_SAID[found.answer])
    for alias in found.aliases:
        say(f"  {told(alias)}")
    if not asks_why_not and found.parts:
        say("same")
        for part in found.parts:
            say(f"  {part.name:<20} {line(part.value, 120)}")
    _print_difference(found)


def _print_difference(found: Comparison) -> None:
    difference = found.difference
    if difference is not None:
        say(f"different at the level {difference.level}, in {difference.part}")
        say(f"  {line(difference.ours) or '(nothing)'}\n  {line(difference.theirs) or '(nothing)'}")
    if found.way:
        say(f"what would join them\n  {line(found.way)}")


def nearest(argument: str, read: Read, url: str, *, as_json: bool) -> None:
    """Print the groups of a server that are nearest to one. Raises as `detail`."""
    mark, aliases = _known(argument, read, url)
    origin = next((part.value for part in mark.parts if part.name == "origin"), "")
    rows = {row["fingerprint"]: row for row in listed(url, origin=origin, rows_max=NEAREST_READ_MAX)}
    known = Nearest(known_max=NEAREST_READ_MAX)
    for key, row in reversed(rows.items()):  # the one seen last comes first
        known.add(key, row["template"])
    found: list[tuple[dict[str, Any], float, Comparison]] = []
    for key, likeness in known.of(mark.template, NEAREST_SHOWN + 1, but=mark.value):
        other, theirs = _known(key, read, url)
        comparison = compared(mark, other, [*aliases, *theirs])
        if comparison.answer is not Answer.SAME_GROUP and len(found) < NEAREST_SHOWN:
            found.append((rows[key], likeness, comparison))
    if as_json:
        told_all = [
            {
                "fingerprint": row["fingerprint"],
                "likeness": round(likeness, 3),
                "count": row["count"],
                "kind": row["kind"],
                "template": redact(row["template"]),
                "one_problem": comparison.answer.is_one,
                "way": comparison.way,
            }
            for row, likeness, comparison in found
        ]
        say(json.dumps({"fingerprint": mark.value, "known": mark.value in rows, "nearest": told_all}))
        return
    say(f"{mark.value}  {'known' if mark.value in rows else 'not among those seen last'}")
    if not found:
        say(f"nothing near among the {len(rows)} groups seen last")
        return
    cells = [
        (row["fingerprint"][:12], f"{likeness:.0%}", str(row["count"]), row["kind"], redact(row["template"]))
        for row, likeness, _ in found
    ]
    say(table(("fingerprint", "alike", "count", "kind", "template"), cells, flexible=4))
    for row, _, comparison in found:
        says = comparison.way or _SAID[comparison.answer]
        say(f"{row['fingerprint'][:12]}  {line(says)}")


def told(alias: Alias) -> str:
    """An alias in one line: who says so, when, and why."""
    verb = "" if alias.stands else " not"
    return f"{alias.source.value} ({when(alias.decided_at_ms)} UTC): {alias.a[:12]} is{verb} {alias.b[:12]}; " + (
        line(redact(alias.reason)) or "no reason given"
    )


def members_told(group: dict[str, Any]) -> list[str]:
    """A line for each other fingerprint of a group of a server, at most MEMBERS_SHOWN: what joins it with the group."""
    key, groups = group["fingerprint"], Groups(aliases_of(group))
    lines = []
    for row in group.get("members", []):
        if row["fingerprint"] == key:
            continue
        path = groups.why(key, row["fingerprint"])
        reasons = "; ".join(dict.fromkeys(f"{alias.source.value}: {redact(alias.reason)}" for alias in path))
        lines.append(f"{row['fingerprint'][:12]}  {row['count']} x  {line(row['title'], 60)}  ({line(reasons) or '?'})")
    more = max(len(lines), group.get("members_total", 0) - 1) - MEMBERS_SHOWN
    return lines[:MEMBERS_SHOWN] + ([f"{more} more"] if more > 0 else [])


def _known(argument: str, read: Read, url: str) -> tuple[Fingerprint, list[Alias]]:
    """A fingerprint and what is known of it: read from a text, or asked of the server."""
    if not is_fingerprint(argument):
        return read(argument), []
    group = detail(url, argument)
    mark = Fingerprint(
        value=group["fingerprint"],
        version=group["fingerprint"].partition(".")[0],
        class_value=group["class_value"],
        site_value="",
        template=group["template"],
        parts=tuple(Part(part["name"], part["value"], part["rule"]) for part in group["parts"]),
    )
    return mark, aliases_of(group)


def aliases_of(group: dict[str, Any]) -> list[Alias]:
    return msgspec.convert(group.get("aliases", []), list[Alias])
