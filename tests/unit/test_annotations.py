"""Annotations of a check run become failures."""

from __future__ import annotations

import pytest

from streams.contract.failure import Ci, Source
from streams.producers.annotations import Annotation, failures, split_messages

CONTEXT = Ci(provider="github", repo="o/r", run_id="7", job_id="8")
EXIT = Annotation(level="failure", message="Process completed with exit code 2.")


@pytest.mark.parametrize(
    ("level", "count"), [("failure", 1), ("error", 1), ("FAILURE", 1), ("warning", 0), ("notice", 0)]
)
def test_only_failures_and_errors_count(level: str, count: int) -> None:
    assert len(list(failures([Annotation(level=level, message="no disk")], CONTEXT, occurred_at_ms=1))) == count


def test_title_message_and_details_are_told_once_each() -> None:
    one = Annotation(level="failure", title="Build", message="no disk", raw_details="no disk", path="a.c", start_line=3)
    (record,) = failures([one], CONTEXT, occurred_at_ms=1)
    assert record.message == "Build\nno disk"
    assert record.labels == {"path": "a.c", "line": "3"}
    assert record.ci is not None
    assert record.ci.source is Source.GITHUB_ANNOTATION


def test_an_exit_code_alone_is_told_only_when_nothing_says_why() -> None:
    reason = Annotation(level="failure", message="no disk")
    assert [r.message for r in failures([EXIT, reason], CONTEXT, occurred_at_ms=1)] == ["no disk"]
    assert [r.exit_code for r in failures([EXIT], CONTEXT, occurred_at_ms=1)] == [2]


def test_equal_annotations_have_different_ids() -> None:
    records = list(failures([Annotation(level="error", message="again")] * 3, CONTEXT, occurred_at_ms=1))
    assert len({record.id for record in records}) == 3


@pytest.mark.parametrize(("joined", "expected"), [("a | b", ["a", "b"]), ("", []), ("|", []), ("a", ["a"])])
def test_a_joined_field_is_split(joined: str, expected: list[str]) -> None:
    assert [one.message for one in split_messages(joined)] == expected
