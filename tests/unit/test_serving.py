"""What every role has: lines that stay lines, metrics of known names, health that tells what is missing."""

from __future__ import annotations

import json
import logging
import socket

import pytest
import structlog
from starlette.applications import Starlette
from suites.asgi import Client

from streams.contract import telemetry
from streams.contract.errors import ConfigurationError
from streams.contract.telemetry import LogEvent, Metric
from streams.serving.health import health_routes
from streams.serving.logs import LIBRARY_LINES_MAX, LIBRARY_S, LibraryLines, configure_log
from streams.serving.observer import SERIES_MAX, RoleObserver, exposition
from streams.serving.web import application, listening

HOSTILE = [
    "two\nlines",
    "\x1b[2J\x1b[31mred",
    "\r2026-01-01 level='info' event='all is well'",
    "\x9b31m",
    "\u202egnp.exe",
    "\u2028next",
    "nul\x00bel\x07",
    "\ud800",
]


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_from_outside_cannot_leave_its_line(text, log_format, capsys):
    configure_log(log_format, role="fold")
    structlog.get_logger("x").error(LogEvent.ROLE_FAILED, error=text)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isascii() or line.isprintable()
    assert line.isprintable(), line
    assert "role.failed" in line
    if log_format == "json":
        assert json.loads(line)["error"] == text


def test_a_json_line_says_when_how_bad_what_and_which_role(capsys):
    configure_log("json", role="sink-mongo")
    structlog.get_logger("x").warning(LogEvent.ROLE_WAITING, what="Kafka")
    told = json.loads(capsys.readouterr().err)
    assert told.pop("timestamp").endswith("Z")
    assert told == {"role": "sink-mongo", "what": "Kafka", "event": "role.waiting", "level": "warning"}


def test_an_error_with_its_traceback_is_one_line(capsys):
    configure_log("json")
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        structlog.get_logger("x").error(LogEvent.ROLE_FAILED, exc_info=error)
    (line,) = capsys.readouterr().err.splitlines()
    assert "Traceback" in json.loads(line)["exception"]


class Odd:
    """Shows itself on two lines."""

    def __repr__(self) -> str:
        return "one\ntwo"


def test_a_foreign_object_is_written_as_text(capsys):
    configure_log("console")
    structlog.get_logger("x").error(LogEvent.ROLE_FAILED, error=Odd())
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_a_library_warns_of_is_a_line_of_ours(capsys):
    configure_log("json", role="fold")
    logging.getLogger("aiokafka.conn").warning("broker %s\nis away", "a:1")
    logging.getLogger("aiokafka.conn").info("chatter")
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert (told["event"], told["logger"]) == ("library.said", "aiokafka.conn")
    assert (told["message"], told["role"]) == ("broker a:1\nis away", "fold")


def test_a_library_that_repeats_itself_has_few_lines_and_the_rest_is_counted(capsys):
    now_s = 0.0
    lines = LibraryLines(monotonic_s=lambda: now_s)
    configure_log("json")

    def said(level: int, number: int) -> None:
        lines.handle(logging.makeLogRecord({"name": "aiokafka", "levelno": level, "msg": f"attempt {number}"}))

    for number in range(1_000):
        said(logging.WARNING, number)
    assert len(capsys.readouterr().err.splitlines()) == LIBRARY_LINES_MAX
    now_s += LIBRARY_S
    said(logging.ERROR, 1_000)
    told = json.loads(capsys.readouterr().err)
    assert (told["left_out"], told["level"]) == (1_000 - LIBRARY_LINES_MAX, "error")


def test_what_is_normal_when_groups_form_is_no_error(capsys):
    configure_log("json")
    log = logging.getLogger("aiokafka.consumer.group_coordinator")
    log.error("Group Coordinator Request failed: %s", "[Error 15] GroupCoordinatorNotAvailableError")
    log.warning("Heartbeat failed for group %s because it is rebalancing", "faultline-fold")
    log.error("Heartbeat failed: local member_id was not recognized")
    levels = [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()]
    assert levels == ["info", "info", "error"]


def test_a_library_whose_arguments_do_not_fit_is_still_heard(capsys):
    configure_log("json")
    record = logging.makeLogRecord({"name": "faust", "levelno": logging.WARNING, "msg": "%d of %d", "args": (1,)})
    LibraryLines(monotonic_s=lambda: 0.0).handle(record)
    assert json.loads(capsys.readouterr().err)["message"] == "%d of %d"


def test_setting_the_log_up_twice_writes_each_line_once(capsys):
    configure_log("json")
    configure_log("json")
    logging.getLogger("pymongo").warning("slow")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_command_can_keep_what_libraries_log_to_itself(capsys):
    configure_log("console", libraries=False)
    logging.getLogger("aiokafka").error("cannot connect")
    assert capsys.readouterr().err == ""


