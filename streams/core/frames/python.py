"""Python tracebacks: chains, exception groups, and pytest's sections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from streams.core.frames import javascript
from streams.core.frames.checkout import relative
from streams.core.frames.stack import CHAIN_MAX, FRAMES_MAX, MESSAGE_CHARS_MAX, Found, Frame, Trace, collapse

LANGUAGE = "python"
MARKS = ("Traceback (most recent call last)", 'File "', "E   ", "Fatal Python error: ")

_HEADER = "Traceback (most recent call last)"
_GROUP_HEADER = "Exception Group Traceback"
_FILE = re.compile(r'\s*File "([^"]{1,500})", line (\d{1,9})(?:, in (.{1,300}))?$')
_FAULT = re.compile(r'\s{0,8}File "([^"]{1,500})", line (\d{1,9}) in (.{1,300})$')
_RAISED = re.compile(r"((?:[A-Za-z_]\w{0,99}\.){0,20}[A-Za-z_]\w{0,99})(?:: ?(.*))?$")
_PYTEST_RAISED = re.compile(r"E\s{1,40}((?:[A-Za-z_]\w{0,99}\.){0,20}[A-Z]\w{0,99})(?:: ?(.*))?$")
_PYTEST_PLACE = re.compile(
    r"((?:[A-Za-z]:)?[^\s:>][^:]{0,300}\.pyx?):(\d{1,9}):(?: in (\S{1,200})| ?([A-Za-z_][\w.]{0,100})?)$"
)
_PYTEST_DEF = re.compile(r"\s{0,40}(?:async )?def (\w{1,200})\(")
_GROUP_FIRST = re.compile(r"[\s|]{0,100}\+-\+-{3,80} 1 -{3,80}$")
_GROUP_NEXT = re.compile(r"[\s|]{0,100}\+-{3,80}(?: (?:\d{1,4}|\.\.\.) -{3,80})?$")
_CAUSE = "The above exception was the direct cause of the following exception"
_HANDLING = "During handling of the above exception, another exception occurred"
_NAME_AND_WORDS = re.compile(r"(?!ERROR|WARN|INFO|FATAL|CRITICAL|DEBUG)[A-Z]\w{2,80}: ")
_MESSAGE_LINES_MAX = 10
_NAMED = ("Error", "Exception", "Warning", "Interrupt", "Exit", "Failure", "Failed", "Timeout", "Group")

_SCRIPTS = (".js", ".jsx", ".ts", ".tsx", ".mjs", ".vue", ".svelte")
_LIBRARY = re.compile(r"(?:^|/)(?:site-packages|dist-packages)/")
_STANDARD = re.compile(r"(?:^|/)(?:lib(?:64)?/(?:python|pypy)\d(?:\.\d{1,2})?t?|Python\d{2,3}/Lib)/")


@dataclass(slots=True)
class _Block:
    """One exception of a chain while it is read; calls (file, line, function) outermost first, as printed."""

    at: int
    link: str = ""
    raised: str = ""
    message: str = ""
    titled: bool = False
    """Whether the error stands above its calls."""
    calls: list[tuple[str, str, str | None]] = field(default_factory=list)


def find(lines: Sequence[str]) -> Found | None:
    """Return the root cause of the last traceback, or of the last section of a pytest report, or None."""
    return _last_chain(_blocks(lines)) or _pytest(lines) or _fatal(lines)


def _fatal(lines: Sequence[str]) -> Found | None:
    """Read what the interpreter prints of the current thread, innermost call first, when it dies itself."""
    at, raised, message = -1, "", ""
    frames: list[Frame] = []
    for number, line in enumerate(lines):
        if at < 0:
            if "Fatal Python error: " in line:
                raised, _, message = line.partition("Fatal Python error: ")[2].partition(": ")
                at = number
        elif 'File "' in line and (call := _FAULT.match(line)):
            if len(frames) < FRAMES_MAX:
                frames.append(call_frame(call[1], call[2], call[3]))
        elif frames:
            break
    if at < 0:
        return None
    return Found(at, Trace(LANGUAGE, raised, message[:MESSAGE_CHARS_MAX], collapse(frames), (raised,)))


def _blocks(lines: Sequence[str]) -> list[_Block]:
    """Read all tracebacks; ``link`` of each says how it hangs on the one before: cause, group, sibling or not."""
    blocks: list[_Block] = []
    block: _Block | None = None
    link, cut, prefix = "", 0, ""
    awaits_group, ended = False, -1
    for number, line in enumerate(lines):
        head = line.find(_HEADER)
        if head >= 0:
            group = line.find(_GROUP_HEADER)
            cut = group if group >= 0 else head
            prefix = line[:cut]
            block = _Block(number, link)
            blocks.append(block)
            link, awaits_group = "", False
            continue
        if block is None and line.startswith('  File "') and _FILE.match(line):
            block, prefix, cut, awaits_group = _headless(lines, number, blocks, ended), "", 0, False
            blocks.append(block)
        if block is not None:
            body = _body(line, prefix, cut)
            matched = _FILE.match(body) if 'File "' in body else None
            if matched:
                if len(block.calls) >= 2 * FRAMES_MAX:
                    del block.calls[FRAMES_MAX // 2 : FRAMES_MAX]
                block.calls.append((matched[1], matched[2], matched[3]))
                continue
            if body[:1].isspace():
                continue
            raised = None if block.titled else _RAISED.match(body)
            ended = number - 1
            if raised and (block.calls or _looks_raised(raised[1])):
                block.raised, block.message = raised[1], (raised[2] or "")[:MESSAGE_CHARS_MAX]
                block = None
                continue
            block = None
        if not line.strip(" |"):
            continue
        if _HANDLING in line or _CAUSE in line:
            link = "cause"
        elif "--" in line and _GROUP_FIRST.match(line):
            link, awaits_group = "group", True
        elif "--" in line and _GROUP_NEXT.match(line):
            link, awaits_group = "sibling", False
        elif awaits_group:
            raised = _RAISED.match(line.strip(" |"))
            if raised and _looks_raised(raised[1]):
                blocks.append(_Block(number, "group", raised[1], (raised[2] or "")[:MESSAGE_CHARS_MAX]))
            awaits_group = False
    return [b for b in blocks if b.raised or b.calls]


def _headless(lines: Sequence[str], number: int, blocks: Sequence[_Block], ended: int) -> _Block:
    """Begin a block of frames without a head; trackers print the error above, and a chain one by one, its root first.

    `ended`: the last line of the block before.
    """
    block = _Block(number)
    title = _RAISED.match(lines[number - 1]) if number else None
    if title and (_looks_raised(title[1]) or _NAME_AND_WORDS.match(lines[number - 1])):
        block.raised, block.message, block.titled = title[1], (title[2] or "")[:MESSAGE_CHARS_MAX], True
        block.link = "cause" if blocks and blocks[-1].titled and number - 2 == ended else ""
    return block


def _body(line: str, prefix: str, cut: int) -> str:
    """Return a line without what stands before the traceback's own column: a group's bar, a rank, a time."""
    if not cut or line.startswith(prefix) or not prefix.strip():
        return line[cut:] if line[:cut] == prefix or not line[:cut].strip() else line
    if "+" in prefix and line.startswith(prefix.replace("+", "|")):
        return line[cut:]
    starts_alike = line[:1] == prefix[0] or (line[:1].isdigit() and prefix[0].isdigit())
    same_shape = starts_alike and len(line) > cut and line[cut - 1] == prefix[-1] and any(c.isdigit() for c in prefix)
    return line[cut:] if same_shape else line


def _looks_raised(name: str) -> bool:
    return name.endswith(_NAMED) or "." in name


def _last_chain(blocks: Sequence[_Block]) -> Found | None:
    """Take the last chain. Causes are printed first (the root opens the chain), members of a group last."""
    if not blocks:
        return None
    start = len(blocks) - 1
    while start and blocks[start].link:
        start -= 1
    chain = blocks[start : start + CHAIN_MAX]
    # Of a text that begins amid a group the outermost error is gone.
    outer = [b for b in chain if b.link not in ("group", "sibling")] or chain[:1]
    first_group = next((i for i, b in enumerate(chain) if b.link == "group"), None)
    root, types = outer[0], [b.raised for b in reversed(outer)]
    if first_group is not None:
        inner = [chain[first_group]]
        for block in chain[first_group + 1 :]:
            if block.link == "sibling" or not block.link:
                break
            inner.append(block)
        nested = [b for b in inner if b.link == "group"]
        root = nested[-1]
        types += [b.raised for b in nested]
    calls = root.calls or next((b.calls for b in reversed(chain) if b.calls), [])
    frames = collapse(call_frame(*call) for call in reversed(calls))
    trace = Trace(LANGUAGE, root.raised, root.message, frames, tuple(t for t in types if t))
    return Found(chain[0].at, trace)


def call_frame(file: str, line: str, function: str | None) -> Frame:
    """Return the frame of a call as printed; ``line`` is a number, 0 where none is known."""
    if file.split("?", 1)[0].endswith(_SCRIPTS):  # Some trackers print the frames of all languages in this form.
        return javascript.named_frame(function or "", file, int(line) or None)
    in_app, reason = _in_app(file)
    return Frame(_stable(function or "<module>"), _module(file), file, int(line) or None, in_app, reason)


def _stable(function: str) -> str:
    """Drop what differs between runs: a qualified name keeps its last part, a lambda its name."""
    name = function.split("(", 1)[0].strip()
    return name.rsplit(".", 1)[-1] if not name.startswith("<") else name


def _module(file: str) -> str:
    """Return the dotted module of a file as far as its path tells it, without the place it is installed at."""
    path = file.replace("\\", "/")
    for place in (_LIBRARY, _STANDARD):
        ends = [found.end() for found in place.finditer(path)]
        if ends:
            return _dotted(path[ends[-1] :])
    if path.startswith("<"):
        return path
    path = relative(path)
    absolute = path.startswith("/") or path[1:2] == ":"
    return _dotted("/".join(path.rsplit("/", 2)[-2:]) if absolute else path.lstrip("./"))


def _dotted(path: str) -> str:
    stem = path.rsplit(".", 1)[0] if "." in path else path
    return stem.removesuffix("/__init__").strip("/").replace("/", ".")


def _in_app(file: str) -> tuple[bool, str]:
    path = file.replace("\\", "/")
    if path.startswith("<") and not path.startswith(("<stdin>", "<string>", "<ipython", "<module>")):
        return False, "frozen or generated"
    if _LIBRARY.search(path):
        return False, "installed package"
    if _STANDARD.search(path):
        return False, "standard library"
    return True, "own file"


def _pytest(lines: Sequence[str]) -> Found | None:
    """Read pytest's long form: ``>`` marks the line, ``E`` the error, ``file:line: Type`` closes a section."""
    frames: list[Frame] = []
    raised = message = function = ""
    at, latest = 0, None
    said: list[str] = []
    for number, line in enumerate(lines):
        if line.startswith("E  "):
            text = line[1:].strip()
            if not said:
                match = _PYTEST_RAISED.match(line)
                at = number
                raised, message = (match[1], match[2] or "") if match else ("", text)
            if len(said) < _MESSAGE_LINES_MAX:
                said.append(text)
            continue
        if line[:1] in "_=-" and line[-1:] in "_=-" and line[:3] == line[0] * 3:
            if said and frames:
                latest = _section(at, raised, message, frames)
            if line[0] != "-" and not line.startswith("_ _"):
                frames, said, raised, message, function = [], [], "", "", ""
            continue
        defined = _PYTEST_DEF.match(line)
        if defined:
            function = defined[1]
            continue
        place = _PYTEST_PLACE.match(line) if ".py" in line else None
        if place:
            file, where, short, named = place.groups()
            in_app, reason = _in_app(file)
            if len(frames) < FRAMES_MAX:
                frames.append(Frame(_stable(short or function), _module(file), file, int(where), in_app, reason))
            function = ""
            if said and named:
                raised = raised or named
                latest = _section(at, raised, message, frames)
                said = []
    if said and (frames or raised):
        latest = _section(at, raised, message, frames)
    return latest


def _section(at: int, raised: str, message: str, frames: Sequence[Frame]) -> Found:
    kind = raised or ("AssertionError" if message.startswith("assert") else "")
    innermost_first = collapse(reversed(frames))
    return Found(at, Trace(LANGUAGE, kind, message[:MESSAGE_CHARS_MAX], innermost_first, (kind,) if kind else ()))
