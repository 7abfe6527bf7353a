"""Lines in which the operating system names a crash: signals, faults, the kernel, loaders, debuggers of Windows."""

from __future__ import annotations

import re

from streams.core.frames.crash_report import Here
from streams.core.frames.crash_types import FAULTS, PLAIN, STRONG, WEAK, Said, basename

_LIBRARY = re.compile(r"(?:library \"|Library not loaded: )([^\"\s]{1,300})")
_PROCESS = re.compile(r">>> (?:\S{0,200}/)?([\w.:-]{1,100}) <<<")
_FAULT = re.compile(r"Internal error: Oops: ([0-9a-f]{1,8}) \[#\d{1,6}\].*ARM\b")
_ANDROID = re.compile(r".{0,80}?signal (\d{1,2}) \((SIG[A-Z]{2,8})\).*?(?:fault addr (?:0x)?([0-9a-f]{1,16}))?$")
_SIGNAL = re.compile(r".{0,80}?Received signal (\d{1,2}) (?:\S{1,30} )?([0-9a-f]{8,16})?")
_GDB = re.compile(r".{0,40}?received signal (SIG[A-Z]{2,8})")
_KASAN = re.compile(r".{0,80}?BUG: KASAN: ([\w -]{1,80}?) (?:in|on) ")


def read_process(here: Here) -> Said | None:
    found = _PROCESS.search(here.line)
    here.report.process = found[1] if found else ""
    return None


def read_arm(here: Here) -> Said | None:
    """Read the fault status of 32-bit ARM: what the memory unit refused, and bit 11 for a write."""
    found = _FAULT.search(here.line)
    if not found or not here.report.crash_type.startswith("Kernel failure"):
        return None
    status = int(found[1], 16)
    number = status & 15
    named = f"{FAULTS[number]} ({number})" if number in FAULTS else ""
    here.report.access = f"{'WRITE' if status & 0x800 else 'READ'} {named}".strip()
    return None


def read_signal(here: Here) -> Said | None:
    if (found := _GDB.match(here.line)) and "Received" not in here.line:
        return Said({"SIGSEGV": "UNKNOWN", "SIGABRT": "Abrt"}.get(found[1], found[1]), PLAIN)
    found = _SIGNAL.match(here.line)
    if not found:
        return None
    here.report.address = int(found[2], 16) if found[2] else None
    named = {"11": "UNKNOWN", "7": "Bus", "4": "Ill", "8": "Floating-point-exception", "6": "Abrt", "5": "Breakpoint"}
    return Said(named.get(found[1], "UNKNOWN"), WEAK)


def read_android(here: Here) -> Said | None:
    found = _ANDROID.match(here.line)
    if not found:
        return None
    here.report.address = int(found[3], 16) if found[3] else None
    named = {
        "SIGSEGV": "UNKNOWN",
        "SIGBUS": "Bus",
        "SIGILL": "Ill",
        "SIGFPE": "Floating-point-exception",
        "SIGABRT": "Abrt",
    }
    return Said(named.get(found[2], "UNKNOWN"), WEAK)


def read_debugger(here: Here) -> Said | None:
    if "first chance)" in here.line and "c0000005" in here.line:
        return None
    rank = WEAK if "fatal exception" in here.line else PLAIN
    lowered = here.line.lower()
    for code, named in (
        ("c0000094", "Divide-by-zero"), ("c0000095", "Integer-overflow"), ("c00000fd", "Stack-overflow"),
        ("c0000374", "Heap-corruption"),
        ("c0000005", "UNKNOWN"), ("80000003", ""), ("c000001d", "Ill"),
    ):  # fmt: skip
        if code in lowered:
            return Said(named, rank) if named else None
    return None


def read_attempt(here: Here) -> Said | None:
    here.report.access = "READ" if "ttempt to read" in here.line else "WRITE"
    if here.report.crash_type == "UNKNOWN":
        here.report.crash_type = here.report.access
        here.report.access = ""
    return None


def read_kernel(here: Here) -> Said | None:
    if found := _KASAN.match(here.line):
        return Said("Kernel failure\n" + found[1].strip().capitalize().replace(" ", "-"), PLAIN)
    if "general protection fault" in here.line:
        return Said("Kernel failure\nGeneral-protection-fault", PLAIN)
    if "kernel BUG at " in here.line:
        place = re.sub(r":\d{1,9}!", ":{*}!", here.line.partition("kernel BUG at ")[2].strip())
        return Said("Kernel failure\n" + place[:1].upper() + place[1:], PLAIN)
    return Said("Kernel failure", PLAIN)


def read_missing(here: Here) -> Said | None:
    return Said(
        "Missing-library", STRONG, here.line.partition("loading shared libraries: ")[2].split(":", 1)[0].strip()
    )


def read_not_linked(here: Here) -> Said | None:
    found = _LIBRARY.search(here.line)
    return Said("Missing-library", STRONG, basename(found[1])) if found else None


def read_assert_at(here: Here) -> Said | None:
    text = here.line.partition("ASSERT FAILED at (")[2].partition("): ")[2].strip()
    return Said("ASSERT", STRONG, text) if text else None
