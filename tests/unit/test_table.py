"""A table of cases that is one test."""

from __future__ import annotations

import pytest
from suites.table import each


def test_every_case_is_tried_and_every_wrong_one_is_told() -> None:
    tried = []

    @each("suffix", ["", "!"], ids=["plain", "loud"])
    @each(("number", "doubled"), [(1, 2), (2, 5), (3, 6), (4, 9)])
    def doubles(number: int, doubled: int, suffix: str) -> None:
        tried.append((number, suffix))
        assert number * 2 == doubled

    with pytest.raises(AssertionError, match="4 cases are wrong") as raised:
        doubles()
    assert tried == [(number, suffix) for suffix in ("", "!") for number in (1, 2, 3, 4)]
    assert [name in str(raised.value) for name in ("[plain, (2, 5)]", "[loud, (4, 9)]", "(3, 6)")] == [
        True,
        True,
        False,
    ]
    assert raised.value.__cause__ is not None


def test_an_error_ends_the_table_and_says_in_which_case_it_came() -> None:
    @each("text", ["1", "x", "3"])
    def is_number(text: str) -> None:
        assert int(text)

    with pytest.raises(ValueError, match="'x'") as raised:
        is_number()
    assert raised.value.__notes__ == ["in the case 'x'"]


def test_what_is_not_raised_is_a_wrong_case_as_well() -> None:
    @each("text", ["x", "1"])
    def is_refused(text: str) -> None:
        with pytest.raises(ValueError, match="invalid literal"):
            int(text)

    with pytest.raises(AssertionError, match=r"1 cases are wrong\n\['1'\] DID NOT RAISE"):
        is_refused()
