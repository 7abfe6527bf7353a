"""The slot rule: templates that differ only in a place of values become one."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples, some_of

from streams.core.alias import aliases, grouped
from streams.core.fingerprint import fingerprint
from streams.core.slot_values import (
    FIRST_WORD_VALUES_MIN,
    LONE_VALUES_MIN,
    MARKED_VALUES_MIN,
    VALUES_MIN,
)
from streams.core.value_words import FILES_MIN

NAMES = ["ada", "bob", "cyd", "dan", "eva", "fay", "gus", "hal", "ida", "jon", "kay", "lea"]


def groups(templates: list[str]) -> int:
    found = aliases(templates)
    return len({found[t] for t in templates})


def test_enough_different_words_in_one_place_make_a_slot() -> None:
    assert groups([f"login refused for {name} today" for name in NAMES[:VALUES_MIN]]) == 1


def test_too_few_different_words_stay_apart() -> None:
    assert groups([f"login refused for {name} today" for name in NAMES[: VALUES_MIN - 1]]) == VALUES_MIN - 1


def test_words_that_name_a_state_stay_apart() -> None:
    states = ["started", "stopped", "failed", "paused", "active", "deleted", "created"]
    assert groups([f"server went to {state} state" for state in states]) == len(states)


def test_kept_numbers_stay_apart() -> None:
    assert groups([f"make ended with exit code {code} again" for code in range(20)]) == 20
    assert groups(["make ended with exit code 2 again", "make ended with exit code <id> again"]) == 2


def test_the_first_word_needs_more_evidence() -> None:
    assert groups([f"{name} refused to log in" for name in NAMES[:VALUES_MIN]]) == VALUES_MIN
    assert groups([f"{name} refused to log in" for name in NAMES[:FIRST_WORD_VALUES_MIN]]) == 1


def test_constant_words_must_remain() -> None:
    assert groups([f"hello {name}" for name in NAMES[: LONE_VALUES_MIN - 1]]) == LONE_VALUES_MIN - 1
    assert groups([f"{name} 1" for name in NAMES]) == len(NAMES)


def test_one_other_value_suffices_in_a_long_template() -> None:
    assert groups(["lost contact with node <*> again", "lost contact with node alpha again"]) == 1
    assert groups(["lost node <*>", "lost node alpha"]) == 2


def test_file_names_need_several_before_they_are_a_slot() -> None:
    files = [f"cannot open <path:{name}.cfg> for reading" for name in NAMES]
    assert groups(files[: FILES_MIN - 1]) == FILES_MIN - 1
    assert groups(files[:FILES_MIN]) == 1


def test_a_value_that_stands_twice_is_one_slot() -> None:
    assert groups([f"loading {name}, from <path:{name}> now" for name in NAMES]) == 1


def test_a_line_of_an_access_log_is_traffic_below_500() -> None:
    line = '<ip> "GET <path> HTTP/<num>" status: {} len: <num>'
    assert groups([line.format(status) for status in (200, 204, 404)]) == 1
    assert groups([line.format(status) for status in (200, 500, 503)]) == 3


def test_the_length_of_a_list_does_not_matter() -> None:
    assert groups(["bad nodes <id> <ok> <id> <ok>", "bad nodes <id> <ok> <id> <ok> <id> <ok>"]) == 1
    assert groups(["found <num> errors", "found <num> error"]) == 1


def test_the_value_of_a_key_needs_less_evidence() -> None:
    assert groups([f"bad login of user={name} again" for name in NAMES[:MARKED_VALUES_MIN]]) == 1


def test_the_form_of_a_value_does_not_matter() -> None:
    assert groups(["lost contact with <ip>", "lost contact with <host>", "lost contact with <id>"]) == 1


def test_two_names_that_vary_together_are_two_slots() -> None:
    names = [name.title() for name in NAMES[:VALUES_MIN]]
    assert groups([f"binding class app.{name}Event to handler app.{name}Handler now" for name in names]) == 1
    assert groups([f"binding {name} to handler {name[::-1]} now" for name in NAMES[:VALUES_MIN]]) == VALUES_MIN


def test_values_in_brackets_that_vary_together_are_slots() -> None:
    apart = [f"adding template [{a}] for index patterns [{b}]" for a, b in zip(NAMES, NAMES[::-1], strict=True)]
    assert groups(apart) == 1


def test_names_in_quotes_that_vary_together_name_a_problem_each() -> None:
    assert groups([f"'{a}' object has no '{b}' at all" for a, b in zip(NAMES, NAMES[::-1], strict=True)]) == len(NAMES)


def test_a_state_in_brackets_stays_apart() -> None:
    assert groups([f"node [{a}] of the cluster is [failed]" for a in NAMES]) == 1
    assert groups(["node [a] of the cluster is [failed]", "node [b] of the cluster is [started]"]) == 2


def test_three_units_of_an_init_system_are_one() -> None:
    assert groups([f"{unit}.service: Failed with result" for unit in ("cron", "sshd", "nginx")]) == 1
    assert groups([f"{unit}.service: Failed with result" for unit in ("cron", "sshd")]) == 2


def test_keys_whose_values_were_masked_are_words_that_stay() -> None:
    assert groups([f"<hex>: uid=<num> from=<{who}>" for who in ("alice", "bob", "carol")]) == 1
    assert groups([f"option:host.{name}=<id>" for name in ("a", "b", "c")]) == 3, "no other word stays"
    assert groups([f"set option:host.{name}=<id>" for name in ("a", "b", "c")]) == 1


def test_two_slots_of_one_template_are_found() -> None:
    assert groups([f"copy of {a} to {b} was refused" for a in NAMES[:7] for b in NAMES[:7]]) == 1


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_order_and_number_of_occurrences_do_not_matter(order: tuple[int, ...]) -> None:
    blocks = [[f"login refused for {n} today" for n in NAMES[i * 3 : i * 3 + 3]] * (i + 1) for i in range(4)]
    shuffled = [template for i in order for template in blocks[i]]
    assert aliases(shuffled) == aliases([t for block in blocks for t in block])


@given(st.lists(some_of([*NAMES, "<num>", "<id>", "failed", "k=v"], most=5).map(" ".join), max_size=30))
@examples(100)
def test_every_template_has_a_group_and_order_is_no_matter(templates: list[str]) -> None:
    found = aliases(templates)
    assert set(found) == set(templates)
    assert aliases(templates[::-1]) == found


def crash(message: str, *functions: str) -> str:
    frames = "".join(f'  File "/srv/app/{name}.py", line 3, in {name}\n    call()\n' for name in functions)
    return f"Traceback (most recent call last):\n{frames}ValueError: {message}\n"


def test_failures_in_the_same_own_frames_are_one_whatever_they_say() -> None:
    texts = [crash("negative amount", "submit", "check"), crash("currency is missing", "submit", "check")]
    assert len(set(grouped([fingerprint(origin="ci", message=text) for text in texts]))) == 1


def test_failures_in_other_frames_are_two_though_they_say_the_same() -> None:
    texts = [crash("negative amount", "submit", "check"), crash("negative amount", "refund", "verify")]
    assert len(set(grouped([fingerprint(origin="ci", message=text) for text in texts]))) == 2


def test_one_frame_is_not_enough_to_leave_the_message_out() -> None:
    texts = [crash("negative amount", "fail"), crash("currency is missing", "fail")]
    assert len(set(grouped([fingerprint(origin="ci", message=text) for text in texts]))) == 2


def test_the_same_words_under_another_code_are_another_group() -> None:
    both = [fingerprint(origin="ci", message="build failed", exit_code=code) for code in (1, 137)]
    assert len(set(grouped(both))) == 2
