"""New fingerprints become edges: by the alias rules, once each, within bounds, and never against a person's word."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from suites.records import AT_MS, ci_failure, told

from streams.contract.alias import AliasSource, alias_of
from streams.contract.classified import Unseen
from streams.contract.failure import Origin
from streams.core.alias import grouped
from streams.core.aliaser import Aliaser
from streams.core.fingerprint import fingerprint
from streams.core.groups import Groups

NAMES = ("registry", "ledger", "basket", "courier", "billing", "search", "gateway", "planner")


def unseen(message: str, *, traceback: str = "", exception_type: str = "") -> Unseen:
    one = told(ci_failure(message))
    whole = fingerprint(origin=Origin.CI, message=message, traceback=traceback, exception_type=exception_type)
    return Unseen(
        fingerprint=whole,
        origin=one.failure.origin,
        count=1,
        first_at_ms=AT_MS,
        last_at_ms=AT_MS,
        samples=(),
        where={},
        provisional=one.verdict,
        asking_because="new",
    )


SERVICES = [unseen(f"no answer of {name} in time") for name in NAMES]
QUEUES = [unseen(f"queue {name} has lost its newest message") for name in NAMES]
STATES = [unseen(f"the volume is {word} and nobody knows why") for word in ("started", "stopped", "failed", "active")]
TRACE = """Traceback (most recent call last):
  File "app/pay.py", line 10, in charge
    send(order)
  File "app/send.py", line 20, in send
    raise OrderError("{}")
