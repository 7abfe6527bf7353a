"""Elixir and Erlang: exceptions of processes, crash reports, failed tests."""

from __future__ import annotations

import re
from collections.abc import Sequence

from streams.core.frames.stack import FRAMES_MAX, Found, Frame, Reading, built

LANGUAGE = "beam"
MARKS = (".ex:", ".exs:", ".erl", "[{file,")

_CALL = re.compile(
    r"\s{1,20}(?:\(([\w.]{1,80})(?: [\w.+-]{1,40})?\) )?(\S{1,300}\.(?:exs?|erl)):(\d{1,9}): (\S.{0,300})$"
)
_RAISED = re.compile(r"\s{0,12}\*\* \(((?:EXIT|ErlangError|[A-Z][\w.]{0,200}))(?: from \S{1,60})?\) ?(.*)$")
_ENDED = re.compile(r"\s{0,12}(?:Reason: \*\* |\*\* \(EXIT\) )?an exception was raised:?$")
_TUPLE = re.compile(
    r"\{'?([\w.]{1,120})'?,'?([\w<>/?!-]{1,160})'?,(\d{1,3}|\[.{0,200}?\]),\s?\[\{file,\"([^\"]{1,300})\"\},\{line,(\d{1,9})\}\]\}"
)
_REASON = re.compile(
    r".{0,200}?(?:exception (?:error|exit|throw): |\{\{?)"
    r"(badmatch|badarg|undef|function_clause|case_clause|badkey|badmap|noproc|no \w{1,20} clause)"
)
_SHOWN = re.compile(r"(?:anonymous fn/\d{1,3} in |fn/\d{1,3} in )")
_LAMBDA = re.compile(r"-(\w[\w!?]{0,150})/(\d{1,3})-(?:fun|lc)-\d{1,4}-")
_RUNTIME = frozenset((
    "elixir", "stdlib", "kernel", "ex_unit", "mix", "logger", "phoenix", "plug", "plug_cowboy", "cowboy", "ranch",
    "ecto", "ecto_sql", "db_connection", "postgrex", "gen_stage", "telemetry", "iex", "eex", "phoenix_live_view",
    "bandit",
))  # fmt: skip
_MODULES = (
    "gen_server",
    "proc_lib",
    "supervisor",
    "lists",
    "maps",
    "erlang",
    "gen",
    "gen_statem",
    "ets",
    "io",
    "shell",
    "timer",
)


def find(lines: Sequence[str]) -> Found | None:
    """Return the last exception that has a call, or None."""
    at, raised, message = -1, "", ""
    frames: list[Frame] = []
    latest: Reading | None = None
    for number, line in enumerate(lines):
        if ("exception " in line or "{{" in line) and not frames and (found := _REASON.match(line)):
            at, raised, message = number, found[1], line.strip()
        made = _frames(line)
        if made:
            at = number if at < 0 else at
            frames += made[: FRAMES_MAX - len(frames)]
            latest = at, raised, message, frames, (raised,) if raised else ()
        elif "** (" in line and (found := _RAISED.match(line)):
            if found[1] == "EXIT" or found[2] == "an exception was raised:":
                continue
            at, raised, message, frames = number, found[1], found[2], []
    return built(LANGUAGE, latest)


def _frames(line: str) -> list[Frame]:
    if found := _CALL.match(line):
        application = found[1] or ""
        own = application not in _RUNTIME and not (application == "" and found[2].startswith(("lib/ex_unit", "src/")))
        name = _counted(_SHOWN.sub("", found[4]))
        return [Frame(name, application, found[2], int(found[3]), in_app=own, reason=_reason(own=own))]
    if "{file," not in line:
        return []
    return [
        Frame(
            f"{one[1]}:{_LAMBDA.sub(lambda m: m[1], one[2])}/{one[3] if one[3].isdigit() else one[3].count(',') + 1}",
            "", one[4], int(one[5]), in_app=one[1] not in _MODULES, reason=_reason(own=one[1] not in _MODULES),
        )
        for one in _TUPLE.finditer(line)
    ]  # fmt: skip


def _counted(name: str) -> str:
    """Return a call that is shown with its arguments, since no clause fits them, by their number.

    >>> _counted("Cart.add(1, [])")
    'Cart.add/2'
    """
    head, opened, arguments = name.partition("(")
    if not opened or not name.endswith(")") or not head[-1:].isalnum():
        return name
    count, depth = int(arguments != ")"), 0
    for char in arguments:
        depth += (char in "([{<") - (char in ")]}>")
        count += char == "," and not depth
    return f"{head}/{count}"


def _reason(*, own: bool) -> str:
    return "own application" if own else "runtime or framework"
