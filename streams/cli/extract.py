"""`faultline extract`: the lines of a log that say why its job failed, most likely cause first. Sends nothing.

The exit status is that of a search: 0 when something was found, 1 when not, 2 when the input cannot be read.
"""

from __future__ import annotations

import sys
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, cast

import typer

from streams.cli import options
from streams.cli.screen import line, say, tell

if TYPE_CHECKING:
    from streams.cli.inputs import Input
    from streams.cli.interrupt import Stop
    from streams.core.extract.baseline import Baseline
    from streams.producers.excerpts import Excerpt, Place, Watch
    from streams.producers.packed import Part

FOUND, NOTHING, UNREADABLE = 0, 1, 2
LIMIT: Final = 20
BLOCKS_MAX: Final = 1000
"""Of all logs of one input together."""
LOG: Final = "log"


def add_to(app: typer.Typer) -> None:
    """Add `extract`."""
    app.command(
        "extract",
        epilog="\b\nExamples:\n  faultline extract job.log\n  make 2>&1 | faultline extract -\n"
        "  faultline extract job.log --baseline passed.log --json\n  faultline extract build.log --follow\n\n"
        "Exit status: 0 something was found, 1 nothing, 2 the input cannot be read.",
    )(_extract)


def _extract(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A log or a report; gzip and zip, too.")],
    *,
    baseline: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Log of a run that passed: what it says is no reason. Several times."),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Read on as the log grows; tell a cause as soon as it is certain."),
    ] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="The job failed: look for the reason even where its log does not say so.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=BLOCKS_MAX, help="Blocks of each log that are told.")] = LIMIT,
    as_json: options.Json = False,
) -> None:
    """Show the lines of a log that say why it failed.

    Most likely cause first, with the numbers that the lines have in the log, the line that says why marked.
    Nothing for a log of a job that passed, as far as the log says; --failed knows better.
    Sends nothing; `publish log` sends the same.
    """
    from streams.contract.errors import FaultlineError

    try:
        command = _Command(file, _together(baseline or []), failed=failed or None, limit=limit, as_json=as_json)
        raise typer.Exit(command.follow() if follow else command.read())
    except FaultlineError as error:
        tell(line(str(error)))
    except BrokenPipeError:
        raise  # of what is written to
    except OSError as error:
        tell(line(f"{file}: {error.strerror or error}"))
    raise typer.Exit(UNREADABLE)


def _together(paths: list[Path]) -> Baseline | None:
    """What the logs of passing runs say together, the newest last. Raises: UnreadableInput."""
    if not paths:
        return None
    from streams.cli.baselines import from_file

    return reduce(lambda older, newer: older.merge(newer), map(from_file, paths))


