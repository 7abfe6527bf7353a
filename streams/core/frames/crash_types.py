"""What a crash report says about its kind: messages -> crash type, as crash-triage tools name it."""

from __future__ import annotations

import re
from dataclasses import dataclass

ACCESS_SIZE_MAX = 32
"""Bytes of a memory access that are told apart; a longer one comes from a copy whose length varies."""


@dataclass(frozen=True, slots=True)
class Said:
    """A line that names the crash. A higher ``rank`` replaces a lower one; ``headline`` leads the frames."""

    crash_type: str
    rank: int
    headline: str = ""


FAINT, WEAK, PLAIN, STRONG = 0, 1, 2, 3
"""Faint: a runtime's last words. Weak: how the process died. Plain: what a sanitizer or the system saw.
Strong: what the program itself asserted."""

FAULTS = {
    1: "Alignment Fault", 3: "Access Flag Fault, Section", 5: "Translation Fault, Section",
    6: "Access Flag Fault, Page", 7: "Translation Fault, Page", 8: "Synchronous External Abort",
    9: "Domain Fault, Section", 11: "Domain Fault, Page", 13: "Permission Fault, Section", 15: "Permission Fault, Page",
}  # fmt: skip
"""Fault status of 32-bit ARM with short descriptors, as the architecture's manual names it."""

_SANITIZER = re.compile(r".{0,200}?(?:ERROR|WARNING): (\w{0,40}Sanitizer): (.*)$")
_WORDS = {
    "segv": "UNKNOWN", "access-violation": "UNKNOWN", "unknown-crash": "UNKNOWN", "bus": "Bus", "ill": "Ill",
    "illegal-instruction": "Ill",
    "abrt": "Abrt", "fpe": "Floating-point-exception", "trap": "Breakpoint", "breakpoint": "Breakpoint",
    "int-divide-by-zero": "Divide-by-zero",
    "stack-overflow": "Stack-overflow", "bad-free": "Invalid-free", "double-free": "Heap-double-free",
    "odr-violation": "ODR-violation",
    "float-divide-by-zero": "Divide-by-zero", "stack-buffer-underflow": "Stack-buffer-underflow",
    "wild-free": "Invalid-free",
    "use-of-uninitialized-value": "Use-of-uninitialized-value", "allocation-size-too-big": "Out-of-memory",
    "out-of-memory": "Out-of-memory",
    "rss-limit-exceeded": "Out-of-memory", "heap-use-after-free": "Heap-use-after-free",
    "in-page-error": "UNKNOWN", "undefined": "UNKNOWN",
    "priv-instruction": "Ill", "invalid-free": "Invalid-free",
    "dynamic-stack-buffer-overflow": "Dynamic-stack-buffer-overflow",
}  # fmt: skip
_PHRASES = {
    "calloc parameters overflow": "Calloc-overflow", "reallocarray parameters overflow": "Reallocarray-overflow",
    "pvalloc parameters overflow": "Pvalloc-overflow", "invalid allocation alignment": "Invalid-allocation-alignment",
    "invalid alignment requested in aligned_alloc": "Invalid-aligned-alloc-alignment",
    "invalid alignment requested in posix_memalign": "Invalid-posix-memalign-alignment",
    "bad parameters to __sanitizer_annotate": "Bad-container-annotation",
}  # fmt: skip
_WEAK_WORDS = frozenset(("abrt", "trap", "breakpoint", "ill", "illegal-instruction"))

_UNDEFINED = (
    ("downcast of address", "Bad-cast"), ("member call on address", "Bad-cast"),
    ("member access within address", "Bad-cast"),
    ("control flow integrity check", "Bad-cast"), ("upcast of address", "Bad-cast"),
    ("cast to virtual base of address", "Bad-cast"),
    ("division by zero", "Divide-by-zero"), ("unsigned integer overflow", "Unsigned-integer-overflow"),
    ("signed integer overflow", "Integer-overflow"), ("cannot be represented in type", "Integer-overflow"),
    ("upcast of null pointer", "Upcast-of-null-pointer"),
    ("cast to virtual base of null", "Cast-to-virtual-base-of-null"),
    ("null pointer passed as argument", "Invalid-null-argument"),
    ("null pointer returned from function", "Invalid-null-return"),
    ("nonzero offset", "Pointer-overflow"), ("non-zero offset", "Pointer-overflow"),
    ("applying zero offset to null", "Pointer-overflow"), ("offset to null pointer", "Pointer-overflow"),
    ("pointer index expression", "Pointer-overflow"), ("pointer arithmetic", "Pointer-overflow"),
    ("addition of unsigned offset", "Pointer-overflow"),
    ("subtraction of unsigned offset", "Pointer-overflow"), ("null pointer", "Null-dereference"),
    ("misaligned address", "Misaligned-address"), ("insufficient space for an object", "Object-size"),
    ("insufficient space", "Object-size"),
    ("not a valid value for type 'bool'", "Invalid-bool-value"),
    ("not a valid value for type 'BOOL'", "Invalid-bool-value"),
    ("not a valid value", "Invalid-enum-value"), ("index -", "Index-out-of-bounds"),
    ("out of bounds for type", "Index-out-of-bounds"),
    ("left shift of", "Undefined-shift"), ("right shift of", "Undefined-shift"),
    ("shift exponent", "Undefined-shift"),
    ("variable length array bound", "Non-positive-vla-bound-value"),
    ("through pointer to incorrect function type", "Incorrect-function-pointer-type"),
    ("unreachable program point", "Unreachable code"), ("without returning a value", "No-return-value"),
    ("outside the range of representable values", "Float-cast-overflow"),
    ("assumption is violated", "Assumption-violation"),
    ("implicit conversion", "Implicit-conversion"), ("invalid builtin", "Invalid-builtin-use"),
    ("passing zero to", "Invalid-builtin-use"),
    ("alignment assumption", "Alignment-assumption"), ("reached an unreachable", "Unreachable code"),
)  # fmt: skip
_TYPE_NAMED = re.compile(r" type (?:'([^']{1,300})'|([^']{1,300}?)(?= failed during| \(|$))")
_GLOG_FATAL = re.compile(r".{0,60}?\bF\d{4} \d\d:")
_LONG_NUMBER = re.compile(r"(?<![A-Za-z_0-9])\d{2,20}(?![A-Za-z_0-9])|(?<=[@#])\d{1,20}")
_COMPARED = re.compile(r" \((?:[^()]|\([^()]{0,80}\)){0,300}? ?vs\. .*$")


