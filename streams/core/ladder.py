"""Which verdict wins, and what a failure's status or signal alone says.

`stronger` is a join: commutative, associative, idempotent. So the verdict of a fingerprint does not depend on the
order in which failures and verdicts arrive.
"""

from __future__ import annotations

import msgspec

from streams.contract.failure import Origin
from streams.contract.taxonomy import Taxonomy, status_kind
from streams.contract.verdict import OWN_TEXT, UNKNOWN, Verdict, VerdictSource

STATUS_CONFIDENCE = 0.6
"""A status is a hint: measured right in about three of four cases where it says anything (earlier hot path)."""
SIGNAL_CONFIDENCE = 0.5
_BY_EXIT_CODE = {
    124: ("timeout", "exit code 124 is what `timeout` gives"),
    134: ("runtime_error", "exit code 134 is an abort (SIGABRT)"),
    136: ("runtime_error", "exit code 136 is an arithmetic fault (SIGFPE)"),
    137: ("resource_exhaustion", "exit code 137 is a kill (SIGKILL), most often for memory"),
    139: ("runtime_error", "exit code 139 is a segmentation fault (SIGSEGV)"),
}
"""128 + signal, as shells report it (POSIX, 2.8.2 Exit Status for Commands)."""


def strength(verdict: Verdict) -> tuple[bool, int, int, float, str, str, str, bool, str]:
    """What `stronger` compares. An answer `unknown` is weaker than any kind, unless a person gave it.

    Among verdicts of one source that were decided at a time of their own the later wins; those that are functions of
    a failure's text are compared by confidence, then by rule, so that the order of arrival does not matter.
    """
    source, kind = verdict.source, verdict.kind
    return (
        kind != UNKNOWN or source is VerdictSource.HUMAN,
        source.rank,
        0 if source in OWN_TEXT else verdict.decided_at_ms,
        verdict.confidence,
        verdict.rule_id or verdict.model,
        kind,
        verdict.reason,
        verdict.transient,
        verdict.evidence,
    )


def stronger(a: Verdict, b: Verdict) -> Verdict:
    """The verdict that stands when both are known."""
    if a.source is not b.source and UNKNOWN not in (a.kind, b.kind):  # most often: the rank decides
        return b if b.source.rank > a.source.rank else a
    return b if strength(b) > strength(a) else a


def says_the_same(a: Verdict, b: Verdict) -> bool:
    """Whether documents that carry `a` need no change when `b` stands."""
    return (a.kind, a.source, a.confidence, a.rule_id, a.model, a.reason) == (
        b.kind,
        b.source,
        b.confidence,
        b.rule_id,
        b.model,
        b.reason,
    ) and (a.source.is_own_text or a.decided_at_ms == b.decided_at_ms)


def replaced(old: Verdict, new: Verdict) -> Verdict:
    """`new`, saying what it supersedes."""
    by = old.rule_id or old.model
    return msgspec.structs.replace(new, supersedes=f"{old.source}:{by}" if by else str(old.source))


def status_verdict(
    *, origin: Origin, http_status: int | None, exit_code: int | None, at_ms: int, taxonomy: Taxonomy
) -> Verdict:
    """The weakest verdict there is: what status or signal alone say, `unknown` when they say nothing."""
    kind, reason, confidence = UNKNOWN, "", 0.0
    if origin is Origin.BENCHMARK and http_status is not None:
        kind = status_kind(http_status)
        reason, confidence = f"HTTP status {http_status}", STATUS_CONFIDENCE
    elif origin is Origin.CI and exit_code in _BY_EXIT_CODE:
        kind, reason = _BY_EXIT_CODE[exit_code]
        confidence = SIGNAL_CONFIDENCE
    if kind == UNKNOWN or not taxonomy.has(origin, kind):
        kind, reason, confidence = UNKNOWN, "no rule matched, and neither status nor signal says what it is", 0.0
    return Verdict(
        fingerprint="",
        origin=origin,
        kind=kind,
        family=taxonomy.family(origin, kind),
        confidence=confidence,
        source=VerdictSource.STATUS,
        decided_at_ms=at_ms,
        reason=reason,
        transient=taxonomy.transient(origin, kind),
        taxonomy_version=taxonomy.version,
    )
