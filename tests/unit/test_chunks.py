"""A log in chunks: whatever it is made of, whole lines come out, and little is held."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.core.extract.chunks import CHUNK_BYTES, UNENDED_BYTES_MAX, chunks
from streams.core.extract.clean import CUT_MARK, LINE_CHARS_MAX


def read(pieces: list[bytes]) -> list[bytes]:
    return [line for chunk in chunks(pieces) for line in chunk.lines]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8))
def test_any_bytes_cut_anywhere_give_the_same_lines(data: bytes, cuts: list[int]) -> None:
    data = data if data[:2] not in {b"\xff\xfe", b"\xfe\xff"} else b""
    places = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in pairwise(places) if a < b]
    lines = data.split(b"\n")
    assert read(pieces) == (lines if lines[-1] else lines[:-1])


def test_a_line_without_an_end_is_held_as_far_as_it_may_be_seen() -> None:
    size = UNENDED_BYTES_MAX * 4
    (line,) = read([b"x" * CHUNK_BYTES] * (size // CHUNK_BYTES))
    assert line == b"x" * LINE_CHARS_MAX + CUT_MARK.encode()
    bar = b"".join(b"%d%% done\r" % n for n in range(size // 8))
    assert read([bar[at : at + 1000] for at in range(0, len(bar), 1000)]) == [b"%d%% done" % (size // 8 - 1)]
    assert [len(chunk.data) for chunk in chunks([b"\r" * CHUNK_BYTES] * 20)] <= [UNENDED_BYTES_MAX + CHUNK_BYTES]


def test_lines_that_were_cut_are_counted() -> None:
    assert [chunk.cut for chunk in chunks(["short", "y" * 9000, "z" * 5000])] == [2]


def test_text_of_two_bytes_a_character_is_read_as_its_mark_says() -> None:
    data = "first\nerror: no\n".encode("utf-16")
    assert read([data[:1], data[1:7], data[7:]]) == [b"first", b"error: no"]
