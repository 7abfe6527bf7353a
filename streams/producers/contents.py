"""The failures of all that one input holds: of itself, or of each member of what is packed in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import msgspec

from streams.contract.errors import UnreadableInput
from streams.contract.failure import Ci, Failure
from streams.producers.formats import LOG, NOTHING_FOUND, Records, records_of
from streams.producers.joblog import read_log
from streams.producers.junit import read_junit
from streams.producers.lines import lines_of
from streams.producers.packed import PackedLimits, Part, head_of, parts
from streams.producers.report import Limits, Notes

MEMBERS_TOLD_MAX: Final = 20
"""Members of which the notes are given one by one; those of further ones are counted."""
MEMBER: Final = "member"
"""The label with the name of the member, and so the place of `ci.log_lines`."""

Read = Callable[[Part, Ci], Records]


def read_any(part: Part, context: Ci, *, occurred_at_ms: int) -> Records:
    """The records of a report of any known format; of a log where a member's name says that it is one."""
    if part.steps is None:
        return records_of(part.stream, context, occurred_at_ms=occurred_at_ms)
    notes = Notes()
    found = lines_of(part.stream, Limits(), notes)
    return Records.of_log(read_log(found, context, occurred_at_ms=occurred_at_ms, steps=part.steps), notes)


def read_junit_in(part: Part, context: Ci, *, occurred_at_ms: int) -> Records:
    """The records of a JUnit report.

    Raises:
        UnreadableInput: no report, or a member that is no XML at all.
    """
    if part.name and not head_of(part.stream).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(
        (b"<", b"\xff\xfe", b"\xfe\xff")
    ):
        raise UnreadableInput("no XML, so it was not read as a report")
    return Records.of_report(read_junit(part.stream), context, occurred_at_ms=occurred_at_ms)


class Contents(Iterator[Failure]):
    """The failures, once: iterate over them, then look at the rest. Nothing but the beginning is read before."""

    def __init__(self, stream: BinaryIO, context: Ci, read: Read, *, limits: PackedLimits | None = None) -> None:
        """`read` gives the records of one part; a part that it refuses is a note, unless it is the input itself.

        `stream` is buffered or can seek, at its beginning. `context` says where the input came from; the job of a
        member that is a job's log is the job that its name tells.
        """
        self.forms: list[str] = []
        """The formats that were read, each once, in the order in which they came."""
        self.cases = 0
        self.flakes = 0
        self.read = 0
        """Texts that were read."""
        self._notes: list[str] = []
        self._more = Notes()
        self._told: set[str] = set()
        self._untold = 0
        self._refused: list[str] = []
        self._found = self._all(parts(stream, limits or PackedLimits(), self._more), context, read)

    def __next__(self) -> Failure:
        """The next failure.

        Raises:
            UnreadableInput: the input cannot be read, or nothing that is packed in it can.
        """
        return next(self._found)

    @property
    def form(self) -> str:
        """The names of the formats."""
        return ", ".join(self.forms)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of what was read, in sentences, with the member's name. Complete once iterated."""
        return (*self._notes, *((f"{self._untold} more notes of other entries",) if self._untold else ()))

    @property
    def damage(self) -> tuple[str, ...]:
        """What could not be unpacked or read at all. Complete once iterated."""
        return (*self._refused, *self._more.told())

    def _all(self, found: Iterator[Part], context: Ci, read: Read) -> Iterator[Failure]:
        is_empty = True
        for part in found:
            own = msgspec.structs.replace(context, job_id=part.job, job_name=part.job) if part.job else context
            try:
                records = read(part, own)
                for failure in records:
                    is_empty = False
                    yield _labelled(failure, part.name) if part.name else failure
            except UnreadableInput as error:
                if not part.name:
                    raise
                self._refuse(part.name, str(error))
            else:
                self._add(part, records)
        if not self.read:
            raise UnreadableInput(": ".join(["nothing in it can be read", *self.damage[:1]]))
        if is_empty and self.forms == [LOG]:
            self._notes.insert(0, NOTHING_FOUND)

    def _add(self, part: Part, records: Records) -> None:
        self.read += 1
        if records.form not in self.forms:
            self.forms.append(records.form)
        self.cases += records.cases
        self.flakes += records.flakes
        for note in records.notes:
            if note != NOTHING_FOUND:
                self._note(part.name, note)

    def _refuse(self, name: str, reason: str) -> None:
        if len(self._refused) < MEMBERS_TOLD_MAX:
            self._refused.append(f"{name}: {reason}")
        else:
            self._more.add("entries that cannot be read, beyond those that are named")

    def _note(self, name: str, note: str) -> None:
        if not name:
            self._notes.append(note)
        elif name in self._told or len(self._told) < MEMBERS_TOLD_MAX:
            self._told.add(name)
            self._notes.append(f"{name}: {note}")
        else:
            self._untold += 1


def _labelled(failure: Failure, name: str) -> Failure:
    return msgspec.structs.replace(failure, labels={**failure.labels, MEMBER: name})
