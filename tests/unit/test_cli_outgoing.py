"""What leaves the machine: clean, without credentials, in chunks that a server takes."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples

from streams.cli.outgoing import chunks, outgoing
from streams.contract.failure import ENVELOPE_BYTES_MAX, ENVELOPE_FAILURES_MAX, Ci, Failure, Origin, identified
from streams.contract.wire import from_bytes

SECRET = "ghp_" + "a1B2c3D4e5F6" * 3


BOOM = Failure(origin=Origin.CI, message="boom", occurred_at_ms=5, ci=Ci(run_id="r"))


def failure(message: str = "boom", **more: object) -> Failure:
    return msgspec.structs.replace(BOOM, message=message, **more)


def test_no_field_carries_a_credential_out():
    told = outgoing(
        failure(
            f"token {SECRET}",
            traceback=f"at {SECRET}",
            labels={"env": SECRET},
            ci=Ci(run_id="r", job_name=f"job {SECRET}", url=f"https://u:{SECRET}@git.example/x"),
        )
    )
    assert SECRET not in msgspec.json.encode(told).decode()


def test_an_id_made_from_a_text_with_a_credential_is_made_again_without():
    told = outgoing(identified(failure(f"token {SECRET}")))
    assert told.id == identified(failure(told.message)).id
    assert told.id != identified(failure(f"token {SECRET}")).id


def test_an_id_of_the_producers_own_is_kept():
    assert outgoing(failure(f"token {SECRET}", id="0" * 32)).id == "0" * 32


def test_a_clean_failure_leaves_as_it_is():
    told = identified(failure("boom\n  at a.py:3"))
    assert outgoing(told) == told


@examples(40)
@given(st.text(max_size=200))
def test_the_same_failure_leaves_as_the_same_bytes_and_once_more_changes_nothing(text):
    told = outgoing(failure(text))
    assert outgoing(failure(text)) == told == outgoing(told)


def test_chunks_hold_every_failure_once_in_order_within_both_bounds():
    failures = [failure("x" * (number * 97 % 40_000), ordinal=number) for number in range(350)]
    told = list(chunks(failures))
    assert [one.ordinal for members, _ in told for one in members] == list(range(350))
    for members, body in told:
        assert len(members) <= ENVELOPE_FAILURES_MAX
        assert len(body) <= ENVELOPE_BYTES_MAX
        assert [from_bytes(Failure, line) for line in body.splitlines()] == members
