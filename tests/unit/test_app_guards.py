"""What the door to Faust touches in Faust and aiokafka, in the versions that are installed. No broker.

Most of it is private. When a test here fails after an upgrade, read what changed, mend `streams/app`, and run the
chaos tests long before the pin in pyproject.toml moves.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
from collections import Counter
from importlib.metadata import version
from typing import Any

import faust
import faust.assignor.partition_assignor
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.consumer.consumer import AIOKafkaConsumer as ConsumerSource
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.producer.sender import Sender
from faust.app.base import App
from faust.stores import STORES
from faust.stores.base import Store
from faust.streams import Stream
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.tables.table import Table
from faust.transport import conductor
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.consumer import ThreadDelegateConsumer
from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, ConsumerRebalanceListener
from faust.types import TP
from faust.types.settings import Settings
from faust.utils.functional import consecutive_numbers
from mode.threads import MethodQueue, WorkerThread
from mode.utils.collections import ManagedUserDict

from streams.app import store, transport
from streams.app.worker import create_app
from streams.broker.clients import Cluster
from streams.broker.security import Security


def source(what: object) -> str:
    """The code without docstrings and comments, so that words about code are not taken for it."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(what)))  # type: ignore[arg-type]  # a function or a class
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def in_order(what: object, *pieces: str) -> None:
    """The pieces stand in the source, one after the other."""
    text, at = source(what), 0
    for piece in pieces:
        found = text.find(piece, at)
        assert found >= 0, f"{piece!r} is not behind what has to come before it"
        at = found + len(piece)


def names(what: Any) -> list[str]:
    return list(inspect.signature(what).parameters)


def test_the_versions_are_those_that_were_tested() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka").startswith("0.14.")


def test_the_consumer_of_a_worker_is_made_where_the_door_changes_it() -> None:
    assert names(AIOKafkaConsumerThread._create_worker_consumer) == ["self", "transport"]
    assert "self._create_worker_consumer(transport)" in source(AIOKafkaConsumerThread._create_consumer)
    assert "self._create_consumer(" in source(AIOKafkaConsumerThread.on_start)
    assert names(Consumer._new_consumer_thread) == ["self"]
    assert "self._new_consumer_thread()" in source(ThreadDelegateConsumer.__init__)


def test_isolation_and_waiting_of_a_consumer_are_read_at_its_start() -> None:
    for name in ("_isolation_level", "_fetch_max_wait_ms", "_fetch_min_bytes"):
        assert f"self.{name} = " in source(ConsumerSource.__init__)
        assert f"=self.{name}" in source(ConsumerSource.start)


def test_errors_of_the_group_can_be_asked_for_before_each_fetch() -> None:
    assert names(GroupCoordinator.check_errors) == ["self"]
    assert "raise" in source(GroupCoordinator.check_errors)
    assert names(AIOKafkaConsumerThread._fetch_records) == [
        "self",
        "consumer",
        "active_partitions",
        "timeout",
        "max_records",
    ]
    assert "self._fetch_records" in source(AIOKafkaConsumerThread.getmany)


def test_every_fetch_goes_through_getmany_with_the_live_set() -> None:
    assert names(Consumer._getmany) == ["self", "active_partitions", "timeout"]
    assert inspect.iscoroutinefunction(Consumer._getmany)
    assert "await self._getmany(active_partitions=active_partitions, timeout=timeout)" in source(
        BaseConsumer._wait_next_records
    )
    assert inspect.isasyncgenfunction(BaseConsumer.getmany)
    assert names(BaseConsumer.getmany) == ["self", "timeout"]
    assert "getmany = self.getmany" in source(BaseConsumer._drain_messages)
    assert "getmany(timeout=1.0)" in source(BaseConsumer._drain_messages)


def test_the_consumer_may_seek_by_itself_when_its_flow_is_stopped() -> None:
    """So `perform_seek` has to bear being called twice, and while nothing is loaded."""
    in_order(BaseConsumer.getmany, "if self.flow_active", "else", "await self.perform_seek()")
    assert names(BaseConsumer.perform_seek) == ["self"]
    assert inspect.iscoroutinefunction(BaseConsumer.perform_seek)


def test_a_seek_in_the_thread_sets_what_is_delivered_from() -> None:
    assert names(Consumer.seek_wait) == ["self", "partitions"]
    assert "self.call_thread(self._seek_wait" in source(AIOKafkaConsumerThread.seek_wait)
    in_order(AIOKafkaConsumerThread._seek_wait, "consumer.seek(tp, offset)", "self.consumer._read_offset[tp] = offset")
    in_order(BaseConsumer._drain_messages, "r_offset is None or offset >= r_offset", "callback(message)")
    assert inspect.signature(MethodQueue.__init__).parameters["num_workers"].default == 2


