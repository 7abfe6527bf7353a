"""What a change of masks does to failures of problems that we know: history is not torn apart, nor mixed."""

from __future__ import annotations

from suites.exemplars import report, rows

from streams.core.fingerprint import fingerprint

SPLITS_MAX = 0.003
"""Of all fingerprints."""


def test_no_change_splits_what_was_one_or_merges_two_problems() -> None:
    """Renames are no fault; `python tests/suites/exemplars.py --record` takes the ids of now for the next change."""
    found = report(rows())
    assert len(found.found.split) <= SPLITS_MAX * found.found.total, str(found)
    assert not found.problems_merged, str(found)


def test_the_gate_sees_a_split_and_a_merge_of_two_problems() -> None:
    kept = rows()

    def coarse(*, message: str, origin: str, **_: object):
        return fingerprint(origin=origin, message=message[:6])

    def fine(*, message: str, origin: str, **_: object):
        return fingerprint(origin=origin, message="".join(chr(ord(c) + 49) if c.isdigit() else c for c in message))

    assert len(report(kept, coarse).problems_merged) > 5
    assert len(report(kept, fine).found.split) > SPLITS_MAX * len(kept)
    assert "merged" in str(report(kept, coarse))
