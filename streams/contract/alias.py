"""An alias: two fingerprints that are one problem, why, and who says so.

Fingerprints stay as they are; aliases lie beside them. An edge that is taken back stays as a record that no longer
stands, so that nobody makes it again without a stronger word.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta, Struct

from streams.contract.failure import Origin, TimeMs
from streams.contract.verdict import REASON_CHARS_MAX


class AliasSource(enum.StrEnum):
    """Who says that two fingerprints are one problem, or are not; weakest first."""

    RULE = "rule"
    """The rules for templates and frames."""
    LLM = "llm"
    HUMAN = "human"

    @property
    def rank(self) -> int:
        """0 for the weakest."""
        return _RANK[self]


_RANK = {source: rank for rank, source in enumerate(AliasSource)}


class Alias(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One edge between two fingerprints. `a` sorts before `b`: `alias_of` sees to that."""

    a: Annotated[str, Meta(min_length=1, max_length=128)]
    b: Annotated[str, Meta(min_length=1, max_length=128)]
    origin: Origin
    source: AliasSource
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)]
    decided_at_ms: TimeMs
    stands: bool = True
    """False: the two are not one problem by this edge; what another edge joins stays joined."""
    version: Annotated[int, Meta(ge=1)] = 1

    @property
    def key(self) -> str:
        """The pair. With the source behind it the key of the record: compaction keeps each source's newest word."""
        return f"{self.a}|{self.b}"


def alias_of(
    one: str,
    other: str,
    *,
    origin: Origin,
    source: AliasSource,
    reason: str,
    decided_at_ms: int,
    stands: bool = True,
) -> Alias:
    """The edge between two fingerprints, whichever is named first. Raises: ValueError when they are the same."""
    if one == other:
        raise ValueError(f"{one} cannot be an alias of itself")
    a, b = sorted((one, other))
    return Alias(
        a=a,
        b=b,
        origin=origin,
        source=source,
        reason=reason[:REASON_CHARS_MAX],
        decided_at_ms=decided_at_ms,
        stands=stands,
    )


def weightier(one: Alias, other: Alias) -> Alias:
    """The word that holds on one edge: commutative, associative, idempotent. Of equal sources the later one."""
    return max(one, other, key=_weight)


def _weight(alias: Alias) -> tuple[int, int, bool, str]:
    return alias.source.rank, alias.decided_at_ms, not alias.stands, alias.reason
