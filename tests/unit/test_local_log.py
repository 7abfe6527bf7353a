"""The embedded log: offsets, commits that are all or nothing, one owner, retention, rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.contract import topics
from streams.contract.errors import ConfigurationError, DirectoryInUse
from streams.local import FILE_NAME, Entry, Log, RowTable


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    opened = Log(tmp_path / "data")
    yield opened
    opened.close()


def appended(log: Log, *values: bytes, at_ms: int = 1, partition: int = 0) -> None:
    with log.transaction(durable=True):
        log.append((Entry(topics.CI, partition, "k", value) for value in values), at_ms=at_ms)


def read(log: Log, start: int = 0, partition: int = 0, **limits: int) -> list[bytes | None]:
    bounds = {"records_max": 100, "bytes_max": 10**6} | limits
    return [record.value for record in log.read(topics.CI, partition, start, **bounds)]


def test_a_folder_that_is_made_is_its_owner_s_and_one_that_is_there_keeps_its_rights(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    given.chmod(0o750)
    for folder, mode in ((tmp_path / "made", 0o700), (given, 0o750)):
        Log(folder).close()
        assert folder.stat().st_mode & 0o777 == mode


def test_records_of_a_partition_come_back_in_order(log: Log) -> None:
    appended(log, b"a", b"b")
    appended(log, b"c")
    appended(log, b"other", partition=1)
    assert read(log) == [b"a", b"b", b"c"]
    assert read(log, 2) == [b"c"]
    assert log.end(topics.CI, 0) == 3


def test_a_read_is_bounded_by_records_and_bytes(log: Log) -> None:
    appended(log, b"aaaa", b"bbbb", b"cccc")
    assert len(read(log, records_max=2)) == 2
    assert read(log, bytes_max=1) == [b"aaaa"]


def test_a_transaction_that_fails_leaves_nothing(log: Log) -> None:
    def half() -> None:
        with log.transaction():
            log.append([Entry(topics.CI, 0, "k", b"x")], at_ms=1)
            log.commit("fold", topics.CI, 0, 9)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert read(log) == []
    assert log.end(topics.CI, 0) == 0
    assert log.committed("fold", topics.CI, 0) == 0


def test_offsets_and_records_survive_a_new_start(tmp_path: Path) -> None:
    first = Log(tmp_path)
    appended(first, b"a")
    with first.transaction():
        first.commit("fold", topics.CI, 0, 1)
        first.trim(topics.CI, before_ms=99, readers=["fold"], rows_max=10)
    first.close()
    second = Log(tmp_path)
    appended(second, b"b")
    assert (read(second), second.end(topics.CI, 0), second.committed("fold", topics.CI, 0)) == ([b"b"], 2, 1)
    second.close()


def test_an_id_is_new_once_also_after_a_rollback(log: Log) -> None:
    def half() -> None:
        with log.transaction():
            assert log.is_new("ab" * 16, 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with log.transaction():
        assert log.is_new("ab" * 16, 1)
        assert not log.is_new("ab" * 16, 2)


def test_retention_keeps_what_a_reader_has_not_read(log: Log) -> None:
    appended(log, b"a", b"b", at_ms=1)
    appended(log, b"c", at_ms=500)
    with log.transaction():
        log.commit("fold", topics.CI, 0, 1)
        assert log.trim(topics.CI, before_ms=100, readers=["fold"], rows_max=10) == 1
    assert read(log) == [b"b", b"c"]


def test_bytes_that_wait_are_counted_from_where_the_role_is(log: Log) -> None:
    appended(log, b"aa", b"bbb")
    with log.transaction():
        log.commit("fold", topics.CI, 0, 1)
    assert log.waiting_bytes("fold", [topics.CI]) == 3


def test_the_same_process_does_not_open_a_directory_twice(log: Log) -> None:
    with pytest.raises(DirectoryInUse):
        Log(log.path.parent)


def test_a_file_that_is_no_database_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(ConfigurationError, match=r"cannot be used.*move the file away"):
        Log(tmp_path)


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Log(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(ConfigurationError, match="newer faultline"):
        Log(tmp_path)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="--data DIR"):
        Log(tmp_path / "file" / "data")


changes = st.lists(st.tuples(st.sampled_from("abcd"), st.none() | st.binary(max_size=30)), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes, st.integers(0, 30), st.sampled_from([0, 40, 10**6]))
def test_rows_are_what_was_last_written_whatever_is_remembered(
    log: Log, written: list[tuple[str, bytes | None]], flush_at: int, remembered: int
) -> None:
    with log.transaction():
        log.db.execute("DELETE FROM rows")
    table, truth = RowTable(log.db, remembered_bytes_max=remembered), dict[str, bytes]()
    for number, (key, value) in enumerate(written):
        if number == flush_at:
            with log.transaction():
                table.flush()
        if value is None:
            table.pop(key, None)
            truth.pop(key, None)
        else:
            table[key] = truth[key] = value
        assert {k: table.get(k) for k in "abcd"} == {k: truth.get(k) for k in "abcd"}
    with log.transaction():
        table.flush()
    assert dict(table) == truth
    assert dict(RowTable(log.db)) == truth
    assert len(table) == len(truth)


def test_compaction_keeps_the_newest_record_of_each_key_and_no_tombstone_whatever_its_bound(log: Log) -> None:
    written = [("a", b"1"), ("b", b"1"), ("a", b"2"), ("b", None), ("c", b"1"), ("a", b"3"), ("c", None)]
    with log.transaction():
        log.append((Entry(topics.BASELINES, 0, key, value) for key, value in written), at_ms=1)
        log.append([Entry(topics.CI, 0, "a", b"x"), Entry(topics.CI, 0, "a", b"y")], at_ms=1)
    gone: list[int] = []
    kept: dict[str, bytes | None] = {}
    while not gone or gone[-1]:
        gone.append(log.compact(topics.BASELINES, readers=[], rows_max=2))
        kept = {one.key: one.value for one in log.read(topics.BASELINES, 0, 0, records_max=9, bytes_max=99)}
        assert {key: value for key, value in kept.items() if value} == {"a": b"3"}
    assert gone == [2, 2, 2, 0]
    assert kept == {"a": b"3"}
    assert read(log) == [b"x", b"y"]
    assert log.end(topics.BASELINES, 0) == len(written)


def test_compaction_keeps_what_a_reader_has_not_read(log: Log) -> None:
    with log.transaction():
        log.append((Entry(topics.VERDICTS, 0, "a", value) for value in (b"1", b"22", b"333", None)), at_ms=1)
        log.commit("fold", topics.VERDICTS, 0, 3)
        log.commit("alias", topics.VERDICTS, 0, 1)
        waiting = log.waiting_bytes("fold", [topics.VERDICTS]), log.waiting_bytes("alias", [topics.VERDICTS])
        assert log.compact(topics.VERDICTS, readers=["fold", "alias"], rows_max=9) == 1
        assert waiting == (log.waiting_bytes("fold", [topics.VERDICTS]), log.waiting_bytes("alias", [topics.VERDICTS]))
        kept = [one.value for one in log.read(topics.VERDICTS, 0, 0, records_max=9, bytes_max=99)]
        assert kept == [b"22", b"333", None]
        log.commit("alias", topics.VERDICTS, 0, 4)
        assert log.compact(topics.VERDICTS, readers=["fold", "alias"], rows_max=9) == 2
        log.commit("fold", topics.VERDICTS, 0, 4)
        assert log.compact(topics.VERDICTS, readers=["fold", "alias"], rows_max=9) == 1