def basename(path: str) -> str:
    """Return the last part of a path, of either separator."""
    return path.replace("\\", "/").rsplit("/", 1)[-1].split(":", 1)[0]


def condition(text: str, file: str) -> str:
    """Return a check's condition without the values of this run, with the file that holds it."""
    text = _LONG_NUMBER.sub("NUMBER", _COMPARED.sub("", text.strip().split("; ", 1)[0])).rstrip(".: ")
    return f"{text} in {basename(file)}" if file else text


def access(kind: str, size: str) -> str:
    """Return how memory was touched: ``READ 4``; a length that varies between runs is ``{*}``."""
    number = int(size[:18]) if size.isdigit() else 0
    return f"{kind} {size}" if number <= ACCESS_SIZE_MAX or number == 64 else kind + " {*}"


def sanitizer(line: str) -> Said | None:
    """Read the first line of a sanitizer's report."""
    found = _SANITIZER.match(line)
    if not found:
        return None
    text = found[2]
    lowered = text.lower()
    if (
        "out of memory" in lowered
        or "failed to allocate" in lowered
        or "allocation size" in lowered
        or "allocator" in lowered
    ):
        return Said("Out-of-memory", PLAIN)
    if "double-free" in lowered:
        return Said("Heap-double-free", PLAIN)
    if "attempting free" in lowered or "attempting to call malloc_usable_size" in lowered:
        return Said("Invalid-free", PLAIN)
    if "data race" in lowered:
        return Said("Data race", PLAIN)
    if "memory leaks" in lowered:
        return None
    for phrase, named in _PHRASES.items():
        if lowered.startswith(phrase):
            return Said(named, PLAIN)
    word = text.split(" ", 1)[0].strip(":,").lower()
    if not word or not word[0].isalpha():
        return None
    if word in ("invalid", "failed", "exceeded", "symbolizer", "external"):
        return None
    if word == "segv" and "unknown address (pc" in text:
        return Said("Segv on unknown address", PLAIN)
    named = _WORDS.get(word) or (word.capitalize() if "-" in word else "")
    if found[1].startswith("Thread"):
        named = "-".join(text.partition(" (")[0].split()).capitalize()
    return Said(named, WEAK if word in _WEAK_WORDS else PLAIN) if named else None


def undefined(line: str) -> Said | None:
    """Read ``runtime error: ...`` of the undefined behaviour sanitizer."""
    text = line.partition("runtime error: ")[2]
    for phrase, named in _UNDEFINED:
        if phrase in text:
            quoted = _TYPE_NAMED.search(text) if named == "Bad-cast" else None
            return Said(named, PLAIN, f"Bad-cast to {quoted[1] or quoted[2]}" if quoted else "")
    return Said("UNKNOWN", WEAK) if text else None


def checked(line: str) -> Said | None:
    """Read a log line that ends the program: ``...file.cc:12] Check failed: text`` and its relatives."""
    if "] " not in line:
        return None
    head, _, text = line.partition("] ")
    while (
        "] " in text
        and not text.startswith(("Check", "CHECK", "Security", "Assert", "V8 error", "NOTREACHED", "DCHECK"))
        and ("heck failed" in text.partition("] ")[2][:40])
    ):
        head, _, text = text.partition("] ")
    place = re.search(r"([\w.+-]{1,200})[:(]\d{1,9}\)?$", head[-260:])
    file = place[1] if place else ""
    fatal = "CHECK failure" if "FATAL:" in head else "Fatal error" if _GLOG_FATAL.match(head) else ""
    return _fatal_text(text.strip(), file, fatal)


def _fatal_text(text: str, file: str, fatal: str) -> Said | None:
    for mark, named in (
        ("Security DCHECK failed: ", "Security DCHECK failure"),
        ("Security CHECK failed: ", "Security CHECK failure"),
        ("Debug check failed: ", "DCHECK failure"), ("Check failed: ", "CHECK failure"),
        ("DCHECK failed: ", "CHECK failure"), ("CHECK failed: ", "CHECK failure"),
    ):  # fmt: skip
        if text.startswith(mark):
            return Said(named, STRONG, condition(text[len(mark) :], file))
    if "Security DCHECK failed: " in text:
        return Said("Security DCHECK failure", STRONG, condition(text.partition("failed: ")[2], file))
    if fatal and text.lower().startswith("out of memory"):
        return Said("Out-of-memory", STRONG)
    if text.startswith("Assert failed: "):
        return Said("ASSERT", STRONG, text[15:].strip())
    if text.startswith("V8 error: "):
        return Said("V8 API error", STRONG, text[10:].strip().rstrip("."))
    if text.startswith("NOTREACHED hit. "):
        return Said("CHECK failure", STRONG, condition(text[16:], file))
    if " assertion failed at " in " " + text and ": " in text:
        return Said("ASSERT", STRONG, text.split(": ", 1)[1].strip())
    return Said(fatal, STRONG, condition(text, file)) if fatal and text else None
