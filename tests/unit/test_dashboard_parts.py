"""What the pages are made of: words, charts, addresses, kinds."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples
from suites.fake_queries import NOW_MS
from suites.table import each

from streams.contract.taxonomy import default_taxonomy
from streams.dashboard import words
from streams.dashboard.asked import STRETCHES, Asked, BadParameter, asked
from streams.dashboard.charts import SPARK_HEIGHT, SPARK_WIDTH, Chart, sparkline, stacked
from streams.dashboard.kinds import COLOURS, NO_COLOUR, Kinds
from streams.sinks.base import GroupFilter, KindSeries, KindsOverTime

KINDS = Kinds.of(default_taxonomy())

AGO = [
    (0, "just now"),
    (4_999, "just now"),
    (-4_999, "just now"),
    (5_000, "5 s ago"),
    (59_999, "59 s ago"),
    (60_000, "1 min ago"),
    (3_599_999, "59 min ago"),
    (3_600_000, "1 h ago"),
    (86_399_999, "23 h ago"),
    (86_400_000, "1 d ago"),
    (400 * 86_400_000, "400 d ago"),
    (-5_000, "now"),
    (-120_000, "now"),
    (-400 * 86_400_000, "now"),
]

ODD = [
    ("escape", "\x1b[31m", "⟨ESC⟩[31m"),
    ("nul", "a\x00b", "a⟨NUL⟩b"),
    ("carriage return", "a\rb", "a⟨CR⟩b"),
    ("delete", "\x7f", "⟨U+007F⟩"),
    ("c1 control", "\x9b", "⟨U+009B⟩"),
    ("right-to-left override", "\u202egnp", "⟨U+202E⟩gnp"),
    ("isolate", "\u2066", "⟨U+2066⟩"),
    ("zero width space", "pass\u200bword", "pass⟨U+200B⟩word"),
    ("line separator", "\u2028", "⟨U+2028⟩"),
    ("byte order mark", "\ufeff", "⟨U+FEFF⟩"),
    ("lone surrogate", "\ud800", "⟨U+D800⟩"),
    ("tag", "\U000e0041", "⟨U+E0041⟩"),
    ("tab and line end stay", "a\tb\nc", "a\tb\nc"),
    ("letters of other scripts stay", "שגיאה ошибка 错误 😀", "שגיאה ошибка 错误 😀"),
]


@each(("age_ms", "said"), AGO)
def test_a_time_is_told_in_its_largest_unit(age_ms, said):
    assert words.ago(NOW_MS - age_ms, NOW_MS) == said


@each(("given", "shown"), [row[1:] for row in ODD], ids=[row[0] for row in ODD])
@each(("before", "after"), [("", ""), ("before ", " after")])
def test_characters_that_hide_are_shown(given, shown, before, after):
    assert words.plain(before + given + after) == before + shown + after


@given(st.text())
@examples(150)
def test_a_shown_text_holds_nothing_that_hides(text):
    once = words.plain(text)
    assert words.plain(once) == once
    assert not set(once) & {"\x00", "\x1b", "\r", "\u202e", "\u200b", "\ufeff", "\ud800"}


@given(st.text(alphabet="<>&\"'/abnum:\x1b\u202e \n", max_size=60))
@examples(150)
def test_marked_texts_hold_no_markup_but_the_mark(text):
    for marked, opening, closing in (
        (words.variables_marked(text), "<mark>", "</mark>"),
        (words.odd_marked(text), '<span class="odd">', "</span>"),
    ):
        rest = str(marked).replace(opening, "").replace(closing, "")
        assert "<" not in rest
        assert ">" not in rest


def test_placeholders_are_marked_and_other_angle_brackets_are_not():
    marked = str(words.variables_marked("<num> of <b> in <path>, <secret> <str:name>"))
    assert marked == (
        "<mark>&lt;num&gt;</mark> of &lt;b&gt; in <mark>&lt;path&gt;</mark>, &lt;secret&gt; "
        "<mark>&lt;str:name&gt;</mark>"
    )


@pytest.mark.parametrize(("share", "said"), [(0.0, "0"), (0.934, "93"), (0.999, "99"), (1.0, "100")])
def test_only_certainty_is_called_a_hundred_percent(share, said):
    assert words.percent(share) == f"{said}\u00a0%"


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("no answer after 30 s", True),
        ("it's $(rm -rf ~) `x` !!", True),
        ("two\nlines", False),
        ("\x1b]0;title\x07", False),
        ("\u202etxt.exe", False),
        ("", False),
        ("x" * 201, False),
    ],
)
def test_only_short_visible_lines_enter_a_command(text, fit):
    assert words.explainable(text) is fit


def series(kind: str, *counts: int, origin: str = "ci") -> KindSeries:
    return KindSeries(origin, kind, "code_error", counts, sum(counts))


def chart(*all_series: KindSeries, buckets: int = 3) -> Chart:
    kinds = KindsOverTime(NOW_MS, 60_000, buckets, all_series)
    return stacked(kinds, origin="ci", stretch=STRETCHES["1h"], colour=KINDS.colour)


def test_a_chart_counts_from_zero_and_stacks_the_largest_kind_at_the_bottom():
    drawn = chart(
        series("timeout", 1, 0, 3), series("flaky_test", 2, 0, 5), series("auth", 9, 9, 9, origin="benchmark")
    )
    assert (drawn.total, drawn.peak) == (11, 8)
    assert [tick.label for tick in drawn.y_ticks] == ["8", "4", "0"]
    assert [one.kind for one in drawn.legend] == ["flaky_test", "timeout"]
    first, last = drawn.bars
    assert [(part.kind, part.y, part.height) for part in last.segments] == [
        ("flaky_test", 37.5, 62.5),
        ("timeout", 0.0, 37.5),
    ]
    assert first.step_x == 0.0
    assert last.of("timeout") == 3
    assert last.of("auth") == 0


@given(st.lists(st.lists(st.integers(0, 10**9), min_size=4, max_size=4), min_size=1, max_size=6))
@examples(100)
def test_bars_stay_within_the_chart(rows):
    drawn = chart(*(series(f"kind_{i}", *row) for i, row in enumerate(rows)), buckets=4)
    for bar in drawn.bars:
        assert bar.total == sum(part.count for part in bar.segments)
        assert 0 <= bar.x <= bar.x + bar.width <= 100
        for part in bar.segments:
            assert part.y >= -0.001
            assert part.y + part.height <= 100.01


@given(st.lists(st.integers(0, 10**9), max_size=24))
@examples(100)
def test_sparks_stay_in_their_box_and_show_every_count(counts):
    drawn = sparkline(counts)
    assert len(drawn.bars) == sum(1 for number in counts if number)
    for x, y, width, height in drawn.bars:
        assert 0 <= x <= x + width <= SPARK_WIDTH
        assert y >= 0
        assert height >= 2
        assert y + height <= SPARK_HEIGHT


def test_a_spark_says_what_it_shows():
    assert sparkline([0, 3, 1]).label == "4 in the last 3 hours, at most 3 an hour"
    assert sparkline([0, 0]).label == "none in the last 2 hours"


def ask(*items: tuple[str, str], strict: bool = True) -> Asked:
    return asked(items, kinds=KINDS.names, families=KINDS.families, strict=strict)


BAD = [
    ("origin", "mars", "ci, benchmark"),
    ("kind", "Timeout", "timeout"),
    ("family", "x", "infrastructure_error"),
    ("sort", "size", "last_seen, first_seen, count"),
    ("range", "2h", "1h, 24h, 7d"),
    ("since", "1", "1h, 24h, 7d"),
    ("new", "yes", "0, 1"),
    ("limit", "0", "a whole number from 1 to 200"),
    ("limit", "201", "a whole number from 1 to 200"),
    ("limit", "1e2", "a whole number from 1 to 200"),
    ("limit", "٣", "a whole number from 1 to 200"),
    ("offset", "-1", "a whole number from 0 to 1000000"),
    ("offset", "9" * 5000, "a whole number from 0 to 1000000"),
    ("text", "x" * 201, "at most 200 characters"),
    ("where", "x" * 1025, "at most 1024 characters"),
    ("colour", "red", "the parameters origin"),
]


@each(("name", "given", "allowed"), BAD)
def test_a_wrong_parameter_is_named_with_what_is_allowed(name, given, allowed):
    with pytest.raises(BadParameter) as caught:
        ask((name, given))
    assert caught.value.name == name
    assert caught.value.given.startswith(given[:100])
    assert len(caught.value.given) <= 101
    assert allowed in caught.value.allowed


def test_a_parameter_given_twice_is_refused():
    with pytest.raises(BadParameter, match="each parameter once"):
        ask(("kind", "timeout"), ("kind", "flaky_test"))


def test_a_page_passes_over_parameters_it_does_not_know():
    assert ask(("utm_source", "mail"), strict=False) == Asked()


def test_an_empty_form_asks_for_everything():
    assert ask(*((name, "") for name in ("origin", "kind", "family", "where", "text", "since", "sort"))) == Asked()


def test_a_question_becomes_a_filter_with_times():
    wish = ask(("origin", "ci"), ("kind", "timeout"), ("text", " a b "), ("since", "24h"), ("new", "1"))
    assert wish.wanted(NOW_MS) == GroupFilter(
        origin="ci", kind="timeout", text="a b", since_ms=NOW_MS - 86_400_000, new_since_ms=NOW_MS - 86_400_000
    )


@given(
    st.builds(
        Asked,
        origin=st.sampled_from(["", "ci", "benchmark"]),
        kind=st.sampled_from(["", "timeout", "unknown"]),
        where=st.text(max_size=20).map(str.strip),
        text=st.text(max_size=20).map(str.strip),
        since=st.sampled_from(["", "1h"]),
        new=st.booleans(),
        sort=st.sampled_from(["last_seen", "count"]),
        range=st.sampled_from(["", "7d"]),
        limit=st.integers(1, 200),
        offset=st.integers(0, 1000),
    )
)
@examples(100)
def test_an_address_asks_for_what_it_was_made_from(wish):
    items = parse_qsl(urlsplit(wish.url(offset=wish.offset)).query, keep_blank_values=True)
    assert ask(*items) == wish


def test_a_new_filter_starts_at_the_first_row():
    assert Asked(offset=50, sort="count").url(kind="timeout") == "/?kind=timeout&sort=count"


def test_the_last_step_of_a_stretch_holds_now():
    for stretch in STRETCHES.values():
        start_ms = stretch.start_ms(NOW_MS)
        assert start_ms % stretch.step_ms == 0
        assert start_ms + (stretch.buckets - 1) * stretch.step_ms <= NOW_MS < start_ms + stretch.length_ms


def test_kinds_of_one_origin_have_colours_of_their_own_and_unknown_is_grey():
    for origin, names in KINDS.order.items():
        colours = [KINDS.colour(origin, kind) for kind in names if kind != "unknown"]
        assert len(set(colours)) == min(len(colours), COLOURS)
        assert NO_COLOUR not in colours
    assert KINDS.colour("ci", "unknown") == KINDS.colour("ci", "kind of an older taxonomy") == NO_COLOUR


def test_every_kind_has_a_meaning():
    assert KINDS.meaning("ci", "timeout").endswith(".")
    assert KINDS.meaning("ci", "unknown")
    assert "taxonomy" in KINDS.meaning("ci", "kind_of_an_older_taxonomy")
