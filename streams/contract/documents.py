"""Records <-> documents of the stores: the one place that knows the stores' field names.

Benchmark failures keep the names of the earlier benchmark system (`errors_cloud`, `error_rollups`), CI failures those
of the earlier CI system (`error_classifications`); the fields of ours stand beside them.
A document is a function of the record: the same record gives the same document, byte for byte.
Times are ISO 8601 in UTC with milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from streams.contract.classified import Classified
from streams.contract.failure import Benchmark, Ci, Failure, Origin
from streams.contract.fold import Member
from streams.contract.rollup import Rollup
from streams.contract.verdict import Verdict

ERRORS: Final = "errors_cloud"
"""Benchmark failures, one document each; `_id` is the failure's id."""
CLASSIFICATIONS: Final = "error_classifications"
"""CI failures, one document each; `_id` is the failure's id."""
COLLECTIONS: Final = {Origin.BENCHMARK: ERRORS, Origin.CI: CLASSIFICATIONS}

CI_FAILURES: Final = "ci_failures"
"""CI failures in MongoDB, where the earlier CI system had none."""

DATE_FIELDS: Final = frozenset(
    (
        "ts",
        "original_ts",
        "received_at",
        "classified_at",
        "first_seen",
        "last_seen",
        "@timestamp",
        "ts_first_seen",
        "ts_last_seen",
        "ts_classified_at",
        "ts_received_at",
        "ts_original",
    )
)
"""Fields of all documents that hold a time: a store with a type for dates keeps them as such."""
MAP_FIELDS: Final = frozenset(("labels", "truncated"))
"""Fields whose keys come from outside: a store that reads keys as paths keeps them as a list of key and value."""
TIME_FIELDS: Final = {Origin.BENCHMARK: "ts", Origin.CI: "@timestamp"}
"""When the failure happened."""
FINGERPRINT_FIELDS: Final = {Origin.BENCHMARK: "fault_fingerprint", Origin.CI: "s_fingerprint"}
SITE_FIELDS: Final = {Origin.BENCHMARK: "fault_site", Origin.CI: "s_site"}
VERSION_FIELDS: Final = {Origin.BENCHMARK: "verdict_version", Origin.CI: "l_verdict_version"}
"""The version of the verdict that the document carries."""
GROUP_FIELDS: Final = {Origin.BENCHMARK: "fault_group", Origin.CI: "s_group"}
"""What all documents of one problem have alike: the smallest of its fingerprints, mostly the only one.

Documents of releases that knew no aliases have none until their group changes; their fingerprint stands for it.
"""
GROUP_VERSION_FIELDS: Final = {Origin.BENCHMARK: "group_version", Origin.CI: "l_group_version"}
WHERE_FIELDS: Final = {Origin.BENCHMARK: ("provider", "model_name", "stage"), Origin.CI: ("repo", "workflow", "job")}
"""The names of a dimension in a rollup's document."""

SNIPPET_CHARS_MAX = 500
FULL_TEXT_CHARS_MAX = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Document = dict[str, Any]


