"""The stream agent on a real broker hands a verdict on to what other rules made of its fingerprint."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from suites.app_fleet import Fleet
from suites.app_role import TIMING
from suites.folds import Writer, Written, create_topics, fold_stage, wait_applied, whole
from suites.records import AT_MS, ci_failure

from streams.broker.clients import Cluster
from streams.contract import topics
from streams.contract.failure import Failure
from streams.contract.fold import Successor
from streams.contract.verdict import Verdict, VerdictSource
from streams.contract.wire import from_bytes, to_bytes
from streams.core.intake import RawRecord, Stretch
from streams.core.partition import partition_of

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("kafka")]

PARTITIONS = 4
CI = topics.CI.name


def test_a_verdict_goes_on_to_the_successor_over_the_verdicts_topic(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    cluster = Cluster(kafka, topic_prefix, PARTITIONS, timing=TIMING)
    stage = fold_stage(PARTITIONS)
    failure: Failure = ci_failure("the order went astray")
    fold = stage.on_failures(
        [RawRecord(0, to_bytes(failure), AT_MS)], Stretch(CI, 0, 0, 1), at_ms=AT_MS, is_new=lambda _: True
    )
    before = stage.told(failure, received_at_ms=AT_MS).fingerprint.value
    after = "fp1u." + "b" * 26
    said = Verdict(
        fingerprint=before,
        origin=failure.origin,
        kind="timeout",
        family="",
        confidence=0.9,
        source=VerdictSource.LLM,
        decided_at_ms=AT_MS,
    )
    verdict = stage.on_verdicts([RawRecord(0, to_bytes(said), AT_MS)], Stretch(CI, 0, 1, 2), at_ms=AT_MS)
    empty = stage.on_verdicts([], Stretch(CI, 0, 2, 3), at_ms=AT_MS)
    successor = Successor(before, after, failure.origin)
    here = partition_of(before, PARTITIONS)
    last = [
        (target, replace(batch, successors=(successor,)) if target == here else batch)
        for target, batch in empty.batches
    ]

    async def run() -> list[Verdict]:
        await create_topics(cluster)
        async with Writer(cluster, 1) as writer:
            with Fleet(tmp_path, cluster, "work") as fleet:
                fleet.add()
                for batches in (fold.batches, verdict.batches, last):
                    await writer.write(Written(0, batches))
                await wait_applied(cluster, writer.last, seconds=90)
                assert set(await asyncio.to_thread(fleet.stop)) == {0}
        records = await whole(cluster, cluster.topic(topics.VERDICTS))
        return [from_bytes(Verdict, record.value or b"") for record in records]

    (handed,) = asyncio.run(run())
    assert (handed.fingerprint, handed.inherited_from, handed.kind) == (after, before, "timeout")
    assert (handed.source, handed.decided_at_ms) == (VerdictSource.LLM, AT_MS)
