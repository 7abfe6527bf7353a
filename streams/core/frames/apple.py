"""Crash reports of Apple's systems and backtraces of Swift: report texts, NSException, fatal errors on any system."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse

LANGUAGE = "apple"
MARKS = (
    "Exception Type:", "Terminating app due to uncaught exception", "First throw call stack", ".swift:",
    ": error: -[", "Program crashed:", "Crashed:", "Exception Name:",
)  # fmt: skip

_FRAME = re.compile(r"\s{0,8}(\d{1,3})\s{1,10}([^\s\[].{0,80}?)\s{1,40}(0x[0-9a-f]{6,16}) (\S.{0,800})$")
_SWIFT = re.compile(
    r"\s{0,4}(\d{1,3})(?: \[(?:ra|async|inlined|system|thunk)\])* (?:0x[0-9a-f]{6,16}|…|\.\.\.) (\S.{0,800}?)"
    r" in (\S.{0,100}?)(?: at (.{1,400}?))?$"
)
_SYMBOL = re.compile(r"(.+?)(?: \+ \d{1,12})?(?: \(([^():]{1,200}):(\d{1,9})\))?(?: \[inlined\])?$")
_UNNAMED = re.compile(r"0x[0-9a-f]{1,16} \+ \d{1,12}$|<unavailable>|\?\?\?")
_PLACED = re.compile(r"(.{1,400}?):(\d{1,9})(?::\d{1,9})?$")
_TYPE = re.compile(r"Exception Type: {1,20}(\S.{0,120})$")
_NAMED = re.compile(r".{0,120}?uncaught exception '(\w{1,120})', reason: '(.{0,1500}?)'?$")
_FATAL = re.compile(r"(.{1,400}?\.swift):(\d{1,9}): (Fatal error|Precondition failed|Assertion failed)(?:: (.*))?$")
_FATAL_INSIDE = re.compile(
    r"(?:\S{1,200}/\S{1,200}\.swift:\d{1,9}: )?(Fatal error|Precondition failed|Assertion failed)(?:: (.*))?$"
)
_TESTED = re.compile(r"(\S{1,300}\.(?:swift|mm?)):(\d{1,9}): error: (-\[.{1,200}?\]|[\w.]{1,200}) : (.{1,1000})$")
_CRASHED = re.compile(r"Thread \d{1,5} (?:\".{0,100}\" )?(?:Crashed|crashed):{0,2}")
_OPENS = ("Last Exception Backtrace:", "*** First throw call stack:", "Current stack trace:", "First throw call stack:")
_ENDS = ("Thread ", "Binary Images", "libc++abi", "Registers:", "Images ")
_SYSTEM_UNITS = frozenset((
    "CoreFoundation", "Foundation", "UIKit", "UIKitCore", "AppKit", "SwiftUI", "SwiftUICore", "QuartzCore", "HIToolbox",
    "GraphicsServices", "CFNetwork", "Security", "WebKit", "WebCore", "JavaScriptCore", "Combine", "CoreData", "Metal",
    "AVFoundation", "AVFAudio", "CoreGraphics", "CoreLocation", "CoreText", "CoreMedia", "AudioToolbox", "IOKit",
    "FrontBoardServices", "BaseBoard", "BoardServices", "CoreAutoLayout", "Network", "MapKit", "StoreKit",
    "XCTest", "XCTestCore", "xctest", "dyld", "dyld_sim", "ImageIO", "PhotosUI", "MediaPlayer", "AttributeGraph",
    "RunningBoardServices", "UIFoundation", "OpenGLES", "GLKit", "SpriteKit", "SceneKit", "Contacts", "AppleJPEG",
))  # fmt: skip
_SYSTEM_STARTS = (
    "libsystem_", "libobjc", "libswift", "libdispatch", "libc++", "libdyld", "libxpc", "libsqlite3", "libicucore",
    "libc.so", "libpthread", "libFoundation.so", "libm.so", "libBlocksRuntime", "libz.", "libnetwork", "libclosured",
    "libMobileGestalt", "ld-linux",
)  # fmt: skip
_MACHINERY = frozenset(("main", "start", "_start", "__libc_start_main", "abort", "raise", "__pthread_kill"))
_RUNTIME_STARTS = ("static UIApplicationDelegate.main", "static App.main", "Swift runtime failure", "swift_", "_swift_")


def find(lines: Sequence[str]) -> Found | None:
    """Return the crashed thread of the last report, or None; an exception's own backtrace beats that of its thread."""
    report: _Report | None = None
    for number, line in enumerate(lines):
        if opened := _opened(number, line):
            if report is None or report.frames or not report.raised:
                opened.frames = [] if report is None or report.frames or report.raised else report.frames
                report = opened
            else:
                report.raised = report.raised if opened.raised in _CLAIMS else opened.raised
                report.message = report.message or opened.message
            continue
        if report is None:
            continue
        if report.reading:
            if frame := _frame(line):
                if len(report.frames) < FRAMES_MAX:
                    report.frames.append(frame)
                continue
            if report.frames and line.startswith(_ENDS):
                report.reading, report.done = False, True
        elif not report.message and line.startswith("Exception Reason:"):
            report.message = line.partition(":")[2].strip()
        if not report.done and (line.startswith(_OPENS) or _CRASHED.match(line)):
            report.reading = True
    if report is None or not (report.raised or report.frames):
        return _failed_test(lines)
    types = (report.raised,) if report.raised else ()
    frames = collapse(report.frames)
    return Found(report.at, Trace(LANGUAGE, report.raised, report.message[:MESSAGE_CHARS_MAX], frames, types))


