"""One pass over the text finds the phrases that a search each would find."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.contract.failure import Origin
from streams.core.known_failures.book import default_rules
from streams.core.phrases import Phrases

words = st.text(alphabet="abe é\n", min_size=1, max_size=9)


@given(st.lists(words, max_size=20), st.text(alphabet="abe é\n", max_size=80))
def test_the_phrases_found_are_those_in_the_text(phrases: list[str], text: str) -> None:
    assert Phrases(phrases).found_in(text) == {phrase for phrase in phrases if phrase in text}


@given(st.text(max_size=200))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert Phrases(["time", "a", text or "x"]).found_in(text) >= {text or "x"} & {text}


def test_every_phrase_of_the_rules_is_found_in_itself() -> None:
    for origin in Origin:
        for rule in default_rules().rules(origin):
            for phrase in (*rule.any_of, *rule.all_of, *rule.and_any, *rule.unless):
                assert phrase in Phrases([phrase, "timeout"]).found_in(f"before {phrase} after")
