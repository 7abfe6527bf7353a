"""Which of many lines hold one of some hundred words, in a single pass at the speed of compiled code.

Python searches one word at a time, and a log of new lines has to be searched for all of them. The expressions with
which pydantic checks text are compiled by Rust's engine: linear in the text, and all words at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from pydantic import OnErrorOmit, StringConstraints, TypeAdapter

_META: Final = re.compile(r"[\\.+*?()|\[\]{}^$#&~-]")


class Sieve:
    """Keeps the lines that hold a word. Lines are bytes, in which a byte is a character: none is lost."""

    def __init__(self, folded: Iterable[str], exact: Iterable[str] = ()) -> None:
        """`folded` words stand for their letters in either case, `exact` ones only for their own; none is empty."""
        either, own = "|".join(map(_literal, folded)), "|".join(map(_literal, exact))
        pattern = "|".join(part for part in (f"(?i:{either})" if either else "", own) if part)
        self._lines: Final = TypeAdapter(list[OnErrorOmit[Annotated[str, StringConstraints(pattern=pattern)]]])

    def kept(self, lines: Sequence[bytes]) -> list[bytes]:
        """The lines that hold a word, in their order. Some of those with letters beyond ASCII may hold none. Linear."""
        texts = b"\n".join(lines).decode("latin-1").split("\n")
        return [line.encode("latin-1") for line in self._lines.validate_python(texts)]


def _literal(word: str) -> str:
    """The word as an expression over its bytes in UTF-8."""
    return _META.sub(r"\\\g<0>", word.encode().decode("latin-1"))
