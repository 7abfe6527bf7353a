"""The parts of the broker's door that need no broker: names, topics' configurations, rejected records, pieces."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from structlog.testing import capture_logs
from suites.records import benchmark_failure, ci_failure, edge

from streams.broker import fold_partition
from streams.broker.admin import ALL, Difference, advice, configs_of
from streams.broker.clients import Cluster, Stopping, unless
from streams.broker.headers import REPLAY_JOB, event_headers, headers_of, traced
from streams.broker.lag import behind
from streams.broker.outgoing import outgoing
from streams.broker.reject import CUT_HEADER, KEPT_HEADERS_MAX, REJECTED_BYTES_MAX, rejected
from streams.broker.security import Security
from streams.broker.sink import that_matter
from streams.broker.stretch import records_for, stretches
from streams.contract import topics
from streams.contract.alias import AliasSource
from streams.contract.errors import ConfigurationError, MalformedRecord
from streams.contract.failure import ENVELOPE_BYTES_MAX, ENVELOPE_FAILURES_MAX, Failure
from streams.contract.topics import STATE, TOPICS, Topic
from streams.contract.wire import RECORD_BYTES_MAX, failures_from_bytes
from streams.core.envelopes import envelopes
from streams.settings import Settings


def test_everything_on_the_brokers_begins_with_the_prefix() -> None:
    cluster = Cluster("b:9092", prefix="x.")
    assert cluster.topic(topics.CI) == "x.failures.ci.v1"
    assert cluster.topic(STATE) == "x.faultline-work-state-changelog"
    assert cluster.group("fold") == "x.faultline-fold"
    assert cluster.transactional_id("fold", topics.CI, 3) == "x.faultline-fold-failures.ci.v1-3"


def test_the_cluster_is_what_the_settings_say_and_shows_no_password() -> None:
    environ = {
        "FAULTLINE_KAFKA": "a:1,b:2",
        "FAULTLINE_KAFKA_SECURITY": "sasl_ssl",
        "FAULTLINE_KAFKA_USER": "ada",
        "FAULTLINE_KAFKA_PASSWORD": "canary-7",
        "FAULTLINE_PARTITIONS": "7",
        "FAULTLINE_TOPIC_PREFIX": "p.",
    }
    cluster = Cluster.of(Settings.read(environ))
    assert (cluster.bootstrap, cluster.partitions, cluster.prefix) == ("a:1,b:2", 7, "p.")
    arguments = cluster.security.arguments
    assert arguments["security_protocol"] == "SASL_SSL"
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (arguments["sasl_plain_username"], arguments["sasl_plain_password"]) == ("ada", "canary-7")
    assert "canary" not in repr(cluster)


@pytest.mark.parametrize("protocol", ["ssl", "sasl_ssl"])
def test_certificates_and_host_names_are_checked(protocol: Any) -> None:
    context = Security(protocol=protocol, user="u", password="p").context
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing")
    with pytest.raises(ConfigurationError, match=r"FAULTLINE_KAFKA_CA=.*ca\.pem"):
        _ = Security(protocol="ssl", ca=file).context


def test_plaintext_has_no_context() -> None:
    assert Security().arguments == {"security_protocol": "PLAINTEXT", "ssl_context": None}


@pytest.mark.parametrize("topic", ALL, ids=lambda topic: topic.name)
def test_every_topic_is_configured_as_its_row_says(topic: topics.Topic) -> None:
    configs = configs_of(topic)
    assert configs["cleanup.policy"] == topic.cleanup
    assert configs.get("retention.ms") == (None if topic.retention_ms is None else str(topic.retention_ms))
    assert int(configs["max.message.bytes"]) >= RECORD_BYTES_MAX
    is_compacted = "compact" in topic.cleanup
    assert ("max.compaction.lag.ms" in configs) is is_compacted
    assert int(configs["segment.bytes"]) <= (64 if is_compacted else 256) * 2**20
    assert configs["message.timestamp.type"] == ("LogAppendTime" if topic in topics.INPUTS.values() else "CreateTime")
    assert "min.insync.replicas" not in configs
    assert configs_of(topic, replication=3)["min.insync.replicas"] == "2"


def test_the_changelog_of_the_tables_is_one_of_the_topics() -> None:
    assert set(ALL) == {*TOPICS, STATE}


def test_a_difference_says_what_is_and_what_should_be() -> None:
    assert str(Difference("t", "missing", "", "")) == "t: missing"
    assert str(Difference("t", "partitions", "4", "3")) == "t: partitions is 3, should be 4"


def put_aside(data: bytes = b"{", headers: Any = (), **more: Any) -> Any:
    about: dict[str, Any] = {"key": b"k", "topic": "t", "partition": 2, "offset": 9, "stage": "fold", "at_ms": 50}
    return rejected(data, MalformedRecord("no", place="$.a"), headers=headers, app_version="1", **about | more)


def test_other_partitions_have_the_way_out_that_applying_says_and_all_else_is_mended() -> None:
    missing = Difference("a", "missing", "", "")
    assert advice([missing]) == "faultline topics apply mends them"
    other = [Difference("b", "partitions", "12", "4"), Difference("c", "partitions", "12", "4")]
    assert "set FAULTLINE_PARTITIONS=4, or begin anew" in advice([missing, *other])
    assert "mends" not in advice([missing, *other])


def test_a_rejected_record_keeps_its_bytes_key_and_headers() -> None:
    out = put_aside(headers=[("traceparent", b"00-1"), ("ce_id", b"7")])
    assert (out.key, out.value) == (b"k", b"{")
    said = headers_of(out.headers)
    assert said["__streams.errors.topic"] == "t"
    assert (said["__streams.errors.partition"], said["__streams.errors.offset"]) == ("2", "9")
    assert (said["__streams.errors.stacktrace"], said["dlq.attempt"], said["dlq.first_failed_at"]) == ("$.a", "1", "50")
    assert (said["traceparent"], said["ce_id"]) == ("00-1", "7")


def test_a_record_that_is_rejected_again_keeps_the_time_of_the_first() -> None:
    again = put_aside(headers=put_aside().headers, at_ms=99)
    said = headers_of(again.headers)
    assert (said["dlq.attempt"], said["dlq.first_failed_at"]) == ("2", "50")
    assert len(said) == len(again.headers), "no header twice"


def test_headers_of_strangers_are_bounded() -> None:
    many = [(f"h{n}", b"v") for n in range(1000)]
    out = put_aside(headers=[*many, ("dlq.attempt", b"9" * 400), ("long", b"v" * 5000)])
    said = headers_of(out.headers)
    assert said["dlq.attempt"] == "1"
    assert "long" not in said
    assert len([name for name in said if name.startswith("h")]) == KEPT_HEADERS_MAX


def test_bytes_that_no_topic_takes_are_cut_and_say_so() -> None:
    out = put_aside(b"x" * (REJECTED_BYTES_MAX + 5))
    assert len(out.value) == REJECTED_BYTES_MAX
    assert headers_of(out.headers)[CUT_HEADER] == str(REJECTED_BYTES_MAX + 5)
    assert CUT_HEADER not in headers_of(put_aside(b"x").headers)


def test_an_event_has_the_headers_of_cloudevents() -> None:
    said = headers_of(event_headers(kind="failures.ci.v1", id_="i", source="gateway", at_ms=1_790_000_000_123))
    assert said == {
        "ce_specversion": "1.0",
        "ce_id": "i",
        "ce_type": "faultline.failures.ci.v1",
        "ce_source": "gateway",
        "ce_time": "2026-09-21T14:13:20.123Z",
        "content-type": "application/json",
    }


def records(*sizes: int) -> list[Any]:
    return [SimpleNamespace(value=b"x" * size if size else None) for size in sizes]


def test_pieces_keep_order_and_bounds_and_one_large_record_stands_alone() -> None:
    given = records(3, 3, 3, 50, 1, 0, 0)
    pieces = list(stretches(given, records_max=3, bytes_max=7))
    assert [one for piece in pieces for one in piece] == given
    assert [len(piece) for piece in pieces] == [2, 1, 1, 3]
    assert list(stretches([], records_max=3, bytes_max=7)) == []


def test_as_many_records_are_taken_in_hand_as_make_a_piece() -> None:
    assert records_for(records(100, 300), records_max=50, bytes_max=1000) == 5
    assert records_for(records(0), records_max=50, bytes_max=1000) == 50
    assert records_for(records(5000), records_max=50, bytes_max=1000) == 1


def test_envelopes_keep_every_failure_in_the_order_of_its_key() -> None:
    failures = [ci_failure(f"m{n}", run_id=str(n % 2)) for n in range(250)]
    failures += [benchmark_failure("x" * 60_000, request=str(n)) for n in range(9)]
    out = list(envelopes(failures))
    back: dict[tuple[str, str], list[str]] = {}
    for one in out:
        inside = [failure for failure in failures_from_bytes(one.value) if isinstance(failure, Failure)]
        assert len(inside) == one.failures <= ENVELOPE_FAILURES_MAX
        assert inside[0].id == one.first_id
        assert len(one.value) <= ENVELOPE_BYTES_MAX + 1000
        back.setdefault((one.topic.name, one.key), []).extend(failure.id for failure in inside)
    expected: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        expected.setdefault((topics.INPUTS[failure.origin].name, failure.topic_key), []).append(failure.id)
    assert back == expected
    assert list(envelopes([])) == []


def test_waiting_ends_when_told_to_stop() -> None:
    async def scenario() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, stop.set)
        with pytest.raises(Stopping):
            await unless(stop, asyncio.sleep(60))
        assert await unless(asyncio.Event(), asyncio.sleep(0, "done")) == "done"
        assert await unless(None, asyncio.sleep(0, "done")) == "done"

    asyncio.run(scenario())


@dataclass
class Consumer:
    """As much of one as knows how far it is."""

    end: int | None
    at: int | None
    """None: the partition goes while it is asked for."""
    ours: frozenset[TopicPartition]

    def assignment(self) -> frozenset[TopicPartition]:
        return self.ours

    def highwater(self, place: TopicPartition) -> int | None:
        assert place in self.ours
        return self.end

    async def position(self, place: TopicPartition) -> int:
        if self.at is None:
            raise IllegalStateError(f"{place} is not assigned")
        return self.at


@pytest.mark.parametrize(
    ("end", "at", "is_ours", "records"),
    [(9, 4, True, 5), (4, 5, True, 0), (None, 4, True, None), (9, None, True, None), (9, 4, False, None)],
    ids=["behind", "past the last known end", "nothing fetched yet", "going to another", "gone to another"],
)
def test_how_far_behind_a_partition_is_ends_nobody_whose_partition_goes(
    end: int | None, at: int | None, is_ours: bool, records: int | None
) -> None:
    place = TopicPartition("t", 0)
    ours = frozenset({place}) if is_ours else frozenset()
    assert asyncio.run(behind(Consumer(end, at, ours), place)) == records


def test_only_the_newest_snapshot_of_a_key_is_written_and_whatever_was_sent_again_hides_none() -> None:
    def record(offset: int, key: bytes | None, *headers: tuple[str, bytes], topic: Topic = topics.ROLLUPS) -> Any:
        return SimpleNamespace(offset=offset, key=key, headers=headers, topic=topic)

    records = [
        record(1, b"a"),
        record(2, b"b"),
        record(3, b"a", topic=topics.CLASSIFIED),
        record(4, b"a"),
        record(5, None),
        record(6, None),
        record(7, b"a", (REPLAY_JOB, b"j")),
    ]
    assert [one.offset for one in that_matter(records, lambda one: one.topic)] == [2, 3, 4, 5, 6, 7]


TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER_TRACE = TRACE.replace(b"00f0", b"00f1")


@pytest.mark.parametrize(
    ("parents", "carried"),
    [
        ((), None),
        ((None, TRACE, TRACE), TRACE),
        ((TRACE, OTHER_TRACE), None),
        ((TRACE.upper(), TRACE), TRACE),
        ((TRACE + b"-more",), None),
        ((b"ff" + TRACE[2:],), None),
        ((b"00-" + b"0" * 32 + TRACE[35:],), None),
        ((TRACE[:36] + b"0" * 16 + TRACE[52:],), None),
    ],
)
def test_the_one_trace_that_came_in_is_carried_on(parents: tuple[bytes | None, ...], carried: bytes | None) -> None:
    headers = [None if one is None else [("ce_id", b"7"), ("traceparent", one)] for one in parents]
    assert traced(headers) == ([] if carried is None else [("traceparent", carried)])


@pytest.mark.parametrize(("least_s", "lines"), [(0.0, 1), (60.0, 0)])
def test_only_a_long_look_back_is_a_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch, least_s: float, lines: int
) -> None:
    place = TopicPartition(topics.CI.name, 0)

    async def nothing(_: Any) -> dict[TopicPartition, Any]:
        return {place: 0}

    async def some(*_: Any) -> int:
        return 7

    coordinator = SimpleNamespace(fetch_committed_offsets=lambda _: asyncio.sleep(0, {}))
    consumer = SimpleNamespace(_coordinator=coordinator, beginning_offsets=nothing, seek=lambda *_: None)
    limits = fold_partition.FoldLimits()
    role: Any = SimpleNamespace(cluster=Cluster("b:1"), consumer=consumer, limits=limits)
    monkeypatch.setattr(fold_partition, "REMEMBERED_S_MIN", least_s)
    one = fold_partition.FoldedPartition(role, place)
    monkeypatch.setattr(one, "_look_back", some)
    with capture_logs() as told:
        asyncio.run(one._find_place())
    assert [line["event"] for line in told] == ["fold.remembered"] * lines


def test_no_word_of_another_source_takes_the_place_of_a_persons_on_the_same_pair_when_the_topic_is_compacted() -> None:
    keys = [outgoing(edge("a", "b", source), source="x", at_ms=1).key for source in AliasSource]
    assert len(set(keys)) == len(AliasSource)
    again = edge("a", "b", AliasSource.HUMAN, stands=False)
    assert (
        outgoing(again, source="x", at_ms=2).key == outgoing(edge("a", "b", AliasSource.HUMAN), source="x", at_ms=1).key
    )
