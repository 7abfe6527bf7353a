"""C and C++: sanitizers, debuggers, Valgrind, CHECK and assert, gtest, uncaught exceptions."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse
from streams.core.frames.symbols import stable_native

LANGUAGE = "cpp"
MARKS = (
    "#0 ", "#1 ", "frame #",
    "Sanitizer", ": FAILED:", "runtime error: ", ": Failure", "Assertion", "assertion", "heck failed",
    ") [0x", ")[0x",
    "what():", "terminate called", "detected ***", "(): ", " or corruption", "corrupted", "==", "received signal",
)  # fmt: skip

_NUMBERED = re.compile(r"\s*#(\d{1,4})\s+(?:0x[0-9a-f]{1,16}\s+)?(?:in\s+)?(\S.*)$")
_LLDB = re.compile(r"\s*(?:\* )?frame #(\d{1,4}): 0x[0-9a-f]{1,16} (?!dyld`)[^`]{1,200}`(.+)$")
_TORCH = re.compile(r"\s*frame #(\d{1,4}): (.{1,1500}?) \+ 0x[0-9a-f]{1,16} \(0x[0-9a-f]{1,16} in (\S{1,400})\)$")
_SYMBOLS = re.compile(
    r"\s*(?:#?\d{1,4}:? {1,4})?([^\s()]{1,400})\(([^()\s]{1,1000})\+0x[0-9a-f]{1,16}\) ?\[0x[0-9a-f]{1,16}\]$"
)
_VALGRIND = re.compile(r"==\d{1,10}==\s+(at|by) 0x[0-9A-F]{1,16}: (.+)$")
_GLOG = re.compile(r"\s*@\s+0x[0-9a-f]{1,16}\s+(\S.*)$")
_AT = re.compile(r"(.*?) at ((?:[A-Za-z]:)?[^:\s]{1,400}):(\d{1,9})(?::\d{1,9})?$")
_TAIL = re.compile(r"(.*?) ((?:/|[A-Za-z]:\\|\.{1,2}/|[\w.+-]{1,100}/)[^\s:]{1,400}):(\d{1,9})(?::\d{1,9})?$")
_IN_MODULE = re.compile(r"(.*?) ?\((/[^()]{1,400}|[\w.+-]{1,200})\+0x[0-9a-f]{1,16}\)(?:\s*\(BuildId: \w{1,64}\))?$")
_GDB_FROM = re.compile(r"(.*?) from (/\S{1,400})$")
_VALGRIND_PLACE = re.compile(r"(.*?) \((?:in )?([^():\s]{1,300})(?::(\d{1,9}))?\)$")

_GRIND = re.compile(
    r"==\d{1,10}== (Invalid (?:read|write|free)|Conditional jump or move depends on uninitialised value|Mismatched free"
    r"|Use of uninitialised value|Source and destination overlap|Syscall param .{1,60}? points to"
    r"|Jump to the invalid address)"
)
_SANITIZER = re.compile(
    r".{0,60}(?:ERROR|WARNING|SUMMARY): (\w{1,40}Sanitizer|libFuzzer): "
    r"([\w-]{1,80}(?: [\w-]{1,80}){0,4}?)(?= on | in | \(|: | detected|$)"
)
_RUNTIME = re.compile(r"(\S{1,400}?):(\d{1,9}):\d{1,9}: runtime error: (.*)$")
_ASSERTED = re.compile(r"[`'](.{1,600})['`] failed")
_PLACED = re.compile(r":(\d{1,9}): ")
_MAC_ASSERT = re.compile(r"Assertion failed: \((.{1,600})\), function (.{1,300}?), file (.{1,300}?), line (\d{1,9})")
_CHECK = re.compile(r"([^\]]{1,300})[:(](\d{1,9})\)?\] ?(?:D?CHECK|Check) failed: (.*)$")
_GTEST = re.compile(r"(\S{1,300}?)[:(](\d{1,9})\)?: (?:Failure|error: ?(.*))$")
_CATCH = re.compile(r"(\S{1,300}?)[:(](\d{1,9})\)?: FAILED:$")
_GTEST_RUN = re.compile(r"\[ RUN      \] (\S{1,300})")
_THROWN = re.compile(r"terminate called after throwing an instance of '([^']{1,300})'")
_UNCAUGHT = re.compile(
    r".{0,100}?terminating (?:due to|with) uncaught exception(?: of type ([^:]{1,200}))?(?:: (.*))?$"
)
_HEAP = re.compile(
    r"(?:\*{3} Error in .{1,200}?: |\*{3} )?(stack smashing detected|buffer overflow detected|double free or corruption"
    r"|corrupted (?:size vs\. prev_size|double-linked list)"
    r"|(?:free|malloc|realloc|munmap_chunk|malloc_consolidate)\(\): [a-z][\w ]{3,60})"
)
_WHAT = re.compile(r"\s*what\(\):\s*(.*)$")
_SIGNAL = re.compile(
    r".{0,60}?(?:received signal|stop reason =(?: signal)?|terminated (?:by|with) signal)"
    r" (SIG[A-Z]{2,6}|EXC_[A-Z_]{2,30})"
)

_NUMBERED_BY_OTHERS = ("(package:", "(dart:", ".php(", "[internal function]", " pc 0")
"""Marks of numbered calls in other languages."""
_SYSTEM_FILES = (
    "/usr/lib",
    "/lib/",
    "/lib64/",
    "/usr/include/",
    "/build/glibc",
    "compiler-rt/",
    "/sysdeps/",
    "libsanitizer/",
    "/System/Library/",
    "/usr/lib/system",
)
_SYSTEM_NAMES = (
    "std::", "__gnu_cxx::", "__asan", "__lsan", "__msan", "__tsan", "__ubsan", "__sanitizer", "__interceptor", "__cxa_",
    "__libc_", "_start", "__GI_", "__pthread", "testing::", "fuzzer::", "google::LogMessage", "google::CheckOp",
    "absl::log_internal::", "logging::",
)  # fmt: skip
_SYSTEM_EXACT = frozenset((
    "abort", "raise", "main", "start_thread", "clone", "clone3", "malloc", "free", "calloc", "realloc", "memcpy",
    "memmove", "memset", "strlen", "strcmp", "pthread_kill", "__assert_fail", "__assert_perror_fail", "__assert_rtn",
    "gsignal", "LLVMFuzzerTestOneInput", "BaseThreadInitThunk", "RtlUserThreadStart",
))  # fmt: skip


def find(lines: Sequence[str]) -> Found | None:
    """Return the last crash: what was said about it, and the first stack printed after it was said; or None."""
    head = _Head()
    stack: list[tuple[str, str]] = []
    stack_at = -1
    reading = closed = False
    for number, line in enumerate(lines):
        call = _call(line)
        if call is not None:
            index, symbol, place = call
            if symbol.startswith("<signal handler called>"):
                stack.clear()  # What is above was called by the handler, not by what failed.
                continue
            if index == 0 and reading:
                closed = True
            elif index == 0 and len(stack) == 1 and stack[0][0] == symbol:
                stack, closed = [], False  # A debugger shows where it stopped, then the whole stack.
            if not closed and len(stack) < FRAMES_MAX:
                if stack_at < 0:
                    stack_at = number
                stack.append((symbol, place))
            reading = True
            continue
        reading = False
        if head.read(number, line):
            stack, stack_at, closed = [], -1, False
        elif stack:
            closed = True
    if head.at < 0 and not stack:
        return None
    frames = collapse(native_frame(symbol, place) for symbol, place in stack) or head.places()
    at = head.at if head.at >= 0 else stack_at
    kind = head.raised
    if head.at < 0 and len(stack) < 2:
        return None
    return Found(at, Trace(LANGUAGE, kind, head.message[:MESSAGE_CHARS_MAX], frames, (kind,) if kind else ()))


class _Head:
    """What the lines before a stack say about the crash; a later, different crash replaces it."""

    __slots__ = ("_file", "_function", "_line", "_test", "at", "message", "raised")

    def __init__(self) -> None:
        self.at = -1
        self.raised = self.message = ""
        self._file = self._function = self._test = ""
        self._line: int | None = None

    def read(self, number: int, line: str) -> bool:
        """Take the line if it names a crash; True when a new one begins."""
        if "RUN  " in line and (run := _GTEST_RUN.match(line)):
            self._test = run[1].split("/", 1)[0] if run[1].count("/") else run[1]
            return False
        if "Sanitizer" in line and (found := _SANITIZER.match(line)):
            if "SUMMARY" in found[0] and self.at >= 0:
                return False
            return self._begin(number, f"{found[1]}: {found[2]}", "")
        if line.startswith("==") and self.at < 0 and (found := _GRIND.match(line)):
            return self._begin(number, found[1], "")
        return self._read_claim(number, line) or self._read_end(number, line)

    def _read_claim(self, number: int, line: str) -> bool:
        """Take what the program, its test or the sanitizer of undefined behaviour claimed."""
        if "runtime error: " in line and (found := _RUNTIME.match(line)):
            return self._begin(number, "runtime error", found[3], found[1], int(found[2]))
        if "ssertion" in line:
            if asserted := _assertion(line):
                return self._begin(number, "assertion", *asserted)
            if found := _MAC_ASSERT.match(line):
                return self._begin(number, "assertion", found[1], found[3], int(found[4]), stable_native(found[2]))
        if ("heck failed" in line or "CHECK failed" in line) and (found := _CHECK.match(line)):
            return self._begin(number, "CHECK", found[3], found[1].rsplit(" ", 1)[-1].rsplit(":", 1)[-1], int(found[2]))
        if line.endswith(": FAILED:") and (found := _CATCH.match(line)):
            return self._begin(number, "assertion", "", found[1], int(found[2]))
        if ": Failure" in line or ": error:" in line:
            found = _GTEST.match(line)
            if found and (found[3] is None or self._test):
                return self._begin(number, "gtest", found[3] or "", found[1], int(found[2]), self._test)
        return False

    def _read_end(self, number: int, line: str) -> bool:
        """Take a message that follows its crash, and how the process ended."""
        if self.raised in ("gtest", "assertion") and not self.message and number == self.at + 1:
            self.message = line.strip()
            return False
        if "terminat" in line:
            if found := _THROWN.match(line):
                return self._begin(number, found[1], "")
            if found := _UNCAUGHT.match(line):
                return self._begin(number, found[1] or "uncaught exception", found[2] or "")
        if (" or corruption" in line or "detected ***" in line or "(): " in line or "corrupted" in line) and (
            found := _HEAP.match(line)
        ):
            return self._begin(number, found[1], "")
        if "what():" in line and self.at >= 0 and (found := _WHAT.match(line)):
            self.message = self.message or found[1]
            return False
        if ("SIG" in line or "stop reason" in line) and self.at < 0 and (found := _SIGNAL.match(line)):
            return self._begin(number, found[1], "")
        return False

    def _begin(
        self, at: int, raised: str, message: str, file: str = "", line: int | None = None, function: str = ""
    ) -> bool:
        self.at, self.raised, self.message = at, raised, message
        self._file, self._line, self._function = file, line, function
        return True

    def places(self) -> tuple[Frame, ...]:
        """Return the place that the line itself named, as the only frame."""
        if not self._file and not self._function:
            return ()
        return (Frame(self._function, file=self._file, line=self._line, reason="named by the message"),)


def _assertion(line: str) -> tuple[str, str, int, str] | None:
    """Read glibc's form ``program: file:line: function: Assertion `text' failed.`` as text, file, line, function."""
    head, mark, tail = line.partition(": Assertion ")
    asserted = _ASSERTED.match(tail) if mark else None
    place = _PLACED.search(head + " ")
    if not asserted or not place:
        return None
    file = head[: place.start()].rsplit(" ", 1)[-1].rsplit(":", 1)[-1]
    return asserted[1], file, int(place[1]), stable_native(head[place.end() :])


def _call(line: str) -> tuple[int, str, str] | None:
    """Read one line as a frame of any of the known tools: its number, the symbol, a place already split off."""
    if line.endswith("]") and "[0x" in line and (found := _SYMBOLS.match(line)):
        return 1, found[2], found[1]
    if "#" in line[:60] and not any(map(line.__contains__, _NUMBERED_BY_OTHERS)):
        numbered = _NUMBERED.match(line) or (_LLDB.match(line) if "frame #" in line else None)
        if numbered:
            return int(numbered[1]), numbered[2], ""
        if "frame #" in line and (found := _TORCH.match(line)):
            return int(found[1]), found[2], found[3]
    if line.startswith("=="):
        grind = _VALGRIND.match(line)
        if grind:
            place = _VALGRIND_PLACE.match(grind[2])
            if place:
                return (0 if grind[1] == "at" else 1), place[1], place[2] + (":" + place[3] if place[3] else "")
    elif "@" in line[:12]:
        glog = _GLOG.match(line)
        if glog:
            return 1, glog[1], ""
    return None


def native_frame(text: str, place: str = "") -> Frame:
    """Read what stands behind a frame's number and address: function, then file and line, or the binary."""
    file, line = "", None
    if place:
        head, _, digits = place.rpartition(":")
        file, line = (head, int(digits)) if head and digits.isdecimal() else (place, None)
    elif placed := _AT.match(text) or (_TAIL.match(text) if "/" in text or "\\" in text else None):
        text, file, line = placed[1], placed[2], int(placed[3])
    elif binary := _IN_MODULE.match(text) or (_GDB_FROM.match(text) if " from " in text else None):
        text, file = binary[1], binary[2]
    return _judged(stable_native(text), file, line)


def _judged(function: str, file: str, line: int | None) -> Frame:
    in_app, reason = True, "own function"
    if function.startswith(_SYSTEM_NAMES) or function in _SYSTEM_EXACT:
        in_app, reason = False, "runtime or test driver"
    elif file.startswith(_SYSTEM_FILES) or any(mark in file for mark in _SYSTEM_FILES[4:8]):
        in_app, reason = False, "system library"
    elif "/site-packages/" in file or "/dist-packages/" in file:
        in_app, reason = False, "installed package"
    elif not function or function.startswith("??"):
        in_app, reason = False, "no symbol"
    return Frame(function, "", file, line, in_app, reason)
