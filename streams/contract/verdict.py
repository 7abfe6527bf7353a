"""A verdict: what kind of failure a fingerprint is, how sure, why, and who says so.

The ladder, weakest first: status, rule, embedded, llm, human.
Status and rule verdicts are functions of the failure's own text; the others arrive as records.
"""

from __future__ import annotations

import enum
from typing import Annotated

from msgspec import Meta, Struct

from streams.contract.failure import Origin, TimeMs

UNKNOWN = "unknown"
REASON_CHARS_MAX = 600
EVIDENCE_CHARS_MAX = 500
Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class VerdictSource(enum.StrEnum):
    """Who gave a verdict, weakest first."""

    STATUS = "status"
    """The HTTP status or the signal alone."""
    RULE = "rule"
    EMBEDDED = "embedded"
    """The linear model that is part of the program."""
    LLM = "llm"
    HUMAN = "human"
    """A person, or a rule that a person made."""

    @property
    def rank(self) -> int:
        """0 for the weakest."""
        return _RANK[self]

    @property
    def is_own_text(self) -> bool:
        """Whether such a verdict is a function of one failure alone."""
        return self in OWN_TEXT


_RANK = {source: rank for rank, source in enumerate(VerdictSource)}
OWN_TEXT = (VerdictSource.STATUS, VerdictSource.RULE)
"""Who says what a failure's own text says."""


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of one fingerprint. An empty `fingerprint` stands only inside a record that names it."""

    fingerprint: str
    origin: Origin
    kind: str
    family: str
    confidence: Share
    source: VerdictSource
    decided_at_ms: TimeMs
    """For status and rule: the time of the failure itself, so that a replay says the same."""
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] = ""
    evidence: Annotated[str, Meta(max_length=EVIDENCE_CHARS_MAX)] = ""
    """A verbatim line of the failure, or nothing."""
    transient: bool = False
    """Whether trying again may help."""
    confidence_raw: Share | None = None
    """Before calibration, where the source calibrates."""
    model: str = ""
    prompt_version: str = ""
    taxonomy_version: str = ""
    rule_id: str = ""
    supersedes: str = ""
    """Source and rule or model of the verdict this one replaced, as `rule:oom-killed`."""
    recheck_after_ms: TimeMs | None = None
    inherited_from: Annotated[str, Meta(max_length=128)] = ""
    """The fingerprint that it was given to, where another has it from there: a change of rules made this one of it."""
    version: Annotated[int, Meta(ge=1)] = 1


class Unanswered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The llm was asked about a fingerprint and gave no verdict: ask again, not before `retry_at_ms`."""

    fingerprint: str
    origin: Origin
    retry_at_ms: TimeMs
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] = ""
    version: Annotated[int, Meta(ge=1)] = 1


def record_key(verdict: Verdict) -> str:
    """Key of a verdict's record: compaction keeps the newest of each source, so none loses a person's to the llm's.

    Nor one that it was given to one that it inherits.
    """
    key = f"{verdict.fingerprint}/{verdict.source}"
    return f"{key}/inherited" if verdict.inherited_from else key
