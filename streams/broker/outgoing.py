"""Records on their way to the brokers, with the headers that every record of ours has."""

from __future__ import annotations

from dataclasses import dataclass

from streams.broker.headers import Headers, event_headers
from streams.contract import topics
from streams.contract.alias import Alias
from streams.contract.topics import Topic
from streams.contract.verdict import Unanswered, Verdict, record_key
from streams.contract.wire import to_bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record that a broker is to take."""

    topic: Topic
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None = None
    """None: as the key says."""


def outgoing(
    record: Verdict | Unanswered | Alias, *, source: str, at_ms: int, trace: Headers | None = None
) -> Outgoing:
    """What somebody decided, or did not. `source`: who sends it; `at_ms`: when; `trace`: what it belongs to.

    Sent again it has the same id: what it is about, who says so and when they did.
    """
    if isinstance(record, Verdict):
        topic, key, id_ = topics.VERDICTS, record_key(record), f"{record_key(record)}/{record.decided_at_ms}"
    elif isinstance(record, Unanswered):
        topic, key, id_ = topics.UNANSWERED, record.fingerprint, f"{record.fingerprint}/{record.retry_at_ms}"
    else:
        key = f"{record.key}/{record.source}"  # compaction keeps the newest of each source: a person's stays
        topic, id_ = topics.ALIASES, f"{key}/{record.decided_at_ms}"
    headers = event_headers(kind=topic.name, id_=id_, source=source, at_ms=at_ms) + (trace or [])
    return Outgoing(topic, key.encode(), to_bytes(record), headers)
