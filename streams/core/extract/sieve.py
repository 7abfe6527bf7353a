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
    """Keeps the lines that hold a word."""

    def __init__(self, folded: Iterable[str], exact: Iterable[str] = ()) -> None:
        """`folded` words stand for their letters in either case, `exact` ones only for their own; none is empty.

        A newline at an end of a word stands for the line's beginning, or its end.
        """
        either, own = "|".join(map(_expression, sorted(folded))), "|".join(map(_expression, sorted(exact)))
        pattern = "|".join(part for part in (f"(?i:{either})" if either else "", own) if part)
        self._lines: Final = TypeAdapter(list[OnErrorOmit[Annotated[str, StringConstraints(pattern=pattern or "$^.")]]])

    def kept(self, lines: Sequence[str]) -> list[str]:
        """The lines that hold a word, in their order. Linear.

        What counts as one letter in two cases is more than what Python takes for one: the long s is an s.
        """
        return self._lines.validate_python(lines)


def _expression(word: str) -> str:
    inner = _META.sub(r"\\\g<0>", word.strip("\n"))
    return f"{'^' if word.startswith(chr(10)) else ''}{inner}{'$' if word.endswith(chr(10)) else ''}"
