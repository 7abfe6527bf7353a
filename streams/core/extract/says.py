"""Which line of a failed test's section says why: a function for each way in which runners tell it.

Each takes numbered, cleaned lines and gives the number of one, or None. Linear.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from streams.core.extract.section import Line

_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:: |:?$)")
"""The last line of a Python traceback, or its first where the message has several."""
_TYPED = re.compile(
    r"^E   (?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Failure|Failed|Warning|Timeout)\b"
)
_CAPTURED = re.compile(r"^-{3,} Captured .* -{3,}$")
_GO_PLACE = re.compile(r"^\s*\S+\.go:\d+: ?(.*)")
_GO_TOLD = re.compile(
    r"(?i)\b(?:got|want|expect\w*|error|fail\w*|unexpected|mismatch|not equal|cannot|panic\w*)\b|[!=]="
)
_NAMED = re.compile(r"^\s*(?:Uncaught )?(?:[\w$]+[.:\\])*\w*(?:Error|Exception)\b")
_CAUSED = re.compile(r"^\s*(?:\[\w+\]\s+)?Caused by: \S")
_FAILED_CODE = re.compile(r"^\s*(?:Failure/Error|Failed asserting)")
_GTEST = re.compile(r"^\[[ =-]+(?:RUN|OK|FAILED|=)? *\]|^Running main\(\) from ")
_EXUNIT_PLACE = re.compile(r"^\s*\S+\.exs?:\d+$")
NAME_LINES_MAX: Final = 8


def last_filled(lines: Sequence[Line]) -> int | None:
    return next((at for at, text in reversed(lines) if text.strip()), None)


def first_filled(lines: Sequence[Line]) -> int | None:
    return next((at for at, text in lines if text.strip()), None)


def exception(lines: Sequence[Line]) -> int | None:
    """Where the last exception of a Python traceback begins to speak: it is the cause that the test died of."""
    found, before = None, ""
    for at, text in lines:
        if before[:1].isspace() and _EXCEPTION.match(text):
            found = at
        before = text or before
    return found


def marked(lines: Sequence[Line]) -> int | None:
    """Of the lines that pytest marks with `E` the last group: in a chain of exceptions, the one that ended the test."""
    group: list[Line] = []
    before = 0
    for at, text in lines:
        if text == "E" or text.startswith("E  "):
            if at != before + 1:
                group = []
            group.append((at, text))
            before = at
    return next((at for at, text in group if _TYPED.match(text)), group[0][0] if group else None)


def pytest_says(lines: Sequence[Line]) -> int | None:
    """What it marks, before what the test printed."""
    spoken = list(lines)
    for index, (_, text) in enumerate(lines):
        if _CAPTURED.match(text):
            spoken = list(lines[:index])
            break
    return marked(spoken) or exception(spoken) or last_filled(spoken)


def unittest_says(lines: Sequence[Line]) -> int | None:
    return exception(lines) or last_filled(lines)


def rust_says(lines: Sequence[Line]) -> int | None:
    for index, (at, text) in enumerate(lines):
        if "panicked at" in text:
            after = lines[index + 1 : index + 2]
            return after[0][0] if text.endswith(":") and after and after[0][1] else at
    return next((at for at, text in lines if text.startswith("Error: ")), None) or last_filled(lines)


def go_says(lines: Sequence[Line]) -> int | None:
    """A panic; what testify calls the error; the first place with a word of disappointment, for logs look alike."""
    last = None
    for at, text in lines:
        if text.lstrip().startswith(("panic: ", "Error:  ", "Error:\t")):
            return at
    for at, text in lines:
        if place := _GO_PLACE.match(text):
            if _GO_TOLD.search(place.group(1)):
                return at
            last = at
    return last or first_filled(lines)


def gtest_says(lines: Sequence[Line]) -> int | None:
    for index, (at, text) in enumerate(lines):
        if text.endswith(": Failure"):
            after = lines[index + 1 : index + 2]
            return after[0][0] if after and after[0][1] else at
        if ": error: " in text or "exception" in text:
            return at
    return last_filled(lines)


def ctest_says(lines: Sequence[Line]) -> int | None:
    """What the test printed; None where it is of a runner that sets its tests apart itself."""
    return None if any(_GTEST.match(text) for _, text in lines) else gtest_says(lines)


def dotnet_says(lines: Sequence[Line]) -> int | None:
    """What stands below `Error Message:`."""
    told = next((index for index, (_, text) in enumerate(lines) if text.strip() == "Error Message:"), -1)
    return first_filled(lines[told + 1 :])


def jvm_says(lines: Sequence[Line]) -> int | None:
    """The root of the chain of causes; else the exception itself."""
    causes = [at for at, text in lines if _CAUSED.match(text)]
    return causes[-1] if causes else first_filled(lines)


def minitest_says(lines: Sequence[Line]) -> int | None:
    """The first line names the test, the next ones say why."""
    filled = [at for at, text in lines if text.strip()]
    return filled[1] if len(filled) > 1 else next(iter(filled), None)


def minitest_name(opening: str, lines: Sequence[Line]) -> str:
    """`CartTest#test_adds [test/cart_test.rb:10]:` stands below what opens the section."""
    named = next((text.strip() for _, text in lines if text.strip()), opening)
    return named.partition(" [")[0].removesuffix(":")


def exunit_says(lines: Sequence[Line]) -> int | None:
    """An exception; else what stands below the place of the test."""
    filled = [(at, text) for at, text in lines if text.strip()]
    raised = next((at for at, text in filled if text.lstrip().startswith("** (")), None)
    return raised or next((at for at, text in filled if not _EXUNIT_PLACE.match(text)), None)


def numbered_says(lines: Sequence[Line]) -> int | None:
    return (
        next((at for at, text in lines if _NAMED.match(text)), None)
        or next((at for at, text in lines if _FAILED_CODE.match(text)), None)
        or first_filled(lines)
    )


def numbered_name(opening: str, lines: Sequence[Line]) -> str:
    """Mocha prints suites and test one below the other; the test's line ends with a colon."""
    names = [opening]
    for _, text in lines[:NAME_LINES_MAX]:
        if not text:
            break
        names.append(text.strip())
        if text.endswith(":"):
            return " ".join(names).removesuffix(":")
    return opening.removesuffix(":")
