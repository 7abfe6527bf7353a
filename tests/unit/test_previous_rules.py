"""After a change of rules: a fingerprint that was another before has that one's verdict, and nobody is asked again."""

from __future__ import annotations

from itertools import count, product

import pytest
from suites.records import AT_MS, ci_failure

from streams.contract import topics
from streams.contract.classified import Unseen
from streams.contract.failure import Origin
from streams.contract.fold import BATCH_FOLDS_MAX
from streams.contract.rollup import Rollup
from streams.contract.taxonomy import default_taxonomy
from streams.contract.verdict import Verdict, VerdictSource, record_key
from streams.contract.wire import from_bytes, to_bytes
from streams.core.emissions import Emission
from streams.core.fingerprint import Fingerprinter
from streams.core.intake import FoldStage, Intake, RawRecord, Stretch
from streams.core.known_failures.book import default_rules
from streams.core.own_rules.fingerprinter import RuledFingerprinter
from streams.core.own_rules.read import own_rules
from streams.core.pipeline import Pipeline
from streams.core.questions import SUCCESSION_MS

pytest.importorskip("re2", reason="the extra `rules` is not installed")

PARTITIONS = 3
RULES = """version = "1"
[[mask]]
id = "order"
pattern = '\\border ([A-Za-z]{3}-\\w+)'
"""


class Path:
    """Fold stage and tables of all partitions; verdicts that the tables send go in again."""

    def __init__(self, partitions: int = PARTITIONS) -> None:
        self.tables = [Pipeline({}, partition=number) for number in range(partitions)]
        self._offsets, self._at = count(), 0

    def use(self, fingerprinter: Fingerprinter, before: Fingerprinter | None = None) -> None:
        self._stage = FoldStage(
            fingerprinter=fingerprinter,
            rules=default_rules(),
            taxonomy=default_taxonomy(),
            partitions=len(self.tables),
            before=before,
        )

    def fails(self, *messages: str, at_ms: int = AT_MS) -> list[Emission]:
        values = [to_bytes(ci_failure(m, run_id=str(next(self._offsets)), at_ms=at_ms)) for m in messages]
        records = [RawRecord(number, value, at_ms) for number, value in enumerate(values, start=self._at)]
        place = self._place(topics.CI.name, len(records))
        return self._apply(self._stage.on_failures(records, place, at_ms=at_ms, is_new=lambda _: True))

    def says(self, *verdicts: Verdict, at_ms: int = AT_MS) -> list[Emission]:
        records = [RawRecord(n, to_bytes(one), at_ms) for n, one in enumerate(verdicts, start=self._at)]
        return self._apply(
            self._stage.on_verdicts(records, self._place(topics.VERDICTS.name, len(records)), at_ms=at_ms)
        )

    def _place(self, topic: str, number: int) -> Stretch:
        self._at += number
        return Stretch(f"{topic}-{self._at}", 0, 0, number)

    def _apply(self, intake: Intake) -> list[Emission]:
        assert not intake.rejected
        out = [
            emission
            for target, batch in intake.batches
            for emission in self.tables[target].on_batches([(next(self._offsets), batch)])
        ]
        sent = [from_bytes(Verdict, one.value) for one in out if one.topic is topics.VERDICTS]
        return out + (self.says(*sent) if sent else [])


def asked(emissions: list[Emission]) -> list[tuple[str, str, int]]:
    found = [one.record for one in emissions]
    return [(one.fingerprint.value, one.asking_because, one.attempt) for one in found if isinstance(one, Unseen)]


def kinds(emissions: list[Emission]) -> dict[str, str]:
    """The kind that the last rollup of each fingerprint has."""
    found = [one.record for one in emissions]
    return {one.fingerprint: one.verdict.kind for one in found if isinstance(one, Rollup) and one.verdict}


def llm(fingerprint: str, kind: str, at_ms: int = AT_MS) -> Verdict:
    return Verdict(
        fingerprint=fingerprint,
        origin=Origin.CI,
        kind=kind,
        family="",
        confidence=0.9,
        source=VerdictSource.LLM,
        decided_at_ms=at_ms,
    )


OLD = ("order ABC-alpha went astray", "order DEF-beta went astray")


@pytest.fixture
def path() -> Path:
    path = Path()
    path.use(Fingerprinter())
    for one, kind in zip(OLD, ("timeout", "network_error"), strict=True):
        ((value, why, attempt),) = asked(path.fails(one))
        assert (why, attempt) == ("new", 1)
        path.says(llm(value, kind, AT_MS + len(kind)))
    path.use(RuledFingerprinter(own_rules(RULES, source="r")), before=Fingerprinter())
    return path


def test_a_verdict_is_found_under_the_rules_before_and_nobody_is_asked(path: Path) -> None:
    ruled = RuledFingerprinter(own_rules(RULES, source="r"))
    after = ruled(origin="ci", message=OLD[0]).value
    out = path.fails(OLD[0], OLD[0])
    assert (asked(out), kinds(out)[after]) == ([], "timeout")
    handed = [one.record for one in out if isinstance(one.record, Verdict)]
    assert {(record_key(one), one.inherited_from) for one in handed} == {
        (f"{after}/llm/inherited", Fingerprinter()(origin="ci", message=OLD[0]).value)
    }
    assert asked(path.fails(OLD[0], at_ms=AT_MS + 2 * SUCCESSION_MS)) == []
    assert kinds(path.fails(OLD[1]))[after] == "network_error", "of two that are one now the later verdict stands"


def test_what_was_not_known_before_either_is_asked_about_a_little_later(path: Path) -> None:
    assert asked(path.fails("order KLM-gamma went astray")) == []
    late = path.fails("something else", at_ms=AT_MS + SUCCESSION_MS)
    assert sorted(why for _, why, _ in asked(late)) == ["new", "retry"]
    assert {attempt for _, _, attempt in asked(late)} == {1}


def test_what_the_rules_leave_alone_is_asked_about_at_once(path: Path) -> None:
    assert [why for _, why, _ in asked(path.fails("never seen by anybody"))] == ["new"]


def test_nobody_is_asked_about_what_succeeds_another_though_one_batch_does_not_hold_all_of_them() -> None:
    first = "red green blue black white brown small large early late cold warm dry wet soft hard".split()
    second = "apple river stone chair table horse cloud paper glass knife lemon mouse plate sheep train wheel".split()
    path = Path(partitions=1)
    path.use(RuledFingerprinter(own_rules(RULES, source="r")), before=Fingerprinter())
    messages = [f"order ABC-alpha lost its {a} {b}" for a, b in product(first, second)]
    assert len(messages) > BATCH_FOLDS_MAX / 2, "a successor and a fold each"
    out = path.fails(*messages)
    assert len({one.key for one in out if one.topic is topics.CLASSIFIED}) == len(messages)
    assert asked(out) == []
    late = path.fails("something else", at_ms=AT_MS + SUCCESSION_MS)
    assert len(asked(late)) == len(messages) + 1, "their time came, each by itself"
