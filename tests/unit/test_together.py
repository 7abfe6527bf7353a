"""Few different words in a place, or several places at once: what still is one problem, and what is not."""

from itertools import permutations

import pytest

from streams.core.alias import aliases, widest
from streams.core.slot_values import FEWER_VALUES, VALUES_MIN
from streams.core.value_words import SHAPED_VALUES_MIN, SHOWN_VALUES_MIN

NAMES = ["ada", "bob", "cyd", "dan", "eva", "fay"]

ONE = {
    "two places with names by their shape": (
        "drain of default/web asked by ops@lab too late",
        "drain of prod/api asked by dev@lab too late",
    ),
    "values of keys": ("moved volume owner=ada zone=east after all", "moved volume owner=bob zone=west after all"),
    "a program before a colon": ("imap-login: closed by the peer", "smtp-login: closed by the peer"),
    "a disk without a number": ("sd <*>: [sda] has blocks of <*>", "sd <*>: [sdb] has blocks of <*>"),
    "three names behind a word that announces them": (
        "pool ada is short of room",
        "pool bob is short of room",
        "pool cyd is short of room",
    ),
    "and with a sign between": tuple(f"sent it on, queue = {name}, at last" for name in NAMES[:3]),
    "names in parentheses": ("log (default/web): wrote part of it", "log (prod/api): wrote part of it"),
    "four names by their shape where two words stay": tuple(f"lost contact: <*> default/{name}" for name in NAMES[:4]),
    "five files among other names": tuple(
        f"user {name}: no luck with <path:{name}.cfg> today" for name in ["root", *NAMES[:4]]
    ),
    "three first words by their shape": tuple(f"{name}.exe opened its line to <*>" for name in NAMES[:3]),
    "and in parentheses": tuple(f"(com.acme.{name}): went out and came back" for name in NAMES[:3]),
    "a first word that was masked in part": (
        "<*>;went back to where it came from",
        "<*>.head;went back to where it came from",
    ),
    "names that end like verbs, beside others": tuple(
        f"gave up waiting for {name} to answer the last of many calls" for name in ["ada", "bob", "cyd", "movement"]
    ),
    "three in quotes behind such a word": tuple(f'queue "{name}" is short of room' for name in NAMES[:3]),
    "three names in a sentence of many words": tuple(
        f"gave up waiting for {name} to answer the last of many calls" for name in NAMES[:3]
    ),
    "a form that has wildcards wherever another differs": (
        "skipped <*> for the pool <*> on host <*> today",
        "skipped ada for the pool b/c on host eva today",
    ),
    "more wildcards in one word": ("lease of <*>[<*>] went back home", "lease of ada[<*>] went back home"),
}
"""Templates that are one."""

APART = {
    "two names that nothing but a word beside shows": ("pool ada is short of room", "pool bob is short of room"),
    "the name is the problem": (
        "cannot find import of default/web in here",
        "cannot find import of prod/api in here",
    ),
    "an exception's name": (
        "worker of a.b ended by TimeOutError at last",
        "worker of a.b ended by OrderError at last",
    ),
    "a constant of a program": ("call of the pool gave EC_LATE again", "call of the pool gave EC_FULL again"),
    "words joined by hyphens": ("wrote the task-list file of a/b", "wrote the task-plan file of a/b"),
    "a class of tests": ("left over (TestLogin:tear_down) after all", "left over (TestBasket:tear_down) after all"),
    "a called function": ("loop got stuck within read_all() again", "loop got stuck within write_all() again"),
    "states": ("pool started is the last word here", "pool failed is the last word here"),
    "a key that says what happened": ("unit web.a ended early, reason=late", "unit web.a ended early, reason=full"),
    "a key whose parts say so": (
        "sent the archive of a/b to store, errorCode=AccessDenied",
        "sent the archive of a/b to store, errorCode=NoSuchBucket",
    ),
    "and in the other order": ("sent the archive of a/b, err_kind=late", "sent the archive of a/b, err_kind=full"),
    "codes in camel case": (
        "one part of it waits for good: imagePullBackOff",
        "one part of it waits for good: crashLoopBackOff",
    ),
    "two dotted names that nothing announces": (
        "storage.list went well and storage.objects.get was out of reach",
        "storage.list went well and storage.objects.delete was out of reach",
    ),
    "tasks of a build": (
        "Execution failed for task ':app:compileJava' of the build",
        "Execution failed for task ':app:lint' of the build",
        "Execution failed for task ':app:bundle' of the build",
    ),
    "and without quotes": ("gave up on task :app:compileJava too late", "gave up on task :app:lint too late"),
    "commands": tuple(f"command {name} went down in the end" for name in ["git", "make", "cc"]),
    "codes of a service": (
        "request ended in the backend with storage/quota-exceeded",
        "request ended in the backend with storage/object-gone",
    ),
    "a kept number": ("drain of a/b gave exit code 3", "drain of a/b gave exit code 4"),
    "two files": ("wrote part of <path:a.cfg> to disk", "wrote part of <path:b.cfg> to disk"),
    "a quoted name that nothing announces": ("gave up on 'a.b' for good now", "gave up on 'c.d' for good now"),
    "prose where another has a wildcard": (
        "skipped <*> for the pool <*> on host <*> today",
        "skipped nothing for the pool that on host <*> today",
    ),
    "the first word": ("default/web is short of room again", "prod/api is short of room again"),
    "first words joined by hyphens": tuple(f"{name}-api is short of room again" for name in NAMES[:3]),
    "few words that stay": ("lost default/web", "lost prod/api"),
}
"""Templates that are as many problems."""

KNOWN_WRONG = {
    "names of one word that nothing announces": ("ada got its turn of late", "bob got its turn of late"),
    "names of several words": ("Started Daily clean up of files", "Started Message of the Day again"),
    "states of a machine that go on and on": ("job went from NEW to ASKED", "job went from ASKED to RUNNING"),
}
"""Templates that are one to people, and that we leave apart."""


def groups(templates: tuple[str, ...]) -> int:
    found = aliases(templates)
    return len({found[template] for template in templates})


@pytest.mark.parametrize("reason", ONE)
def test_values_that_their_shape_or_their_neighbours_show_are_one(reason: str) -> None:
    assert groups(ONE[reason]) == 1
    assert all(groups(order) == 1 for order in permutations(ONE[reason]))


@pytest.mark.parametrize("reason", APART)
def test_what_may_be_the_problem_stays_apart(reason: str) -> None:
    assert groups(APART[reason]) == len(APART[reason])


@pytest.mark.parametrize("reason", KNOWN_WRONG)
def test_known_wrong(reason: str) -> None:
    assert groups(KNOWN_WRONG[reason]) == len(KNOWN_WRONG[reason])


def test_the_more_words_stay_the_fewer_names_are_needed() -> None:
    assert [few for _, few in FEWER_VALUES] == sorted(few for _, few in FEWER_VALUES)
    for words, few in FEWER_VALUES:
        rest = " ".join("abcdefgh"[i] * 4 for i in range(words - 1))
        assert groups(tuple(f"then {name} {rest}" for name in NAMES[:few])) == 1
        assert groups(tuple(f"then {name} {rest}" for name in NAMES[: few - 1])) == few - 1
    assert SHAPED_VALUES_MIN < SHOWN_VALUES_MIN < VALUES_MIN


def test_no_form_goes_round_in_circles() -> None:
    forms = ["lease of <*>-<*> went back home", "lease of <*> went back home", "lease of a-<*> went back home"]
    assert {widest(order)[form] for order in permutations(forms) for form in forms} == {forms[1]}
