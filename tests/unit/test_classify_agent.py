"""What the classification agent makes of answers: a result for every fingerprint, never of another one."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from suites.asking import NOW_MS, Scripted, Time, both_origins, classifier, unseen, wrong_labels
from suites.drawing import load
from suites.fake_llm import personality
from suites.table import each

from agents.classify import agent
from agents.classify.agent import QUESTIONS_MAX, Result
from agents.llm import (
    Answer,
    AnswerCutOff,
    BudgetSpent,
    LlmClosed,
    LlmUnavailable,
    NoLlm,
    Question,
    QuestionMalformed,
    QuestionRefused,
    QuestionTooLarge,
    Usage,
)
from streams.contract.classified import Unseen
from streams.contract.failure import Origin
from streams.contract.taxonomy import default_taxonomy
from streams.contract.telemetry import LogEvent
from streams.contract.verdict import Unanswered, Verdict, VerdictSource

DAY_MS = 86_400_000
RIGHT: dict[str, Any] = {}


def said(question: Question, fault: dict[str, Any] | None = None, seed: int = 0) -> str:
    told = json.loads(question.document)["items"]
    return personality.answer(told, question.instructions, fault or RIGHT, random.Random(seed))


def number_of_items(question: Question) -> int:
    return len(json.loads(question.document)["items"])


def answering(*steps: Callable[[Question], str | Exception]) -> Scripted:
    """Each question is answered by the next step, and well when they are over."""
    left = list(steps)
    return Scripted(lambda question: left.pop(0)(question) if left else said(question))


def faulty(name: str, **more: Any) -> Callable[[Question], str]:
    return lambda question: said(question, {"fault": name, **more})


def run(llm: Any, batch: list[Unseen], **given_: Any) -> list[Result]:
    return asyncio.run(classifier(llm, Time(), **given_).classify(batch))


def kinds(results: list[Result]) -> list[type]:
    return [type(result) for result in results]


# Good answers


def test_fifty_fingerprints_of_both_origins_are_one_question() -> None:
    llm, batch = answering(), both_origins(50)
    results = run(llm, batch)
    assert len(llm.questions) == 1
    assert [result.fingerprint for result in results] == [one.fingerprint.value for one in batch]
    assert wrong_labels(batch, results) == []


def test_more_than_a_question_holds_are_as_few_questions_as_hold_them() -> None:
    llm = answering()
    assert kinds(run(llm, both_origins(120))) == [Verdict] * 120
    assert [number_of_items(question) for question in llm.questions] == [50, 50, 20]


def test_a_verdict_says_who_gave_it_when_and_by_which_words() -> None:
    batch = [unseen(1, origin=Origin.CI)]
    (verdict,) = run(answering(), batch)
    assert isinstance(verdict, Verdict)
    taxonomy = default_taxonomy()
    assert verdict.source is VerdictSource.LLM
    assert verdict.decided_at_ms == NOW_MS
    assert verdict.model == "claude-haiku-5-5"
    assert verdict.prompt_version.startswith("p-")
    assert verdict.taxonomy_version == taxonomy.version
    assert verdict.family == taxonomy.family(Origin.CI, verdict.kind)
    assert verdict.transient == taxonomy.transient(Origin.CI, verdict.kind)
    assert verdict.recheck_after_ms is None


def test_a_fingerprint_that_stands_twice_in_a_batch_is_asked_once_and_answered_once() -> None:
    llm, batch = answering(), both_origins(5)
    results = run(llm, batch + batch[::-1])
    assert number_of_items(llm.questions[0]) == 5
    assert [result.fingerprint for result in results] == [one.fingerprint.value for one in batch]


def test_nothing_is_asked_about_nothing() -> None:
    llm = answering()
    assert run(llm, []) == []
    assert llm.questions == []


# Faults of an answer


@each("at", ["first", "middle", "last"])
@each("fault", sorted(set(personality.ROWS) - {"swap_labels"}) + sorted(personality.TEXTS) + ["leak"])
def test_whatever_is_wrong_with_an_answer_no_label_ends_on_another_item(fault: str, at: str) -> None:
    llm, batch = answering(faulty(fault, at=at)), both_origins(max(12, load(50)))
    results = run(llm, batch)
    assert wrong_labels(batch, results) == []
    assert kinds(results) == [Verdict] * len(batch), "the second answer was right"
    assert len(llm.questions) <= 3


def test_labels_swapped_under_right_ids_are_seen_by_the_check_of_this_suite() -> None:
    """No asker can tell a wrong judgement; this shows that the suite's own checker would."""
    batch = [unseen(number) for number in range(10)]
    assert wrong_labels(batch, run(answering(faulty("swap_labels", at="first")), batch))


