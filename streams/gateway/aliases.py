"""What a person says of two fingerprints -> an alias. Nothing outranks it."""

from __future__ import annotations

import msgspec

from streams.contract.alias import Alias, AliasSource, alias_of
from streams.contract.errors import MalformedRecord
from streams.contract.failure import Origin
from streams.contract.verdict import REASON_CHARS_MAX
from streams.contract.wire import malformed
from streams.gateway.answers import with_allowed
from streams.gateway.verdicts import FINGERPRINT, NAME_CHARS_MAX, not_utf8


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    one: str
    other: str
    origin: Origin
    same: bool = True
    reason: str = ""
    by: str = ""


_said = msgspec.json.Decoder(_Said)


def alias_from(body: bytes, *, now_ms: int) -> Alias:
    """The alias in a body `{"one", "other", "origin", "same"?, "reason"?, "by"?}`; `same` false takes them apart.

    Who said it stands at the end of the reason. Raises: MalformedRecord with the place.
    """
    try:
        said = _said.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise not_utf8(body) or with_allowed(malformed(error, body)) from error
    for name, fingerprint in (("one", said.one), ("other", said.other)):
        if not FINGERPRINT.fullmatch(fingerprint):
            raise MalformedRecord("a fingerprint is `fp1.` and 26 letters of base32", place=f"$.{name}")
    if said.one == said.other:
        raise MalformedRecord("the same fingerprint as `one`; name another", place="$.other")
    if len(said.by) > NAME_CHARS_MAX:
        raise MalformedRecord(f"at most {NAME_CHARS_MAX} characters", place="$.by")
    reason = f"{said.reason} (said by {said.by})".strip() if said.by else said.reason
    if len(reason) > REASON_CHARS_MAX:
        raise MalformedRecord(f"at most {REASON_CHARS_MAX} characters, with the name", place="$.reason")
    return alias_of(
        said.one,
        said.other,
        origin=said.origin,
        source=AliasSource.HUMAN,
        reason=reason,
        decided_at_ms=now_ms,
        stands=said.same,
    )
