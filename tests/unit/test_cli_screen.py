"""Text from outside on a terminal is only text."""

from __future__ import annotations

from suites.table import each

from streams.cli.screen import line, shown, table

HOSTILE = [
    ("colour", "\x1b[31mred\x1b[0m", "red"),
    ("title of the window", "\x1b]0;owned\x07text", "text"),
    ("cursor up", "a\x1b[2Ab", "ab"),
    ("right to left", "user\u202egnp.exe", "usergnp.exe"),
    ("isolates", "a\u2066b\u2069c", "abc"),
    ("bell and backspace", "a\x07\x08b", "ab"),
    ("C1 control", "a\x9b31mb", "a31mb"),
    ("half a character", "a\ud800b", "a\ufffdb"),
]


@each(("text", "expected"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
@each(("before", "after"), [("", ""), ("x ", " y")])
def test_nothing_that_a_terminal_would_obey_is_left(text, expected, before, after):
    assert shown(f"{before}{text}{after}") == f"{before}{expected}{after}"


def test_a_line_is_one_line_of_bounded_length():
    assert line("a\nb\r\n\tc " * 1000, 20) == "a b c a b c a b c a…"


def test_markup_of_a_library_stays_as_it_was_written():
    assert line("[red]x[/red] [link=http://a]b[/link]") == "[red]x[/red] [link=http://a]b[/link]"


def test_a_table_keeps_its_columns_whatever_is_in_the_cells():
    told = table(("a", "b"), [("1\n2", "x" * 500), ("\x1b[2J", "y")], flexible=1).split("\n")
    assert len(told) == 4
    assert max(len(row) for row in told) <= 200
    assert told[2].startswith("1 2  xxx")
