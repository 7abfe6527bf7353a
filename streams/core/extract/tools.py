"""All rules of all tools, in the order in which they are tried; the first that finds its pattern in a line wins."""

from __future__ import annotations

from typing import Final

from streams.core.extract import (
    buildkit,
    compilers,
    generic,
    javascript,
    jvm,
    make,
    native,
    python,
    runners,
    scripting,
    system,
)
from streams.core.extract.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *buildkit.RULES,
    *[r for r in runners.RULES if r.id != "jenkins.error"],
    *make.RULES,
    *jvm.RULES,
    *python.RULES,
    *compilers.RULES,
    *native.RULES,
    *javascript.RULES,
    *scripting.RULES,
    *system.RULES,
    *[r for r in runners.RULES if r.id == "jenkins.error"],
    *generic.RULES,
)


def by_word() -> dict[str, tuple[tuple[int, Rule], ...]]:
    """The rules by the word that must stand in a line, with their place in the order."""
    found: dict[str, list[tuple[int, Rule]]] = {}
    for order, rule in enumerate(RULES):
        found.setdefault(rule.word, []).append((order, rule))
    return {word: tuple(rules) for word, rules in found.items()}
