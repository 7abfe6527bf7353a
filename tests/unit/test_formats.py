"""Which format a report has is told by its content."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import load
from suites.reports import CONTEXT, messages, told
from suites.table import each

from streams.contract.errors import UnreadableInput
from streams.producers.formats import NOTHING_FOUND, records_of
from streams.producers.lines import lines_of, objects_of
from streams.producers.report import Limits, Notes

FORMS = {
    "junit": '<?xml version="1.0"?><!-- a\n--><testsuite><testcase name="a"><failure/></testcase></testsuite>',
    "TRX": '\ufeff<TestRun xmlns="x"><Results><UnitTestResult testName="a" outcome="Failed"/></Results></TestRun>',
    "TAP": "# loud\n1..1\nnot ok 1 - a\n",
    "go test -json": 'go: downloading x\n{"Time":"2026","Action":"fail","Package":"p","Test":"a"}\n',
    "libtest JSON": '{ "type": "test", "name": "a", "event": "failed" }\n',
    "cargo JSON messages": '   Compiling a\n{"reason":"build-finished","success":false}\n',
    "Jest or Vitest JSON": '{"numTotalTestSuites": 1, "testResults": [{"status": "failed", "message": "m"}]}',
    "Mocha JSON": '{\n  "stats": {\n    "suites": 1}, "failures": [{"title": "a", "err": {"message": "m"}}]}',
    "annotations": '[\n  {"path": "a", "annotation_level": "failure", "message": "m"}]',
    "BuildKit rawjson": '{"vertexes":[{"digest":"a","name":"[1/1] RUN x","error":"e"}]}\n',
    "image build output": '#1 [1/1] RUN x\n#1 ERROR: process "x" did not complete successfully: exit code: 1\n',
    "log": "[INFO] Scanning\nmain.c:3:5: error: expected ';'\nmake: *** [a] Error 2\nexit code 1\n",
}


@each("form", FORMS)
@each("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_beginning_tells_the_format(form: str, encoding: str) -> None:
    found, records = told(FORMS[form].removeprefix("\ufeff").encode(encoding))
    assert (records.form, len(found) > 0) == (form, True)


def test_a_build_inside_of_a_jobs_log_is_read_as_the_log_that_it_is_in() -> None:
    assert told("##[group]Run docker build .\n##[endgroup]\n#1 [internal] load\n")[1].form == "log"


POINTS = "TAP version 13\n1..2\nok 1 - a\nnot ok 2 - ##[group]b\n# ##[group]c\n"
JOBS = {
    "github": "##[group]Run prove -v\n##[endgroup]\n" + POINTS + "##[error]Process completed with exit code 1.\n",
    "its end": POINTS + "##[error]Process completed with exit code 1.\n",
    "gitlab": "\x1b[0Ksection_start:1:step_script\r\x1b[0KRunning\n" + POINTS + "ERROR: Job failed: exit code 1\n",
    "jenkins": "[Pipeline] sh\n+ prove -v\n" + POINTS + "Finished: FAILURE\n",
}


@pytest.mark.parametrize("name", JOBS)
def test_a_test_protocol_inside_of_a_jobs_log_is_read_as_the_log_that_it_is_in(name: str) -> None:
    found, records = told(JOBS[name])
    assert (records.form, [one.message for one in found][:1]) == ("log", ["not ok 2 - ##[group]b"])
    assert told(POINTS)[1].form == "TAP"


UNREAD = {
    b"": "nothing in it",
    b" \n": "nothing in it",
    b"\x7fELF\x00\x01": "not text",
    bytes(range(256)) * 40: "not text",
    b"\0" * 9000 + b"error": "not text",
    b"<test-run id='2'>": "NUnit",
    b"<assemblies>": "xUnit",
    b'{"a": 1}': "not known",
    b'<!DOCTYPE x [<!ENTITY a "b">]><TestRun/>': "document type",
}


@pytest.mark.parametrize("form", ["go test -json", "libtest JSON", "cargo JSON messages"])
def test_objects_of_a_tool_inside_of_a_jobs_log_are_a_part_of_it(form: str) -> None:
    """A job that marks its steps, or a text of which they are a small part; what stands around them is read, too."""
    objects, error = FORMS[form], "main.c:3:5: error: expected ';'\n"
    for log in (f"[Pipeline] sh\n{error}{objects}Finished: FAILURE\n", "packing one\n" * 40 + objects + error):
        told = list(records_of(io.BytesIO(log.encode()), CONTEXT, occurred_at_ms=1))
        assert error.strip() in [one.message for one in told]


@each("head", UNREAD)
def test_what_is_not_read_is_refused_with_the_way_out(head: bytes) -> None:
    with pytest.raises(UnreadableInput, match=UNREAD[head]):
        told(head)


def test_a_log_with_zero_bytes_and_lines_of_other_encodings_is_read() -> None:
    lines = ["starting\0the \0suite", "façade is up", "main.c:3:5: error: expected ';'"] * 30
    data = b"\n".join(line.encode(("utf-8", "latin-1", "utf-8")[n % 3]) for n, line in enumerate(lines))
    found, records = told(data + "\nthe list of Windows".encode("utf-16-le") + b"\nexit code 1\n")
    assert (records.form, found[0].message) == ("log", "main.c:3:5: error: expected ';'")


def test_a_log_that_passed_says_that_nothing_was_found() -> None:
    found, records = told("all fine\n")
    assert (found, records.notes) == ([], (NOTHING_FOUND,))


@given(st.binary(max_size=300), st.sampled_from(sorted(FORMS)), st.integers(0, 200))
def test_no_damage_makes_any_reader_raise_anything_else(noise: bytes, form: str, at: int) -> None:
    data = FORMS[form].encode()
    try:
        found = told(data[:at] + noise + data[at:])[0]
    except UnreadableInput:
        return
    assert all(one.id and one.message for one in found)


class Trickle(io.RawIOBase):
    """Gives one byte at a time, as a pipe may."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(1 if size else 0)


