"""Go: panics and fatal errors with the goroutine that raised them, and failed tests."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse

LANGUAGE = "go"
MARKS = ("panic: ", "goroutine ", "fatal error: ", "--- FAIL: ", "WARNING: DATA RACE", ".go:")

_PANIC = re.compile(r"\s*(?:http: )?(panic|fatal error)(?: serving [^:\s]{1,100}:\d{1,5})?: (.*)$")
_GOROUTINE = re.compile(r"\s*goroutine \d{1,12}(?: gp=\S{1,40})?(?: m=\S{1,40})?(?: mp=\S{1,40})? \[([^\]]{1,200})\]:")
_PLACE = re.compile(r"\s+(?:\./)?([^\s:][^:]{0,400}\.(?:go|s)):(\d{1,9})(?: \+0x[0-9a-f]{1,16})?$")
_FAILED = re.compile(r"\s*--- FAIL: (\S{1,300})")
_SAID = re.compile(r"\s+(\w[\w./-]{0,200}\.go):(\d{1,9}): ?(.*)$")
_CLOSURE = re.compile(r"(?:\.(?:func|gowrap|deferwrap)?\d{1,4}|-range\d{1,4}|-fm|·dwrap·\d{1,4})+$")
_BARE_CALL = re.compile(r"(?:[\w.~%-]{1,150}/){0,20}[\w%-]{1,150}(?:\.[\w*()\[\].-]{1,200})$")
_VERSION = re.compile(r"@v[\w.+-]{1,100}")
_STANDARD_MAJOR = re.compile(r"/v\d{1,3}(?=[/.])")
_MACHINERY = frozenset(("gopanic", "panic", "sigpanic", "throw", "fatalthrow", "fatalpanic"))
_NOISE = re.compile(r" \[recovered(?:, repanicked)?\]$|, ?goroutine \d+|^goroutine \d+: ")


def find(lines: Sequence[str]) -> Found | None:
    """Return the last panic with the first goroutine below it; without one, the last failed test; or None."""
    panic_at, raised, message = -1, "", ""
    frames: list[Frame] = []
    reading, pending = False, ""
    read_one = False
    latest: Found | None = None
    for number, line in enumerate(lines):
        if ("panic: " in line or "fatal error: " in line) and (panic := _PANIC.match(line)):
            if panic_at < 0 or frames:
                panic_at, raised = number, panic[1]
                message = _NOISE.sub("", panic[2])[:MESSAGE_CHARS_MAX]
                frames, read_one = [], False
            reading, pending = False, ""
            continue
        if "goroutine " in line and _GOROUTINE.match(line):
            if panic_at < 0:
                panic_at, raised = number, "goroutine"
            # The goroutine of an alarm tells nothing: the one that a test runs in does.
            again = message.startswith("test timed out") and not any(frame.in_app for frame in frames)
            frames = [] if again else frames
            reading, pending = again or not read_one, ""
            read_one = True
            continue
        if not reading:
            continue
        if line.startswith(("exit status ", "FAIL\t", "ok  \t")):
            reading = False
            continue
        place = _PLACE.match(line)
        if place and pending:
            if len(frames) < FRAMES_MAX:
                frames.append(_frame(pending, place[1], int(place[2])))
            pending = ""
            latest = _found(panic_at, raised, message, frames)
            continue
        pending = _symbol(line)
    if latest is None and panic_at >= 0 and raised != "goroutine":
        latest = _found(panic_at, raised, message, ())
    return latest or _race(lines) or _failed_test(lines) or _carried(lines)


def _carried(lines: Sequence[str]) -> Found | None:
    """Read the last stack that an error or a log line carries: calls without arguments, each above its place.

    Of errors wrapped in one another the one printed first made the others: its own stack counts.
    """
    found: list[Frame] = []
    frames: list[Frame] = []
    at = -1
    for number in range(len(lines) - 1):
        place = _PLACE.match(lines[number + 1]) if lines[number + 1].startswith("\t") else None
        symbol = _BARE_CALL.match(lines[number]) if place else None
        if place and symbol:
            if len(frames) < FRAMES_MAX:
                frames.append(_frame(symbol[0], place[1], int(place[2])))
        elif frames and not lines[number].startswith("\t"):
            if len(frames) > 1 and not found:
                found, at = frames, number
            frames = []
    if not found and len(frames) > 1:
        found, at = frames, len(lines) - 1
    return Found(at, Trace(LANGUAGE, "", "", collapse(found))) if found else None


def _race(lines: Sequence[str]) -> Found | None:
    """Read the first access of the first report of the race detector."""
    at, pending = -1, ""
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        if at < 0:
            at = number if "WARNING: DATA RACE" in line else at
        elif (place := _PLACE.match(line)) and pending:
            frames.append(_frame(pending, place[1], int(place[2])))
            pending = ""
        elif frames and line.startswith(("Previous ", "Goroutine ", "====")):
            break
        else:
            pending = _symbol(line)
    return _found(at, "DATA RACE", "", frames[:FRAMES_MAX]) if frames else None


def _symbol(line: str) -> str:
    """Return the function of a call's line: ``main.run(0xc0, ...)`` or ``created by main.run in goroutine 1``."""
    text = line.strip().removeprefix("created by ")
    if text.endswith(")"):
        return text[: text.rindex("(")] if "(" in text else ""
    return "" if text.startswith("...") else text.partition(" in goroutine ")[0]


