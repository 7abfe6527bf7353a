"""Asks about unseen fingerprints, asks again what is missing, and says something of every one of them.

For each fingerprint comes back a `Verdict`, or an `Unanswered` with the time to ask again; nothing is kept waiting and
nothing is lost. An answer is asked for twice at most: what is missing or wrong the first time is asked again in
smaller questions, what is wrong then is given back. An answer that was cut off is asked again in halves, one that was
refused is halved until the item is alone that the llm will not judge; that one gets a verdict `unknown`, so that it is
not asked about every hour for ever.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import structlog

from agents.classify.prompt import Prompt, Row
from agents.llm import (
    Answer,
    AnswerCutOff,
    Llm,
    LlmError,
    LlmUnavailable,
    NoLlm,
    QuestionRefused,
    QuestionTooLarge,
)
from streams.contract import telemetry
from streams.contract.alias import Alias, AliasSource, alias_of
from streams.contract.classified import Unseen
from streams.contract.taxonomy import Taxonomy
from streams.contract.telemetry import LogEvent, Observer
from streams.contract.verdict import REASON_CHARS_MAX, UNKNOWN, Unanswered, Verdict, VerdictSource
from streams.core.aliaser import Neighbour

log_event: structlog.stdlib.BoundLogger = structlog.get_logger()

BATCH_ITEMS: Final = 50
BATCH_MAX_S: Final = 120
"""No question of a batch begins later than this after its first."""
QUESTIONS_MAX: Final = 24
"""For one batch, however it is split: one item of 50 that is refused takes 12."""
KNOWN_MAX: Final = 50_000
"""Verdicts of this process that are remembered."""
RETRY_FIRST_MS: Final = 60_000
RETRY_MAX_MS: Final = 3_600_000
HOUR_MS: Final = 3_600_000
UNKNOWN_FIRST_MS: Final = 24 * HOUR_MS
UNKNOWN_MAX_MS: Final = 30 * 24 * HOUR_MS
CONFIDENCE_MIN: Final = 0.8
LOW_CONFIDENCE_HOURS: Final = 168

Result = Verdict | Unanswered
Near = Mapping[str, Sequence[Neighbour]]
"""By fingerprint: what it may be the same problem as."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A verdict that this process gave, and for the how many-th question."""

    verdict: Verdict
    attempt: int


@dataclass(slots=True)
class _Round:
    """What has come of one batch so far."""

    until_ms: int
    near: Near
    aliases: list[Alias]
    results: dict[str, Result] = field(default_factory=dict)
    questions: int = 0
    stopped: tuple[str, float] | None = None
    """Why no more is asked for this batch, and how many seconds to stay away."""


