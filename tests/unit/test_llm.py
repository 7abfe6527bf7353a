"""Prices, the budget, the breaker, and what an HTTP status asks us to do."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.table import each

from agents.clients import faults
from agents.clients.breaker import FAILURES_MAX, OPEN_MAX_S, OPEN_S, REFUSED_S, Breaker
from agents.clients.faults import CallFailed, Way, retry_after_s, told
from agents.llm import (
    PRICES,
    Budget,
    BudgetSpent,
    LlmClosed,
    NoLlm,
    Price,
    Question,
    Reservation,
    UnknownPrice,
    Usage,
    price_of,
    tokens_bound,
)

MILLION = 1_000_000
QUESTION = Question("x" * 2_500, "y" * 5_000, {}, 1_000)


# Prices


@pytest.mark.parametrize(
    ("llm", "dollars"),
    [
        ("claude-haiku-5-5", 0.60),
        ("claude-haiku-4-5", 6.00),
        ("claude-haiku-4-5-20251001", 6.00),
        ("claude-sonnet-5-5", 12.00),
        ("claude-opus-5-5", 24.00),
        ("gpt-4o-mini-2024-07-18", 0.75),
    ],
)
def test_a_million_tokens_each_way_cost_what_the_list_says_of_the_llm_that_answered(llm: str, dollars: float) -> None:
    per_call = Usage(input_tokens=1_000, output_tokens=1_000)
    assert price_of(llm).dollars(per_call) * 1_000 == pytest.approx(dollars)


@pytest.mark.parametrize("llm", ["claude-opus-9", "gpt-5-mini", "claude-haiku-5-5-turbo", "haiku", "gpt-4o"])
def test_an_llm_that_is_not_in_the_table_has_no_price_and_the_way_out_is_told(llm: str) -> None:
    with pytest.raises(UnknownPrice, match=f"{llm}.*FAULTLINE_LLM_PRICE"):
        price_of(llm)


def test_a_cached_token_is_counted_once_and_at_its_own_price() -> None:
    usage = Usage(input_tokens=1_000, cached_tokens=9_000)
    assert price_of("claude-haiku-5-5").dollars(usage) == pytest.approx((1_000 * 0.10 + 9_000 * 0.01) / MILLION)
    assert (usage + usage).cached_tokens == 18_000


def test_a_question_beyond_the_long_bound_costs_more() -> None:
    price = price_of("claude-haiku-5-5")
    assert price.dollars(Usage(input_tokens=100_001)) == pytest.approx(5 * 100_001 * 0.10 / MILLION)


@given(st.text(max_size=300))
def test_the_bound_of_tokens_is_above_what_tokenizers_make_of_a_text(text: str) -> None:
    assert tokens_bound(text) >= len(text) / 2.5 - 1
    assert tokens_bound(text) <= len(text.encode("utf-8", "replace"))


def test_no_call_within_its_bounds_costs_more_than_its_reservation() -> None:
    for price in PRICES.values():
        most = [
            Usage(input_tokens=QUESTION.tokens_max, output_tokens=1_000),
            Usage(cache_written_tokens=QUESTION.tokens_max, output_tokens=1_000),
            Usage(cached_tokens=QUESTION.tokens_max, output_tokens=1_000),
        ]
        assert all(price.dollars(usage) <= price.bound(QUESTION) + 1e-12 for usage in most)


def test_without_an_llm_every_question_is_given_back_with_the_reason() -> None:
    with pytest.raises(LlmClosed, match="no key") as caught:
        asyncio.run(NoLlm().ask(QUESTION))
    assert caught.value.retry_after_s == 3_600


# Budget


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1_500),  # seconds until it happens
            st.sampled_from(["reserve", "settle"]),
            st.floats(0.0, 1.0),  # share of its reservation that a call takes in the end
        ),
        max_size=60,
    ),
    st.floats(0.5, 5.0),
)
def test_no_schedule_of_calls_spends_more_than_the_limit_in_any_hour_or_day(
    steps: list[tuple[float, str, float]], hour: float
) -> None:
    day = 3 * hour
    budget = Budget(dollars_per_hour=hour, dollars_per_day=day, calls_per_minute=1_000)
    now_s, on_their_way, spent = 0.0, list[Reservation](), list[tuple[float, float]]()
    for wait_s, step, share in steps:
        now_s += wait_s
        if step == "reserve":
            with contextlib.suppress(BudgetSpent):
                on_their_way.append(budget.reserve(0.4, now_s))
        elif on_their_way:
            call = on_their_way.pop(0)
            budget.settle(call, call.dollars * share, now_s)
            spent.append((now_s, call.dollars * share))
        for span_s, limit in ((3_600, hour), (86_400, day)):
            within = sum(dollars for at_s, dollars in spent if now_s - span_s < at_s)
            assert within + budget.reserved <= limit + 1e-9
    assert budget.reserved == pytest.approx(0.4 * len(on_their_way))


@given(st.lists(st.floats(0.0, 3.0), max_size=40))
def test_a_call_that_exceeds_its_bound_exceeds_the_limit_alone(factors: list[float]) -> None:
    """A provider may count more tokens than the bound; then that call is over the limit, and the next is not made."""
    budget = Budget(dollars_per_hour=1.0, dollars_per_day=10.0, calls_per_minute=1_000)
    total, most = 0.0, 0.0
    for factor in factors:
        try:
            call = budget.reserve(0.2, 10.0)
        except BudgetSpent:
            break
        budget.settle(call, 0.2 * factor, 10.0)
        total, most = total + 0.2 * factor, max(most, 0.2 * factor)
    assert total <= 1.0 + max(0.0, most - 0.2) + 1e-9


def test_money_comes_back_when_its_hour_is_over_and_the_refusal_says_when() -> None:
    budget = Budget(dollars_per_hour=1.0, dollars_per_day=10.0, calls_per_minute=1_000)
    budget.settle(budget.reserve(1.0, 0.0), 1.0, 0.0)
    with pytest.raises(BudgetSpent, match="FAULTLINE_LLM_DOLLARS_PER_HOUR") as caught:
        budget.reserve(0.5, 10.0)
    at_s = 10.0 + caught.value.retry_after_s
    assert 3_600 <= at_s <= 3_661
    assert budget.reserve(0.5, at_s).dollars == 0.5


def test_a_call_that_can_never_be_paid_is_refused() -> None:
    budget = Budget(dollars_per_hour=0.0, dollars_per_day=0.0, calls_per_minute=10)
    with pytest.raises(BudgetSpent, match=r"limit is \$0"):
        budget.reserve(0.001, 0.0)


def test_no_minute_has_more_calls_than_allowed() -> None:
    budget = Budget(dollars_per_hour=9.0, dollars_per_day=9.0, calls_per_minute=3)
    for at_s in (0.0, 20.0, 40.0):
        budget.reserve(0.0, at_s)
    with pytest.raises(BudgetSpent, match="MAX_RPM") as caught:
        budget.reserve(0.0, 50.0)
    assert caught.value.retry_after_s == pytest.approx(10.0)
    budget.reserve(0.0, 60.0)


# Breaker


def test_failures_in_a_row_open_it_and_an_answer_between_starts_the_count_again() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_MAX - 1):
        breaker.enter(0.0)
        assert not breaker.failed(0.0, "HTTP 500")
    breaker.answered()
    for _ in range(FAILURES_MAX - 1):
        assert not breaker.failed(0.0, "HTTP 500")
    assert breaker.failed(0.0, "HTTP 500")
    with pytest.raises(LlmClosed, match="HTTP 500") as caught:
        breaker.enter(1.0)
    assert caught.value.retry_after_s == pytest.approx(OPEN_S - 1)


def test_after_its_time_one_question_tries_and_decides() -> None:
    breaker = Breaker()
    assert breaker.refused(0.0, "HTTP 401")
    breaker.enter(REFUSED_S)
    with pytest.raises(LlmClosed):
        breaker.enter(REFUSED_S)
    assert breaker.refused(REFUSED_S, "HTTP 401")
    assert breaker.closed_for_s(REFUSED_S) == pytest.approx(2 * REFUSED_S)
    breaker.enter(3 * REFUSED_S)
    assert breaker.answered()
    breaker.enter(3 * REFUSED_S)
    breaker.enter(3 * REFUSED_S)


def test_a_try_that_told_nothing_leaves_room_for_the_next() -> None:
    breaker = Breaker()
    breaker.refused(0.0, "HTTP 402")
    breaker.enter(REFUSED_S)
    breaker.left()
    breaker.enter(REFUSED_S)


@given(st.integers(1, 30))
def test_it_never_stays_open_for_longer_than_its_bound(tries: int) -> None:
    breaker, now_s = Breaker(), 0.0
    for _ in range(tries):
        breaker.enter(now_s)
        breaker.refused(now_s, "HTTP 403")
        assert 0 < breaker.closed_for_s(now_s) <= OPEN_MAX_S
        now_s += breaker.closed_for_s(now_s)


# What a status asks for

STATUSES = [
    (400, "", "", Way.GIVE_UP),
    (400, "", "Your credit balance is too low to access the API", Way.CLOSE),
    (400, "", "prompt is too long: 250000 tokens > 200000 maximum", Way.SPLIT),
    (400, "context_length_exceeded", "This model's maximum context length is 8192 tokens", Way.SPLIT),
    (401, "", "", Way.CLOSE),
    (402, "", "", Way.CLOSE),
    (403, "", "", Way.CLOSE),
    (404, "", "", Way.CLOSE),
    (408, "", "", Way.RETRY),
    (409, "", "", Way.RETRY),
    (413, "", "", Way.SPLIT),
    (422, "", "", Way.GIVE_UP),
    (429, "", "", Way.RETRY),
    (429, "enforced_spend_limit_reached", "", Way.CLOSE),
    (429, "contract_spend_limit_reached", "", Way.CLOSE),
    (429, "ramp_limit_exceeded", "", Way.CLOSE),
    (429, "insufficient_quota", "", Way.CLOSE),
    (500, "", "", Way.RETRY),
    (501, "", "", Way.CLOSE),
    (503, "", "", Way.RETRY),
    (504, "", "", Way.RETRY),
    (529, "", "", Way.RETRY),
]


@each(("status", "code", "message", "way"), STATUSES)
def test_a_status_asks_for_one_thing(status: int, code: str, message: str, way: Way) -> None:
    fault = faults.of_status(status, code=code, kind="", message=message, headers={}, now_s=0.0, secret="")
    assert isinstance(fault, CallFailed)
    assert fault.way is way
    assert f"HTTP {status}" in fault.reason


def test_an_interface_that_asks_not_to_be_tried_again_is_not() -> None:
    headers = {"x-should-retry": "false"}
    fault = faults.of_status(500, code="", kind="", message="", headers=headers, now_s=0.0, secret="")
    assert fault.way is Way.LATER


@each(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "86400"}, 86_400.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 37.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:00:00 GMT"}, 0.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
def test_a_wait_is_read_in_every_spelling_and_nonsense_is_none(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now_s=784_111_740.0) == seconds


def test_words_of_a_provider_are_short_and_hold_no_key() -> None:
    secret = "my-own-gateway-key"
    words = told(f"Incorrect key: {secret}\x1b[31m sk-ant-api03-{'a1B2' * 20}" + " x" * 500, secret=secret)
    assert secret not in words
    assert "a1B2a1B2" not in words
    assert "\x1b" not in words
    assert len(words) <= faults.TOLD_CHARS_MAX


def test_a_price_of_ones_own_is_enough() -> None:
    assert Price(1.0, 2.0).dollars(Usage(cached_tokens=MILLION)) == pytest.approx(1.0)
