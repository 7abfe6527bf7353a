"""What the arguments of a command name: files by pattern, one file, or standard input.

What cannot be read is said, each in a line, and does not keep the rest from being read.
"""

from __future__ import annotations

import glob
import io
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from streams.cli.interrupt import Stop
from streams.cli.pipe import Pipe
from streams.contract.errors import UnreadableInput
from streams.producers.formats import is_binary
from streams.producers.packed import form_of, head_of

FILES_MAX = 20_000
HEAD_BYTES = 4096
READ_BYTES = 64 * 1024
LINE_BYTES_MAX = 256 * 1024
"""A longer line comes in pieces."""
REPEATED_MAX = 4096
"""Lines of which only one copy is made, while they are short: what a log repeats is then held once."""
REPEATED_BYTES_MAX = 256
_WIDE_TEXT = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")
"""How text of two bytes a character begins; its zero bytes do not make it a binary."""
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
ARCHIVE_BYTES_MAX = 1024 * 1024 * 1024
"""Of a zip from a pipe, which is put into a temporary file, because a zip is read from its end."""
SPOOL_BYTES_MAX = 8 * 1024 * 1024
"""A shorter one stays in memory."""
READ_PACKED = frozenset({"gzip", "zip"})
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Input:
    """Something to read. `path` is None for standard input."""

    name: str
    path: Path | None
    stop: Stop = field(default_factory=Stop)
    """Has the reason why reading ended before the end, where it did."""

    pattern: str = "*"
    """How the files have their names that are meant by such an input."""

    def open(self, *, packed: bool = False) -> BinaryIO:
        """The stream at its beginning; the caller closes it.

        `packed`: whether the caller knows what to do with gzip and zip; a zip then comes as a stream that can seek.

        Raises:
            UnreadableInput: missing, a directory, empty, packed or binary; says which. Closed, for standard input.
        """
        if self.path is None:
            if sys.stdin is None or sys.stdin.closed:
                raise UnreadableInput(f"{self.name}: closed")
            raw = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
            piped = io.BufferedReader(Pipe(raw, self.stop, name=self.name), READ_BYTES)
            return _seekable(piped, self.name) if packed else piped
        try:
            if self.path.is_dir():
                example = f"'{self.name}/**/{self.pattern}'"
                raise UnreadableInput(f"{self.name}: a directory; name its files, for example {example}")
            stream = self.path.open("rb")
            if not self.path.is_file():  # a pipe by name, such as a shell makes for <(command)
                stream = io.BufferedReader(Pipe(stream, self.stop, name=self.name, owned=True), READ_BYTES)
        except FileNotFoundError:
            raise UnreadableInput(f"{self.name}: no such file") from None
        except OSError as error:
            raise UnreadableInput(f"{self.name}: {error.strerror or error}") from error
        try:
            head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
        except OSError as error:
            stream.close()
            raise UnreadableInput(f"{self.name}: {error.strerror or error}") from error
        if packed and form_of(head) in READ_PACKED:
            return _seekable(stream, self.name)
        if reason := not_text(head):
            stream.close()
            raise UnreadableInput(f"{self.name}: {reason}")
        return stream


def _seekable(stream: BinaryIO, name: str) -> BinaryIO:
    """The stream; for a zip that cannot seek, a copy that can. Closing that closes both."""
    if stream.seekable() or form_of(head_of(stream)) != "zip":
        return stream
    copied = cast(BinaryIO, SpooledTemporaryFile(max_size=SPOOL_BYTES_MAX))  # noqa: SIM115 - the caller closes it
    with stream:
        while piece := stream.read(READ_BYTES):
            if copied.tell() + len(piece) > ARCHIVE_BYTES_MAX:
                copied.close()
                told = f"more than {ARCHIVE_BYTES_MAX} bytes of a zip from a pipe; name the file instead"
                raise UnreadableInput(f"{name}: {told}")
            copied.write(piece)
    copied.seek(0)
    return copied


def not_text(head: bytes) -> str:
    """Why what begins like this is no text to be read; "" when it is one."""
    if not head:
        return "empty"
    if packed := form_of(head):
        return f"packed with {packed}; unpack it first"
    if not head.startswith(_WIDE_TEXT) and is_binary(head.decode("utf-8", "replace")):
        return "not text (zero bytes near its beginning)"
    return ""


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes as they come, without a wait for more than there is."""
    read = getattr(stream, "read1", stream.read)
    while piece := read(READ_BYTES):
        yield piece


def lines(stream: BinaryIO) -> Iterator[str]:
    """The lines, without their ends, of a text in UTF-8, or in what its byte order mark says.

    What is not text becomes U+FFFD.
    """
    peek = getattr(stream, "peek", None)
    head = peek(2)[:2] if peek is not None else b""
    if head in _BYTE_ORDER_MARKS:
        for line in io.TextIOWrapper(stream, encoding="utf-16", errors="replace"):
            yield line.rstrip("\n")
        return
    repeated: dict[bytes, str] = {}
    while data := stream.readline(LINE_BYTES_MAX):
        text = repeated.get(data)
        if text is None:
            text = data.decode("utf-8", "replace").rstrip("\n")
            if len(data) <= REPEATED_BYTES_MAX:
                if len(repeated) >= REPEATED_MAX:
                    repeated.clear()
                repeated[data] = text
        yield text


def named(arguments: Iterable[str], stop: Stop, *, pattern: str = "*") -> Iterator[Input | UnreadableInput]:
    """The inputs that the arguments name, in their order, each file once. `stop` and `pattern` as `Input` has them.

    A name that exists is that file, even with a `*` in it; else it is a pattern, in which `**` stands for any folders.
    """
    seen: set[Path] = set()
    for argument in arguments:
        if argument == STDIN:
            yield Input("standard input", None, stop, pattern)
            continue
        path = Path(argument).expanduser()
        if path.exists() or not glob.has_magic(argument):
            found = [path]
        else:
            found = [Path(name) for name in sorted(glob.iglob(str(path), recursive=True))]  # noqa: PTH207 - absolute too
            found = [one for one in found if one.is_file()]
            if not found:
                yield UnreadableInput(f"{argument}: no file matches")
        for one in found:
            try:
                real = one.resolve()
            except (OSError, RuntimeError):  # a circle of links: opening it says so
                real = one
            if real in seen:
                continue
            if len(seen) >= FILES_MAX:
                yield UnreadableInput(f"more than {FILES_MAX} files; the rest is left out, name fewer at a time")
                return
            seen.add(real)
            yield Input(str(one), one, stop, pattern)
