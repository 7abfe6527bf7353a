"""Problems that the alias rules have to do with, put among the seeded load: for the tests with kills.

One family for each rule that joins without asking, and one whose members name states, which no rule joins.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from suites.load import Told

from streams.contract.documents import GROUP_FIELDS

EVERY = 8
"""One failure of so many is of a family."""
SEEN_BY = 0.75
"""Of the load: by then each member was there once. They come one after the other, so groups grow all the time."""
_NAMES = ("registry", "ledger", "basket", "courier", "billing", "search", "gateway", "planner")
_TRACE = """Traceback (most recent call last):
  File "app/pay.py", line {n}, in charge
    send(order)
  File "app/send.py", line {n}, in send
    raise OrderError("nothing")
app.errors.OrderError: """


@dataclass(frozen=True, slots=True)
class Family:
    """Failures that differ in little, each text with a fingerprint of its own: one group, or each by itself."""

    origin: str
    texts: tuple[str, ...]
    is_one: bool = True
    trace: str = ""


FAMILIES = (
    Family("ci", tuple(f"service {name} did not answer within {{n}} ms" for name in _NAMES)),
    Family("benchmark", tuple(f"queue {name} has lost its newest message, attempt {{n}}" for name in _NAMES)),
    Family("ci", ("basket is empty", "no such courier here", "the planner has gone home"), trace=_TRACE),
    Family(
        "ci",
        tuple(f"the volume is {state} and nobody knows why, try {{n}}" for state in ("started", "failed", "active")),
        is_one=False,
    ),
)


def with_families(found: Iterable[Told], *, failures: int, fingerprints: int, seed: int) -> Iterator[Told]:
    """The load, where some failures have the words of a member of a family. Their problems follow its own."""
    rnd = random.Random(seed)
    waiting: dict[str, list[tuple[int, Family, str]]] = {"ci": [], "benchmark": []}
    members = ((family, text) for family in FAMILIES for text in family.texts)
    for problem, (family, text) in enumerate(members, fingerprints):
        waiting[family.origin].append((problem, family, text))
    for those in waiting.values():
        random.Random(3).shuffle(those)
    number_of = {origin: len(those) for origin, those in waiting.items()}
    seen: dict[str, list[tuple[int, Family, str]]] = {"ci": [], "benchmark": []}
    for number, told in enumerate(found):
        late = (number - fingerprints) / (failures - fingerprints)
        if late < 0 or number % EVERY:
            yield told
            continue
        origin = told.body.get("origin", "ci")
        those = seen[origin]
        if waiting[origin] and len(those) <= number_of[origin] * late / SEEN_BY:
            those.append(waiting[origin].pop())
            problem, family, text = those[-1]
        else:
            problem, family, text = rnd.choice(those)
        n = rnd.randrange(10**6)
        body: dict[str, Any] = told.body | {"message": text.format(n=n)}
        body.pop("http_status", None)
        if family.trace:
            body |= {"exception_type": "app.errors.OrderError", "traceback": family.trace.format(n=n) + text}
        yield Told(problem, body)


def partition(fingerprints: int) -> set[frozenset[int]]:
    """Problems by group, as the rules have them, of a load with so many problems and the families."""
    groups = {frozenset((problem,)) for problem in range(fingerprints)}
    number = fingerprints
    for family in FAMILIES:
        those = range(number, number + len(family.texts))
        groups |= {frozenset(those)} if family.is_one else {frozenset((problem,)) for problem in those}
        number = those.stop
    return groups


def of_several_kinds(
    kinds: Mapping[str, str], labels: Mapping[str, str], problem_of: Mapping[str, int], groups: Iterable[frozenset[int]]
) -> list[set[str]]:
    """Kinds of each group, where they are not one, or none of the labels that its texts are given; by failure's id."""
    wrong = []
    for problems in groups:
        those = [name for name, problem in problem_of.items() if problem in problems]
        found = {kinds[name] for name in those}
        if len(found) != 1 or not found <= {labels[name] for name in those}:
            wrong.append(found)
    return wrong


def group_of(document: Mapping[str, Any]) -> str:
    """The group in a document of any store and either origin."""
    return next(str(document[name]) for name in GROUP_FIELDS.values() if name in document)


def partition_of(documents: Mapping[str, Mapping[str, Any]], problem_of: Mapping[str, int]) -> set[frozenset[int]]:
    """Problems by group, as the documents of a store have them. `problem_of`: by the failure's id."""
    groups: dict[str, set[int]] = {}
    for name, problem in problem_of.items():
        groups.setdefault(group_of(documents[name]), set()).add(problem)
    return {frozenset(problems) for problems in groups.values()}
