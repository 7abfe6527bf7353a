"""Why two are one problem or two, what is nearest to one; and that nothing of it tells what was masked or secret."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from suites.records import edge
from suites.table import each

from streams.contract.alias import AliasSource
from streams.contract.fingerprint import Fingerprint
from streams.core.fingerprint import explain, fingerprint
from streams.core.nearest import Nearest
from streams.core.redact import redact
from streams.core.why import Answer, compared

FRAMES = """Traceback (most recent call last):
  File "app/pay.py", line 10, in charge
    send(order)
  File "app/{file}.py", line 20, in send
    raise OrderError("{text}")
app.errors.OrderError: {text}
"""


def of(message: str, **given: object) -> Fingerprint:
    return fingerprint(origin="ci", message=message, **given)  # type: ignore[arg-type]  # given by name


def framed(text: str, file: str = "send") -> Fingerprint:
    return of(text, traceback=FRAMES.format(file=file, text=text), exception_type="app.errors.OrderError")


PERSON = "only a person joins them: `faultline alias`"


@each(
    ("one", "other", "difference", "way"),
    [
        (
            of("no answer from host"),
            of("no route from host"),
            ("value", "template", "answer", "route"),
            f"the slot rule, once 6 different words were seen in this place; until then {PERSON}",
        ),
        (
            of("deploying alpha"),
            of("deploying beta"),
            ("value", "template", "alpha", "beta"),
            f"the slot rule, once 12 different words were seen in this place; until then {PERSON}",
        ),
        (
            of("option:host.alpha=node-7"),
            of("option:host.beta=node-7"),
            ("value", "template", "option:host.alpha=<id>", "option:host.beta=<id>"),
            f"the slot rule leaves alone what has too few words that stay; {PERSON}",
        ),
        (
            of("lost contact with node web-7 again"),
            of("lost contact with node alpha again"),
            ("value", "template", "<id>", "alpha"),
            "the slot rule: the one value has the form of the other; it joins them once the service saw both",
        ),
        (
            of("the volume is started and nobody knows why"),
            of("the volume is failed and nobody knows why"),
            ("value", "template", "started", "failed"),
            f"no rule: 'failed' names a state, which tells problems apart; {PERSON}",
        ),
        (
            of("answered with status 404 by the registry"),
            of("answered with status 500 by the registry"),
            ("value", "template", "404", "500"),
            f"no rule: '404' has a number that was kept because it names the problem; {PERSON}",
        ),
        (
            of("disk full on the node"),
            of("disk full"),
            ("value", "template", "on", ""),
            f"the slot rule joins only what has as many words, and these have 5 and 2; {PERSON}",
        ),
        (
            of("queue of orders lost messages"),
            of("queue of letters lost parcels"),
            ("value", "template", "orders", "letters"),
            f"the slot rule joins what differs in one place, and these differ in 2; {PERSON}",
        ),
        (
            of("copied 3.5 MB to the cache"),
            of("copied <id> to the cache"),
            ("value", "template", "<size>", "<id>"),
            "the slot rule: only the types of placeholders differ; it joins them once the service saw both",
        ),
        (
            of("m", exit_code=1),
            of("m", exit_code=137),
            ("class", "exit_code", "1", "137"),
            f"no rule joins what differs in exit_code; {PERSON}",
        ),
        (
            of("the build failed", tool="cargo"),
            of("the build failed"),
            ("class", "tool", "cargo", ""),
            f"no rule joins what differs in tool; {PERSON}",
        ),
        (
            framed("basket is empty"),
            framed("no such courier here"),
            ("value", "template", "basket", "no"),
            "the frame rule: one exception type in the same own frames; it joins them once the service saw both",
        ),
        (
            framed("basket is empty"),
            framed("no such courier here", file="ship"),
            ("value", "template", "basket", "no"),
            f"no rule joins failures of one type in different own frames; {PERSON}",
        ),
    ],
)
def test_two_problems_are_told_apart_by_their_first_difference_and_what_would_join_them(
    one: Fingerprint, other: Fingerprint, difference: tuple[str, str, str, str], way: str
) -> None:
    found = compared(one, other)
    assert found.answer is Answer.TWO_PROBLEMS
    assert found.difference is not None
    assert (found.difference.level, found.difference.part, found.difference.ours, found.difference.theirs) == difference
    assert found.way == way


def test_one_fingerprint_is_told_by_the_parts_that_are_equal() -> None:
    found = compared(of("disk full after 12 s", tool="curl"), of("disk full after 99 s", tool="curl"))
    assert (found.answer, found.difference, found.way, found.aliases) == (Answer.SAME_FINGERPRINT, None, "", ())
    assert found.levels == ("class", "value", "site")
    assert [(part.name, part.value) for part in found.parts] == [
        ("origin", "ci"),
        ("tool", "curl"),
        ("template", "disk full after <dur>"),
    ]


def test_one_group_is_told_by_the_chain_of_aliases() -> None:
    a, b, c = (of(text) for text in ("disk full", "no space left", "quota of the volume is used up"))
    chain = [edge(a.value, b.value), edge(b.value, c.value, AliasSource.HUMAN)]
    found = compared(a, c, chain)
    assert (found.answer, found.way) == (Answer.SAME_GROUP, "")
    assert list(found.aliases) == chain


def test_what_a_person_took_apart_is_told_with_the_persons_word() -> None:
    a, b = of("service ledger did not answer"), of("service basket did not answer")
    word = edge(a.value, b.value, AliasSource.HUMAN, stands=False)
    found = compared(a, b, [edge(a.value, b.value), word])
    assert (found.answer, found.aliases) == (Answer.TAKEN_APART, (word,))
    assert "a later word of a person" in found.way


def _token(chance: random.Random, letters: str, number: int) -> str:
    return "".join(chance.choice(letters) for _ in range(number - 1)) + "7"


_LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
secrets = st.builds(
    lambda seed, form: form(random.Random(seed)),
    st.integers(0, 2**32),
    st.sampled_from(
        [
            lambda chance: "gh" + "p_" + _token(chance, _LETTERS, 36),
            lambda chance: "sk-" + "ant-api03-" + _token(chance, _LETTERS, 90),
            lambda chance: "AK" + "IA" + _token(chance, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
            lambda chance: "gl" + "pat-" + _token(chance, _LETTERS, 20),
        ]
    ),
)
masked = st.one_of(
    st.tuples(*[st.integers(11, 250)] * 4).map(lambda four: ".".join(map(str, four))),
    st.uuids().map(str),
    st.integers(100_000_000, 999_999_999).map(lambda number: f"/var/cache/build-{number}"),
)
carriers = st.sampled_from(
    [
        "push with {} was refused",
        "GET https://ada:{}@example.org/x failed",
        "Authorization: Bearer {}",
        "no answer from {} after 3 s",
        "ValueError: {} is no order",
        'run {}\nTraceback (most recent call last):\n  File "a/b.py", line 3, in c\n    d({})\nOSError: {}',
    ]
)


@given(carriers, carriers, st.one_of(secrets, masked), secrets)
def test_nothing_that_is_told_of_two_holds_a_secret_or_a_masked_value(
    one: str, other: str, planted: str, secret: str
) -> None:
    texts = [redact(text.replace("{}", value)) for text, value in ((one, planted), (other, secret))]
    a, b = (of(text) for text in texts)
    word = edge(a.value, b.value, AliasSource.HUMAN, stands=False) if a.value != b.value else None
    words = [msgspec.structs.replace(word, reason=f"as {secret} says")] if word is not None else []
    told = msgspec.json.encode(
        [compared(a, b), compared(b, a, words), [explain(origin="ci", message=t) for t in texts]]
    )
    assert planted.encode() not in told
    assert secret.encode() not in told


@given(secrets, st.sampled_from(["push with {} was refused", "OSError: token {} is void"]))
def test_a_secret_that_nobody_took_out_before_is_not_told_either(secret: str, carrier: str) -> None:
    told = msgspec.json.encode(compared(of(carrier.format(secret)), of("another", exception_type=secret)))
    assert secret.encode() not in told


def test_the_nearest_are_those_with_the_most_words_in_common() -> None:
    known = Nearest()
    texts = {
        "a": "service ledger did not answer the probe in time",
        "b": "service basket did not answer the probe",
        "c": "the probe was late",
        "d": "disk full",
    }
    for key, text in texts.items():
        known.add(key, text)
    assert [near.key for near in known.of("service stock did not answer the probe in time", 5)] == ["a", "b"]
    assert [near.key for near in known.of(texts["a"], 1)] == ["a"]
    assert [near.key for near in known.of(texts["a"], 1, but="a")] == ["b"]
    assert known.of("", 5) == []
    assert known.of("nothing like it", 5) == []


@given(st.lists(st.text("abc ", max_size=12), max_size=30), st.text("abc ", max_size=12))
def test_past_its_bound_nearest_forgets_what_was_seen_longest_ago(texts: list[str], asked: str) -> None:
    known, few = Nearest(known_max=5), Nearest()
    for number, text in enumerate(texts):
        known.add(str(number), text)
    for number, text in list(enumerate(texts))[-5:]:
        few.add(str(number), text)
    assert len(known) <= 5
    assert known.of(asked, 9) == few.of(asked, 9)
