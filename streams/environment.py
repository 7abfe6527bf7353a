"""Where settings come from: an environment and, under it, a TOML file. And what is said of them.

Any model of settings will do whose fields have a variable (`validation_alias`), a meaning (`description`) and a word of
what is expected (`json_schema_extra`).
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from streams.contract.errors import ConfigurationError

PREFIX: Final = "FAULTLINE_"
OTHER_NAMES: Final = re.compile(
    r"FAULTLINE_(?:CI|ALLOW_SKIP|CHAOS_\w+|TEST_(?:KAFKA|MONGODB|OPENSEARCH)"
    r"|SERVICE_(?:HOST|PORT)(?:_\w+)?|PORT_\d+_\w+)"
)
"""Not settings: switches of the test suite, and what Kubernetes sets for a service that is named faultline."""
REDACTED: Final = "(set, not shown)"
SHOWN_CHARS_MAX: Final = 100
CONFIG_BYTES_MAX: Final = 1024 * 1024

Fields = Mapping[str, tuple[str, FieldInfo]]
"""Name and field of every setting, by variable."""


@dataclass(frozen=True, slots=True)
class Described:
    """One setting, as `faultline config print` shows it."""

    name: str
    value: str
    """Redacted when it is a secret."""
    is_default: bool
    source: str
    """`default`, `environment`, or the path of the file."""
    meaning: str


def described(
    settings: BaseSettings, environ: Mapping[str, str] | None = None, *, config: Path | None = None
) -> list[Described]:
    """Every setting in the order of the fields. `environ` and `config`, as they were read, tell the sources.

    Raises: ConfigurationError when the file cannot be read any more.
    """
    fields = by_variable(type(settings))
    found, _ = given(fields, environ or {}, config)
    out = []
    for variable, (name, field) in fields.items():
        value = getattr(settings, name)
        source = found[variable].source if variable in found else "default"
        is_default = value == field.default
        if source == "default" and not is_default:
            source = "argument"
        out.append(Described(variable, _shown(value), is_default, source, field.description or ""))
    return out


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was written, and where."""

    value: object
    source: str


def by_variable(kind: type[BaseSettings]) -> Fields:
    """The fields of a model of settings."""
    return {str(field.validation_alias): (name, field) for name, field in kind.model_fields.items()}


def given(known: Fields, environ: Mapping[str, str], config: Path | None) -> tuple[dict[str, Given], list[str]]:
    """What is set, by variable, and what is wrong with the names.

    Raises: ConfigurationError when the file cannot be read, or is no TOML.
    """
    found: dict[str, Given] = {}
    faults: list[str] = []
    for variable, value in _file(config).items():
        if variable in known:
            found[variable] = Given(value, str(config))
        else:
            faults.append(_unknown(variable, str(config), known))
    for variable, value in environ.items():
        if variable in known and value:
            found[variable] = Given(value, "environment")
        elif variable not in known and variable.startswith(PREFIX) and not OTHER_NAMES.fullmatch(variable):
            faults.append(_unknown(variable, "environment", known))
    return found, sorted(faults)


def _file(config: Path | None) -> Mapping[str, object]:
    if config is None:
        return {}
    try:
        with config.open("rb") as file:
            data = file.read(CONFIG_BYTES_MAX + 1)
        if len(data) > CONFIG_BYTES_MAX:
            raise ConfigurationError(f"{config}: longer than {CONFIG_BYTES_MAX} bytes; name a TOML file of settings")
        return tomllib.loads(data.decode("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{config}: {error.strerror}; name a readable TOML file with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{config}: not TOML: {error}") from error


def _unknown(variable: str, source: str, known: Fields) -> str:
    without = PREFIX + variable.upper()  # a forgotten prefix is the likeliest slip
    near = without if without in known else difflib.get_close_matches(variable.upper(), list(known), n=1, cutoff=0.0)[0]
    return f"{variable[:SHOWN_CHARS_MAX]} ({source}): not a setting; the nearest one is {near}"


def fault(variable: str, field: FieldInfo, found: Given, told: str) -> str:
    """The line about one variable whose value will not do: what it is, where it stands, and what is expected.

    `told`: what the check said of it.
    """
    extra = field.json_schema_extra
    expected = extra.get("expected") if isinstance(extra, dict) else ""
    is_secret = "SecretStr" in str(field.annotation)
    shown = REDACTED if is_secret else repr(found.value)[:SHOWN_CHARS_MAX]
    reason = told.removeprefix("Value error, ")
    hint = ""
    if str(found.value).startswith(("tcp://", "udp://")):
        hint = "; Kubernetes sets it for a service named faultline: set enableServiceLinks: false"
    return f"{variable}={shown} ({found.source}): expected {expected}; {reason[:1].lower()}{reason[1:]}{hint}"


def _shown(value: object) -> str:
    if isinstance(value, SecretStr):
        return REDACTED
    if isinstance(value, frozenset | tuple):
        return ",".join(sorted(value) if isinstance(value, frozenset) else value)
    return "" if value is None else str(value)
