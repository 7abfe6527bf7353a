"""The names of indexes: a function of the failure's time, and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_FORMATS: Final = {"month": "%Y.%m", "day": "%Y.%m.%d"}
_PERIOD: Final = re.compile(r"-(\d{4})\.(\d{2})(?:\.(\d{2}))?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def index_name(base: str, period: str, at_ms: int) -> str:
    """The index of a failure of this time."""
    if period == "none":
        return base
    return f"{base}-{(_EPOCH + timedelta(milliseconds=at_ms)).strftime(_FORMATS[period])}"


def period_of(base: str, index: str) -> tuple[str, int] | None:
    """`month` or `day`, and the end of the index's period, in ms (exclusive); None when it is none of ours."""
    found = _PERIOD.fullmatch(index.removeprefix(base)) if index.startswith(base) else None
    if found is None:
        return None
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        start = datetime(year or 0, month or 0, day or 1, tzinfo=UTC)
        after = start + timedelta(days=1 if day else 32)
    except (ValueError, OverflowError):
        return None
    end = after if day else after.replace(day=1)
    return "day" if day else "month", (end - _EPOCH) // timedelta(milliseconds=1)
