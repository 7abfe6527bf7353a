"""One pass over the text finds the phrases that a search each would find."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.failure import Origin
from streams.core.known_failures.book import default_rules
from streams.core.phrases import Phrases

LETTERS = "abcde é\u00a0\n\t049"
words = st.text(alphabet=LETTERS, min_size=1, max_size=9)


@given(st.lists(words, max_size=20), st.lists(st.text(alphabet=LETTERS, max_size=80), max_size=6))
def test_the_phrases_found_are_those_in_the_text_whatever_came_before(phrases: list[str], texts: list[str]) -> None:
    known = Phrases(phrases)
    for text in (*texts, *texts):
        assert known.found_in(text) == {phrase for phrase in phrases if phrase in text}


def test_what_is_remembered_is_bounded_and_forgetting_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.core.phrases.WORDS_MAX", 100)
    monkeypatch.setattr("streams.core.phrases.LINES_MAX", 3)
    known = Phrases(["time out", "memory", "404"])
    for letters in itertools.product("abcdef", repeat=3):
        word = "".join(letters)
        assert known.found_in(f"{word}1 of {word}memory, a time out\n{word}404") == {"time out", "memory", "404"}
        assert known.found_in(f"{word}1 of {word}mem, 504 a time\nout {word}") == set()


def test_numbers_that_differ_are_not_taken_for_each_other() -> None:
    known = Phrases(["error 137", "exit 13"])
    assert [known.found_in(f"error {n}") for n in (136, 137, 138)] == [set(), {"error 137"}, set()]
    assert [known.found_in(f"exit {n}") for n in (12, 13, 139)] == [set(), {"exit 13"}, {"exit 13"}]


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert Phrases(["time", "a", text or "x"]).found_in(text) >= {text or "x"} & {text}


def test_every_phrase_of_the_rules_is_found_in_itself() -> None:
    for origin in Origin:
        for rule in default_rules().rules(origin):
            for phrase in (*rule.any_of, *rule.all_of, *rule.and_any, *rule.unless):
                assert phrase in Phrases([phrase, "timeout"]).found_in(f"before {phrase} after")
