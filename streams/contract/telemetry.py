"""Every metric and every log event, with unit and meaning. A name that is not here is not exported.

Naming: `faultline_<noun>_<unit>[_total]`, base units, no label that holds text from outside.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `kind` is `counter` or `gauge`."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


ACCEPTED: Final = Metric(
    "faultline_failures_accepted_total", "counter", "Failures acknowledged to whoever sent them.", ("topic",)
)
FOLDED: Final = Metric(
    "faultline_failures_folded_total", "counter", "Failures read, fingerprinted and folded.", ("topic",)
)
REPEATS: Final = Metric(
    "faultline_failures_repeated_total", "counter", "Failures dropped because their id had come before.", ("topic",)
)
REJECTED: Final = Metric(
    "faultline_failures_rejected_total", "counter", "Records and parts of records that could not be read.", ("topic",)
)
DOCUMENTS: Final = Metric("faultline_documents_written_total", "counter", "Documents of failures written.")
GROUPS: Final = Metric("faultline_groups", "gauge", "Fingerprints that the store knows.")
LAG: Final = Metric(
    "faultline_log_lag_records", "gauge", "Records of a topic that a role has not read yet.", ("role", "topic")
)
LAST_FAILURE: Final = Metric(
    "faultline_last_failure_timestamp_seconds", "gauge", "When the newest failure arrived, seconds since the epoch."
)
BUILD_INFO: Final = Metric("faultline_build_info", "gauge", "Always 1; the version is in the label.", ("version",))
LLM_CALLS: Final = Metric("faultline_llm_calls_total", "counter", "Requests to the language model.", ("outcome",))
LLM_TOKENS: Final = Metric(
    "faultline_llm_tokens_total", "counter", "Tokens that the provider counted, each once.", ("use",)
)
LLM_DOLLARS: Final = Metric("faultline_llm_dollars_total", "counter", "What those tokens cost, by the price table.")
LLM_RESULTS: Final = Metric(
    "faultline_llm_results_total", "counter", "Fingerprints that came back from asking.", ("result",)
)

FOLDS_APPLIED: Final = Metric("faultline_folds_applied_total", "counter", "Folds counted in the tables.")
TABLE_ROWS: Final = Metric("faultline_table_rows", "gauge", "Rows of the tables in this process.")
FETCHES_DROPPED: Final = Metric(
    "faultline_fetches_dropped_total",
    "counter",
    "Fetches that a new assignment of partitions made void; their records are fetched again.",
)
BASELINE_JOBS: Final = Metric("faultline_baseline_jobs", "gauge", "Jobs of which passing runs are known.")
BASELINE_BYTES: Final = Metric("faultline_baseline_bytes", "gauge", "What passing runs printed, as held in memory.")
ALIAS_FINGERPRINTS: Final = Metric(
    "faultline_alias_fingerprints", "gauge", "Fingerprints that the alias rules compare new ones with."
)
ALIAS_EDGES: Final = Metric("faultline_alias_edges", "gauge", "Aliases known, whoever made them.")
ALIASES_DROPPED: Final = Metric(
    "faultline_aliases_dropped_total",
    "counter",
    "Aliases of new pairs that came when as many were held as may be, each time they came.",
)
QUESTIONS_OPEN: Final = Metric("faultline_questions_open", "gauge", "Batches of fingerprints being asked about now.")

METRICS: Final = (
    ACCEPTED,
    FOLDED,
    REPEATS,
    REJECTED,
    DOCUMENTS,
    GROUPS,
    LAG,
    LAST_FAILURE,
    BUILD_INFO,
    FOLDS_APPLIED,
    TABLE_ROWS,
    FETCHES_DROPPED,
    BASELINE_JOBS,
    BASELINE_BYTES,
    ALIAS_FINGERPRINTS,
    ALIAS_EDGES,
    ALIASES_DROPPED,
    QUESTIONS_OPEN,
    LLM_CALLS,
    LLM_TOKENS,
    LLM_DOLLARS,
    LLM_RESULTS,
)


class Observer(Protocol):
    """Where a role says what it does; the process serves it as /metrics and /readyz."""

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """Count up a counter."""

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge."""

    def waiting_for(self, what: str) -> None:
        """What the role cannot work without and does not have, in words for people; empty once it works."""


