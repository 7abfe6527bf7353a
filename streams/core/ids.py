"""Parts -> an id: a version, a dot, and a hash that no other sequence of parts has."""

from collections.abc import Sequence
from hashlib import sha256

from streams.contract.fingerprint import Part

VERSION = "fp1"

VERSION_OWN = "fp1u"
"""What ids begin with that a rule of the user's own had a part in."""

_LETTERS_32 = "abcdefghijklmnopqrstuvwxyz234567"
_BASE32 = [one + other for one in _LETTERS_32 for other in _LETTERS_32]


def id_of(level: str, parts: Sequence[Part], version: str = VERSION) -> str:
    """The id of these parts at this level."""
    fields = [version, level]
    for part in parts:
        fields.append(part.name)
        fields.append(part.value)
    return hashed(canonical(fields), version)


def hashed(canonical: bytes, version: str = VERSION) -> str:
    """Version, dot, base32 (RFC 4648, lower case, no padding) of the first 16 bytes of SHA-256."""
    n = int.from_bytes(sha256(canonical).digest()[:16], "big")
    two = _BASE32
    # Written out: a loop takes twice as long, and this is a tenth of an unseen message.
    return (
        f"{version}.{two[n >> 118]}{two[n >> 108 & 1023]}{two[n >> 98 & 1023]}{two[n >> 88 & 1023]}"
        f"{two[n >> 78 & 1023]}{two[n >> 68 & 1023]}{two[n >> 58 & 1023]}{two[n >> 48 & 1023]}{two[n >> 38 & 1023]}"
        f"{two[n >> 28 & 1023]}{two[n >> 18 & 1023]}{two[n >> 8 & 1023]}{two[n << 2 & 1023]}"
    )


def canonical(fields: Sequence[str]) -> bytes:
    """Fields that no other sequence of fields can spell: each with its length in characters in front."""
    return "".join([f"{len(field)}:{field}" for field in fields]).encode("utf-8", "surrogatepass")
