"""The alias rules beside the classification agent: all new fingerprints, edges and verdicts -> edges between them, and
the strongest verdict of a group for all of it.

Every process of the agent reads these topics whole, in no group: so each knows all fingerprints, however partitions are
shared out, and needs no agreement with the others. They make the same edges; an edge that comes twice changes nothing.
Nothing is committed: a process that begins anew reads again what the topics still hold, edges first, and compares all
fingerprints once; what was lost on the way is made then. Records that cannot be read are put aside by others: edges by
the fold stage, fingerprints by the agent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NoReturn

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.app.ending import end
from streams.broker.clients import Cluster, Stopping, close
from streams.broker.outgoing import outgoing
from streams.contract import topics
from streams.contract.alias import Alias
from streams.contract.classified import Unseen
from streams.contract.errors import MalformedRecord
from streams.contract.telemetry import ALIAS_EDGES, ALIAS_FINGERPRINTS, ALIASES_DROPPED, LogEvent, Observer
from streams.contract.verdict import Verdict
from streams.contract.wire import R, from_bytes
from streams.core.alias import widest
from streams.core.aliaser import Aliaser

POLL_MS: Final = 500
POLL_RECORDS: Final = 200
"""About 10 ms of reading, so that the agent's heartbeats get their turns."""
REST: Final = 4
"""Times as long as all that was due took to compare, nothing is compared: while many new fingerprints come, one by one,
each would have hundreds compared once more."""

log_event = structlog.get_logger("faultline.role")


async def aliasing(
    cluster: Cluster,
    producer: AIOKafkaProducer,
    stop: asyncio.Event,
    aliaser: Aliaser,
    observer: Observer,
    *,
    source: str,
    retire: Callable[[BaseException], NoReturn] = end,
) -> None:
    """Make edges until `stop` is set.

    `aliaser` is told of all there is, and others may ask it. `source`: the role that sends edges. `retire` is told
    of whatever breaks: nobody else looks at this task.
    """
    try:
        with contextlib.suppress(Stopping):
            consumer = await cluster.start(lambda: cluster.consumer(poll_records_max=POLL_RECORDS), stop=stop)
            try:
                await _Aliasing(cluster, consumer, producer, stop, aliaser, source, observer).run()
            finally:
                await close(consumer)
    except Exception as error:  # noqa: BLE001  # see above
        retire(error)


class _Aliasing:
    """One process's rules. The consumer's assignment never changes."""

    def __init__(
        self,
        cluster: Cluster,
        consumer: AIOKafkaConsumer,
        producer: AIOKafkaProducer,
        stop: asyncio.Event,
        aliaser: Aliaser,
        source: str,
        observer: Observer,
    ) -> None:
        self._observer = observer
        self._told_dropped = 0
        self._cluster = cluster
        self._consumer = consumer
        self._producer = producer
        self._stop = stop
        self._source = source
        self._out = cluster.topic(topics.ALIASES)
        self._edges, self._marks = (
            [TopicPartition(cluster.topic(topic), number) for number in range(cluster.partitions)]
            for topic in (topics.ALIASES, topics.UNSEEN)
        )
        self._verdicts = [
            TopicPartition(cluster.topic(topics.VERDICTS), number) for number in range(cluster.partitions)
        ]
        self._aliaser = aliaser

    async def run(self) -> None:
        """Catch up without comparing, edges first; then compare what comes as it comes."""
        self._consumer.assign([*self._edges, *self._verdicts, *self._marks])
        self._consumer.pause(*self._marks)
        await self._catch_up([*self._edges, *self._verdicts])
        self._consumer.resume(*self._marks)
        await self._catch_up(self._marks)
        log_event.info(LogEvent.ALIASES_LOADED, fingerprints=len(self._aliaser), edges=self._aliaser.edges_held)
        now_s = asyncio.get_running_loop().time
        rests_until_s = 0.0
        while not self._stop.is_set():
            if self._aliaser.is_due and (began_s := now_s()) >= rests_until_s:
                await self._compare()
                rests_until_s = now_s() + REST * (now_s() - began_s)
            while self._aliaser.sharing.is_due and not self._stop.is_set():
                await self._send(self._aliaser.sharing.verdicts())
                await asyncio.sleep(0)
            await self._read()

    async def _compare(self) -> None:
        while self._aliaser.is_due and not self._stop.is_set():
            # up to 60 ms of work: in a thread, since the agent's heartbeats and questions share this loop
            lot = self._aliaser.next_lot()
            forms = await asyncio.to_thread(widest, lot.forms)
            await self._send(self._aliaser.joined(lot, forms))

    async def _catch_up(self, places: list[TopicPartition]) -> None:
        ends = await self._consumer.end_offsets(places)
        while not self._stop.is_set():
            if all([await self._consumer.position(place) >= ends[place] for place in places]):
                return
            await self._read()

    async def _read(self) -> None:
        found = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        for place, records in found.items():
            if place.topic == self._out:
                for edge in _readable(Alias, records):
                    self._aliaser.on_alias(edge)
            elif place in self._verdicts:
                for verdict in _readable(Verdict, records):
                    self._aliaser.sharing.on_verdict(verdict)
            else:
                self._aliaser.on_new(_readable(Unseen, records))
        self._observer.set(ALIAS_FINGERPRINTS, len(self._aliaser))
        self._observer.set(ALIAS_EDGES, self._aliaser.edges_held)
        if dropped := self._aliaser.edges_dropped - self._told_dropped:
            self._observer.add(ALIASES_DROPPED, dropped)
            if not self._told_dropped:
                log_event.warning(LogEvent.ALIASES_FULL, edges=self._aliaser.edges_held)
            self._told_dropped += dropped

    async def _send(self, records: Iterable[Alias | Verdict]) -> None:
        sent = []
        for record in records:
            out = outgoing(record, source=self._source, at_ms=record.decided_at_ms)
            topic = self._cluster.topic(out.topic)
            sent.append(await self._producer.send(topic, out.value, key=out.key, headers=out.headers))
        await asyncio.gather(*sent)


def _readable(kind: type[R], records: Iterable[Any]) -> Iterator[R]:
    for record in records:
        try:
            one = from_bytes(kind, record.value or b"")
        except MalformedRecord:
            continue  # put aside by others, see above
        yield one