def iso(at_ms: int) -> str:
    """Milliseconds since the epoch as ISO 8601, UTC."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def failure_documents(
    classified: Classified, *, primary_is_kind: bool = False, full_text_chars_max: int = FULL_TEXT_CHARS_MAX
) -> list[tuple[str, Document]]:
    """`_id` and document of each failure of a fold.

    `primary_is_kind`: whether `s_primary_category` holds the kind; it holds the family otherwise.
    `full_text_chars_max`: characters that `s_error_full_text` keeps.
    """
    out = []
    for number, member in enumerate(classified.fold.members):
        if member.failure.ci is not None:
            document = _ci(classified, member, number, full_text_chars_max)
        else:
            document = _benchmark(classified, member)
        document |= group_fields(
            classified.fold.origin, classified.fold.fingerprint.value, classified.group, classified.group_version
        )
        set_verdict(document, classified.verdict, classified.verdict_version, primary_is_kind=primary_is_kind)
        out.append((member.failure.id, document))
    return out


def set_verdict(document: Document, verdict: Verdict, version: int, *, primary_is_kind: bool = False) -> None:
    """Write a verdict into a document, whichever it carried."""
    origin = Origin.CI if "s_error_id" in document else Origin.BENCHMARK
    said, own = verdict_fields(origin, verdict, version, primary_is_kind=primary_is_kind)
    document |= said
    for field, source in own.items():
        document[field] = document[source]


def verdict_fields(
    origin: Origin, verdict: Verdict, version: int, *, primary_is_kind: bool = False
) -> tuple[Document, dict[str, str]]:
    """What a verdict writes into a document of `origin`: fields with their values, and fields to copy from others.

    Status and rule verdicts are functions of the failure: such a document is dated by its own failure and keeps its
    own evidence, so those two come out of the document itself, as field -> field to copy.
    """
    own = verdict.source.is_own_text
    ci = origin is Origin.CI
    copied = {}
    if own:
        copied = (
            {"ts_classified_at": "@timestamp", "s_evidence": "s_own_evidence"}
            if ci
            else {"classified_at": "ts", "evidence": "own_evidence"}
        )
    said: Document
    if ci:
        said = {
            "s_primary_category": verdict.kind if primary_is_kind else verdict.family,
            "s_subcategory": verdict.kind,
            "s_error_type": verdict.kind,
            "s_classification_method": "batch",
            "s_model_version": verdict.model,
            "s_root_cause_summary": verdict.reason,
            "f_confidence_score": verdict.confidence,
            "ts_classified_at": "" if own else iso(verdict.decided_at_ms),
            "s_verdict_source": verdict.source.value,
            "s_rule_id": verdict.rule_id,
            "s_evidence": "" if own else verdict.evidence,
            "b_transient": verdict.transient,
            "s_taxonomy_version": verdict.taxonomy_version,
            "s_prompt_version": verdict.prompt_version,
            "l_verdict_version": version,
        }
    else:
        said = {
            "error_kind": verdict.kind,
            "error_family": verdict.family,
            "classification_confidence": verdict.confidence,
            "classification_reasoning": verdict.reason,
            "classified_at": "" if own else iso(verdict.decided_at_ms),
            "classified_by": verdict.source.value,
            "classified_model": verdict.model,
            "rule_id": verdict.rule_id,
            "evidence": "" if own else verdict.evidence,
            "transient": verdict.transient,
            "taxonomy_version": verdict.taxonomy_version,
            "prompt_version": verdict.prompt_version,
            "verdict_version": version,
        }
    return {field: value for field, value in said.items() if field not in copied}, copied


def group_fields(origin: Origin, fingerprint: str, group: str, version: int) -> Document:
    """What a group writes into a document of `origin`; one that is joined with no other is a group of its own."""
    return {GROUP_FIELDS[origin]: group or fingerprint, GROUP_VERSION_FIELDS[origin]: version}


def _common(failure: Failure) -> Document:
    """Fields that are written only where there is something to say."""
    out: Document = {}
    if failure.labels:
        out["labels"] = dict(failure.labels)
    if failure.truncated:
        out["truncated"] = {mark.field: mark.original_bytes for mark in failure.truncated}
    return out


def _benchmark(classified: Classified, member: Member) -> Document:
    failure = member.failure
    where = failure.benchmark or Benchmark()
    message, traceback = classified.fold.texts_of(member)
    document: Document = {
        "provider": where.provider,
        "model_name": where.model,
        "stage": where.stage,
        "ts": iso(failure.occurred_at_ms),
        "message": message,
        "exception_type": failure.exception_type,
        "http_status": failure.http_status,
        "provider_error_code": failure.provider_error_code,
        "normalized_message": member.earlier_message,
        "fingerprint": member.earlier_hash,
        "status_kind": member.earlier_kind,
        "run_id": where.run_id,
        "request_id": where.request_id,
        "benchmark": where.benchmark,
        "failure_id": failure.id,
        "fault_fingerprint": classified.fold.fingerprint.value,
        "fault_class": classified.fold.fingerprint.class_value,
        "fault_site": member.site or classified.fold.fingerprint.site_value,
        "own_evidence": member.evidence,
        "received_at": iso(failure.received_at_ms or failure.occurred_at_ms),
    }
    if traceback:
        document["traceback"] = traceback
    if member.original_at_ms is not None:
        document["original_ts"] = iso(member.original_at_ms)
    return document | _common(failure)


def _ci(classified: Classified, member: Member, number: int, full_text_chars_max: int) -> Document:
    failure = member.failure
    where = failure.ci or Ci()
    message, traceback = classified.fold.texts_of(member)
    text = f"{message}\n{traceback}" if traceback else message
    at = iso(failure.occurred_at_ms)
    before = classified.count_before + number
    document: Document = {
        "s_error_id": failure.id,
        "s_error_hash": member.earlier_hash,
        "s_workflow_id": where.run_id,
        "s_job_id": where.job_id,
        "s_job_name": where.job_name,
        "s_step_id": where.step_id,
        "s_step_name": where.step_name,
        "s_test_name": f"{where.test_class}::{where.test_name}" if where.test_class else where.test_name,
        "s_test_file": where.test_file,
        "s_error_source": "full_log_analysis" if where.source == "full_log" else where.source.value,
        "s_framework": where.framework,
        "s_user_alias": where.actor,
        "s_repo": where.repo,
        "s_workflow_name": where.workflow,
        "s_branch": where.branch,
        "s_pr_id": where.pr_id,
        "s_commit_sha": where.commit_sha,
        "s_ci_provider": where.provider,
        "s_url": where.url,
        "s_runner_name": where.runner,
        "l_run_attempt": where.attempt,
        "s_exception_type": failure.exception_type,
        "l_exit_code": failure.exit_code,
        "s_error_snippet": text[:SNIPPET_CHARS_MAX],
        "s_error_full_text": text[:full_text_chars_max],
        "b_is_duplicate": classified.known_before or before > 0,
        "l_occurrence_count": before + 1,
        "ts_first_seen": at,
        "ts_last_seen": at,
        "@timestamp": at,
        "s_fingerprint": classified.fold.fingerprint.value,
        "s_class": classified.fold.fingerprint.class_value,
        "s_site": member.site or classified.fold.fingerprint.site_value,
        "s_own_evidence": member.evidence,
        "ts_received_at": iso(failure.received_at_ms or failure.occurred_at_ms),
    }
    if where.log_lines is not None:
        document["l_log_line_first"], document["l_log_line_last"] = where.log_lines
    if where.test_line is not None:
        document["l_test_line"] = where.test_line
    if where.step_number is not None:
        document["l_step_number"] = where.step_number
    if member.original_at_ms is not None:
        document["ts_original"] = iso(member.original_at_ms)
    return document | _common(failure)


def readings(origin: Origin, document: Mapping[str, Any], messages: Iterable[str] = ()) -> list[dict[str, Any]]:
    """What a document keeps of its failure, as `fingerprint` takes it, in the ways that it may have been, likely first.

    A CI document has message and stack trace in one text; `messages` are beginnings that may be the message.
    """
    if origin is Origin.BENCHMARK:
        names = ("message", "traceback", "exception_type", "http_status", "provider_error_code")
        return [{"origin": origin, **{name: document[name] for name in names if document.get(name) is not None}}]
    text = str(document.get("s_error_full_text", ""))
    rest = {"origin": origin, "exception_type": str(document.get("s_exception_type", ""))}
    if (exit_code := document.get("l_exit_code")) is not None:
        rest["exit_code"] = exit_code
    cut = [message for message in messages if text.startswith(f"{message}\n")]
    return [rest | {"message": text}, *(rest | {"message": m, "traceback": text[len(m) + 1 :]} for m in cut)]


def rollup_document(rollup: Rollup) -> Document:
    """The document of a lifetime row with a dimension, under the earlier benchmark system's names."""
    document: Document = {
        "fingerprint": rollup.fingerprint,
        "origin": rollup.origin.value,
        **dict(zip(WHERE_FIELDS[rollup.origin], rollup.where or ("", "", ""), strict=True)),
        "count": rollup.count,
        "first_seen": iso(rollup.first_at_ms),
        "last_seen": iso(rollup.last_at_ms),
        "sample_messages": [sample.text for sample in rollup.samples],
        "row_version": rollup.row_version,
    }
    if rollup.verdict is not None:
        verdict = rollup.verdict
        decided = rollup.first_at_ms if verdict.source.is_own_text else verdict.decided_at_ms
        document |= {
            "error_kind": verdict.kind,
            "error_family": verdict.family,
            "classification_confidence": verdict.confidence,
            "classification_reasoning": verdict.reason,
            "classified_at": iso(decided),
            "classified_by": verdict.source.value,
        }
    return document


