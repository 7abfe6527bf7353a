"""Severity words of no tool in particular: tried last."""

from __future__ import annotations

from typing import Final

from streams.core.extract.rule import rule

RULES: Final = (
    rule("generic.absent", "missing", r"^\s*(?:MISSING|[Mm]issing)\b.*[:!]", 0.46),
    rule("generic.fatal", "fatal", r"^\s*\[?fatal\]?\b|\bFATAL\b", 0.62, before=1, after=3),
    rule(
        "generic.error",
        "error",
        r"^\s*+\d*+\s*+(?:\[?(?:ERROR|Error|error)\]?\s*+[:!\-|\]]\s*\S|(?:ERROR|Error)\b)",
        0.6,
        after=3,
    ),
    rule("generic.failed", "fail", r"^\s*(?:FAIL(?:ED|URE)?|Failed|failed)\b", 0.58, after=3),
    rule("generic.exception", "exception", r"\b[A-Z]\w+Exception\b", 0.5, after=3),
    rule("generic.named", "error", r"\b[A-Z]\w+Error\b", 0.48, after=2),
    rule("generic.level", "error", r"\bERROR\b|\berror:", 0.48, after=2),
    rule("generic.fails", "fail", r"\bFAIL(?:ED|URES?)?\b|\bfailed(?:[.!:]|\s*$)", 0.47, before=1, after=1),
    rule("generic.abort", "abort", r"(?i)\baborted\b|\baborting\b", 0.45, before=2),
    rule("generic.cannot", "cannot", r"\b[Cc]annot\b", 0.4),
    rule("generic.unable", "unable to", r"(?i)\bunable to\b", 0.42),
    rule("generic.couldnot", "could not", r"(?i)\bcould not\b", 0.42),
    rule("generic.missing", "not found", r"(?i)\bnot found\b", 0.4),
    rule("generic.refused", "refus", r"(?i)\brefus(?:ed|ing) to\b", 0.5),
    rule("generic.unexpected", "unexpected", r"(?i)\bunexpected\b", 0.36),
    rule("generic.bad", "invalid", r"(?i)\binvalid\b", 0.36),
    rule("generic.exceeds", "more than", r"(?i)\bmore than the\b.*\b(?:max|limit|allow)|\bexceeds? the\b", 0.45),
    rule(
        "generic.exit",
        "exit",
        r"(?i)\bexit(?:ed)?(?: with)? (?:code|status)[:= ]+[1-9]\d*|\bnon-?zero exit",
        0.2,
        consequence=True,
    ),
)
