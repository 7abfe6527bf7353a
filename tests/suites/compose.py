"""`deploy/compose.yaml` as an engine reads it: variables filled in, merges done, and what of it is ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "compose.yaml"
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\$))")


@dataclass(frozen=True)
class Service:
    """One of our containers."""

    name: str
    command: list[str]
    """Behind the image's entry point, `faultline`."""
    environment: dict[str, str]
    health: list[str] | None
    """The command of its health check, without CMD; None for what runs once."""


def compose(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole file."""
    data = YAML(typ="safe", pure=True).load(FILE.read_text(encoding="utf-8"))
    filled: dict[str, Any] = _filled(data, environ or {})
    return filled


def _filled(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _VARIABLE.sub(lambda found: "$" if found[3] else (environ.get(found[1]) or found[2] or ""), value)
    if isinstance(value, dict):
        return {key: _filled(one, environ) for key, one in value.items()}
    return [_filled(one, environ) for one in value] if isinstance(value, list) else value


def ours(environ: Mapping[str, str] | None = None) -> list[Service]:
    """The services that run our image, in the order of the file."""
    out = []
    for name, one in compose(environ)["services"].items():
        if "build" not in one:
            continue
        health = one.get("healthcheck", {}).get("test")
        out.append(
            Service(
                name,
                [str(word) for word in one["command"]],
                {key: str(value) for key, value in one.get("environment", {}).items()},
                None if health is None else [str(word) for word in health[1:]],
            )
        )
    return out
