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
