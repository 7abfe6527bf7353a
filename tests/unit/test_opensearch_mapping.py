"""The indexes of OpenSearch: every field of our documents has a type; the earlier system's mapping is kept whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from suites.records import AT_MS, benchmark_failure, ci_failure, told, verdict
from suites.table import each

from streams.contract.classified import Classified
from streams.contract.documents import (
    COLLECTIONS,
    DATE_FIELDS,
    SEARCH_NAMES,
    failure_documents,
    search_documents,
    search_verdict_fields,
)
from streams.contract.failure import Failure, Origin, Truncation
from streams.contract.mappings import NAMES, field_types, main, mapping
from streams.contract.verdict import VerdictSource
from streams.core.fold import folds_of

EARLIER = {
    "keyword": "s_error_id s_error_hash s_workflow_id s_job_id s_step_id s_test_name s_error_source s_framework"
    " s_user_alias s_repo s_workflow_name s_branch s_pr_id s_commit_sha s_primary_category s_subcategory"
    " s_classification_method s_model_version",
    "text": "s_error_snippet s_error_full_text s_root_cause_summary",
    "float": "f_confidence_score",
    "boolean": "b_is_duplicate",
    "long": "l_occurrence_count l_prompt_tokens l_completion_tokens l_cached_tokens",
    "date": "ts_classified_at ts_first_seen ts_last_seen @timestamp",
}
PREFIXES = {"s_": {"keyword", "text"}, "l_": {"long"}, "f_": {"float"}, "b_": {"boolean"}, "ts_": {"date"}}
FULL = {
    Origin.CI: ci_failure(
        "boom",
        traceback="a\nb",
        exit_code=137,
        exception_type="E",
        labels={"team": "x"},
        truncated=(Truncation("message", 99_999),),
        test_class="t.T",
        test_name="a",
        test_file="t.py",
        test_line=3,
        step_number=2,
        log_lines=(1, 2),
    ),
    Origin.BENCHMARK: benchmark_failure(
        "slow", http_status=429, traceback="a\nb", labels={"team": "x"}, truncated=(Truncation("message", 99_999),)
    ),
}
"""A failure of each origin that fills every field."""


def classified(failure: Failure, **more: Any) -> Classified:
    (fold,) = folds_of([told(failure)], fold_id="f")
    members = tuple(replace(member, original_at_ms=AT_MS - 1, evidence="boom") for member in fold.members)
    fold = replace(fold, members=members)
    return Classified(fold=fold, verdict=fold.verdict, verdict_version=7, **more)


@pytest.mark.parametrize("origin", Origin)
def test_every_field_of_a_document_has_a_type_and_its_prefix_tells_which(origin: Origin) -> None:
    ((_, document),) = search_documents(classified(FULL[origin]))
    types = field_types(origin)
    assert set(document) <= set(types)
    for field, kind in types.items():
        for prefix, kinds in PREFIXES.items():
            assert not field.startswith(prefix) or kind in kinds, field


def test_the_mapping_of_the_earlier_ci_system_is_kept_whole() -> None:
    types = field_types(Origin.CI)
    for kind, fields in EARLIER.items():
        assert {field: types[field] for field in fields.split()} == dict.fromkeys(fields.split(), kind)


@pytest.mark.parametrize("origin", Origin)
def test_no_document_makes_a_field(origin: Origin) -> None:
    body = mapping(origin)
    assert body["dynamic"] == "false"
    assert body["properties"]["labels"] == {"type": "flat_object"}
    keywords = [one for one in body["properties"].values() if one["type"] == "keyword"]
    assert {one["ignore_above"] for one in keywords} == {1024}


@each("origin", Origin)
@each("source", VerdictSource)
def test_a_verdict_changes_a_document_as_if_it_had_been_known_at_once(origin: Origin, source: VerdictSource) -> None:
    record = classified(FULL[origin])
    new = replace(verdict("fp1.x", "timeout", source=source, evidence="y", decided_at_ms=AT_MS + 9), origin=origin)
    ((_, known),) = search_documents(replace(record, verdict=new, verdict_version=8))
    ((_, changed),) = search_documents(record)
    said, copied = search_verdict_fields(origin, new, 8)
    changed |= said
    changed |= {field: changed[other] for field, other in copied.items()}
    assert changed == known


def test_benchmark_documents_are_those_of_the_other_store_under_other_names() -> None:
    record = classified(FULL[Origin.BENCHMARK])
    ((name, document),) = failure_documents(record)
    assert search_documents(record) == [(name, {SEARCH_NAMES[field]: value for field, value in document.items()})]
    assert len(set(SEARCH_NAMES.values())) == len(SEARCH_NAMES)
    assert {SEARCH_NAMES[field] for field in DATE_FIELDS & set(SEARCH_NAMES)} == {
        field for field, kind in field_types(Origin.BENCHMARK).items() if kind == "date"
    }


def test_the_templates_to_install_by_hand_are_those_of_the_program() -> None:
    assert main(["--check"]) == 0
    assert NAMES[Origin.CI] == COLLECTIONS[Origin.CI]


def test_a_template_that_differs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], folder=tmp_path) == 1
    assert "error_classifications.template.json" in capsys.readouterr().out
    assert main([], folder=tmp_path) == 0
    assert main(["--check"], folder=tmp_path) == 0
