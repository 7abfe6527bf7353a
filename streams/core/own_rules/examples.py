"""The examples that rules bring, tried: a failure that a rule must match, or must not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from streams.core.fingerprint import fingerprint
from streams.core.own_rules.rows import Example, Group, OwnRule
from streams.core.own_rules.rules import OwnRules
from streams.core.parts import OWN_RULE

EXAMPLES_MAX: Final = 20
"""Of one rule, of either sort."""
EXAMPLE_FIELDS: Final[Mapping[str, type]] = {
    "message": str,
    "traceback": str,
    "type": str,
    "code": str,
    "http_status": int,
    "exit_code": int,
    "origin": str,
}
"""What an example may say; the rest is as the rule wants it."""


def faults_of(rules: OwnRules) -> list[tuple[int, str]]:
    """Examples that do not hold: line and what happened instead."""
    out = []
    for rule in rules.all:
        for example in rule.examples:
            part_of = matching(rules, rule, example)
            if (rule.name in part_of) is example.is_like:
                continue
            shown = repr(str(example.given.get("message", example.given))[:80])
            if not example.is_like:
                told = "matches, and is said to be unlike"
            elif part_of:
                told = f"is not matched: {', '.join(part_of)} had it first"
            else:
                told = "is not matched"
            out.append((example.line, f"{rule.sort} {rule.id!r}: example {shown} {told}"))
    return out


def matching(rules: OwnRules, rule: OwnRule, example: Example) -> list[str]:
    """The names of the rules that have a part in an example."""
    found = fingerprint(**_arguments(rule, example), rules=rules)
    return [part.value for part in found.parts if part.name == OWN_RULE]


def _arguments(rule: OwnRule, example: Example) -> dict[str, Any]:
    """The example as `fingerprint` takes it; what it leaves out and the rule wants exactly is as the rule wants it."""
    names = {"type": "exception_type", "code": "provider_error_code"}
    given: dict[str, Any] = {names.get(name, name): value for name, value in example.given.items()}
    out: dict[str, Any] = {"origin": "ci", "message": ""}
    if isinstance(rule, Group):
        out["origin"] = str(rule.origin or "ci")
        for name, values in (("http_status", rule.http_status), ("exit_code", rule.exit_code)):
            if values:
                out[name] = values[0]
    return out | given
