"""Every topic: what its records are, their key, how long they stay, who writes and who reads.

A record's shape changes by a new version in the topic's name, never in place.
"""

from __future__ import annotations

from dataclasses import dataclass

from streams.contract.alias import Alias
from streams.contract.baseline import PassedRun
from streams.contract.classified import Classified, GroupChanged, Unseen, VerdictChanged
from streams.contract.failure import Envelope, Failure, Origin
from streams.contract.fold import FoldBatch
from streams.contract.rollup import Rollup
from streams.contract.verdict import Unanswered, Verdict

PARTITIONS_DEFAULT = 12
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of the table. `retention_ms` None: the newest record of a key stays (compaction)."""

    name: str
    holds: str
    key: str
    records: tuple[type, ...]
    """Empty: bytes as they came."""
    cleanup: str
    retention_ms: int | None
    writers: tuple[str, ...]
    readers: tuple[str, ...]


CI = Topic(
    name="failures.ci.v1",
    holds="failures of CI jobs, as producers send them",
    key="repo/run",
    records=(Envelope, Failure),
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("producers", "gateway"),
    readers=("fold stage",),
)
BENCHMARK = Topic(
    name="failures.benchmark.v1",
    holds="failures of LLM benchmark runs, as producers send them",
    key="provider/model",
    records=(Envelope, Failure),
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("producers", "gateway"),
    readers=("fold stage",),
)
REJECTED = Topic(
    name="failures.rejected.v1",
    holds="what could not be read: the original bytes, the reason in the headers",
    key="as read",
    records=(),
    cleanup="delete",
    retention_ms=14 * DAY_MS,
    writers=("every consumer",),
    readers=("people",),
)
FOLDED = Topic(
    name="failures.folded.v1",
    holds="folds and verdicts of one transaction for one target partition",
    key="target partition",
    records=(FoldBatch,),
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("fold stage",),
    readers=("stream agent",),
)
UNSEEN = Topic(
    name="fingerprints.unseen.v1",
    holds="fingerprints that want a better verdict than they have",
    key="fingerprint",
    records=(Unseen,),
    cleanup="delete",
    retention_ms=7 * DAY_MS,
    writers=("stream agent",),
    readers=("classification agent", "alias rules"),
)
UNANSWERED = Topic(
    name="fingerprints.unanswered.v1",
    holds="fingerprints the llm gave no verdict for, with the time to ask again",
    key="fingerprint",
    records=(Unanswered,),
    cleanup="delete",
    retention_ms=DAY_MS,
    writers=("classification agent",),
    readers=("fold stage",),
)
VERDICTS = Topic(
    name="fingerprints.classified.v1",
    holds="verdicts of the embedded model, the llm and people",
    key="fingerprint/source",
    records=(Verdict,),
    cleanup="compact",
    retention_ms=None,
    writers=("classification agent", "gateway", "stream agent"),
    readers=("fold stage",),
)
ALIASES = Topic(
    name="aliases.v1",
    holds="pairs of fingerprints that are one problem, or are not, with the reason",
    key="fingerprint|fingerprint/source",
    records=(Alias,),
    cleanup="compact",
    retention_ms=None,
    writers=("alias rules", "gateway"),
    readers=("fold stage", "alias rules"),
)
BASELINES = Topic(
    name="baselines.v1",
    holds="what passing runs of a job printed, as hashes of masked lines",
    key="job, run and chunk",
    records=(PassedRun,),
    cleanup="compact",
    retention_ms=None,
    writers=("gateway",),
    readers=("gateway",),
)
CLASSIFIED = Topic(
    name="failures.classified.v1",
    holds="folds with their verdicts, and changes of verdicts and groups",
    key="fingerprint",
    records=(Classified, VerdictChanged, GroupChanged),
    cleanup="delete",
    retention_ms=30 * DAY_MS,
    writers=("stream agent",),
    readers=("sinks", "dashboard"),
)
ROLLUPS = Topic(
    name="rollups.v1",
    holds="absolute counts by window and by dimension",
    key="fingerprint@window or fingerprint@dimension",
    records=(Rollup,),
    cleanup="compact,delete",
    retention_ms=30 * DAY_MS,
    writers=("stream agent",),
    readers=("sinks",),
)

WORK_APP = "faultline-work"
"""Name of the stream agent's app; its changelog is named after it."""
STATE_TABLE = "state"
STATE = Topic(
    name=f"{WORK_APP}-{STATE_TABLE}-changelog",
    holds="rows of the stream agent's tables: what it starts from",
    key="key of the row",
    records=(),
    cleanup="compact",
    retention_ms=None,
    writers=("stream agent",),
    readers=("stream agent",),
)

TOPICS: tuple[Topic, ...] = (
    CI,
    BENCHMARK,
    REJECTED,
    FOLDED,
    UNSEEN,
    UNANSWERED,
    VERDICTS,
    ALIASES,
    BASELINES,
    CLASSIFIED,
    ROLLUPS,
)
"""What the records of the path travel in. On brokers there is STATE besides."""
BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}
INPUTS: dict[Origin, Topic] = {Origin.CI: CI, Origin.BENCHMARK: BENCHMARK}
