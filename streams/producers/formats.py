"""Which format a report has, told by its content, and the records of it.

A name or a content type may lie, and a report of one tool comes under many names. The beginning tells: the root of XML,
the members of JSON, the words with which a test protocol or an image's build begins. Any other text is read as a log.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, Self

from streams.contract.errors import UnreadableInput
from streams.contract.failure import Ci, Failure
from streams.producers.annotations import read_annotation_lines, read_annotations
from streams.producers.buildkit import read_buildkit
from streams.producers.cargo import read_cargo
from streams.producers.gotest import read_gotest
from streams.producers.image_build import read_image_build
from streams.producers.joblog import LogReading, read_log
from streams.producers.jsreports import read_jest, read_mocha
from streams.producers.junit import read_junit
from streams.producers.libtest import read_libtest
from streams.producers.lines import lines_of
from streams.producers.report import Limits, Notes, Reading, cleaned, failures
from streams.producers.tap import read_tap
from streams.producers.trx import read_trx
from streams.producers.xml_events import encoding_of

HEAD_BYTES: Final = 64 * 1024
"""So much of the beginning tells the format."""
CONTROLS_SHARE: Final = 0.3
UNDECODED_SHARE: Final = 0.05
"""What begins with a zero byte somewhere, and with more control characters or more that is no UTF-8, is binary: of
programs and pictures it is several times as much, of logs with lines in UTF-16 between others less.
"""
OBJECTS_SHARE: Final = 0.2
"""With fewer lines of a protocol of JSON it is a log in which a tool printed some; with other lines, so is a report."""
LOG: Final = "log"
NOTHING_FOUND: Final = "nothing in it says why a job failed"

Reader = Callable[..., Reading]

_STAMP: Final = r"(?:\ufeff?\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)? )?"
_CONTROLS: Final = re.compile(r"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_ROOT: Final = re.compile(r"<([^\W\d][\w.:\-]*)")
_INTRODUCTION: Final = re.compile(r"(?>\s+|<\?[^>]*>|<!--(?:(?!-->).)*-->)*", re.DOTALL)
_ROOTS: Final[dict[str, Reader]] = {"TestRun": read_trx}
_FOREIGN_ROOTS: Final = {
    "test-run": "NUnit's own XML; let it write TRX or JUnit (`--logger trx`, `--logger junit`)",
    "test-results": "NUnit 2's own XML; convert it to JUnit",
    "assemblies": "xUnit's own XML; let it write TRX or JUnit (`--logger trx`, `-jUnit`)",
    "coverage": "a coverage report, which tells of no failure",
    "checkstyle": "a Checkstyle report; its findings are not read yet",
    "html": "a page; name the report itself",
}
_JSON: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = (
    (re.compile(rf'^{_STAMP}\{{"(?:vertexes|statuses|logs|warnings)":\s*\[', re.MULTILINE), read_buildkit),
    (re.compile(r'\{"(?:Time|ImportPath)":\s?"[^"]*",\s?"Action":\s?"|\{"Action":\s?"'), read_gotest),
    (
        re.compile(r'\{"reason":\s*"(?:compiler-message|compiler-artifact|build-script-executed|build-finished)"'),
        read_cargo,
    ),
    (re.compile(rf'^{_STAMP}\{{\s*"type":\s*"(?:suite|test|bench)",\s*"(?:event|name)":', re.MULTILINE), read_libtest),
)
"""One object a line, maybe with other lines between."""
_DOCUMENTS: Final[tuple[tuple[re.Pattern[str], Reader], ...]] = (
    (re.compile(r'"(?:numFailedTests|numTotalTestSuites|numFailedTestSuites|testResults)"\s*:'), read_jest),
    (re.compile(r'^\s*\{\s*"stats"\s*:\s*\{\s*"suites"\s*:'), read_mocha),
)
_DOCUMENT: Final = re.compile(r"\{\s*[\"}]|\[\s*[\[{\]]")
"""How a JSON document begins; a log that begins with `[INFO]` is none."""
_NESTED: Final = re.compile(r"\[\s*\[")
_ANNOTATED: Final = re.compile(r'"(?:annotation_level|annotationLevel|s_annotation_messages)"\s*:')
_TAP: Final = re.compile(r"^TAP version 1\d\s*$", re.MULTILINE | re.IGNORECASE)
_TAP_PLAN: Final = re.compile(r"^1\.\.\d+(?:\s*#.*)?\s*$", re.MULTILINE)
_TAP_POINT: Final = re.compile(r"^(?:not )?ok(?: \d+)?(?: |\r?$)", re.MULTILINE)
_TAP_FIRST: Final = re.compile(r"\A(?>[ \t\r]*(?:#[^\n]*)?\n)*(?:not )?ok \d+(?: |\r?\n)")
_BUILD: Final = re.compile(
    rf"^{_STAMP}(?:#\d+ (?:\[|ERROR: |DONE )|\[\+\] Building \d|Step 1/\d+ : |(?:\[\d+/\d+\] )?STEP 1(?:/\d+)?: "
    r"|INFO\[\d+\] (?:Retrieving image|Resolved base name|Building stage))",
    re.MULTILINE,
)
_MARK: Final = r"##\[(?:group|section|command)\]|section_start:\d|travis_fold:|^\[Pipeline\]"
_JOB: Final = re.compile(_MARK, re.MULTILINE)
"""A log of a job, in which an image's build is but a part."""
_JOB_LINE: Final = re.compile(rf"^(?:{_MARK}|##\[error\]Process completed with exit code)", re.MULTILINE)
"""The same for a test protocol, whose tests may have names and comments with such marks in them."""


