"""GitHub annotations -> failures: what a check run, or a joined field of an older document, says went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from streams.contract.failure import Ci, Failure, Origin, Source, bounded, identified

LEVELS: Final = frozenset({"failure", "error"})
"""Warnings and notices are no failures."""
_EXIT: Final = "Process completed with exit code "


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One annotation as GitHub's API gives it; empty text means absent."""

    level: str
    message: str
    title: str = ""
    raw_details: str = ""
    path: str = ""
    start_line: int | None = None

    @property
    def text(self) -> str:
        """Title, message and details, each once, one below the other."""
        parts: list[str] = []
        for part in (self.title, self.message, self.raw_details):
            if part.strip() and part.strip() not in parts:
                parts.append(part.strip())
        return "\n".join(parts)


def split_messages(joined: str) -> Iterator[Annotation]:
    """The annotations of a field `s_annotation_messages`: messages joined by `|`, without level, so all count."""
    for message in joined.split("|"):
        if message.strip():
            yield Annotation(level="failure", message=message.strip())


def failures(found: Iterable[Annotation], context: Ci, *, occurred_at_ms: int) -> Iterator[Failure]:
    """The records of the annotations whose level is failure or error and which say anything.

    One that only tells the exit code is left out when another says why. Equal ones get ordinals.
    """
    told = [one for one in found if one.level.lower() in LEVELS and one.text]
    reasons = [one for one in told if not one.message.startswith(_EXIT)]
    seen: dict[str, int] = {}
    for one in reasons or told:
        ordinal = seen[one.text] = seen.get(one.text, -1) + 1
        code = one.message.removeprefix(_EXIT).strip(". ") if one.message.startswith(_EXIT) else ""
        labels = {"path": one.path, "line": str(one.start_line) if one.start_line is not None else ""}
        yield identified(
            bounded(
                Failure(
                    origin=Origin.CI,
                    occurred_at_ms=occurred_at_ms,
                    message=one.text,
                    exit_code=int(code) if code.isascii() and code.isdigit() and len(code) < 4 else None,
                    ordinal=ordinal,
                    labels={name: text for name, text in labels.items() if text},
                    ci=msgspec.structs.replace(context, source=Source.GITHUB_ANNOTATION),
                )
            )
        )
