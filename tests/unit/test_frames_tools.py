"""Traces as many tools print them: type and first frames of the user's own code, alone and amid a log."""

from __future__ import annotations

from pathlib import Path

import pytest

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
