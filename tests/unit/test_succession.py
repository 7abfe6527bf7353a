"""What other rules or another version do to fingerprints: unchanged, renamed, merged, split, and what is inherited."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.gateway import caller

from streams.contract.alias import AliasSource
from streams.contract.documents import readings
from streams.contract.failure import Origin
from streams.contract.fingerprint import Fingerprint
from streams.contract.verdict import Verdict, VerdictSource
from streams.core.groups import Groups
from streams.core.succession import Exemplar, Succession, inherited, succession


def reads(value_of: Callable[[str], str]) -> Callable[..., Fingerprint]:
    """Fingerprints whose value is a function of the message."""

    def read(*, message: str, **rest: Any) -> Fingerprint:
        assert rest.keys() <= {"origin"}
        return Fingerprint(value_of(message), "v", "", "", message, ())

    return read


def said(kind: str, source: VerdictSource = VerdictSource.LLM, at_ms: int = 1) -> Verdict:
    return Verdict(
        fingerprint="", origin=Origin.CI, kind=kind, family="f", confidence=0.5, source=source, decided_at_ms=at_ms
    )


def kept(fingerprint: str, *messages: str, count: int = 1, verdict: Verdict | None = None) -> Exemplar:
    failures = tuple({"message": message} for message in messages or (fingerprint,))
    return Exemplar(fingerprint=fingerprint, origin=Origin.CI, failures=failures, count=count, verdict=verdict)


def test_what_has_another_id_alone_is_renamed_and_hands_its_verdict_on() -> None:
    found = succession([kept("a", verdict=said("timeout")), kept("b")], after=reads(lambda m: {"a": "A"}.get(m, m)))
    assert ([(one.before.fingerprint, one.after) for one in found.renamed], found.unchanged) == ([("a", "A")], 1)
    (verdict,) = found.verdicts
    assert (verdict.fingerprint, verdict.inherited_from, verdict.kind) == ("A", "a", "timeout")
    assert (verdict.source, verdict.decided_at_ms) == (VerdictSource.LLM, 1)


def test_of_a_merge_the_most_used_verdict_stays_and_conflicts_are_listed() -> None:
    before = [
        kept("a", count=3, verdict=said("timeout")),
        kept("b", count=2, verdict=said("network_error", at_ms=9)),
        kept("c", count=2, verdict=said("network_error")),
        kept("d", count=50, verdict=said("runtime_error", VerdictSource.RULE)),
    ]
    found = succession(before, after=reads(lambda _: "M"))
    (merged,) = found.merged
    assert [one.fingerprint for one in merged.before] == ["d", "a", "b", "c"]
    assert merged.verdict is not None
    assert (merged.verdict.kind, merged.verdict.fingerprint) == ("network_error", "b")
    assert [one.kind for one in merged.conflicts] == ["timeout"]
    edges = found.aliases(reason="rules", source=AliasSource.RULE, decided_at_ms=5)
    groups = Groups(edges)
    assert {groups.name(one) for one in "abcdM"} == {"M"}
    person = [*before, kept("e", verdict=said("flaky_test", VerdictSource.HUMAN))]
    (merged,) = succession(person, after=reads(lambda _: "M")).merged
    assert merged.verdict is not None
    assert merged.verdict.kind == "flaky_test"


def test_what_stays_where_others_come_to_gets_the_more_used_verdict_though_its_own_is_later() -> None:
    found = succession(
        [kept("a", count=9, verdict=said("timeout")), kept("m", verdict=said("auth", at_ms=70))],
        after=reads(lambda _: "m"),
    )
    assert [(one.fingerprint, one.kind, one.decided_at_ms) for one in found.verdicts] == [("m", "timeout", 71)]
    assert [(one.fingerprint, value) for one, value in found.pairs] == [("a", "m")]


def test_of_a_split_each_child_inherits_and_none_is_joined() -> None:
    found = succession([kept("a", "x", "y", "z", verdict=said("timeout"))], after=reads(lambda m: f"A-{m}"))
    (split,) = found.split
    assert split.after == ("A-x", "A-y", "A-z")
    assert {(one.fingerprint, one.inherited_from) for one in found.verdicts} == {(v, "a") for v in split.after}
    assert found.aliases(reason="", source=AliasSource.RULE, decided_at_ms=0) == []


def test_only_what_gives_a_fingerprint_again_says_anything_of_it() -> None:
    before = reads(lambda m: m[0])
    found = succession([kept("a", "ab", "zz"), kept("q", "zz")], before=before, after=reads(lambda m: m))
    assert [(one.before.fingerprint, one.after) for one in found.renamed] == [("a", "ab")]
    assert [one.fingerprint for one in found.unread] == ["q"]


maps = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcXYZ"), min_size=1, max_size=2))


@given(maps, st.randoms())
def test_every_fingerprint_is_told_once_in_any_order_and_edges_never_lead_out_of_a_split(moves, rnd) -> None:
    exemplars = [kept(a, *(f"{a}{b}" for b in sorted(to)), verdict=said(f"kind_{a}")) for a, to in moves.items()]
    after = reads(lambda m: m[1])
    found = succession(exemplars, after=after)
    told = {one.before.fingerprint for one in found.renamed} | {one.before.fingerprint for one in found.split}
    told |= {one.fingerprint for merged in found.merged for one in merged.before}
    assert (found.total, found.unchanged + len(told)) == (len(exemplars), len(exemplars))
    rnd.shuffle(exemplars)
    again: Succession = succession(exemplars, after=after)
    assert (again.verdicts, again.merged, again.split) == (found.verdicts, found.merged, found.split)
    ends = {a for a, to in moves.items() if len(to) > 1}
    assert not ends & {one.fingerprint for one, _ in found.pairs}
    new = {b for to in moves.values() for b in to} - moves.keys()
    assert new <= {verdict.fingerprint for verdict in found.verdicts}


A, B = (f"fp1.{letter * 26}" for letter in "ab")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"source": "rule"}, "$.inherits.source"),
        ({"kind": "auth"}, "$.inherits"),
        ({"fingerprint": B}, "$.inherits.fingerprint"),
        ({"fingerprint": "?"}, "$.inherits.fingerprint"),
        ({"kind": 3}, "$.inherits.kind"),
    ],
)
def test_a_verdict_is_inherited_over_http_with_its_source_and_time(change: dict[str, Any], place: str) -> None:
    given = {"fingerprint": A, "origin": "ci", "kind": "timeout", "family": "x", "confidence": 0.7}
    given |= {"source": "llm", "decided_at_ms": 5, "model": "m"}
    gateway = caller()
    body = {"fingerprint": B.replace("fp1.", "fp1u."), "kind": "timeout", "origin": "ci", "inherits": given}
    assert gateway.post("/v1/verdicts", body)[0] == 200
    (verdict,) = gateway.publisher.verdicts
    assert (verdict.source, verdict.decided_at_ms, verdict.model, verdict.inherited_from) == ("llm", 5, "m", A)
    status, told = gateway.post("/v1/verdicts", body | {"fingerprint": B, "inherits": given | change})
    assert (status, told["place"]) == (400, place)
    assert inherited(verdict, B).inherited_from == verdict.fingerprint


def test_a_document_is_read_in_the_ways_that_its_failure_may_have_been() -> None:
    ci = {"s_error_full_text": "boom\nat x", "s_exception_type": "E", "l_exit_code": 3}
    whole, cut = readings(Origin.CI, ci, ["boom", "bo"])
    assert (whole["message"], cut["message"], cut["traceback"]) == ("boom\nat x", "boom", "at x")
    assert {json.dumps([one["exception_type"], one["exit_code"]]) for one in (whole, cut)} == {'["E", 3]'}
    benchmark = {"message": "m", "http_status": 429, "exception_type": None, "provider": "p"}
    assert readings(Origin.BENCHMARK, benchmark) == [{"origin": Origin.BENCHMARK, "message": "m", "http_status": 429}]
