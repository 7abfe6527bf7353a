"""The gateway's port to the log when its producer is of no use any more: no broker is needed for that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, OutOfOrderSequenceNumber
from suites.records import AT_MS, ci_failure

from streams.broker.clients import Cluster
from streams.broker.publish import KafkaPublisher
from streams.contract.errors import SinkUnavailable


@dataclass
class Producer:
    """Takes what it is sent, or says why not."""

    error: KafkaError | None = None
    sent: list[bytes] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, _topic: str, value: bytes, **_: object) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.error is None:
            self.sent.append(value)
            done.set_result(None)
        else:
            done.set_exception(self.error)
        return done

    async def stop(self) -> None:
        self.stopped.set()


class Brokers(Cluster):
    """Gives these producers, one after the other; none left: no broker answers."""

    left: list[Producer]

    def producer(self) -> Any:
        if not self.left:
            raise SinkUnavailable("Kafka does not answer", retry_after_s=0.0)
        return self.left.pop(0)

    async def start(self, make: Callable[[], Any], **_: Any) -> Any:
        return make()


@pytest.fixture
def publishing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., KafkaPublisher]:
    async def there(*_: object, **__: object) -> None:
        """The topics are."""

    monkeypatch.setattr("streams.broker.publish.check", there)

    def make(*producers: Producer) -> KafkaPublisher:
        brokers = Brokers("b:9092")
        object.__setattr__(brokers, "left", list(producers))
        return KafkaPublisher(brokers, source="gateway", now_ms=lambda: AT_MS)

    return make


def test_a_producer_whose_numbering_the_broker_refuses_is_replaced_and_its_callers_told_to_come_again(
    publishing: Callable[..., KafkaPublisher],
) -> None:
    async def scenario() -> None:
        spent, fresh, unused = Producer(OutOfOrderSequenceNumber()), Producer(), Producer()
        publisher = publishing(spent, fresh, unused)
        await publisher.start()
        failed = await asyncio.gather(
            *(publisher.publish([ci_failure(str(n))]) for n in range(3)), return_exceptions=True
        )
        assert [type(one) for one in failed] == [SinkUnavailable] * 3
        async with asyncio.timeout(5):
            await spent.stopped.wait()
        await publisher.publish([ci_failure("again")])
        assert len(fresh.sent) == 1
        await publisher.close()
        assert fresh.stopped.is_set()
        assert not unused.stopped.is_set()

    asyncio.run(scenario())


def test_what_is_wrong_with_one_record_replaces_no_producer(publishing: Callable[..., KafkaPublisher]) -> None:
    async def scenario() -> None:
        only = Producer(MessageSizeTooLargeError())
        publisher = publishing(only, Producer())
        await publisher.start()
        with pytest.raises(SinkUnavailable, match="did not take it"):
            await publisher.publish([ci_failure("x")])
        only.error = None
        await publisher.publish([ci_failure("y")])
        assert len(only.sent) == 1
        assert not only.stopped.is_set()
        await publisher.close()

    asyncio.run(scenario())


def test_while_no_broker_answers_the_spent_producer_stays_and_the_next_caller_asks_again(
    publishing: Callable[..., KafkaPublisher],
) -> None:
    async def scenario() -> None:
        spent = Producer(OutOfOrderSequenceNumber())
        publisher = publishing(spent)
        await publisher.start()
        for _ in range(3):
            with pytest.raises(SinkUnavailable, match="OutOfOrderSequenceNumber"):
                await publisher.publish([ci_failure("x")])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert not spent.stopped.is_set()
        await publisher.close()
        assert spent.stopped.is_set()

    asyncio.run(scenario())
