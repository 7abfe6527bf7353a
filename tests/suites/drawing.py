"""How much a test takes: how many examples Hypothesis draws, of strategies that are cheap to draw, how long a text is.

With texts of many parts, drawing and not the law is most of a test's time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st

PIECES_MAX = 256
"""One byte names a piece."""

T = TypeVar("T")


def examples(most: int) -> settings:
    """The settings of a law that wants `most` examples: it gets them under every profile but `quick`."""
    return settings(max_examples=min(most, settings().max_examples) if _is_quick() else most)


def load(most: int) -> int:
    """How much a test takes to show that time or room stay bounded: a tenth of `most` under the profile `quick`."""
    return most // 10 if _is_quick() else most


def _is_quick() -> bool:
    return settings.get_current_profile_name() == "quick"


def some_of(pieces: Sequence[T], *, most: int) -> st.SearchStrategy[list[T]]:
    """At most `most` pieces in any order, each as often as it comes.

    Drawn as bytes, in a quarter of the time that a list of choices takes, with lengths spread alike; shrinks to few
    pieces from the front of the sequence.

    Raises: ValueError for more than `PIECES_MAX` pieces.
    """
    if not 0 < len(pieces) <= PIECES_MAX:
        raise ValueError(f"{len(pieces)} pieces, not 1 to {PIECES_MAX}")
    return st.binary(max_size=most).map(lambda drawn: [pieces[byte % len(pieces)] for byte in drawn])