def metrics_of(observer: RoleObserver) -> dict[str, float]:
    lines = exposition(observer).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_counters_add_up_and_gauges_are_set():
    observer = RoleObserver(version="1")
    for _ in range(3):
        observer.add(telemetry.FOLDED, 2, "failures.ci.v1")
        observer.set(telemetry.LAG, 7, "fold", "failures.ci.v1")
    assert metrics_of(observer) == {
        'faultline_failures_folded_total{topic="failures.ci.v1"}': 6.0,
        'faultline_log_lag_records{role="fold",topic="failures.ci.v1"}': 7.0,
        'faultline_build_info{version="1"}': 1.0,
    }


STRANGE = Metric("faultline_surprises_total", "counter", "Nobody knows.")


@pytest.mark.parametrize(
    ("tell", "why"),
    [
        (lambda o: o.add(STRANGE, 1), "not in the contract"),
        (lambda o: o.add(telemetry.LAG, 1, "fold", "x"), "a gauge does not count"),
        (lambda o: o.set(telemetry.FOLDED, 1, "x"), "a counter is not set"),
        (lambda o: o.add(telemetry.FOLDED, 1), "a label is missing"),
        (lambda o: o.add(telemetry.FOLDED, -1, "x"), "a counter does not count down"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_metric_that_the_contract_does_not_have_is_refused(tell, why):
    observer = RoleObserver(version="1")
    before = exposition(observer)
    with pytest.raises(ValueError, match="faultline_"):
        tell(observer)
    assert exposition(observer) == before


def test_the_combinations_of_labels_are_bounded():
    observer = RoleObserver(version="1")
    for number in range(SERIES_MAX):
        observer.add(telemetry.FOLDED, 1, str(number))
    with pytest.raises(ValueError, match="combinations"):
        observer.add(telemetry.FOLDED, 1, "one more")


def client(observer: RoleObserver, host: str = "127.0.0.1:8765", **more) -> Client:
    routes = health_routes(observer, **({"allowed_hosts": ()} | more))
    return Client(Starlette(routes=routes), base_url=f"http://{host}")


def test_an_address_that_leads_nowhere_is_answered_with_those_that_there_are():
    app = application(health_routes(RoleObserver(version="1"), allowed_hosts=()))
    asked = Client(app, base_url="http://127.0.0.1:8765")
    for answer in (asked.get("/nope"), asked.post("/nope", content=b"x")):
        assert answer.status_code == 404
        assert answer.json()["error"].startswith("/nope leads nowhere; there are /healthz, /readyz")
    assert asked.post("/healthz").status_code == 405


def test_ready_is_told_once_nothing_is_waited_for(capsys):
    configure_log("json")
    observer = RoleObserver(version="1")
    asked = client(observer)
    before = asked.get("/readyz")
    assert (before.status_code, before.json()["for"]) == (503, "the start")
    observer.waiting_for("Kafka at a:9092")
    observer.waiting_for("Kafka at a:9092")
    away = asked.get("/readyz")
    assert (away.status_code, away.json()["for"], away.headers["retry-after"]) == (503, "Kafka at a:9092", "1")
    assert asked.get("/healthz").status_code == 200
    observer.waiting_for("")
    assert (asked.get("/readyz").status_code, observer.waiting) == (200, "")
    told = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert told == ["role.waiting", "role.ready"]


def test_what_a_look_from_outside_finds_missing_makes_it_unready_until_it_is_back(capsys):
    configure_log("json")
    observer = RoleObserver(version="1")
    observer.waiting_for("")
    for what in ("", "Kafka at a:9092", "Kafka at a:9092 (refused)"):
        observer.away(what)
    assert client(observer).get("/readyz").json()["for"] == "Kafka at a:9092 (refused)"
    observer.away("")
    assert client(observer).get("/readyz").status_code == 200
    told = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert told == ["role.ready", "role.waiting", "role.ready"]


def test_who_was_told_to_end_is_not_ready_again():
    observer = RoleObserver(version="1")
    observer.ending()
    observer.waiting_for("")
    assert client(observer).get("/readyz").json()["for"] == "the end"


def test_metrics_are_in_the_format_that_scrapers_read():
    answer = client(RoleObserver(version="1")).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE faultline_build_info gauge" in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_a_foreign_host_name_is_refused_unless_it_is_allowed(path):
    observer = RoleObserver(version="1")
    assert client(observer, "evil.example").get(path).status_code == 403
    assert client(observer, "fold:8765", allowed_hosts=("Fold",)).get(path).status_code in (200, 503)


def test_a_port_in_use_is_told_with_the_way_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigurationError, match=rf"127\.0\.0\.1:{port} \(Address already in use\); choose another"
        ):
            listening("127.0.0.1", port, way_out="choose another")
