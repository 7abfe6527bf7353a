"""Lines that name a crash: one reader a tool or runtime, and the marks by which its lines are known."""

from __future__ import annotations

import re
from collections.abc import Callable

from streams.core.frames.crash_frames import python_frame
from streams.core.frames.crash_report import Here, Report
from streams.core.frames.crash_system import (
    read_android,
    read_arm,
    read_assert_at,
    read_attempt,
    read_debugger,
    read_kernel,
    read_missing,
    read_not_linked,
    read_process,
    read_signal,
)
from streams.core.frames.crash_types import (
    FAINT,
    PLAIN,
    STRONG,
    WEAK,
    Said,
    access,
    basename,
    checked,
    condition,
    sanitizer,
    undefined,
)

Reader = Callable[[Here], Said | None]

_QUOTES = " '`"
_SOURCES = ("vptr for ", "object is of type ", "vtable is of type ")
_ADDRESS = re.compile(r".{0,200}?address (0x[0-9a-f]{1,16})")
_ACCESS = re.compile(r".{0,80}?\b(READ|WRITE|Read|Write|read|write) of size (\d{1,18})")
_TARGET = re.compile(r"\((?:[^()]{0,300}/)?([\w-]{1,100})\+0x[0-9a-f]{1,16}\)")
_LIBCXX = re.compile(r":\d{1,9}: ?assertion (.{1,400}?) failed: (.{1,400}?)(?:AddressSanitizer.*)?$")
_PANICKED = re.compile(r"panicked at '(.{1,1500}?)(?:', [^' ]{1,300}:\d{1,9}(?::\d{1,9})?)?$")
_ABORT = re.compile(r".{0,60}?abort: (.{1,600}?) \[([^\]]{1,300})\]")
_GO_RUNTIME = re.compile(r"[\s\S]{0,40}?(?:panic|fatal error): (?:runtime error: )?(.*)$")
_MEDIA = re.compile(r":\d{1,9} (CHECK\w{0,10}\(.{1,600}\) failed)")
_SANITIZER_CHECK = re.compile(r".{0,80}?Sanitizer:? CHECK failed: ([^\s:]{1,400}):\d{1,9}\S{0,8} (\".{1,300}?\")")
_GLOG_FATAL = re.compile(r".{0,60}?\bF\d{4} \d\d:\d\d")


def _asan(here: Here) -> Said | None:
    said = sanitizer(here.line)
    if said is not None and (here.report.address is None or said.rank > here.report.rank):
        found = _ADDRESS.match(here.line)
        here.report.address = int(found[1], 16) if found else None
    return said


def _touched(here: Here) -> Said | None:
    found = _ACCESS.match(here.line)
    if found and not here.report.access and (here.report.rank >= 0):
        here.report.access = access(found[1].upper(), found[2])
    return None


def _race(here: Here) -> Said | None:
    here.report.say(Said("Data race", PLAIN))
    return None


def _caused(here: Here) -> Said | None:
    kind = "READ" if "a READ memory" in here.line else "WRITE" if "a WRITE memory" in here.line else ""
    here.report.access = here.report.access or kind
    return None


def _zero_page(here: Here) -> Said | None:
    here.report.address = 0 if here.report.address is None else here.report.address
    return None


def _leak(here: Here) -> Said | None:
    here.report.leaks += 1
    if here.report.leaks > 1:
        here.report.closed = here.report.crash_type.endswith("-leak")
        return None
    return Said("Direct-leak" if "Direct leak" in here.line else "Indirect-leak", PLAIN)


def _undefined(here: Here) -> Said | None:
    if "panic: " in here.line:
        return None
    said = undefined(here.line)
    if said and said.crash_type == "Bad-cast":
        for below in here.below(5):
            if any(mark in below for mark in _SOURCES):
                source = next(below.partition(mark)[2] for mark in _SOURCES if mark in below)
                return Said(said.crash_type, said.rank, f"{said.headline} from {source.strip(_QUOTES)}")
            if "invalid vptr" in below or "invalid vtable" in below:
                return Said(said.crash_type, said.rank, f"{said.headline} from invalid vptr")
    return said


