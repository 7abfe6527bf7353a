"""One of the Faust roles as a process of its own, with the group timing of the tests. Run by path, never imported.

`app_role.py work|classify BOOTSTRAP PREFIX PARTITIONS [JOURNAL DELAY_S]`
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Sequence

from streams.app.classify import ClassifyOptions, run_classify
from streams.app.work import run_work
from streams.broker.clients import Cluster, GroupTiming
from streams.contract.classified import Unseen
from streams.contract.telemetry import Observer
from streams.contract.verdict import Unanswered, Verdict, VerdictSource
from streams.serving.role import run_role
from streams.settings import Settings

TIMING = GroupTiming(session_ms=2_000, heartbeat_ms=333, rebalance_ms=5_000)


def answer(item: Unseen) -> Verdict | Unanswered:
    """By the text alone, so that a mixed-up answer shows."""
    mark = item.fingerprint.value
    if hashlib.sha256(mark.encode()).digest()[0] < 20:
        return Unanswered(fingerprint=mark, origin=item.origin, retry_at_ms=item.last_at_ms + 1, reason="by the text")
    return Verdict(
        fingerprint=mark,
        origin=item.origin,
        kind="unknown",
        family="",
        confidence=0.5,
        source=VerdictSource.LLM,
        decided_at_ms=item.last_at_ms,
        reason=item.fingerprint.template[:200],
    )


def main() -> int:
    role, bootstrap, prefix, partitions, *more = sys.argv[1:]
    cluster = Cluster(bootstrap, prefix, int(partitions), timing=TIMING)

    async def work(observer: Observer, stop: asyncio.Event) -> None:
        await run_work(cluster, observer, stop)

    async def classify(observer: Observer, stop: asyncio.Event) -> None:
        journal, delay_s = more[0], float(more[1])

        async def ask(items: Sequence[Unseen], _: object) -> list[Verdict | Unanswered]:
            line = " ".join(item.fingerprint.value for item in items) + "\n"
            with open(journal, "ab", buffering=0) as file:  # noqa: ASYNC230, PTH123  # a line, whole, before a kill
                file.write(line.encode())
            await asyncio.sleep(delay_s)
            return [answer(item) for item in items]

        await run_classify(cluster, observer, stop, ask, ClassifyOptions(batch_age_max_s=0.5))

    os.environ.clear()
    settings = Settings(kafka=bootstrap, log_format="json")
    return run_role(role, settings, None, {"work": work, "classify": classify}[role])


if __name__ == "__main__":
    sys.exit(main())
