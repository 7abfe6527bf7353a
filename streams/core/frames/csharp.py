"""Stack traces of .NET: C#, F#, Visual Basic."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse

LANGUAGE = "csharp"
MARKS = ("   at ",)

_CALL = re.compile(r"\s{1,40}at ([\w.+<>`|$\[\],]{1,500})\(([^()]{0,600})\)(?: in (.{1,400}?):line (\d{1,9}))?$")
_RAISED = re.compile(
    r"\s{0,20}(?:Unhandled exception\. |Unhandled Exception: |---> |Error Message:\s|\(Inner Exception #\d{1,3}\) )?"
    r"((?:[A-Z]\w{0,80}\.){1,12}\w{1,120}(?:Exception|Error|Failure))(?:: (.*))?$"
)
_ARGUMENTS = re.compile(r"(?:[\w.`+\[\]&*<>]{1,200} [\w@]{1,80}(?:, )?){0,30}$")
_GENERATED = re.compile(r"<(\w{1,150})>[a-z]__[\w|]{1,100}(?:\.MoveNext)?|`\d{1,3}|\[[\w,]{1,100}\]")
_RUNTIME = ("System.", "Microsoft.", "Xunit.", "NUnit.", "Moq.", "lambda_method")


def find(lines: Sequence[str]) -> Found | None:
    """Return the innermost exception of the last stack trace that has a frame, or None."""
    at, raised, message = -1, "", ""
    chain: list[str] = []
    frames: list[Frame] = []
    latest: Found | None = None
    closed = False
    for number, line in enumerate(lines):
        call = _CALL.match(line) if " at " in line[:60] else None
        if call and (call[3] or "." in call[1]) and _ARGUMENTS.match(call[2]):
            if raised and not closed and len(frames) < FRAMES_MAX:
                frames.append(_frame(call[1], call[3] or "", call[4] or ""))
                types = tuple(chain)
                latest = Found(at, Trace(LANGUAGE, raised, message[:MESSAGE_CHARS_MAX], collapse(frames), types))
            continue
        if "--- End of inner exception" in line:
            closed = True
        elif ("xception" in line or "Error" in line) and (found := _RAISED.match(line)):
            inner = "---> " in line[:30] and not frames
            chain = [*chain, found[1]] if inner else [found[1]]
            at = at if inner else number
            raised, message, frames, closed = found[1], found[2] or "", [], False
    return latest


def _frame(symbol: str, file: str, line: str) -> Frame:
    name = _GENERATED.sub(lambda found: found[1] or "", symbol).replace("+", ".").replace("..", ".")
    module, _, function = name.rpartition(".")
    own = not symbol.startswith(_RUNTIME)
    reason = "own class" if own else "runtime or framework"
    return Frame(function, module, file, int(line) if line else None, in_app=own, reason=reason)
