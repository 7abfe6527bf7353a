"""The table of kinds is read whole, and what is wrong in a custom one is told all at once."""

import pytest
from suites.table import each

from streams.contract.errors import ConfigurationError
from streams.contract.failure import Origin
from streams.contract.taxonomy import Taxonomy, TaxonomyError, default_taxonomy, status_from_text, status_kind

CI_KINDS = [
    "dependency_error",
    "timeout",
    "resource_exhaustion",
    "network_error",
    "assertion_failure",
    "compilation_error",
    "runtime_error",
    "infrastructure_error",
    "configuration_error",
    "flaky_test",
]
BENCHMARK_KINDS = [
    "auth",
    "billing",
    "rate_limit",
    "hard_model",
    "hard_capability",
    "transient_provider",
    "network",
    "unknown",
]

SMALL = """version = "7"

[[ci]]
name = "broken"
definition = "It broke."
family = "ours"
transient = false

[[benchmark]]
name = "late"
definition = "It came late."
family = "theirs"
transient = true

[[benchmark]]
name = "odd"
definition = "It was odd."
family = "theirs"
transient = false
optional = true
"""


def test_the_default_has_the_ten_and_the_eight_kinds() -> None:
    assert list(default_taxonomy().names(Origin.CI)) == CI_KINDS
    assert list(default_taxonomy().names(Origin.BENCHMARK)) == BENCHMARK_KINDS


def test_the_ci_kinds_are_in_the_two_families_of_the_earlier_system() -> None:
    families = {kind.family for kind in default_taxonomy().kinds(Origin.CI)}
    assert families == {"infrastructure_error", "code_error"}


def test_every_definition_is_one_sentence() -> None:
    for origin in Origin:
        for kind in default_taxonomy().kinds(origin):
            assert kind.definition.endswith(".")
            assert ". " not in kind.definition


def test_optional_kinds_appear_when_named_and_show_in_the_version() -> None:
    wide = default_taxonomy(frozenset({"timeout", "budget_exhausted"}))
    assert set(wide.names(Origin.BENCHMARK)) == {*BENCHMARK_KINDS, "timeout", "budget_exhausted"}
    assert wide.version == default_taxonomy().version + "+budget_exhausted+timeout"
    assert list(wide.names(Origin.CI)) == CI_KINDS


def test_the_default_is_read_once() -> None:
    assert default_taxonomy() is default_taxonomy()


def test_a_custom_file_replaces_the_table() -> None:
    custom = Taxonomy.from_toml(SMALL, source="own.toml")
    assert custom.version == "7"
    assert custom.names(Origin.CI) == ("broken",)
    assert custom.names(Origin.BENCHMARK) == ("late",)
    assert custom.kind(Origin.BENCHMARK, "late").transient
    assert custom.transient(Origin.BENCHMARK, "late")
    assert custom.family(Origin.CI, "broken") == "ours"


@pytest.mark.parametrize("origin", list(Origin))
def test_unknown_is_always_a_permitted_answer(origin: Origin) -> None:
    custom = Taxonomy.from_toml(SMALL, source="own.toml")
    assert custom.has(origin, "unknown")
    assert custom.family(origin, "unknown") == "unknown"
    assert not custom.transient(origin, "unknown")
    assert not custom.has(origin, "dependency_error")


def test_all_faults_are_told_at_once_each_with_its_line_and_the_source() -> None:
    text = """version = 3
colour = "red"

[[ci]]
name = "Broken"
definition = ""
family = "ours"

[[ci]]
name = "twice"
definition = "A."
family = "ours"
transient = "no"

[[ci]]
name = "twice"
definition = "B."
family = "ours"
transient = false
extra = 1

[[cd]]
name = "x"

[[ci]]
name = "syntax
"""
    with pytest.raises(TaxonomyError) as caught:
        Taxonomy.from_toml(text, source="own.toml", optional_kinds=frozenset({"maybe"}))
    assert [line for line, _ in caught.value.faults] == [0, 0, 1, 2, 4, 5, 6, 13, 16, 20, 22, 26]
    shown = str(caught.value).split("\n")
    assert len(shown) == 12
    assert all(line.startswith("own.toml:") for line in shown)
    assert "own.toml:16: kind 'twice' of ci stands here a second time" in shown
    assert "own.toml:13: transient must be true or false" in shown


def test_an_empty_file_is_told_what_it_lacks() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Taxonomy.from_toml("", source="own.toml")
    assert "version is missing" in str(caught.value)
    assert "[[ci]]" in str(caught.value)
    assert "[[benchmark]]" in str(caught.value)


def test_a_bracket_inside_a_long_text_is_no_table() -> None:
    text = SMALL.replace('"It broke."', '"""It \\\n[[broke]]."""')
    assert Taxonomy.from_toml(text, source="own.toml").kind(Origin.CI, "broken").definition == "It [[broke]]."


def test_a_file_over_the_limit_is_refused() -> None:
    with pytest.raises(TaxonomyError, match="longer than"):
        Taxonomy.from_toml("#" * 300_000, source="own.toml")


@each(
    ("status", "kind"),
    [
        (401, "auth"),
        (403, "auth"),
        (402, "billing"),
        (429, "rate_limit"),
        (404, "hard_model"),
        (500, "transient_provider"),
        (529, "transient_provider"),
        (599, "transient_provider"),
        (600, "unknown"),
        (400, "unknown"),
        (None, "unknown"),
    ],
)
def test_a_status_alone_hints_at_a_kind(status: int | None, kind: str) -> None:
    assert status_kind(status) == kind
    assert default_taxonomy().has(Origin.BENCHMARK, kind)


@each(
    ("message", "status"),
    [
        ("Error code: 404 - Model not found", 404),
        ("error code:429", 429),
        ("HTTP status: 503", 503),
        ("http status=402 payment", 402),
        ("status code = 500", 500),
        ("Status: 401 Unauthorized", 401),
        ("PermissionDenied: 403 no access", 403),
        ("Unavailable : 503", 503),
        ("status 500", None),
        ("status: 50012", None),
        ("substatus: 404", None),
        ("notfound: 404", None),
        ("", None),
    ],
)
@each(("prefix", "suffix"), [("", ""), ("while asking: ", ""), ("", " (try later)")])
def test_a_status_is_read_from_text(message: str, status: int | None, prefix: str, suffix: str) -> None:
    assert status_from_text(prefix + message + suffix) == status
