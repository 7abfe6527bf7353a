"""The step of an image's build out of how its builder names it: `[linux/amd64 build 2/4] RUN make` and such."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from streams.core.extract.clean import clean

NAME_CHARS_MAX: Final = 1000
_NAMED: Final = re.compile(r"^(?:\[([^\]]{1,300})\]\s*)?(.*)$", re.DOTALL)
_POSITION: Final = re.compile(r"^\d{1,4}/\d{1,4}$")
_RECAP: Final = re.compile(r"^\s?> (\[[^\]]+\] ?.*?):?$")
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


def labels_in(lines: Iterable[str]) -> dict[str, str]:
    """Step and exit code of a block that tells of a failed step, as labels; {} when it names none."""
    labels: dict[str, str] = {}
    for raw in lines:
        line = clean(raw)
        if "instruction" not in labels and (recap := _RECAP.match(line)):
            labels |= step_of(recap.group(1)).labels()
        if "exit_code" not in labels and (code := exit_code_of(line)) is not None:
            labels["exit_code"] = str(code)
    return labels
