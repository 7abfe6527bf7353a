"""The rule for long texts: masked words, paths and lengths of lists tell no two of them apart, anything else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.alias import grouped
from streams.core.fingerprint import fingerprint
from streams.core.long_texts import skeleton
from streams.core.value_words import WILD

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = [one + two + "o" for one in LETTERS[:10] for two in LETTERS[10:20]]
BODY = " ".join(WORDS[:70])


def one_group(*texts: str, **given_parts: str) -> bool:
    return len(set(grouped([fingerprint(origin="ci", message=text, **given_parts) for text in texts]))) == 1  # type: ignore[arg-type]  # given by name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{} while it read app/models/user/profile.py", "{} while it read app/views/cart.py"),
        ("{} while it read /srv/data/a/b", "{} while it read /srv/data"),
        ("{} at ./cmd/serve/main.go:12:3", "{} at ./internal/store/sql.go:99:14"),
        ("{} in <ip>, <ip>, <ip> and then nothing", "{} in <ip> and then nothing"),
        ("{} lost message item lost message item lost message item end", "{} lost message item end"),
        ("{} gave 0x7f3a2b1c0d and 17 ms", "{} gave 0x7f3a2b1c0e and 99 s"),
    ],
)
def test_what_differs_in_masked_words_paths_and_lists_alone_is_one(one: str, other: str) -> None:
    assert one_group(one.format(BODY), other.format(BODY))
    short = " ".join(WORDS[:5])
    texts = [text.format(short) for text in (one, other)]
    assert not any(skeleton(text) for text in texts)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{} and the disk is full", "{} and the disk is slow"),
        ("{} exit code 2", "{} exit code 137"),
        ("{} the volume started", "{} the volume failed"),
        ("{} read/write refused", "{} read/only refused"),
        ("{} it ended", "{} it ended here"),
    ],
)
def test_any_other_word_tells_two_apart(one: str, other: str) -> None:
    assert not one_group(one.format(BODY), other.format(BODY))


def test_another_type_tool_or_code_is_never_one() -> None:
    texts = [f"{BODY} while it read {path}" for path in ("/srv/data/a/b", "/srv/data")]
    assert one_group(*texts, exception_type="OSError", tool="make")
    for name in ("exception_type", "tool", "provider_error_code"):
        marks = [fingerprint(origin="ci", message=text, **{name: text[-5:]}) for text in texts]  # type: ignore[arg-type]  # given by name
        assert len(set(grouped(marks))) == 2


_tokens = st.lists(
    st.one_of(st.sampled_from(WORDS[:4]), st.just(WILD), st.just(f"[{WILD}]"), st.just("/var/lib/x")), max_size=12
)


@given(_tokens, _tokens)
def test_equal_skeletons_are_a_difference_in_free_words_and_repeats_alone(one: list[str], other: list[str]) -> None:
    a, b = ([*WORDS[4:74], *tokens, "end"] for tokens in (one, other))
    kept = [[word for word in tokens if word in WORDS] for tokens in (a, b)]
    if kept[0] == kept[1]:
        assert skeleton(" ".join(a)) == skeleton(" ".join(b))
    elif one_only(*kept) or one_only(*kept[::-1]):
        assert skeleton(" ".join(a)) != skeleton(" ".join(b))


def one_only(ours: list[str], theirs: list[str]) -> bool:
    """Whether a word is only in the one."""
    return not set(ours) <= set(theirs)
