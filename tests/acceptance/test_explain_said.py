"""What `explain` says, whole: a change of what people read is seen before they see it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.cli.app import create_app, run

SECRET = "ghp_" + "a1B2c3D4e5F6" * 3
MASKED = ("/srv/jobs/8831", "10.20.30.41", "5f2b9c1e-7d3a", "1234 ms")
TRACE = f"""Traceback (most recent call last):
  File "/srv/jobs/8831/app/pay.py", line 10, in charge
    send(order, token="{SECRET}")
  File "/srv/jobs/8831/app/send.py", line 20, in send
    raise OrderError(order)
app.errors.OrderError: token {SECRET} of 10.20.30.41 for 5f2b9c1e-7d3a-4c1b-9f0e-3a2b1c4d5e6f, exit code 137
"""
A = f"push with {SECRET} to vault ledger of 10.20.30.41 refused after 1234 ms"
B = A.replace("ledger", "basket").replace("1234", "9")
CASES = {
    "a trace": ("explain", TRACE),
    "one problem": ("explain", "--why", A, A.replace("1234", "9")),
    "a slot that is not known yet": ("explain", "--why-not", A, B),
    "a state": ("explain", "--why-not", A, A.replace("ledger", "failed")),
    "a number that was kept": ("explain", "--why-not", f"{A}, status 503", f"{A}, status 429"),
    "types": ("explain", "--why-not", TRACE, TRACE.replace("OrderError", "CartError")),
}
SAID = {
    title: text
    for part in Path(__file__).with_name("explained.txt").read_text().split("=== ")[1:]
    for title, _, text in [part.partition("\n")]
}


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run(create_app(), list(words)) in {0, 1}
    return capsys.readouterr().out


def test_an_explanation_is_what_it_was(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, *CASES[case]) == SAID[case]


def test_no_explanation_holds_a_credential_or_a_masked_value(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    as_json = said(capsys, *CASES[case], "--json")
    assert json.loads(as_json)
    for text in (SAID[case], as_json):
        assert [value for value in (SECRET, SECRET[4:], *MASKED) if value in text] == []
