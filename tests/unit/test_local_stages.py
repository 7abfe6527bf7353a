"""The stages of the embedded form: what they keep, and for how long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from suites.records import AT_MS, ci_failure, edge, verdict

from agents.local.stages import FOLD, INPUTS, EngineSettings, Stages
from streams.contract import topics
from streams.contract.alias import Alias
from streams.contract.fingerprint import Fingerprint
from streams.contract.taxonomy import default_taxonomy
from streams.contract.topics import DAY_MS, Topic
from streams.contract.verdict import Verdict, VerdictSource, record_key
from streams.contract.wire import from_bytes, to_bytes
from streams.core.fingerprint import Fingerprinter
from streams.core.rules import RuleBook
from streams.local import Entry, Log

TRIMS = 3


@pytest.mark.parametrize("begins_anew", [False, True])
def test_what_a_person_said_long_ago_holds_for_what_an_alias_joins_today(tmp_path: Path, *, begins_anew: bool) -> None:
    log, now_ms = Log(tmp_path), AT_MS

    def made() -> Stages:
        return Stages(log, EngineSettings(directory=tmp_path), RuleBook({}), default_taxonomy(), lambda: now_ms)

    def add(topic: Topic, key: str, record: Verdict | Alias) -> None:
        with log.transaction():
            log.append([Entry(topic, 0, key, to_bytes(record))], at_ms=now_ms)

    def work() -> None:
        while stages.fold() or stages.work() or stages.alias(is_idle=True):
            pass

    stages = made()
    for said in ("timeout", "network_error"):  # of two words of a person the later stays
        own = verdict("a", said, source=VerdictSource.HUMAN, decided_at_ms=AT_MS + len(said))
        add(topics.VERDICTS, record_key(own), own)
    work()
    now_ms += 400 * DAY_MS
    for _ in range(TRIMS):
        now_ms += 120_000
        stages.keep_time()
        work()
    if begins_anew:
        stages = made()
    alias = edge("a", "b")
    add(topics.ALIASES, alias.key, alias)
    work()
    held = log.read(topics.VERDICTS, 0, 0, records_max=9, bytes_max=1 << 20)
    found = [from_bytes(Verdict, record.value or b"") for record in held]
    assert [(one.fingerprint, one.kind, one.inherited_from) for one in found] == [
        ("a", "network_error", ""),
        ("b", "network_error", "a"),
    ]
    log.close()


class _Earlier(Fingerprinter):
    """How fingerprints were made before: each had another value."""

    def __call__(self, **given: Any) -> Fingerprint:
        made = super().__call__(**given)
        return replace(made, value=f"{made.value}-earlier")


def test_the_bytes_that_stages_give_the_fold_stage_are_told_so_that_what_is_behind_never_drifts(tmp_path: Path) -> None:
    log = Log(tmp_path)
    stages = Stages(
        log, EngineSettings(directory=tmp_path), RuleBook({}), default_taxonomy(), lambda: AT_MS, before=_Earlier()
    )
    failure = ci_failure("the flux gate broke")
    before = _Earlier()(origin="ci", message="the flux gate broke").value
    known = [verdict(one, "timeout", source=VerdictSource.HUMAN) for one in ("a", before)]
    alias = edge("a", "b")
    given = [Entry(topics.VERDICTS, 0, record_key(one), to_bytes(one)) for one in known]
    given.append(Entry(topics.ALIASES, 0, alias.key, to_bytes(alias)))
    behind = fed = 0
    for entries in (given, [Entry(topics.CI, 0, "", to_bytes(failure))]):
        with log.transaction():
            log.append(entries, at_ms=AT_MS)
        behind, is_busy = log.waiting_bytes(FOLD, INPUTS), True
        while is_busy:
            folded = stages.fold()
            is_busy = bool(folded or stages.work() or stages.alias(is_idle=True))
            fed += (more := stages.take_fed_bytes())
            behind += more - folded
            assert behind == log.waiting_bytes(FOLD, INPUTS)
    held = log.read(topics.VERDICTS, 0, len(known), records_max=9, bytes_max=1 << 20)
    told = [from_bytes(Verdict, record.value or b"").inherited_from for record in held]
    assert sorted(told) == ["a", before], "one shared by an alias, one handed on by the tables"
    assert (behind, fed) == (0, sum(len(record.value or b"") for record in held))
    log.close()
