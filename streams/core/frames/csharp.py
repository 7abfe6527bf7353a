"""Stack traces of .NET: C#, F#, Visual Basic; also as Mono and Unity print them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, Found, Frame, Reading, built

LANGUAGE = "csharp"
MARKS = ("   at ", "  at ", " (at Assets", " (at <")

_CALL = re.compile(r"\s{1,40}at ([\w.+<>`|$@\[\], ]{1,500}?)\(([^()]{0,600})\)(?: in (.{1,400}?):line (\d{1,9}))?$")
_MONO = re.compile(
    r"\s{1,40}at ([\w.+<>`|$@/\[\],]{1,500}?)(?:\[.{1,200}?\])? ?\(([^()]{0,600})\)"
    r" \[0x[0-9a-f]{1,8}\] in (.{1,400}?):(\d{1,9}) ?$"
)
_UNITY = re.compile(r"([\w.+<>`|/:]{1,400}?) ?\((.{0,600})\) \(at (.{1,400}?):(\d{1,9})\)$")
_RAISED = re.compile(
    r"\s{0,20}(?:Unhandled exception\. |Unhandled Exception: |\[ERROR\] FATAL UNHANDLED EXCEPTION: |---> "
    r"|Error Message:\s|\(Inner Exception #\d{1,3}\) |fail: .{1,120} |Exception: )?"
    r"((?:[A-Z]\w{0,80}\.){1,12}\w{1,120}(?:Exception|Error|Failure)|[A-Z]\w{0,100}Exception(?=:))"
    r"(?: \((?:0x)?[0-9A-Fa-f]{1,10}\))?(?: ?: (.*))?$"
)
_INNER = re.compile(
    r".{1,1500}? ---> (?:\(Inner Exception #\d{1,3}\) )?((?:[A-Z]\w{0,80}\.){1,12}\w{1,120}(?:Exception|Error))"
    r"(?: \(\w{1,12}\))?(?:: (.*))?$"
)
_TYPE = r"[\w.`+/\[\]&*<>]{1,200}"
# Only a comma parts two arguments: were it optional, a run could be cut anywhere, and time would be exponential.
_ARGUMENTS = re.compile(
    rf"(?:{_TYPE} [\w@]{{1,80}}(?:, {_TYPE} [\w@]{{1,80}}){{0,29}}(?:, )?|{_TYPE}(?:, ?{_TYPE}){{0,29}}(?:, ?)?)?$"
)
_LOCAL = re.compile(r"<[\w.<>]{0,150}>g__(\w{1,120})\|[\d_]{1,20}")
_CLOSURE = re.compile(r"(?:\.|^)<>c(?:__DisplayClass[\d_]{1,20})?(?:`\d{1,3})?(?=\.|$)")
_GENERATED = re.compile(
    r"<{1,3}([\w.]{1,150})>(?:[a-z]__[\w|]{0,100}|d)(?:`\d{1,3})?(?:>d(?:__\d{1,4})?)?(?:\.MoveNext)?"
    r"|`\d{1,3}|\[[\w.`, ]{0,200}\]|@\d{1,6}(?:-\d{1,4})?(?:\.Invoke)?"
)
_RUNTIME = (
    "System.", "Microsoft.", "Xunit.", "NUnit.", "Moq.", "lambda_method", "UnityEngine.", "UnityEditor.", "(wrapper",
    "MS.Internal.", "Internal.", "Interop.", "Castle.Proxies.", "Castle.DynamicProxy.", "Autofac.", "FSharp.Core.",
)  # fmt: skip
_LINK = "--- End of inner exception"


def find(lines: Sequence[str]) -> Found | None:
    """Return the innermost exception of the last stack trace that has a frame, or None."""
    at, raised, message = -1, "", ""
    chain: list[str] = []
    frames: list[Frame] = []
    latest: Reading | None = None
    closed = headed = False
    for number, line in enumerate(lines):
        called = _called(line) if " at " in line[:60] or ") (at " in line else None
        if called:
            if (raised or headed) and not closed and len(frames) < FRAMES_MAX:
                frames.append(_frame(*called))
                latest = at, raised, message, frames, chain
            continue
        headed = line.endswith("Stack Trace:")  # A failed assertion of a test names no type.
        if headed and frames:
            at, raised, message, frames, chain, closed = number, "", "", [], [], False
        elif headed:
            at = number if at < 0 else at
        elif _LINK in line:
            closed = True
        elif ("xception" in line or "Error" in line) and (found := _RAISED.match(line)):
            inner = "---> " in line[:30] and not frames
            deeper = _INNER.match(line) if " ---> " in line[30:] else None
            found, outer = deeper or found, found[1] if deeper else ""
            types_ = [kind for kind in (outer, found[1]) if kind]
            chain = [*chain, *types_] if inner else types_
            at = at if inner else number
            raised, message, frames, closed = found[1], found[2] or "", [], False
    return built(LANGUAGE, latest)


def _called(line: str) -> tuple[str, str, str] | None:
    """Symbol, file and line number of a call."""
    call = _CALL.match(line)
    if call and (call[3] or "." in call[1]) and _ARGUMENTS.match(call[2]):
        return call[1], call[3] or "", call[4] or ""
    if "[0x" in line and (call := _MONO.match(line)):
        return call[1].replace("/", "."), "" if call[3].startswith("<") else call[3], call[4]
    if ") (at " in line and (call := _UNITY.match(line)):
        return call[1].replace("/", ".").replace(":", "."), call[3], call[4]
    return None


def _frame(symbol: str, file: str, line: str) -> Frame:
    name = _CLOSURE.sub("", _LOCAL.sub(r"\1", symbol))
    name = _GENERATED.sub(lambda found: found[1] or "", name).replace("+", ".").replace("..", ".").strip(". ")
    module, _, function = name.rpartition(".")
    own = not symbol.startswith(_RUNTIME)
    reason = "own class" if own else "runtime or framework"
    return Frame(function, module, file, int(line) if line and line != "0" else None, in_app=own, reason=reason)
