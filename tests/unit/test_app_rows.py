"""Rows of one partition, how far a group has come, questions across partitions: the door without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from suites.records import AT_MS, ci_failure, edge, told

from streams.app.classify import Classifying, ClassifyOptions
from streams.app.ledger import FINISHED_MAX, Entry, Ledger
from streams.app.partition import Partition
from streams.app.store import target_of
from streams.app.work import Worker, partition_of_key
from streams.broker.clients import Cluster
from streams.contract import topics
from streams.contract.alias import Alias, AliasSource
from streams.contract.classified import Unseen
from streams.contract.fold import Cursor, FoldBatch
from streams.contract.telemetry import Metric
from streams.contract.verdict import Unanswered, Verdict, VerdictSource
from streams.contract.wire import from_bytes, to_bytes
from streams.core.fold import folds_of, sealed
from streams.core.pipeline import Pipeline

Change = tuple[str, bytes | None]
changes = st.lists(
    st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.binary(min_size=1, max_size=2)), max_size=6), max_size=6
)


@given(changes)
def test_a_partition_is_a_mapping_whose_changes_wait_for_their_transaction(batches: list[list[Change]]) -> None:
    partition, truth, changelog = Partition(0, now_s=0.0), dict[str, bytes](), dict[str, bytes]()
    for batch in batches:
        before = dict(truth)
        for key, row in batch:
            if row is not None:
                partition[key] = truth[key] = row
            elif key in truth:
                del partition[key], truth[key]
            else:
                assert partition.pop(key, None) is None
        assert dict(partition) == truth
        assert len(partition) == len(truth)
        assert partition.rows == before, "what is committed does not change before its transaction"
        taken = partition.take_pending()
        assert not [key for key, row in taken.items() if row is None and key not in before], "a tombstone for nothing"
        for key, row in taken.items():
            if row is None:
                del changelog[key]
            else:
                changelog[key] = row
        partition.apply(taken)
        assert changelog == partition.rows == truth
        with pytest.raises(KeyError):
            partition["missing"]


@pytest.mark.parametrize(
    ("applied", "first", "target"),
    [(-1, 0, 0), (-1, 40, 40), (7, 0, 8), (7, 8, 8), (7, 9, 9), (7, 10, 8)],
    ids=["new", "new, old input gone", "all there", "applied gone", "its marker gone too", "more than that gone"],
)
def test_the_input_is_read_behind_what_was_applied_and_its_marker(applied: int, first: int, target: int) -> None:
    """An input that begins past its target has lost what was not applied, and the store says so."""
    assert target_of(applied, first) == target


def test_the_partition_of_a_row_stands_in_its_key() -> None:
    assert [partition_of_key(key) for key in ("f|0|fp1.x", "w|11|minute|0|fp1.x", "m|7|")] == [0, 11, 7]
    with pytest.raises(ValueError, match="invalid literal"):
        partition_of_key("a|b|c")


@given(st.permutations(range(8)), st.integers(0, 7), st.integers(0, 8))
def test_a_position_never_passes_what_is_open_whatever_is_finished_first(
    finished: Sequence[int], again_from: int, again_at: int
) -> None:
    """Also when records from `again_from` on are delivered a second time in between, in a new generation."""
    ledger, generation = Ledger(), 1
    entries = [ledger.take(3, offset, generation) for offset in range(8)]
    done: set[int] = set()
    for turn, number in enumerate(finished):
        if turn == again_at:
            generation = 2
            assert ledger.positions(generation) == {}, "nothing came in it yet"
            for offset in range(again_from, 8):
                assert ledger.take(3, offset, generation) is None, "nothing is begun a second time"
        entry = entries[number]
        assert entry is not None
        ledger.finish([entry])
        done.add(number)
        begin = 0 if generation == 1 else again_from
        head = next((n for n in range(begin, 8) if n not in done), 8)
        assert ledger.positions(generation) == ({3: head} if head > begin else {})
    assert ledger.positions(generation) == {3: 8}
    ledger.commit({3: 8}, generation)
    assert ledger.positions(generation) == {}
    assert ledger.positions(generation - 1) == {}


def test_partitions_do_not_wait_for_each_other() -> None:
    ledger = Ledger()
    slow, fast = ledger.take(0, 5, 1), ledger.take(1, 9, 1)
    assert slow is not None
    assert fast is not None
    ledger.finish([fast])
    assert ledger.positions(1) == {1: 10}
    ledger.finish([slow])
    assert ledger.positions(1) == {0: 6, 1: 10}


def test_a_partition_that_others_went_on_with_does_not_fall_back() -> None:
    ledger = Ledger()
    old = ledger.take(0, 5, 1)
    assert old is not None
    new = ledger.take(0, 90, 3)
    assert new is not None
    ledger.finish([old])
    assert ledger.positions(3) == {}
    ledger.finish([new])
    assert ledger.positions(3) == {0: 91}


def test_what_is_remembered_of_finished_records_is_bounded() -> None:
    ledger = Ledger()
    for offset in range(FINISHED_MAX + 5):
        entry = ledger.take(0, offset, 1)
        assert entry is not None
        ledger.finish([entry])
    assert isinstance(ledger.take(0, 4, 2), Entry), "forgotten: it would be asked again"
    assert ledger.take(0, 5, 2) is None


@dataclass
class Message:
    partition: int
    offset: int
    value: bytes | None
    generation_id: int
    key: bytes | None = None
    headers: list[Any] = field(default_factory=list)


@dataclass
class Delivery:
    message: Message


@dataclass
class Sent:
    """A producer that keeps what it is given, and acknowledges it at once or when it is told to."""

    records: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    partitions: list[int] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, topic: str, value: bytes, key: bytes, headers: list[Any]) -> asyncio.Future[Any]:
        self.records.append((topic, key, value))
        self.headers.append(headers)
        return asyncio.ensure_future(self.gate.wait())

    async def send_and_wait(
        self, topic: str, value: bytes, key: bytes | None, headers: list[Any], partition: int
    ) -> None:
        self.records.append((topic, key or b"", value))
        self.headers.append(headers)
        self.partitions.append(partition)
        self.headers.append(headers)


class Nobody:
    """An observer that keeps counters."""

    def __init__(self) -> None:
        self.added: dict[tuple[str, ...], float] = {}

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        self.added[metric.name, *labels] = self.added.get((metric.name, *labels), 0) + amount

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        pass

    def waiting_for(self, what: str) -> None:
        pass


class Ended(Exception):
    """Where the process would end."""


def unseen(number: int) -> Unseen:
    one = told(ci_failure(f"number {'x' * number} is wrong"))
    return Unseen(
        fingerprint=one.fingerprint,
        origin=one.failure.origin,
        count=1,
        first_at_ms=AT_MS,
        last_at_ms=AT_MS,
        samples=(),
        where={},
        provisional=one.verdict,
        asking_because="new",
    )


def verdict(item: Unseen) -> Verdict:
    return Verdict(
        fingerprint=item.fingerprint.value,
        origin=item.origin,
        kind="test_failure",
        family="code_error",
        confidence=0.9,
        source=VerdictSource.LLM,
        decided_at_ms=AT_MS,
    )


class Scene:
    """Classifying over a fake producer, a clock that is moved by hand, and questions that wait for their answer."""

    def __init__(self, **options: Any) -> None:
        self.now_s = 0.0
        self.committed: dict[int, int] = {}
        self.ended: list[BaseException] = []
        self.asked: list[list[str]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.producer = Sent()
        self.producer.gate.set()
        self.observer = Nobody()
        self.generation = 1
        self.wrong = False
        self.more: list[Alias] = []
        self.known: dict[str, Verdict] = {}
        self.classifying = Classifying(
            Cluster("nowhere:1", "p."),
            self.producer,
            self.observer,
            self.ask,
            ClassifyOptions(**options),
            commit=self.commit,
            generation=lambda: self.generation,
            known=lambda key: self.known.get(key),
            now_s=lambda: self.now_s,
            now_ms=lambda: AT_MS,
            retire=self.retire,
        )

    def retire(self, error: BaseException) -> NoReturn:
        self.ended.append(error)
        raise Ended

    async def commit(self, positions: Mapping[int, int]) -> bool:
        self.committed |= positions
        return True

    async def ask(self, items: Sequence[Unseen], _: object) -> list[Verdict | Unanswered | Alias]:
        self.asked.append([item.fingerprint.value for item in items])
        await self.answers.wait()
        if self.wrong:
            return [verdict(items[0])] * len(items)
        return [
            verdict(item)
            if number % 2 == 0
            else Unanswered(fingerprint=item.fingerprint.value, origin=item.origin, retry_at_ms=AT_MS + 1)
            for number, item in enumerate(items)
        ] + self.more

    def deliveries(self, *places: tuple[int, int], data: bytes | None = None) -> list[Delivery]:
        return [
            Delivery(Message(p, o, to_bytes(unseen(100 * p + o)) if data is None else data, self.generation))
            for p, o in places
        ]

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        await self.classifying.commit()


def test_a_question_crosses_partitions_and_goes_when_it_is_full() -> None:
    async def run() -> None:
        scene = Scene(batch_size=4)
        await scene.classifying.take(scene.deliveries((0, 1), (1, 1), (0, 2)))
        await scene.settle()
        assert scene.asked == []
        await scene.classifying.take(scene.deliveries((2, 1)))
        await scene.settle()
        assert [len(batch) for batch in scene.asked] == [4]
        assert scene.committed == {0: 3, 1: 2, 2: 2}
        by_topic: dict[str, int] = {}
        for topic, key, value in scene.producer.records:
            by_topic[topic] = by_topic.get(topic, 0) + 1
            if topic == f"p.{topics.VERDICTS.name}":
                record = from_bytes(Verdict, value)
                assert key.decode() == f"{record.fingerprint}/llm"
            else:
                assert key.decode() == from_bytes(Unanswered, value).fingerprint
        assert by_topic == {f"p.{topics.VERDICTS.name}": 2, f"p.{topics.UNANSWERED.name}": 2}

    asyncio.run(run())


def test_a_question_goes_when_its_first_fingerprint_is_old_enough() -> None:
    async def run() -> None:
        scene = Scene(batch_age_max_s=2.0)
        watching = asyncio.create_task(scene.classifying.watch())
        await scene.classifying.take(scene.deliveries((0, 1)))
        scene.now_s = 1.5
        await scene.classifying.take(scene.deliveries((0, 2)))
        await asyncio.sleep(0.12)
        assert scene.asked == []
        scene.now_s = 2.01
        await asyncio.sleep(0.12)
        assert [len(batch) for batch in scene.asked] == [2]
        watching.cancel()

    asyncio.run(run())


def test_no_position_is_committed_before_the_broker_has_what_came_of_it() -> None:
    async def run() -> None:
        scene = Scene(batch_size=2)
        scene.producer.gate.clear()
        await scene.classifying.take(scene.deliveries((0, 1), (0, 2)))
        await scene.settle()
        assert len(scene.producer.records) == 2
        assert scene.committed == {}
        scene.producer.gate.set()
        await scene.settle()
        assert scene.committed == {0: 3}

    asyncio.run(run())


def test_no_more_questions_are_open_than_may_be() -> None:
    async def run() -> None:
        scene = Scene(batch_size=1, questions_max=2)
        scene.answers.clear()
        taking = asyncio.create_task(scene.classifying.take(scene.deliveries(*((0, n) for n in range(5)))))
        await scene.settle()
        assert len(scene.asked) == 2
        assert not taking.done(), "the stream waits"
        scene.answers.set()
        await taking
        await scene.settle()
        assert len(scene.asked) == 5
        assert scene.committed == {0: 5}

    asyncio.run(run())


def test_a_record_that_cannot_be_read_is_rejected_and_blocks_nobody() -> None:
    async def run() -> None:
        scene = Scene(batch_size=1)
        bad = scene.deliveries((0, 1), data=b"{no json")
        await scene.classifying.take([*bad, *scene.deliveries((0, 2))])
        await scene.settle()
        assert scene.committed == {0: 3}
        assert (f"p.{topics.REJECTED.name}", b"", b"{no json") in scene.producer.records
        headers = {name: text.decode() for name, text in scene.producer.headers[0]}
        assert headers["dlq.stage"] == "classify"
        assert scene.producer.partitions == [0], "the one that it was read from"
        assert headers["__streams.errors.topic"] == topics.UNSEEN.name
        assert scene.observer.added["faultline_failures_rejected_total", topics.UNSEEN.name] == 1

    asyncio.run(run())


def test_what_comes_again_after_a_new_assignment_is_not_asked_again() -> None:
    async def run() -> None:
        scene = Scene(batch_size=2)
        scene.answers.clear()
        await scene.classifying.take(scene.deliveries((0, 1), (0, 2)))
        await scene.settle()
        scene.generation = 2
        scene.answers.set()
        await scene.settle()
        assert scene.committed == {}, "they belong to an assignment that is over"
        await scene.classifying.take(scene.deliveries((0, 1), (0, 2)))
        await scene.settle()
        assert scene.committed == {0: 3}
        assert len(scene.asked) == 1

    asyncio.run(run())


def test_aliases_that_come_with_the_answers_are_sent_before_the_position_passes() -> None:
    async def run() -> None:
        scene = Scene(batch_size=2)
        scene.more = [edge("fp1.a", "fp1.b", AliasSource.LLM)]
        await scene.classifying.take(scene.deliveries((0, 1), (0, 2)))
        await scene.settle()
        sent = [from_bytes(Alias, value) for topic, _, value in scene.producer.records if topic.endswith("aliases.v1")]
        assert sent == scene.more
        assert scene.committed == {0: 3}

    asyncio.run(run())


def test_a_verdict_belongs_to_the_trace_of_its_question() -> None:
    async def run() -> None:
        scene = Scene(batch_size=3)
        deliveries = scene.deliveries((0, 1), (0, 2), (0, 3))
        traces = [[("traceparent", b"00-" + b"%032x-%016x-01" % (n, n))] for n in (1, 2)]
        for delivery, trace in zip(deliveries, traces, strict=False):
            delivery.message.headers = trace
        await scene.classifying.take(deliveries)
        await scene.settle()
        sent = {
            key.decode().partition("/")[0]: headers
            for (_, key, _), headers in zip(scene.producer.records, scene.producer.headers, strict=True)
        }
        found = [[one for one in sent[unseen(n).fingerprint.value] if one[0] == "traceparent"] for n in (1, 2, 3)]
        assert found == [*traces, []]

    asyncio.run(run())


@pytest.mark.parametrize("traces", [(1,), (1, 1), (1, 2), ()])
def test_what_comes_of_records_of_one_trace_belongs_to_it(traces: tuple[int, ...]) -> None:
    partition, sent = Partition(0, now_s=0.0), list[Any]()
    partition.pipeline = Pipeline(partition, partition=0)

    async def commit(_: int, outputs: Sequence[Any]) -> None:
        sent.extend(outputs)

    store: Any = SimpleNamespace(partitions={0: partition}, writable=lambda *_: True, commit=commit)
    parents = [[("traceparent", b"00-" + b"%032x-%016x-01" % (one, one))] for one in traces]
    deliveries = []
    for number, headers in enumerate(parents or [[]]):
        folds = tuple(sealed(fold, at_ms=AT_MS) for fold in folds_of([told(ci_failure(f"m{number}"))], fold_id="f"))
        cursor = Cursor(number, number + 1)
        batch = FoldBatch(topic=topics.CI.name, partition=0, cursor=cursor, at_ms=AT_MS, sealed=folds)
        deliveries.append(Delivery(Message(0, number, to_bytes(batch), 1, headers=headers)))
    asyncio.run(Worker(Cluster("nowhere:1"), store, Nobody()).apply(deliveries))
    found = [[one for one in headers if one[0] == "traceparent"] for _, (_, _, headers) in sent]
    assert {topics.CLASSIFIED.name, topics.UNSEEN.name, topics.ROLLUPS.name} == {topic for topic, _ in sent}
    assert found == [parents[0] if len(set(traces)) == 1 else []] * len(sent)


def test_what_its_group_has_a_verdict_for_is_not_asked_about_but_when_it_is_due_again() -> None:
    async def run() -> None:
        scene = Scene(batch_size=2)
        known = unseen(1)
        scene.known = {known.fingerprint.value: verdict(known)}
        await scene.classifying.take(scene.deliveries((0, 1), data=to_bytes(known)))
        await scene.classifying.take(scene.deliveries((0, 2)))
        await scene.settle()
        assert scene.asked == [[unseen(2).fingerprint.value]]
        assert scene.committed == {0: 3}
        assert len([1 for topic, _, _ in scene.producer.records if topic == f"p.{topics.VERDICTS.name}"]) == 2
        again = replace(known, asking_because="recheck", attempt=2)
        await scene.classifying.take(scene.deliveries((0, 3), (0, 4), data=to_bytes(again)))
        await scene.settle()
        assert len(scene.asked) == 2

    asyncio.run(run())


def test_an_end_waits_for_open_questions_and_leaves_the_rest() -> None:
    async def run() -> None:
        scene = Scene(batch_size=2)
        scene.answers.clear()
        await scene.classifying.take(scene.deliveries((0, 1), (0, 2), (0, 3)))
        await scene.settle()
        draining = asyncio.create_task(scene.classifying.drain())
        await scene.settle()
        await scene.classifying.take(scene.deliveries((0, 4)))
        await scene.settle()
        assert not draining.done()
        scene.answers.set()
        await draining
        assert scene.committed == {0: 3}
        assert len(scene.asked) == 1

    asyncio.run(run())


def test_an_end_begins_no_question_that_waited_for_room() -> None:
    async def run() -> None:
        scene = Scene(batch_size=1, questions_max=1)
        scene.answers.clear()
        taking = asyncio.create_task(scene.classifying.take(scene.deliveries((0, 1), (0, 2))))
        await scene.settle()
        draining = asyncio.create_task(scene.classifying.drain())
        await scene.settle()
        scene.answers.set()
        await draining
        await taking
        assert scene.committed == {0: 2}
        assert len(scene.asked) == 1

    asyncio.run(run())


def test_answers_for_others_than_were_asked_end_the_process() -> None:
    async def run() -> None:
        scene = Scene(batch_size=2)
        scene.wrong = True
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # `retire` raises here, it ends elsewhere
        await scene.classifying.take(scene.deliveries((0, 1), (0, 2)))
        await scene.settle()
        assert [str(error) for error in scene.ended] == ["2 answers for 2 questions, or for others than were asked"]
        assert scene.committed == {}
        assert scene.producer.records == []

    asyncio.run(run())
