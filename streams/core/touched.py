"""What one call of the pipeline changed, until it is written and sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.contract.fold import SealedFold
from streams.contract.rollup import Span
from streams.contract.verdict import Verdict
from streams.core.rows import FingerprintRow, LifetimeRow, PlacesRow, WindowRow


@dataclass(slots=True)
class Touched:
    """What one call changed; emitted once, at its end, so that all of it carries the final verdicts."""

    folds: list[tuple[SealedFold, int, bool]] = field(default_factory=list)
    fingerprints: dict[str, FingerprintRow] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    regrouped: dict[str, int] = field(default_factory=dict)
    """When the tables learned of the group of rows that were there before."""
    windows: dict[str, tuple[str, Span, int, WindowRow]] = field(default_factory=dict)
    """Fingerprint, span, start and row, by key."""
    lifetimes: dict[str, tuple[str, str, LifetimeRow]] = field(default_factory=dict)
    """Fingerprint, dimension and row, by key."""
    places: dict[str, PlacesRow] = field(default_factory=dict)
    handed_on: dict[str, Verdict] = field(default_factory=dict)
    """Verdicts of what fingerprints were before, by fingerprint."""
    asking: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Questions to send: why, and for the how many-th time."""
    pending: int = 0
    dropped_verdicts: int = 0
