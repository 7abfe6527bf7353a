"""One line of a crash report -> function and file, in the forms that sanitizers, debuggers and kernels print."""

from __future__ import annotations

import re

from streams.core.frames.ignored import is_ignored, is_ignored_binary
from streams.core.frames.kernel import is_machinery
from streams.core.frames.symbols import demangled

NAME_CHARS_MAX = 80
"""Characters of one part of a crash's name; the length at which crash-triage tools cut it."""

_NUMBERED = re.compile(r".{0,60}?#\d{1,4}:?\s+(?:0x[0-9a-f]{1,18}|[0-9a-f`]{5,18}):?\s+(?:in\s+)?(\S.*)$")
_PLAIN = re.compile(r"\s*#\d{1,4}\s+(?:in\s+)?([A-Za-z_~(<][^(]{0,400}\(.*)$")
_GLOG = re.compile(r"\s*@\s+0x[0-9a-f]{4,18}\s+(\S.*)$")
_TOMBSTONE = re.compile(r".{0,80}?#\d\d\s+pc ([0-9a-f]{6,16})\s+(\S+)(?:\s+\((?:offset \S+\) ?\()?(.*)\))?")
_MANGLED = re.compile(r"\s*\d{1,3}\s{1,10}\S.{0,200}? 0x[0-9a-f]{8,16} (_ZN\w{1,600})")
_WINDOWS = re.compile(r"\s*([\w:~<>,*&` '()]{2,400}?) \[0x[0-9A-F]{8,16}\+\d{1,12}\](?: \((\S{1,300}):\d{1,9}\))?$")
_DEBUGGER = re.compile(
    r"(?:[0-9a-f]{2,4} )?(?:\(Inline\) -{8} |[0-9a-f`]{8,17} |-{8} )(?:[0-9a-f`]{8,17} |-{8,17} )"
    r"(?:[0-9a-f`: ]{0,200})?([\w.]{1,80})!(\S.*)$"
)
_LLDB = re.compile(r"\s*(?:\* )?frame #\d{1,4}: 0x[0-9a-f]{1,16} [^`]{1,200}`(.+)$")
_KERNEL = re.compile(
    r".{0,60}?(?:\[<[0-9a-f]{8,16}>\]|\[ *\d{1,6}\.\d{1,6}\]|^)"
    r"\s{0,8}\(?([A-Za-z_][\w.]{1,200})\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8}"
)
_TRUSTY = re.compile(r".{0,40}?[ku]SP\+0x[0-9a-f]{1,8}: 0x[0-9a-f]{1,16} in (\S.*)$")
_JVM = re.compile(r"\s*at (?:[\w.@-]{1,100}/)?([\w$.<>]{1,400})\(([^()]{0,200})\)")
_SCRIPT = re.compile(r"\s*at (?:async )?(?:new )?([\w$.<> \[\]]{1,200}?) \((.{1,500}?)(?::\d{1,9}){1,2}\)$")
_GO = re.compile(r"(?:created by )?([\w./*()~%-]{1,300}?\.[\w.*()·-]{1,200})\(")
_PYTHON = re.compile(r'\s*File "(.{1,500})", line \d{1,9}, in (\S.{0,200})$')

_PLACE = re.compile(
    r" +(?:at )?(?:\.{0,2}/|[A-Za-z]:\\)?[\w+~.@/\\-]{1,600}(?:\.[\w+]{1,12})?:(?:\d{1,9}|\?)(?::\d{1,9})?\)?$"
)
_BARE_FILE = re.compile(r" +((?:\.{0,2}/|[A-Za-z]:\\)?\S{0,600}\.(?:cc|cpp|cxx|c|h|hpp|mm|m|rs|inc|inl|S|swift|go))$")
_BINARY = re.compile(r" ?\(([^()]{1,600}?)\+0x[0-9a-f]{1,18}\)(?: \(BuildId: \w{1,64}\))?$")
_BRACED = re.compile(r" ?<<?[\w.+ -]{1,200}>>?\+0x[0-9a-f]{1,18}$")
_SANITIZER_UNIT = re.compile(r" +_\w{1,40}_rtl_$| +\(BuildId: \w{1,64}\)$")
_OFFSET = re.compile(r"\+(?:0x)?[0-9a-f]{1,18}(?:/0x[0-9a-f]{1,18})?$")
_ASSEMBLER = re.compile(r"\.S(?::\d{1,9})?$")
_SOURCE = re.compile(r"\.(?:cc|cpp|cxx|c|C|h|hpp|rs|mm|m|go|swift|inc)$")
_ENTRY = ("LLVMFuzzerTestOneInput", "fuzzerTestOneInput", "TestOneProtoInput", "TestOneInput", "TestOneProto")


def is_entry(name: str) -> bool:
    """Say whether the frame is where a fuzz driver hands over: what lies below belongs to the driver."""
    return name.rsplit("::", 1)[-1] in _ENTRY or name.startswith("rust_fuzzer_test_input")


