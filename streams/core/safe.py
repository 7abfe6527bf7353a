"""A failure fit to be kept, shown or sent: every text clean and without credentials."""

from __future__ import annotations

import functools
import re
from typing import Final, TypeVar

from msgspec.structs import astuple, replace

from streams.contract.failure import Benchmark, Ci, Failure
from streams.core.clean import printable
from streams.core.redact import redact

NAMES_MAX: Final = 20_000
"""Names whose answer is remembered."""
TERM_CHARS_MAX: Final = 256
"""A longer type, code or label is not remembered."""
_Place = TypeVar("_Place", Ci, Benchmark)
_PLAIN: Final = re.compile(r"[\w./-]{0,12}|[A-Za-z_./-]{0,64}|[0-9]{0,64}", re.ASCII)
"""Names too short, or too plain, to hold a credential: most names are such."""


def safe(failure: Failure) -> Failure:
    """The failure with safe texts; itself where they were safe before. A second call changes nothing."""
    changed: dict[str, object] = {}
    for name in ("message", "traceback"):
        text: str = getattr(failure, name)
        if text and (clean := redact(printable(text))) != text:
            changed[name] = clean
    for name in ("exception_type", "provider_error_code"):
        text = getattr(failure, name)
        if text and (clean := _term(text)) != text:
            changed[name] = clean
    if failure.labels:
        labels = {_term(name): _term(text) for name, text in failure.labels.items()}
        if labels != failure.labels:
            changed["labels"] = labels
    if failure.ci is not None and (ci := _with_safe_names(failure.ci)) is not failure.ci:
        changed["ci"] = ci
    if failure.benchmark is not None and (benchmark := _with_safe_names(failure.benchmark)) is not failure.benchmark:
        changed["benchmark"] = benchmark
    return replace(failure, **changed) if changed else failure


def _with_safe_names(place: _Place) -> _Place:
    """The place with safe names; itself where they were safe before."""
    values = astuple(place)
    texts = [value for value in values if value and type(value) is str]
    if [_name(text) for text in texts] == texts:
        return place
    pairs = zip(place.__struct_fields__, values, strict=True)
    return replace(place, **{name: _name(value) for name, value in pairs if type(value) is str})


@functools.lru_cache(maxsize=NAMES_MAX)
def _name(text: str) -> str:
    """A name, id or url: on one line. Names come again and again, so answers are remembered."""
    return text if _PLAIN.fullmatch(text) else redact(printable(text)).replace("\n", " ")


def _term(text: str) -> str:
    """A type, a code or a label. Short ones come again and again, so answers are remembered."""
    return _short_term(text) if len(text) <= TERM_CHARS_MAX else redact(printable(text))


@functools.lru_cache(maxsize=NAMES_MAX)
def _short_term(text: str) -> str:
    return redact(printable(text))