def is_binary(text: str) -> bool:
    """Whether what begins like this is no text; a log may hold zero bytes and lines in another encoding."""
    if "\0" not in text:
        return False
    controls = len(_CONTROLS.findall(text))
    return controls > CONTROLS_SHARE * len(text) or text.count("\ufffd") > UNDECODED_SHARE * len(text)


def reader_of(head: bytes) -> Reader | None:
    """The reader for what begins like this; None for what is read as a log.

    Raises:
        UnreadableInput: empty, binary, or of a format that is known and not read; says what to do.
    """
    text = head.decode(encoding_of(head), "replace").lstrip("\ufeff")
    begins = text.lstrip()
    if not begins and len(head) < HEAD_BYTES:
        raise UnreadableInput("nothing in it")
    if not begins:
        return None
    if begins[0] == "<":
        return _of_xml(text)
    if is_binary(text):
        raise UnreadableInput("not text (zero bytes near its beginning); unpack it first")
    if (reader := _of_lines(text)) is not None:
        return None if _JOB_LINE.search(cleaned(text)) else reader
    if _DOCUMENT.match(begins):
        return _of_document(begins)
    plain = cleaned(text)
    if _TAP.search(text) or _TAP_FIRST.search(text) or (_TAP_PLAN.search(text) and _TAP_POINT.search(text)):
        return None if _JOB_LINE.search(plain) else read_tap
    return read_image_build if _BUILD.search(plain) and not _JOB.search(plain) else None


def _of_lines(text: str) -> Reader | None:
    """The reader of one object a line, where such lines are no small part of the text."""
    for pattern, reader in _JSON:
        if found := pattern.search(text):
            filled = [line for line in text.split("\n") if line.strip()]
            told = sum(pattern.search(line) is not None for line in filled) if found.start() else len(filled)
            return reader if told >= OBJECTS_SHARE * len(filled) else None
    return None


def _of_xml(text: str) -> Reader:
    introduction = _INTRODUCTION.match(text)
    root = _ROOT.match(text, introduction.end() if introduction is not None else 0)
    name = root.group(1).rpartition(":")[2] if root is not None else ""
    if name.lower() in _FOREIGN_ROOTS:
        raise UnreadableInput(f"this is {_FOREIGN_ROOTS[name.lower()]}")
    return _ROOTS.get(name, read_junit)


