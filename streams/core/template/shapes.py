"""Answers remembered by the shape of a text: the text with every digit made 0.

Correct because no mask looks at the value of a digit.
Where a template keeps digits (an exit code, an error number), the words that hold them are added to the key.
"""

from typing import Generic, TypeVar

import xxhash

from streams.core.template.mask import Span

T = TypeVar("T")

_DIGITS_TO_ZERO = bytes.maketrans(b"123456789", b"000000000")


class _Kept:
    """Under a shape: where its texts keep digits; None when only the exact text will do."""

    __slots__ = ("places",)

    def __init__(self, places: tuple[Span, ...] | None) -> None:
        self.places = places


class Shapes(Generic[T]):
    """text -> answer for every text of the same shape.

    Keys are 128-bit xxh3 digests: private and fast, not proof against a made collision, hence never an id.
    At most `max_entries` entries are held, in two generations: when the young one is full, the old one goes.
    """

    def __init__(self, max_entries: int) -> None:
        self._half = max(1, max_entries // 2)
        self._young: dict[bytes, T | _Kept] = {}
        self._old: dict[bytes, T | _Kept] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, text: str, salt: bytes = b"") -> T | None:
        """The answer for this text, or None.  `salt` is what else the answer depends on."""
        data = text.encode("utf-8", "surrogatepass")
        key = xxhash.xxh3_128_digest(salt + data.translate(_DIGITS_TO_ZERO))
        hit = self._young.get(key)
        if hit is None:
            hit = self._from_old(key)
        if hit.__class__ is _Kept:
            key = _narrow(text, data, key, hit)
            hit = self._young.get(key)
            if hit is None:
                hit = self._from_old(key)
        return hit  # type: ignore[return-value]  # narrowed keys hold answers only

    def put(self, text: str, kept: tuple[Span, ...] | None, answer: T, salt: bytes = b"") -> None:
        """Remember an answer whose template keeps digits at the places `kept`; None: only the exact text will do."""
        data = text.encode("utf-8", "surrogatepass")
        key = xxhash.xxh3_128_digest(salt + data.translate(_DIGITS_TO_ZERO))
        if kept == ():
            self._set(key, answer)
            return
        places = _Kept(kept)
        self._set(key, places)
        self._set(_narrow(text, data, key, places), answer)

    def _set(self, key: bytes, entry: T | _Kept) -> None:
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = entry

    def _from_old(self, key: bytes) -> T | _Kept | None:
        entry = self._old.pop(key, None)
        if entry is not None:
            self._set(key, entry)
        return entry


def _narrow(text: str, data: bytes, key: bytes, kept: _Kept) -> bytes:
    """The key of one text among those of its shape."""
    if kept.places is None:
        return xxhash.xxh3_128_digest(b"exact" + key + data)
    words = "\0".join([text[a:b] for a, b in kept.places])
    return xxhash.xxh3_128_digest(b"kept" + key + words.encode("utf-8", "surrogatepass"))
