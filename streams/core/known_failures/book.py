"""All known failures in one book."""

from __future__ import annotations

import functools

from streams.contract.failure import Origin
from streams.core.known_failures.benchmark import BENCHMARK_RULES
from streams.core.known_failures.ci import CI_RULES
from streams.core.rules import RuleBook


@functools.cache
def default_rules() -> RuleBook:
    """The rules that come with the package. Made once."""
    return RuleBook({Origin.CI: CI_RULES, Origin.BENCHMARK: BENCHMARK_RULES})
