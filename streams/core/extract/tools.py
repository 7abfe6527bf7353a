"""All rules of all tools, in the order in which they are tried; the first that finds its pattern in a line wins."""

from __future__ import annotations

from typing import Final

from streams.core.extract import (
    buildkit,
    compilers,
    ending,
    failing,
    generic,
    javascript,
    jvm,
    linters,
    make,
    native,
    python,
    runners,
    scripting,
    system,
    wrappers,
)
from streams.core.extract.rule import Rule, rule
from streams.core.extract.step import WORDS

STEP_MARK: Final = rule("step.mark", f"{WORDS}|{failing.WORDS}", "(?!)", 0.0)
"""Finds nothing: its words bring the line to who keeps the steps and their commands."""

END_MARK: Final = rule("end.mark", ending.WORDS, "(?!)", 0.0)
"""The same for who keeps how the job ended."""

RULES: Final[tuple[Rule, ...]] = (
    STEP_MARK,
    END_MARK,
    *buildkit.RULES,
    *[r for r in runners.RULES if r.id != "jenkins.error"],
    *wrappers.RULES,
    *make.RULES,
    *linters.RULES,
    *python.RULES,
    *compilers.RULES,
    *jvm.RULES,
    *native.RULES,
    *javascript.RULES,
    *scripting.RULES,
    *system.RULES,
    *[r for r in runners.RULES if r.id == "jenkins.error"],
    *generic.RULES,
)
