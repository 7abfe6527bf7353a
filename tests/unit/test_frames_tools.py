"""Traces as many tools print them: type and first frames of the user's own code, alone and amid a log."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.core.fingerprint import explain
from streams.core.frames.crash import crash_state
from streams.core.frames.parse import parse

FRAMES = 3

CASES = [
    (*(part.strip() for part in head.split("|")), body)
    for head, _, body in (
        case.partition("\n")
        for case in Path(__file__).with_name("traces.txt").read_text(encoding="utf-8").split("====== ")[1:]
    )
]
"""(`crash` or `trace`, name, type, frames two blanks apart, text)."""


def state(form: str, text: str) -> tuple[str, list[str]]:
    if form == "crash":
        return crash_state(text)
    trace = parse(text)
    assert trace is not None
    return trace.exception_type, [frame.function for frame in trace.frames if frame.in_app and frame.function][:FRAMES]


@pytest.mark.parametrize(("form", "name", "raised", "frames", "text"), CASES, ids=[case[1] for case in CASES])
def test_type_and_first_own_frames_are_read(form: str, name: str, raised: str, frames: str, text: str) -> None:
    expected = raised.replace(" // ", "\n"), frames.split("  ") if frames else []
    assert state(form, text) == expected, name
    assert state(form, "step 3 of 7: running\n" + text + "job ended\n") == expected, f"{name}, amid a log"


def by_name(name: str) -> str:
    return next(text for _, known, _, _, text in CASES if known == name)


@pytest.mark.parametrize(
    "name",
    ["ruby uncaught", "rails", "firefox", "nsexception", "tombstone", "kernel oops null", "elixir", "lua", "perl",
     "php xdebug", "lldb", "absl failure handler", "logcat java", "B mono", "valgrind invalid read",
     "glibc backtrace_symbols", "minidump stackwalk", "windbg analyze", "kernel warn journal", "ue4 callstack",
     "pytorch c++ frames", "android anr native", "swift precondition"],
)  # fmt: skip
def test_calls_inside_a_message_are_no_part_of_its_template(name: str) -> None:
    read = explain(origin="ci", message=by_name(name))
    assert read.frames, "the trace inside the message is read"
    called = [frame.function for frame in read.frames if frame.in_app and len(frame.function) > 6][1:3]
    assert not [function for function in called if function in read.fingerprint.template]


def test_failure_is_one_problem_whatever_the_lines_of_its_calls() -> None:
    text = by_name("rails")
    moved = text.replace(".rb:11", ".rb:19").replace("app/controllers", "/srv/app/controllers")
    assert explain(origin="ci", message=text).fingerprint.value == explain(origin="ci", message=moved).fingerprint.value


def test_group_whose_head_is_cut_off_is_read_from_its_first_member() -> None:
    tail = by_name("B python group").partition("(1 sub-exception)\n")[2]
    trace = parse(tail)
    assert trace is not None
    assert trace.exception_type == "ValueError"


def test_place_with_more_colons_than_one_keeps_its_last_number() -> None:
    trace = parse(" 0# charge(int) at /w/a::b.cpp:12\n 1# main at /w/main.cpp:4\n")
    assert trace is not None
    assert (trace.frames[0].file, trace.frames[0].line) == ("/w/a::b.cpp", 12)
