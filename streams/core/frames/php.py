"""PHP: uncaught exceptions and fatal errors with the numbered stack below them, Xdebug's stack, logged exceptions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from streams.core.frames.checkout import relative
from streams.core.frames.stack import FRAMES_MAX, Found, Frame, Reading, built

LANGUAGE = "php"
MARKS = (".php",)

_TYPE = r"(\\?(?:[A-Za-z_]\w{0,100}\\{1,2}){0,12}[A-Za-z_]\w{0,100})"
_RAISED = re.compile(
    rf".{{0,80}}?(?:PHP )?(?:Fatal error: {{1,4}})?Uncaught {_TYPE}(?:: (.*?))?(?: in (\S{{1,400}}\.php):(\d{{1,9}}))?$"
)
_SHOWN = re.compile(rf"(Next )?{_TYPE}(?:: (.*?))? in (\S{{1,400}}\.php):(\d{{1,9}})$")
_LOGGED = re.compile(
    rf".{{0,1500}}?\[object\] \({_TYPE}\(code: \w{{1,20}}\): (.{{0,1000}}?) at (\S{{1,400}}\.php):(\d{{1,9}})\)"
)
_FATAL = re.compile(
    r".{0,80}?(?:PHP )?(Fatal error|Parse error|Warning): {1,4}(.*) in (\S{1,400}\.php) on line (\d{1,9})$"
)
_CALL = re.compile(
    r"\s{0,8}#\d{1,4} (?:(\S{1,400}\.php)(?:\(\d{1,9}\) : [\w() ']{1,60})?\((\d{1,9})\)|\[internal function\]): "
    r"([\w\\:>{}@$.()-]{1,300}?)\("
)
_MAIN = re.compile(r"\s{0,8}#\d{1,4} \{main\}")
_XDEBUG = re.compile(
    r"(?:PHP)? {1,8}(?:\d{1,6}\.\d{1,6} {1,12}\d{1,12} {1,8})?"
    r"\d{1,4}\. ([\w\\:>{}@-]{1,300})\(.{0,1000}?\) (\S{1,400}\.php):(\d{1,9})$"
)
_TESTED = re.compile(r"\d{1,6}\) [\w\\]{1,300}::\w{1,200}(?: with data set .{1,300})?$")
_THROWN = re.compile(rf"{_TYPE}(?::(?: (.*))?)?$")
_BRACKETED = re.compile(rf"\s{{1,8}}\[{_TYPE}\]$")
_STEP = re.compile(r"\s{0,8}(?:([\w\\:>{}-]{1,300})\(\))? {0,4}at (\S{1,400}\.php):(\d{1,9})$")
_PRINTED = re.compile(r"(\S{1,400}\.php):(\d{1,9})$")
_HASHED = re.compile(r"(__TwigTemplate_)[0-9a-f]{16,64}(?:___\d{1,9})?|(class@anonymous)\S{0,300}")
_LIBRARY = ("/vendor/", "/usr/share/php/", "phar://")


def find(lines: Sequence[str]) -> Found | None:
    """Return the first cause of the last uncaught exception, or the last fatal error, or None.

    A line of the stack shows where its function was called; where the function itself was left, the line above shows.
    """
    latest: Reading | None = None
    at, raised, message = -1, "", ""
    place = ("", "0")
    frames: list[Frame] = []
    chain: list[str] = []
    xdebug: list[tuple[str, str, str]] = []
    outer = False
    for number, line in enumerate(lines):
        if "#" in line[:12] and (call := _CALL.match(line)):
            if not raised or outer:
                continue
            if len(frames) < FRAMES_MAX:
                frames.append(_frame(*place, call[3]))
            place = (call[1] or place[0], call[2] or "0")
        elif raised and not outer and "{main}" in line and _MAIN.match(line) and len(frames) < FRAMES_MAX:
            frames.append(_frame(*place, "{main}"))
            outer = True
        elif (opened := _opened(line)) is not None:
            linked, kind, text, *where = opened
            if linked and frames:
                chain.insert(0, kind)
                outer = True
            else:
                at, raised, message, frames, xdebug, outer = number, kind, text, [], [], False
                chain, place = [kind], (where[0], where[1])
        elif " on line " in line and latest is None and (fatal := _FATAL.match(line)):
            at, raised, message, frames, xdebug = number, fatal[1], fatal[2], [], []
            chain, place = [fatal[1]], (fatal[3], fatal[4])
        elif raised and ". " in line[:40] and (step := _XDEBUG.match(line)):
            if len(xdebug) < FRAMES_MAX:
                xdebug.append((step[1], step[2], step[3]))
            continue
        else:
            continue
        shown = frames or ([_frame(*place, "")] if place[0] else [])
        latest = at, raised, message, shown, chain
    if latest is not None and xdebug:
        latest = (*latest[:3], _called(xdebug, place), latest[4])
    return built(LANGUAGE, latest) or _tested(lines) or _console(lines)


def _tested(lines: Sequence[str]) -> Found | None:
    """Read what a test runner prints of an exception: the test, the type with the message, the places without calls."""
    latest: Reading | None = None
    for number in range(1, len(lines)):
        if ")" not in lines[number - 1][:8] or not _TESTED.match(lines[number - 1]):
            continue
        thrown = _THROWN.match(lines[number])
        if not thrown or not thrown[1].endswith(("Exception", "Error")):
            continue
        places = (_PRINTED.match(line) for line in lines[number + 1 : number + 1 + FRAMES_MAX] if ".php:" in line)
        frames = [_frame(place[1], place[2], "") for place in takewhile(bool, places) if place]
        if frames:
            latest = number, thrown[1], thrown[2] or "", frames, [thrown[1]]
    return built(LANGUAGE, latest)


def _console(lines: Sequence[str]) -> Found | None:
    """Read what a console application prints of an exception: its type in brackets, and a trace when asked for."""
    latest: Reading | None = None
    kind, at, reading = "", -1, False
    place = ("", "0")
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        if "]" in line and (typed := _BRACKETED.match(line)):
            kind, at, reading = typed[1], number, False
        elif line.strip() == "Exception trace:" and kind:
            reading, frames, place = True, [], ("", "0")
        elif reading and " at " in line and ".php:" in line and (step := _STEP.match(line)):
            if step[1] and len(frames) < FRAMES_MAX:
                frames.append(_frame(*place, step[1]))
                latest = at, kind, lines[at + 1].strip(), frames, [kind]
            place = (step[2], step[3])
    return built(LANGUAGE, latest)


def _opened(line: str) -> tuple[bool, str, str, str, str] | None:
    """Read a line that shows an exception: whether it is linked to the one above, type, message, file, line."""
    if "Uncaught " in line and (found := _RAISED.match(line)):
        return False, found[1], found[2] or "", found[3] or "", found[4] or "0"
    if ".php:" in line and "[object] (" in line and (found := _LOGGED.match(line)):
        return False, found[1].replace("\\\\", "\\"), found[2], found[3], found[4]
    if ".php:" in line and " in " in line and (found := _SHOWN.match(line)):
        return bool(found[1]), found[2], found[3] or "", found[4], found[5]
    return None


def _called(steps: Sequence[tuple[str, str, str]], place: tuple[str, str]) -> list[Frame]:
    """Turn Xdebug's steps, outermost first, into calls, innermost first."""
    frames: list[Frame] = []
    for function, file, line in reversed(steps):
        frames.append(_frame(*place, function))
        place = (file, line)
    return frames


def _frame(file: str, line: str, function: str) -> Frame:
    own = not any(mark in file for mark in _LIBRARY) and bool(file)
    reason = "own file" if own else "installed package"
    name = _HASHED.sub(lambda found: found[1] or found[2], function.replace("->", "::"))
    return Frame(name, "/".join(relative(file).rsplit("/", 2)[-2:]), file, int(line) or None, in_app=own, reason=reason)