class Classifier:
    """Works on several batches at once; belongs to one event loop."""

    def __init__(
        self,
        llm: Llm,
        *,
        taxonomy: Taxonomy,
        now_ms: Callable[[], int],
        draw: Callable[[int], int],
        batch_items: int = BATCH_ITEMS,
        confidence_min: float = CONFIDENCE_MIN,
        low_confidence_hours: int = LOW_CONFIDENCE_HOURS,
        observer: Observer | None = None,
    ) -> None:
        """`now_ms` is the wall clock; `draw(n)` gives a number from 0 to n - 1.

        A verdict under `confidence_min` says to ask again after `low_confidence_hours`.
        """
        self._llm = llm
        self._prompt = Prompt(taxonomy)
        self._taxonomy = taxonomy
        self._now_ms = now_ms
        self._draw = draw
        self._batch_items = batch_items
        self._confidence_min = confidence_min
        self._low_confidence_ms = low_confidence_hours * HOUR_MS
        self._observer = observer
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._on_their_way: dict[str, asyncio.Future[Result]] = {}

    @property
    def prompt_version(self) -> str:
        """Of every question, and on every verdict."""
        return self._prompt.version

    async def answers(self, batch: Sequence[Unseen], near: Near) -> list[Result | Alias]:
        """What `classify` gives, and an alias for each that the llm holds for the same problem as one `near` it."""
        aliases: list[Alias] = []
        results = await self.classify(batch, near, aliases)
        agreed = [alias for alias in aliases if self._may_be_one(alias)]
        if len(agreed) < len(aliases):
            faults = {"same_as_of_another_kind": len(aliases) - len(agreed)}
            log_event.warning(LogEvent.LLM_ANSWER_FAULTY, asked=len(batch), kept=len(results), faults=faults)
        return [*results, *agreed]

    def _may_be_one(self, alias: Alias) -> bool:
        """Not what has two kinds, as far as this process gave them."""
        kinds = {known.verdict.kind for key in (alias.a, alias.b) if (known := self._known.get(key)) is not None}
        return len(kinds) < 2

    async def classify(
        self, batch: Sequence[Unseen], near: Near = MappingProxyType({}), aliases: list[Alias] | None = None
    ) -> list[Result]:
        """One result for each distinct fingerprint, in the order of their first appearance. Raises nothing of its own.

        A fingerprint that this process has a verdict for is not asked about again, unless its record is for a later
        question than the verdict answered and asks for it (`recheck`). One that another batch is asking about waits
        for that one's result. Adds to `aliases`.
        """
        wanted: dict[str, Unseen] = {}
        for unseen in batch:
            before = wanted.get(unseen.fingerprint.value)
            wanted[unseen.fingerprint.value] = unseen if before is None or unseen.attempt > before.attempt else before
        results: dict[str, Result] = {}
        awaited: dict[str, asyncio.Future[Result]] = {}
        asking: list[Unseen] = []
        for key, unseen in wanted.items():
            if verdict := self._verdict_of(unseen):
                results[key] = verdict
            elif future := self._on_their_way.get(key):
                awaited[key] = future
            else:
                asking.append(unseen)
        results |= await self._ask_all(asking, near, [] if aliases is None else aliases)
        for key, future in awaited.items():
            # Shielded: a batch that is cancelled while it waits must not take the result from the one that asks.
            results[key] = await asyncio.shield(future)
        if self._observer is not None:
            told = Counter("verdict" if isinstance(one, Verdict) else "unanswered" for one in results.values())
            for result, number in told.items():
                self._observer.add(telemetry.LLM_RESULTS, number, result)
        return [results[key] for key in wanted]

    def _verdict_of(self, unseen: Unseen) -> Verdict | None:
        known = self._known.get(unseen.fingerprint.value)
        if known is None or (unseen.asking_because == "recheck" and unseen.attempt > known.attempt):
            return None
        return known.verdict

    async def _ask_all(self, asking: Sequence[Unseen], near: Near, aliases: list[Alias]) -> Mapping[str, Result]:
        """Ask in questions of at most `batch_items`, one after the other, and tell whoever waits for them.

        Adds to `aliases`.
        """
        loop = asyncio.get_running_loop()
        promised = {unseen.fingerprint.value: loop.create_future() for unseen in asking}
        self._on_their_way |= promised
        results: dict[str, Result] = {}
        try:
            for part in _parts(asking, self._batch_items):
                work = _Round(self._now_ms() + BATCH_MAX_S * 1000, near, aliases)
                results |= await self._ask_part(part, work)
        finally:
            for unseen in asking:
                key = unseen.fingerprint.value
                result = results.get(key) or self._unanswered(unseen, "the process stopped asking", 0.0)
                self._on_their_way.pop(key, None)
                promised[key].set_result(result)
        return results

    async def _ask_part(self, part: Sequence[Unseen], work: _Round) -> Mapping[str, Result]:
        missing = await self._ask(part, work)
        # Once more, in a smaller question; where nothing at all was right, in two.
        again = [missing] if len(missing) < len(part) or len(part) == 1 else _halves(missing)
        left = [unseen for few in again if few for unseen in await self._ask(few, work)]
        reason, wait_s = work.stopped or ("no valid row for it in two answers", 0.0)
        given_up = [self._unanswered(unseen, reason, wait_s) for unseen in left]
        if given_up and not isinstance(self._llm, NoLlm):  # that there is none was said when the process began
            log_event.warning(
                LogEvent.LLM_UNANSWERED,
                fingerprints=len(given_up),
                reason=reason,
                retry_after_s=max(0, min(one.retry_at_ms for one in given_up) - self._now_ms()) // 1000,
            )
        return work.results | {one.fingerprint: one for one in given_up}

    async def _ask(self, batch: Sequence[Unseen], work: _Round) -> list[Unseen]:
        """Ask one question, or its halves where it is too much. Returns what got no valid row."""
        if work.stopped is None and work.questions >= QUESTIONS_MAX:
            work.stopped = f"{QUESTIONS_MAX} questions for one batch were not enough", 0.0
        if work.stopped is None and work.questions and self._now_ms() >= work.until_ms:
            work.stopped = f"{BATCH_MAX_S} s for one batch were not enough", 0.0
        if work.stopped is not None:
            return list(batch)
        work.questions += 1
        sheet = self._prompt.sheet(batch, self._draw, work.near)
        try:
            answer = await self._llm.ask(sheet.question)
        except LlmUnavailable as error:
            work.stopped = str(error), error.retry_after_s
            return list(batch)
        except AnswerCutOff as error:
            kept = self._keep(batch, error.answer, self._prompt.read(error.answer.text, sheet).rows, work)
            left = [unseen for unseen in batch if unseen.fingerprint.value not in kept]
            return left if len(batch) == 1 else await self._in_halves(left, work)
        except (QuestionRefused, QuestionTooLarge) as error:
            if len(batch) > 1:
                return await self._in_halves(batch, work)
            work.results[batch[0].fingerprint.value] = self._no_verdict(batch[0], str(error))
            return []
        except LlmError as error:
            work.stopped = str(error), 0.0
            return list(batch)
        reading = self._prompt.read(answer.text, sheet)
        kept = self._keep(batch, answer, reading.rows, work)
        if reading.faults:
            log_event.warning(LogEvent.LLM_ANSWER_FAULTY, asked=len(batch), kept=len(kept), faults=reading.faults)
        return [unseen for unseen in batch if unseen.fingerprint.value not in kept]

    async def _in_halves(self, batch: Sequence[Unseen], work: _Round) -> list[Unseen]:
        return [unseen for half in _halves(batch) if half for unseen in await self._ask(half, work)]

    def _keep(
        self, batch: Sequence[Unseen], answer: Answer, rows: Mapping[str, Row], work: _Round
    ) -> Mapping[str, Row]:
        for unseen in batch:
            row = rows.get(unseen.fingerprint.value)
            if row is not None:
                verdict = self._verdict(unseen, row, answer.llm)
                work.results[unseen.fingerprint.value] = verdict
                self._remember(unseen, verdict)
                if row.same_as and row.confidence >= self._confidence_min:
                    work.aliases.append(self._alias(unseen, row))
        return rows

    def _alias(self, unseen: Unseen, row: Row) -> Alias:
        return alias_of(
            unseen.fingerprint.value,
            row.same_as,
            origin=unseen.origin,
            source=AliasSource.LLM,
            reason=f"the same {row.kind}: {row.reason}",
            decided_at_ms=self._now_ms(),
        )

    def _verdict(self, unseen: Unseen, row: Row, llm: str) -> Verdict:
        now_ms = self._now_ms()
        recheck_ms = None
        if row.kind == UNKNOWN:
            recheck_ms = now_ms + _grown(UNKNOWN_FIRST_MS, unseen.attempt, UNKNOWN_MAX_MS)
        elif row.confidence < self._confidence_min:
            recheck_ms = now_ms + self._low_confidence_ms
        return Verdict(
            fingerprint=unseen.fingerprint.value,
            origin=unseen.origin,
            kind=row.kind,
            family=self._taxonomy.family(unseen.origin, row.kind),
            confidence=row.confidence,
            source=VerdictSource.LLM,
            decided_at_ms=now_ms,
            reason=row.reason,
            transient=self._taxonomy.transient(unseen.origin, row.kind),
            model=llm[:128],
            prompt_version=self._prompt.version,
            taxonomy_version=self._taxonomy.version,
            recheck_after_ms=recheck_ms,
        )

    def _no_verdict(self, unseen: Unseen, reason: str) -> Verdict:
        """The answer is that there will be none: `unknown`, to be asked again after days."""
        verdict = self._verdict(unseen, Row(UNKNOWN, 0.0, reason[:REASON_CHARS_MAX]), "")
        self._remember(unseen, verdict)
        return verdict

    def _remember(self, unseen: Unseen, verdict: Verdict) -> None:
        key = unseen.fingerprint.value
        self._known[key] = _Known(verdict, unseen.attempt)
        self._known.move_to_end(key)
        if len(self._known) > KNOWN_MAX:
            self._known.popitem(last=False)

    def _unanswered(self, unseen: Unseen, reason: str, wait_s: float) -> Unanswered:
        wait_ms = max(_grown(RETRY_FIRST_MS, unseen.attempt, RETRY_MAX_MS), round(wait_s * 1000))
        return Unanswered(
            fingerprint=unseen.fingerprint.value,
            origin=unseen.origin,
            retry_at_ms=self._now_ms() + wait_ms,
            reason=reason[:REASON_CHARS_MAX],
        )


def _grown(first_ms: int, attempt: int, max_ms: int) -> int:
    """`first_ms`, doubled with every attempt after the first."""
    return min(first_ms << min(attempt - 1, 30), max_ms)


def _halves(batch: Sequence[Unseen]) -> list[list[Unseen]]:
    middle = (len(batch) + 1) // 2
    return [list(batch[:middle]), list(batch[middle:])]


def _parts(batch: Sequence[Unseen], size: int) -> Iterator[Sequence[Unseen]]:
    for start in range(0, len(batch), size):
        yield batch[start : start + size]
