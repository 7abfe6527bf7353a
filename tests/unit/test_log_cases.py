"""Whole logs of invented jobs, one or more for each tool, in the dress of each CI system."""

from __future__ import annotations

import pytest
from suites.log_cases import SURROUNDINGS, Case, cases, dressed

from streams.core.extract.extract import findings

CASES = {f"{case.file}: {case.name}": case for case in cases()}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_says_why_is_found_and_stands_first(case: Case) -> None:
    for surroundings in SURROUNDINGS:
        log, wanted = dressed(case, surroundings)
        blocks = findings(log).blocks
        assert blocks, surroundings
        assert blocks[0].evidence in wanted, (surroundings, log[blocks[0].evidence - 1])
        assert all(any(b.first <= at <= b.last for b in blocks) for at in wanted), surroundings
