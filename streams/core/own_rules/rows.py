"""One rule of each sort. Its digest covers all that decides what it does, and enters every id that it has a part in."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from streams.contract.failure import Origin
from streams.core.own_rules.patterns import encodable

DIGEST_DIGITS: Final = 12
VARIABLES: Final = ("default", "type", "code", "language", "http_status", "exit_code", "module", "function")
VARIABLE: Final = re.compile(r"\{\{\s{0,8}(\w{1,40})\s{0,8}\}\}")
DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class Example:
    """A failure that a rule is to match, or not: a message, or all that is known of one."""

    line: int
    given: Mapping[str, Any]
    """Arguments of `fingerprint`."""
    is_like: bool
    """Whether the rule must match; else it must not."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnRule(ABC):
    """What all sorts have. Two rules are equal when they are one."""

    id: str
    line: int
    """In its file."""
    pattern: str = ""
    """What is looked for in the message; empty where the message does not matter."""
    regexp: Any = None
    examples: tuple[Example, ...] = ()
    reason: str = ""
    """Why it is there, for people."""

    @property
    @abstractmethod
    def sort(self) -> str:
        """The table it stands in."""

    @abstractmethod
    def decides(self) -> tuple[object, ...]:
        """All that decides what it does."""

    @property
    def name(self) -> str:
        """Its id and digest, as they enter ids: another pattern under the same id is another rule."""
        fields = [str(field) for field in (self.sort, *self.decides())]
        canonical = "".join(f"{len(field)}:{field}" for field in fields).encode("utf-8", "surrogatepass")
        return f"{self.id}@{sha256(canonical).hexdigest()[:DIGEST_DIGITS]}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask(OwnRule):
    """What the one capture group of `pattern` finds in a message is a value: a placeholder stands for it."""

    placeholder: str
    """As `<id:order>`."""

    @property
    def sort(self) -> str:
        """The table it stands in."""
        return "mask"

    def decides(self) -> tuple[object, ...]:
        """Pattern and placeholder."""
        return self.pattern, self.placeholder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameRule(OwnRule):
    """Whose code the frames are that have all of these."""

    module: Any = None
    function: Any = None
    file: Any = None
    app: bool = True
    """Whether it is the user's own."""

    @property
    def sort(self) -> str:
        """The table it stands in."""
        return "frame"

    def decides(self) -> tuple[object, ...]:
        """Conditions and answer."""
        return *(_source(one) for one in (self.module, self.function, self.file)), self.app

    def matches(self, module: str, function: str, file: str) -> bool:
        """Whether a frame is meant."""
        pairs = ((self.module, module), (self.function, function), (self.file, file))
        return all(wanted is None or fits(wanted, text) for wanted, text in pairs)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group(OwnRule):
    """Failures that are one group, whatever else tells them apart. All conditions given must hold."""

    group: str
    """The group's name; variables in {{ }} tell groups of one rule apart."""
    origin: Origin | None = None
    http_status: tuple[int, ...] = ()
    exit_code: tuple[int, ...] = ()
    code: Any = None
    type: Any = None
    language: Any = None
    module: Any = None
    function: Any = None

    @property
    def sort(self) -> str:
        """The table it stands in."""
        return "group"

    def decides(self) -> tuple[object, ...]:
        """Conditions and name."""
        patterns = (self.code, self.type, self.language, self.module, self.function)
        return (
            self.group,
            self.origin or "",
            sorted(self.http_status),
            sorted(self.exit_code),
            self.pattern,
            *(_source(one) for one in patterns),
        )

    @property
    def refines(self) -> bool:
        """Whether the group is divided by what would divide it anyhow: its name has {{ default }}."""
        return DEFAULT in VARIABLE.findall(self.group)

    @property
    def wants_frames(self) -> bool:
        """Whether it looks at frames."""
        return self.module is not None or self.function is not None

    def may_match(
        self, *, origin: str, http_status: int | None, code: str, exit_code: int | None, exception_type: str
    ) -> bool:
        """Whether what needs no reading of the text lets it match. A type that is not given may stand in the text."""
        return (
            (self.origin is None or self.origin == origin)
            and (not self.http_status or http_status in self.http_status)
            and (not self.exit_code or exit_code in self.exit_code)
            and (self.code is None or fits(self.code, code))
            and (self.type is None or not exception_type or fits(self.type, exception_type))
        )


def fits(regexp: Any, text: str) -> bool:
    """Whether the whole text is what the pattern says."""
    return regexp.fullmatch(encodable(text)) is not None


def _source(regexp: Any) -> str:
    return "" if regexp is None else str(regexp.pattern)
