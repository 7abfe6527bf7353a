"""Stacks as error trackers and log shippers render them, of any language: function, file and line in any order."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames import cpp, java, javascript, python
from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, bounded_lines, collapse

CALLS_MIN = 2
"""Calls one below the other: a line alone may be prose, or what a linter found."""

CALL_CHARS_MAX = 700
"""Characters of a line that may be a call."""

HEADER_DISTANCE_MAX = 5
"""Lines between an error's first line and its first call."""

_LANGUAGES = {
    "python": "py pyx", "javascript": "js jsx mjs cjs ts tsx vue svelte", "java": "java kt kts scala groovy clj",
    "ruby": "rb erb rake", "php": "php", "csharp": "cs fs vb", "go": "go", "rust": "rs",
    "cpp": "c cc cpp cxx h hpp cu", "apple": "m mm swift", "dart": "dart", "beam": "ex exs erl", "lua": "lua",
    "perl": "pl pm", "julia": "jl", "rlang": "R",
}  # fmt: skip
_LANGUAGE_OF = {ending: language for language, endings in _LANGUAGES.items() for ending in endings.split()}
_ENDING = "|".join(sorted(_LANGUAGE_OF))
_FILE = rf"[^\s\"'()\[\],]{{1,400}}\.(?:{_ENDING})"
_LINE = r":(?P<line>\d{1,7})(?::\d{1,7})?"
_NAME = r"(?P<name>[^\s\d(/|>=][^|]{0,200}?)"
_BEGIN = r"\s{0,12}(?:[*>-] |#?\d{1,4}[.:]? {1,4}|\[\d{1,4}\] )?(?:at |in |from |File )?"
_PLACE_LAST = re.compile(rf"{_BEGIN}{_NAME} ?(?: in | at | - | @ |[(\[])\"?(?P<file>{_FILE})\"?(?:{_LINE})?[)\]]?$")
_PLACE_FIRST = re.compile(
    rf"{_BEGIN}[\[(\"]?(?P<file>{_FILE})\"?(?:{_LINE}|, line (?P<named>\d{{1,7}}))[)\]]?(?:,? in |:| - | ){_NAME}$"
)
_PLACE_AROUND = re.compile(rf"{_BEGIN}(?P<file>{_FILE}) in {_NAME}(?: at line (?P<line>\d{{1,7}}))?$")
_RAISED = re.compile(
    r"\s{0,8}((?=[^:\s]{0,150}[A-Z.\\])\*?[A-Za-z_][\w.$\\-]{1,150}(?:::\w{1,100}){0,8}|panic)(?::(?: (.*))?)?$"
)
_LEVELS = frozenset("ERROR WARNING WARN INFO FATAL DEBUG CRITICAL SEVERE NOTICE TRACE Note Hint Help File".split())
_SEEN = re.compile(
    rf"\.(?=[{''.join(sorted({ending[0] for ending in _LANGUAGE_OF}))}])(?:{_ENDING})(?:[:)\],\"]|\s+in\s|$)",
    re.MULTILINE,
)
_INSTALLED = ("/site-packages/", "/dist-packages/", "/gems/", "/vendor/", "/pkg/mod/", "/.cargo/registry/", "/rustc/",
              "/usr/lib/", "/usr/include/", "/usr/local/go/src/", "node_modules/")  # fmt: skip


def may_hold(text: str) -> bool:
    """Say whether the text may hold such a stack; quick, and linear in the text."""
    return "\n" in text and any(count == CALLS_MIN for count, _ in enumerate(_SEEN.finditer(text), 1))


def is_held(text: str) -> bool:
    """Say whether the text holds such a stack."""
    return may_hold(text) and find(bounded_lines(text)) is not None


def find(lines: Sequence[str]) -> Found | None:
    """Return the last run of calls that an error's type and message introduce or follow, or None.

    Of a chain, which trackers print one error below the other, the first gives type and message, all give calls.
    """
    latest: Found | None = None
    calls: list[Frame] = []
    languages: list[str] = []
    start = ended = 0
    for number in range(len(lines) + 1):
        read = _call(lines[number]) if number < len(lines) else None
        if read is not None:
            start = start if calls else number
            if len(calls) < FRAMES_MAX:
                calls.append(read[0])
                languages.append(read[1])
            continue
        if len(calls) >= CALLS_MIN and (raised := _header(lines, start, number)):
            above, kind, message = raised
            trace = Trace(languages[0], kind, message[:MESSAGE_CHARS_MAX], collapse(calls), (kind,))
            if latest is not None and above == start - 1 == ended:
                cause = latest.trace
                frames = collapse((*cause.frames, *calls))
                trace = Trace(cause.language, cause.exception_type, cause.message, frames, (kind, *cause.chain))
            latest = Found(start, trace)
            ended = number
        if calls:
            calls, languages = [], []
    return latest


def _header(lines: Sequence[str], start: int, end: int) -> tuple[int, str, str] | None:
    """Return place, type and message of the error above the calls, or else below them."""
    above = range(start - 1, max(-1, start - 1 - HEADER_DISTANCE_MAX), -1)
    for number in (*above, *([end] if end < len(lines) else [])):
        raised = _RAISED.match(lines[number])
        if raised is None or raised[1] in _LEVELS:
            continue
        if raised[2] is not None or raised[1].endswith(("Error", "Exception")):
            return number, raised[1], raised[2] or ""
    return None


def _call(line: str) -> tuple[Frame, str] | None:
    if "." not in line or len(line) > CALL_CHARS_MAX or ": " in line:
        return None  # What follows a colon and a blank is said, by a compiler for one.
    found = _PLACE_LAST.match(line) or _PLACE_FIRST.match(line) or _PLACE_AROUND.match(line)
    if found is None:
        return None
    groups = found.groupdict()
    digits = groups.get("line") or groups.get("named")
    file, name = found["file"], found["name"].strip(" '`\"[]")
    language = _LANGUAGE_OF[file.rsplit(".", 1)[-1]]
    return _frame(name, file, int(digits) if digits else None, language), language


def _frame(name: str, file: str, line: int | None, language: str) -> Frame:
    if language == "python":
        return python.call_frame(file, str(line or 0), name)
    if language == "javascript":
        return javascript.named_frame(name, file, line)
    if language == "java" and "." in name:
        return java.class_frame(*name.split("(", 1)[0].rsplit(".", 1))
    if any(mark in file for mark in _INSTALLED):
        return Frame(name, "", file, line, in_app=False, reason="installed package")
    if language in ("cpp", "apple", "rust"):
        return cpp.native_frame(name, f"{file}:{line or 0}")
    return Frame(name, "", file, line, reason="own file")
