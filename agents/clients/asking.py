"""How any llm is asked: in step with MAX_RPM, within the budget, not while the breaker is open, with few retries and
one deadline for all of them.

An adapter sends one request and says what came of it; everything else is decided here, once for all providers.
Clock, sleep and chance are arguments.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog
from aiolimiter import AsyncLimiter

from agents.clients.breaker import Breaker
from agents.clients.faults import CallFailed, Way, told
from agents.llm import (
    PRICES,
    Answer,
    AnswerCutOff,
    Budget,
    BudgetSpent,
    LlmClosed,
    LlmUnavailable,
    Price,
    Question,
    QuestionMalformed,
    QuestionRefused,
    QuestionTooLarge,
    UnknownPrice,
    Usage,
    price_of,
)
from streams.contract import telemetry
from streams.contract.telemetry import LogEvent, Observer

log_event: structlog.stdlib.BoundLogger = structlog.get_logger()


class End(enum.Enum):
    """How an answer ended."""

    COMPLETE = "answered"
    CUT_OFF = "cut_off"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer as a provider gave it."""

    text: str
    llm: str
    """The name that the interface answered with."""
    usage: Usage
    """Without dollars."""
    end: End


class Provider(Protocol):
    """One interface of one llm."""

    @property
    def llm(self) -> str:
        """The name that is asked for."""

    async def send(self, question: Question) -> Reply:
        """Send one request, without retries. Raises: CallFailed."""

    async def aclose(self) -> None:
        """Let go of connections."""


class Pace(Protocol):
    """Lets one request through at a time that suits a limit."""

    async def acquire(self) -> None:
        """Wait for the next turn."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one question may take."""

    deadline_s: float = 60.0
    """For everything: waiting for a turn, all requests, all waits between them."""
    requests_max: int = 4
    backoff_first_s: float = 1.0
    """The first wait is drawn from 0 to this; each later one from twice as much."""
    backoff_max_s: float = 16.0
    retry_after_max_s: float = 60.0
    """A server that asks for a longer wait gets it, but not from a question that is kept waiting."""


READ_S: Final = 60.0
"""What the libraries wait for a connection, or between two pieces of an answer; the deadline is over all of them."""
ADAPTIONS_MAX: Final = 6
"""Changes of the form of requests while one question waits."""


