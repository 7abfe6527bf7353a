"""Failures -> the records that carry them: the same cut whatever log they go to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from streams.contract import topics
from streams.contract.failure import ENVELOPE_BYTES_MAX, ENVELOPE_FAILURES_MAX, Failure
from streams.contract.topics import Topic
from streams.contract.wire import envelope_of, to_bytes


class Enveloped(NamedTuple):
    """One record of an input topic."""

    topic: Topic
    key: str
    value: bytes
    failures: int
    """How many are in it."""
    first_id: str
    """Of the first one."""


def envelopes(failures: Iterable[Failure]) -> Iterator[Enveloped]:
    """The failures as records, those of one key in their order.

    At most ENVELOPE_FAILURES_MAX and ENVELOPE_BYTES_MAX each; one failure alone may be larger.
    """
    groups: dict[tuple[Topic, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((topics.INPUTS[failure.origin], failure.topic_key), []).append(failure)
    for (topic, key), group in groups.items():
        piece: list[bytes] = []
        first_id, size = "", 0
        for failure in group:
            data = to_bytes(failure)
            if piece and (len(piece) >= ENVELOPE_FAILURES_MAX or size + len(data) > ENVELOPE_BYTES_MAX):
                yield Enveloped(topic, key, envelope_of(piece), len(piece), first_id)
                piece, size = [], 0
            first_id = first_id if piece else failure.id
            piece.append(data)
            size += len(data)
        yield Enveloped(topic, key, envelope_of(piece), len(piece), first_id)
