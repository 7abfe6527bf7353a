"""Counts of the tables made again from what a store has: documents are exact where counts may not be.

A failure that comes again after the fold stage has forgotten its id counts twice, and has one document. First, last and
samples do not change by that: the same failure says the same again. Window rows are left as they are, they go by
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec import Raw

from streams.contract.failure import Origin
from streams.contract.fold import WHERE_SEPARATOR
from streams.contract.rollup import OTHER_WHERE, WHERE_MAX, Rollup
from streams.core.counting import OTHER_PLACE
from streams.core.emissions import dated, place_rollup, whole_rollup
from streams.core.groups import Groups
from streams.core.marks import to_json
from streams.core.pipeline import OFFSET_BITS
from streams.core.rows import PlacesRow, PositionRow
from streams.core.tables import Tables

Counts = Mapping[str, Mapping[tuple[str, str, str], int]]
"""Documents by fingerprint, then by dimension."""


@dataclass(slots=True)
class Recounted:
    """What was counted again."""

    rollups: list[Rollup] = field(default_factory=list)
    """Snapshots of the rows that changed."""
    changed: int = 0
    """Fingerprints whose count was another."""
    same: int = 0
    older: int = 0
    """Fingerprints left alone: they began before what documents tell of."""
    without: int = 0
    """Fingerprints left alone: there is no document of them."""
    failures: int = 0
    """By how many failures the counts became less; negative when they became more."""


def recount(rows: dict[str, bytes], partition: int, counts: Mapping[Origin, Counts], *, since_ms: int) -> Recounted:
    """Change the counts in the rows of a partition.

    `counts`: of all documents from `since_ms` on, by origin; rows of an origin that is not there are left alone.
    The snapshots carry the version of the tables' position: no older one replaces them, the next one does.
    """
    tables, out = Tables(rows, partition), Recounted()
    position = tables.position.get("") or PositionRow()
    groups = Groups(filter(None, map(tables.aliases.get, list(tables.aliases))))
    version = position.epoch << OFFSET_BITS | max(0, position.offset)
    for key in list(tables.fingerprints):
        row, mark = tables.fingerprints.get(key), tables.marks.get(key)
        if row is None or mark is None or row.origin not in counts:
            continue
        if row.first_at_ms < since_ms:
            out.older += 1
            continue
        found = counts[row.origin].get(key)
        if not found:
            out.without += 1
            continue
        total = sum(found.values())
        places = {WHERE_SEPARATOR.join(where): number for where, number in found.items()}
        own = (tables.places.get(key) or PlacesRow()).names
        lifetimes = {name: tables.lifetimes.get(f"{key}|{name}") for name in own}
        wanted = _by_row(places, own)
        if total == row.count and all(one is None or one.count == wanted.get(n, 0) for n, one in lifetimes.items()):
            out.same += 1
            continue
        out.changed += 1
        out.failures += row.count - total
        row.count = total
        row.where = _named(places, row.where)
        tables.fingerprints.put(key, row)
        verdict, parts = Raw(to_json(dated(row))), Raw(to_json(mark.fingerprint(key)))
        out.rollups.append(whole_rollup(key, row, version, verdict=verdict, parts=parts, groups=groups).opened())
        for name, one in lifetimes.items():
            number = wanted.get(name, 0)
            if one is not None and one.count != number and number:
                one.count = number
                tables.lifetimes.put(f"{key}|{name}", one)
                out.rollups.append(place_rollup(key, row.origin, name, one, verdict, version).opened())
    return out


def _by_row(places: Mapping[str, int], own: tuple[str, ...]) -> dict[str, int]:
    """Counts by the dimensions that have a row; what has none is counted in OTHER_PLACE."""
    out: dict[str, int] = {}
    for place, number in places.items():
        name = place if place in own else OTHER_PLACE
        out[name] = out.get(name, 0) + number
    return out


def _named(places: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """Counts by name, for the names that the row has; the rest under OTHER_WHERE."""
    out: dict[str, int] = {}
    for place, number in places.items():
        is_known = place in before or (OTHER_WHERE not in before and len(before) < WHERE_MAX)
        name = place if is_known else OTHER_WHERE
        out[name] = out.get(name, 0) + number
    return out