app.errors.OrderError: {}
"""
FRAMED = [
    unseen(text, traceback=TRACE.format(text, text), exception_type="app.errors.OrderError")
    for text in ("basket is empty", "no such courier here")
]
ALL = SERVICES + QUEUES + STATES + FRAMED


def partition(groups: Groups, found: Iterable[Unseen]) -> set[frozenset[str]]:
    return {frozenset(groups.members(one.fingerprint.value)) for one in found}


def settled(aliaser: Aliaser) -> list[str]:
    """Keys of all edges that are due."""
    keys = []
    while aliaser.is_due:
        keys += [edge.key for edge in aliaser.edges()]
    return keys


@given(st.permutations(ALL), st.integers(0, len(ALL)), st.randoms(use_true_random=False))
def test_groups_are_those_of_the_rules_in_whatever_order_and_portions_fingerprints_come(
    found: list[Unseen], cut: int, rnd: random.Random
) -> None:
    aliaser, groups = Aliaser(), Groups()
    for portion in (found[:cut], found[cut:], rnd.sample(found, 3)):
        aliaser.on_new(portion)
        while aliaser.is_due:
            for edge in aliaser.edges(lengths_max=1):
                groups.apply(edge)
    names = grouped([one.fingerprint for one in ALL])
    truth = {
        frozenset(one.fingerprint.value for one, other in zip(ALL, names, strict=True) if other == name)
        for name in names
    }
    assert partition(groups, ALL) == truth
    assert len(truth) == 2 + len(STATES) + 1


def test_evidence_of_two_times_makes_a_slot() -> None:
    aliaser = Aliaser()
    aliaser.on_new(SERVICES[:3])
    assert settled(aliaser) == []
    aliaser.on_new(SERVICES[3:])
    assert len(settled(aliaser)) == len(SERVICES) - 1


def test_each_edge_is_given_once_also_to_one_that_began_anew() -> None:
    first, second = Aliaser(), Aliaser()
    first.on_new(SERVICES)
    edges = first.edges()
    first.on_new(SERVICES)
    assert settled(first) == []
    for edge in edges:
        second.on_alias(edge)
    second.on_new(SERVICES)
    assert settled(second) == []


def test_two_that_know_the_same_make_the_same_edges() -> None:
    first, second = Aliaser(), Aliaser()
    first.on_new(ALL)
    second.on_new(ALL[::-1])
    assert sorted(settled(first)) == sorted(settled(second))


@pytest.mark.parametrize("source", [AliasSource.RULE, AliasSource.LLM])
def test_what_a_person_took_apart_no_other_edge_joins(source: AliasSource) -> None:
    one, other = SERVICES[0].fingerprint.value, SERVICES[1].fingerprint.value
    aliaser, groups = Aliaser(), Groups()
    apart = alias_of(
        one, other, origin=Origin.CI, source=AliasSource.HUMAN, reason="two teams", decided_at_ms=AT_MS, stands=False
    )
    aliaser.on_alias(apart)
    groups.apply(apart)
    aliaser.on_new(SERVICES)
    for edge in aliaser.edges():
        groups.apply(edge)
    for middle in [None, *(service.fingerprint.value for service in SERVICES[2:])]:
        for here, there in ((one, other),) if middle is None else ((one, middle), (middle, other)):
            late = alias_of(here, there, origin=Origin.CI, source=source, reason="", decided_at_ms=AT_MS + 9)
            aliaser.on_alias(late)
            groups.apply(late)
    assert other not in groups.members(one)
    assert other not in {near.fingerprint for near in aliaser.near(SERVICES[0])}


def test_neighbours_are_of_other_groups_of_one_type_and_differ_in_no_state_or_number() -> None:
    texts = [
        "cannot reach vault ledger from here today",
        "cannot reach vault basket from here today",
        "cannot reach vault ledger from there today",
        "cannot reach vault courier from here yesterday again",
    ]
    found = [unseen(text) for text in texts]
    odd = [
        unseen("cannot reach vault ledger from here today", exception_type="OSError"),
        unseen("cannot reach vault failed from here today"),
        unseen("cannot reach vault ledger from code 137 today"),
    ]
    aliaser = Aliaser()
    aliaser.on_new([*found, *odd, *FRAMED])
    keys = [one.fingerprint.value for one in found]
    assert aliaser.near(found[0])[0].fingerprint == keys[1]
    assert keys[2] in [near.fingerprint for near in aliaser.near(found[0])]
    assert odd[1].fingerprint.value not in {near.fingerprint for one in found[:3] for near in aliaser.near(one)}
    assert odd[0].fingerprint.value not in {near.fingerprint for one in found for near in aliaser.near(one)}
    assert aliaser.near(odd[0]) == aliaser.near(FRAMED[0]) == ()
    aliaser.on_alias(alias_of(*keys[:2], origin=Origin.CI, source=AliasSource.LLM, reason="", decided_at_ms=AT_MS))
    assert keys[1] not in [near.fingerprint for near in aliaser.near(found[0])]
    apart = alias_of(
        *keys[:3:2], origin=Origin.CI, source=AliasSource.HUMAN, reason="", decided_at_ms=AT_MS, stands=False
    )
    aliaser.on_alias(apart)
    assert keys[2] not in [near.fingerprint for near in aliaser.near(found[0])]


UNLIKE: dict[str, dict[str, Any]] = {
    "exception type": {"exception_type": "OSError"},
    "tool": {"tool": "gradle"},
    "code": {"provider_error_code": "overloaded"},
    "exit code": {"exit_code": 137},
    "status": {"http_status": 503},
}


@pytest.mark.parametrize("more", UNLIKE.values(), ids=UNLIKE)
def test_no_rule_joins_and_nobody_is_asked_about_what_differs_in_type_tool_or_code(more: dict[str, Any]) -> None:
    def marked(name: str, given: dict[str, Any]) -> Unseen:
        made = fingerprint(origin="ci", message=f"cannot reach vault {name} today", **given)
        return replace(SERVICES[0], fingerprint=made)

    plain, other = ([marked(name, given) for name in NAMES[:5]] for given in ({}, more))
    values = [{one.fingerprint.value for one in those} for those in (plain, other)]
    assert not values[0] & values[1]
    aliaser = Aliaser()
    aliaser.on_new([*plain, *other])
    assert settled(aliaser) == [], "ten words in one place, five of each"
    for theirs, those in zip(values, (plain, other), strict=True):
        for one in those:
            near = {found.fingerprint for found in aliaser.near(one)}
            assert len(near) == 3
            assert near <= theirs


def test_origins_are_never_joined() -> None:
    aliaser = Aliaser()
    aliaser.on_new(replace(one, origin=origin) for one, origin in zip(SERVICES, list(Origin) * 4, strict=True))
    assert settled(aliaser) == []


def test_past_its_bounds_it_forgets_what_was_seen_longest_ago() -> None:
    aliaser = Aliaser(known_max=10, alike_max=4)
    aliaser.on_new(SERVICES)
    assert len(aliaser) == 4
    assert settled(aliaser) == []
    aliaser.on_new(QUEUES + STATES + FRAMED)
    assert len(aliaser) <= 10


def test_past_the_bound_of_edges_none_is_made() -> None:
    aliaser = Aliaser(edges_max=2)
    aliaser.on_new(SERVICES)
    assert len(settled(aliaser)) == 2
    assert (aliaser.edges_held, aliaser.edges_dropped > 0) == (2, True)
