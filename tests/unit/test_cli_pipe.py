"""A stream that does not end by itself is read until its end, a deadline or Ctrl-C."""

from __future__ import annotations

import io
import os
import signal

import pytest

from streams.cli.inputs import REPEATED_MAX, lines
from streams.cli.interrupt import Stop
from streams.cli.pipe import Pipe


def reading(raw, stop):
    return io.BufferedReader(Pipe(raw, stop, name="standard input"))


def test_what_ends_is_read_to_its_end_and_there_is_no_reason():
    stop = Stop()
    with reading(io.BytesIO(b"a\n" * 100_000), stop) as stream:
        assert stream.read() == b"a\n" * 100_000
    assert stop.reason == ""


@pytest.mark.parametrize("said", [b"", b"first\n", b"half"])
def test_a_deadline_ends_what_does_not_end_and_keeps_what_came(said, capsys):
    reader, writer = os.pipe()
    os.write(writer, said)
    stop = Stop(0.05)
    with os.fdopen(reader, "rb", buffering=0) as raw, reading(raw, stop) as stream:
        assert stream.read() == said
    os.close(writer)
    assert "did not end within 0.05 s" in stop.reason
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def interrupts():
    """What the test makes of Ctrl-C is undone."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_interrupt_is_a_reason_and_the_second_an_exception(interrupts, capsys):
    before = signal.getsignal(signal.SIGINT)
    stop = Stop()
    with reading(io.BytesIO(b"a\nb\n"), stop) as stream:
        assert stream.readline() == b"a\n"
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert stream.read() == b"b\n"  # what had come by then
        assert stream.read() == b""
    assert stop.reason == "Ctrl-C"
    assert signal.getsignal(signal.SIGINT) is before
    assert capsys.readouterr().err.count("reading stopped (Ctrl-C)") == 1


def test_where_interrupts_are_ignored_reading_goes_on(interrupts):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop = Stop()
    with reading(io.BytesIO(b"a\nb\n"), stop) as stream:
        signal.raise_signal(signal.SIGINT)
        assert stream.read() == b"a\nb\n"
    assert (stop.reason, signal.getsignal(signal.SIGINT)) == ("", signal.SIG_IGN)


def test_a_line_that_a_log_repeats_is_held_once():
    told = list(lines(io.BufferedReader(io.BytesIO(b"the same\n" * 3 + b"another\n"))))
    assert told == ["the same"] * 3 + ["another"]
    assert told[0] is told[1] is told[2]


def test_lines_that_do_not_repeat_come_as_they_are_beyond_the_bound_of_what_is_remembered():
    expected = [f"line {number}" for number in range(REPEATED_MAX * 2 + 5)]
    assert list(lines(io.BufferedReader(io.BytesIO("\n".join(expected).encode())))) == expected