def _found(at: int, raised: str, message: str, frames: Sequence[Frame]) -> Found:
    below = list(frames)
    for index in range(len(below) - 1, -1, -1):
        if below[index].module in ("", "runtime") and below[index].function in _MACHINERY:
            below = below[index + 1 :] or below
            break
    return Found(at, Trace(LANGUAGE, raised, message, collapse(below), (raised,)))


def _frame(symbol: str, file: str, line: int) -> Frame:
    module, function = split_symbol(symbol)
    in_app, reason = _in_app(module, file)
    return Frame(function, module, file, line, in_app, reason)


def split_symbol(symbol: str) -> tuple[str, str]:
    """Return import path and function of a symbol, without closure numbers, type arguments and versions.

    ``example.com/a/b.(*T[...]).Run.func1.2`` gives ``("example.com/a/b", "(*T).Run")``.
    """
    symbol = _STANDARD_MAJOR.sub("", _VERSION.sub("", symbol)).replace("[...]", "").replace("%2e", ".")
    directory, slash, tail = symbol.rpartition("/")
    package, _, function = tail.partition(".")
    return directory + slash + package if function else "", _CLOSURE.sub("", function or package)


def _in_app(module: str, file: str) -> tuple[bool, str]:
    if "/vendor/" in file or "/pkg/mod/" in file:
        return False, "module of others"
    first = module.split("/", 1)[0]
    if (
        module in ("runtime", "testing")
        or "/usr/local/go/src/" in file
        or "/libexec/src/" in file
        or file.startswith("_testmain.go")
    ):
        return False, "standard library"
    if first in _STANDARD and "/" + module + "/" in file.replace("\\", "/"):
        return False, "standard library"
    if not module:
        return False, "runtime"
    return True, "own package"


_STANDARD = frozenset((
    "archive", "bufio", "bytes", "compress", "container", "context", "crypto", "database", "debug", "embed", "encoding",
    "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index", "internal", "io", "iter", "log", "maps",
    "math", "mime", "net", "os", "path", "plugin", "reflect", "regexp", "runtime", "slices", "sort", "strconv",
    "strings", "sync", "syscall", "testing", "text", "time", "unicode", "unique", "unsafe", "weak",
))  # fmt: skip


def _failed_test(lines: Sequence[str]) -> Found | None:
    """Read ``go test``: the last failed test that says a line of its own; its name is the frame."""
    name, at = "", -1
    latest: Found | None = None
    for number, line in enumerate(lines):
        if "--- FAIL: " in line and (failed := _FAILED.match(line)):
            name, at = failed[1], number
            if latest is None:
                latest = _test(at, name, "", "", None)
            continue
        if name and ".go:" in line and (said := _SAID.match(line)):
            latest = _test(at, name, said[3], said[1], int(said[2]))
            name = ""
    return latest


def _test(at: int, name: str, message: str, file: str, line: int | None) -> Found:
    frame = Frame(name, file=file, line=line, reason="own test")
    return Found(at, Trace(LANGUAGE, "test failure", message[:MESSAGE_CHARS_MAX], (frame,), ("test failure",)))
