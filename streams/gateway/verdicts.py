"""What a person says of a fingerprint -> a verdict. Nothing outranks it."""

from __future__ import annotations

import re

import msgspec

from streams.contract.errors import MalformedRecord
from streams.contract.failure import Origin
from streams.contract.taxonomy import Taxonomy
from streams.contract.verdict import REASON_CHARS_MAX, Verdict, VerdictSource
from streams.contract.wire import malformed
from streams.core.succession import inherited
from streams.gateway.admission import NOTE_SURROGATES, NOTE_UTF8, repaired
from streams.gateway.answers import with_allowed

NAME_CHARS_MAX = 100
FINGERPRINT = re.compile(r"fp\d{1,4}u?\.[a-z2-7]{26}")


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    fingerprint: str
    kind: str
    origin: Origin | None = None
    reason: str = ""
    by: str = ""
    inherits: Verdict | None = None


_said = msgspec.json.Decoder(_Said)


def verdict_of(body: bytes, *, taxonomy: Taxonomy, now_ms: int) -> Verdict:
    """The verdict in a body `{"fingerprint", "kind", "origin"?, "reason"?, "by"?, "inherits"?}`.

    `inherits`: a verdict of another fingerprint, whole, that this one takes over with its source and its time.
    `origin` may be left out where only one origin has the kind. Who said it stands at the end of the reason.

    Raises: MalformedRecord with the place; for a kind that does not exist it lists those that do.
    """
    try:
        said = _said.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise not_utf8(body) or with_allowed(malformed(error, body)) from error
    if not FINGERPRINT.fullmatch(said.fingerprint):
        raise MalformedRecord("a fingerprint is `fp1.` and 26 letters of base32", place="$.fingerprint")
    if len(said.by) > NAME_CHARS_MAX:
        raise MalformedRecord(f"at most {NAME_CHARS_MAX} characters", place="$.by")
    reason = f"{said.reason} (said by {said.by})".strip() if said.by else said.reason
    if len(reason) > REASON_CHARS_MAX:
        raise MalformedRecord(f"at most {REASON_CHARS_MAX} characters, with the name", place="$.reason")
    origin = said.origin or _origin(said.kind, taxonomy)
    if not taxonomy.has(origin, said.kind):
        raise MalformedRecord(f"no kind of that name; {_allowed(origin, taxonomy)}", place="$.kind")
    if said.inherits is not None:
        return _inherited(said.inherits, said, origin)
    return Verdict(
        fingerprint=said.fingerprint,
        origin=origin,
        kind=said.kind,
        family=taxonomy.family(origin, said.kind),
        confidence=1.0,
        source=VerdictSource.HUMAN,
        decided_at_ms=now_ms,
        reason=reason,
        transient=taxonomy.transient(origin, said.kind),
        taxonomy_version=taxonomy.version,
    )


def _inherited(verdict: Verdict, said: _Said, origin: Origin) -> Verdict:
    place = "$.inherits"
    if verdict.source.is_own_text:
        raise MalformedRecord("what a text says by itself is not inherited", place=f"{place}.source")
    if (verdict.kind, verdict.origin) != (said.kind, origin):
        raise MalformedRecord(f"another kind or origin than the one given ({said.kind} of {origin})", place=place)
    if not FINGERPRINT.fullmatch(verdict.fingerprint) or verdict.fingerprint == said.fingerprint:
        raise MalformedRecord("whose it was: another fingerprint", place=f"{place}.fingerprint")
    return inherited(verdict, said.fingerprint)


def not_utf8(body: bytes) -> MalformedRecord | None:
    """The error of a body whose text is in another encoding than UTF-8; None where that is not what is wrong.

    A terminal of another encoding gives a program bytes that it can only pass on as they are, or as half characters.
    """
    data, notes = repaired(body)
    if not {NOTE_UTF8, NOTE_SURROGATES} & set(notes):
        return None
    try:
        fields = msgspec.json.decode(data, type=dict[str, object])
    except (msgspec.MsgspecError, RecursionError):
        fields = {}
    place = next((f"$.{name}" for name, text in fields.items() if isinstance(text, str) and "\ufffd" in text), "")
    return MalformedRecord("this text is not UTF-8 (was it typed or saved in another encoding?)", place=place)


def _origin(kind: str, taxonomy: Taxonomy) -> Origin:
    found = [origin for origin in Origin if taxonomy.has(origin, kind)]
    if len(found) == 1:
        return found[0]
    if found:
        told = f"more than one origin has this kind; say `origin`: {' or '.join(found)}"
        raise MalformedRecord(told, place="$.origin")
    told = "; ".join(_allowed(origin, taxonomy) for origin in Origin)
    raise MalformedRecord(f"no kind of that name; {told}", place="$.kind")


def _allowed(origin: Origin, taxonomy: Taxonomy) -> str:
    return f"{origin} has {', '.join(taxonomy.names(origin))}"
