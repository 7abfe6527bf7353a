"""A failure read as the stages would read it: redacted, fingerprinted, judged by its text and status alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from streams.cli.screen import line
from streams.contract.failure import Failure
from streams.contract.fingerprint import Fingerprint
from streams.contract.taxonomy import default_taxonomy
from streams.contract.verdict import Verdict
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage
from streams.core.known_failures.book import default_rules
from streams.core.redact import redacted

PREVIEW_CHARS = 120


@dataclass(frozen=True, slots=True)
class Read:
    """What the stages make of one failure."""

    failure: Failure
    fingerprint: Fingerprint
    verdict: Verdict
    earlier_hash: str
    """The earlier system's id: `s_error_hash` of a CI failure, `fingerprint` of a benchmark's."""

    secrets: tuple[tuple[str, int], ...] = ()
    """Credentials that were taken out of the message, by rule."""

    def summary(self) -> str:
        """One line for people."""
        where = " / ".join(filter(None, self.failure.where))
        if self.failure.ci is not None and self.failure.ci.test_name:
            where = f"{where} / {self.failure.ci.test_name}" if where else self.failure.ci.test_name
        text = line(self.failure.message, PREVIEW_CHARS)
        return f"{self.fingerprint.value}  {self.verdict.kind}  {line(where) or '-'}  {text}"

    def data(self) -> dict[str, Any]:
        """All of it for programs."""
        import msgspec

        told: dict[str, Any] = msgspec.to_builtins(self.failure)
        told["fingerprint"] = msgspec.to_builtins(self.fingerprint)
        told["verdict"] = msgspec.to_builtins(self.verdict)
        return told


class Reader:
    """Reads failures with the built-in rules and kinds."""

    def __init__(self) -> None:
        self._now_ms = time.time_ns() // 1_000_000
        self._stage = FoldStage(
            fingerprinter=Fingerprinter(), rules=default_rules(), taxonomy=default_taxonomy(), partitions=1
        )

    def read(self, failure: Failure) -> Read:
        """One failure, its texts redacted."""
        told = self._stage.told(failure, received_at_ms=self._now_ms)
        secrets = redacted(failure.message).found
        # On its way a record has the fingerprint beside the verdict; on its own the verdict says whose it is.
        verdict = replace(told.verdict, fingerprint=told.fingerprint.value)
        return Read(told.failure, told.fingerprint, verdict, told.earlier_hash, secrets)
