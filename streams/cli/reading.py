"""A failure read as the stages would read it: redacted, fingerprinted, judged by its text and status alone."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from streams.cli.screen import line
from streams.contract.errors import ConfigurationError
from streams.contract.failure import Failure
from streams.contract.fingerprint import Fingerprint
from streams.contract.taxonomy import default_taxonomy
from streams.contract.verdict import Verdict
from streams.core.intake import FoldStage
from streams.core.known_failures.book import default_rules
from streams.core.own_rules.fingerprinter import fingerprinter_under
from streams.core.own_rules.read import TEXT_CHARS_MAX, own_rules, rules_in_use
from streams.core.own_rules.rules import OwnRules
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
    own_rules: OwnRules | None = None
    """Masks and grouping rules that were in use."""

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
    """Reads failures with the built-in rules and kinds, and the masks and grouping rules of FAULTLINE_RULES."""

    def __init__(self) -> None:
        """Raises: ConfigurationError with the faults of the file that FAULTLINE_RULES names."""
        self._own_rules = own_rules_set()
        self._now_ms = time.time_ns() // 1_000_000
        self._stage = FoldStage(
            fingerprinter=fingerprinter_under(self._own_rules),
            rules=default_rules(),
            taxonomy=default_taxonomy(),
            partitions=1,
        )

    def read(self, failure: Failure) -> Read:
        """One failure, its texts redacted."""
        told = self._stage.told(failure, received_at_ms=self._now_ms)
        secrets = redacted(failure.message).found
        # On its way a record has the fingerprint beside the verdict; on its own the verdict says whose it is.
        verdict = replace(told.verdict, fingerprint=told.fingerprint.value)
        return Read(told.failure, told.fingerprint, verdict, told.earlier_hash, secrets, self._own_rules)


def own_rules_set() -> OwnRules | None:
    """The rules of the file that FAULTLINE_RULES names. Raises: ConfigurationError with its faults."""
    if not os.environ.get("FAULTLINE_RULES"):
        return None  # without the settings, which take a quarter of a second to load
    from streams.settings import Settings

    settings = Settings.read(os.environ)
    return rules_in_use(settings.rules_text(), source=str(settings.rules))


def read_rules(file: Path) -> OwnRules:
    """The rules of a file. Raises: ConfigurationError when it cannot be read, or with every fault."""
    try:
        with file.open(encoding="utf-8") as stream:
            text = stream.read(TEXT_CHARS_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: cannot be read ({error})") from error
    return own_rules(text, source=str(file))