SEARCH_NAMES: Final[Mapping[str, str]] = {
    "provider": "s_provider",
    "model_name": "s_model_name",
    "stage": "s_stage",
    "ts": "@timestamp",
    "message": "s_message",
    "exception_type": "s_exception_type",
    "http_status": "l_http_status",
    "provider_error_code": "s_provider_error_code",
    "normalized_message": "s_normalized_message",
    "fingerprint": "s_error_hash",
    "status_kind": "s_status_kind",
    "run_id": "s_run_id",
    "request_id": "s_request_id",
    "benchmark": "s_benchmark",
    "failure_id": "s_error_id",
    "fault_fingerprint": "s_fingerprint",
    "fault_class": "s_class",
    "fault_site": "s_site",
    "fault_group": "s_group",
    "group_version": "l_group_version",
    "own_evidence": "s_own_evidence",
    "received_at": "ts_received_at",
    "original_ts": "ts_original",
    "traceback": "s_traceback",
    "labels": "labels",
    "truncated": "truncated",
    "error_kind": "s_subcategory",
    "error_family": "s_primary_category",
    "classification_confidence": "f_confidence_score",
    "classification_reasoning": "s_root_cause_summary",
    "classified_at": "ts_classified_at",
    "classified_by": "s_verdict_source",
    "classified_model": "s_model_version",
    "rule_id": "s_rule_id",
    "evidence": "s_evidence",
    "transient": "b_transient",
    "taxonomy_version": "s_taxonomy_version",
    "prompt_version": "s_prompt_version",
    "verdict_version": "l_verdict_version",
}
"""Fields of benchmark documents as OpenSearch has them: with the prefix of their type, as the CI documents there.

What both kinds of documents tell has the CI documents' name, so that one question finds both.
"""


