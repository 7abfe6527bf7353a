"""Ctrl-C, which must never print a traceback: the process leaves at once, ends what it began, or stops reading.

1. From the first line of the program on, before anything is imported: it leaves at once (`leaves_at_once`).
2. A command that has something to end asks for the exception instead (`raises`).
3. Standard input that is being read is only given up, so that what came so far is not lost (`Stop`).
"""

from __future__ import annotations

import os
import signal
import time

TYPE_CHECKING = False  # what `typing` says, without importing it: this is loaded before anything else
if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130
"""Exit status, as shells give it to a program that SIGINT ended."""
READING_S_MAX = 6 * 3600.0
"""Standard input is read for so long where no deadline is given: it ends when the job that writes it ends."""


def _leave(_number: int, _frame: FrameType | None) -> None:
    # Not an exception: one that is raised while a module is imported may be swallowed or printed on its way.
    os._exit(INTERRUPTED)


def leaves_at_once() -> None:
    """From here on Ctrl-C ends the process without a word. Does nothing where it is ignored, as under `nohup`."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def raises() -> None:
    """From here on Ctrl-C is a KeyboardInterrupt again, so that what was begun is ended well."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Stop:
    """Why and when to stop reading what does not end by itself; one for all inputs of a command."""

    def __init__(self, deadline_s: float = READING_S_MAX) -> None:
        """`deadline_s`: for all reading together, from now on."""
        self.reason = ""
        """Empty while there is none."""
        self._deadline_s = deadline_s
        self._ends_s = time.monotonic() + deadline_s
        self._before: signal._HANDLER = None

    def listen(self) -> None:
        """From here on the first Ctrl-C is a reason to stop, and the second an exception. `leave` undoes it."""
        if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _leave):
            self._before = signal.signal(signal.SIGINT, self._asked)

    def leave(self) -> None:
        """Ctrl-C means again what it meant before `listen`."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def left_s(self) -> float:
        """Seconds that are left for reading; 0.0 once there is a reason to stop."""
        left_s = self._ends_s - time.monotonic()
        if left_s <= 0 and not self.reason:
            self.reason = f"it did not end within {self._deadline_s:g} s"
        return 0.0 if self.reason else left_s

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self.reason = "Ctrl-C"
        signal.signal(signal.SIGINT, signal.default_int_handler)
