"""`explain`, `groups`, `show`, `verdict`, `config`, `topics`: answers for people and for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from suites.http_answers import answers

from streams.cli.app import create_app, run

ROOT = Path(__file__).parents[2]
FINGERPRINT = "fp1." + "k" * 26
GROUP = {
    "fingerprint": FINGERPRINT,
    "origin": "ci",
    "title": "boom \x1b[31m\u202eon /dev/sda1",
    "template": "boom on <path>",
    "kind": "timeout",
    "family": "code_error",
    "source": "rule",
    "confidence": 0.9,
    "count": 12,
    "first_seen_ms": 1_700_000_000_000,
    "last_seen_ms": 1_700_000_060_000,
    "new": True,
    "where": [{"name": "acme/shop / tests / unit", "count": 12}],
    "spark": [0] * 24,
}
ORIGIN = {"name": "origin", "value": "ci", "rule": "given by the producer"}
DETAIL = GROUP | {
    "class_value": "fp1." + "c" * 26,
    "site_values": 1,
    "parts": [ORIGIN, {"name": "template", "value": "boom on <path>", "rule": "masked message"}],
    "verdict": {"kind": "timeout", "family": "code_error", "source": "rule", "rule_id": "t-1", "confidence": 0.9},
    "samples": [{"text": "boom\n\x1b[2Jon /dev/sda1", "at_ms": 1_700_000_000_000, "failure_id": "0" * 32}],
    "history": [],
    "documents": [],
}


OTHER = "fp1." + "m" * 26


@pytest.fixture
def server(monkeypatch):
    def answer(asked):
        if asked.path.startswith("/api/groups?") or asked.path == "/api/groups":
            return 200, {}, {"groups": [GROUP], "total": 1, "offset": 0, "limit": 50, "next": None, "now_ms": 0}
        if asked.path.startswith("/api/groups/fp1.k"):
            return 200, {}, DETAIL
        if asked.path == "/v1/verdicts":
            return 200, {}, {"fingerprint": FINGERPRINT, "kind": "flaky_test", "family": "code_error"}
        if asked.path == "/v1/aliases":
            return 200, {}, {"a": FINGERPRINT, "b": OTHER, "same": False}
        if asked.path.startswith("/api/groups/fp1.m"):
            return 200, {}, DETAIL | {"fingerprint": OTHER}
        return 404, {}, {"error": "unknown_group", "reason": "no group has this fingerprint, or several begin so"}

    with answers() as told:
        told.answer = answer
        monkeypatch.setenv("FAULTLINE_URL", told.url)
        yield told


@pytest.fixture
def faultline(capsys):
    def command(*words):
        status = run(create_app(), [str(word) for word in words])
        out, err = capsys.readouterr()
        return status, out, err

    return command


def test_explain_shows_template_masks_parts_ids_and_the_rule(faultline):
    status, out, _ = faultline("explain", "Error code: 429 - limit of 50 requests", "--origin", "benchmark")
    assert status == 0
    assert out.count("fp1.") == 3
    for expected in ("template", "masked", "kept: numbers that mean something", "429", "rate_limit", "by rule "):
        assert expected in out


def test_explain_never_shows_a_credential(faultline):
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    for more in ((), ("--json",)):
        _, out, _ = faultline("explain", f"push with {secret} refused", *more)
        assert secret not in out


@pytest.mark.parametrize("text", ["", " "])
def test_explain_names_an_argument_without_a_text(faultline, text):
    status, out, err = faultline("explain", text)
    assert (status, out) == (2, "")
    assert "TEXT is empty; give a text, a file, or -" in err


def test_explain_reads_a_file_and_says_the_same_as_of_its_text(faultline, tmp_path):
    (tmp_path / "trace.txt").write_text("boom on 7 of 9\n")
    assert faultline("explain", tmp_path / "trace.txt")[1] == faultline("explain", "boom on 7 of 9")[1]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("disk full after 12 s", "disk full after 99 s", "one problem"),
        ("exit code 1 of build", "exit code 2 of build", "two problems"),
    ],
)
def test_why_says_whether_two_are_one_problem(faultline, a, b, expected):
    status, out, _ = faultline("explain", "--why", a, b)
    assert status == 0
    assert expected in out
    told = json.loads(faultline("explain", "--why", a, b, "--json")[1])
    assert told["one_problem"] is (expected == "one problem")


def test_why_takes_a_group_of_a_server(faultline, server):
    status, out, _ = faultline("explain", "--why", FINGERPRINT, "boom on /dev/sda1")
    assert status == 0
    assert FINGERPRINT in out


WORD = {
    "a": FINGERPRINT,
    "b": OTHER,
    "origin": "ci",
    "source": "rule",
    "reason": "slot rule, 6 fingerprints of one form: boom on <*>",
    "decided_at_ms": 1_700_000_000_000,
}
JOINED = {
    "aliases": [WORD],
    "members": [GROUP, GROUP | {"fingerprint": OTHER}],
    "members_total": 2,
    "members_failures": 9,
}
SHELF = {
    "template": "boom on shelf",
    "parts": [
        {"name": "origin", "value": "ci", "rule": ""},
        {"name": "template", "value": "boom on shelf", "rule": ""},
    ],
}


def two_groups(asked):
    if asked.path.startswith("/api/groups?"):
        return 200, {}, {"groups": [GROUP | {"fingerprint": OTHER} | SHELF], "total": 1}
    if asked.path.startswith("/api/groups/fp1.m"):
        return 200, {}, DETAIL | JOINED | SHELF | {"fingerprint": OTHER, "class_value": "fp1." + "d" * 26}
    return 200, {}, DETAIL | JOINED


def test_why_tells_what_joins_two_of_a_group_and_who_said_so(faultline, server):
    server.answer = two_groups
    status, out, _ = faultline("explain", "--why", "fp1.kkkk", "fp1.mmmm")
    assert status == 0
    assert "one problem: aliases join them" in out
    said = "rule (2023-11-14 22:13:20 UTC): fp1.kkkkkkkk is fp1.mmmmmmmm; slot rule, 6 fingerprints of one form"
    assert said in out
    assert f"same         fp1.mmmmmmmm 12 x boom on /dev/sda1 (rule: {WORD['reason']})" in faultline("show", "fp1.k")[1]
    told = json.loads(faultline("explain", "--why", "fp1.kkkk", "fp1.mmmm", "--json")[1])
    assert (told["one_problem"], told["answer"]) == (True, "same_group")
    assert told["aliases"] == [WORD]


def test_why_not_tells_a_persons_word_and_the_first_difference(faultline, server):
    apart = {"aliases": [WORD | {"source": "human", "stands": False, "reason": "two shelves (said by ada)"}]}
    server.answer = lambda asked: (200, {}, two_groups(asked)[2] | apart)
    status, out, _ = faultline("explain", "--why-not", "fp1.kkkk", "fp1.mmmm")
    assert status == 0
    for expected in (
        "a person took them apart",
        "two shelves (said by ada)",
        "<path>\n  shelf",
        "what would join them",
    ):
        assert expected in out


def test_the_nearest_of_a_server_are_told_with_what_would_join_them(faultline, server):
    server.answer = two_groups
    status, out, _ = faultline("explain", "--nearest", "boom on table")
    assert status == 0
    assert "not among those seen last" in out
    assert "fp1.mmmmmmmm  43%    12     timeout  boom on shelf" in out
    assert "fp1.mmmmmmmm  the slot rule, once 6 different words were seen" in out
    (told,) = json.loads(faultline("explain", "--nearest", "boom on table", "--json")[1])["nearest"]
    assert (told["fingerprint"], told["likeness"], told["one_problem"]) == (OTHER, 0.429, False)


def test_two_questions_at_once_are_refused(faultline):
    status, _, err = faultline("explain", "--why", "a", "b", "--why-not", "a", "b")
    assert status == 2
    assert "three questions" in err


def test_groups_are_a_table_of_plain_text_with_the_filters_asked_of_the_server(faultline, server):
    status, out, _ = faultline("groups", "--kind", "timeout", "--limit", "5")
    assert status == 0
    assert "boom on /dev/sda1" in out
    assert not {"\x1b", "\u202e"} & set(out)
    assert server.asked[0].path == "/api/groups?kind=timeout&limit=5"
    faultline("groups", "--fingerprints")
    assert server.asked[-1].path == "/api/groups?limit=50&fingerprints=1"
    assert json.loads(faultline("groups", "--json")[1])["groups"][0]["count"] == 12


def test_show_tells_the_parts_of_the_problem_apart_from_those_that_say_where(faultline, server):
    frame = {"name": "frame", "value": "app.pay:charge", "rule": "own file", "problem": False}
    parts = [frame, ORIGIN | {"problem": True}, {"name": "tool", "value": "jest", "rule": "of an older server"}]
    server.answer = lambda asked: (200, {}, DETAIL | {"parts": parts})
    out = faultline("show", FINGERPRINT)[1]
    told = [row for row in out.splitlines() if row.startswith(("part ", "beside "))]
    assert told == [
        "part         origin = ci (given by the producer)",
        "part         tool = jest (of an older server)",
        "beside       frame = app.pay:charge (own file)",
    ]


def test_show_takes_the_beginning_of_a_fingerprint(faultline, server):
    status, out, _ = faultline("show", "fp1.kkk")
    assert status == 0
    assert "timeout (code_error)" in out
    assert "rule t-1" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("words", [("groups",), ("show", "fp1.k"), ("verdict", "fp1.k", "flaky_test")])
def test_a_gateway_without_the_page_is_said_with_the_way_to_the_page(faultline, server, words):
    server.answer = lambda asked: (404, {}, {"error": "/api/groups leads nowhere; there are /v1/events"})
    status, out, err = faultline(*words)
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "a gateway alone" in err
    assert "`--url http://127.0.0.1:8766` or FAULTLINE_URL" in err


def test_an_unknown_group_is_one_line_and_status_1(faultline, server):
    status, out, err = faultline("show", "fp1.zzz")
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "no group's fingerprint begins with 'fp1.zzz'" in err


def test_a_beginning_of_several_groups_names_the_first_of_them(faultline, server):
    alike = [GROUP | {"fingerprint": f"fp1.m{letter}" + "k" * 24, "title": f"boom\n{letter}"} for letter in "abcdefg"]

    def answer(asked):
        if asked.path.startswith("/api/groups?"):
            return 200, {}, {"groups": [GROUP, *alike], "total": 8}
        return 404, {}, {"error": "unknown_group", "reason": "several begin so"}

    server.answer = answer
    for words in (("show", "fp1.m"), ("verdict", "fp1.m", "flaky_test")):
        status, out, err = faultline(*words)
        assert (status, out, err.count("\n")) == (1, "", 6)
        assert "7 groups begin with 'fp1.m'" in err
        assert alike[4]["fingerprint"] in err
        assert FINGERPRINT not in err


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ({"source": "rule", "rule_id": "t-1"}, "said by      rule t-1, confidence 0.90\n"),
        ({"source": "status"}, "said by      status, confidence 0.90\n"),
        ({"source": "status", "kind": "unknown", "confidence": 0.0}, "said by      nobody yet\n"),
        ({"source": "llm", "kind": "unknown", "confidence": 0.0}, "said by      llm, confidence 0.00\n"),
    ],
)
def test_show_says_who_said_it(faultline, server, verdict, expected):
    told = {"kind": "timeout", "family": "code_error", "confidence": 0.9} | verdict
    server.answer = lambda asked: (200, {}, DETAIL | {"verdict": told})
    assert expected in faultline("show", "fp1.kkk")[1]


def test_a_verdict_is_sent_under_the_whole_fingerprint(faultline, server):
    status, out, _ = faultline("verdict", "fp1.kkk", "flaky_test", "--reason", "races", "--by", "ada")
    assert status == 0
    assert "is flaky_test" in out
    said = json.loads(server.asked[-1].body)
    assert said == {"fingerprint": FINGERPRINT, "kind": "flaky_test", "origin": "ci", "reason": "races", "by": "ada"}


def held_after(server, number, **word):
    """The page of the second fingerprint tells a word after it was asked so many times."""
    before, asked_times = server.answer, iter(range(1000))

    def answer(asked):
        if asked.path.startswith("/api/groups/fp1.m") and next(asked_times) >= number:
            return 200, {}, DETAIL | {"fingerprint": OTHER, "aliases": [WORD | {"source": "human"} | word]}
        return before(asked)

    server.answer = answer


@pytest.mark.parametrize(("words", "same", "told"), [((), True, "one problem"), (("--not",), False, "two problems")])
def test_a_persons_word_on_two_fingerprints_is_sent_with_both_whole(faultline, server, words, same, told):
    held_after(server, 2, stands=same)
    status, out, _ = faultline("alias", "fp1.kkk", "fp1.mmm", "--reason", "two teams", "--by", "ada", *words)
    assert (status, out) == (0, f"{FINGERPRINT} and {OTHER} are {told} from now on\n")
    (said,) = [json.loads(asked.body) for asked in server.asked if asked.path == "/v1/aliases"]
    assert said == {
        "one": FINGERPRINT,
        "other": OTHER,
        "origin": "ci",
        "same": same,
        "reason": "two teams",
        "by": "ada",
    }


def test_a_persons_word_that_is_not_held_is_told_with_the_reasons(faultline, server, monkeypatch):
    monkeypatch.setattr("streams.cli.groups.HELD_WITHIN_S", 0.3)
    held_after(server, 0, stands=True)  # of before, and now they are two
    status, out, _ = faultline("alias", "fp1.kkk", "fp1.mmm", "--not")
    assert (status, "from now on" in out) == (0, False)
    assert "are two problems: taken, but their pages do not tell it after 0.3 s" in out
    assert "new ones are dropped: `aliases.full` in the log" in out
    assert json.loads(faultline("alias", "fp1.kkk", "fp1.mmm", "--not", "--json")[1])["held"] is False
    assert json.loads(faultline("alias", "fp1.kkk", "fp1.mmm", "--json")[1])["held"] is True


def test_failures_of_two_origins_are_never_one_problem(faultline, server):
    other = DETAIL | {"fingerprint": OTHER, "origin": "benchmark"}
    server.answer = lambda asked: (200, {}, other if "fp1.mmm" in asked.path else DETAIL)
    status, _, err = faultline("alias", "fp1.kkk", "fp1.mmm")
    assert status == 2
    assert "fp1.kkk is of origin ci, fp1.mmm of benchmark" in err
    assert all(asked.path.startswith("/api/groups/") for asked in server.asked)


def test_topics_are_listed_for_people_and_for_programs(faultline):
    from streams.contract.topics import STATE, TOPICS

    names = [topic.name for topic in (*TOPICS, STATE)]
    out = faultline("topics", "list")[1]
    assert all(name in out for name in names)
    assert [row["name"] for row in json.loads(faultline("topics", "list", "--json")[1])] == names


def test_config_check_tells_every_fault_at_once_a_line_each(faultline, monkeypatch):
    monkeypatch.setenv("FAULTLINE_PORT", "many")
    monkeypatch.setenv("FAULTLINE_RETENTION_DAYS", "0")
    status, _, err = faultline("config", "check")
    assert status == 2
    assert len([line for line in err.splitlines() if "FAULTLINE_PORT" in line]) == 1
    assert len([line for line in err.splitlines() if "FAULTLINE_RETENTION_DAYS" in line]) == 1


def test_config_print_shows_no_credential(faultline, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-to-be-shown-anywhere")
    for more in ((), ("--json",)):
        status, out, _ = faultline("config", "print", *more)
        assert status == 0
        assert "ANTHROPIC_API_KEY" in out
        assert "not-to-be-shown" not in out


COMMANDS = [
    (),
    ("run",),
    ("publish",),
    *(("publish", name) for name in ("junit", "log", "benchmark", "event")),
    ("explain",),
    ("groups",),
    ("show",),
    ("verdict",),
    ("alias",),
    ("config",),
    ("config", "check"),
    ("config", "print"),
    ("topics",),
    ("topics", "list"),
    ("topics", "apply"),
    ("topics", "diff"),
    ("version",),
]


@pytest.mark.parametrize("words", COMMANDS, ids=[" ".join(words) or "faultline" for words in COMMANDS])
def test_the_help_of_every_command_has_an_example(words, capsys):
    from agents.cli import create

    assert run(create(), [*words, "--help"]) == 0
    out = capsys.readouterr().out
    assert "Example" in out
    assert f"  faultline {' '.join(words)}".rstrip() in out


@pytest.mark.parametrize(("words", "expected"), [((), 0), (("publish",), 0), (("config",), 2), (("topics",), 2)])
def test_a_group_of_commands_without_one_prints_its_help(faultline, words, expected):
    status, out, err = faultline(*words)
    assert status == expected
    assert (out + err).splitlines() == faultline(*words, "--help")[1].splitlines()
    assert faultline(*words, "--no-such")[0] == (0 if words == ("publish",) else 2)


@pytest.mark.parametrize("words", [(), ("publish",), ("config",), ("topics",), ("sink",), ("rejected",)])
def test_no_sentence_in_a_list_of_commands_is_cut(words, capsys):
    from agents.cli import create

    assert run(create(), [*words, "--help"]) == 0
    assert "..." not in capsys.readouterr().out.partition("Commands:")[2]


def test_the_version_is_an_option_too(faultline):
    assert faultline("--version") == faultline("version")
    assert faultline("--version")[1].startswith("faultline ")


def test_a_terminal_without_unicode_gets_escapes(server, monkeypatch):
    server.answer = lambda asked: (200, {}, {"groups": [GROUP | {"title": "caf\xe9 \u2713"}], "total": 1})
    environ = os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    command = [sys.executable, "-m", "agents.cli", "groups"]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert r"caf\xe9 \u2713" in done.stdout


def test_the_entry_imports_nothing_before_it_has_seen_to_an_interrupt():
    code = (
        "import sys; before = set(sys.modules); import agents.cli; from streams.cli import interrupt\n"
        "slow = {'typing', 'dataclasses', 'inspect', 'typer', 'json'} & (sys.modules.keys() - before)\n"
        "sys.exit(str(slow) if slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_imports_nothing_that_is_slow():
    code = (
        "import sys; sys.argv = ['faultline', '--help']\n"
        "import agents.cli\n"
        "try: agents.cli.main()\n"
        "except SystemExit as end: assert not end.code\n"
        "slow = {'anthropic', 'pydantic', 'starlette', 'lxml', 'msgspec', 'stamina', 'structlog', 'httpx2', 'ssl'}\n"
        "sys.exit(str(slow & sys.modules.keys()) if slow & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: faultline")


def test_the_command_as_people_start_it_reads_a_pipe_and_ends_quietly_when_its_reader_goes(tmp_path):
    command = [sys.executable, "-m", "agents.cli", "explain", "-"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(b"boom on 7\n")
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(30) in {0, 1}


def test_a_crash_is_explained_by_its_type_and_frames(faultline):
    trace = (
        "==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x55d000000001\n"
        "READ of size 4 at 0x602000000010 thread T0\n"
        "    #0 0x55d000001234 in cart::Total(int) /src/cart.cc:9:3\n"
        "    #1 0x55d000005678 in cart::Checkout() /src/cart.cc:20:1\n"
    )
    out = faultline("explain", trace)[1]
    assert "Heap-use-after-free READ 4 in cart::Total < cart::Checkout" in out