def pace_of(calls_per_minute: int) -> AsyncLimiter:
    """At most so many calls in any minute: a fifth of them at once, the rest evenly.

    A leaky bucket lets `burst + rate` through in its first minute, so the two share the limit.
    """
    burst = max(1, calls_per_minute // 5)
    return AsyncLimiter(burst, 60.0 * burst / max(1, calls_per_minute - burst))


class Asking:
    """An `Llm` over one provider. Made and used in one event loop; several questions may be on their way."""

    def __init__(
        self,
        provider: Provider,
        *,
        price: Price | None,
        budget: Budget,
        pace: Pace,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        draw: Callable[[], float],
        breaker: Breaker | None = None,
        limits: Limits | None = None,
        observer: Observer | None = None,
        prices: Mapping[str, Price] = PRICES,
    ) -> None:
        """`price` is for whatever name the interface answers with; None: by name from `prices`.

        `clock` gives seconds that never go back; `draw` gives numbers from 0 to 1.

        Raises: UnknownPrice.
        """
        self._provider = provider
        self._price = price
        self._prices = prices
        self._asked_price = price or price_of(provider.llm, prices)
        self._budget = budget
        self._pace = pace
        self._clock = clock
        self._sleep = sleep
        self._draw = draw
        self._breaker = breaker or Breaker()
        self._limits = limits or Limits()
        self._observer = observer
        self.spent = Usage()
        """Everything since the process began."""

    def __repr__(self) -> str:
        return f"Asking({self._provider.llm})"

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._provider.aclose()

    async def ask(self, question: Question) -> Answer:
        """The whole answer, within the deadline.

        Raises: every LlmError.
        """
        deadline_s = self._clock() + self._limits.deadline_s
        timeout = asyncio.timeout(self._limits.deadline_s)
        try:
            async with timeout:
                return await self._ask(question, deadline_s)
        except TimeoutError:
            if not timeout.expired():
                raise
            raise LlmUnavailable(f"no answer within {self._limits.deadline_s:g} s") from None

    async def _ask(self, question: Question, deadline_s: float) -> Answer:
        requests = adaptions = 0
        while True:
            try:
                reply = await self._request(question)
            except CallFailed as fault:
                if fault.way is Way.ADAPTED and adaptions < ADAPTIONS_MAX:
                    adaptions += 1
                    continue
                requests += 1
                wait_s = self._wait_s(fault, requests, deadline_s)
            except BudgetSpent as spent:
                wait_s = spent.retry_after_s
                if self._clock() + wait_s >= deadline_s:
                    raise
            else:
                return _answer(reply)
            await self._sleep(wait_s)

    async def _request(self, question: Question) -> Reply:
        """One request: its turn, its money, its line in the log."""
        wait_s = self._breaker.closed_for_s(self._clock())
        if wait_s <= 0:
            await self._pace.acquire()
        now_s = self._clock()
        self._breaker.enter(now_s)  # never waits: between here and the request nothing else runs
        try:
            reserved = self._budget.reserve(self._asked_price.bound(question), now_s)
        except BudgetSpent:
            self._breaker.left()
            raise
        took: float | None = None
        try:
            reply = self._priced(await self._provider.send(question))
            took = reply.usage.dollars or None  # an interface that counts nothing is not taken for a free one
        except CallFailed as fault:
            took = None if fault.may_be_billed else 0.0
            self._failed(fault)
            self._say(fault.way.name.lower(), began_s=now_s, reason=fault.reason)
            raise
        except BaseException:  # cancelled, by the deadline or by the process's end: nobody knows what it cost
            if self._breaker.failed(self._clock(), "a request took too long"):
                self._say_opened("requests took too long")
            self._say("abandoned", began_s=now_s)
            raise
        finally:
            self._budget.settle(reserved, reserved.dollars if took is None else took, self._clock())
        if self._breaker.answered():
            log_event.info(LogEvent.LLM_REOPENED, llm=self._provider.llm)
        self._say(reply.end.value, began_s=now_s, usage=reply.usage)
        return reply

    def _priced(self, reply: Reply) -> Reply:
        try:
            price = self._price or price_of(reply.llm, self._prices)
        except UnknownPrice as unknown:
            raise CallFailed(Way.CLOSE, str(unknown), may_be_billed=True) from None
        return replace(reply, usage=replace(reply.usage, calls=1, dollars=price.dollars(reply.usage)))

    def _failed(self, fault: CallFailed) -> None:
        """Tell the breaker."""
        now_s, wait_s = self._clock(), fault.retry_after_s or 0.0
        if fault.way is Way.CLOSE:
            opened = self._breaker.refused(now_s, fault.reason, **({"open_s": wait_s} if wait_s else {}))
        elif wait_s > self._limits.retry_after_max_s:
            opened = self._breaker.refused(now_s, fault.reason, open_s=wait_s)
        elif fault.way in {Way.ADAPTED, Way.SPLIT}:
            self._breaker.left()
            return
        else:
            opened = self._breaker.failed(now_s, fault.reason)
        if opened:
            self._say_opened(fault.reason)

    def _say_opened(self, reason: str) -> None:
        log_event.error(
            LogEvent.LLM_CLOSED,
            llm=self._provider.llm,
            reason=reason,
            retry_after_s=round(self._breaker.closed_for_s(self._clock())),
        )

    def _wait_s(self, fault: CallFailed, requests: int, deadline_s: float) -> float:
        """How long to wait before the next request; raises what the asker gets when there is none."""
        if fault.way is Way.CLOSE:
            raise LlmClosed(fault.reason, retry_after_s=self._breaker.closed_for_s(self._clock())) from None
        if fault.way is Way.SPLIT:
            raise QuestionTooLarge(fault.reason) from None
        if fault.way is Way.GIVE_UP:
            raise QuestionMalformed(fault.reason) from None
        longest_s: float = min(self._limits.backoff_first_s * 2 ** (requests - 1), self._limits.backoff_max_s)
        wait_s = max(self._draw() * longest_s, fault.retry_after_s or 0.0)
        is_last = fault.way in {Way.LATER, Way.ADAPTED} or requests >= self._limits.requests_max
        if is_last or wait_s > self._limits.retry_after_max_s or self._clock() + wait_s >= deadline_s:
            raise LlmUnavailable(fault.reason, retry_after_s=fault.retry_after_s or 0.0) from None
        return wait_s

    def _say(self, outcome: str, *, began_s: float, usage: Usage | None = None, reason: str = "") -> None:
        """One line and one count for every request."""
        usage = usage or Usage(calls=1)
        self.spent += usage
        tokens = {
            "input": usage.input_tokens,
            "cached": usage.cached_tokens,
            "cache_written": usage.cache_written_tokens,
            "output": usage.output_tokens,
        }
        log = log_event.warning if reason else log_event.info
        log(
            LogEvent.LLM_CALL,
            llm=told(self._provider.llm),
            outcome=outcome,
            dollars=round(usage.dollars, 6),
            took_s=round(self._clock() - began_s, 3),
            **{f"{name}_tokens": number for name, number in tokens.items()},
            **({"reason": reason} if reason else {}),
        )
        if self._observer is not None:
            self._observer.add(telemetry.LLM_CALLS, 1, outcome)
            self._observer.add(telemetry.LLM_DOLLARS, usage.dollars)
            for name, number in tokens.items():
                self._observer.add(telemetry.LLM_TOKENS, number, name)


def _answer(reply: Reply) -> Answer:
    answer = Answer(reply.text, reply.llm, reply.usage)
    if reply.end is End.REFUSED:
        raise QuestionRefused("the llm refuses to answer this question")
    if reply.end is End.CUT_OFF:
        raise AnswerCutOff("the answer was cut off at its limit of tokens", answer=answer)
    return answer
