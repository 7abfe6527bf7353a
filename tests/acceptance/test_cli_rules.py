"""`faultline rules check|try|diff|apply`: rules of one's own, before and when they come into use."""

from __future__ import annotations

import json

import pytest
from suites.http_answers import answers

from streams.cli.app import create_app, run
from streams.core.fingerprint import fingerprint

pytest.importorskip("re2", reason="the extra `rules` is not installed")

RULES = """version = "1"
[[mask]]
id = "order"
pattern = '\\border ([A-Za-z]{3}-\\w+)'
examples = ["order ABC-x7 lost"]
"""


@pytest.fixture
def faultline(capsys, monkeypatch):
    monkeypatch.delenv("FAULTLINE_RULES", raising=False)

    def command(*words):
        status = run(create_app(), [str(word) for word in words])
        out, err = capsys.readouterr()
        return status, out, err

    return command


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


def test_check_tells_every_fault_with_its_line_or_that_all_is_right(faultline, rules):
    status, out, _ = faultline("rules", "check", rules)
    assert (status, "1 rules and their 1 examples are right" in out) == (0, True)
    rules.write_text(RULES.replace("ABC-x7", "17") + "[[mask]]\nid = 'b'\npattern = '(x)(?=y)'\n")
    status, _, err = faultline("rules", "check", rules)
    assert status == 2
    assert f"{rules}:8: mask 'b'" in err
    rules.write_text(RULES.replace("ABC-x7", "17"))
    assert "example 'order 17 lost' is not matched" in faultline("rules", "check", rules)[2]
    assert "No such file" in faultline("rules", "check", rules.with_name("none"))[2]


def test_try_shows_what_fires_and_the_ids_before_and_after(faultline, rules):
    status, out, _ = faultline("rules", "try", rules, "order ABC-x7 lost")
    assert status == 0
    assert "mask order" in out
    assert "order <id:order> lost" in out
    assert "-> fp1u." in out
    told = json.loads(faultline("rules", "try", rules, "order 17", "--json")[1])
    assert told["rules"] == []
    assert told["before"] == told["after"]


def test_explain_and_dry_runs_read_under_the_rules_that_are_set(faultline, rules, monkeypatch):
    monkeypatch.setenv("FAULTLINE_RULES", str(rules))
    assert "order <id:order> lost" in faultline("explain", "order ABC-x7 lost")[1]
    rules.write_text("version = 2")
    status, _, err = faultline("explain", "order ABC-x7 lost")
    assert (status, f"{rules}:1: the version" in err) == (2, True)
    assert faultline("config", "check")[0] == 2


def failure(message, run_id):
    return {"origin": "ci", "message": message, "occurred_at_ms": 1_700_000_000_000, "ci": {"run_id": run_id}}


def test_diff_of_a_file_of_failures_tells_merges_and_changes_nothing(faultline, rules, tmp_path):
    source = tmp_path / "failures.jsonl"
    names = ("ABC-alpha", "DEF-beta", "DEF-beta")
    made = [failure(f"order {name} lost", str(number)) for number, name in enumerate(names)]
    source.write_text("\n".join(map(json.dumps, [*made, failure("boom", "9")])) + "\nno json\n")
    status, out, err = faultline("rules", "diff", rules, "--from", source)
    assert (status, out.splitlines()[0]) == (
        0,
        "3 fingerprints: merges 2 into 1, splits 0 into 0, renames 0, leaves 1",
    )
    assert "1 records are no failures" in err
    told = json.loads(faultline("rules", "diff", "/dev/null", "--against", rules, "--from", source, "--json")[1])
    assert (told["split_total"], told["unchanged"], told["merged_total"]) == (1, 1, 0)


