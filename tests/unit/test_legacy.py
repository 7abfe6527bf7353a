"""The earlier systems' normalisers and hashes answer what they always answered."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.legacy import benchmark_fingerprint, benchmark_normalise, ci_error_hash, ci_normalise

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", GOLDEN["ci"], ids=lambda v: v["text"][:30])
def test_a_ci_text_is_normalised_and_hashed_as_before(vector: dict[str, str]) -> None:
    assert ci_normalise(vector["text"]) == vector["normalised"]
    assert ci_error_hash(vector["text"]) == vector["s_error_hash"]


@pytest.mark.parametrize("vector", GOLDEN["benchmark"], ids=lambda v: v["message"][:30])
def test_a_benchmark_error_is_normalised_and_hashed_as_before(vector: dict[str, str]) -> None:
    assert benchmark_normalise(vector["message"]) == vector["normalized_message"]
    value = benchmark_fingerprint(
        provider=vector["provider"],
        model=vector["model_name"],
        stage=vector["stage"],
        kind=vector["error_kind"],
        message=vector["message"],
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


@settings(max_examples=60)
@given(st.text(max_size=300))
def test_any_text_has_a_hash_even_with_lone_surrogates(text: str) -> None:
    assert len(ci_error_hash(text + "\ud800")) == 16
    assert len(benchmark_normalise(text)) <= 2000


@settings(max_examples=60)
@given(st.text(alphabet="ab1/.:\\ -", max_size=40))
def test_white_space_is_single_and_trimmed_afterwards(text: str) -> None:
    done = ci_normalise(text)
    assert done == " ".join(done.split())
