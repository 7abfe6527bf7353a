"""What is one problem is one kind: every member of a group ends with the strongest verdict that any of it was given."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from suites.records import AT_MS, ci_failure, edge, told, verdict
from suites.stores import Feeder

from streams.contract.alias import Alias, AliasSource
from streams.contract.classified import Classified, VerdictChanged
from streams.contract.rollup import Rollup
from streams.contract.verdict import UNKNOWN, Verdict, VerdictSource
from streams.core.groups import Groups
from streams.core.ladder import strength
from streams.core.sharing import Sharing

FAILURES = [ci_failure(f"problem {word}") for word in ("ash", "birch", "cedar", "dogwood", "elm", "fir")]
KEYS = [told(failure).fingerprint.value for failure in FAILURES]
edges = st.builds(
    lambda pair, source: edge(pair[0], pair[1], source),
    st.lists(st.sampled_from(KEYS), min_size=2, max_size=2, unique=True),
    st.sampled_from(AliasSource),
)
verdicts = st.builds(
    lambda key, kind, source, at_ms, confidence: verdict(
        key, kind, source=source, decided_at_ms=at_ms, confidence=confidence
    ),
    st.sampled_from(KEYS),
    st.sampled_from(["timeout", "runtime_error", "network_error", UNKNOWN]),
    st.sampled_from([VerdictSource.LLM, VerdictSource.HUMAN]),
    st.integers(AT_MS, AT_MS + 3),
    st.sampled_from([0.5, 0.9]),
)


def shared(sharing: Sharing) -> list[Verdict]:
    made = []
    while sharing.is_due:
        made += sharing.verdicts()
    return made


@given(st.lists(edges, max_size=8), st.lists(verdicts, max_size=8), st.randoms(use_true_random=False))
def test_every_member_ends_with_the_strongest_verdict_of_its_group_in_whatever_order_all_comes(
    joined: list[Alias], given_verdicts: list[Verdict], rnd: random.Random
) -> None:
    events: list[Any] = [*FAILURES, *joined, *given_verdicts]
    rnd.shuffle(events)
    groups, feeder = Groups(), Feeder()
    sharing = Sharing(groups)
    standing: dict[str, Verdict] = {}

    def apply(**what: Any) -> None:
        for record in feeder.records(*what.pop("failures", ()), **what):
            match record:
                case Classified():
                    standing[record.fold.fingerprint.value] = record.verdict
                case VerdictChanged():
                    standing[record.fingerprint] = record.verdict
                case Rollup() if record.verdict is not None and record.where is None:
                    standing[record.fingerprint] = record.verdict

    for event in events:
        if isinstance(event, Alias):
            sharing.on_regrouped(groups.apply(event))
            apply(aliases=[event])
        elif isinstance(event, Verdict):
            sharing.on_verdict(event)
            apply(verdicts=[event])
        else:
            apply(failures=[event])
        if rnd.random() < 0.5:
            apply(verdicts=shared(sharing))
    apply(verdicts=shared(sharing))
    worth = [one for one in given_verdicts if one.kind != UNKNOWN or one.source is VerdictSource.HUMAN]
    for key in KEYS:
        theirs = [one for one in worth if one.fingerprint in groups.members(key)]
        if theirs:
            best, now = max(theirs, key=strength), standing[key]
            assert (now.kind, now.source, now.confidence) == (best.kind, best.source, best.confidence)
            assert now.decided_at_ms == best.decided_at_ms
    assert shared(sharing) == []


def test_one_that_begins_anew_and_reads_what_was_shared_shares_nothing_again() -> None:
    first, second = (Sharing(Groups([edge("a", "b"), edge("b", "c")])) for _ in range(2))
    own = verdict("b", "timeout", recheck_after_ms=AT_MS)
    first.on_verdict(own)
    made = shared(first)
    assert [(one.fingerprint, one.inherited_from, one.recheck_after_ms) for one in made] == [
        ("a", "b", None),
        ("c", "b", None),
    ]
    for one in [own, *made]:
        second.on_verdict(one)
    assert shared(second) == []
    assert second.known("a") is None
    assert first.known("d") is None


def test_a_group_that_knows_answers_for_a_new_member_and_texts_are_not_shared() -> None:
    groups = Groups([edge("a", "b")])
    sharing = Sharing(groups)
    sharing.on_verdict(verdict("a", "timeout", source=VerdictSource.RULE))
    sharing.on_verdict(verdict("a", UNKNOWN))
    assert sharing.known("b") is None
    sharing.on_verdict(verdict("a", "timeout"))
    answer = sharing.known("b")
    assert answer is not None
    assert (answer.fingerprint, answer.kind, answer.inherited_from) == ("b", "timeout", "a")
    assert sharing.known("a") is None
    assert sharing.known("c") is None


def test_past_its_bound_it_forgets_the_verdicts_that_came_first() -> None:
    sharing = Sharing(Groups([edge("a", "b")]), verdicts_max=1)
    sharing.on_verdict(verdict("a", "timeout"))
    sharing.on_verdict(verdict("z", "timeout"))
    assert shared(sharing) == []


def test_a_group_is_looked_at_once_however_many_of_its_members_are_due_and_not_for_what_was_shared_with_them() -> None:
    groups, members = Groups(), [f"m{number:04d}" for number in range(1_000)]
    sharing = Sharing(groups)
    for member in members[1:]:
        sharing.on_regrouped(groups.apply(edge(members[0], member)))
    sharing.on_verdict(verdict(members[500], "timeout"))
    made = sharing.verdicts()
    assert sorted(one.fingerprint for one in made) == members[:500] + members[501:]
    assert not sharing.is_due
    for one in made:
        sharing.on_verdict(one)
    assert not sharing.is_due
