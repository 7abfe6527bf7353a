"""The rows of the tables.

Those that are written for every failure are MessagePack arrays: a field may be added at the end, with a default.
"""

from __future__ import annotations

from msgspec import Struct

from streams.contract.failure import Origin
from streams.contract.fingerprint import Fingerprint, Part
from streams.contract.fold import BriefSample, Cursor
from streams.contract.verdict import Verdict

EPOCH_MAX = 2**16 - 1


class FingerprintRow(Struct, array_like=True):
    """What is known of one fingerprint. A working copy: only the call that read it changes it."""

    origin: Origin
    count: int
    first_at_ms: int
    last_at_ms: int
    where: dict[str, int]
    verdict: Verdict
    verdict_version: int
    samples: tuple[BriefSample, ...]
    group: str = ""
    """As in `Classified`."""
    group_version: int = 0


class MarkRow(Struct, frozen=True, array_like=True):
    """A whole fingerprint; its value is the key. Written once, so it is apart from what every failure changes."""

    version: str
    class_value: str
    site_value: str
    template: str
    parts: tuple[tuple[str, str | None, str], ...]
    """Name, value, rule; None stands for the template, which is most of what there is."""

    @classmethod
    def of(cls, mark: Fingerprint) -> MarkRow:
        """The row of a fingerprint."""
        template = mark.template
        parts = ((part.name, None if part.value == template else part.value, part.rule) for part in mark.parts)
        return cls(mark.version, mark.class_value, mark.site_value, template, tuple(parts))

    def fingerprint(self, value: str) -> Fingerprint:
        """The fingerprint of that value."""
        template = self.template
        parts = (Part(name, template if text is None else text, rule) for name, text, rule in self.parts)
        return Fingerprint(value, self.version, self.class_value, self.site_value, template, tuple(parts))


class LifetimeRow(Struct, array_like=True):
    """Failures of one fingerprint in one dimension. A working copy."""

    count: int
    first_at_ms: int
    last_at_ms: int
    samples: tuple[BriefSample, ...]
    """Cut to PLACE_SAMPLE_CHARS_MAX."""


class WindowRow(Struct, array_like=True):
    """Failures of one fingerprint in one window. A working copy."""

    count: int
    first_at_ms: int
    last_at_ms: int
    where: dict[str, int]


class AskedRow(Struct, frozen=True, omit_defaults=True):
    """The llm was asked about a fingerprint, and there may be a reason to ask again. Gone once a verdict is to stay."""

    attempts: int
    """How often an `Unseen` went out."""
    again_ms: int
    """Not before this time."""
    answered: bool = False
    """Whether the last question got a verdict: then only a new failure makes it worth asking again."""


class PlacesRow(Struct, frozen=True):
    """The dimensions of one fingerprint that have a lifetime row, in the order they came."""

    names: tuple[str, ...] = ()


class PositionRow(Struct, frozen=True, omit_defaults=True):
    """How far a partition of the tables is: the only position that counts, written with the rows it stands for."""

    offset: int = -1
    """Of the last applied input record; -1 before the first."""
    watermark_ms: int = 0
    cursors: dict[str, Cursor] = {}
    """By source (`topic/partition`): the cursor of the last applied batch."""
    late: int = 0
    """Failures that came after their window's row was gone; they count in the lifetime rows alone."""
    pending: int = 0
    """Verdicts that wait for a failure of their fingerprint."""
    dropped_verdicts: int = 0
    """Verdicts that came while as many waited as may."""
    dropped_aliases: int = 0
    """Aliases of new pairs that came while as many were held as may."""
    epoch: int = 0
    """How often the tables were built anew, 0 to EPOCH_MAX: the higher part of every version that they give."""
    looked_ms: int = 0
    """The watermark when fingerprints that were not seen for long were looked for and forgotten."""
