"""Edges and groups: the same edges in any order give the same groups, and what a person took apart stays apart."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.records import AT_MS, edge

from streams.contract.alias import Alias, AliasSource, weightier
from streams.core.groups import ALONE, HUMAN_EDGES_MORE, Groups

NAMES = "abcdefgh"


edges = st.builds(
    lambda pair, source, at_ms, stands: edge(pair[0], pair[1], source, at_ms=at_ms, stands=stands),
    st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True),
    st.sampled_from(AliasSource),
    st.integers(AT_MS, AT_MS + 3),
    st.booleans(),
)


def truth(given_edges: list[Alias]) -> dict[str, str]:
    """The name of every group, found the slow way."""
    holding: dict[str, Alias] = {}
    for one in given_edges:
        holding[one.key] = weightier(holding[one.key], one) if one.key in holding else one
    apart = [{one.a, one.b} for one in holding.values() if one.source is AliasSource.HUMAN and not one.stands]
    group = {name: {name} for name in NAMES}
    for one in sorted(holding.values(), key=lambda one: (-one.source.rank, one.key)):
        whole = group[one.a] | group[one.b]
        if one.stands and not any(pair <= whole for pair in apart):
            for name in whole:
                group[name] = whole
    return {name: min(whole) if len(whole) > 1 else ALONE for name, whole in group.items()}


@given(st.lists(edges, max_size=30))
def test_groups_are_what_is_joined_by_edges_that_stand(given_edges: list[Alias]) -> None:
    groups = Groups(given_edges)
    assert {name: groups.name(name) for name in NAMES} == truth(given_edges)
    for name in NAMES:
        assert groups.members(name) == {other for other in NAMES if groups.name(other) == groups.name(name) != ""} | {
            name
        }


@given(st.lists(edges, max_size=30), st.randoms(use_true_random=False))
def test_the_order_of_edges_does_not_matter_nor_how_often_they_come(
    given_edges: list[Alias], rnd: random.Random
) -> None:
    shuffled = given_edges + [one for one in given_edges if rnd.random() < 0.5]
    rnd.shuffle(shuffled)
    one, other = Groups(given_edges), Groups(shuffled)
    assert [one.name(name) for name in NAMES] == [other.name(name) for name in NAMES]
    assert {e.key: one.edge(e.key) for e in given_edges} == {e.key: other.edge(e.key) for e in given_edges}


@given(st.lists(edges, max_size=30))
def test_an_edge_tells_exactly_whose_group_has_another_name(given_edges: list[Alias]) -> None:
    groups = Groups()
    for one in given_edges:
        before = {name: groups.name(name) for name in NAMES}
        changed = groups.apply(one)
        assert changed == {name for name in NAMES if groups.name(name) != before[name]}


@given(st.lists(edges, max_size=30), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_two_of_a_group_are_joined_by_a_chain_of_reasons(given_edges: list[Alias], one: str, other: str) -> None:
    groups = Groups(given_edges)
    why = groups.why(one, other)
    assert bool(why) == (one != other and groups.name(one) == groups.name(other) != ALONE)
    assert all(step.stands for step in why)
    if why:
        ends = [{step.a, step.b} for step in why]
        assert one in ends[0]
        assert other in ends[-1]
        assert all(left & right for left, right in pairwise(ends))


def test_what_a_person_took_apart_no_rule_joins_again_in_any_way() -> None:
    groups = Groups([edge("a", "b"), edge("a", "c"), edge("b", "c")])
    assert groups.apply(edge("a", "b", AliasSource.HUMAN, stands=False)) == {"b"}
    assert [groups.name(name) for name in "abc"] == ["a", ALONE, "a"]
    assert groups.why("a", "b") == []
    assert groups.apply(edge("a", "b", at_ms=AT_MS + 99)) == frozenset()
    assert groups.apply(edge("a", "b", AliasSource.HUMAN, at_ms=AT_MS + 1)) == {"b"}
    assert groups.members("a") == {"a", "b", "c"}


def test_past_the_bound_new_pairs_are_counted_and_known_ones_still_change() -> None:
    groups = Groups([edge("a", "b")], edges_max=1)
    assert groups.apply(edge("c", "d")) == frozenset()
    assert (groups.dropped, groups.name("c")) == (1, ALONE)
    assert groups.apply(edge("a", "b", AliasSource.HUMAN, stands=False)) == {"a", "b"}


def test_what_a_person_says_of_a_new_pair_holds_though_the_rules_filled_the_table() -> None:
    groups = Groups([edge("a", "b"), edge("b", "c")], edges_max=2)
    apart = edge("a", "c", AliasSource.HUMAN, stands=False)
    assert groups.apply(apart) == {"c"}
    assert groups.apply(edge("x", "y", AliasSource.HUMAN)) == {"x", "y"}
    assert groups.apply(edge("p", "q")) == frozenset()
    assert [groups.name(name) for name in "abcxyp"] == ["a", "a", ALONE, "x", "x", ALONE]
    held = [groups.edge(pair) for pair in ("x|y", "a|c", "b|c", "a|b")]
    again = Groups((one for one in held if one), edges_max=2)
    assert (again.dropped, len(again)) == (0, 4), "persons first: nothing that was held is dropped at the next start"
    assert [again.name(name) for name in "abcxyp"] == [groups.name(name) for name in "abcxyp"]


def test_persons_have_so_many_edges_beyond_the_bound() -> None:
    said = [edge(f"a{n}", f"b{n}", AliasSource.HUMAN) for n in range(HUMAN_EDGES_MORE + 1)]
    groups = Groups([edge("a", "b"), *said], edges_max=1)
    assert (len(groups), groups.dropped) == (HUMAN_EDGES_MORE + 1, 1)
    groups = Groups([*said, edge("a", "b")], edges_max=1)
    assert (len(groups), groups.dropped) == (HUMAN_EDGES_MORE + 1, 1)


def test_a_fingerprint_is_no_alias_of_itself() -> None:
    with pytest.raises(ValueError, match="cannot be an alias of itself"):
        edge("a", "a")