def _failed_test(lines: Sequence[str]) -> Found | None:
    """Read the last failed assertion of XCTest; its test is the frame."""
    latest: Found | None = None
    for number, line in enumerate(lines):
        if ": error: " in line and (found := _TESTED.match(line)):
            kind = found[4].partition(" failed")[0] if found[4].startswith("XCT") else "test failure"
            frame = Frame(found[3], file=found[1], line=int(found[2]), reason="own test")
            latest = Found(number, Trace(LANGUAGE, kind, found[4][:MESSAGE_CHARS_MAX], (frame,), (kind,)))
    return latest


_CLAIMS = ("Fatal error", "Precondition failed", "Assertion failed")
"""What a program says as it ends itself by a signal, whose name tells more."""


class _Report:
    """One crash while it is read."""

    __slots__ = ("at", "done", "frames", "message", "raised", "reading")

    def __init__(self, at: int, raised: str, message: str) -> None:
        self.at, self.raised, self.message = at, raised, message
        self.frames: list[Frame] = []
        self.reading = self.done = False


def _opened(number: int, line: str) -> _Report | None:
    """Read a line that says what happened."""
    if "Exception Type:" in line and (found := _TYPE.match(line)):
        return _Report(number, found[1], "")
    if line.startswith("Exception Name:"):
        return _Report(number, line.partition(":")[2].strip(), "")
    if "uncaught exception '" in line and (found := _NAMED.match(line)):
        return _Report(number, found[1], found[2])
    if ("rror" in line or "failed" in line) and (found := _FATAL.match(line)):
        return _Report(number, found[3], found[4] or "")
    if line.startswith(("Fatal error", "Precondition failed", "Assertion failed")) and ".swift" in line:
        found = _FATAL_INSIDE.match(line)
        return _Report(number, found[1], (found[2] or "").partition(": file ")[0]) if found else None
    return None


def _frame(line: str) -> Frame | None:
    if "0x" not in line and " in " not in line:
        return None
    if (found := _FRAME.match(line)) and (symbol := _SYMBOL.match(found[4])):
        return _judged(symbol[1], found[2], symbol[2] or "", symbol[3])
    if found := _SWIFT.match(line):
        place = _PLACED.match(found[4] or "")
        name = re.sub(r" \+ \d{1,12}$", "", found[2])
        return _judged(name, found[3], place[1] if place else found[4] or "", place[2] if place else None)
    return None


def _judged(symbol: str, unit: str, file: str, line: str | None) -> Frame:
    name = "" if _UNNAMED.match(symbol) else symbol.removesuffix(" [inlined]").strip()
    in_app, reason = True, "own binary"
    if unit in _SYSTEM_UNITS or unit.startswith(_SYSTEM_STARTS):
        in_app, reason = False, "system library"
    elif name in _MACHINERY or name.startswith(_RUNTIME_STARTS) or "<compiler-generated>" in file:
        in_app, reason = False, "runtime or entry"
    return Frame(name, unit, file, int(line) if line else None, in_app, reason)


def named_frame(symbol: str, unit: str, file: str, line: int | None) -> Frame:
    """Return the frame that a report in JSON describes, judged as one in a text is."""
    return _judged(symbol, unit, file, str(line) if line else None)