def _of_document(begins: str) -> Reader:
    for pattern, reader in _DOCUMENTS:
        if pattern.search(begins):
            return reader
    if _NESTED.match(begins):
        raise UnreadableInput("a list of lists; leave `--slurp` out, or send one list at a time")
    first = begins.partition("\n")[0].rstrip()
    if _ANNOTATED.search(begins):
        is_lines = begins[0] == "{" and first.endswith("}")
        return read_annotation_lines if is_lines else read_annotations
    if begins.rstrip() == "[]":
        return read_annotations
    raise UnreadableInput(
        "JSON of a format that is not known; read are go test, libtest, cargo, Jest, Vitest, Mocha, BuildKit and "
        "annotations; records go to `publish event`"
    )


class _Ahead(io.RawIOBase):
    """A stream of which the beginning was read already."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        super().__init__()
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed asks for any buffer
        data = self._head[: len(buffer)] or self._stream.read(len(buffer))
        self._head = self._head[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def ahead(stream: BinaryIO) -> tuple[bytes, io.BufferedReader]:
    """The first HEAD_BYTES of a stream, which tell its format, and all of it again as a stream."""
    head = b""
    while len(head) < HEAD_BYTES and (more := stream.read(HEAD_BYTES - len(head))):
        head += more
    return head, io.BufferedReader(_Ahead(head, stream), HEAD_BYTES)


class Records(Iterator[Failure]):
    """The failures of one report, once: iterate over it, then look at the rest."""

    def __init__(self, found: Iterator[Failure], reading: Reading | LogReading, more: Notes) -> None:
        self._found = found
        self._reading = reading
        self._more = more
        self._is_empty = True

    @classmethod
    def of_log(cls, log: LogReading, more: Notes | None = None) -> Self:
        """Of a log; `more` is what was lost before it was read as one."""
        return cls(log, log, more or Notes())

    @classmethod
    def of_report(cls, reading: Reading, context: Ci, *, occurred_at_ms: int) -> Self:
        """Of a report; `context` says where it ran."""
        return cls(failures(reading, context, occurred_at_ms=occurred_at_ms), reading, Notes())

    def __next__(self) -> Failure:
        """The next failure.

        Raises:
            UnreadableInput: the report is not of the format that it begins like.
        """
        failure = next(self._found)
        self._is_empty = False
        return failure

    @property
    def form(self) -> str:
        """The name of the format."""
        return self._reading.form if isinstance(self._reading, Reading) else LOG

    @property
    def cases(self) -> int:
        """Test cases or steps that were seen; 0 for a log."""
        return self._reading.cases if isinstance(self._reading, Reading) else 0

    @property
    def flakes(self) -> int:
        """Cases that failed first and passed in the end; they are no failures."""
        return self._reading.flakes if isinstance(self._reading, Reading) else 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was lost or stepped over, in sentences. Complete once iterated."""
        nothing = (NOTHING_FOUND,) if self.form == LOG and self._is_empty else ()
        return (*nothing, *self._reading.notes, *self._more.told())


def records_of(stream: BinaryIO, context: Ci, *, occurred_at_ms: int, limits: Limits | None = None) -> Records:
    """The failures that a report of any known format tells of; `context` says where it ran.

    Reads the first HEAD_BYTES at once, the rest while it is iterated over.

    Raises:
        UnreadableInput: empty, binary, or of a format that is not read; says what to do.
    """
    limits = limits or Limits()
    head, whole = ahead(stream)
    notes = Notes()
    reader = reader_of(head)
    if reader is None:
        return Records.of_log(read_log(lines_of(whole, limits, notes), context, occurred_at_ms=occurred_at_ms), notes)
    return Records.of_report(reader(whole, limits=limits), context, occurred_at_ms=occurred_at_ms)
