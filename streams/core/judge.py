"""A failure's own text and status -> a verdict: a rule's where one matches, else the status's. Asks nobody."""

from __future__ import annotations

import hashlib

from streams.contract.failure import Failure
from streams.contract.taxonomy import Taxonomy
from streams.contract.verdict import EVIDENCE_CHARS_MAX, REASON_CHARS_MAX, Verdict, VerdictSource
from streams.core.ladder import status_verdict
from streams.core.rules import RuleBook, RuleHit
from streams.core.said import said

RULE_TEXT_CHARS_MAX = 16 * 1024
"""What rules read of message and traceback together: its head and its tail."""
JUDGED_MAX = 10_000
"""Texts whose verdict is remembered, 1 to 3 KB each; the oldest half goes when there are more."""
KEY_CHARS_MAX = 512
"""A longer text is remembered by its digest."""
_Key = tuple[object, ...]


class Judge:
    """Judges by rules of one taxonomy. Holds a cache of at most JUDGED_MAX verdicts."""

    def __init__(self, rules: RuleBook, taxonomy: Taxonomy) -> None:
        self._rules = rules
        self._taxonomy = taxonomy
        self._judged: dict[_Key, Verdict] = {}

    def __call__(self, failure: Failure) -> Verdict:
        """The verdict, without a fingerprint and a time: both are the caller's."""
        key = _key(failure)
        verdict = self._judged.get(key)
        if verdict is None:
            if len(self._judged) >= JUDGED_MAX:
                for old in list(self._judged)[: JUDGED_MAX // 2]:
                    del self._judged[old]
            verdict = self._judged[key] = self._judge(failure)
        return verdict

    def _judge(self, failure: Failure) -> Verdict:
        text = failure.text
        if len(text) > RULE_TEXT_CHARS_MAX:
            text = f"{text[: RULE_TEXT_CHARS_MAX // 2]}\n{text[-RULE_TEXT_CHARS_MAX // 2 :]}"
        spoken = said(text)
        hit = self._matched(failure, spoken)
        if hit is None and spoken is not text:
            hit = self._matched(failure, text)
        if hit is None or not self._taxonomy.has(failure.origin, hit.kind):
            return status_verdict(
                origin=failure.origin,
                http_status=failure.http_status,
                exit_code=failure.exit_code,
                at_ms=0,
                taxonomy=self._taxonomy,
            )
        return Verdict(
            fingerprint="",
            origin=failure.origin,
            kind=hit.kind,
            family=self._taxonomy.family(failure.origin, hit.kind),
            confidence=hit.confidence,
            source=VerdictSource.RULE,
            decided_at_ms=0,
            reason=hit.reason[:REASON_CHARS_MAX],
            evidence=hit.evidence[:EVIDENCE_CHARS_MAX],
            transient=hit.transient,
            taxonomy_version=self._taxonomy.version,
            rule_id=hit.rule_id,
        )

    def _matched(self, failure: Failure, text: str) -> RuleHit | None:
        return self._rules.classify(
            origin=failure.origin,
            text=text,
            exception_type=failure.exception_type,
            http_status=failure.http_status,
            provider_error_code=failure.provider_error_code,
            exit_code=failure.exit_code,
        )


def _key(failure: Failure) -> _Key:
    """All that a verdict of the failure's own text depends on; of a long text 16 bytes of its SHA-256."""
    text: object = (failure.message, failure.traceback)
    if len(failure.message) + len(failure.traceback) > KEY_CHARS_MAX:
        parts = f"{len(failure.message)}\0{failure.message}{failure.traceback}"
        text = hashlib.sha256(parts.encode("utf-8", "replace")).digest()[:16]
    return (
        failure.origin,
        text,
        failure.http_status,
        failure.exit_code,
        failure.exception_type,
        failure.provider_error_code,
    )