class _Command:
    """One call."""

    def __init__(self, file: str, baseline: Baseline | None, *, failed: bool | None, limit: int, as_json: bool) -> None:
        from streams.cli.interrupt import Stop
        from streams.cli.shown_excerpts import is_coloured

        self._stop: Stop = Stop()
        self._baseline = baseline
        self._failed = failed
        """What the caller knows of the job; None where the log's own word counts."""
        self._limit = limit
        self._as_json = as_json
        self._coloured = is_coloured() and not as_json
        self._found: list[Excerpt] = []
        self._notes: list[str] = []
        self._formats: list[str] = []
        self._lines = 0
        self._input = self._named(file)

    def _named(self, file: str) -> Input:
        from streams.cli.inputs import STDIN, Input

        return Input(
            "standard input" if file == STDIN else file, None if file == STDIN else Path(file), self._stop, "*.log"
        )

    def read(self) -> int:
        """Reads the input to its end, then shows what it says; returns the exit status."""
        from streams.contract.errors import UnreadableInput

        name = self._input.name
        with self._input.open(packed=True) as stream:
            try:
                self._take_all(stream)
            except UnreadableInput as error:
                raise UnreadableInput(f"{name}: {error}") from error
        return self._end()

    def _take_all(self, stream: BinaryIO) -> None:
        from streams.contract.errors import UnreadableInput
        from streams.producers.contents import MEMBERS_TOLD_MAX
        from streams.producers.packed import PackedLimits, parts
        from streams.producers.report import Notes

        damage, refused = Notes(), list[str]()
        for part in parts(stream, PackedLimits(), damage):
            if len(self._found) >= BLOCKS_MAX:
                damage.add(f"{BLOCKS_MAX} blocks are told; from {part.name} on nothing was read: name one log")
                break
            try:
                self._take(part)
            except UnreadableInput as error:
                if not part.name:
                    raise
                if len(refused) < MEMBERS_TOLD_MAX:
                    refused.append(f"{part.name}: {error}")
                else:
                    damage.add("entries that cannot be read, beyond those that are named")
        self._notes += [*refused, *damage.told()]
        if self._failed and any(one.member for one in self._found):
            self._notes.append("--failed is for the log of one job; of an archive each log's own word counts")
        if not self._formats:
            raise UnreadableInput(": ".join(["nothing in it can be read", *self._notes[:1]]))

    def _take(self, part: Part) -> None:
        from streams.cli.inputs import pieces
        from streams.producers.excerpts import Place, of_log, of_report
        from streams.producers.formats import ahead, records_of

        place = Place(member=part.name, job=part.job, steps=part.steps)
        head, stream = ahead(part.stream)
        if part.steps is not None or _is_log(head):
            failed = None if part.name else self._failed
            found, notes, count = of_log(pieces(stream), place, self._baseline, failed=failed)
            self._lines += count
            form = LOG
        else:
            from streams.contract.failure import Ci

            records = records_of(stream, Ci(), occurred_at_ms=0)
            found, form = list(of_report(records, place)), records.form
            notes = list(records.notes)
        self._formats += [form] if form not in self._formats else []
        self._keep(found, notes, place)

    def _keep(self, found: list[Excerpt], notes: list[str], place: Place) -> None:
        room = min(self._limit, BLOCKS_MAX - len(self._found))
        if len(found) > room:
            advice = "name one log" if room < self._limit else f"--limit {min(BLOCKS_MAX, len(found))} tells of them"
            notes = [*notes, f"{len(found) - room} more blocks; {advice}"]
        self._found += found[:room]
        self._notes += [f"{place.member}: {note}" if place.member else note for note in notes]

    def _end(self) -> int:
        if self._as_json:
            self._say_json()
        else:
            self._say(self._found)
            self._tell_notes()
            if not self._found:
                way_out = "; if it did, say so with --failed" if LOG in self._formats and not self._failed else ""
                forms = ", ".join(self._formats)
                tell(line(f"{self._input.name}: read as {forms}; nothing in it says that it failed{way_out}"))
        return FOUND if self._found else NOTHING

    def _tell_notes(self) -> None:
        for note in self._notes:
            tell(line(f"{self._input.name}: {note}"))

    def _say(self, found: list[Excerpt]) -> None:
        from streams.cli.shown_excerpts import text_of

        member = ""
        for n, excerpt in enumerate(found):
            if excerpt.member != member:
                member = excerpt.member
                say(f"{'' if not n else chr(10)}{line(member)}{f' (job {line(excerpt.job)})' if excerpt.job else ''}\n")
            elif n:
                say()
            say(text_of(excerpt, coloured=self._coloured))

    def _say_json(self) -> None:
        import msgspec

        told = {
            "input": self._input.name,
            "format": ", ".join(self._formats),
            "lines": self._lines,
            "blocks": self._found,
            "notes": [*self._notes, *([f"reading stopped ({self._stop.reason})"] if self._stop.reason else [])],
        }
        say(msgspec.json.encode(told).decode())

    def follow(self) -> int:
        """Reads the log as it grows, and tells what is certain at once; returns the exit status.

        A log that was rotated or truncated is at its end, and the next one begins with line 1.
        """
        status = NOTHING
        while True:
            renewed, found = self._follow_one()
            status = FOUND if found else status
            if not renewed:
                return status
            tell(line(f"{self._input.name}: the log was {renewed}; what follows is another one, from its line 1"))

    def _follow_one(self) -> tuple[str, bool]:
        """One log to its end; why another one begins after it, and whether something was found."""
        import io

        from streams.cli.growing import Growing
        from streams.cli.inputs import READ_BYTES, pieces
        from streams.core.extract.chunks import chunks
        from streams.producers.excerpts import Place, Watch

        self._found, self._notes, self._formats, self._lines = [], [], [LOG], 0
        path = self._input.path
        growing = Growing(path, self._stop) if path is not None and path.is_file() else None
        opened = self._input.open() if growing is None else cast(BinaryIO, io.BufferedReader(growing, READ_BYTES))
        watch = Watch(Place(), self._baseline)
        with opened as stream:
            self._check(stream)
            for chunk in chunks(pieces(stream)):
                if (found := watch.feed(chunk)) and len(watch.told) <= self._limit:
                    self._tell_certain(found)
        self._lines = watch.lines
        every, notes = watch.end(failed=self._failed)
        self._keep(every, notes, Place())
        self._end_follow(watch)
        return "" if growing is None or self._stop.reason else growing.renewed, bool(every)

    def _check(self, stream: BinaryIO) -> None:
        """Raises: UnreadableInput for what is no log."""
        from streams.cli.inputs import not_text
        from streams.contract.errors import UnreadableInput
        from streams.producers.packed import head_of

        head = head_of(stream)
        reason = not_text(head) if head else ""
        if head and not reason and not _is_log(head):
            reason = "a report; it is read when it is complete, without --follow"
        if reason:
            raise UnreadableInput(f"{self._input.name}: {reason}")

    def _tell_certain(self, found: list[Excerpt]) -> None:
        import msgspec

        from streams.cli.shown_excerpts import text_of

        for excerpt in found:
            if self._as_json:
                say(msgspec.json.encode({"certain": excerpt}).decode())
            else:
                say(f"certain by now:\n{text_of(excerpt, coloured=self._coloured)}\n")
        sys.stdout.flush()

    def _end_follow(self, watch: Watch) -> None:
        if watch.told and not self._found:
            self._notes.append("the log ends as one of a job that passed: what was told before made nothing fail")
        if self._as_json:
            self._say_json()
        elif [one.evidence_line for one in watch.told] == [one.evidence_line for one in self._found] != []:
            say(f"{watch.lines} lines: in all {len(self._found)}, as above")
            self._tell_notes()
        else:
            if watch.told and self._found:
                say(f"{watch.lines} lines: in all {len(self._found)}, most likely cause first\n")
            self._end()
        sys.stdout.flush()


def _is_log(head: bytes) -> bool:
    """Whether what begins like this is read as a log: any text that is no report, and what image builders print.

    Raises: UnreadableInput for what is neither; says what to do.
    """
    from streams.cli.inputs import not_text
    from streams.contract.errors import UnreadableInput
    from streams.producers.formats import reader_of
    from streams.producers.image_build import read_image_build

    try:
        return reader_of(head) in {None, read_image_build}
    except UnreadableInput:
        if not_text(head) or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            raise
        return True  # lines of JSON of no report are the log of a service
