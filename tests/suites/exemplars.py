"""Failures of problems that we know, with the fingerprints that they had: what a change of masks does to them.

Each line of `exemplars.jsonl` is one fingerprint: the problem, its id when it was recorded, and failures of it.
`python tests/suites/exemplars.py` prints what the masks of now make of them; with --record it writes the ids anew.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from streams.contract.failure import Origin
from streams.core.fingerprint import fingerprint
from streams.core.succession import Exemplar, Merged, Reads, Succession, succession

FILE = Path(__file__).with_name("exemplars.jsonl")


@dataclass(frozen=True)
class Report:
    """What became of them."""

    found: Succession
    problems_merged: list[Merged]
    """Merges of what are different problems."""

    def __str__(self) -> str:
        found = self.found
        numbers = len(found.renamed), len(found.merged), len(found.split)
        told = "{} fingerprints: {} unchanged, {} renamed, {} merges, {} split"
        lines = [told.format(found.total, found.unchanged, *numbers)]
        for split in found.split:
            lines += [f"split {split.before.title}", *(f"  {value} {found.titles[value]}" for value in split.after)]
        for merged in self.problems_merged:
            lines.append(f"merged {found.titles[merged.after]}")
            lines += [f"  {one.fingerprint} {one.title}" for one in merged.before]
        return "\n".join(lines)


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def report(kept: list[dict[str, Any]], after: Reads = fingerprint) -> Report:
    """What another way of reading makes of the kept failures."""
    exemplars = [
        Exemplar(
            fingerprint=row["fingerprint"],
            origin=Origin(row["origin"]),
            failures=tuple({"origin": row["origin"], **failure} for failure in row["failures"]),
            title=row["problem"],
        )
        for row in kept
    ]
    found = succession(exemplars, after=after)
    return Report(found, [one for one in found.merged if len({before.title for before in one.before}) > 1])


def record() -> None:
    """Write every line anew: one for each fingerprint that a problem has now."""
    by_id: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows():
        for failure in row["failures"]:
            value = fingerprint(origin=row["origin"], **failure).value
            new = row | {"fingerprint": value, "failures": []}
            by_id.setdefault((row["problem"], value), new)["failures"].append(failure)
    FILE.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in by_id.values()), encoding="utf-8")


if __name__ == "__main__":
    print(report(rows()))
    if "--record" in sys.argv[1:]:
        record()