def group(message, kind, count):
    mark = fingerprint(origin="ci", message=message)
    verdict = {"fingerprint": "", "origin": "ci", "kind": kind, "family": "f", "confidence": 0.9, "source": "llm"}
    return {
        "fingerprint": mark.value,
        "origin": "ci",
        "title": message,
        "count": count,
        "parts": [{"name": part.name, "value": part.value, "rule": part.rule} for part in mark.parts],
        "verdict": verdict | {"decided_at_ms": 5},
        "samples": [{"text": message, "at_ms": 1, "failure_id": "0" * 32}],
        "documents": [{"s_error_full_text": message, "s_exception_type": ""}],
    }


def test_apply_sends_aliases_and_inherited_verdicts_and_no_more_than_it_shows(faultline, rules, monkeypatch):
    groups = [group("order ABC-alpha lost", "timeout", 5), group("order DEF-beta lost", "network_error", 2)]

    def answer(asked):
        if asked.path.startswith("/api/groups?"):
            return 200, {}, {"groups": groups if "fingerprints=1" in asked.path else groups[:1]}  # aliases join them
        found = next((one for one in groups if one["fingerprint"] in asked.path), None)
        return (200, {}, found) if found else (200, {}, {})

    with answers() as server:
        server.answer = answer
        monkeypatch.setenv("FAULTLINE_URL", server.url)
        status, out, _ = faultline("rules", "apply", rules, "--dry-run")
        assert (status, [one.path for one in server.asked if one.method == "POST"]) == (0, [])
        assert "keeps timeout (llm); gives way: network_error (llm)" in out
        groups[1]["fingerprint"] = "fp1." + "x" * 26  # as an earlier version made it
        told = json.loads(faultline("rules", "diff", "/dev/null", "--json")[1])
        assert (told["unchanged"], told["unread_total"], told["renamed_total"]) == (1, 1, 0)
        told = json.loads(faultline("rules", "diff", "/dev/null", "--recorded", "--json")[1])
        assert (told["unchanged"], told["unread_total"], told["renamed_total"]) == (1, 0, 1)
        assert told["renamed"][0]["after"]["title"] == "order DEF-beta lost"
        groups[1] = group("order DEF-beta lost", "network_error", 2)
        status, out, _ = faultline("rules", "apply", rules, "--by", "ann")
        assert (status, "sent: 2 aliases, 1 inherited verdicts" in out) == (0, True)
        sent = [(one.path, json.loads(one.body)) for one in server.asked if one.method == "POST"]
    assert [path for path, _ in sent] == ["/v1/verdicts", "/v1/aliases", "/v1/aliases"]
    said = sent[0][1]
    assert said["fingerprint"].startswith("fp1u.")
    assert (said["inherits"]["fingerprint"], said["inherits"]["kind"]) == (groups[0]["fingerprint"], "timeout")
    assert {one["one"] for _, one in sent[1:]} == {one["fingerprint"] for one in groups}


def test_a_group_forgotten_since_it_was_listed_is_passed_over_and_no_other_refusal_is(faultline, rules, monkeypatch):
    kept, gone = group("order ABC-alpha lost", "timeout", 5), group("socket closed", "timeout", 1)
    said = [(404, {"error": "unknown_group"})]

    def answer(asked):
        if asked.path.startswith("/api/groups?"):
            rows = [] if "text=" in asked.path else [gone, kept]  # looked for by its text, it is gone
            return 200, {}, {"groups": rows}
        status, told = said[-1] if gone["fingerprint"] in asked.path else (200, kept)
        return status, {}, told

    with answers() as server:
        server.answer = answer
        monkeypatch.setenv("FAULTLINE_URL", server.url)
        status, out, _ = faultline("rules", "diff", "/dev/null", "--json")
        assert (status, json.loads(out)["unchanged"]) == (0, 1)
        said.append((400, {"error": "bad", "reason": "no group's fingerprint begins so"}))
        status, out, err = faultline("rules", "diff", "/dev/null", "--json")
        assert (status, out, "answered 400: no group's fingerprint begins so" in err) == (1, "", True)
