"""A file that another process still writes, read as it grows."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Final

from streams.cli.interrupt import Stop
from streams.cli.screen import line, tell

POLL_S: Final = 0.2
"""Between two looks at whether there is more."""


class Growing(io.RawIOBase):
    """The bytes of the file from its beginning. It ends at Ctrl-C, or when `stop` has another reason, or when the
    log is another one from here on: the name means another file now (rotated), or the file became shorter (truncated).

    A file that was truncated and has grown beyond its former length between two looks is not told from one that grew.
    """

    def __init__(self, path: Path, stop: Stop) -> None:
        """Raises: OSError."""
        super().__init__()
        self._path = path
        self._stop = stop
        self._file = path.open("rb", buffering=0)
        self._is_gone = False
        self._is_said = False
        self.renewed = ""
        """Why another log begins here; empty when none does."""
        stop.listen()

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffered reader gives a memoryview
        """Whatever there is, at most what fits; waits for more at the end; 0 when there will be none."""
        while not self.renewed and (left_s := self._stop.left_s()) > 0:
            change = self._change()  # before reading: what was written until the change still belongs to this log
            count = int(self._file.readinto(buffer) or 0) if change != "truncated" else 0
            if count:
                return count
            if change:
                self.renewed = change
            else:
                time.sleep(min(POLL_S, left_s))
        if self._stop.reason and not self._is_said:  # a reader may ask for the end twice
            self._is_said = True
            tell(f"{line(str(self._path))}: reading stopped ({self._stop.reason}); what came so far counts")
        self._stop.leave()
        return 0

    def _change(self) -> str:
        own = os.fstat(self._file.fileno())
        if own.st_size < self._file.tell():
            return "truncated"
        try:
            named = self._path.stat()
        except OSError:
            if not self._is_gone:
                tell(f"{line(str(self._path))}: the file is gone; waiting for more of it, or for another of its name")
            self._is_gone = True
            return ""
        return "" if (named.st_dev, named.st_ino) == (own.st_dev, own.st_ino) else "rotated"

    def close(self) -> None:
        """Ctrl-C is no longer ours."""
        self._stop.leave()
        self._file.close()
        super().close()
