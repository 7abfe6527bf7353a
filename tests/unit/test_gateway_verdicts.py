"""Verdicts of people: checked against the taxonomy, and nothing outranks them."""

from __future__ import annotations

import json

import pytest
from suites.gateway import NOW_MS, caller
from suites.table import each

from streams.contract.failure import Origin
from streams.contract.verdict import VerdictSource

FINGERPRINT = "fp1." + "abcdefghijklmnopqrstuvwxyz"
SAID = {"fingerprint": FINGERPRINT, "kind": "auth", "reason": "the key was revoked", "by": "Ann"}


def test_a_verdict_of_a_person_is_kept() -> None:
    gateway = caller()
    status, told = gateway.post("/v1/verdicts", SAID)
    assert (status, told["kind"], told["fingerprint"]) == (200, "auth", FINGERPRINT)
    (verdict,) = gateway.publisher.verdicts
    assert (verdict.source, verdict.confidence, verdict.decided_at_ms) == (VerdictSource.HUMAN, 1.0, NOW_MS)
    assert (verdict.origin, verdict.family) == (Origin.BENCHMARK, told["family"])
    assert verdict.reason == "the key was revoked (said by Ann)"


def test_a_kind_of_both_origins_needs_the_origin() -> None:
    gateway = caller()
    status, told = gateway.post("/v1/verdicts", SAID | {"kind": "unknown"})
    assert (status, told["place"]) == (400, "$.origin")
    assert gateway.post("/v1/verdicts", SAID | {"kind": "unknown", "origin": "ci"})[0] == 200
    assert gateway.publisher.verdicts[0].origin is Origin.CI


WRONG = {
    "a kind of no origin": ({"kind": "auht"}, "$.kind", "ci has dependency_error"),
    "a kind of another origin": ({"origin": "ci"}, "$.kind", "ci has dependency_error"),
    "a fingerprint cut off": ({"fingerprint": FINGERPRINT[:-1]}, "$.fingerprint", "26 letters"),
    "a fingerprint with more": ({"fingerprint": FINGERPRINT + "\n"}, "$.fingerprint", "26 letters"),
    "a field that is not known": ({"confidence": 1}, "", "unknown field `confidence`"),
    "an origin that is not known": ({"origin": "x"}, "$.origin", "Invalid enum value 'x'; allowed: ci, benchmark"),
    "a name of another encoding": ({"by": "J\udcf6rg"}, "$.by", "this text is not UTF-8"),
    "a name without end": ({"by": "x" * 101}, "$.by", "at most 100"),
    "a reason without end": ({"reason": "x" * 601}, "$.reason", "at most 600"),
    "a reason that is a number": ({"reason": 3}, "$.reason", "Expected `str`"),
}


@each(("fields", "place", "reason"), WRONG.values(), ids=WRONG)
def test_what_is_no_verdict_is_refused_with_its_place(fields: dict[str, object], place: str, reason: str) -> None:
    gateway = caller()
    status, told = gateway.post("/v1/verdicts", SAID | fields)
    assert (status, told.get("place", "")) == (400, place)
    assert reason in told["error"]
    assert not gateway.publisher.verdicts


@pytest.mark.parametrize("body", [b"", b"null", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert caller().post("/v1/verdicts", body)[0] == 400


def test_a_name_in_raw_bytes_of_another_encoding_is_refused_with_its_place() -> None:
    body = json.dumps(SAID | {"by": "J@rg"}).encode().replace(b"@", b"\xf6")
    status, told = caller().post("/v1/verdicts", body)
    assert (status, told["place"]) == (400, "$.by")
    assert "not UTF-8" in told["error"]
