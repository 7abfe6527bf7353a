"""The fold stage: raw records in, batches out; what is wrong is rejected by itself, and nothing leaks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from suites.records import AT_MS, benchmark_failure, ci_failure, edge, failures, verdict

from streams.contract import topics
from streams.contract.errors import MalformedRecord, UnknownVersion
from streams.contract.failure import Envelope, Failure, Truncation
from streams.contract.fold import BATCH_FOLDS_MAX, Cursor, Fold, FoldBatch
from streams.contract.taxonomy import default_taxonomy
from streams.contract.verdict import VerdictSource
from streams.contract.wire import from_bytes, to_bytes
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage, Intake, RawRecord, Stretch
from streams.core.known_failures.book import default_rules
from streams.core.partition import partition_of
from streams.core.rules import RuleBook
from streams.core.said import said

PARTITIONS = 3


def stage() -> FoldStage:
    return FoldStage(
        fingerprinter=Fingerprinter(), rules=default_rules(), taxonomy=default_taxonomy(), partitions=PARTITIONS
    )


def taken(*values: bytes | None, seen: set[str] | None = None) -> Intake:
    ids = set[str]() if seen is None else seen

    def is_new(failure_id: str) -> bool:
        fresh = failure_id not in ids
        ids.add(failure_id)
        return fresh

    records = [RawRecord(offset, value, AT_MS) for offset, value in enumerate(values)]
    place = Stretch(topics.CI.name, 0, 0, len(records))
    return stage().on_failures(records, place, at_ms=AT_MS, is_new=is_new)


def folds(intake: Intake) -> list[Fold]:
    return [fold.opened() for _, batch in intake.batches for fold in batch.sealed]


def only_failure(intake: Intake) -> tuple[Failure, str, str]:
    (fold,) = folds(intake)
    (member,) = fold.members
    return member.failure, *fold.texts_of(member)


@given(st.lists(failures, max_size=12))
def test_every_failure_is_folded_rejected_or_a_repeat(found: list[Failure]) -> None:
    intake = taken(*(to_bytes(failure) for failure in found), b"not a record", None)
    assert intake.accepted + intake.repeats == len(found)
    assert intake.accepted == sum(fold.count for fold in folds(intake)) == len({failure.id for failure in found})
    assert len(intake.rejected) == 2


@given(st.lists(failures, max_size=12))
def test_every_target_gets_the_cursor_and_only_its_own_folds(found: list[Failure]) -> None:
    intake = taken(to_bytes(Envelope(failures=tuple(found))))
    assert {target for target, _ in intake.batches} == set(range(PARTITIONS))
    for target, batch in intake.batches:
        assert (batch.cursor.start, batch.cursor.end) == (0, 1)
        assert all(partition_of(fold.fingerprint, PARTITIONS) == target for fold in batch.sealed)


def test_many_folds_come_in_chunks_that_follow_each_other() -> None:
    words = ["".join(letters) for letters in itertools.product("abcdefghi", repeat=3)]
    found = [ci_failure(f"{word} is missing") for word in words]
    one = FoldStage(fingerprinter=Fingerprinter(), rules=RuleBook({}), taxonomy=default_taxonomy(), partitions=1)
    record = RawRecord(0, to_bytes(Envelope(failures=tuple(found))), AT_MS)
    place = Stretch(topics.CI.name, 0, 0, 1)
    intake = one.on_failures([record], place, at_ms=AT_MS, is_new=lambda _: True)
    chunks = len(intake.batches)
    assert chunks > 1
    assert [batch.cursor for _, batch in intake.batches] == [Cursor(0, 1, number, chunks) for number in range(chunks)]
    assert sum(len(batch.sealed) for _, batch in intake.batches) == len(words)
    assert max(len(batch.sealed) for _, batch in intake.batches) <= BATCH_FOLDS_MAX


def test_a_bad_record_is_rejected_verbatim_with_its_offset() -> None:
    good = to_bytes(ci_failure())
    newer = json.dumps(json.loads(good) | {"version": 7}).encode()
    intake = taken(good, b"\x00\xff", newer)
    assert intake.accepted == 1
    assert [(r.offset, r.data, type(r.error)) for r in intake.rejected] == [
        (1, b"\x00\xff", MalformedRecord),
        (2, newer, UnknownVersion),
    ]


def test_a_thousand_bad_records_in_a_row_do_not_stop_the_good_one() -> None:
    intake = taken(*([b"{"] * 1000), to_bytes(ci_failure()))
    assert (len(intake.rejected), intake.accepted) == (1000, 1)


@pytest.mark.parametrize(
    ("at_ms", "kept"), [(0, AT_MS - 7 * 86_400_000), (32_472_144_000_000, AT_MS + 300_000), (AT_MS - 5, AT_MS - 5)]
)
def test_event_time_is_clamped_and_the_original_kept(at_ms: int, kept: int) -> None:
    (fold,) = folds(taken(to_bytes(ci_failure("x", at_ms=at_ms))))
    (member,) = fold.members
    assert member.failure.occurred_at_ms == kept
    assert member.original_at_ms == (None if kept == at_ms else at_ms)
    assert member.failure.received_at_ms == AT_MS


def test_an_arrival_that_was_stamped_before_is_kept() -> None:
    failure, _, _ = only_failure(taken(to_bytes(ci_failure("x", received_at_ms=AT_MS - 77))))
    assert failure.received_at_ms == AT_MS - 77


SECRET = "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"[:36]


@pytest.mark.parametrize(
    "failure",
    [
        ci_failure(f"push to https://me:{SECRET}@example.com failed"),
        ci_failure("x", traceback=f"token={SECRET}"),
        ci_failure("x", labels={"env": SECRET}),
        ci_failure("x", url=f"https://ci.example/?token={SECRET}"),
        benchmark_failure(f"Authorization: Bearer {SECRET}"),
        benchmark_failure("x", provider_error_code=SECRET),
    ],
)
def test_no_credential_passes_into_a_fold(failure: Failure) -> None:
    intake = taken(to_bytes(failure))
    assert all(SECRET.encode() not in to_bytes(batch) for _, batch in intake.batches)
    assert intake.accepted == 1


def test_a_credential_does_not_split_a_group() -> None:
    other = SECRET[:-4] + "ZZZZ"
    a, b = (folds(taken(to_bytes(ci_failure(f"push with {token} failed"))))[0] for token in (SECRET, other))
    assert a.fingerprint == b.fingerprint


def test_control_and_direction_characters_do_not_pass() -> None:
    _, message, _ = only_failure(taken(to_bytes(ci_failure("a\u202eb\x1b[31mc\x00"))))
    assert message == "abc"


def test_a_long_message_is_cut_and_marked() -> None:
    failure, message, _ = only_failure(taken(to_bytes(ci_failure("x" * 300_000))))
    assert len(message) <= 65_536
    assert failure.truncated == (Truncation("message", 300_000),)


def test_the_status_of_a_benchmark_failure_is_read_from_its_text() -> None:
    failure, _, _ = only_failure(taken(to_bytes(benchmark_failure("Error code: 402 - payment required"))))
    assert failure.http_status == 402


def test_one_error_on_fifty_models_is_one_fingerprint_and_each_model_is_counted() -> None:
    """The earlier benchmark system hashed the model and the kind with it: fifty fingerprints, fifty questions."""
    found = [benchmark_failure(f"Error code: 404 - no route {n}", model=f"m{n}") for n in range(50)]
    (fold,) = folds(taken(*(to_bytes(one) for one in found)))
    assert fold.count == 50
    assert len({member.earlier_hash for member in fold.members}) > 1
    assert {member.failure.benchmark.model for member in fold.members if member.failure.benchmark} == {
        f"m{n}" for n in range(50)
    }


def test_the_body_decides_over_the_status() -> None:
    (fold,) = folds(taken(to_bytes(benchmark_failure("Error code: 403 - monthly spending limit reached"))))
    assert (fold.verdict.kind, fold.verdict.source) == ("billing", VerdictSource.RULE)
    assert fold.verdict.evidence in "Error code: 403 - monthly spending limit reached"
    assert fold.members[0].earlier_kind == "auth", "the earlier hot path looked at the status alone"


def test_evidence_is_a_line_of_the_failure() -> None:
    text = "compiling\nfatal error: zlib.h: No such file or directory\ncompilation terminated."
    (fold,) = folds(taken(to_bytes(ci_failure(text))))
    assert fold.verdict.source is VerdictSource.RULE
    assert fold.verdict.evidence in text.split("\n")


def verdicts(*sent: bytes) -> Intake:
    records: Sequence[RawRecord] = [RawRecord(offset, value, AT_MS) for offset, value in enumerate(sent)]
    return stage().on_verdicts(records, Stretch(topics.VERDICTS.name, 0, 0, len(records)), at_ms=AT_MS)


def test_a_verdict_goes_to_the_partition_of_its_fingerprint_with_the_family_of_its_kind() -> None:
    intake = verdicts(to_bytes(verdict("fp1.abc", "network_error", family="made up")))
    found = {target: batch.verdicts for target, batch in intake.batches if batch.verdicts}
    assert list(found) == [partition_of("fp1.abc", PARTITIONS)]
    assert [v.family for vs in found.values() for v in vs] == ["infrastructure_error"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"kind": "gremlins"}, "$.kind"),
        ({"source": "rule"}, "$.source"),
        ({"fingerprint": ""}, "$.fingerprint"),
        ({"confidence": 1.5}, "$.confidence"),
    ],
)
def test_a_verdict_that_cannot_be_is_rejected_with_the_place(change: dict[str, Any], place: str) -> None:
    sent = json.dumps(json.loads(to_bytes(verdict("fp1.abc", "timeout"))) | change).encode()
    intake = verdicts(sent)
    assert [(r.data, r.error.place) for r in intake.rejected] == [(sent, place)]
    assert not any(batch.verdicts for _, batch in intake.batches)


REPORT = """subprocess.TimeoutExpired: Command '['sleep']' timed out after 0.3 seconds
    def test_it():