class LogEvent(enum.StrEnum):
    """Names of log lines. Fields beside them are named in the comment."""

    STARTED = "server.started"
    """url, data, version; url is empty where a role does not listen"""
    STOPPING = "server.stopping"
    STOPPED = "server.stopped"
    ENGINE_FAILED = "engine.failed"
    """error: the process ends, and goes on from its last commits when it is started again"""
    STAGE_WRITE_FAILED = "engine.write_failed"
    """path, error, retry_after_s: a stage could not commit; it begins again from its last commit"""
    LOG_WRITE_FAILED = "log.write_failed"
    """path, error: appends were refused, their senders were told"""
    BASELINE_DAMAGED = "baselines.damaged"
    """key, reason: a record of baselines.v1 is passed over; logs of its job are read with what else there is"""
    KEY_UNUSED = "llm.key_unused"
    """reason: ANTHROPIC_API_KEY is set, and nothing here reads it"""
    LLM_READY = "llm.ready"
    """llm, endpoint, dollars_per_hour, dollars_per_day, calls_per_minute: who will be asked, and within what"""
    LLM_MISSING = "llm.missing"
    """reason: nobody is asked, verdicts come from status and rules"""
    LLM_CALL = "llm.call"
    """llm, outcome, dollars, took_s, input_tokens, cached_tokens, cache_written_tokens, output_tokens, reason"""
    LLM_CLOSED = "llm.closed"
    """llm, reason, retry_after_s: the llm is not asked for so long; its questions come again later"""
    LLM_REOPENED = "llm.reopened"
    """llm: it answers again"""
    LLM_ADAPTED = "llm.adapted"
    """llm, left_out, reason: the interface does not take a part of our requests; it is left out from now on"""
    LLM_UNANSWERED = "llm.unanswered"
    """fingerprints, reason, retry_after_s: a question is given up; the first of its fingerprints comes again then"""
    LLM_ANSWER_FAULTY = "llm.answer_faulty"
    """asked, kept, faults: rows of an answer that were thrown away, counted by what was wrong with them"""
    DEMO_FAILED = "demo.failed"
    """exit_code: the sample input could not be made"""
    ROLE_WAITING = "role.waiting"
    """what: the role cannot work without it; it goes on when it is there"""
    ROLE_READY = "role.ready"
    ROLE_REFUSED = "role.refused"
    """error: a setting is wrong or something is missing, with the way out; the process ends with 2"""
    ROLE_FAILED = "role.failed"
    """error, exception: the process ends with 70, and goes on from its last commit when it is started again"""
    ROLE_KILLED = "role.killed"
    """after_s: it did not end in time after it was told to, and was ended hard"""
    LIBRARY = "library.said"
    """logger, message, error?, left_out?: what a library logged; left_out counts lines of it that were not written"""
    STORE_LEFT = "store.left_as_is"
    """collection, reason: something of the store could not be set up, and nothing depends on it"""
    INDEX_KEPT = "sink.index_kept"
    """index, period: the index of an earlier system has the name, so all goes into it, whatever the period"""
    INDEX_LEFT = "sink.index_left"
    """index, reason: an index of the past takes no changes, so its mapping or alias stays as it is"""
    KAFKA_AWAY = "kafka.away"
    """brokers, reason: the process waits and tries again"""
    KAFKA_BACK = "kafka.back"
    """brokers, after_s"""
    INPUT_LOST = "fold.input_lost"
    """topic, partition, records: they were deleted before they were read; keep the topic longer, or start more roles"""
    COMMIT_LATE = "sink.commit_late"
    """partitions: they went to another process meanwhile, which writes the same documents again"""
    FOLD_REMEMBERED = "fold.remembered"
    """topic, partition, items, took_s: the partition's last records were read again to know repeats, for 1 s or more"""
    TABLE_LOADED = "table.loaded"
    """partitions, rows, read, took_s: rows there, records of the changelog read for them"""
    ALIASES_LOADED = "aliases.loaded"
    """fingerprints, edges: what the alias rules know when they begin"""
    ALIASES_FULL = "aliases.full"
    """edges: as many aliases as are held; those of new pairs are dropped from now on, and groups stay as they are"""
    FETCH_DROPPED = "kafka.fetch_dropped"
    """records, dropped: a fetch met a new assignment and is made again; how often that was so far"""
    COMMIT_LEFT = "kafka.commit_left"
    """after_s: the last commit before partitions went was not answered; their next owner may do some work again"""
    FAUST_CRASHED = "faust.crashed"
    """error, exception: its consumer's thread broke; the process ends"""
    QUESTIONS_LEFT = "classify.left"
    """batches, items: not answered when the process had to end; they stay unacknowledged and are asked again"""
    DOCUMENTS_DROPPED = "sink.dropped"
    """indexes, documents: what retention took away"""
    RETENTION_LATER = "sink.retention_later"
    """reason: nothing was dropped this time; it is tried again"""
