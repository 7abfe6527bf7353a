"""Stack traces of JavaScript and TypeScript: Node, V8 in a browser, Firefox and Safari, test runners."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from streams.core.frames.checkout import relative
from streams.core.frames.stack import (
    CHAIN_MAX,
    FRAMES_MAX,
    MESSAGE_CHARS_MAX,
    Found,
    Frame,
    Trace,
    collapse,
    first_text,
)

LANGUAGE = "javascript"
MARKS = ("at ", "@")

_PLACE = r"(?:address at )?(?:[^()\s]|\\ ){1,500}:\d{1,9}:\d{1,9}|native|<anonymous>|index \d{1,6}"
_CALL = re.compile(
    rf"\s*at (?:async )?(?:new )?([^()\n]{{1,300}}?)(?: \[as [^\]]{{1,100}}\])? \(({_PLACE})\)(?: \{{)?$"
)
_EVAL = re.compile(r"\s*at (?:async )?(?:new )?([^()\n]{1,300}?) \(eval at ")
_BARE = re.compile(r"\s*at (?:async )?([^()\s]{1,500}):(\d{1,9}):(\d{1,9})(?: \{)?$")
_FIREFOX = re.compile(
    r"\s*([^\s@()]{0,200})@((?:https?|file|resource|webpack|moz-extension|capacitor)\S{1,500}):(\d{1,9}):(\d{1,9})$"
)
_RAISED = re.compile(
    r"\s*(?:\[cause\]: )?(?:error: )?(?:\(node:\d{1,9}\) UnhandledPromiseRejectionWarning: )?"
    r"(?:ERROR )?(?:Uncaught )?(?:\(in promise\) )?(?:Unhandled \w{1,30}: )?\[?"
    r"([A-Z][\w.]{0,100}(?:Error|Exception|Warning|Failure|Rejection)|Error"
    r"|(?<=Uncaught )[A-Z]\w{1,80}|(?<=\(in promise\) )[A-Z]\w{1,80})"
    r"(?: \[([A-Z_0-9]{2,80})\])?(?:: (.*)|\]?:?)$"
)
_RAISING = ("Error", "xception", "Warning", "Uncaught ")
_CAUSE = re.compile(r"\s*(?:\[cause\]:|Caused by:) ")
_HEADER_DISTANCE_MAX = 40
"""Lines between an error's first line and its first frame: an assertion shows a diff in between."""

_UNNAMED = frozenset(("", "?", "anonymous", "<unknown>", "(anonymous function)", "(anonymous)", "eval code"))
_OWNER = re.compile(
    r"^(?:Object|Function|Module|global|globalThis|window|Array|Promise|process|Proxy|Context|Runnable)\."
)
_OTHER_LANGUAGES = (".rs", ".go", ".py", ".c", ".cc", ".cpp", ".h", ".java", ".swift", ".rb", ".php")
_HASHED = re.compile(r"[.\-_](?=[0-9a-f]*\d)[0-9a-f]{8,40}(?=[.\-/]|$)")
_NODE_FILES = frozenset((
    "net.js", "events.js", "module.js", "fs.js", "vm.js", "timers.js", "util.js", "dns.js", "tls.js",
    "_tls_wrap.js", "_http_client.js", "_http_server.js", "_http_outgoing.js", "_stream_readable.js",
    "_stream_writable.js", "assert.js", "child_process.js", "zlib.js", "buffer.js", "domain.js", "node.js",
    "bootstrap_node.js", "https.js", "http.js",
))  # fmt: skip
"""Node's own files, as it named them before version 16."""
_LIBRARY = ("node_modules/", "/.yarn/", "/.pnpm/", "bower_components/")
_BUNDLED = re.compile(r"(?:chunk-)?vendors?[.~-]|polyfills?[.-]|framework-[0-9a-f]{6}")
"""Bundles that hold installed packages, as bundlers name them."""
_RUNTIME = ("node:", "internal/", "native", "<anonymous>", "index ", "webpack/bootstrap", "bun:", "ext:", "deno:")


@dataclass(slots=True)
class _Block:
    at: int
    cause: bool
    raised: str
    message: str
    calls: list[tuple[str, str]] = field(default_factory=list)


