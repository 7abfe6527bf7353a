"""The way of `faultline publish --to kafka`: failures straight to the brokers, acknowledged by all replicas.

The settings are those of every other client: FAULTLINE_KAFKA and what belongs to it, from the environment.
"""

from __future__ import annotations

import asyncio
import os
import time
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Self

from streams.broker.publish import KafkaPublisher
from streams.cli.loop import cluster_of
from streams.contract.errors import LogFull, SinkUnavailable
from streams.contract.failure import Failure
from streams.serving.logs import configure_log
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.cli.delivery import Ledger


class ToKafka:
    """One producer and one deadline for all that is sent, from the first failure on. A context that ends both."""

    def __init__(self, deadline_s: float) -> None:
        """Raises: `ConfigurationError` with every wrong setting."""
        settings = Settings.read(os.environ)
        configure_log(settings.log_format, libraries=False)
        self._cluster = cluster_of(settings)
        self._deadline_s = deadline_s
        self._ends_s: float | None = None
        self._publisher: KafkaPublisher | None = None
        self._runner = asyncio.Runner()

    @property
    def place(self) -> str:
        """Where it leads."""
        return f"Kafka at {self._cluster.bootstrap}"

    def send(self, members: list[Failure], body: bytes, ledger: Ledger) -> str:
        """See `Way.send`. Raises: `ConfigurationError` when a topic is missing, with the command that makes it."""
        del body  # the records of a topic have a form of their own
        try:
            self._runner.run(self._sent(members))
        except (LogFull, SinkUnavailable) as error:
            return f"{error}; check FAULTLINE_KAFKA, or try again later"
        except TimeoutError:
            return f"{self.place} did not take it within {self._deadline_s:g} s; try again later"
        ledger.sent += len(members)
        return ""

    async def _sent(self, members: list[Failure]) -> None:
        if self._ends_s is None:  # what is sent may have taken its time to come
            self._ends_s = time.monotonic() + self._deadline_s
        left_s = max(0.0, self._ends_s - time.monotonic())
        async with asyncio.timeout(left_s):
            if self._publisher is None:
                publisher = KafkaPublisher(
                    self._cluster, source="publish", now_ms=_now_ms, app_version=version("faultline")
                )
                try:
                    await publisher.start(deadline_s=left_s)
                except BaseException:
                    await publisher.close()
                    raise
                self._publisher = publisher
            await self._publisher.publish(members)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._publisher is not None:
            self._runner.run(self._publisher.close())
        self._runner.close()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
