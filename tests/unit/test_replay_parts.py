"""The parts of a replay that need no broker: archives, times, what is kept in a rebuild, counts made again."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest
import typer
from msgspec.structs import replace
from suites.records import AT_MS, benchmark_failure, ci_failure, edge, told, verdict

from streams.broker.clients import Cluster
from streams.broker.headers import REPLAY_BACKFILL, REPLAY_JOB, REPLAY_RECEIVED
from streams.cli.app import create_app, run
from streams.cli.moments import moment, rate
from streams.contract import topics
from streams.contract.errors import MalformedRecord, UnreadableInput
from streams.contract.failure import Failure, Origin
from streams.contract.fold import Cursor, FoldBatch
from streams.contract.verdict import VerdictSource
from streams.contract.wire import envelope_of, rejected_headers, to_bytes
from streams.core.fold import folds_of
from streams.core.pipeline import OFFSET_BITS, Pipeline
from streams.core.recount import recount
from streams.core.renewal import EpochsSpent, epoch_of, renewed
from streams.core.rows import EPOCH_MAX
from streams.rejected import Place, Rejected, again_headers
from streams.replay import archive
from streams.replay.archive import BadLine, Line, lines
from streams.replay.job import Job
from streams.replay.look import SAMPLE_IDS, Looked
from streams.replay.source import Step, archive_steps, replay_headers

HOUR_MS = 3_600_000
CLUSTER = Cluster("nowhere:9092", partitions=4)


def batch(at: int, *failures: Failure, verdicts: tuple[VerdictSource, ...] = ()) -> tuple[int, FoldBatch]:
    folds = tuple(folds_of((told(failure) for failure in failures), fold_id=str(at)))
    said = tuple(
        verdict(folds[0].fingerprint.value, "timeout", source=source, decided_at_ms=AT_MS) for source in verdicts
    )
    one = FoldBatch(
        topic=topics.CI.name, partition=0, cursor=Cursor(at, at + 1), at_ms=AT_MS, folds=folds, verdicts=said
    )
    return at, one


def test_an_archive_is_read_line_by_line_gzipped_or_not(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b"
    plain.write_bytes(b"one\n\n  two  \r\nthree")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    wanted = [Line(1, b"one"), Line(3, b"two"), Line(4, b"three")]
    assert list(lines(plain)) == list(lines(packed)) == wanted


def test_a_line_that_is_too_long_is_passed_over_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LINE_BYTES_MAX", 10)
    path = tmp_path / "a"
    path.write_bytes(b"short\n" + b"x" * 35 + b"\n" + b"0123456789\n" + b"y" * 11)
    found = list(lines(path))
    assert [type(one) for one in found] == [Line, BadLine, Line, BadLine]
    assert isinstance(found[1], BadLine)
    assert str(found[1].error) == "36 bytes in one line; 10 may be (at line 2)"


@pytest.mark.parametrize("cut", [5, 12])
def test_a_damaged_archive_is_told_with_the_line_behind_which_it_is(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n")[:-cut])
    with pytest.raises(UnreadableInput, match=r"a\.gz: damaged behind line \d"):
        list(lines(path))


def test_a_directory_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="name a file of failures"):
        list(lines(tmp_path))


def test_failures_of_an_archive_go_to_the_topic_and_partition_of_their_key_and_the_rest_is_named(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    one, two = ci_failure("a"), benchmark_failure("b", request="1")
    three = replace(ci_failure("c"), received_at_ms=AT_MS + HOUR_MS)
    envelope = envelope_of([to_bytes(one), b'{"origin": "x"}', to_bytes(two)])
    path.write_bytes(envelope + b"\n{\n" + to_bytes(three))
    (step,) = archive_steps(path, CLUSTER, only=None, from_ms=None, to_ms=None)
    assert sorted(f.id for piece in step.pieces for f in piece.failures) == sorted(f.id for f in (one, two, three))
    assert {piece.topic for piece in step.pieces} == {topics.CI, topics.BENCHMARK}
    assert all(piece.received_ms is None for piece in step.pieces)
    assert [(bad.number, bad.error.place) for bad in step.bad] == [(1, "line 1 $.failures[1].origin"), (2, "line 2")]
    assert step.end == 3

    (step,) = archive_steps(path, CLUSTER, only=topics.CI, from_ms=AT_MS + 1, to_ms=None)
    assert [f.id for piece in step.pieces for f in piece.failures] == [three.id]
    assert list(archive_steps(path, CLUSTER, only=None, from_ms=None, to_ms=None, after_line=3)) == []


def test_a_long_archive_comes_in_steps_that_end_where_the_next_begins(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\n".join(to_bytes(ci_failure(str(number))) + b"\n" for number in range(700)))
    steps = list(archive_steps(path, CLUSTER, only=None, from_ms=None, to_ms=None))
    assert len(steps) > 2
    again = list(archive_steps(path, CLUSTER, only=None, from_ms=None, to_ms=None, after_line=steps[0].end))
    assert [step.end for step in again] == [step.end for step in steps[1:]]
    assert sum(len(piece.failures) for step in steps for piece in step.pieces) == 700


def test_what_comes_again_keeps_its_headers_and_its_first_arrival(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(to_bytes(ci_failure("a")))
    ((piece,),) = (step.pieces for step in archive_steps(path, CLUSTER, only=None, from_ms=None, to_ms=None))
    sent = dict(replay_headers(piece, "j", is_backfill=True))
    assert (sent[REPLAY_JOB], sent[REPLAY_BACKFILL]) == (b"j", b"1")
    assert sent["ce_type"] == b"faultline.failures.ci.v1"
    assert REPLAY_RECEIVED not in sent


def test_a_sample_holds_each_failure_as_likely_and_never_too_many() -> None:
    looked, rnd = Looked(), random.Random(1)
    for number in range(50):
        pieces = archive_pieces([ci_failure(f"{number} {i}") for i in range(20)])
        looked.add(Step(pieces.place, 1, pieces.pieces), rnd)
    assert looked.failures == 1_000
    assert len(set(looked.sample)) == SAMPLE_IDS


def archive_pieces(found: list[Failure]) -> Step:
    from aiokafka import TopicPartition

    from streams.replay.source import _enveloped

    return Step(TopicPartition("t", 0), 1, tuple(_enveloped(found, CLUSTER)))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", None),
        ("now", AT_MS),
        ("90s", AT_MS - 90_000),
        ("2h", AT_MS - 2 * HOUR_MS),
        ("7d ago", AT_MS - 7 * 24 * HOUR_MS),
        ("1970-01-02", 24 * HOUR_MS),
        ("1970-01-01T01:00:00Z", HOUR_MS),
        ("1970-01-01T01:00:00+01:00", 0),
    ],
)
def test_a_time_is_a_date_or_so_long_ago(text: str, want: int | None) -> None:
    assert moment(text, "--from", now_ms=AT_MS) == want


def test_a_rate_is_a_number_a_second() -> None:
    assert (rate("", "--rate"), rate("500/s", "--rate"), rate("0.5", "--rate")) == (None, 500.0, 0.5)
    for text in ("0/s", "fast", "-1/s", "5/min"):
        with pytest.raises(typer.BadParameter, match="expected a number a second"):
            rate(text, "--rate")


def test_a_rebuild_keeps_what_others_said_and_nothing_that_is_counted() -> None:
    rows: dict[str, bytes] = {}
    pipeline = Pipeline(rows, partition=0)
    pipeline.on_batches([batch(0, ci_failure("a"), verdicts=(VerdictSource.HUMAN,)), batch(1, ci_failure("b"))])
    kept = renewed(dict(rows), 0, epoch=1, offset=7)
    assert sorted(key.split("|")[0] for key in kept) == ["m", "v"]
    assert epoch_of(kept, 0) == 1
    anew = Pipeline(kept, partition=0)
    assert anew.position.offset == 7
    emitted = anew.on_batches([(8, batch(0, ci_failure("a"))[1]), (9, batch(1, ci_failure("b"))[1])])
    assert all(e.record.verdict_version >> OFFSET_BITS == 1 for e in emitted if e.topic is topics.CLASSIFIED)  # type: ignore[union-attr]
    sources = [e.record.verdict.source for e in emitted if e.topic is topics.CLASSIFIED]  # type: ignore[union-attr]
    assert sources == [VerdictSource.HUMAN, VerdictSource.STATUS]
    assert anew.position.pending == 0
    with pytest.raises(EpochsSpent):
        renewed(dict(kept), 0, epoch=EPOCH_MAX + 1, offset=7)


def test_a_rebuild_asks_nothing_that_was_answered() -> None:
    rows: dict[str, bytes] = {}
    pipeline = Pipeline(rows, partition=0)
    emitted = pipeline.on_batches([batch(0, ci_failure("a"), verdicts=(VerdictSource.LLM,))])
    assert [e for e in emitted if e.topic is topics.UNSEEN] == []
    anew = Pipeline(renewed(dict(rows), 0, epoch=1, offset=0), partition=0)
    assert [e for e in anew.on_batches([(1, batch(0, ci_failure("a"))[1])]) if e.topic is topics.UNSEEN] == []


def test_counts_become_those_of_the_documents_and_the_next_snapshot_goes_on_from_there() -> None:
    rows: dict[str, bytes] = {}
    pipeline = Pipeline(rows, partition=0)
    one, two = ci_failure("a"), ci_failure("a", job="deploy")
    pipeline.on_batches([batch(0, one, two), batch(1, one)])  # one of them twice
    key = told(one).fingerprint.value
    first, second = sorted((key, "fp1.another"))
    joined = edge(first, second)
    pipeline.on_batches([(2, replace(batch(2)[1], aliases=(joined,)))])
    documents = {key: {one.where: 1, two.where: 1}}
    done = recount(rows, 0, {Origin.CI: documents}, since_ms=AT_MS)
    assert (done.changed, done.failures) == (1, 1)
    assert [(rollup.where, rollup.count) for rollup in done.rollups] == [(None, 2), (one.where, 1)]
    assert done.rollups[0].counts == {"\x1f".join(one.where): 1, "\x1f".join(two.where): 1}
    assert recount(rows, 0, {Origin.CI: documents}, since_ms=AT_MS).same == 1
    emitted = Pipeline(rows, partition=0).on_batches([batch(3, ci_failure("a", run_id="2"))])
    whole = next(e.record for e in emitted if e.topic is topics.ROLLUPS and e.key == done.rollups[0].key)
    assert whole.count == 3  # type: ignore[union-attr]
    assert done.rollups[0].aliases == whole.aliases == (joined,)  # type: ignore[union-attr]


def test_counts_are_left_alone_where_documents_cannot_tell() -> None:
    rows: dict[str, bytes] = {}
    Pipeline(rows, partition=0).on_batches([batch(0, ci_failure("a"), benchmark_failure("b"))])
    before = dict(rows)
    assert recount(rows, 0, {Origin.CI: {}}, since_ms=AT_MS).without == 1
    assert recount(rows, 0, {Origin.CI: {}, Origin.BENCHMARK: {}}, since_ms=AT_MS + 1).older == 2
    assert rows == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["replay"], "name what is to come again: --topic failures.ci.v1, or --archive FILE"),
        (["replay", "--rebuild", "--from", "2h"], "--rebuild takes everything that the topics have"),
        (["replay", "--archive", "x"], "an archive is sent with --backfill, when its failures never came before, or"),
        (["replay", "--topic", "failures.folded.v1"], "'failures.folded.v1' is not one of"),
        (["replay", "--topic", "failures.ci.v1", "--from", "soon"], "'soon' is no time; expected 2026-05-31"),
        (["replay", "--topic", "failures.ci.v1", "--job", "A B"], "'A B'; expected up to 60 of a-z 0-9 . _ -"),
        (["replay", "--topic", "failures.ci.v1", "--rate", "x"], "'x' is no rate; expected a number a second"),
        (["recount", "--since", "soon"], "'soon' is no time"),
    ],
)
def test_wrong_words_are_told_before_anybody_is_asked(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(create_app(), words) == 2
    assert complaint in capsys.readouterr().err


def test_a_rate_cuts_what_is_sent_into_quarters_of_a_second() -> None:
    pieces = archive_pieces([ci_failure(str(n), run_id=str(n)) for n in range(40)]).pieces
    assert len(pieces) == 40
    job = Job(name="j", is_backfill=False, rate=40.0)
    assert [len(some) for some in job._calls(pieces)] == [10, 10, 10, 10]
    assert [len(some) for some in Job(name="j", is_backfill=False, rate=None)._calls(pieces)] == [40]


def rejected(**more: bytes) -> Rejected:
    told = rejected_headers(
        MalformedRecord("no"),
        topic=topics.CI.name,
        partition=2,
        offset=5,
        stage="fold",
        failed_at_ms=AT_MS,
        app_version="1",
        attempt=3,
    )
    headers = {name: value.encode() for name, value in told.items()} | more
    return Rejected(Place(0, 1), AT_MS, b"k", b"{", list(headers.items()))


def test_what_is_sent_again_counts_on_and_says_no_more_why_it_was_refused() -> None:
    sent = dict(again_headers(rejected(traceparent=b"t"), "j"))
    assert sent == {
        "dlq.stage": b"fold",
        "dlq.attempt": b"3",
        "dlq.first_failed_at": b"%d" % AT_MS,
        "dlq.app_version": b"1",
        "traceparent": b"t",
        REPLAY_RECEIVED: b"%d" % AT_MS,
        REPLAY_JOB: b"j",
    }


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, ""),
        ({"__streams.errors.topic": b"/v1/events"}, "it came from /v1/events, which is no topic that is read"),
        ({"__streams.errors.topic": b"failures.folded.v1"}, "which is no topic that is read"),
        ({"dlq.original_bytes": b"9000000"}, "of its 9000000 bytes only 1 were kept"),
    ],
)
def test_what_is_cut_or_came_from_elsewhere_stays(headers: dict[str, bytes], why: str) -> None:
    assert why in rejected(**headers).why_not()
    assert bool(why) == bool(rejected(**headers).why_not())
