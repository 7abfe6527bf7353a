"""Standard input, or another stream that ends when somebody else wants: read until its end or a reason to stop."""

from __future__ import annotations

import io
import select
from typing import Any, Final

from streams.cli.interrupt import Stop
from streams.cli.screen import line, tell

SLICE_S: Final = 0.2
"""How long one wait may take before the reasons to stop are looked at again."""


class Pipe(io.RawIOBase):
    """`raw` with an end: where it ends, or where `stop` has a reason, which is said and which its reader asks for.

    Ctrl-C stops the reading, from the first byte until the end or `close`.
    """

    def __init__(self, raw: Any, stop: Stop, *, name: str, owned: bool = False) -> None:
        """`raw` has the `readinto` and `fileno` of a binary file. `owned`: closing this closes it too."""
        super().__init__()
        self._name = name
        self._owned = owned
        self._is_said = False
        self._raw = raw
        self._stop = stop
        try:
            self._number: int | None = raw.fileno()
        except OSError:  # not a file of the system, so nothing to wait for
            self._number = None
        stop.listen()

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffered reader gives a memoryview
        """Whatever there is, at most what fits; 0 at the end."""
        count = self._read(buffer)
        if not count:
            self._stop.leave()
        return count

    def _read(self, buffer: memoryview) -> int:
        while (left_s := self._stop.left_s()) > 0:
            if self._number is None or select.select([self._number], [], [], min(left_s, SLICE_S))[0]:
                return int(self._raw.readinto(buffer) or 0)
        if not self._is_said:  # a reader may ask for the end twice
            self._is_said = True
            tell(f"{line(self._name)}: reading stopped ({self._stop.reason}); what came so far counts")
        return 0

    def close(self) -> None:
        """Ctrl-C is no longer ours."""
        self._stop.leave()
        if self._owned:
            self._raw.close()
        super().close()
