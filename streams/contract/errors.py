"""The errors of faultline, named by what the reader of the error should do.

FaultlineError
├── ConfigurationError          whoever starts it: change a setting; every fault is in the one message
│   ├── DirectoryInUse          another process works on this data directory
│   └── TooManyRejected         too much of an input cannot be read: mend its sender, or let it pass by a setting
├── MalformedRecord             whoever sent it: never send this again as it is
│   ├── UnknownVersion          a newer writer: upgrade the reader
│   └── RecordTooLarge          cut it, or send it in parts
├── UnreadableInput             whoever named the input: a file that is missing, a directory, not of the format
├── LogFull                     the sender: later, after `retry_after_s`
├── SinkUnavailable             the worker: later, after `retry_after_s`
└── CursorBroken                the operator: an input record was skipped or repeated; restart from the table
"""

from __future__ import annotations


class FaultlineError(Exception):
    """Base of every error that faultline raises on purpose; its text is fit to be shown to a person."""


class ConfigurationError(FaultlineError):
    """Something that was set is wrong. The message lists every fault, one a line, each with its way out."""


class DirectoryInUse(ConfigurationError):
    """Another process holds the data directory; the message names it."""


class TooManyRejected(ConfigurationError):
    """So much of an input cannot be read that going on would only empty it into the rejected topic."""


class MalformedRecord(FaultlineError):
    """These bytes are not a record of the expected kind, and sending them again will not help.

    `place` is where the fault is (a JSON path such as `$.failures[3].message`, or a line), empty when it is the whole.
    """

    def __init__(self, reason: str, *, place: str = "") -> None:
        super().__init__(f"{reason} (at {place})" if place else reason)
        self.reason = reason
        self.place = place


class UnknownVersion(MalformedRecord):
    """The record says a version that this program does not know."""


class RecordTooLarge(MalformedRecord):
    """Larger than `limit_bytes`."""

    def __init__(self, reason: str, *, limit_bytes: int, place: str = "") -> None:
        super().__init__(reason, place=place)
        self.limit_bytes = limit_bytes


class UnreadableInput(FaultlineError):
    """A producer cannot read what it was given; the message names the input, the place and the way out."""


class LogFull(FaultlineError):
    """The log is behind its bound; nothing was taken. Try again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SinkUnavailable(FaultlineError):
    """The store did not take the batch; nothing is lost. Try again after `retry_after_s` seconds."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CursorBroken(FaultlineError):
    """A batch does not follow the one before it, so a record was skipped or repeated.

    Nothing is repaired in a running process: it ends, and starts again from the position in its table.
    """
