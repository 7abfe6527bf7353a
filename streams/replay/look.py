"""What a replay would do, seen before anything is sent: how much, how old, and whether it would count twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiokafka import TopicPartition

from streams.broker.clients import Cluster
from streams.broker.reader import Reader
from streams.contract.errors import ConfigurationError
from streams.contract.topics import Topic
from streams.replay.source import Bad, Step, Stretch, topic_steps

SAMPLE_IDS: Final = 200
BAD_KEPT: Final = 20
"""Bad lines of an archive that are told one by one; the rest is counted."""


@dataclass(slots=True)
class Looked:
    """What a source holds."""

    failures: int = 0
    records: int = 0
    bad: int = 0
    """Lines of an archive, or parts of them, that are no failures."""
    unreadable: int = 0
    """Records of a topic without anything in them that can be read."""
    oldest_ms: int | None = None
    """When the first of the failures happened."""
    newest_ms: int | None = None
    told: list[Bad] = field(default_factory=list)
    sample: list[str] = field(default_factory=list)
    """Ids of failures, each as likely as any other, at most SAMPLE_IDS."""
    of_partition: Counter[int] = field(default_factory=Counter)

    def add(self, step: Step, rnd: random.Random) -> None:
        """Count a step."""
        self.bad += len(step.bad)
        self.told += step.bad[: BAD_KEPT - len(self.told)]
        self.unreadable += step.unreadable
        for piece in step.pieces:
            self.records += 1
            self.of_partition[piece.partition] += len(piece.failures)
            for failure in piece.failures:
                self.failures += 1
                at_ms = failure.occurred_at_ms
                self.oldest_ms = at_ms if self.oldest_ms is None else min(self.oldest_ms, at_ms)
                self.newest_ms = at_ms if self.newest_ms is None else max(self.newest_ms, at_ms)
                self._sample(failure.id, rnd)

    def _sample(self, failure_id: str, rnd: random.Random) -> None:
        """Reservoir sampling (Vitter 1985, Algorithm R)."""
        if len(self.sample) < SAMPLE_IDS:
            self.sample.append(failure_id)
        elif (place := rnd.randrange(self.failures)) < SAMPLE_IDS:
            self.sample[place] = failure_id


async def looked(steps: AsyncIterator[Step], *, seed: str) -> Looked:
    """Read a source to its end."""
    out, rnd = Looked(), random.Random(seed)
    async for step in steps:
        out.add(step, rnd)
    return out


async def check_horizon(
    reader: Reader,
    cluster: Cluster,
    topic: Topic,
    wanted: Mapping[int, Stretch],
    found: Looked,
    *,
    recent_ids: int,
) -> None:
    """See that the fold stage still remembers every failure that is to come again, so that none counts twice.

    It remembers the last ids of a partition: so those from the start of the stretch to the end of the log, and those
    that are sent, must be fewer. Reads all of them.

    Raises: ConfigurationError with the partition that reaches back too far.
    """
    ends = await reader.end(*(TopicPartition(cluster.topic(topic), number) for number in wanted))
    for number, stretch in sorted(wanted.items()):
        end = ends[TopicPartition(cluster.topic(topic), number)]
        ids = 2 * found.of_partition[number]
        async for step in topic_steps(reader, cluster, topic, {number: Stretch(stretch.end, end)}):
            ids += sum(len(piece.failures) for piece in step.pieces)
            if ids > recent_ids:
                break
        if ids > recent_ids:
            raise ConfigurationError(
                f"{topic.name}, partition {number}: there are more than {recent_ids} failures (FAULTLINE_RECENT_IDS) "
                "from the first that would come again to the last that was sent: the fold stage would not know all of "
                "them any more, and count them twice. Take a shorter or later stretch; or count again from the "
                "documents afterwards: --recount; or build everything anew: --rebuild"
            )


def check_new(found: Looked, known: Sequence[str], *, asked: int) -> None:
    """See that failures of a backfill are not in the store. Raises: ConfigurationError when some are."""
    if known:
        raise ConfigurationError(
            f"{len(known)} of {asked} failures that were looked for are in the store already, {known[0]} among them: "
            f"these {found.failures} are no backfill, and would be counted twice. Leave out what is there already; "
            "or send all of them without --backfill, with --recount, and count again from the documents afterwards"
        )


async def as_async(steps: Iterator[Step]) -> AsyncIterator[Step]:
    """Steps of an archive, as those of a topic come."""
    for step in steps:
        yield step
