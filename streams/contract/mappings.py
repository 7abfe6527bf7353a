"""The indexes of OpenSearch as data: which field of our documents has which type, and the bodies made of that.

`python -m streams.contract.mappings` writes them into `deploy/opensearch/`, for whoever installs them by hand;
`--check` says which differ (exit status 1) and writes nothing.
Every text that is bounded by the contract and looked for whole is a keyword; longer ones are not indexed, though kept
(a term of Lucene has at most 32,766 bytes). A label never becomes a field: strangers choose their names.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.contract.documents import CLASSIFICATIONS
from streams.contract.failure import Origin
from streams.contract.generated import keep

TEMPLATE_VERSION: Final = 2
"""Grows when a mapping does, so that `prepare` brings the template of an older release up to date."""
TEMPLATE_PRIORITY: Final = 200
KEYWORD_CHARS_MAX: Final = 1024
DISTRIBUTION: Final = "opensearch"
VERSION_MIN: Final = (2, 7)
"""The first that knows `flat_object`."""
FOLDER = Path(__file__).parents[2] / "deploy" / "opensearch"

_EARLIER_CI: Final = {
    "keyword": (
        "s_error_id s_error_hash s_workflow_id s_job_id s_step_id s_test_name s_error_source s_framework s_user_alias"
        " s_repo s_workflow_name s_branch s_pr_id s_commit_sha s_primary_category s_subcategory"
        " s_classification_method s_model_version"
    ),
    "text": "s_error_snippet s_error_full_text s_root_cause_summary",
    "float": "f_confidence_score",
    "boolean": "b_is_duplicate",
    "long": "l_occurrence_count l_prompt_tokens l_completion_tokens l_cached_tokens",
    "date": "ts_classified_at ts_first_seen ts_last_seen @timestamp",
}
"""The mapping of the earlier CI system, whole; what counts tokens we leave empty."""
_SHARED: Final = {
    "keyword": (
        "s_verdict_source s_rule_id s_taxonomy_version s_prompt_version s_exception_type s_fingerprint s_class s_site"
        " s_group"
    ),
    "text": "s_evidence s_own_evidence",
    "boolean": "b_transient",
    "long": "l_verdict_version l_group_version",
    "date": "ts_received_at ts_original",
    "flat_object": "labels truncated",
}
_CI: Final = {
    "keyword": "s_error_type s_job_name s_step_name s_test_file s_ci_provider s_url s_runner_name",
    "long": "l_run_attempt l_exit_code l_log_line_first l_log_line_last l_test_line l_step_number",
}
_BENCHMARK: Final = {
    "keyword": (
        "s_provider s_model_name s_stage s_provider_error_code s_error_hash s_status_kind s_run_id s_request_id"
        " s_benchmark s_error_id s_primary_category s_subcategory s_model_version"
    ),
    "text": "s_message s_normalized_message s_traceback s_root_cause_summary",
    "float": "f_confidence_score",
    "long": "l_http_status",
    "date": "@timestamp ts_classified_at",
}
_TABLES: Final[Mapping[Origin, tuple[Mapping[str, str], ...]]] = {
    Origin.CI: (_EARLIER_CI, _SHARED, _CI),
    Origin.BENCHMARK: (_SHARED, _BENCHMARK),
}


def field_types(origin: Origin) -> dict[str, str]:
    """Field -> type of OpenSearch, for every field of the documents of an origin."""
    return {field: kind for table in _TABLES[origin] for kind, fields in table.items() for field in fields.split()}


def property_of(kind: str) -> dict[str, Any]:
    """The definition of a field of this type."""
    return {"type": kind, "ignore_above": KEYWORD_CHARS_MAX} if kind == "keyword" else {"type": kind}


def mapping(origin: Origin) -> dict[str, Any]:
    """The mapping of an index. A field that it does not name is kept and not indexed."""
    types = field_types(origin)
    return {"dynamic": "false", "properties": {field: property_of(types[field]) for field in sorted(types)}}


def index_settings(*, replicas: int = 1) -> dict[str, Any]:
    """One shard, `replicas` copies of it, what is written is found after 5 s."""
    return {"number_of_shards": 1, "number_of_replicas": replicas, "refresh_interval": "5s"}


def template(origin: Origin, patterns: list[str], *, alias: str | None, replicas: int = 1) -> dict[str, Any]:
    """The index template. `alias`: under which name the indexes are read, where they do not bear it themselves."""
    inside: dict[str, Any] = {"settings": {"index": index_settings(replicas=replicas)}, "mappings": mapping(origin)}
    if alias is not None:
        inside["aliases"] = {alias: {}}
    return {
        "index_patterns": patterns,
        "priority": TEMPLATE_PRIORITY,
        "version": TEMPLATE_VERSION,
        "_meta": {"made_by": "faultline"},
        "template": inside,
    }


def period_pattern(base: str) -> str:
    """Which names the indexes of months and days have: `base-2026.09`, `base-2026.09.21`."""
    return f"{base}-2*"


NAMES: Final = {Origin.CI: CLASSIFICATIONS, Origin.BENCHMARK: "benchmark_failures"}
"""Read alias of the indexes of each origin, where no other is set."""


def main(arguments: list[str], *, folder: Path = FOLDER) -> int:
    """Write the templates, or compare them. Returns the exit status."""
    bodies = {name: template(origin, [period_pattern(name)], alias=name) for origin, name in NAMES.items()}
    files = {
        f"{name}.template.json": msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n"
        for name, body in bodies.items()
    }
    return keep(files, folder, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
