"""What the tables say: a fold with its verdict, a verdict that changed, a fingerprint to ask about."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from streams.contract.failure import Origin, TimeMs
from streams.contract.fingerprint import Fingerprint
from streams.contract.fold import Fold, Sample
from streams.contract.verdict import Verdict


class Classified(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="classified"):
    """A fold with the best verdict known when it passed: one document for each of its members."""

    fold: Fold
    verdict: Verdict
    verdict_version: int
    """Grows with every change of the fingerprint's verdict; guards documents against older news."""
    count_before: int = 0
    """Failures of this fingerprint that were known before this fold."""
    known_before: bool = False
    """Whether the fingerprint had a verdict before this fold."""
    group: str = ""
    """The smallest fingerprint of those that are one problem with this one; empty where there is no other."""
    group_version: int = 0
    """Grows with every change of the group; guards documents as `verdict_version` does. 0 for one never joined."""
    version: Annotated[int, Meta(ge=1)] = 1


class SealedClassified(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="classified"):
    """`Classified` before it is written: fold and verdict are JSON already. Its bytes are those of the open record."""

    fold: msgspec.Raw
    verdict: msgspec.Raw
    verdict_version: int
    count_before: int = 0
    known_before: bool = False
    group: str = ""
    group_version: int = 0
    version: Annotated[int, Meta(ge=1)] = 1

    def opened(self) -> Classified:
        """The record that a sink reads."""
        return Classified(
            fold=msgspec.json.decode(self.fold, type=Fold),
            verdict=msgspec.json.decode(self.verdict, type=Verdict),
            verdict_version=self.verdict_version,
            count_before=self.count_before,
            known_before=self.known_before,
            group=self.group,
            group_version=self.group_version,
        )


class VerdictChanged(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="verdict_changed"):
    """Bring every document of this fingerprint up to date."""

    fingerprint: str
    verdict: Verdict
    verdict_version: int
    version: Annotated[int, Meta(ge=1)] = 1


class GroupChanged(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="group_changed"):
    """Bring every document of this fingerprint up to date: it belongs to another group now."""

    fingerprint: str
    origin: Origin
    group: str
    """As in `Classified`; empty when the fingerprint stands alone again."""
    group_version: int
    changed_at_ms: TimeMs
    """When the tables learned of it, by the fold stage's clock."""
    version: Annotated[int, Meta(ge=1)] = 1


class Unseen(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fingerprint that wants a better verdict than the one it has."""

    fingerprint: Fingerprint
    origin: Origin
    count: int
    first_at_ms: TimeMs
    last_at_ms: TimeMs
    samples: tuple[Sample, ...]
    where: dict[str, int]
    provisional: Verdict
    asking_because: str
    """`new` (never asked), `retry` (asked, not answered), `recheck` (the verdict asked for it)."""
    attempt: Annotated[int, Meta(ge=1)] = 1
    """How often it was asked about, this time counted."""
    version: Annotated[int, Meta(ge=1)] = 1