def _checked(here: Here) -> Said | None:
    text = here.line.strip().lstrip("#").strip()
    if "Abort message: '" in text:
        return checked(text.removesuffix("'"))
    if here.line.lstrip().startswith("#") and here.report.fatal_file is not None:
        return _v8(here.report, text)
    return checked(here.line)


def _v8_fatal(here: Here) -> Said | None:
    place = here.line.partition("Fatal error")[2].removeprefix(" in ").split(", line", 1)[0].strip()
    here.report.fatal_file = place if "." in basename(place) and "(" not in place else ""
    for below in here.below(2):
        text = below.strip().lstrip("#").strip()
        if text:
            return _v8(here.report, text)
    return None


def _v8(report: Report, text: str) -> Said | None:
    file = report.fatal_file
    for mark, named in (("Debug check failed: ", "DCHECK failure"), ("Check failed: ", "CHECK failure")):
        if text.startswith(mark):
            return Said(named, STRONG, condition(text[len(mark) :], file))
    lowered = text.lower()
    if lowered.startswith(("unreachable code", "unimplemented code")):
        return Said("Unreachable code", STRONG, basename(file))
    if "out of memory" in lowered:
        return Said("Out-of-memory", STRONG, condition(text, file))
    return Said("Fatal error", STRONG, condition(text, file)) if text else None


def _fuzzer(here: Here) -> Said | None:
    text = here.line.partition("libFuzzer: ")[2]
    if text.startswith("deadly signal"):
        return Said("Fatal-signal", WEAK)
    if text.startswith("timeout"):
        for below in here.below(3):
            if target := _TARGET.search(below[-400:]):
                here.report.target = target[1]
                break
        return Said("Timeout", STRONG)
    if text.startswith(("out-of-memory", "malloc limit")):
        return Said("Out-of-memory", STRONG)
    if text.startswith("fuzz target exited"):
        return Said("Unexpected-exit", WEAK)
    return Said("Overwrites-const-input", STRONG) if text.startswith("fuzz target overwrites") else None


def _asserted(here: Here) -> Said | None:
    quoted, failed, _ = here.line.partition("ssertion ")[2].partition(" failed")
    if failed and quoted[:1] in "`'" and quoted[-1:] in "`'":
        return Said("ASSERT", STRONG, quoted.strip(_QUOTES))
    if "internal error, assertion failed: " in here.line:
        return Said("ASSERT", STRONG, here.line.partition("assertion failed: ")[2].strip())
    if "ASSERTION FAILED: " in here.line:
        return Said("ASSERT", STRONG, here.line.partition("ASSERTION FAILED: ")[2].strip())
    if "Assertion failed: (" in here.line and "), function " in here.line:
        return Said("ASSERT", STRONG, here.line.partition("Assertion failed: (")[2].partition("), function ")[0])
    if here.line.lstrip().startswith("Assertion failed: ") and ": file " not in here.line:
        return Said("ASSERT", STRONG, here.line.partition("Assertion failed: ")[2].split(", file", 1)[0].strip())
    if here.line.startswith("ERROR:") and "assertion failed: (" in here.line:
        return Said("ASSERT", STRONG, here.line.partition("assertion failed: (")[2].rstrip().removesuffix(")"))
    if "assertion failed at " in here.line:
        return checked(here.line)
    found = _LIBCXX.search(here.line[-1200:])
    return Said("ASSERT", STRONG, found[2].strip()) if found else None


def _assert_failure(here: Here) -> Said | None:
    before, _, text = here.line.partition("failure: ")
    text = text.split(", at ", 1)[0].strip()
    return Said("ASSERT", STRONG, text) if text and before.rstrip().endswith(("ssert", "ssertion")) else None


