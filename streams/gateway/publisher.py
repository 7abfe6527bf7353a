"""The port to the log. The embedded form writes to its SQLite file, the cluster form to Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from streams.contract.alias import Alias
from streams.contract.errors import MalformedRecord
from streams.contract.failure import Failure
from streams.contract.verdict import Verdict


class Publisher(Protocol):
    """Keeps what the gateway took. Each call is durable when it returns.

    Raises:
        LogFull: the log is behind its bound; nothing of this call was taken.
        SinkUnavailable: the log is away; whether it took anything is not known, and sending again is safe.
    """

    async def publish(self, failures: Sequence[Failure], *, traceparent: str = "") -> None:
        """Keep these failures, all or none. They are bounded, stamped and identified.

        `traceparent`: the header of the request that they came with, as it came; one that is none is left out.
        """

    async def reject(self, data: bytes, error: MalformedRecord, *, place: str) -> None:
        """Keep bytes that are no failure, with the reason, to be looked at later. `place`: where in the request."""

    async def decide(self, verdict: Verdict) -> None:
        """Keep what a person decided."""

    async def alias(self, alias: Alias) -> None:
        """Keep what a person said of two fingerprints."""
