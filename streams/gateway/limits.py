"""Every limit of the gateway. A refusal names the limit by the name it has here."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one caller may ask. Sizes of bodies hold for the inflated body, and for the one on the wire too."""

    events_bytes_max: int = 16 * MIB
    """Held in memory."""
    items_max: int = 10_000
    """Events in one request."""
    junit_bytes_max: int = 256 * MIB
    """On disk while it is read."""
    log_bytes_max: int = 64 * MIB
    verdict_bytes_max: int = 64 * 1024
    baseline_bytes_max: int = 4 * MIB
    """Hashes of one passing run, as base64."""
    spool_bytes_max: int = 1 * MIB
    """Of a report or log in memory; what is longer goes to a temporary file."""
    inflated_ratio_max: int = 200
    """Inflated bytes for one on the wire, once more than `ratio_free_bytes` came out."""
    ratio_free_bytes: int = 16 * MIB
    body_seconds_max: float = 60.0
    """From the first byte of a body to its last."""
    logs_at_once_max: int = 2
    """Logs that are read at the same time, as each is held in memory; further ones wait."""
    requests_max: int = 32
    """At work at the same time."""
    rejects_max: int = 100
    """Refused pieces of one request that are kept; all of them are named in the answer."""
    reject_bytes_max: int = 64 * 1024
    """Kept of one refused piece: its beginning."""
    answer_items_max: int = 1_000
    """Failures of one report that the answer lists; the rest is counted. Events are all listed."""
