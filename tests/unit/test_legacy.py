"""The earlier systems' normalisers and hashes answer what they always answered."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples, some_of
from suites.table import each

from streams.core.legacy import benchmark_fingerprint, benchmark_normalise, ci_error_hash, ci_normalise

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))


@each("vector", GOLDEN["ci"])
def test_a_ci_text_is_normalised_and_hashed_as_before(vector: dict[str, str]) -> None:
    assert ci_normalise(vector["text"]) == vector["normalised"]
    assert ci_error_hash(vector["text"]) == vector["s_error_hash"]


@each("vector", GOLDEN["benchmark"])
def test_a_benchmark_error_is_normalised_and_hashed_as_before(vector: dict[str, str]) -> None:
    assert benchmark_normalise(vector["message"]) == vector["normalized_message"]
    value = benchmark_fingerprint(
        provider=vector["provider"],
        model=vector["model_name"],
        stage=vector["stage"],
        kind=vector["error_kind"],
        normalised=benchmark_normalise(vector["message"]),
    )
    assert value == vector["fingerprint"]


def test_all_forty_vectors_are_there() -> None:
    assert len(GOLDEN["ci"]) + len(GOLDEN["benchmark"]) == 40


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/only", "/only"),
        ("//////", "//////"),
        ("/a/", "/a/"),
        ("/a/b/", "b/"),
        ("550e8400-e29b-41d4-a716-44665544000a", "UUID"),
    ],
)
def test_paths_and_whole_uuids_follow_the_earlier_rules(text: str, expected: str) -> None:
    assert ci_normalise(text) == expected


@examples(60)
@given(st.text(max_size=300))
def test_any_text_has_a_hash_even_with_lone_surrogates(text: str) -> None:
    assert len(ci_error_hash(text + "\ud800")) == 16
    assert len(benchmark_normalise(text)) <= 2000


@examples(60)
@given(st.text(alphabet="ab1/.:\\ -", max_size=40))
def test_white_space_is_single_and_trimmed_afterwards(text: str) -> None:
    done = ci_normalise(text)
    assert done == " ".join(done.split())


# The earlier normaliser, step by step as it was written, but for the paths, where it was quadratic.
TIME_UNITS = r"(?:milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h)"
STEPS_BEFORE_PATHS = [
    (r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?", "TIMESTAMP", 0),
    (r"\b[A-Z][a-z]{2}\s{1,8}\d{1,2}\s{1,8}\d{2}:\d{2}:\d{2}", "TIMESTAMP", 0),
    (r"\b\d{10,13}\b", "TIMESTAMP", 0),
    (r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b", "UUID", 0),
    (r"\b[0-9a-fA-F]{6,40}\b", "HEXID", 0),
]
STEPS_AFTER_PATHS = [
    (r"[A-Za-z]:\\[\w\-.\\]+\\([\w\-.]+)", r"\1", 0),
    (r"\b(line|column)\s+\d+", r"\1 NUM", re.IGNORECASE),
    (r"(\.\w+):\d+", r"\1:NUM", 0),
    (r"0x[0-9a-fA-F]+", "MEMADDR", 0),
    (r"\b(pid|tid|thread)\s+\d+", r"\1 NUM", re.IGNORECASE),
    (r":\d{4,5}\b", ":PORT", 0),
    (rf"\b\d+(?:\.\d+)?\s*{TIME_UNITS}\b", "NUM TIME_UNIT", re.IGNORECASE),
    (r"\b\d+(?:\.\d+)?\s*(?:bytes?|[kmgt]i?b|b)\b", "NUM SIZE_UNIT", re.IGNORECASE),
]


def without_directories(match: re.Match[str]) -> str:
    run = match.group()
    first, last = run.find("/"), run.rstrip("/").rfind("/")
    return run[:first] + run[last + 1 :] if 0 <= first <= last - 2 else run


def step_by_step(text: str) -> str:
    for pattern, replacement, flags in STEPS_BEFORE_PATHS:
        text = re.sub(pattern, replacement, text, flags=flags)
    text = re.sub(r"[\w\-./]+", without_directories, text)
    for pattern, replacement, flags in STEPS_AFTER_PATHS:
        text = re.sub(pattern, replacement, text, flags=flags)
    return " ".join(text.split())


PIECES = [
    *("2026-03-04", "T", "05:06:07", ".123", "Jan", "jan", " ", "  ", "\t", "\x1c", "\u00a0", "\n", "1700000000000"),
    *("123e4567", "-e89b", "-12d3", "-a456", "-426614174000", "deadbeef", "DECADE", "abcde", "f", "Z", "_", "-", ":"),
    *("line", "LINE", "l\u0131ne", "column", "pid", "P\u0130D", "tid", "thread", "0x", "0x1f", ".py", ".", "/", "//"),
    *("/srv/jobs/1/run.log", "a/b/c", "C:\\", "x\\y", "\\", "ms", "s", "\u017f", "\u017fec", "kb", "\u212ab", "MiB"),
    *("min", "hours", "bytes", "b", "1", "22", "333", "4444", "55555", "1.5", ":8080"),
    *("\u0663", "\u0663\u0663", "\u00e9"),
]


@examples(400)
@given(some_of(PIECES, most=20).map("".join), st.text(max_size=3), some_of(PIECES, most=8).map("".join))
def test_a_text_becomes_what_the_steps_make_of_it_one_after_the_other(before: str, other: str, after: str) -> None:
    text = before + other + after
    assert ci_normalise(text) == step_by_step(text)
