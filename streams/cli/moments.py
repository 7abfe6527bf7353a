"""Times and rates as a command line says them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

import typer

EXPECTED: Final = "2026-05-31, 2026-05-31T12:00:00Z, 90s, 30m, 2h or 7d ago, or now"
_AGO: Final = re.compile(r"(\d{1,6})\s*([smhd])(?:\s+ago)?")
_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_RATE: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(?:/\s*s)?")


def moment(text: str, option: str, *, now_ms: int) -> int | None:
    """Milliseconds since the epoch; None for an empty text. A time without a zone is UTC.

    Raises: typer.BadParameter that names the option and what it takes.
    """
    said = text.strip()
    if not said:
        return None
    if said == "now":
        return now_ms
    if ago := _AGO.fullmatch(said):
        return now_ms - int(ago.group(1)) * _MS[ago.group(2)]
    try:
        at = datetime.fromisoformat(said)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is no time; expected {EXPECTED}", param_hint=option) from error


def rate(text: str, option: str) -> float | None:
    """Items a second; None for an empty text. Raises: typer.BadParameter."""
    said = text.strip()
    if not said:
        return None
    found = _RATE.fullmatch(said)
    if found is None or float(found.group(1)) == 0:
        raise typer.BadParameter(f"{text!r} is no rate; expected a number a second, as 500/s", param_hint=option)
    return float(found.group(1))


def iso(at_ms: int) -> str:
    """The time in UTC, to the second."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
