"""What people say of two fingerprints: kept as said, refused by name and place where it is nothing."""

from __future__ import annotations

import pytest
from suites.gateway import NOW_MS, caller

from streams.contract.alias import AliasSource
from streams.contract.failure import Origin

ONE, OTHER = "fp1." + "b" * 26, "fp1." + "a" * 26
SAID = {"one": ONE, "other": OTHER, "origin": "ci", "reason": "two registries", "by": "Ann"}


@pytest.mark.parametrize("same", [True, False])
def test_a_persons_word_on_two_fingerprints_is_kept(same: bool) -> None:
    gateway = caller()
    status, told = gateway.post("/v1/aliases", SAID | {"same": same})
    assert (status, told) == (200, {"a": OTHER, "b": ONE, "same": same})
    (alias,) = gateway.publisher.aliases
    assert (alias.a, alias.b, alias.stands) == (OTHER, ONE, same)
    assert (alias.source, alias.origin, alias.decided_at_ms) == (AliasSource.HUMAN, Origin.CI, NOW_MS)
    assert alias.reason == "two registries (said by Ann)"


WRONG = {
    "a fingerprint cut off": ({"one": ONE[:-1]}, "$.one", "26 letters"),
    "the other cut off": ({"other": ""}, "$.other", "26 letters"),
    "one alone": ({"other": ONE}, "$.other", "name another"),
    "an origin that is not known": ({"origin": "x"}, "$.origin", "allowed: ci, benchmark"),
    "a field that is not known": ({"kind": "auth"}, "", "unknown field `kind`"),
    "a name of another encoding": ({"by": "J\udcf6rg"}, "$.by", "this text is not UTF-8"),
    "a name without end": ({"by": "x" * 101}, "$.by", "at most 100"),
    "a reason without end": ({"reason": "x" * 601}, "$.reason", "at most 600"),
}


@pytest.mark.parametrize(("fields", "place", "reason"), WRONG.values(), ids=WRONG)
def test_what_is_no_alias_is_refused_with_its_place(fields: dict[str, object], place: str, reason: str) -> None:
    gateway = caller()
    status, told = gateway.post("/v1/aliases", SAID | fields)
    assert (status, told.get("place", "")) == (400, place)
    assert reason in told["error"]
    assert not gateway.publisher.aliases
