"""What tests of asking a language model share: questions, a time of their own, a script of answers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from suites.fake_llm.personality import label_of

from agents.classify.agent import Classifier, Result
from agents.classify.outgoing import outgoing
from agents.clients.asking import Asking, Limits, Provider
from agents.llm import Answer, Budget, Llm, Question, Usage
from streams.contract.classified import Unseen
from streams.contract.failure import Origin
from streams.contract.fold import WHERE_SEPARATOR, Sample
from streams.contract.taxonomy import Taxonomy, default_taxonomy
from streams.contract.verdict import Verdict, VerdictSource
from streams.core.fingerprint import fingerprint

NOW_MS = 1_795_000_000_000
QUESTION = Question("You sort failures.", '{"items":[]}', {"type": "object"}, 300)
WORDS = (
    "socket tunnel gateway quota token header proxy region cluster shard replica driver kernel module linker symbol "
    "pointer buffer queue worker thread mutex bucket index cursor schema column vector tensor matrix layer weight"
).split()


@dataclass
class Time:
    """A clock that goes only when somebody sleeps; sleeps are noted."""

    now_s: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now_s

    def now_ms(self) -> int:
        return NOW_MS + round((self.now_s - 1_000.0) * 1000)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


class NoPace:
    """Lets everything through."""

    async def acquire(self) -> None:
        """At once."""


def unseen(number: int, *, origin: Origin = Origin.BENCHMARK, text: str = "", **fields: Any) -> Unseen:
    """A fingerprint of its own for every number."""
    a, b, c = (WORDS[number // len(WORDS) ** place % len(WORDS)] for place in range(3))
    if not text:
        text = {
            Origin.BENCHMARK: f"Error code: 503 - the {a} of the {b} was not ready for the {c} of this request",
            Origin.CI: f"E   RuntimeError: the {a} of the {b} did not answer the {c} in this test",
        }[origin]
    where = {Origin.BENCHMARK: ("openai", "gpt-x", "generate"), Origin.CI: ("acme/engine", "nightly", "unit")}[origin]
    values: dict[str, Any] = {
        "fingerprint": fingerprint(origin=origin, message=text),
        "origin": origin,
        "count": 1,
        "first_at_ms": NOW_MS,
        "last_at_ms": NOW_MS,
        "samples": (Sample(text, NOW_MS, "0" * 32),),
        "where": {WHERE_SEPARATOR.join(where): 1},
        "provisional": Verdict(
            fingerprint="",
            origin=origin,
            kind="unknown",
            family="unknown",
            confidence=0.0,
            source=VerdictSource.STATUS,
            decided_at_ms=NOW_MS,
        ),
        "asking_because": "new",
    }
    return Unseen(**values | fields)


def both_origins(number: int) -> list[Unseen]:
    """So many fingerprints, of both origins in turn."""
    return [unseen(one, origin=(Origin.BENCHMARK, Origin.CI)[one % 2]) for one in range(number)]


def wrong_labels(asked: Sequence[Unseen], results: Sequence[Result]) -> list[str]:
    """The fingerprints whose verdict says another kind than the fake gives their text."""
    by_key = {one.fingerprint.value: one for one in asked}
    out = []
    for result in results:
        text = outgoing(by_key[result.fingerprint].samples[0].text)
        if isinstance(result, Verdict) and result.kind != label_of(text, result.origin)[0]:
            out.append(text)
    return out


def asking(provider: Provider, time: Time, **given: Any) -> Asking:
    """The policy around a provider, with no limit that a test does not set, and chance that always draws a half."""
    values: dict[str, Any] = {
        "price": None,
        "budget": Budget(dollars_per_hour=100.0, dollars_per_day=100.0, calls_per_minute=10_000),
        "pace": NoPace(),
        "clock": time.clock,
        "sleep": time.sleep,
        "draw": lambda: 0.5,
        "limits": Limits(),
    }
    return Asking(provider, **values | given)


def classifier(llm: Llm, time: Time, *, seed: int = 0, taxonomy: Taxonomy | None = None, **given: Any) -> Classifier:
    return Classifier(
        llm,
        taxonomy=taxonomy or default_taxonomy(),
        now_ms=time.now_ms,
        draw=random.Random(seed).randrange,
        **given,
    )


@dataclass
class Scripted:
    """An `Llm` that answers by a function of the question, and remembers what it was asked."""

    answer: Callable[[Question], str | Exception]
    questions: list[Question] = field(default_factory=list)

    async def ask(self, question: Question) -> Answer:
        self.questions.append(question)
        await asyncio.sleep(0)
        answer = self.answer(question)
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, "claude-haiku-5-5", Usage(calls=1))