def _media_check(here: Here) -> Said | None:
    found = _MEDIA.search(here.line)
    if not found:
        return None
    file = here.line[: found.start()].rsplit(" ", 1)[-1]
    return Said("CHECK failure", STRONG, f"{found[1]} in {basename(file)}")


def _sanitizer_check(here: Here) -> Said | None:
    found = _SANITIZER_CHECK.match(here.line)
    return Said("Sanitizer CHECK failure", STRONG, f"{found[2]} in {basename(found[1])}") if found else None


def _glog(here: Here) -> Said | None:
    return checked(here.line) if _GLOG_FATAL.match(here.line) else None


def _limit(here: Here) -> Said | None:
    if "Timeout of " in here.line or "timeout-exceeded" in here.line or "imeout exceeded" in here.line:
        return Said("Timeout", STRONG)
    if "tack limit exceeded" in here.line or "stack-limit-exceeded" in here.line:
        return Said("Stack-overflow", STRONG)
    memory = "RSS limit exceeded" in here.line or "rss-limit-exceeded" in here.line
    return Said("Out-of-memory", STRONG) if memory else None


def _named(crash_type: str, rank: int) -> Reader:
    """Make a reader for a mark that names the crash by itself."""
    said = Said(crash_type, rank)

    def read(_here: Here) -> Said | None:
        return said

    return read


def _correctness(here: Here) -> Said | None:
    told = [below.partition("V8 correctness ")[2] for below in here.below(3)]
    return Said("V8 correctness failure", STRONG, "\n".join(text for text in told if text))


def _abort(here: Here) -> Said | None:
    found = _ABORT.match(here.line)
    return Said("ASSERT", STRONG, f"{found[1]}\n{basename(found[2])}") if found else None


def _panicked(here: Here) -> Said | None:
    found = _PANICKED.search(here.line)
    if found:
        return Said("ASSERT", STRONG, found[1])
    if re.search(r"panicked at \S{1,400}:\d{1,9}:\d{1,9}:$", here.line) and here.number + 1 < len(here.lines):
        return Said("ASSERT", STRONG, here.lines[here.number + 1].strip())
    return None


def _go(here: Here) -> Said | None:
    found = _GO_RUNTIME.match(here.line)
    if not found or here.report.going:
        return None
    here.report.going = any("goroutine " in below or "runtime." in below for below in here.below(11))
    text = found[1].strip()
    if not here.report.going or not text:
        return None
    lowered = text.lower()
    for phrase, named in (
        ("index out of range", "Index out of range"), ("slice bounds out of range", "Slice bounds out of range"),
        ("integer divide by zero", "Integer divide by zero"), ("invalid memory address", "Invalid memory address"),
        ("makeslice: len out of range", "Makeslice: len out of range"), ("stack overflow", "Stack overflow"),
        ("out of memory", "Out-of-memory"),
    ):  # fmt: skip
        if phrase in lowered:
            return Said(named, STRONG)
    if "fatal error: " in here.line:
        return Said("Fatal error", STRONG, text)
    return Said("ASSERT", STRONG, text.split(": ", 1)[0])


def _jvm(here: Here) -> Said | None:
    text = here.line.partition("xception: ")[2] or here.line
    if "StackOverflow" in text or "Stack overflow" in text:
        return Said("Stack-overflow", STRONG)
    if "OutOfMemory" in text or "Out of memory" in text:
        return Said("Out-of-memory", STRONG)
    return Said("Security exception" if "FuzzerSecurityIssue" in text else "Uncaught exception", STRONG)


def _python(here: Here) -> Said | None:
    named = "PySecSan" if here.line.startswith("[PYSECSAN]") else "Uncaught exception"
    for below in here.below(399):
        if frame := python_frame(below):
            name, file = frame
            if "site-packages" not in file and name not in ("<module>", "abort_with_issue") and "atheris" not in file:
                here.report.python.append(name)
        elif here.report.python and not below[:1].isspace() and "raceback" not in below:
            break
    return Said(named, STRONG)