@each("form", FORMS)
def test_a_pipe_that_gives_single_bytes_gives_the_same(form: str) -> None:
    data = FORMS[form].encode()
    slow = list(records_of(Trickle(data), CONTEXT, occurred_at_ms=1))  # type: ignore[arg-type]  # reads is all it does
    assert messages(slow) == messages(told(data)[0])


def split(text: str, limits: Limits) -> tuple[list[str], list[str]]:
    notes = Notes()
    return list(lines_of(io.BytesIO(text.encode()), limits, notes)), notes.told()


@given(st.lists(st.text(alphabet="ab\r é", max_size=20), max_size=20), st.booleans())
def test_lines_are_those_between_newlines(lines: list[str], ends: bool) -> None:
    text = "\n".join(lines) + ("\n" if ends else "")
    expected = [line.removesuffix("\r") for line in text.split("\n")]
    if expected[-1] == "" and not text.split("\n")[-1]:
        expected.pop()
    assert split(text, Limits())[0] == expected


def test_a_line_that_is_too_long_is_cut_and_said_and_the_next_is_whole() -> None:
    found, notes = split("x" * 3_000_000 + "\nnext\n" + "y" * 50, Limits(line_chars_max=40))
    assert found == ["x" * 40, "next", "y" * 40]
    assert notes == ["lines longer than 40 characters, cut there (2 times)"]


def test_objects_are_found_behind_text_and_damage_is_said() -> None:
    notes = Notes()
    lines = ['{"a": 1}', 'text{"a": 2}', '2026-01-01T00:00:00Z {"a": 3}', '{"a": ', "plain", 'say {"hello"}']
    assert list(objects_of(iter(lines), notes)) == [
        {"a": 1}, "text", {"a": 2}, {"a": 3}, '{"a": ', "plain", 'say {"hello"}',
    ]  # fmt: skip
    assert notes.told() == ["lines of JSON that are damaged or cut off"]


SIZE = load(400_000)
HOSTILE = {
    "newlines before a test": "\n" * SIZE + "x",
    "hashes before a test": "#\n" * SIZE + "x",
    "blanks in a test's name": "1..1\nnot ok 1 a" + " " * SIZE + "b",
    "slashes in a comment": "1..1\nnot ok 1 a\n# " + "a/" * SIZE,
    "blanks in YAML": "TAP version 13\nnot ok 1 a\n  ---\n" + (" " * SIZE + "x\n") * 3 + "  ...\n",
    "words in YAML": "TAP version 13\nnot ok 1 a\n  ---\n  at: {" + "a" * SIZE + "\n  ...\n",
    "places in a stack": '<TestRun><UnitTestResult outcome="Failed"><ErrorInfo><StackTrace>'
    + " in a" * SIZE
    + "</StackTrace></ErrorInfo></UnitTestResult></TestRun>",
    "panics": '{"type":"test","event":"failed","name":"a","stdout":"' + "panicked at '" * (SIZE // 4) + '"}\n',
    "brackets": '{"numTotalTestSuites":1,"testResults":' + "[{" * SIZE,
    "quotes": '{"numTotalTestSuites":1,"testResults":[{"a":"' + '\\"' * SIZE,
    "objects": '{"Time":"2026","Action":"run"}\n' + "{ " * SIZE + '\n{"a":' + "[" * SIZE,
    "escapes": "#1 [1/1] RUN x\n#1 0.1 " + "\x1b[" * SIZE + "\n => ERROR " + "x " * SIZE + "\n",
    "frames": '{"stats":{"suites":1},"failures":[{"title":"a","err":{"stack":"' + "at (" * SIZE + '"}}]}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_read_in_linear_time(name: str) -> None:
    """Nothing here measures: what is not linear takes minutes."""
    found, _ = told(HOSTILE[name])
    assert len(found) <= 1
