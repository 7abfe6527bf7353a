"""What the fold stage did with an input partition since it first read it.

The counts are kept beside the committed offset, as its metadata, and written in the same transaction: so they survive
every restart, and stand for exactly the records before that offset. `faultline status` reads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORM = re.compile(r"faultline1 folded=(\d{1,18}) repeats=(\d{1,18}) rejected=(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Counts:
    """Items of one input partition, or of several together."""

    folded: int = 0
    """Failures that were fingerprinted and folded."""
    repeats: int = 0
    """Failures dropped because their id had come before."""
    rejected: int = 0
    """Records, and parts of records, that could not be read."""

    @property
    def read(self) -> int:
        """All of them."""
        return self.folded + self.repeats + self.rejected

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.folded + other.folded, self.repeats + other.repeats, self.rejected + other.rejected)

    def metadata(self) -> str:
        """As it stands beside an offset."""
        return f"faultline1 folded={self.folded} repeats={self.repeats} rejected={self.rejected}"

    @classmethod
    def of(cls, metadata: str) -> Counts:
        """As it was kept; nothing where somebody else committed the offset, so that counting begins anew there."""
        found = _FORM.fullmatch(metadata)
        return cls(*map(int, found.groups())) if found else cls()