def _found_bug(here: Here) -> Said | None:
    text = here.line.partition("===BUG DETECTED: ")[2].strip("= ")
    if text.startswith("PySecSan"):
        return None  # Its own lines follow, with the stack.
    named = {"Shell corruption": "Command injection", "Shell injection": "Command injection",
             "Arbitrary domain name resolution": "Arbitrary DNS resolution"}  # fmt: skip
    text = text.split(":", 1)[0]
    return Said(named.get(text, text), STRONG) if text else None


READERS: tuple[tuple[str, Reader], ...] = (
    ("Sanitizer: ", _asan), ("of size ", _touched), ("WARNING: ThreadSanitizer: data race", _race),
    ("caused by a", _caused),
    ("zero page", _zero_page), (" leak of ", _leak), ("runtime error: ", _undefined), ("Fatal error", _v8_fatal),
    ("Sanitizer CHECK failed", _sanitizer_check), ("Sanitizer: CHECK failed", _sanitizer_check),
    ("heck failed: ", _checked), (") failed", _media_check), ("failure: ", _assert_failure),
    ("CHECK", _checked), ("NOTREACHED hit", _checked), ("V8 error: ", _checked), ("FATAL", _checked),
    ("Assert failed: ", _checked), ("libFuzzer: ", _fuzzer), ("ssertion ", _asserted),
    ("ASSERTION FAILED", _asserted),
    ("abort: ", _abort), ("panicked at ", _panicked), ("panic: ", _go), ("fatal error: ", _go),
    ("== Java Exception: ", _jvm),
    ("Uncaught Exception: ", _jvm), ("Uncaught Python exception", _python), ("[PYSECSAN] Stacktrace", _python),
    ("EXCEPTION_ACCESS_VIOLATION", _named("UNKNOWN", WEAK)),
    ("EXCEPTION_STACK_OVERFLOW", _named("Stack-overflow", WEAK)),
    (">>> ", read_process), ("Internal error: Oops", read_arm),
    ("received signal SIG", read_signal), ("Received signal ", read_signal), ("(SIG", read_android),
    (" - code ", read_debugger), ("ttempt to read from", read_attempt),
    ("ttempt to write to", read_attempt), ("BUG: KASAN", read_kernel), ("general protection fault", read_kernel),
    ("kernel BUG at", read_kernel),
    ("nable to handle kernel", read_kernel), ("CANNOT LINK EXECUTABLE", read_not_linked),
    ("Library not loaded: ", read_not_linked), ("ASSERT FAILED at (", read_assert_at),
    ("Received fatal exception 0x", read_debugger), ("error while loading shared libraries: ", read_missing),
    ("===BUG DETECTED: ", _found_bug),
    ("exceeded", _limit), ("V8 correctness failure", _correctness),
    ("V8 sandbox violation detected", _named("V8 sandbox violation", STRONG)),
    ("GPU process exited unexpectedly", _named("GPU failure", WEAK)),
    ("control flow integrity violation", _named("Bad-cast", STRONG)),
    ("panic notifier - trusty", _named("Trusted app crash", STRONG)),
    ("terminate called after", _named("Uncaught exception", FAINT)),
    ("terminating with uncaught exception", _named("Uncaught exception", FAINT)),
    ("terminating due to uncaught", _named("Uncaught exception", FAINT)),
    ("] ", _glog),
    ("bytes failed", _named("Out-of-memory", STRONG)), ("Fatal process out of memory", _named("Out-of-memory", STRONG)),
    ("JavaScript heap out of memory", _named("Out-of-memory", STRONG)),
    ("OutOfMemoryError", _named("Out-of-memory", STRONG)),
)  # fmt: skip
"""Mark in the line, what reads it; the first reader with an answer ends the search of the line."""