def test_partitions_are_resumed_by_a_plain_call() -> None:
    assert names(BaseConsumer.resume_partitions) == ["self", "tps"]
    assert not inspect.iscoroutinefunction(BaseConsumer.resume_partitions)
    assert names(BaseConsumer._is_changelog_tp) == ["self", "tp"]


def test_assignments_come_to_the_consumer_in_the_main_loop() -> None:
    assert names(BaseConsumer.on_partitions_revoked) == ["self", "revoked"]
    assert names(BaseConsumer.on_partitions_assigned) == ["self", "assigned", "generation_id"]
    assert "self._method_queue.call(" in source(ThreadDelegateConsumer.threadsafe_partitions_assigned)
    assert "self.on_partitions_assigned" in source(ThreadDelegateConsumer.threadsafe_partitions_assigned)
    assert "self.on_partitions_revoked" in source(ThreadDelegateConsumer.threadsafe_partitions_revoked)


def test_generation_then_store_then_recovery() -> None:
    in_order(
        ConsumerRebalanceListener.on_partitions_assigned,
        "app.consumer_generation_id = generation",
        "on_partitions_assigned(",
    )
    in_order(App._on_partitions_assigned, "consumer.pause_partitions", "self.tables.on_rebalance")
    in_order(TableManager.on_rebalance, "table.on_rebalance", "self.recovery.on_rebalance")
    in_order(Collection.on_rebalance, "self.data.on_rebalance(assigned, revoked, newly_assigned, generation_id)")
    in_order(Recovery.on_rebalance, "self.add_active(table, tp)", "self.signal_recovery_start.set()")
    assert "table.persisted_offset(tp)" in source(Recovery._add)
    assert "self.data.persisted_offset(tp)" in source(Collection.persisted_offset)


def test_load_then_generation_then_resume_then_seek_then_ready() -> None:
    in_order(
        Recovery.on_recovery_completed,
        "table.on_recovery_completed(",
        "self.app.consumer_generation_id != generation_id",
        "consumer.resume_partitions(",
        "consumer.perform_seek()",
        "self.completed.set()",
        "'Worker ready'",
    )
    assert "self.data.on_recovery_completed(active_tps, standby_tps)" in source(Collection.on_recovery_completed)
    in_order(
        Recovery._resume_streams, "consumer.resume_partitions(", "consumer.perform_seek()", "consumer.resume_flow()"
    )
    in_order(Recovery._restart_recovery.fun, "if self.need_recovery()", "consumer.resume_partitions", "else")


@pytest.mark.parametrize(("end", "needed"), [(0, False), (1, False), (500, False)])
def test_faust_recovers_nothing_when_the_store_is_at_the_end(end: int, needed: bool) -> None:
    recovery, tp = Recovery.__new__(Recovery), TP("changelog", 0)
    recovery.active_highwaters = Counter({tp: end - 1})
    recovery.active_offsets = Counter({tp: end - 1})
    assert recovery.need_recovery() is needed
    recovery.active_offsets[tp] -= 1
    assert recovery.need_recovery()
    assert "value - 1 if value is not None" in source(Recovery._build_highwaters)


def test_the_store_has_what_faust_calls() -> None:
    assert names(Store.on_rebalance) == ["self", "assigned", "revoked", "newly_assigned", "generation_id"]
    assert names(Store.on_recovery_completed) == ["self", "active_tps", "standby_tps"]
    assert names(Store.persisted_offset) == ["self", "tp"]
    assert names(Store.set_persisted_offset) == ["self", "tp", "offset"]
    assert names(Store.apply_changelog_batch if hasattr(Store, "apply_changelog_batch") else _applied()) == [
        "self",
        "batch",
        "to_key",
        "to_value",
    ]
    assert "options=self.options" in source(Collection._new_store_by_url)
    assert not getattr(store.Store, "__abstractmethods__", None)
    assert "self.data.apply_changelog_batch(batch" in source(Collection.apply_changelog_batch)


def _applied() -> Any:
    from faust.stores.memory import Store as Memory

    return Memory.apply_changelog_batch


def test_the_door_is_found_by_its_scheme() -> None:
    transport.register()
    store.register()
    assert TRANSPORTS.by_url("door://a:1") is transport.Transport
    assert STORES.by_url("door://") is store.Store


def test_a_table_sends_changes_in_two_hooks_alone() -> None:
    senders = {name for name, member in vars(Table).items() if callable(member) and "send_changelog" in source(member)}
    assert senders == {"on_key_set", "on_key_del"}
    in_order(ManagedUserDict.__setitem__, "self.on_key_set(key, value)", "self.data[key] = value")
    in_order(ManagedUserDict.__delitem__, "self.on_key_del(key)", "del self.data[key]")


def test_without_acks_gaps_of_offsets_are_nobodys_business() -> None:
    in_order(
        BaseConsumer._drain_messages, "acks_enabled = acks_enabled_for(message.topic)", "if acks_enabled", "_add_gap"
    )
    in_order(conductor.Conductor._update_indices, "if channel.acks", "self._acking_topics.add(topic)")
    assert "acks" in names(App.topic)


