"""What is packed in gzip or zip, as streams: told by content, in bounded memory, and nothing of it ever trusted.

A member's name is shown and never used as a path. What is refused, damaged or beyond a limit is a note, and what came
before it counts: a log that was cut off while it was packed still says why a job failed, as far as it goes.
Packed things inside of packed things are not read.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, NamedTuple, cast

from streams.contract.errors import UnreadableInput
from streams.core.clean import printable
from streams.producers.github_logs import JobLog, Steps, job_logs
from streams.producers.gzipped import MARK, PIECE_BYTES, GzipDamaged, Unpacking
from streams.producers.report import Notes

MIB: Final = 1024 * 1024
HEAD_BYTES: Final = 512
"""So much of the beginning tells whether something is packed."""
NAME_CHARS_MAX: Final = 200
_ENCRYPTED: Final = 0x1
_FOREIGN: Final = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!": "RAR",
}
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_TAR_AT: Final = 257
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Others are unpacked by the standard library without a bound on memory, or not at all."""
_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, struct.error, ValueError)
"""What the standard library raises for a zip that is damaged or made to harm; NotImplementedError is a RuntimeError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedLimits:
    """How much is unpacked. What is beyond is noted."""

    entries_max: int = 20_000
    """Of a zip; the log archive of a large matrix has some thousand."""
    directory_bytes_max: int = 4 * MIB
    """Of a zip's list of entries, which is held in memory (16 times as large)."""
    unpacked_bytes_max: int = 2048 * MIB
    """Of all that is packed in one input together."""
    ratio_max: int = 200
    """Unpacked bytes for a packed one, once more than `ratio_free_bytes` came out."""
    ratio_free_bytes: int = 64 * MIB
    gzip_members_max: int = 100_000
    """Gzip streams one after another; writers that pack in parallel make many."""


class Part(NamedTuple):
    """One text of an input: the input itself, or a member of what is packed."""

    name: str
    """Fit to be shown; "" for the input itself and for the one text in a gzip."""
    stream: BinaryIO
    """Buffered, with `peek`; to be read before the next part is asked for."""
    job: str = ""
    """The job whose log it is, where the member's name tells."""
    steps: Steps | None = None
    """Where the steps of the job begin in it, where the names of members tell."""


def form_of(head: bytes) -> str:
    """`gzip`, `zip` or the name of another packing; "" for what begins as nothing packed does."""
    if head.startswith(MARK):
        return "gzip"
    if head.startswith(_ZIP):
        return "zip"
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "tar"
    return next((name for mark, name in _FOREIGN.items() if head.startswith(mark)), "")


def head_of(stream: BinaryIO) -> bytes:
    """The first bytes of a stream, which stays at its beginning: one with `peek`, or one that can seek."""
    peek = getattr(stream, "peek", None)
    if peek is not None:
        return bytes(peek(HEAD_BYTES)[:HEAD_BYTES])
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    return head


def parts(stream: BinaryIO, limits: PackedLimits, notes: Notes) -> Iterator[Part]:
    """The texts of an input, one after another; the input itself where nothing is packed.

    `stream` is buffered and at its beginning; a zip wants one that can seek. `notes` are complete when it is over.
    Of a log archive of GitHub Actions: one log a job, see `github_logs`.

    Raises:
        UnreadableInput: packed in a form that is not read, or so damaged that nothing is left; says what to do.
    """
    form = form_of(head_of(stream))
    if not form:
        yield Part("", stream)
    elif form == "gzip":
        text = _text(_gunzipped(stream, _Budget(limits, notes)))
        if inner := form_of(head_of(text)):
            raise UnreadableInput(f"a {inner} packed with gzip, which is not read; unpack it first")
        yield Part("", text)
    elif form != "zip":
        raise UnreadableInput(f"packed with {form}; unpack it first (gzip and zip are read)")
    elif not stream.seekable():
        raise UnreadableInput("a zip is read from its end, and this is a pipe; name the file")
    else:
        yield from _Archive(stream, limits, notes).parts()


class _Budget:
    """How much may still be unpacked of one input."""

    def __init__(self, limits: PackedLimits, notes: Notes) -> None:
        self.limits = limits
        self.notes = notes
        self.unpacked = 0
        self.is_spent = False

    def take(self, piece: bytes, packed: int) -> bytes:
        """As much of the piece as is allowed; `packed` bytes gave it and all before."""
        allowed = self.limits.unpacked_bytes_max - self.unpacked
        self.unpacked += len(piece)
        if len(piece) > allowed:
            self._spend(f"more than {self.limits.unpacked_bytes_max} bytes unpacked (unpacked_bytes_max)")
            return piece[: max(0, allowed)]
        over = self.unpacked > self.limits.ratio_free_bytes and self.unpacked > self.limits.ratio_max * packed
        if over:
            self._spend(f"more than {self.limits.ratio_max} bytes unpacked for a packed one (ratio_max)")
        return piece

    def _spend(self, reason: str) -> None:
        if not self.is_spent:
            self.notes.add(f"{reason}: the rest was not read")
        self.is_spent = True


