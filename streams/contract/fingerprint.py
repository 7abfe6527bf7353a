"""A fingerprint: which failures are one problem, at three levels, with the parts that explain it."""

from __future__ import annotations

from msgspec import Struct


class Part(Struct, frozen=True):
    """One thing that went into a fingerprint (or was kept out, when `rule` says so)."""

    name: str
    value: str
    rule: str
    """The rule that kept or masked it."""


class Fingerprint(Struct, frozen=True):
    """Coarse to fine: `class_value` (was there ever the like), `value` (one problem), `site_value` (which place).

    Each is the version, a dot and 26 letters of base32. `value` is the key of verdicts and counts.
    """

    value: str
    version: str
    class_value: str
    site_value: str
    template: str
    """The message with typed placeholders in place of what varies."""
    parts: tuple[Part, ...]
    """What went in, in order."""
