"""Failure -> fingerprint, with the parts that explain it.

Three levels, coarse to fine: `class_value` hashes origin, language, exception type, codes and tool;
`value` adds the template of the message and is the key of verdicts; `site_value` adds the top frames.
Frames enter `value` only when the message says nothing: empty, nothing but placeholders and a type, or, where there are
own frames, an assertion that only compares two values.
An exit code that only says `failed` enters only when there is nothing else.
Model, provider, repository and time are never inside.

An id is a pure function of the text.  `Fingerprinter` gives the same ids from caches.
Under rules of the user's own (`own_rules/`) it is one of text and rules: where a rule had a part in it, the id begins
with another word, and what the rule does is in the hash.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from streams.contract.fingerprint import Fingerprint, Part
from streams.core import codes
from streams.core.frames import tracked
from streams.core.frames.parse import parse
from streams.core.frames.stack import Frame, Trace
from streams.core.given import Arguments, Given
from streams.core.ids import VERSION, VERSION_OWN, canonical, hashed, id_of
from streams.core.own_rules.rules import Masked, Named, OwnRules, Subject, may_have_frames
from streams.core.parts import (
    ARGUMENT,
    AS_PRINTED,
    BARE,
    DROPPED,
    FOREIGN_FRAME,
    FRAME,
    FRAMES_IN_SITE_MAX,
    FROM_TRACE,
    GROUP,
    IN_SITE,
    NO_PROBLEM,
    OWN_RULE,
    OWN_WORDS,
    PART_CHARS_MAX,
    REPLACED,
    TEMPLATE,
    code_parts,
    is_bare,
    is_comparison,
    keyed,
    own_part,
    site_parts,
    type_parts,
)
from streams.core.template.exits import says_only_failed
from streams.core.template.lines import TEXT_CHARS_MAX, cleaned
from streams.core.template.mask import Measured, Token, explain_template, frame_lines, measured
from streams.core.template.shapes import Shapes

ENTRIES_MAX = 100_000
"""Default number of remembered answers of each kind; one costs about 200 bytes for a text, 2 KB for a failure."""

_TEXTS = frozenset({"message", "traceback"})
"""What is given and enters no key as it is."""

_BY_NONE = Masked("")
"""What masks of the user's own found where there are none."""


def fingerprint(*, rules: OwnRules | None = None, **given: Unpack[Arguments]) -> Fingerprint:
    """The fingerprint of one failure.  Pure, linear in the text, reads at most 64 KB of it (head and tail).

    The arguments are the fields of `Given`.
    """
    return _read(Given(**given), rules=rules).fingerprint


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a failure has its fingerprint; for people, rendered elsewhere."""

    fingerprint: Fingerprint
    tokens: tuple[Token, ...]
    """The message, piece by piece; a masked value is there as a placeholder and a length."""
    frames: tuple[Frame, ...]
    """All frames found, innermost first, each with its in-app reason."""
    chain: tuple[str, ...]
    """Tools that the message names, then exception types, each from the outermost to the cause."""


def explain(*, rules: OwnRules | None = None, **given: Unpack[Arguments]) -> Explanation:
    """The fingerprint with every piece of the message and every frame, and the rule that decided about it."""
    read = _read(Given(**given), rules=rules)
    trace = read.trace
    return Explanation(
        fingerprint=read.fingerprint,
        tokens=_with_own(explain_template(read.text, framed=bool(trace and trace.frames)), read.masked),
        frames=trace.frames if trace else (),
        chain=(*codes.said(read.fingerprint.template).chain, *(trace.chain if trace else ())),
    )


def _with_own(tokens: tuple[Token, ...], masked: Masked) -> tuple[Token, ...]:
    """The tokens, those that masks of the user's own made named after them."""
    own = {
        mask.placeholder: Token(
            shown=mask.placeholder,
            length=length,
            kept=False,
            rule=mask.id,
            reason=mask.reason or OWN_WORDS[mask.sort],
        )
        for mask, length in zip(masked.masks, masked.lengths, strict=True)
    }
    return tuple(own.get(token.shown, token) for token in tokens)


