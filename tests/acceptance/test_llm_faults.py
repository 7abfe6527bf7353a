"""Each way in which a request to a language model fails, over real HTTP, for both clients: what the asker gets, after
how many requests, and what it waited.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import replace
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types.message_create_params import MessageCreateParamsBase
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsBase
from pydantic import TypeAdapter
from structlog.testing import capture_logs
from suites.asking import Time, asking, both_origins
from suites.fake_llm.journal import totals, violations
from suites.fake_llm.server import FakeLlm, fake_llm
from suites.llm_clients import KEY, PROVIDERS, claude, openai_chat

from agents.classify.prompt import Prompt
from agents.clients.asking import Asking, Limits
from agents.llm import (
    Answer,
    AnswerCutOff,
    LlmClosed,
    LlmUnavailable,
    Price,
    Question,
    QuestionMalformed,
    QuestionRefused,
    QuestionTooLarge,
)
from streams.contract.taxonomy import default_taxonomy
from streams.contract.telemetry import LogEvent

QUESTION = Prompt(default_taxonomy()).sheet(both_origins(4), lambda n: n - 1).question
DEADLINE_S = 0.5
"""Of questions that nobody answers; all others have the usual minute."""


def status(number: int, **more: Any) -> dict[str, Any]:
    return {"fault": "status", "status": number, **more}


def after(seconds: str) -> dict[str, Any]:
    return status(429, kind="rate_limit_error", headers={"retry-after": seconds})


FOUR = 4
MATRIX: dict[str, tuple[list[Any], type[object], int, list[float] | None]] = {
    # name: faults, what comes of it, requests, waits (None: any)
    "a good answer": ([], Answer, 1, []),
    "401": ([status(401, kind="authentication_error")], LlmClosed, 1, []),
    "402": ([status(402, kind="billing_error")], LlmClosed, 1, []),
    "403": ([status(403, kind="permission_error")], LlmClosed, 1, []),
    "404": ([status(404, kind="not_found_error")], LlmClosed, 1, []),
    "400 for no credit": ([status(400, message="Your credit balance is too low")], LlmClosed, 1, []),
    "413": ([status(413, kind="request_too_large")], QuestionTooLarge, 1, []),
    "400 for its length": ([status(400, message="prompt is too long: 210000 tokens")], QuestionTooLarge, 1, []),
    "429, then good": ([after("1")], Answer, 2, [1.0]),
    "429 for a day": ([after("86400")], LlmUnavailable, 1, []),
    "429 for ever": ([after("4294967")], LlmUnavailable, 1, []),
    "429 and no wait told": ([status(429)] * FOUR, LlmUnavailable, FOUR, [0.5, 1.0, 2.0]),
    "429 with nonsense": ([after("soon"), ""], Answer, 2, [0.5]),
    "429 for the limit of the account": ([status(429, code="enforced_spend_limit_reached")], LlmClosed, 1, []),
    "429 for the contract": ([status(429, code="contract_spend_limit_reached")], LlmClosed, 1, []),
    "429 for the quota": ([status(429, code="insufficient_quota")], LlmClosed, 1, []),
    "408": ([status(408)] * FOUR, LlmUnavailable, FOUR, None),
    "409, then good": ([status(409)], Answer, 2, None),
    "500": ([status(500)] * FOUR, LlmUnavailable, FOUR, None),
    "501": ([status(501)], LlmClosed, 1, []),
    "503 as a page": ([status(503, body="<html>no</html>")] * FOUR, LlmUnavailable, FOUR, None),
    "504": ([status(504)] * FOUR, LlmUnavailable, FOUR, None),
    "529": ([status(529, kind="overloaded_error")] * FOUR, LlmUnavailable, FOUR, None),
    "529 three times, then good": ([status(529)] * 3, Answer, FOUR, [0.5, 1.0, 2.0]),
    "500 and not again": ([status(500, headers={"x-should-retry": "false"})], LlmUnavailable, 1, []),
    "no answer": (["hang"], LlmUnavailable, 1, []),
    "a byte at a time": ([{"fault": "drip", "pause_s": 0.02}], LlmUnavailable, 1, []),
    "the line is cut": (["reset"] * FOUR, LlmUnavailable, FOUR, None),
    "the line is cut once": (["reset"], Answer, 2, None),
    "the line is cut in the answer": (["reset_body"] * FOUR, LlmUnavailable, FOUR, None),
    "a page in place of an answer": (["html"] * FOUR, LlmUnavailable, FOUR, None),
    "an empty answer": (["empty"] * FOUR, LlmUnavailable, FOUR, None),
    "half an answer": (["half_json"] * FOUR, LlmUnavailable, FOUR, None),
    "an answer of another shape": (["hello"] * FOUR, LlmUnavailable, FOUR, None),
    "null": (["null"] * FOUR, LlmUnavailable, FOUR, None),
    "no content": (["no_content"] * FOUR, LlmUnavailable, FOUR, None),
    "no content once": (["no_content"], Answer, 2, None),
    "a text that is null": (["text_null"], Answer, 1, []),
    "cut off at its limit": (["max_tokens"], AnswerCutOff, 1, []),
    "refused": (["refusal"], QuestionRefused, 1, []),
    "fenced": (["fence"], Answer, 1, []),
    "garbage": (["garbage"], Answer, 1, []),
}
UNANSWERED = {"no answer", "a byte at a time"}


async def outcome(llm: Asking, question: Question = QUESTION) -> object:
    try:
        return await llm.ask(question)
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return error


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("name", MATRIX)
def test_a_fault_has_its_one_outcome_after_a_known_number_of_requests(name: str, provider: str) -> None:
    faults, expected, requests, waits = MATRIX[name]

    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            fake.order(*faults)
            clock = Time()
            limits = Limits(deadline_s=DEADLINE_S) if name in UNANSWERED else Limits()
            llm = asking(PROVIDERS[provider](fake, clock), clock, limits=limits)
            began_s = time.monotonic()
            told = await outcome(llm)
            assert type(told) is expected, told
            assert len(fake.journal.entries) == requests
            assert waits is None or clock.slept == pytest.approx(waits)
            assert time.monotonic() - began_s < 10.0
            if name in UNANSWERED:
                assert time.monotonic() - began_s < DEADLINE_S + 1.0
            assert llm._budget.reserved == 0.0
            assert violations(fake.journal.entries) == []
            await llm.aclose()

    asyncio.run(run())


USAGE = '"usage":{"input_tokens":1,"output_tokens":1}'
ODD_BODIES = [
    "[]", "1", '"text"', "true", "{}", '{"content":{}}', '{"content":[1]}', '{"content":"x",' + USAGE + "}",
    '{"content":[null],' + USAGE + "}", '{"content":[{"type":"text"}],' + USAGE + "}", '{"content":[],"usage":[]}',
    '{"content":[{"type":"text","text":{}}],"usage":{"input_tokens":"a","output_tokens":null}}',
    '{"content":[],"stop_reason":7,"model":[],' + USAGE + "}", '{"choices":{}}', '{"choices":[1]}', '{"choices":[{}]}',
    '{"choices":[{"message":1}]}', '{"choices":[{"message":{"content":[]}}],"usage":3,"model":null}',
    '{"choices":[{"message":{"content":5},"finish_reason":{}}],"usage":{"prompt_tokens":-4}}', '{"error":{}}',
    '{"type":"error","error":{"type":"overloaded_error"}}', "\u0000", "[" * 2_000 + "]" * 2_000,
]  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("body", ODD_BODIES)
def test_no_body_with_status_200_breaks_anything_but_its_own_question(body: str, provider: str) -> None:
    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            fake.order(*[{"fault": "body", "body": body}] * FOUR)
            clock = Time()
            llm = asking(PROVIDERS[provider](fake, clock), clock)
            told = await outcome(llm)
            assert isinstance(told, Answer | LlmUnavailable | LlmClosed), told
            assert not isinstance(told, Answer) or isinstance(told.text, str)
            await llm.aclose()

    asyncio.run(run())


def test_the_matrix_has_forty_faults() -> None:
    assert len(MATRIX) >= 40


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_wait_of_a_day_is_told_and_nobody_sleeps_it(provider: str) -> None:
    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            fake.order(after("80000"))
            clock = Time()
            llm = asking(PROVIDERS[provider](fake, clock), clock)
            told = await outcome(llm)
            assert isinstance(told, LlmUnavailable)
            assert told.retry_after_s == 80_000
            assert isinstance(await outcome(llm), LlmClosed)
            assert len(fake.journal.entries) == 1
            await llm.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_wrong_key_opens_the_breaker_after_one_request_and_is_told_nowhere(
    provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Also when the interface repeats the key in its answer, and every library says all it can."""
    wrong = "sk-wrong-key-0123456789-canary"

    async def run() -> list[str]:
        async with fake_llm(key=KEY) as fake:
            clock = Time()
            one = PROVIDERS[provider](fake, clock, key=wrong)
            llm = asking(one, clock)
            told = [await outcome(llm), await outcome(llm)]
            assert [type(error) for error in told] == [LlmClosed, LlmClosed]
            assert len(fake.journal.entries) == 1
            assert wrong in fake.journal.entries[0].refused, "the interface did repeat it"
            await llm.aclose()
            causes = [error for one in told if isinstance(one, Exception) for error in (one.__cause__, one.__context__)]
            return [repr(one) for one in (*told, *causes, llm, one)] + [str(one) for one in told]

    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        shown = asyncio.run(run())
    assert [line["event"] for line in logs] == [LogEvent.LLM_CLOSED, LogEvent.LLM_CALL]
    everything = [*shown, json.dumps(logs, default=repr), caplog.text]
    assert caplog.text, "the libraries did log"
    name = {"claude": "ANTHROPIC_API_KEY", "openai_chat": "OPENAI_API_KEY"}[provider]
    assert all(f"set {name} and start the role again" in line["reason"] for line in logs)
    assert not [text for text in everything if "canary" in text]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_line_that_is_cut_names_the_endpoint_and_its_setting(provider: str) -> None:
    async def run() -> tuple[str, object]:
        async with fake_llm(key=KEY) as fake:
            fake.order(*["reset"] * FOUR)
            clock = Time()
            llm = asking(PROVIDERS[provider](fake, clock), clock)
            told = await outcome(llm)
            await llm.aclose()
            return fake.url, told

    url, told = asyncio.run(run())
    assert f"the connection to {url.removeprefix('http://')} failed (" in str(told)
    assert str(told).endswith("check API_BASE_URL")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_good_key_is_in_no_log_either(provider: str, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            fake.order("reset", status(529), "")
            clock = Time()
            llm = asking(PROVIDERS[provider](fake, clock), clock)
            assert isinstance(await outcome(llm), Answer)
            await llm.aclose()

    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        asyncio.run(run())
    assert KEY not in caplog.text
    assert KEY not in json.dumps(logs, default=repr)


# What is sent


def body_of(fake: FakeLlm, number: int = -1) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(fake.bodies[number])
    return body


def test_claude_is_asked_without_thinking_at_low_effort_and_for_the_schema() -> None:
    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            clock = Time()
            llm = asking(claude(fake, clock), clock)
            answer = await llm.ask(QUESTION)
            body = body_of(fake)
            assert body["thinking"] == {"type": "disabled"}
            assert body["output_config"]["effort"] == "low"
            assert body["output_config"]["format"]["type"] == "json_schema"
            assert not {"temperature", "top_p", "top_k", "stream", "tools"} & set(body)
            assert body["messages"] == [{"role": "user", "content": QUESTION.document}]
            assert set(body) <= set(MessageCreateParamsBase.__annotations__)
            TypeAdapter(anthropic.types.OutputConfigParam).validate_python(body["output_config"], strict=True)
            TypeAdapter(anthropic.types.ThinkingConfigParam).validate_python(body["thinking"], strict=True)
            TypeAdapter(list[anthropic.types.TextBlockParam]).validate_python(body["system"], strict=True)
            assert len(json.loads(answer.text)["results"]) == 4
            await llm.aclose()

    asyncio.run(run())


def test_chat_completions_are_asked_for_the_strict_schema() -> None:
    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            clock = Time()
            llm = asking(openai_chat(fake, clock), clock)
            await llm.ask(QUESTION)
            body = body_of(fake)
            assert body["response_format"]["json_schema"]["strict"] is True
            assert body["max_completion_tokens"] == QUESTION.max_tokens
            assert not {"temperature", "max_tokens", "stream", "tools", "reasoning_effort"} & set(body)
            assert set(body) <= set(CompletionCreateParamsBase.__annotations__)
            TypeAdapter(openai.types.shared_params.ResponseFormatJSONSchema).validate_python(
                body["response_format"], strict=True
            )
            await llm.aclose()

    asyncio.run(run())


def test_what_the_fake_answers_is_what_the_libraries_describe() -> None:
    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            clock = Time()
            answers: list[Any] = []
            for make in (claude, openai_chat):
                one: Any = make(fake, clock)
                client = one._client
                create = client.messages if make is claude else client.chat.completions
                request = one._request(QUESTION, effort=True) if make is claude else one._request(QUESTION, one.form)
                raw = await create.with_raw_response.create(**request)
                answers.append(json.loads(await raw.text() if asyncio.iscoroutinefunction(raw.text) else raw.text))
                await one.aclose()
            anthropic.types.Message.model_validate_json(json.dumps(answers[0]), strict=True)
            ChatCompletion.model_validate_json(json.dumps(answers[1]), strict=True)

    asyncio.run(run())


LEVELS = [
    ("json_schema", "", 1, "json_schema", "max_completion_tokens"),
    ("json_object", "", 2, "json_object", "max_completion_tokens"),
    ("plain", "", 3, "plain", "max_completion_tokens"),
    ("json_schema", "max_tokens", 2, "json_schema", "max_tokens"),
    ("plain", "max_tokens", 4, "plain", "max_tokens"),
]


@pytest.mark.parametrize(("takes", "limit", "requests", "shape", "name"), LEVELS)
def test_a_gateway_is_asked_in_the_form_that_it_takes_and_the_form_is_remembered(
    takes: str, limit: str, requests: int, shape: str, name: str
) -> None:
    async def run() -> None:
        async with fake_llm(key=KEY, takes=takes, limit=limit, models=False) as fake:
            clock = Time()
            made = openai_chat(fake, clock, llm="qwen-local")
            llm = asking(made, clock, price=Price(0.1, 0.5))
            with capture_logs() as logs:
                assert isinstance(await outcome(llm), Answer)
            assert len(fake.journal.entries) == requests
            assert (made.form.shape, made.form.limit) == (shape, name)
            assert [line["event"] for line in logs].count(LogEvent.LLM_ADAPTED) == requests - 1
            answers = await asyncio.gather(*(outcome(llm) for _ in range(3)))
            assert [type(answer) for answer in answers] == [Answer] * 3
            assert len(fake.journal.entries) == requests + 3
            assert totals(fake.journal.entries)["refused"] == requests - 1
            assert clock.slept == [], "a change of form is no reason to wait"
            await llm.aclose()

    asyncio.run(run())


def test_questions_at_once_find_the_form_of_a_gateway_together() -> None:
    async def run() -> None:
        async with fake_llm(key=KEY, takes="plain", limit="max_tokens", models=False) as fake:
            clock = Time()
            llm = asking(openai_chat(fake, clock), clock)
            answers = await asyncio.gather(*(outcome(llm) for _ in range(4)))
            assert [type(answer) for answer in answers] == [Answer] * 4
            await llm.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_form_that_was_answered_once_is_kept_and_a_400_is_about_the_question(provider: str) -> None:
    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            fake.order("", status(400, message="no"))
            clock = Time()
            llm = asking(PROVIDERS[provider](fake, clock), clock)
            assert isinstance(await outcome(llm), Answer)
            assert isinstance(await outcome(llm), QuestionMalformed)
            assert len(fake.journal.entries) == 2
            await llm.aclose()

    asyncio.run(run())


def test_an_older_llm_is_asked_without_an_effort_and_that_is_remembered() -> None:
    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            clock = Time()
            llm = asking(claude(fake, clock, llm="claude-haiku-4-5"), clock)
            assert isinstance(await outcome(llm), Answer)
            assert isinstance(await outcome(llm), Answer)
            assert len(fake.journal.entries) == 3
            assert "effort" not in body_of(fake)["output_config"]
            await llm.aclose()

    asyncio.run(run())


def test_the_cache_is_used_when_questions_come_in_a_row_and_each_token_is_counted_once() -> None:
    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            clock = Time()
            llm = asking(claude(fake, clock), clock)
            for wait_s in (0, 10, 10, 10, 400):
                clock.now_s += wait_s
                await llm.ask(QUESTION)
            marked = ["cache_control" in body_of(fake, number)["system"][0] for number in range(5)]
            assert marked == [False, True, True, True, False]
            entries = fake.journal.entries
            assert [bool(entry.cache_written_tokens) for entry in entries] == [False, True, False, False, False]
            assert [bool(entry.cached_tokens) for entry in entries] == [False, False, True, True, False]
            assert llm.spent.cached_tokens == sum(entry.cached_tokens for entry in entries)
            assert llm.spent.input_tokens == sum(entry.input_tokens for entry in entries)
            assert llm.spent.cache_written_tokens == sum(entry.cache_written_tokens for entry in entries)
            assert llm.spent.calls == 5
            await llm.aclose()

    asyncio.run(run())


def test_a_prefix_that_is_too_short_to_be_kept_is_not_marked() -> None:
    """A mark that the provider ignores costs nothing, and makes believe that something is saved."""

    async def run() -> None:
        async with fake_llm(key=KEY) as fake:
            clock = Time()
            for llm_name, question in (
                ("claude-haiku-4-5", QUESTION),
                ("claude-haiku-5-5", replace(QUESTION, instructions="short")),
            ):
                llm = asking(claude(fake, clock, llm=llm_name), clock)
                for _ in range(3):
                    await llm.ask(question)
                assert "cache_control" not in body_of(fake)["system"][0]
                await llm.aclose()

    asyncio.run(run())


def test_the_price_is_that_of_the_llm_that_answered() -> None:
    async def run() -> None:
        async with fake_llm(key=KEY, answers_as="claude-haiku-4-5-20251001") as fake:
            clock = Time()
            llm = asking(claude(fake, clock), clock)
            answer = await llm.ask(QUESTION)
            entry = fake.journal.entries[0]
            assert answer.llm == "claude-haiku-4-5-20251001"
            expected = (entry.input_tokens * 1.00 + entry.output_tokens * 5.00) / 1e6
            assert llm.spent.dollars == pytest.approx(expected)
            await llm.aclose()

    asyncio.run(run())