def _gunzipped(stream: BinaryIO, budget: _Budget) -> Iterator[bytes]:
    """The streams of a gzip file, one after another. Damage and an early end are notes."""
    unpacking, packed = Unpacking(members_max=budget.limits.gzip_members_max), 0
    try:
        while data := stream.read(PIECE_BYTES):
            packed += len(data)
            for piece in unpacking.unpacked(data):
                yield budget.take(piece, packed)
                if budget.is_spent:
                    return
    except GzipDamaged as error:
        budget.notes.add(f"{error}, after {budget.unpacked} unpacked bytes: the rest was not read")
    else:
        if unpacking.is_cut_off:
            budget.notes.add("the gzip is cut off before its end; what came before counts")


class _Archive:
    """One zip."""

    def __init__(self, stream: BinaryIO, limits: PackedLimits, notes: Notes) -> None:
        self._budget = _Budget(limits, notes)
        self._beside = _Budget(limits, Notes())
        """Of the steps' logs that are only read to count their lines: as much again as of what is given."""
        self._notes = notes
        self._size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        bounded = cast(BinaryIO, _Bounded(stream, limits.directory_bytes_max))
        try:
            self._zip = zipfile.ZipFile(bounded)
        except _DAMAGE as error:
            told = "its list of entries, which is its end, cannot be read: damaged or cut off; fetch it again"
            raise UnreadableInput(f"a zip, but {told} ({error})") from error
        files = [one for one in self._zip.infolist() if not one.is_dir() and one.file_size]
        if len(files) > limits.entries_max:
            notes.add(f"more than {limits.entries_max} entries (entries_max): the rest was not read")
        self._files = files[: limits.entries_max]

    def parts(self) -> Iterator[Part]:
        logs = job_logs([one.filename for one in self._files])
        found = map(self._job, logs) if logs is not None else map(self._member, self._files)
        for part in found:
            head = head_of(part.stream)
            if inner := form_of(head):
                self._notes.add(f"{part.name}: packed again ({inner}), not read; unpack it first")
            elif head:  # of one that could not be read, a note says so already
                yield part
            if self._budget.is_spent:
                return

    def _member(self, file: zipfile.ZipInfo) -> Part:
        return Part(shown(file.filename), _text(self._unpacked(file)))

    def _job(self, log: JobLog) -> Part:
        """A job's log, with the places of its steps: by the lines of their own logs, which stand beside it."""
        steps = Steps()
        if log.whole is None:
            return Part(shown(log.job), _text(self._chained(log, steps)), shown(log.job), steps)
        for number, name, at in log.steps:
            steps.begin(number, shown(name))
            for piece in self._unpacked(self._files[at], is_counted=False):
                steps.count(piece)
        if self._beside.is_spent:
            self._notes.add("the logs of steps unpack to more than is read of them: not every line is given its step")
        whole = self._files[log.whole]
        return Part(shown(whole.filename), _text(self._unpacked(whole)), shown(log.job), steps)

    def _chained(self, log: JobLog, steps: Steps) -> Iterator[bytes]:
        for number, name, at in log.steps:
            steps.begin(number, shown(name))
            for piece in self._unpacked(self._files[at]):
                steps.count(piece)
                yield piece
            if rest := steps.line_end():
                yield rest

    def _unpacked(self, file: zipfile.ZipInfo, *, is_counted: bool = True) -> Iterator[bytes]:
        """The bytes of an entry. `is_counted` False: read beside the text that is, so it takes nothing of its room."""
        name = shown(file.filename)
        if file.flag_bits & _ENCRYPTED:
            self._notes.add(f"{name}: encrypted, not read")
            return
        if file.compress_type not in _METHODS:
            self._notes.add(
                f"{name}: packed by method {file.compress_type}, which is not read (stored and deflate are)"
            )
            return
        budget = self._budget if is_counted else self._beside
        unpacked = 0
        try:
            with self._zip.open(file) as stream:
                while not budget.is_spent and (piece := stream.read(PIECE_BYTES)):
                    unpacked += len(piece)
                    yield budget.take(piece, self._size)
        except _DAMAGE as error:
            self._notes.add(f"{name}: damaged after {unpacked} bytes, what came before counts ({_said(error)})")


class _Bounded(io.RawIOBase):
    """A file of which no more than so much is read at once: a zip's list of entries is, whatever length it claims."""

    def __init__(self, stream: BinaryIO, bytes_max: int) -> None:
        super().__init__()
        self._stream = stream
        self._max = bytes_max

    def read(self, size: int | None = -1, /) -> bytes:
        """Raises: BadZipFile when more than the bound is asked for and there."""
        asked = -1 if size is None else size
        data = self._stream.read(self._max + 1 if asked < 0 else min(asked, self._max + 1))
        if len(data) > self._max:
            raise zipfile.BadZipFile(f"its list of entries is longer than {self._max} bytes (directory_bytes_max)")
        return data

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


class _Pieces(io.RawIOBase):
    """Pieces as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffered reader gives a memoryview
        if not self._rest:
            self._rest = next((piece for piece in self._pieces if piece), b"")
        data, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def _text(pieces: Iterator[bytes]) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Pieces(pieces), PIECE_BYTES))


def shown(name: str) -> str:
    """A member's name as one line of bounded length that no terminal and no page obeys."""
    flat = " ".join(printable(name).split())
    return flat if len(flat) <= NAME_CHARS_MAX else f"{flat[: NAME_CHARS_MAX - 1]}…"


def _said(error: Exception) -> str:
    """The standard library's words, which may repeat a name from inside of the archive."""
    return shown(str(error)) or type(error).__name__
