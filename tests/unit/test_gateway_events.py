"""Events: every item accepted or refused by name, and the rest of the same request kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples, load
from suites.gateway import FAILURE, NOW_MS, caller
from suites.table import each

from streams.contract.failure import LABELS_MAX, MESSAGE_BYTES_MAX, TRACEBACK_BYTES_MAX
from streams.contract.wire import from_bytes, to_bytes
from streams.core.window import clamped
from streams.gateway import admission, notes
from streams.gateway.pieces import Piece, pieces_of

GOOD = json.dumps(FAILURE).encode()


def with_fields(**fields: object) -> bytes:
    return json.dumps(FAILURE | fields).encode()


SHAPES = {
    "one object": (GOOD, "application/json", 1),
    "one object over several lines": (json.dumps(FAILURE, indent=2).encode(), "application/json", 1),
    "a list": (b"[" + GOOD + b"," + GOOD.replace(b"boom", b"bang") + b"]", "application/json", 2),
    "an empty list": (b" [ ] ", "application/json", 0),
    "an envelope": (b'{"version":1,"failures":[' + GOOD + b"]}", "application/json", 1),
    "an envelope over several lines": (b'{"failures": [\n' + GOOD + b"\n]}", "application/json", 1),
    "lines": (GOOD + b"\n" + GOOD.replace(b"boom", b"bang") + b"\n", "application/x-ndjson", 2),
    "lines with blank ones between and CRLF": (
        GOOD + b"\r\n\r\n" + with_fields(message="b"),
        "application/x-ndjson",
        2,
    ),
    "lines that nobody said are lines": (GOOD + b"\n" + with_fields(message="b"), "application/json", 2),
    "a byte order mark before it": (b"\xef\xbb\xbf" + GOOD, "application/json", 1),
    "no content type": (GOOD, None, 1),
    "a charset in the content type": (GOOD, "application/json; charset=utf-8", 1),
    "a CloudEvent": (
        b'{"specversion":"1.0","id":"9","source":"/ci","type":"failure","data":' + GOOD + b"}",
        "application/cloudevents+json",
        1,
    ),
    "a batch of CloudEvents": (
        b'[{"specversion":"1.0","id":"9","source":"/ci","type":"failure","data":' + GOOD + b"}]",
        "application/cloudevents-batch+json",
        1,
    ),
}


@each(("body", "kind", "count"), SHAPES.values(), ids=SHAPES)
def test_each_shape_of_body_is_read(body: bytes, kind: str | None, count: int) -> None:
    gateway = caller()
    status, told = gateway.post("/v1/events", body, kind)
    assert (status, told["accepted"], told["refused"]) == (200, count, 0)
    assert [item["id"] for item in told["items"]] == [failure.id for failure in gateway.publisher.failures]
    assert all(failure.received_at_ms == NOW_MS for failure in gateway.publisher.failures)


BAD = {
    "not JSON": (b"hello", "invalid character", "$"),
    "a binary": (b"\x7fELF\x02\x01\x00\x00\xff\xfe", "invalid character", "$"),
    "null": (b"null", "Expected `object`, got `null`", "$"),
    "a number": (b"17", "Expected `object`, got `int`", "$"),
    "cut off": (GOOD[:-5], "truncated", "$"),
    "no message": (b'{"origin":"ci","occurred_at_ms":1,"ci":{}}', "missing required field `message`", "$"),
    "an origin that is not known": (
        with_fields(origin="mars"),
        "Invalid enum value 'mars'; allowed: ci, benchmark",
        "$.origin",
    ),
    "a source that is not known": (with_fields(ci={"source": "x"}), "allowed: pytest, junit", "$.ci.source"),
    "no word of what failed": (with_fields(message=""), "nothing says what failed: give a message", "$.message"),
    "blanks and what no page may show": (with_fields(message=" \n\x00\u202e"), "nothing says what failed", "$.message"),
    "both origins": (with_fields(benchmark={}, occurred_at_ms=1), "no `benchmark`", "$"),
    "a repo that is a number": (
        with_fields(ci={"repo": 3}, occurred_at_ms=1),
        "Expected `str`, got `int`",
        "$.ci.repo",
    ),
    "a repo that is a number, no time": (with_fields(ci={"repo": 3}), "Expected `str`, got `int`", "$.ci.repo"),
    "a version of tomorrow": (with_fields(version=2, occurred_at_ms=1), "version 2 is not known", "$.version"),
    "a version of tomorrow, no time": (with_fields(version=2), "version 2 is not known", "$.version"),
    "a time that is text": (with_fields(occurred_at_ms="yesterday"), "Expected `int`, got `str`", "$.occurred_at_ms"),
    "a negative time": (with_fields(occurred_at_ms=-1), "Expected `int` >= 0", "$.occurred_at_ms"),
    "a time in microseconds": (with_fields(occurred_at_ms=NOW_MS * 1000), "Expected `int` <=", "$.occurred_at_ms"),
    "an id of another form": (with_fields(id="7", occurred_at_ms=1), "regex", "$.id"),
    "nested without end": (b'{"origin":"ci","x":' + b"[" * 100_000, "", "$"),
}


@each(("body", "reason", "place"), BAD.values(), ids=BAD)
def test_what_is_no_failure_is_refused_with_its_place_and_kept_to_be_looked_at(
    body: bytes, reason: str, place: str
) -> None:
    gateway = caller()
    status, told = gateway.post("/v1/events", body)
    assert (status, told["accepted"], told["refused"]) == (400, 0, 1)
    assert reason in told["items"][0]["error"]
    assert told["items"][0]["place"] == place
    assert not gateway.publisher.failures
    ((data, _, kept_place),) = gateway.publisher.rejected
    assert data == body[: 64 * 1024]
    assert kept_place == place


@each(("body", "reason", "place"), BAD.values(), ids=BAD)
def test_a_bad_line_takes_no_other_line_with_it(body: bytes, reason: str, place: str) -> None:
    gateway = caller()
    line = body.replace(b"\n", b" ")
    status, told = gateway.post(
        "/v1/events", b"\n".join((GOOD, line, with_fields(message="b"))), "application/x-ndjson"
    )
    assert (status, told["accepted"], told["refused"]) == (207, 2, 1)
    assert "id" in told["items"][0]
    assert "id" in told["items"][2]
    assert reason in told["items"][1]["error"]
    assert (told["items"][1]["place"], told["items"][1]["line"]) == (place, 2)


@each("name", sorted(set(BAD) - {"nested without end", "cut off"}))
@each(("head", "tail", "path"), [(b"[", b"]", "$[1]"), (b'{"failures":[', b"]}", "$.failures[1]")])
def test_a_bad_item_takes_no_other_item_with_it(name: str, head: bytes, tail: bytes, path: str) -> None:
    body, reason, place = BAD[name]
    gateway = caller()
    status, told = gateway.post("/v1/events", head + b",".join((GOOD, body, with_fields(message="b"))) + tail)
    assert (status, told["accepted"], told["refused"]) == (207, 2, 1)
    assert reason in told["items"][1]["error"]
    assert told["items"][1]["place"] == path + place.removeprefix("$")


def test_what_a_list_held_before_it_was_cut_off_is_kept() -> None:
    gateway = caller()
    status, told = gateway.post("/v1/events", b"[" + GOOD + b"," + GOOD[:20])
    assert (status, told["accepted"], told["refused"]) == (207, 1, 1)
    assert told["items"][1] == {"index": 1, "error": "Input data was truncated", "place": "$[1]"}


def test_what_follows_the_end_of_a_list_is_refused_and_the_list_is_kept() -> None:
    status, told = caller().post("/v1/events", b"[" + GOOD + b"] ]")
    assert (status, told["accepted"], told["refused"]) == (207, 1, 1)
    assert told["items"][1]["error"] == "more text after the end of the list"


def test_failures_of_an_envelope_that_are_no_list_are_refused() -> None:
    status, told = caller().post("/v1/events", b'{"failures": {"0": ' + GOOD + b"}}")
    assert (status, told["refused"]) == (400, 1)


HOSTILE = [b"[" + b'"' * 200_001, b'["' + b'"' * 100_000, b"{" * 200_000, b"[" + b"," * 200_000, b"{\n" * 100_000]


@pytest.mark.parametrize("body", HOSTILE, ids=["quotes", "escaped quotes", "braces", "commas", "lines"])
def test_a_body_made_to_cost_time_gives_a_bounded_number_of_refusals(body: bytes) -> None:
    pieces = pieces_of(body, "", items_max=100)
    assert len(pieces) <= 101
    assert all(item.error for item in admission.admitted(pieces, now_ms=NOW_MS, request_key="k"))


def test_a_fault_in_the_bytes_is_told_by_its_byte_in_the_body() -> None:
    body = b"[" + GOOD + b", nope]"
    _, told = caller().post("/v1/events", body)
    assert body.index(b"nope") <= told["items"][1]["byte"] < len(body)


def test_an_empty_body_is_refused_and_there_is_nothing_to_keep() -> None:
    gateway = caller()
    status, told = gateway.post("/v1/events", b" \n")
    assert status == 400
    assert told["items"][0]["error"].startswith("the body is empty; send")
    assert not gateway.publisher.rejected


MENDED = {
    "half a surrogate pair": (GOOD.replace(b"boom", rb"bo\ud800om"), "bo\ufffdom", admission.NOTE_SURROGATES),
    "the other half": (GOOD.replace(b"boom", rb"bo\uDC80om"), "bo\ufffdom", admission.NOTE_SURROGATES),
    "bytes that are not UTF-8": (GOOD.replace(b"boom", b"bo\xffom"), "bo\ufffdom", admission.NOTE_UTF8),
    "raw control characters": (GOOD.replace(b"boom", b"bo\x01\x1b[31mom"), "bo\x01\x1b[31mom", admission.NOTE_CONTROL),
    "NaN as the time": (GOOD[:-1] + b',"occurred_at_ms":NaN}', "boom", admission.NOTE_NAN),
    "Infinity as the test's time": (GOOD[:-2] + b',"test_time_s":-Infinity}}', "boom", admission.NOTE_NAN),
}


@each(("body", "message", "note"), MENDED.values(), ids=MENDED)
@each(("head", "tail"), [(b"", b""), (b"[", b"]"), (b'{"failures":[', b"]}"), (b"\n", b"\n" + GOOD)])
def test_what_is_almost_json_is_mended_with_a_note(
    body: bytes, message: str, note: str, head: bytes, tail: bytes
) -> None:
    gateway = caller()
    status, told = gateway.post("/v1/events", head + body + tail)
    assert status == 200
    assert told["items"][0]["notes"][0] == note
    assert gateway.publisher.failures[0].message == message


@pytest.mark.parametrize(
    "text", ["\U0001f600", "\\ud800", 'a "NaN" b', "NaN", "\\\\", "soft\u00adly", "a\r\n\tb", "日本"]
)
def test_text_that_is_json_is_taken_as_it_is(text: str) -> None:
    gateway = caller()
    _, told = gateway.post("/v1/events", with_fields(message=text))
    assert gateway.publisher.failures[0].message == text
    assert "notes" not in told["items"][0]


WEEK_MS = 7 * 86_400_000
IN_1970 = "the time 1970-01-01T00:00:00Z lies over 7 days back; counted as 2027-01-08T08:00:00Z"
SECONDS = "the time 1970-01-21T20:00:00Z lies over 7 days back; counted as 2027-01-08T08:00:00Z"
IN_2999 = "the time 2999-01-01T00:00:00Z lies in the future; counted as 2027-01-15T08:05:00Z"
TIMES = {
    "1970": (0, [notes.NOTE_SECONDS, IN_1970]),
    "seconds instead of milliseconds": (NOW_MS // 1000, [notes.NOTE_SECONDS, SECONDS]),
    "2999": (32_472_144_000_000, [IN_2999]),
    "now": (NOW_MS, None),
    "a clock that is ahead by minutes": (NOW_MS + 300_000, None),
    "a week ago": (NOW_MS - WEEK_MS, None),
}


@pytest.mark.parametrize(("at_ms", "said"), TIMES.values(), ids=TIMES)
def test_a_time_far_away_is_kept_as_it_was_given_and_the_answer_says_how_it_counts(
    at_ms: int, said: list[str] | None
) -> None:
    gateway = caller()
    _, told = gateway.post("/v1/events", with_fields(occurred_at_ms=at_ms))
    assert gateway.publisher.failures[0].occurred_at_ms == at_ms
    assert told["items"][0].get("notes") == said


@pytest.mark.parametrize("at_ms", [0, NOW_MS // 1000, NOW_MS - WEEK_MS - 1, NOW_MS, NOW_MS + 300_001, 10**14])
def test_the_answer_says_the_very_time_that_counts(at_ms: int) -> None:
    counted_ms = clamped(at_ms, NOW_MS)
    said = " ".join(notes.time_notes(at_ms, NOW_MS))
    moment = f"{datetime.fromtimestamp(counted_ms / 1000, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"
    assert (moment in said) is (counted_ms != at_ms)


UNKNOWN = {
    "a misspelt one": ({"mesage": "x"}, "`mesage` (did you mean `message`?)"),
    "one of another room": ({"repo": "a/b"}, "`repo` (did you mean `ci.repo`?)"),
    "a misspelt one of the place": ({"ci": {"run_ids": "7"}}, "`ci.run_ids` (did you mean `ci.run_id`?)"),
    "one of the whole inside the place": ({"ci": {"exit_code": 1}}, "`ci.exit_code` (did you mean `exit_code`?)"),
    "in the writing of another language": ({"httpStatus": 429}, "`httpStatus` (did you mean `http_status`?)"),
    "one of no likeness": ({"zzzz": {"message": 1}}, "`zzzz`"),
    "one that hides": ({"ci": {"\u202ezzzz": 1}}, "`ci.zzzz`"),
    "five": (dict.fromkeys("vwxyz"), "`v`, `w`, `x`, `y`, `z`"),
    "more than are named": (dict.fromkeys("tuvwxyz"), "`t`, `u`, `v`, `w`, `x` and 2 more"),
}


@pytest.mark.parametrize(("fields", "named"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_field_that_is_not_known_is_named_with_the_nearest_that_is(fields: dict[str, Any], named: str) -> None:
    status, told = caller().post("/v1/events", with_fields(**fields))
    assert status == 200
    assert told["items"][0]["notes"] == [f"not known here and left out: {named}"]


def test_labels_may_have_any_name_and_absent_rooms_are_not_looked_into() -> None:
    _, told = caller().post("/v1/events", with_fields(labels={"mesage": "x"}, benchmark=None))
    assert "notes" not in told["items"][0]


def test_the_names_that_are_compared_are_bounded() -> None:
    events = [FAILURE | {f"mesage{number}": 1} for number in range(notes.NEAREST_MAX + 50)]
    _, told = caller().post("/v1/events", events)
    said = [item["notes"][0] for item in told["items"]]
    assert len(said) == len(events)
    assert sum("did you mean" in note for note in said) == notes.NEAREST_MAX


LEFT_OUT = {
    "a NUL": ({"message": "a\x00b"}, "message: 1"),
    "direction marks": ({"message": "\u202eabc\u2066", "traceback": "x\x9b"}, "message, traceback: 3"),
    "colours of a terminal": ({"message": "\x1b[31mred\x1b[0m"}, "message: 9"),
    "a label": ({"labels": {"k\x00": "v\x00"}}, "labels: 2"),
    "the name of a job": ({"ci": {"job_name": "a\x07"}}, "ci.job_name: 1"),
}


@pytest.mark.parametrize(("fields", "said"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_the_answer_counts_the_characters_that_are_left_out(fields: dict[str, Any], said: str) -> None:
    gateway = caller()
    _, told = gateway.post("/v1/events", with_fields(**fields))
    (note,) = told["items"][0]["notes"]
    assert note.startswith(f"left out of {said} characters that are not text")


@pytest.mark.parametrize(
    "fields",
    [{"exception_type": "E"}, {"traceback": "x"}, {"http_status": 429}, {"exit_code": 0}, {"provider_error_code": "e"}],
    ids=str,
)
def test_a_failure_without_a_message_is_taken_when_something_else_says_what_failed(fields: dict[str, Any]) -> None:
    assert caller().post("/v1/events", with_fields(message="", **fields))[0] == 200


def test_a_failure_without_a_time_happened_on_arrival() -> None:
    assert caller().failures(GOOD)[0].occurred_at_ms == NOW_MS
    assert caller().failures(with_fields(occurred_at_ms=None))[0].occurred_at_ms == NOW_MS


def test_a_cloud_event_gives_time_and_identity_where_its_data_does_not() -> None:
    bare: dict[str, Any] = {"origin": "benchmark", "message": "429", "benchmark": {"provider": "p"}}
    event = {
        "specversion": "1.0",
        "id": "9",
        "source": "/ci",
        "type": "f",
        "time": "2027-01-15T07:59:00Z",
        "data": bare,
    }
    gateway = caller()
    (first,) = gateway.failures(event, "application/cloudevents+json")
    (again,) = gateway.failures(event, "application/cloudevents+json")
    assert first.occurred_at_ms == NOW_MS - 60_000
    assert first.id == again.id
    _, told = gateway.post("/v1/events", event | {"data": bare | {"message": 3}}, "application/cloudevents+json")
    assert told["items"][0]["place"] == "$.data.message"


HUGE = {
    "a long message": ({"message": "x" * load(10_000_000)}, "message", MESSAGE_BYTES_MAX),
    "a long traceback": ({"traceback": "  File\n" * load(1_000_000)}, "traceback", TRACEBACK_BYTES_MAX),
}


@pytest.mark.parametrize(("fields", "field", "limit"), HUGE.values(), ids=HUGE)
def test_what_is_too_long_is_cut_and_marked_and_the_rest_is_kept(
    fields: dict[str, object], field: str, limit: int
) -> None:
    gateway = caller()
    status, told = gateway.post("/v1/events", b"[" + with_fields(**fields) + b"," + with_fields(message="b") + b"]")
    assert status == 200
    assert told["items"][0]["truncated"] == [field]
    assert "truncated" not in told["items"][1]
    assert len(getattr(gateway.publisher.failures[0], field)) <= limit


def test_more_labels_than_are_kept_are_cut_and_marked() -> None:
    gateway = caller()
    labels = {f"k{number}": "v" for number in range(load(100_000))}
    status, told = gateway.post("/v1/events", with_fields(labels=labels))
    assert (status, told["items"][0]["truncated"]) == (200, ["labels"])
    assert len(gateway.publisher.failures[0].labels) == LABELS_MAX


@examples(60)
@given(st.one_of(st.binary(max_size=300), st.text('{}[]",:\\ \nfailures1', max_size=80).map(str.encode)))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    items = list(admission.admitted(pieces_of(body, "", items_max=100), now_ms=NOW_MS, request_key="k"))
    assert all((item.failure is None) != (item.error is None) for item in items)


@examples(60)
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=30), min_size=1, max_size=5))
def test_the_cut_gives_the_items_that_a_parser_gives(texts: list[str]) -> None:
    items = [{"origin": "ci", "message": text, "ci": {"repo": text}} for text in texts]
    body = json.dumps(items).encode()
    broken = body[:-1] + b", nope]"
    pieces = [piece.data.strip() for piece in pieces_of(broken, "", items_max=100) if isinstance(piece, Piece)]
    assert [json.loads(piece) for piece in pieces[:-1]] == items
    assert pieces[-1] == b"nope"


@examples(40)
@given(st.binary(max_size=200))
def test_mending_twice_mends_no_more(data: bytes) -> None:
    once, _ = admission.repaired(data)
    assert admission.repaired(once) == (once, [])


def test_what_is_published_reads_back_as_it_was() -> None:
    for failure in caller().failures(b"[" + GOOD + b"," + with_fields(labels={"a": "b"}, message="\ufffd\x00") + b"]"):
        assert from_bytes(type(failure), to_bytes(failure)) == failure


def test_failures_that_differ_only_where_they_are_cut_are_two() -> None:
    texts = ["x" * 60_000 + middle + "y" * 60_000 for middle in ("one", "two")]
    body = [{"origin": "ci", "message": text, "ci": {"run_id": "1", "repo": "a/b"}} for text in texts]
    status, told = caller().post("/v1/events", json.dumps(body).encode())
    assert status == 200
    assert len({item["id"] for item in told["items"]}) == 2
    assert all(item["truncated"] == ["message"] for item in told["items"])
