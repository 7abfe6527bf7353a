"""The step of an image's build out of how its builder names it: `[linux/amd64 build 2/4] RUN make` and such."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streams.core.extract.clean import clean

NAME_CHARS_MAX: Final = 1000
_NAMED: Final = re.compile(r"^(?:\[([^\]]{1,300})\]\s*)?(.*)$", re.DOTALL)
_POSITION: Final = re.compile(r"^\d{1,4}/\d{1,4}$")
_RECAP: Final = re.compile(r"^\s?> (\[[^\]]+\] ?.*?):?$")
_TTY_ERROR: Final = re.compile(r"^\s*=> ERROR (\[.*?)\s+\d+\.\d+s$")
_HEADER: Final = re.compile(r"^\[[^\]]*\d+/\d+\] \S")
_RULER: Final = re.compile(r"^-{6}$")
_SECONDS: Final = re.compile(r"^\d{1,6}\.\d{1,6} ?")
"""BuildKit tells the end of a step again without its number, with the seconds only."""
_PROCESS: Final = re.compile(r"process \".*\" did not complete successfully: exit code: \d{1,10}")
_CODES: Final = (
    re.compile(r"did not complete successfully: exit code: (\d{1,10})"),
    re.compile(r"returned a non-zero code: (\d{1,10})"),
    re.compile(r"\bexit status (\d{1,10})"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A step of an image's build. Empty text means unknown."""

    instruction: str
    """As the Dockerfile has it, or what the builder does itself: `load metadata for alpine`."""
    stage: str = ""
    position: str = ""
    """`2/4`: which one of its stage."""
    platform: str = ""
    target: str = ""
    """Of a build of several targets, such as `docker buildx bake` makes."""

    def labels(self) -> dict[str, str]:
        """What is known, by name."""
        told = {name: getattr(self, name) for name in ("instruction", "stage", "position", "platform", "target")}
        return {name: text for name, text in told.items() if text}


def step_of(name: str) -> Step:
    """The step of a vertex by BuildKit's name for it, bounded in length."""
    found = _NAMED.match(name[:NAME_CHARS_MAX])
    if found is None or found.group(1) is None:
        return Step(name[:NAME_CHARS_MAX].strip())
    words = found.group(1).split()
    position = words.pop() if words and _POSITION.match(words[-1]) else ""
    platform = next((word for word in words if "/" in word), "")
    names = [word for word in words if word != platform]
    stage = names.pop() if names and names[-1] not in {"internal", "auth"} else ""
    target = names[0] if names and names[0] not in {"internal", "auth"} else ""
    return Step(found.group(2).strip(), stage, position, platform, target)


def exit_code_of(text: str) -> int | None:
    """The exit code that the builder gives for a command."""
    return next((int(found.group(1)) for code in _CODES if (found := code.search(text)) is not None), None)


@dataclass(frozen=True, slots=True)
class Word:
    """What a builder says of a failed step, as it stands in a log. Empty where it does not say."""

    name: str
    printed: tuple[str, ...]
    """What the step printed, as far as it stands beside."""
    printed_at: int
    """Where that begins among the lines, from 0."""
    message: str
    """The last line of that, and the builder's own."""
    labels: dict[str, str]


def word_in(lines: Sequence[str], at: int) -> Word:
    """What the lines of a block say of the failed step; `at` is the index of the line that says that it failed.

    BuildKit says it below what the step printed, or above it where it tells its end again.
    """
    cleaned = [clean(line) for line in lines]
    if not _TTY_ERROR.match(cleaned[at]):  # a block may have both what is told again and the last word
        at = next((n for n in range(at, -1, -1) if _RECAP.match(cleaned[n])), at)
    named = _RECAP.match(cleaned[at]) or _TTY_ERROR.match(cleaned[at])
    if named is not None:
        name, printed_at = named.group(1), at + 1
        ends = next((n for n in range(at + 1, len(cleaned)) if _RULER.match(cleaned[n])), len(cleaned))
        printed = tuple(_SECONDS.sub("", line) for line in cleaned[at + 1 : ends]) if _RECAP.match(cleaned[at]) else ()
    else:
        begins = next((n for n in range(at - 1, -1, -1) if _HEADER.match(cleaned[n])), None)
        name = "" if begins is None else cleaned[begins]
        printed_at = 0 if begins is None else begins + 1
        printed = tuple(cleaned[printed_at:at])
    process = next((found for line in cleaned[at:] if (found := _PROCESS.search(line)) is not None), None)
    error = f"ERROR: {process.group()}" if process is not None else ""
    last = next((line.strip() for line in reversed(printed) if line.strip()), "")
    labels = step_of(name).labels() if name else {}
    if (code := exit_code_of(error or cleaned[at])) is not None:
        labels["exit_code"] = str(code)
    return Word(name, printed, printed_at, f"{last}\n{error}".strip() if error else "", labels)