def native_name(text: str) -> tuple[str, str]:
    """Return function and file of what stands behind a frame's address; the function keeps template arguments."""
    text = text.strip()
    file = ""
    if text.endswith(">") or ">+0x" in text:
        text = _BRACED.sub("", text)
    for _ in range(2):
        if "(BuildId" in text or "_rtl_" in text:
            text = _SANITIZER_UNIT.sub("", text)
        binary = _BINARY.search(text[-700:]) if text.endswith(")") else None
        if binary:
            file, text = file or binary[1], text[: len(text) - len(binary[0])]
            continue
        tail = text[-700:]
        place = _PLACE.search(tail) or _BARE_FILE.search(tail)
        if place:
            file, text = file or place[0], text[: len(text) - len(place[0])]
            break
        break
    return crash_name(text), file.strip(" ()").removeprefix("at ").split(":", 1)[0] if ":\\" not in file else file


def crash_name(text: str) -> str:
    """Cut arguments and anonymous namespaces off a function's text."""
    text = text.replace("(anonymous namespace)::", "").replace("`anonymous namespace'::", "").replace("(.llvm.", " (")
    text = text.split("(", 1)[0].split(" [clone", 1)[0].strip()
    if "+" in text:
        text = _OFFSET.sub("", text)
    if "[abi:" in text:
        text = re.sub(r"\[abi:\w{1,40}\]", "", text)
    return text.strip().removesuffix(" <null>")


def frame_of(line: str) -> tuple[str, str, str] | None:
    """Return (form, name, file) of a line that is a frame, or None; an empty name is a frame without a symbol."""
    if "#" in line[:80]:
        return _hash_frame(line)
    start = line.lstrip()
    if start.startswith("at ") and "(" in line:
        return _managed_frame(line)
    if start.startswith("@ ") and (found := _GLOG.match(line)):
        return ("glog", *native_name(found[1]))
    if "!" in line and (found := _DEBUGGER.match(line)):
        return ("cdb", crash_name(found[2].split(" [", 1)[0]), found[1])
    if "+0x" in line:
        if "/0x" in line and "? " not in line and (found := _KERNEL.match(line)):
            # A piece that a compiler cut off (`f.part.2`) is there in one build and not in the next.
            return None if "." in found[1] or is_machinery(found[1]) else ("kernel", found[1], "")
        if "SP+" in line and (found := _TRUSTY.match(line)):
            return ("trusty", *native_name(found[1]))
    if "_ZN" in line and (found := _MANGLED.match(line)):
        return ("mangled", demangled(found[1]), "")
    if "+" in line and "[0x" in line and (found := _WINDOWS.match(line)):
        return ("windows", crash_name(found[1]), found[2] or "")
    return None


def _hash_frame(line: str) -> tuple[str, str, str] | None:
    if " pc " in line and (found := _TOMBSTONE.match(line)):
        known = found[3] and not found[3].startswith("BuildId")
        symbol = crash_name(found[3].partition(") (BuildId")[0]) if known else ""
        return ("tombstone", symbol, found[2] if symbol else f"{found[2]}+0x{found[1]}")
    if found := _NUMBERED.match(line):
        return ("numbered", *native_name(found[1]))
    if "frame #" in line and (found := _LLDB.match(line)):
        return ("numbered", *native_name(found[1]))
    if "(" in line and (found := _PLAIN.match(line)):
        return ("numbered", *native_name(found[1]))
    return None


def _managed_frame(line: str) -> tuple[str, str, str] | None:
    found = _SCRIPT.match(line) or _JVM.match(line)
    return ("managed", found[1].strip(), found[2]) if found else None


def go_frame(line: str, place: str) -> str | None:
    """Return a Go call's package and function, without the package's directories; None when the line is no call."""
    if (line[:1].isspace() or not place[:1].isspace()) and ".go:" not in place and ".s:" not in place:
        return None
    line = line.lstrip()  # A fuzz test prints its panic set in below its name.
    found = _GO.match(line)
    if not found:
        return None
    name = line[: line.rindex("(")] if line.endswith(")") else found[1]
    return name.removeprefix("created by ").rsplit("/", 1)[-1]


def python_frame(line: str) -> tuple[str, str] | None:
    """Return function and file of a Python frame's line."""
    found = _PYTHON.match(line) if 'File "' in line else None
    return (found[2].strip(), found[1]) if found else None


def shown(name: str, file: str) -> str:
    """Return the text by which a frame enters the crash's name; empty when it is left out."""
    last = name.rsplit(".", 1)[-1].rsplit("::", 1)[-1]
    if last in _ENTRY:
        if "." in name and last == "fuzzerTestOneInput":
            return name[:NAME_CHARS_MAX]
        base = file.replace("\\", "/").rsplit("/", 1)[-1].split(":", 1)[0]
        return base if _SOURCE.search(base) and "." not in name else ""
    if name == "in":
        return ""
    if not name:
        return "" if not file or is_ignored_binary(file) else file[:NAME_CHARS_MAX]
    if (
        name.startswith("<")
        and name.endswith(">")
        and name[1:-1] in ("unknown", "unavailable", "null", "unknown module")
    ):
        return ""
    if is_ignored_binary(name) or _ASSEMBLER.search(name):
        return ""
    return "" if is_ignored(name, file) else name[:NAME_CHARS_MAX].strip()
