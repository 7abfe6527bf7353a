"""How a question is asked, whoever the provider is: retries, waits, deadline, money, breaker. On a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiolimiter import AsyncLimiter
from structlog.testing import capture_logs
from suites.asking import QUESTION, Time, asking

from agents.clients.asking import Asking, End, Limits, Reply, pace_of
from agents.clients.faults import CallFailed, Way
from agents.llm import (
    AnswerCutOff,
    Budget,
    BudgetSpent,
    LlmClosed,
    LlmUnavailable,
    QuestionMalformed,
    QuestionRefused,
    QuestionTooLarge,
    UnknownPrice,
    Usage,
)
from streams.contract import telemetry
from streams.contract.telemetry import LogEvent, Metric

GOOD = Reply("{}", "claude-haiku-5-5", Usage(input_tokens=1_000, cached_tokens=500, output_tokens=200), End.COMPLETE)
OVERLOADED = CallFailed(Way.RETRY, "HTTP 529")
REFUSED = CallFailed(Way.CLOSE, "HTTP 401 authentication_error")


@dataclass
class Provided:
    """A provider that does what its list says, the last of it for ever."""

    steps: list[Reply | CallFailed | float]
    """A number is a wait without an end, of real seconds."""
    llm: str = "claude-haiku-5-5"
    sent: int = 0

    async def send(self, question: object) -> Reply:
        step = self.steps[min(self.sent, len(self.steps) - 1)]
        self.sent += 1
        await asyncio.sleep(step if isinstance(step, float) else 0)
        if isinstance(step, CallFailed):
            raise step
        return step if isinstance(step, Reply) else GOOD

    async def aclose(self) -> None:
        """Nothing to let go of."""


@dataclass
class Observed:
    """Sums by metric and labels."""

    sums: dict[tuple[str, ...], float] = field(default_factory=dict)

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        key = metric.name, *labels
        self.sums[key] = self.sums.get(key, 0) + amount

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        self.sums[metric.name, *labels] = value

    def waiting_for(self, what: str) -> None:
        """Not asked for here."""


def ask(steps: list[Any], **given: Any) -> tuple[object, Provided, Time, Asking]:
    """Answer or error of one question, and what was done for it."""
    time, provided = Time(), Provided(steps)
    llm = asking(provided, time, **given)

    async def once() -> object:
        try:
            return await llm.ask(QUESTION)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    return asyncio.run(once()), provided, time, llm


def test_a_good_answer_is_one_request_with_its_cost() -> None:
    answer, provided, time, llm = ask([GOOD])
    assert answer.text == "{}"  # type: ignore[attr-defined]
    assert provided.sent == 1
    assert time.slept == []
    assert llm.spent.calls == 1
    assert llm.spent.dollars == pytest.approx((1_000 * 0.10 + 500 * 0.01 + 200 * 0.50) / 1e6)


@pytest.mark.parametrize("draw", [0.0, 0.5, 1.0])
def test_overload_is_tried_again_with_full_jitter_and_a_cap(draw: float) -> None:
    error, provided, time, _ = ask([OVERLOADED], draw=lambda: draw)
    assert isinstance(error, LlmUnavailable)
    assert provided.sent == Limits().requests_max == 4
    assert time.slept == pytest.approx([1.0 * draw, 2.0 * draw, 4.0 * draw])


def test_an_answer_after_failures_is_an_answer() -> None:
    answer, provided, _, llm = ask([OVERLOADED, OVERLOADED, GOOD])
    assert answer.text == "{}"  # type: ignore[attr-defined]
    assert provided.sent == 3
    assert llm.spent.calls == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (REFUSED, LlmClosed),
        (CallFailed(Way.SPLIT, "HTTP 413"), QuestionTooLarge),
        (CallFailed(Way.GIVE_UP, "HTTP 400"), QuestionMalformed),
        (CallFailed(Way.LATER, "HTTP 500"), LlmUnavailable),
    ],
)
def test_what_no_second_try_would_change_is_tried_once(fault: CallFailed, error: type[Exception]) -> None:
    told, provided, time, _ = ask([fault])
    assert type(told) is error
    assert (provided.sent, time.slept) == (1, [])


@pytest.mark.parametrize(
    ("end", "error"), [(End.CUT_OFF, AnswerCutOff), (End.REFUSED, QuestionRefused)], ids=["cut off", "refused"]
)
def test_an_answer_that_is_no_whole_one_is_paid_for_and_not_tried_again(end: End, error: type[Exception]) -> None:
    told, provided, _, llm = ask([replace(GOOD, end=end)])
    assert type(told) is error
    assert provided.sent == 1
    assert llm.spent.output_tokens == 200


def test_a_wait_that_the_server_asks_for_is_kept() -> None:
    answer, provided, time, _ = ask([CallFailed(Way.RETRY, "HTTP 429", retry_after_s=30.0), GOOD])
    assert answer.text == "{}"  # type: ignore[attr-defined]
    assert (provided.sent, time.slept) == (2, [30.0])


def test_a_wait_beyond_a_minute_is_given_back_and_nobody_asks_before() -> None:
    time = Time()
    llm = asking(Provided([CallFailed(Way.RETRY, "HTTP 429", retry_after_s=86_399.0)]), time)

    async def both() -> tuple[LlmUnavailable, LlmClosed]:
        with pytest.raises(LlmUnavailable) as first:
            await llm.ask(QUESTION)
        with pytest.raises(LlmClosed) as second:
            await llm.ask(QUESTION)
        return first.value, second.value

    first, second = asyncio.run(both())
    assert time.slept == []
    assert first.retry_after_s == second.retry_after_s == 86_399.0


def test_waits_that_together_pass_the_deadline_end_the_question() -> None:
    error, provided, time, _ = ask([CallFailed(Way.RETRY, "HTTP 429", retry_after_s=25.0)])
    assert isinstance(error, LlmUnavailable)
    assert error.retry_after_s == 25.0
    assert (provided.sent, time.slept) == (3, [25.0, 25.0])


def test_a_request_that_never_ends_ends_at_the_deadline_and_its_whole_reservation_is_spent() -> None:
    budget = Budget(dollars_per_hour=1.0, dollars_per_day=1.0, calls_per_minute=100)
    error, provided, _, _ = ask([60.0], limits=Limits(deadline_s=0.05), budget=budget)
    assert isinstance(error, LlmUnavailable)
    assert "0.05 s" in str(error)
    assert provided.sent == 1
    assert budget.reserved == 0.0


def test_waiting_for_a_turn_counts_for_the_deadline() -> None:
    async def run() -> None:
        pace = AsyncLimiter(1, 3_600)
        await pace.acquire()
        provided = Provided([GOOD])
        with pytest.raises(LlmUnavailable, match=r"no answer within 0\.05 s"):
            await asking(provided, Time(), pace=pace, limits=Limits(deadline_s=0.05)).ask(QUESTION)
        assert provided.sent == 0

    asyncio.run(run())


def test_a_refusal_opens_the_breaker_at_once_and_a_good_answer_later_closes_it() -> None:
    time, provided = Time(), Provided([REFUSED, GOOD])
    llm = asking(provided, time)

    async def run() -> None:
        with pytest.raises(LlmClosed) as first:
            await llm.ask(QUESTION)
        with pytest.raises(LlmClosed):
            await llm.ask(QUESTION)
        assert provided.sent == 1
        time.now_s += first.value.retry_after_s
        await llm.ask(QUESTION)
        await llm.ask(QUESTION)
        assert provided.sent == 3

    with capture_logs() as logs:
        asyncio.run(run())
    events = [line["event"] for line in logs]
    assert events.count(LogEvent.LLM_CLOSED) == events.count(LogEvent.LLM_REOPENED) == 1


def test_questions_that_fail_one_after_the_other_open_it_too() -> None:
    time, provided = Time(), Provided([OVERLOADED])
    llm = asking(provided, time)

    async def run() -> None:
        for _ in range(2):
            with pytest.raises(LlmUnavailable):
                await llm.ask(QUESTION)
        assert provided.sent == 5
        with pytest.raises(LlmClosed):
            await llm.ask(QUESTION)
        assert provided.sent == 5

    asyncio.run(run())


def test_the_budget_is_asked_before_each_request_and_never_exceeded_by_questions_at_once() -> None:
    time, provided = Time(), Provided([GOOD])
    bound = asking(provided, time)._asked_price.bound(QUESTION)
    budget = Budget(dollars_per_hour=2.5 * bound, dollars_per_day=1.0, calls_per_minute=100)
    llm = asking(provided, time, budget=budget)

    async def run() -> list[object]:
        return await asyncio.gather(*(llm.ask(QUESTION) for _ in range(5)), return_exceptions=True)

    results = asyncio.run(run())
    assert provided.sent == 2
    assert [type(result) for result in results].count(BudgetSpent) == 3


def test_an_answer_of_an_llm_without_a_price_is_refused_and_nothing_more_is_spent() -> None:
    error, provided, _, _ = ask([replace(GOOD, llm="claude-next")])
    assert isinstance(error, LlmClosed)
    assert "claude-next" in str(error)
    assert provided.sent == 1


def test_an_llm_without_a_price_is_not_asked_at_all() -> None:
    with pytest.raises(UnknownPrice, match="claude-next"):
        asking(Provided([GOOD], llm="claude-next"), Time())


def test_an_interface_that_counts_nothing_is_not_taken_for_a_free_one() -> None:
    budget = Budget(dollars_per_hour=1.0, dollars_per_day=1.0, calls_per_minute=100)
    _, _, time, llm = ask([replace(GOOD, usage=Usage())], budget=budget)
    left = 1.0 - llm._asked_price.bound(QUESTION)
    with pytest.raises(BudgetSpent):
        budget.reserve(left + 1e-6, time.now_s)


def test_a_form_that_never_fits_ends() -> None:
    error, provided, _, _ = ask([CallFailed(Way.ADAPTED, "HTTP 400")])
    assert isinstance(error, LlmUnavailable)
    assert provided.sent == 7


@pytest.mark.parametrize("calls_per_minute", [1, 2, 5, 50, 1_000])
def test_no_minute_has_more_turns_than_allowed(calls_per_minute: int) -> None:
    """On the loop's own clock, which stands here where the test puts it."""

    class Loop(asyncio.SelectorEventLoop):
        now_s = 0.0

        def time(self) -> float:
            return self.now_s

    loop, times = Loop(), list[float]()

    async def run() -> None:
        pace = pace_of(calls_per_minute)
        while loop.now_s < 180.0:
            if pace.has_capacity():
                await pace.acquire()
                times.append(loop.now_s)
            else:
                loop.now_s += 0.25

    try:
        loop.run_until_complete(run())
    finally:
        loop.close()
    most = max(sum(1 for other in times if at <= other < at + 60) for at in times)
    assert 0 < most <= calls_per_minute