def find(lines: Sequence[str]) -> Found | None:
    """Return the root cause of the last stack that has a frame, or None."""
    chain: list[_Block] = []
    latest: list[_Block] = []
    candidate: _Block | None = None
    in_frames = False
    for number, line in enumerate(lines):
        call = _call(line)
        if call is not None:
            if candidate is not None and number - candidate.at <= _HEADER_DISTANCE_MAX:
                if not candidate.cause:
                    chain = []
                if len(chain) < CHAIN_MAX:
                    chain.append(candidate)
            elif not in_frames:
                chain = [_Block(number, cause=False, raised="", message=first_text(lines[max(0, number - 3) : number]))]
            candidate, in_frames, latest = None, True, chain
            if chain and len(chain[-1].calls) < FRAMES_MAX:
                chain[-1].calls.append(call)
            continue
        raised = _RAISED.match(line) if any(map(line.__contains__, _RAISING)) else None
        if raised:
            cause = bool(_CAUSE.match(line))
            kind = f"{raised[1]} [{raised[2]}]" if raised[2] else raised[1]
            candidate = _Block(number, cause, kind, (raised[3] or "")[:MESSAGE_CHARS_MAX].rstrip("]"))
        elif "\u25cf " in line[:20] and number + 1 < len(lines):
            candidate = _example(number, lines[number + 1].strip())
        elif not line.strip().startswith(("...", "at ", "Emitted '")):
            in_frames = False
    if not latest or not any(b.calls for b in latest):
        return None
    root = latest[-1]
    calls = root.calls or next(b.calls for b in reversed(latest) if b.calls)
    frames = collapse(_made(*call) for call in calls)
    types = tuple(b.raised for b in latest if b.raised)
    return Found(latest[0].at, Trace(LANGUAGE, root.raised, root.message, frames, types))


def _example(number: int, message: str) -> _Block:
    """Begin a failed test of Jest, whose bullet stands above its message."""
    raised = "AssertionError" if message.startswith("expect(") else ""
    return _Block(number, cause=False, raised=raised, message=message[:MESSAGE_CHARS_MAX])


def _call(line: str) -> tuple[str, str] | None:
    """Read one line as a call: the function as printed, and its place."""
    if "at " in line[:200]:
        if line.count(":") < 2 and not line.endswith(("native)", "<anonymous>)")) and "(index " not in line:
            return None
        call = _CALL.match(line)
        if call:
            return call[1], call[2]
        bare = _BARE.match(line)
        if bare and not bare[1].endswith(_OTHER_LANGUAGES):
            return "", f"{bare[1]}:{bare[2]}:{bare[3]}"
        if "(eval at " in line:
            inner = _EVAL.match(line)
            if inner:
                return inner[1], "<eval>"
        return None
    if "@" in line[:300]:
        firefox = _FIREFOX.match(line)
        if firefox:
            return firefox[1], f"{firefox[2]}:{firefox[3]}:{firefox[4]}"
    return None


def _made(function: str, place: str) -> Frame:
    parts = place.removeprefix("address at ").rsplit(":", 2)
    file, line = (parts[0], int(parts[1])) if len(parts) == 3 and parts[1].isdigit() else (place, None)
    return named_frame(function, file, line)


def named_frame(function: str, file: str, line: int | None) -> Frame:
    """Return the frame of a function in a file, with what varies from build to build taken off both."""
    in_app, reason = _in_app(file)
    return Frame(stable_function(function), stable_path(file), file, line, in_app, reason)


def stable_function(name: str) -> str:
    """Return a function's name without its receiver's class, where that is only a carrier, and its aliases."""
    name = name.strip().removeprefix("async ").removeprefix("new ").removesuffix("/<").rstrip("*/<")
    name = _OWNER.sub("", name)
    return "<anonymous>" if name in _UNNAMED else name


def stable_path(file: str) -> str:
    """Return a path without origin, query, bundler's hash and the directories above the package."""
    path = file.split("?", 1)[0].split("#", 1)[0].replace("\\", "/")
    scheme, mark, rest = path.partition("://")
    if mark:
        path = rest.lstrip("/") if scheme in ("file", "webpack", "webpack-internal") else rest.partition("/")[2]
    if "node_modules/" in path:
        return path[path.rindex("node_modules/") + len("node_modules/") :]
    path = relative(path)
    path = path if path.startswith("/") else "/" + path
    for top in ("/src/", "/lib/", "/test/", "/tests/", "/dist/", "/app/"):
        if top in path:
            path = path[path.index(top) + 1 :]
            break
    else:
        path = "/".join(path.rsplit("/", 2)[-2:]).lstrip("/")
    return _HASHED.sub("", path)


def _in_app(file: str) -> tuple[bool, str]:
    path = file.replace("\\", "/")
    if path.startswith(_RUNTIME) or path in _NODE_FILES:
        return False, "runtime"
    if any(mark in path for mark in _LIBRARY) or _BUNDLED.match(path.rsplit("/", 1)[-1]):
        return False, "installed package"
    return True, "own file"
