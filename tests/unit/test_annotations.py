"""Annotations of check runs, and the documents that carry their messages."""

from __future__ import annotations

import json

import pytest
from suites.reports import messages, place_of, told

from streams.contract.errors import UnreadableInput

ONE = {
    "path": "src/a.py",
    "start_line": 7,
    "end_line": 7,
    "annotation_level": "failure",
    "title": "unit (3.11)",
    "message": "assert 3 == 4",
    "raw_details": "def test_adds():\n>   assert 3 == 4",
}
EXIT = {"annotation_level": "failure", "path": ".github", "title": "", "message": "Process completed with exit code 2."}


def test_title_message_and_details_are_read() -> None:
    (one,), records = told(json.dumps([ONE], indent=1))
    ci = place_of(one)
    assert (records.form, one.message, ci.source) == ("annotations", "unit (3.11): assert 3 == 4", "github_annotation")
    assert (ci.test_file, ci.test_line, one.traceback) == (
        "src/a.py", 7, "assert 3 == 4\ndef test_adds():\n>   assert 3 == 4",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("level", "count"), [("failure", 1), ("error", 1), ("FAILURE", 1), ("warning", 0), ("notice", 0)]
)
def test_levels_of_failures_count(level: str, count: int) -> None:
    assert len(told(json.dumps([ONE | {"annotation_level": level}]))[0]) == count


def test_the_names_of_the_other_interface_are_read_too() -> None:
    one = {"annotationLevel": "FAILURE", "path": "a.py", "startLine": 3, "message": "m", "rawDetails": "d"}
    (found,), _ = told(json.dumps({"data": 1, "nodes": [one]}))
    assert (found.message, place_of(found).test_line) == ("m", 3)


def test_an_exit_code_is_told_only_where_nothing_else_is() -> None:
    assert messages(told(json.dumps([EXIT, ONE]))[0]) == ["unit (3.11): assert 3 == 4"]
    assert messages(told(json.dumps([EXIT]))[0]) == ["Process completed with exit code 2."]


def test_messages_of_a_document_are_split() -> None:
    job = {"s_job_name": "unit", "s_annotation_messages": "assert 3 == 4 | no space left on device|  |"}
    for report in (
        json.dumps(job),
        json.dumps([job]),
        json.dumps(job) + "\n" + json.dumps({"s_annotation_messages": ""}),
    ):
        found, _ = told(report)
        assert messages(found) == ["assert 3 == 4", "no space left on device"]
        assert {place_of(one).source for one in found} == {"github_annotation"}


def test_lists_one_behind_the_other_and_one_a_line_are_read() -> None:
    assert len(told(json.dumps([ONE]) + json.dumps([ONE]))[0]) == 2
    assert len(told(json.dumps(ONE) + "\n" + json.dumps(ONE))[0]) == 2


def test_no_annotations_are_no_failures_and_a_list_of_lists_is_refused() -> None:
    assert told("[]")[0] == []
    with pytest.raises(UnreadableInput, match="slurp"):
        told(json.dumps([[ONE]]))


def test_a_list_that_is_cut_off_gives_what_it_held() -> None:
    found, records = told(json.dumps([ONE, ONE])[:-30])
    assert (len(found), records.notes) == (1, ("cut off before the end of the document",))