class Fingerprinter:
    """`fingerprint` with caches in front; the same answers.

    Texts that differ only in masked digits share an entry (`template/shapes.py`);
    one whose stack trace counts is remembered by its exact text.
    Holds at most `max_entries` bare texts and as many failures.  Not safe for threads.
    """

    def __init__(self, max_entries: int = ENTRIES_MAX) -> None:
        self._texts: Shapes[str] = Shapes(max_entries)
        self._failures: Shapes[Fingerprint] = Shapes(max_entries)

    def text(self, message: str) -> str:
        """`fingerprint(origin="ci", message=message).value`."""
        if len(message) > TEXT_CHARS_MAX or "\x1b" in message or "\r" in message:
            message = cleaned(message)
        return self._texts.get(message) or self._text(message)

    def _text(self, text: str) -> str:
        found = measured(text)
        if is_bare(found.template) or ((found.frames or tracked.may_hold(text)) and is_comparison(found.template)):
            read = _read(Given("ci", text), found)
            self._texts.put(text, None if read.found.frames else found.kept, read.fingerprint.value)
            return read.fingerprint.value
        value = hashed(f"{_BARE_TEXT}{len(found.template)}:{found.template}".encode("utf-8", "surrogatepass"))
        self._texts.put(text, found.kept, value)
        return value

    def __call__(self, **given: Unpack[Arguments]) -> Fingerprint:
        """The same as `fingerprint`."""
        failure = Given(**given)
        text, salt = cleaned(failure.message), failure.salt()
        known = self._failures.get(text, salt)
        if known is None:
            read = _read(failure)
            known = read.fingerprint
            self._failures.put(text, None if read.found.frames else read.found.kept, known, salt)
        return known


@dataclass(frozen=True, slots=True)
class _Read:
    """A failure taken apart."""

    text: str
    found: Measured
    trace: Trace | None
    fingerprint: Fingerprint
    masked: Masked
    """By masks of the user's own."""


