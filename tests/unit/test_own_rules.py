"""Masks, frame rules and grouping rules of users: what is refused, what they do, and what they leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples
from suites.table import each

from streams.core.fingerprint import Fingerprinter, explain, fingerprint
from streams.core.own_rules.fingerprinter import RuledFingerprinter, fingerprinter_under
from streams.core.own_rules.read import RULES_MAX, RulesError, own_rules, rules_in_use
from streams.core.own_rules.rules import MATCHES_MAX, OwnRules
from streams.core.why import first_difference

pytest.importorskip("re2", reason="the extra `rules` is not installed")

MASK = """version = "1"
[[mask]]
id = "order"
pattern = '\\border ([A-Za-z]{3}-\\w+)'
"""
ALL = (
    MASK
    + """
examples = ["order ABC-x7 lost", { message = "order abc-zz", http_status = 500 }]
unlike = ["order book"]
[[group]]
id = "oom"
type = '.*MemoryError'
message = 'allocate'
group = "out of memory"
examples = ["MemoryError: cannot allocate 5"]
[[group]]
id = "quota"
origin = "benchmark"
http_status = [429, 403]
message = '(?i)QUOTA'
group = "quota, {{ default }}"
[[group]]
id = "pool"
module = '.*pool'
group = "pool {{ function }}"
[[frame]]
id = "vendored"
module = 'vendor\\..*'
app = false
"""
)
TRACE = """Traceback (most recent call last):
  File "/srv/site/{top}.py", line 3, in get
    run()
  File "/srv/site/vendor/http.py", line 7, in send
    raise E
{error}"""


def rules(text: str) -> OwnRules:
    return own_rules(text, source="rules.toml")


def body(pattern: str, sort: str = "mask", key: str = "pattern", rest: str = "") -> str:
    return f"version = \"1\"\n[[{sort}]]\nid = \"x\"\n{key} = '''{pattern}'''\n{rest}\n"


@each(
    ("text", "line", "told"),
    [
        ("", 0, 'begin the file with version = "1"'),
        ("version = 1\n", 1, 'must be "1"'),
        ('version = "1"\nrules = 3\n', 2, "before the first rule"),
        (body("(a)(?=b)"), 4, "lookahead is not RE2: match what follows"),
        (body("(a)(?!b)"), 4, "negative lookahead"),
        (body("(?<=b)(a)"), 4, "lookbehind is not RE2: match what stands before"),
        (body(r"(a)\1"), 4, r"\1 refers back"),
        (body("(?P<n>a)(?P=n)"), 4, "no backreferences"),
        (body("(?>(a))"), 4, "atomic groups are not RE2"),
        (body("(a++)"), 4, "possessive quantifiers are not RE2, which never goes back: write +"),
        (body("((a{500}){500})"), 4, "counts to 1000 at most"),
        (body("([^a]{1000}[^b]{1000})"), 4, "smaller counts"),
        (body("(a"), 4, r"a literal one is \("),
        (body("(a)|"), 4, "matches the empty text"),
        (body("(" + "a" * 500 + ")"), 4, "1 to 500 characters"),
        (body("abc"), 4, "has 0 capture groups, and must have one"),
        (body("(a)(b)"), 4, "other parentheses are (?:...)"),
        (body("(a)", rest='name = "N"'), 5, "name must be a lower-case letter"),
        (body("(a)", rest='examples = ["b"]'), 5, "example 'b' is not matched"),
        (body("(a)", rest='unlike = ["a 5 b"]'), 5, "matches, and is said to be unlike"),
        (body("(a)", rest="examples = [7]"), 5, "each is a text, or a table of message"),
        (body("(a)", rest="nam = 3"), 5, "key 'nam' is not known: a mask has"),
        (body("x", "group", "message"), 2, "group is missing"),
        (body("x", "group", "message", 'group = "{{ who }}"'), 5, "{{ who }} is not known"),
        (body("x", "group", "message", 'group = "{{ type }}"'), 5, "a word of its own"),
        (body("x", "group", "message", 'group = "a {b}"'), 5, "no other braces"),
        (body("x", "group", "group"), 4, "matches everything"),
        (body("x", "group", "message", 'group = "a"\nhttp_status = ["429"]'), 6, "whole number"),
        (body("x", "group", "message", 'group = "a"\norigin = "ic"'), 6, "ci or benchmark"),
        (body("x", "frame", "module"), 2, "app must be true"),
        ('version = "1"\n[[frame]]\nid = "x"\napp = true\n', 2, "matches every frame"),
        ('version = "1"\n[mask]\n', 2, "a rule is a table [[mask]]"),
        ('version = "1"\n[[mask]]\npattern = 3\n[[mask]]\nid =\n', 5, "not TOML"),
    ],
)
def test_a_fault_is_told_with_its_line_and_the_way_out(text: str, line: int, told: str) -> None:
    with pytest.raises(RulesError) as raised:
        rules(text)
    assert any(at == line and told in fault for at, fault in raised.value.faults), raised.value.faults


def test_all_faults_come_at_once_and_a_file_has_a_bounded_number_of_rules() -> None:
    with pytest.raises(RulesError) as raised:
        rules(MASK + "[[mask]]\nid = 'order'\npattern = '(a)(?=b)'\n[[frame]]\nid = 'f'\n")
    assert len(raised.value.faults) == 4
    assert str(raised.value).startswith("rules.toml:6: mask 'order': this id stands in line 3 already")
    many = "".join(f"[[mask]]\nid = 'm{n}'\npattern = '(a{n})'\n" for n in range(RULES_MAX + 1))
    with pytest.raises(RulesError, match=f"{RULES_MAX + 1} rules; {RULES_MAX} are possible"):
        rules(f'version = "1"\n{many}')
    assert rules_in_use("", source="none") is None


def test_a_mask_joins_what_differs_in_its_value_alone_and_the_id_says_so() -> None:
    one, two = (fingerprint(origin="ci", message=f"order {o} lost", rules=rules(ALL)) for o in ("ABC-x", "XYZ-why"))
    assert one == two
    assert one.template == "order <id:order> lost"
    assert one.value.startswith("fp1u.")
    assert one.version == "fp1u"
    told = explain(origin="ci", message="order ABC-x lost", rules=rules(ALL)).tokens
    assert [(t.shown, t.length, t.kept, t.rule) for t in told if "<" in t.shown] == [("<id:order>", 5, False, "order")]
    plain = fingerprint(origin="ci", message="order ABC-x lost")
    assert plain.class_value == one.class_value
    difference = first_difference(plain, one)
    assert difference is not None
    assert difference.part == "template"


def test_another_pattern_under_the_same_id_gives_another_id_and_other_examples_the_same() -> None:
    def value(text: str) -> str:
        return fingerprint(origin="ci", message="order ABC-x lost", rules=rules(text)).value

    assert value(MASK) == value(ALL) == value("# a comment\n" + MASK + "reason = 'orders'\n")
    assert value(MASK) != value(MASK.replace("{3}", "{3,3}"))


def test_a_grouping_rule_makes_one_group_of_many_templates() -> None:
    found = [
        fingerprint(origin="ci", message=message, rules=rules(ALL))
        for message in ("MemoryError: cannot allocate 5", "MemoryError: failed to allocate the array", "MemoryError: 5")
    ]
    assert found[0].value == found[1].value != found[2].value
    assert found[2] == fingerprint(origin="ci", message="MemoryError: 5")
    assert [part.value for part in found[0].parts if part.name == "group"] == ["out of memory"]


def test_default_refines_a_group_by_what_divides_failures_anyhow() -> None:
    def value(message: str, status: int = 429) -> str:
        return fingerprint(origin="benchmark", message=message, http_status=status, rules=rules(ALL)).value

    assert value("the quota of 5 is spent") == value("the quota of 7 is spent") != value("no quota left")
    assert value("the quota of 5 is spent").startswith("fp1u.")
    assert value("the quota of 5 is spent", 500).startswith("fp1.")


def test_frame_rules_say_whose_code_it_is_and_groups_look_at_frames() -> None:
    def found(top: str, error: str = "ValueError", text: str = ALL) -> tuple[list[str], list[str], str]:
        trace = TRACE.format(top=top, error=error)
        made = explain(origin="ci", message="", traceback=trace, rules=rules(text))
        own = [part.value.partition("@")[0] for part in made.fingerprint.parts if part.name == "own_rule"]
        return own, [frame.module for frame in made.frames if frame.in_app], made.fingerprint.version

    without = ALL.replace("'vendor", "'vendored")
    assert found("web", text=without) == ([], ["vendor.http", "site.web"], "fp1")
    assert found("web") == (["vendored"], ["site.web"], "fp1u")
    assert found("app/pool", "ValueError: anything")[0] == ["vendored", "pool"]


def test_an_earlier_mask_has_the_place_and_every_mask_sees_the_text_as_it_came() -> None:
    two = rules(MASK + "[[mask]]\nid = 'code'\npattern = '-(\\w+)'\n")
    assert two.masked("order ABC-x7 and DEF-y8").text == "order <id:order> and DEF-<id:code>"
    assert two.masked("order " * 3).text == "order " * 3
    many = two.masked("-a " * (MATCHES_MAX + 50)).text
    assert many.count("<id:code>") == MATCHES_MAX


def test_a_pattern_that_makes_others_backtrack_takes_linear_time() -> None:
    evil = rules(body("((?:a+)+)$"))
    assert evil.masked("a" * 60_000 + "!").masks == ()
    assert "<id:x>" in evil.masked("a" * 60_000).text
    assert fingerprint(origin="ci", message="b\ud800 " + "a" * 9, rules=evil).template.endswith("<id:x>")


words = st.sampled_from(
    [
        "order",
        "ABC-x1",
        "order ABC-q",
        "MemoryError:",
        "allocate",
        "12",
        "quota",
        "\n",
        "lost",
        "\x1b[1m",
        "é",
        "\ud800",
    ]
)


@examples(150)
@given(
    texts=st.lists(st.lists(words, max_size=8).map(" ".join), min_size=1, max_size=6),
    status=st.sampled_from([None, 429]),
)
def test_caches_change_nothing_and_what_no_rule_touches_keeps_its_id(texts: list[str], status: int | None) -> None:
    own = _ALL_RULES
    ruled, plain = RuledFingerprinter(own, max_entries=4), Fingerprinter()
    for text in [*texts, *texts]:
        for origin in ("ci", "benchmark"):
            found = ruled(origin=origin, message=text, http_status=status)
            assert found == fingerprint(origin=origin, message=text, http_status=status, rules=own)
            if not any(part.name == "own_rule" for part in found.parts):
                assert found == plain(origin=origin, message=text, http_status=status)
            else:
                assert found.value.startswith("fp1u.") or found.site_value.startswith("fp1u.")
        assert ruled.text(text) == fingerprint(origin="ci", message=text, rules=own).value


_ALL_RULES = rules(ALL)


def test_without_rules_nothing_stands_in_front() -> None:
    assert type(fingerprinter_under(None)) is Fingerprinter
