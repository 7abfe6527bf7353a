"""Packed inputs: read as what they hold, within bounds, and nothing of them is trusted."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.archives import PASSED, POST, SETUP, UNIT, run_archive, zipped
from suites.drawing import examples
from suites.gateway import caller

from streams.contract.errors import UnreadableInput
from streams.contract.failure import Ci, Failure
from streams.producers.contents import Contents, read_any
from streams.producers.github_logs import Steps, job_logs
from streams.producers.gzipped import PIECE_BYTES, Unpacking
from streams.producers.packed import PackedLimits, form_of, parts
from streams.producers.report import Notes

JUNIT = b'<testsuite><testcase classname="c" name="pays"><failure message="m"/></testcase></testsuite>'
TAP = b"1..1\nnot ok 1 - adds\n#   got: 3\n"


def unpacked(data: bytes, **limits: int) -> tuple[list[tuple[str, bytes]], list[str]]:
    """The texts in an input by name, and what is noted."""
    notes = Notes()
    stream = io.BufferedReader(io.BytesIO(data))
    found = [(part.name, part.stream.read()) for part in parts(stream, PackedLimits(**limits), notes)]
    return found, notes.told()


def contents(data: bytes) -> tuple[list[Failure], Contents]:
    stream = io.BytesIO(data)
    found = Contents(stream, Ci(run_id="7", job_name="here"), lambda one, own: read_any(one, own, occurred_at_ms=1))
    return list(found), found


def test_what_is_not_packed_is_itself_and_a_gzip_is_its_text_in_one_or_many_members() -> None:
    assert unpacked(b"plain\n") == ([("", b"plain\n")], [])
    many = b"".join(gzip.compress(line) for line in (b"a\n", b"", b"b\n"))
    assert unpacked(many) == ([("", b"a\nb\n")], [])
    assert unpacked(many + bytes(512)) == ([("", b"a\nb\n")], [])  # as tape blocks are filled up
    assert unpacked(many + b"more") == (
        [("", b"a\nb\n")],
        ["bytes behind the end of the gzip, which are none of it, after 4 unpacked bytes: the rest was not read"],
    )


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_its_texts(method: int) -> None:
    assert unpacked(zipped({"a.log": b"a\n", "empty": b"", "d/b.log": b"b\n"}, method=method)) == (
        [("a.log", b"a\n"), ("d/b.log", b"b\n")],
        [],
    )


@given(st.lists(st.binary(max_size=200), max_size=4), st.integers(1, 50), st.integers(0, 60))
def test_where_the_pieces_of_a_gzip_end_makes_no_difference(members: list[bytes], size: int, padding: int) -> None:
    packed = b"".join(gzip.compress(member) for member in members)
    padded = packed + bytes(padding) if members else packed
    unpacking = Unpacking(members_max=4)
    out = b"".join(p for at in range(0, len(padded), size) for p in unpacking.unpacked(padded[at : at + size]))
    assert (out, unpacking.is_cut_off) == (b"".join(members), False)


def test_a_gzip_comes_out_a_little_at_a_time() -> None:
    pieces = list(Unpacking(members_max=1).unpacked(gzip.compress(bytes(3 * PIECE_BYTES + 7))))
    assert sum(map(len, pieces)) == 3 * PIECE_BYTES + 7
    assert max(map(len, pieces)) == PIECE_BYTES


@examples(60)
@given(st.binary(max_size=4000), st.integers(0, 4000), st.booleans())
def test_a_gzip_that_is_cut_off_or_damaged_gives_what_came_before(text: bytes, at: int, is_cut: bool) -> None:
    whole = gzip.compress(text, mtime=0)
    at %= len(whole)
    damaged = whole[:at] if is_cut else whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
    try:
        ((_, found),), notes = unpacked(damaged)
    except UnreadableInput:
        return
    if is_cut and at >= 2:
        assert text.startswith(found)
        assert notes == ["the gzip is cut off before its end; what came before counts"]


@examples(60)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_a_damaged_zip_raises_nothing_but_that_it_cannot_be_read(at: int, garbage: bytes) -> None:
    whole = run_archive()
    at %= len(whole)
    for damaged in (whole[:at] + garbage + whole[at + len(garbage) :], whole[:at], whole[at:]):
        with suppress(UnreadableInput):
            assert all(isinstance(text, bytes) for _, text in unpacked(damaged)[0])


def test_what_is_beyond_a_limit_is_noted_by_its_name() -> None:
    megabytes = gzip.compress(bytes(3_000_000))
    ((_, text),), notes = unpacked(megabytes, unpacked_bytes_max=1_000_000)
    assert (len(text), notes) == (
        1_000_000,
        ["more than 1000000 bytes unpacked (unpacked_bytes_max): the rest was not read"],
    )
    ((_, text),), notes = unpacked(megabytes, ratio_free_bytes=100_000)
    assert len(text) < 700_000
    assert notes == ["more than 200 bytes unpacked for a packed one (ratio_max): the rest was not read"]
    bomb = zipped({f"{n}.log": b"x" * 1_000_000 for n in range(5)})
    found, notes = unpacked(bomb, unpacked_bytes_max=2_500_000)
    assert [len(text) for _, text in found] == [1_000_000, 1_000_000, 500_000]
    assert notes == ["more than 2500000 bytes unpacked (unpacked_bytes_max): the rest was not read"]
    found, notes = unpacked(zipped({f"{n}.log": b"x" for n in range(5)}), entries_max=2)
    assert ([name for name, _ in found], notes) == (
        ["0.log", "1.log"],
        ["more than 2 entries (entries_max): the rest was not read"],
    )
    with pytest.raises(UnreadableInput, match="longer than 500 bytes"):
        unpacked(zipped({"long" * 200: b"x"}), directory_bytes_max=500)


def test_names_are_shown_and_never_obeyed() -> None:
    names = ["../../etc/passwd", "/root/.ssh/id", "a\x1b[31m\nb\u202e.log", "n" * 5000, "C:\\x.log"]
    found, notes = unpacked(zipped(dict.fromkeys(names, b"text\n")))
    assert [name for name, _ in found] == [*names[:2], "a b.log", "n" * 199 + "…", names[4]]
    assert notes == []


def test_encrypted_entries_foreign_methods_and_packed_members_are_noted() -> None:
    data = bytearray(zipped({"secret.log": b"text\n", "open.log": b"fine\n"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(mark)
        struct.pack_into("<H", data, at + offset, 1)
    assert unpacked(bytes(data)) == ([("open.log", b"fine\n")], ["secret.log: encrypted, not read"])
    foreign = zipped({"a.log": b"text\n"}, method=zipfile.ZIP_BZIP2)
    assert unpacked(foreign) == ([], ["a.log: packed by method 12, which is not read (stored and deflate are)"])
    nested = zipped({"a.log.gz": gzip.compress(b"text"), "b.log": b"b\n"})
    assert unpacked(nested) == ([("b.log", b"b\n")], ["a.log.gz: packed again (gzip), not read; unpack it first"])
    for data_, form in ((gzip.compress(run_archive()), "zip"), (gzip.compress(gzip.compress(b"x")), "gzip")):
        with pytest.raises(UnreadableInput, match=f"a {form} packed with gzip"):
            unpacked(data_)
    with pytest.raises(UnreadableInput, match="packed with xz; unpack it first"):
        unpacked(b"\xfd7zXZ\0" + bytes(10))
    assert form_of(bytes(257) + b"ustar\x0000") == "tar"


def test_of_an_archive_of_a_run_each_job_is_one_log_and_names_tell_job_step_and_number() -> None:
    (failure,), found = contents(run_archive())
    assert failure.ci is not None
    assert (failure.message, failure.labels["member"]) == ("ValueError: no such port", "1_unit.txt")
    assert (failure.ci.job_name, failure.ci.step_number, failure.ci.step_name) == ("unit", 2, "Unit tests")
    assert failure.labels["evidence_line"] == "11"  # of the whole log
    assert (found.form, found.read, found.notes, found.damage) == ("log", 2, (), ())


def test_without_the_whole_log_of_a_job_its_steps_are_read_in_their_order() -> None:
    steps = {"unit/10_Post.txt": POST, "unit/2_Unit tests.txt": UNIT.rstrip(b"\n"), "unit/1_Set up job.txt": SETUP}
    (failure,), found = contents(zipped(steps))
    assert failure.ci is not None
    assert (failure.ci.step_number, failure.ci.step_name, failure.labels["evidence_line"]) == (2, "Unit tests", "11")
    assert found.read == 1


def test_the_logs_of_steps_beside_a_whole_log_are_unpacked_within_one_bound_all_together() -> None:
    steps = {f"unit/{n}_step.txt": b"\n" * 200_000 for n in range(1, 21)}
    found, notes = unpacked(zipped({"0_unit.txt": b"whole\n", **steps}), unpacked_bytes_max=300_000)
    assert found == [("0_unit.txt", b"whole\n")]
    assert notes == ["the logs of steps unpack to more than is read of them: not every line is given its step"]


def test_steps_of_another_length_than_the_log_name_nothing() -> None:
    (failure,), _ = contents(zipped({"0_unit.txt": UNIT + POST, "unit/1_Set up job.txt": SETUP}))
    assert failure.ci is not None
    assert (failure.ci.step_number, failure.ci.step_name) == (1, "make test"), "as the log itself tells"


def test_names_that_are_not_all_of_a_run_are_an_archive_of_files() -> None:
    assert job_logs(["0_a.txt", "readme.md"]) is None
    assert job_logs([]) is None
    (old,) = job_logs(["-1_call _ a.txt", "3_call__a.txt", "call a/2_x.txt", "call a/10_y.txt", "call a/1_w.txt"]) or ()
    assert (old.whole, [number for number, _, _ in old.steps]) == (1, [1, 2, 10])


def test_each_log_of_jobs_that_share_a_name_is_read_and_none_is_given_steps() -> None:
    causes = ["no space left on device", "connection refused by db", "assertion broke in parser"]
    logs = {f"{number}_x.txt": f"start\n##[error]{cause}\n".encode() for number, cause in enumerate(causes)}
    failures, _ = contents(zipped({**logs, "x/1_Set up job.txt": b"start\n"}))
    assert [failure.message for failure in failures] == causes
    named = job_logs(["2_a b.txt", "0_a_b.txt", "1_c.txt", "a_b/1_s.txt", "c/1_s.txt"]) or ()
    assert [(log.job, log.whole, len(log.steps)) for log in named] == [("a_b", 1, 0), ("c", 2, 1), ("a b", 0, 0)]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=6))
def test_steps_are_where_their_lines_stand_in_the_log_that_they_make(shape: list[tuple[int, bool]]) -> None:
    steps, log, wanted = Steps(), b"", []
    for number, (lines, is_ended) in enumerate(shape, 1):
        log += steps.line_end()
        steps.begin(number, f"s{number}")
        text = b"x\n" * lines
        text = text if is_ended else text.removesuffix(b"\n")
        steps.count(text)
        log += text
        wanted += [(number, f"s{number}")] * lines
    assert steps.lines == len(log.splitlines()) == len(wanted)
    assert [steps.at(line) for line in range(1, len(wanted) + 1)] == wanted
    assert steps.at(len(wanted) + 1) is None


def test_reports_in_a_zip_are_each_read_as_what_they_are_and_the_rest_is_named() -> None:
    members = {"a/TEST-1.xml": JUNIT, "b.tap": TAP, "shot.png": b"\x89PNG\r\n\0\0", "bad.json": b'{"a": 1}'}
    failures, found = contents(zipped(members))
    assert [failure.labels["member"] for failure in failures] == ["a/TEST-1.xml", "b.tap"]
    assert (found.form, found.cases) == ("junit, TAP", 2)
    assert [note.partition(":")[0] for note in found.damage] == ["shot.png", "bad.json"]
    with pytest.raises(UnreadableInput, match=r"nothing in it can be read: shot\.png: not text"):
        contents(zipped({"shot.png": b"\x89PNG\r\n\0\0"}))


def test_logs_that_all_passed_are_one_note() -> None:
    assert contents(zipped({"0_a.txt": PASSED, "1_b.txt": PASSED}))[1].notes == ("nothing in it says why a job failed",)


@pytest.mark.parametrize("path", ["logs", "reports"])
@pytest.mark.parametrize("kind", ["application/zip", "application/octet-stream"])
def test_the_gateway_reads_an_archive_of_a_run(path: str, kind: str) -> None:
    gateway = caller()
    status, told = gateway.post(f"/v1/{path}?run=7&repo=here/shop", run_archive(), kind)
    assert (status, told["accepted"], told.get("notes")) == (200, 1, None)
    (failure,) = gateway.publisher.failures
    assert failure.ci is not None
    assert (failure.ci.job_name, failure.ci.step_name, failure.labels["member"]) == ("unit", "Unit tests", "1_unit.txt")


def test_the_gateway_reads_packed_junit_and_says_what_else_was_there() -> None:
    gateway = caller()
    body = zipped({"a.xml": JUNIT, "notes.txt": b"hello\n"})
    status, told = gateway.post("/v1/junit?run=7", body, "application/zip")
    assert (status, told["accepted"], told["cases"]) == (200, 1, 1)
    assert told["notes"] == ["notes.txt: no XML, so it was not read as a report"]
    assert gateway.post("/v1/junit?run=7", gzip.compress(JUNIT), "application/gzip")[1]["accepted"] == 1