def test_a_message_knows_the_generation_that_it_was_delivered_in() -> None:
    assert "generation_id=self.app.consumer_generation_id" in source(Consumer._to_message)
    assert names(faust.assignor.partition_assignor.PartitionAssignor.is_standby) == ["self", "tp"]


def test_a_stream_gives_events_without_acknowledging_them() -> None:
    assert names(Stream.noack_take) == ["self", "max_", "within"]
    text = source(Stream.noack_take)
    assert "event = self.current_event" in text
    assert "buffer_add(cast(T_co, event))" in text
    assert "self.enable_acks = False" in text
    assert "self.ack(" not in text


def test_the_group_commits_only_what_it_is_told_to() -> None:
    """Without acks nothing is acknowledged, so Faust's own commits have nothing to say."""
    assert names(Consumer._commit) == ["self", "offsets"]
    assert "self._thread.commit(offsets)" in source(ThreadDelegateConsumer._commit)
    in_order(BaseConsumer.ack, "if self.app.topics.acks_enabled_for(message.topic)", "acked_for_tp.append(offset)")
    assert "self.seek_to_committed()" in source(BaseConsumer.perform_seek)


def test_an_acknowledgement_behind_a_marker_would_take_a_commit_of_its_own() -> None:
    """Why the classification agent commits by itself: a gap holds the record behind it, so that it counts twice."""
    in_order(BaseConsumer._drain_messages, "await self._add_gap(tp, r_offset + 1, offset)")
    in_order(BaseConsumer._add_gap, "gap_for_tp.addi(offset_from, offset_to + 1)")
    assert list(consecutive_numbers([3, 4, 4, 5])) == [[3, 4], [4, 5]]
    assert "batch = next(consecutive_numbers(acked))" in source(BaseConsumer._new_offset)


def test_a_transaction_begins_once_the_former_owner_is_fenced() -> None:
    in_order(AIOKafkaProducer.begin_transaction, "wait_for_pid()", "begin_transaction()")
    in_order(AIOKafkaProducer.send_batch, "is_in_transaction()", "self._message_accumulator.add_batch")
    assert names(AIOKafkaProducer.send_batch) == ["self", "batch", "topic", "partition"]
    assert "maybe_add_partition_to_txn" in source(MessageAccumulator._append_batch)
    assert "_do_add_partitions_to_txn" in source(Sender)


def test_an_empty_transaction_is_ended_without_a_word_to_the_broker() -> None:
    """So the fence writes no marker, and the end that is asked for afterwards stands."""
    in_order(Sender._do_txn_commit, "is_empty_transaction()", "complete_transaction()", "return", "EndTxn")


def test_positions_move_past_markers_and_end_offsets_are_of_what_is_committed() -> None:
    assert "isolation_level" in source(Fetcher._proc_offset_request)
    assert names(AIOKafkaConsumer.position) == ["self", "partition"]


def test_faust_does_not_read_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable such as BROKER_URL, which other programs use too, would win over what the app is given."""
    monkeypatch.setenv("BROKER_URL", "kafka://elsewhere:1")
    monkeypatch.setenv("APP_WEB_ENABLED", "1")
    in_order(Settings._init_settings, "self.getenv(param.env_name)", "kwargs[name] = provided_env_value")
    app = _app(Cluster("one:9092,[::1]:9093"))
    assert [str(url) for url in app.conf.broker] == ["door://one:9092", "door://[::1]:9093"]
    assert app.conf.web_enabled is False


def test_an_app_makes_no_directories_and_topics() -> None:
    assert source(App.on_first_start).strip().endswith("self._create_directories()")
    app = _app(Cluster("one:9092"))
    assert app.conf.topic_allow_declare is False
    assert app.conf.topic_disable_leader is True
    assert app.conf.id == "faultline-work"


@pytest.mark.parametrize("protocol", ["plaintext", "ssl", "sasl_ssl"])
def test_faust_speaks_to_brokers_as_our_own_clients_do(protocol: Any) -> None:
    from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

    security = Security(protocol=protocol, user="u" if protocol == "sasl_ssl" else "", password="p")
    app = _app(Cluster("one:9092", security=security))
    told = credentials_to_aiokafka_auth(app.conf.broker_credentials, app.conf.ssl_context)
    ours = {name: value for name, value in security.arguments.items() if value is not None}
    assert {name: getattr(value, "value", value) for name, value in told.items()} == ours


def test_the_thread_of_the_consumer_would_hold_the_process() -> None:
    """Why a stop that hangs is given up after a while, and the process ended hard."""
    assert "self.daemon = False" in source(WorkerThread.__init__)


def _app(cluster: Cluster) -> Any:
    async def make() -> Any:
        app = create_app(cluster, "work", buffer_records_max=10)
        assert app.conf.id
        return app

    return asyncio.run(make())
