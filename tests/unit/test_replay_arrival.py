"""What the fold stage makes of records that come again, and of failures of the past that come for the first time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from msgspec.structs import replace
from suites.records import AT_MS, ci_failure

from streams.broker.fold_partition import _raw
from streams.broker.headers import REPLAY_BACKFILL, REPLAY_JOB, REPLAY_RECEIVED
from streams.contract import topics
from streams.contract.failure import Failure
from streams.contract.taxonomy import default_taxonomy
from streams.contract.wire import to_bytes
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage, RawRecord, Stretch
from streams.core.known_failures.book import default_rules
from streams.core.window import clamped

DAY_MS = 86_400_000
YEAR_AGO_MS = AT_MS - 365 * DAY_MS


@dataclass(frozen=True)
class Record:
    """As a consumer has it."""

    headers: tuple[tuple[str, bytes], ...]
    timestamp: int = AT_MS
    offset: int = 7
    value: bytes = b"{}"


def folded(failure: Failure, *, is_backfill: bool) -> tuple[Failure, int | None]:
    """The failure as it goes on, and the time it had where that was changed."""
    stage = FoldStage(fingerprinter=Fingerprinter(), rules=default_rules(), taxonomy=default_taxonomy(), partitions=1)
    raw = RawRecord(0, to_bytes(failure), AT_MS, is_backfill)
    intake = stage.on_failures([raw], Stretch(topics.CI.name, 0, 0, 1), at_ms=AT_MS, is_new=lambda _: True)
    ((_, batch),) = intake.batches
    (member,) = batch.sealed[0].opened().members
    return member.failure, member.original_at_ms


def test_a_failure_of_last_year_keeps_its_time_in_a_backfill_alone() -> None:
    old = replace(ci_failure("old"), occurred_at_ms=YEAR_AGO_MS)
    failure, before = folded(old, is_backfill=True)
    assert (failure.occurred_at_ms, before) == (YEAR_AGO_MS, None)
    failure, before = folded(old, is_backfill=False)
    assert (failure.occurred_at_ms, before) == (AT_MS - 7 * DAY_MS, YEAR_AGO_MS)


def test_no_backfill_lies_in_the_future() -> None:
    assert clamped(AT_MS + DAY_MS, AT_MS, is_backfill=True) == AT_MS + 300_000


@pytest.mark.parametrize(
    ("headers", "at_ms", "is_backfill"),
    [
        ((), AT_MS, False),
        (((REPLAY_JOB, b"j"), (REPLAY_RECEIVED, b"1600000000000")), 1_600_000_000_000, False),
        (((REPLAY_JOB, b"j"), (REPLAY_BACKFILL, b"1")), AT_MS, True),
        (((REPLAY_RECEIVED, b"1600000000000"), (REPLAY_BACKFILL, b"1")), AT_MS, False),
        (((REPLAY_JOB, b"j"), (REPLAY_RECEIVED, b"9" * 400)), AT_MS, False),
        (((REPLAY_JOB, b"j"), (REPLAY_RECEIVED, "٣".encode())), AT_MS, False),
        (((REPLAY_JOB, b"j"), (REPLAY_RECEIVED, b"%d" % (AT_MS + DAY_MS))), AT_MS, False),
    ],
)
def test_a_record_that_comes_again_is_as_old_as_its_first_arrival(
    headers: tuple[tuple[str, bytes], ...], at_ms: int, is_backfill: bool
) -> None:
    assert _raw(Record(headers), AT_MS) == RawRecord(7, b"{}", at_ms, is_backfill)
