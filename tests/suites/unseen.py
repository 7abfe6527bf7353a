"""Fingerprints to ask about, as the stream agent writes them, and what the classification agent makes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from suites.app_role import answer
from suites.folds import whole
from suites.records import AT_MS, ci_failure, told

from streams.broker.clients import Cluster
from streams.contract import topics
from streams.contract.classified import Unseen
from streams.contract.verdict import Unanswered, Verdict, record_key
from streams.contract.wire import from_bytes, to_bytes
from streams.core.partition import partition_of


def unseen(number: int) -> Unseen:
    """A fingerprint of its own for each number."""
    word = "".join(chr(ord("a") + int(digit)) for digit in str(number))
    one = told(ci_failure(f"the {word} of {word} is {word}"))
    return Unseen(
        fingerprint=one.fingerprint,
        origin=one.failure.origin,
        count=1,
        first_at_ms=AT_MS,
        last_at_ms=AT_MS,
        samples=(),
        where={},
        provisional=one.verdict,
        asking_because="new",
    )


async def send(cluster: Cluster, items: Iterable[Unseen], *, per: int = 7) -> None:
    """In transactions, as the stream agent does, so that their markers lie between."""
    producer = cluster.transactional_producer(f"{cluster.prefix}unseen")
    await producer.start()
    rest = list(items)
    while rest:
        now, rest = rest[:per], rest[per:]
        async with producer.transaction():
            for item in now:
                mark = item.fingerprint.value
                await producer.send(
                    cluster.topic(topics.UNSEEN),
                    to_bytes(item),
                    key=mark.encode(),
                    partition=partition_of(mark, cluster.partitions),
                )
    await producer.stop()


async def answers(cluster: Cluster) -> dict[str, list[Verdict | Unanswered]]:
    """By fingerprint, in the order of their topic; fails where a key is not the record's."""
    found: dict[str, list[Verdict | Unanswered]] = {}
    for record in await whole(cluster, cluster.topic(topics.VERDICTS)):
        verdict = from_bytes(Verdict, record.value or b"")
        assert record.key == record_key(verdict).encode()
        found.setdefault(verdict.fingerprint, []).append(verdict)
    for record in await whole(cluster, cluster.topic(topics.UNANSWERED)):
        told = from_bytes(Unanswered, record.value or b"")
        assert record.key == told.fingerprint.encode()
        found.setdefault(told.fingerprint, []).append(told)
    return found


async def all_answered(cluster: Cluster, number: int) -> None:
    """Wait until so many fingerprints have an answer; the caller brings the deadline."""
    while len(await answers(cluster)) < number:  # noqa: ASYNC110  # what is looked at is a topic
        await asyncio.sleep(0.5)


def right(item: Unseen, found: list[Verdict | Unanswered]) -> bool:
    """Whether every answer is the one that the text of this fingerprint gets."""
    return all(one == answer(item) for one in found)
