"""The rules of a file at work on one failure: which masks, frame rules and grouping rules have a part in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from streams.core.frames.stack import Frame
from streams.core.given import Given
from streams.core.own_rules.patterns import encodable, found_in
from streams.core.own_rules.rows import VARIABLE, FrameRule, Group, Mask, OwnRule, fits

MATCHES_MAX: Final = 200
"""Matches of masks in one text, of all of them together: what comes behind is left to the built-in masks.
Each costs at most one look through the text, even where the pattern is made for the worst."""
VALUE_CHARS_MAX: Final = 256
"""Characters of one variable in the name of a group."""


class Masked(NamedTuple):
    """A text with placeholders for what masks found, and those that found something."""

    text: str
    masks: tuple[Mask, ...] = ()
    lengths: tuple[int, ...] = ()
    """Characters of the first value that each of these found."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What grouping rules look at."""

    origin: str
    text: str
    """The message, clean, as it came."""
    exception_type: str = ""
    code: str = ""
    http_status: int | None = None
    exit_code: int | None = None
    language: str = ""
    frames: tuple[Frame, ...] = ()


class Named(NamedTuple):
    """A group that a rule made."""

    rule: Group
    name: str
    """With the values of its variables; `{{ default }}` is empty in it."""


class OwnRules:
    """The masks, frame rules and grouping rules of one file. Of each sort the first that matches wins."""

    def __init__(self, rules: Sequence[OwnRule]) -> None:
        """Raises: BadPattern when the patterns take too much memory together."""
        self.masks = tuple(rule for rule in rules if isinstance(rule, Mask))
        self.frame_rules = tuple(rule for rule in rules if isinstance(rule, FrameRule))
        self.groups = tuple(rule for rule in rules if isinstance(rule, Group))
        self._in_text = [rule for rule in (*self.masks, *self.groups) if rule.pattern]
        patterns = tuple(rule.pattern for rule in self._in_text)
        self._found_in = found_in(patterns) if patterns else None

    @property
    def all(self) -> tuple[OwnRule, ...]:
        """All rules, masks first."""
        return (*self.masks, *self.frame_rules, *self.groups)

    def may_touch(self, given: Given, *, text: str, traceback: str) -> bool:
        """Whether any rule may have a part in a failure; never wrong when it says no. About 2 us.

        `text` and `traceback` are the message and the traceback, cleaned.
        """
        framed = may_have_frames(text, traceback)
        if framed and self.frame_rules:
            return True
        hits = self._hits(f"{text}\n{traceback}" if traceback else text)
        if any(isinstance(rule, Mask) for rule in hits):
            return True
        for rule in self.groups:
            if rule.pattern and rule not in hits:
                continue
            if rule.wants_frames and not framed:
                continue
            if rule.may_match(
                origin=given.origin,
                http_status=given.http_status,
                code=given.provider_error_code,
                exit_code=given.exit_code,
                exception_type=given.exception_type,
            ):
                return True
        return False

    def masked(self, text: str) -> Masked:
        """The text with placeholders for values. Every mask sees the text as it came; an earlier one has the place."""
        hits = [rule for rule in self._hits(text) if isinstance(rule, Mask)] if self.masks else []
        if not hits:
            return Masked(text)
        fit = encodable(text)
        spans: dict[tuple[int, int], Mask] = {}
        left = MATCHES_MAX
        for mask in hits:
            for match in islice(mask.regexp.finditer(fit), left):
                left -= 1
                start, end = match.span(1)
                if start < end and not any(a < end and start < b for a, b in spans):
                    spans[start, end] = mask
        pieces: list[str] = []
        at = 0
        for (start, end), mask in sorted(spans.items(), key=lambda item: item[0]):
            pieces += (text[at:start], mask.placeholder)
            at = end
        lengths: dict[Mask, int] = {}
        for (start, end), mask in spans.items():
            lengths.setdefault(mask, end - start)
        return Masked("".join([*pieces, text[at:]]), tuple(lengths), tuple(lengths.values()))

    def frames(self, frames: tuple[Frame, ...]) -> tuple[tuple[Frame, ...], tuple[FrameRule, ...]]:
        """The frames with what the rules say of them, and the rules that spoke, in the order of the file."""
        out: list[Frame] = []
        used: set[FrameRule] = set()
        for frame in frames:
            rule = next((r for r in self.frame_rules if r.matches(frame.module, frame.function, frame.file)), None)
            if rule is not None:
                used.add(rule)
                out.append(dataclasses.replace(frame, in_app=rule.app, reason=f"a frame rule of your own: {rule.id}"))
            else:
                out.append(frame)
        return tuple(out), tuple(rule for rule in self.frame_rules if rule in used)

    def group(self, subject: Subject) -> Named | None:
        """The first grouping rule that matches."""
        hits = self._hits(subject.text) if self.groups else []
        for rule in self.groups:
            if rule.pattern and rule not in hits:
                continue
            if not rule.may_match(
                origin=subject.origin,
                http_status=subject.http_status,
                code=subject.code,
                exit_code=subject.exit_code,
                exception_type=subject.exception_type,
            ):
                continue
            if not _said(rule.type, subject.exception_type) or not _said(rule.language, subject.language):
                continue
            frame = _frame(rule, subject.frames)
            if frame is not None:
                return Named(rule, VARIABLE.sub(_filled(subject, frame), rule.group).strip())
        return None

    def _hits(self, text: str) -> list[OwnRule]:
        """The rules whose pattern the text has, in the order of the file."""
        if self._found_in is None:
            return []
        return [self._in_text[number] for number in sorted(self._found_in.Match(encodable(text)) or ())]


def may_have_frames(text: str, traceback: str) -> bool:
    """Whether frame rules look at it: a line alone has no stack trace."""
    return bool(traceback) or "\n" in text


def _said(regexp: Any, text: str) -> bool:
    return regexp is None or fits(regexp, text)


_NO_FRAME: Final = Frame("")


def _frame(rule: Group, frames: tuple[Frame, ...]) -> Frame | None:
    """The frame that the rule means, or the innermost where it means none; None where none is what it wants."""
    if not rule.wants_frames:
        return frames[0] if frames else _NO_FRAME
    return next((f for f in frames if _said(rule.module, f.module) and _said(rule.function, f.function)), None)


def _filled(subject: Subject, frame: Frame) -> Callable[[Any], str]:
    values = {
        "default": "",
        "type": subject.exception_type,
        "code": subject.code,
        "language": subject.language,
        "http_status": "" if subject.http_status is None else str(subject.http_status),
        "exit_code": "" if subject.exit_code is None else str(subject.exit_code),
        "module": frame.module,
        "function": frame.function,
    }
    return lambda match: values[match[1]][:VALUE_CHARS_MAX]
