"""What arguments name: files by pattern, each once; what cannot be read is said and stops nothing."""

from __future__ import annotations

import io

import pytest

from streams.cli.inputs import Input, lines, named
from streams.cli.interrupt import Stop
from streams.contract.errors import UnreadableInput


@pytest.fixture
def folder(tmp_path):
    for name in ("a.xml", "deep/er/b.xml", "deep/c.txt", "odd[1].xml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def names(folder, *patterns):
    found = list(named((str(folder / pattern) for pattern in patterns), Stop()))
    paths = [one.path for one in found if isinstance(one, Input) and one.path]
    assert len(paths) == len(found)
    return [str(path.relative_to(folder)) for path in paths]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (("a.xml",), ["a.xml"]),
        (("*.xml",), ["a.xml", "odd[1].xml"]),
        (("**/*.xml",), ["a.xml", "deep/er/b.xml", "odd[1].xml"]),
        (("odd[1].xml",), ["odd[1].xml"]),
        (("a.xml", "**/a.xml", "deep/../a.xml"), ["a.xml"]),
    ],
)
def test_patterns_name_files_each_once_and_a_name_that_exists_is_that_file(folder, patterns, expected):
    assert names(folder, *patterns) == expected


def test_a_pattern_that_matches_nothing_is_said(folder):
    (told,) = named([str(folder / "*.none")], Stop())
    assert isinstance(told, UnreadableInput)
    assert "no file matches" in str(told)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\x1f\x8b\x08abc", "gzip"),
        (b"PK\x03\x04abc", "zip"),
        (b"\x7fELF\x02\0\0\0", "not text"),
    ],
)
def test_a_file_that_is_no_text_is_refused_with_what_it_is(tmp_path, data, reason):
    path = tmp_path / "f"
    path.write_bytes(data)
    with pytest.raises(UnreadableInput, match=reason):
        Input("f", path).open()


def test_a_directory_and_a_missing_file_are_told_apart(tmp_path):
    with pytest.raises(UnreadableInput, match="a directory; name its files"):
        Input("d", tmp_path).open()
    with pytest.raises(UnreadableInput, match="no such file"):
        Input("n", tmp_path / "n").open()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("a\nbü\n".encode(), ["a", "bü"]),
        ("a\nb".encode("utf-16"), ["a", "b"]),
        (b"a\xffb\n", ["a\ufffdb"]),
    ],
)
def test_lines_are_read_in_the_encoding_that_the_file_shows(data, expected):
    assert list(lines(io.BufferedReader(io.BytesIO(data)))) == expected