def search_documents(
    classified: Classified, *, primary_is_kind: bool = False, full_text_chars_max: int = FULL_TEXT_CHARS_MAX
) -> list[tuple[str, Document]]:
    """`failure_documents` in the names that OpenSearch documents have."""
    documents = failure_documents(classified, primary_is_kind=primary_is_kind, full_text_chars_max=full_text_chars_max)
    if classified.fold.origin is Origin.CI:
        return documents
    return [(name, {SEARCH_NAMES[field]: value for field, value in body.items()}) for name, body in documents]


def search_field(fields: Mapping[Origin, str], origin: Origin) -> str:
    """The name in OpenSearch of the field that these (such as VERSION_FIELDS) name for the origin."""
    return fields[origin] if origin is Origin.CI else SEARCH_NAMES[fields[origin]]


def search_verdict_fields(
    origin: Origin, verdict: Verdict, version: int, *, primary_is_kind: bool = False
) -> tuple[Document, dict[str, str]]:
    """`verdict_fields` in the names that OpenSearch documents have."""
    said, copied = verdict_fields(origin, verdict, version, primary_is_kind=primary_is_kind)
    if origin is Origin.CI:
        return said, copied
    names = SEARCH_NAMES
    return {names[k]: v for k, v in said.items()}, {names[k]: names[v] for k, v in copied.items()}


def search_group_fields(origin: Origin, fingerprint: str, group: str, version: int) -> Document:
    """`group_fields` in the names that OpenSearch documents have."""
    fields = group_fields(origin, fingerprint, group, version)
    return fields if origin is Origin.CI else {SEARCH_NAMES[name]: value for name, value in fields.items()}