def test_a_forgotten_row_shifts_no_label_and_only_that_row_is_asked_again() -> None:
    """The earlier system paired answers by their place: one lost line, and every later label was on another error."""
    llm, batch = answering(faulty("drop", at="first")), both_origins(50)
    results = run(llm, batch)
    assert wrong_labels(batch, results) == []
    assert [number_of_items(question) for question in llm.questions] == [50, 5]


def test_what_is_wrong_twice_is_given_back_with_the_time_to_ask_again() -> None:
    llm = Scripted(faulty("drop", at="last"))
    results = run(llm, both_origins(50))
    assert [number_of_items(question) for question in llm.questions] == [50, 5]
    assert kinds(results).count(Verdict) == 48
    given_back = [result for result in results if isinstance(result, Unanswered)]
    assert [result.retry_at_ms for result in given_back] == [NOW_MS + 60_000] * 2
    assert "two answers" in given_back[0].reason


def test_an_answer_without_any_row_is_asked_again_in_two() -> None:
    llm = Scripted(faulty("garbage"))
    results = run(llm, both_origins(50))
    assert [number_of_items(question) for question in llm.questions] == [50, 25, 25]
    assert kinds(results) == [Unanswered] * 50


def cut_off(question: Question) -> AnswerCutOff:
    text = said(question)
    return AnswerCutOff("cut off", answer=Answer(text[: len(text) // 2], "claude-haiku-5-5", Usage(calls=1)))


def test_of_an_answer_that_was_cut_off_the_whole_rows_are_kept_and_the_rest_is_halved() -> None:
    llm, batch = answering(cut_off), both_origins(50)
    results = run(llm, batch)
    sizes = [number_of_items(question) for question in llm.questions]
    assert kinds(results) == [Verdict] * 50
    assert wrong_labels(batch, results) == []
    assert len(sizes) == 3
    assert sum(sizes[1:]) < 30


def refuses(word: str) -> Callable[[Question], str | Exception]:
    return lambda question: QuestionRefused("refused") if word in question.document else said(question)


def test_the_one_item_that_an_llm_will_not_judge_is_found_and_all_others_are_answered() -> None:
    batch = [*both_origins(49), unseen(0, text="an unspeakable failure of the socket")]
    llm = Scripted(refuses("unspeakable"))
    results = run(llm, batch)
    assert len(llm.questions) <= 13
    assert kinds(results) == [Verdict] * 50
    last = results[-1]
    assert isinstance(last, Verdict)
    assert (last.kind, last.confidence) == ("unknown", 0.0)
    assert last.recheck_after_ms == NOW_MS + DAY_MS
    assert wrong_labels(batch[:-1], results[:-1]) == []


@pytest.mark.parametrize("error", [QuestionRefused("no"), QuestionTooLarge("413")])
def test_when_every_question_is_refused_the_asking_ends(error: Exception) -> None:
    llm = Scripted(lambda question: error)
    results = run(llm, both_origins(50))
    assert len(llm.questions) == QUESTIONS_MAX
    assert len(results) == 50


# No answer


@pytest.mark.parametrize(
    ("error", "retry_s"),
    [
        (LlmUnavailable("HTTP 529"), 60),
        (LlmUnavailable("HTTP 429", retry_after_s=900), 900),
        (LlmClosed("HTTP 401", retry_after_s=300), 300),
        (BudgetSpent("the limit is $1", retry_after_s=3_000), 3_000),
        (QuestionMalformed("HTTP 400"), 60),
    ],
)
def test_without_an_answer_everything_is_given_back_at_once_with_reason_and_time(
    error: Exception, retry_s: int
) -> None:
    llm = Scripted(lambda question: error)
    with capture_logs() as logs:
        results = run(llm, both_origins(50))
    assert len(llm.questions) == 1
    (line,) = logs
    assert line["event"] == LogEvent.LLM_UNANSWERED
    assert (line["fingerprints"], line["reason"], line["retry_after_s"]) == (50, str(error), retry_s)
    for result in results:
        assert isinstance(result, Unanswered)
        assert result.retry_at_ms == NOW_MS + 1_000 * retry_s
        assert result.reason == str(error)


@pytest.mark.parametrize(("attempt", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (50, 60)])
def test_the_time_until_a_question_comes_again_doubles_up_to_an_hour(attempt: int, minutes: int) -> None:
    (result,) = run(Scripted(lambda question: LlmUnavailable("HTTP 529")), [unseen(1, attempt=attempt)])
    assert isinstance(result, Unanswered)
    assert result.retry_at_ms == NOW_MS + minutes * 60_000


def test_an_outage_in_the_second_question_keeps_what_the_first_one_answered() -> None:
    llm = answering(faulty("drop", at="first"), lambda question: LlmClosed("HTTP 401", retry_after_s=300))
    results = run(llm, both_origins(50))
    assert kinds(results).count(Verdict) == 45
    assert {result.reason for result in results if isinstance(result, Unanswered)} == {"HTTP 401"}


def test_without_a_key_everything_is_given_back_for_an_hour() -> None:
    with capture_logs() as logs:
        results = run(NoLlm(), both_origins(3))
    assert logs == [], "it was said when the process began"
    for result in results:
        assert isinstance(result, Unanswered)
        assert (result.reason, result.retry_at_ms) == ("no key", NOW_MS + 3_600_000)


def test_a_batch_whose_time_is_over_asks_no_more() -> None:
    time = Time()

    def slow(question: Question) -> str:
        time.now_s += 70.0
        return said(question, {"fault": "drop", "at": "first"})

    llm = Scripted(slow)
    results = asyncio.run(classifier(llm, time).classify(both_origins(120)))
    assert len(results) == 120
    assert len(llm.questions) == 6, "two questions a part: the third would begin after 140 s"


# Asking again


@pytest.mark.parametrize(("attempt", "days"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (99, 30)])
def test_an_answer_unknown_is_kept_and_asked_for_again_after_days_that_double(attempt: int, days: int) -> None:
    """The earlier system sent what had been answered `unknown` again with every run, for ever."""
    (verdict,) = run(answering(), [unseen(1, text="an inscrutable message", attempt=attempt)])
    assert isinstance(verdict, Verdict)
    assert verdict.kind == "unknown"
    assert verdict.recheck_after_ms == NOW_MS + days * DAY_MS


def test_a_doubtful_answer_is_asked_for_again_after_the_time_that_is_set() -> None:
    batch = [unseen(1, text="a doubtful message")]
    (verdict,) = run(answering(), batch)
    (other,) = run(answering(), batch, low_confidence_hours=1)
    (sure,) = run(answering(), batch, confidence_min=0.4)
    assert [result.recheck_after_ms for result in (verdict, other, sure) if isinstance(result, Verdict)] == [
        NOW_MS + 7 * DAY_MS,
        NOW_MS + 3_600_000,
        None,
    ]


def test_what_was_answered_is_not_asked_again_whatever_comes_twice() -> None:
    """The earlier system paid again for a verdict that the next failure had wiped."""
    llm, batch = answering(), both_origins(50)

    async def twice() -> tuple[list[Result], list[Result], list[Result]]:
        agent_ = classifier(llm, Time())
        first = await agent_.classify(batch)
        again = await agent_.classify(batch)
        late = await agent_.classify([unseen(0, asking_because="retry", attempt=2)])
        return first, again, late

    first, again, late = asyncio.run(twice())
    assert len(llm.questions) == 1
    assert first == again
    assert late == first[:1]


def test_a_recheck_is_asked_once_and_its_redelivery_is_not() -> None:
    llm = answering()
    recheck = unseen(1, asking_because="recheck", attempt=2)

    async def rounds() -> None:
        agent_ = classifier(llm, Time())
        for one in (unseen(1), recheck, recheck, unseen(1)):
            await agent_.classify([one])

    asyncio.run(rounds())
    assert len(llm.questions) == 2


def test_what_got_no_answer_is_asked_again_when_it_comes_again() -> None:
    llm = answering(lambda question: LlmUnavailable("HTTP 529"))

    async def rounds() -> list[Result]:
        agent_ = classifier(llm, Time())
        await agent_.classify([unseen(1)])
        return await agent_.classify([unseen(1, asking_because="retry", attempt=2)])

    assert kinds(asyncio.run(rounds())) == [Verdict]
    assert len(llm.questions) == 2


def test_batches_at_once_ask_about_a_fingerprint_once_and_both_get_the_verdict() -> None:
    llm = answering()

    async def both() -> tuple[list[Result], list[Result]]:
        agent_ = classifier(llm, Time())
        return await asyncio.gather(agent_.classify(both_origins(10)), agent_.classify(both_origins(12)[::-1]))

    one, other = asyncio.run(both())
    assert sorted(number_of_items(question) for question in llm.questions) == [2, 10]
    assert kinds(one) == [Verdict] * 10
    assert kinds(other) == [Verdict] * 12


def test_a_batch_that_is_cancelled_gives_those_who_wait_for_it_something() -> None:
    async def run_both() -> list[Result]:
        class Hanging:
            async def ask(self, question: Question) -> Answer:
                await asyncio.sleep(60)
                raise AssertionError("not reached")

        agent_ = classifier(Hanging(), Time())
        asks = asyncio.create_task(agent_.classify([unseen(1)]))
        waits = asyncio.create_task(agent_.classify([unseen(1)]))
        await asyncio.sleep(0.01)
        asks.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asks
        return await waits

    assert kinds(asyncio.run(run_both())) == [Unanswered]


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "KNOWN_MAX", 10)
    llm = answering()

    async def rounds() -> int:
        agent_ = classifier(llm, Time())
        await agent_.classify(both_origins(30))
        return len(agent_._known)

    assert asyncio.run(rounds()) == 10


def test_a_verdict_holds_no_tokens_so_that_none_can_be_counted_twice() -> None:
    """The earlier system copied `cached_tokens` with every reuse of a verdict, and summed them up."""
    assert not [name for name in Verdict.__struct_fields__ if "token" in name or "dollar" in name]


@given(
    st.lists(
        st.sampled_from([*personality.HOSTILE, "", "garbage", "unavailable", "refused", "cut"]), min_size=1, max_size=40
    ),
    st.integers(1, 60),
    st.integers(0, 1_000),
)
def test_whatever_happens_every_fingerprint_gets_one_result_and_none_a_wrong_one(
    script: list[str], number: int, seed: int
) -> None:
    steps = iter(script)

    def step(question: Question) -> str | Exception:
        name = next(steps, "")
        if name == "unavailable":
            return LlmUnavailable("HTTP 529")
        if name == "refused":
            return QuestionRefused("no")
        if name in {"cut", "max_tokens"}:
            return cut_off(question)
        return said(question, {"fault": name, "at": ("first", "middle", "last")[seed % 3]}, seed)

    llm, batch = Scripted(step), both_origins(number)
    results = run(llm, batch, seed=seed)
    assert [result.fingerprint for result in results] == [one.fingerprint.value for one in batch]
    refused = [result for result in results if isinstance(result, Verdict) and result.confidence == 0.0]
    assert wrong_labels(batch, [result for result in results if result not in refused]) == []
    assert len(llm.questions) <= QUESTIONS_MAX * 2