>       subprocess.run(["sleep", "30"], timeout=0.3)

test_a.py:47: in test_it
self = <Popen: returncode: -9 args: ['sleep', '30']>

            assert pid == self.pid or pid == 0
E           subprocess.TimeoutExpired: Command '['sleep']' timed out after 0.3 seconds

subprocess.py:1253: TimeoutExpired"""


def test_the_source_that_a_report_quotes_is_no_reason() -> None:
    (fold,) = folds(taken(to_bytes(ci_failure(REPORT))))
    assert fold.verdict.kind == "timeout"
    assert fold.verdict.evidence in REPORT.split("\n")


def test_what_is_said_are_lines_of_the_text_and_plain_texts_are_left_alone() -> None:
    assert said("plain\ntext") == "plain\ntext"
    assert said(REPORT).split("\n") == [
        "subprocess.TimeoutExpired: Command '['sleep']' timed out after 0.3 seconds",
        "E           subprocess.TimeoutExpired: Command '['sleep']' timed out after 0.3 seconds",
        "subprocess.py:1253: TimeoutExpired",
    ]


@given(failures, st.sampled_from(["Error code: 000", "status code: 007", "HTTP status 999", "error code: 404"]))
def test_what_is_folded_can_be_read_back(failure: Failure, status: str) -> None:
    text = f"{failure.message} {status} {failure.message}"
    intake = taken(to_bytes(replace(failure, message=text)))
    for _, folded in intake.batches:
        assert from_bytes(FoldBatch, to_bytes(folded)) == folded
    assert intake.accepted == 1


def test_a_fault_of_ours_in_one_text_rejects_that_one_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> str:
        if "poison" in text:
            raise IndexError("list index out of range")
        return text

    monkeypatch.setattr("streams.core.judge.said", broken)
    poison = ci_failure("poison")
    intake = taken(to_bytes(ci_failure("good")), to_bytes(poison))
    assert intake.accepted == 1
    (rejection,) = intake.rejected
    assert "our own fault, IndexError" in rejection.error.reason
    assert from_bytes(Failure, rejection.data).id == poison.id


def test_a_fault_of_ours_keeps_the_others_of_its_record_and_the_order_of_outcomes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.core.intake.ci_error_hash", lambda text: {"good": "1", "fine": "2"}[text])
    found = tuple(ci_failure(text, test_name=text) for text in ("good", "poison", "fine"))
    intake = taken(to_bytes(Envelope(failures=found)), b"{")
    assert sorted(message for fold in folds(intake) for m in fold.members for message in fold.texts_of(m)[:1]) == [
        "fine",
        "good",
    ]
    assert list(intake.outcomes) == [1, 0, 1, 0]
    assert sorted(rejection.offset for rejection in intake.rejected) == [0, 1]


@given(st.lists(failures, min_size=1, max_size=12, unique_by=lambda failure: failure.id))
def test_failures_read_together_are_what_each_is_by_itself(found: list[Failure]) -> None:
    together = {
        member.failure.id: (fold.fingerprint, member.earlier_hash, member.earlier_kind, *fold.texts_of(member))
        for fold in folds(taken(to_bytes(Envelope(failures=tuple(found)))))
        for member in fold.members
    }
    for failure in found:
        (fold,) = folds(taken(to_bytes(failure)))
        (member,) = fold.members
        alone = (fold.fingerprint, member.earlier_hash, member.earlier_kind, *fold.texts_of(member))
        # of several sites in one fold the earliest failure's stands for all
        assert replace(alone[0], site_value="", parts=()) == replace(together[failure.id][0], site_value="", parts=())
        assert together[failure.id][1:] == alone[1:]


def test_long_names_that_differ_at_their_end_are_different_failures() -> None:
    names = ["t" * 2000 + str(i) for i in range(3)]
    made = [json.loads(to_bytes(ci_failure("x", test_name=name))) | {"id": ""} for name in names]
    assert taken(*(json.dumps(one).encode() for one in made)).accepted == 3


def test_every_target_gets_every_alias_and_what_is_none_is_put_aside() -> None:
    good = replace(edge("fp1.a", "fp1.b"), reason="the key is AKIAIOSFODNN7EXAMPLE")
    wrong = [to_bytes(replace(good, a="fp1.c")), to_bytes(replace(good, a="fp1.b")), b"{}", b""]
    records = [RawRecord(offset, value, AT_MS) for offset, value in enumerate([to_bytes(good), *wrong])]
    out = stage().on_aliases(records, Stretch(topics.ALIASES.name, 0, 0, len(records)), at_ms=AT_MS)
    assert (out.accepted, len(out.rejected), list(out.outcomes)) == (1, 4, [1, 0, 0, 0, 0])
    assert [target for target, _ in out.batches] == list(range(PARTITIONS))
    for _, batch in out.batches:
        (kept,) = from_bytes(FoldBatch, to_bytes(batch)).aliases
        assert (kept.a, kept.b, batch.cursor) == ("fp1.a", "fp1.b", Cursor(0, len(records)))
        assert "AKIA" not in kept.reason