def test_each_request_is_one_line_and_counted_once() -> None:
    observed = Observed()
    with capture_logs() as logs:
        ask([OVERLOADED, GOOD], observer=observed)
    first, second = (line for line in logs if line["event"] == LogEvent.LLM_CALL)
    assert (first["outcome"], first["reason"], first["dollars"]) == ("retry", "HTTP 529", 0.0)
    assert (second["outcome"], second["cached_tokens"], second["input_tokens"]) == ("answered", 500, 1_000)
    assert observed.sums[telemetry.LLM_CALLS.name, "answered"] == 1
    assert observed.sums[telemetry.LLM_CALLS.name, "retry"] == 1
    assert observed.sums[telemetry.LLM_TOKENS.name, "cached"] == 500
    assert observed.sums[telemetry.LLM_DOLLARS.name,] == pytest.approx(0.000205)


def test_a_question_that_is_cancelled_leaves_no_money_behind_reserved() -> None:
    budget = Budget(dollars_per_hour=1.0, dollars_per_day=1.0, calls_per_minute=100)

    async def run() -> None:
        task = asyncio.create_task(asking(Provided([60.0]), Time(), budget=budget).ask(QUESTION))
        await asyncio.sleep(0.01)
        assert budget.reserved > 0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert budget.reserved == 0.0


CHANGES: dict[str, Callable[[Asking], object]] = {"repr": repr, "str": str}


@pytest.mark.parametrize("shown", CHANGES.values(), ids=CHANGES)
def test_what_it_shows_of_itself_is_the_name_of_the_llm(shown: Callable[[Asking], object]) -> None:
    assert shown(asking(Provided([GOOD]), Time())) == "Asking(claude-haiku-5-5)"