def _read(given: Given, known: Measured | None = None, rules: OwnRules | None = None) -> _Read:
    """Take a failure apart; `known` is what its message alone measures, where that was asked before."""
    text = printed = cleaned(given.message)
    traceback = cleaned(given.traceback) if given.traceback else ""
    if rules is not None and not rules.may_touch(given, text=text, traceback=traceback):
        rules = None
    masked = _BY_NONE
    if rules is not None:
        masked = rules.masked(printed)
        text = masked.text
    trace = parse(traceback) if traceback else None
    framed = bool(trace and trace.frames)
    found = known if known is not None and trace is None else measured(text, framed=framed)
    if trace is None and not found.frames and tracked.is_held(printed):
        found = found._replace(frames=True)
    inside = trace is None and found.frames
    if inside:
        trace = parse(printed)
    if trace and not found.template and trace.message:
        text = printed = trace.message
        if rules is not None:
            masked = rules.masked(printed)
            text = masked.text
        framed = bool(trace.frames)
        found = measured(cleaned(text), framed=framed)._replace(frames=True)
    arguments = [
        Part(name, "" if value is None else str(value)[:PART_CHARS_MAX], ARGUMENT)
        for name, value in zip(given._fields, given, strict=True)
        if name not in _TEXTS
    ]
    arguments = [part for part in arguments if part.value]
    said = [Part("language", trace.language, FROM_TRACE)] if trace else []
    if not given.exception_type:
        said += type_parts(trace, found.template, framed=inside or bool(trace and trace.frames))
    turned: list[Part] = []
    if trace and trace.frames:
        if rules is not None and rules.frame_rules and may_have_frames(printed, traceback):
            trace, turned = _turned(trace, rules)
        sites = site_parts(trace.frames)
    else:
        lines = frame_lines(printed, FRAMES_IN_SITE_MAX) if inside else []
        sites = [Part(FRAME, line[:PART_CHARS_MAX], AS_PRINTED) for line in lines]
    template = Part("template", found.template, TEMPLATE)
    coded = code_parts(codes.said(found.template), given.tool, given.provider_error_code)
    bare = is_bare(found.template)
    if not bare and any(part.name == FRAME for part in sites):
        bare = is_comparison(found.template, given.exception_type or (trace.exception_type if trace else ""))
    if given.exit_code is not None and says_only_failed(given.exit_code) and (sites or not bare):
        # A log that reports the code and one that does not hold the same problem.
        arguments = [Part(p.name, p.value, DROPPED) if p.name == "exit_code" else p for p in arguments]
    kind = keyed(arguments)
    # What was read out of the message is in its template already; a bare message needs it to mean anything.
    told = said if bare or (trace and not inside) else []
    problem = [*kind, *told, *(sites if bare else []), template]
    shown = [part if part in told else Part(part.name, part.value, part.rule + NO_PROBLEM) for part in [*said, *coded]]
    result = Fingerprint(
        value=id_of("value", problem),
        version=VERSION,
        class_value=id_of("class", [*kind, *said, *coded]),
        site_value=id_of("site", [*kind, *said, *coded, template, *sites]),
        template=found.template,
        parts=(*arguments, *shown, template, *[Part(p.name, p.value, BARE if bare else p.rule) for p in sites]),
    )
    if rules is not None:
        own = [own_part(mask) for mask in masked.masks if mask.placeholder in found.template]
        subject = Subject(
            origin=given.origin,
            text=printed,
            exception_type=given.exception_type or next((p.value for p in said if p.name == "exception_type"), ""),
            code=given.provider_error_code,
            http_status=given.http_status,
            exit_code=given.exit_code,
            language=trace.language if trace else "",
            frames=trace.frames if trace else (),
        )
        site = [*kind, *said, *coded, template, *sites, *own, *turned]
        problem = [*problem, *own, *(turned if bare else [])]
        result = _under_own(result, problem, site, (*own, *turned), rules.group(subject))
    return _Read(text=text, found=found, trace=trace, fingerprint=result, masked=masked)


def _turned(trace: Trace, rules: OwnRules) -> tuple[Trace, list[Part]]:
    """The trace with what frame rules say, and the rules that changed by it what says where."""
    frames, used = rules.frames(trace.frames)
    before = [(part.name, part.value) for part in site_parts(trace.frames)]
    is_same = before == [(part.name, part.value) for part in site_parts(frames)]
    return dataclasses.replace(trace, frames=frames), [] if is_same else [own_part(rule) for rule in used]


def _under_own(
    plain: Fingerprint, problem: list[Part], site: list[Part], own: Sequence[Part], named: Named | None
) -> Fingerprint:
    """The fingerprint under rules of the user's own: `plain` where none had a part in it."""
    told = [*plain.parts, *own]
    if named is not None:
        group = [Part(GROUP, named.name, OWN_WORDS["group"]), own_part(named.rule)]
        if named.rule.refines:
            problem = [*problem, *group]
        else:
            problem = [*(part for part in problem if part.name == "origin"), *group]
            keep = {"origin", FRAME, FOREIGN_FRAME}
            told = [part if part.name in keep else Part(part.name, part.value, REPLACED) for part in told]
            told = [Part(part.name, part.value, IN_SITE) if part.rule == BARE else part for part in told]
        site = [*site, *group]
        told += group
    version = _version(problem)
    return Fingerprint(
        value=plain.value if version == VERSION else id_of("value", problem, version),
        version=version,
        class_value=plain.class_value,
        site_value=id_of("site", site, _version(site)),
        template=plain.template,
        parts=tuple(told),
    )


def _version(parts: Sequence[Part]) -> str:
    """The version of an id of these parts."""
    return VERSION_OWN if any(part.name == OWN_RULE for part in parts) else VERSION


_BARE_TEXT = canonical([VERSION, "value", "origin", "ci", "template"]).decode()
"""What stands before the template of a message that comes alone."""
