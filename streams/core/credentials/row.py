"""One format of a token that is known by its own shape.

A row is searched for only in a text that holds one of its literals at the start of a word (no literals: in a text that
has a long word), so that a text without a credential costs little; `anchored` rows are tried only where a literal is.
Patterns are linear: a run of one class that a match consumes whole, behind a literal start.
Group `s` is what is replaced where the match holds more than the credential.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

START: Final = (
    r"(?:(?<![A-Za-z0-9])|(?<=[nrtbfm0-9A-Fa-f])(?:(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=[\[;][0-9]m)"
    r"|(?<=[\[;][0-9]{2}m)|(?<=\\u00[0-9A-Fa-f]{2})))"
)
"""The start of a word; also behind an escaped line end or sign, and behind a colour of a terminal."""
WORD: Final = START.replace("(?<![A-Za-z0-9])", r"(?<![\w-])")
"""The start of a word that may hold hyphens: a command, an option."""
LINE: Final = r"(?:\s|\\[nrt])"
"""What is between two words, also escaped."""
COLOUR: Final = r"(?:(?:\x1b|\\u001b|\\x1b|\\033)\[[\d;]{0,12}m)"
"""What turns a colour of a terminal on or off, also escaped."""
FILE: Final = r"[\w./~-]{1,128}\.(?:pem|key|crt|cer|der|json|txt|ya?ml|pub|p12|pfx|jks|cfg|conf|env|toml|ini)(?![\w.])"
RUN_CHARS_MIN: Final = 14
"""Letters, digits and `_.~+/@-` in a row, that every token has."""
UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """One published format. Compared by identity: each stands once in the table, and its fields are long to hash."""

    id: str
    reason: str
    """What it is, for people."""
    literals: tuple[str, ...]
    """Lower case; one of them is in every match.

    Its first letter or digit starts a word there, and its last ends one, unless that is the start of a token or of less
    than three letters.
    """
    pattern: str
    exact_case: bool = False
    """Whether case is part of the format. Otherwise a copy in another case is taken as well."""
    anchored: bool = False
    """Whether every match begins with one of the literals."""
    needs: tuple[str, ...] = ()
    """One of these, in exact case, is in every match too, or right in front of it, where the literals are common."""
    word_chars: int = 0
    """So many letters and digits follow each other in every match."""
    proof: Callable[[str], bool] | None = None
    """What the credential must pass besides, where its place alone does not tell."""
    token: bool = False
    """Whether every match holds its literal in a run of `RUN_CHARS_MIN`; one that ends in a letter may go on there."""


def begins(
    rule: str,
    reason: str,
    literals: tuple[str, ...],
    pattern: str,
    *,
    exact: bool = False,
    proof: Callable[[str], bool] | None = None,
    needs: tuple[str, ...] = (),
    word_chars: int = 0,
) -> Format:
    """A pattern that begins with one of the literals, at the start of a word."""
    return Format(
        rule,
        reason,
        literals,
        START + pattern,
        exact_case=exact,
        anchored=True,
        proof=proof,
        token=True,
        needs=needs,
        word_chars=word_chars,
    )


def prefixed(
    rule: str,
    reason: str,
    *prefixes: str,
    least: int = 20,
    body: str = r"[\w-]",
    exact: bool = False,
    proof: Callable[[str], bool] | None = None,
) -> Format:
    """A prefix, then at least `least` characters of `body`."""
    starts = "|".join(prefix.replace(".", r"\.") for prefix in prefixes)
    lowered = tuple(prefix.lower() for prefix in prefixes)
    return begins(rule, reason, lowered, rf"(?:{starts}){body}{{{least},}}", exact=exact, proof=proof)
