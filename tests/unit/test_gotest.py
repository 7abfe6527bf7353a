"""The events of `go test -json`: tests, subtests, packages, builds, later runs."""

from __future__ import annotations

import json

import pytest
from suites.reports import messages, place_of, titles, told

from streams.producers.report import Limits

PACKAGE = "example.test/shop"


def event(action: str, test: str = "", output: str = "", package: str = PACKAGE, **more: object) -> str:
    said = {"Time": "2026-01-01T00:00:00Z", "Action": action, "Package": package, "Test": test, "Output": output}
    return json.dumps({name: value for name, value in said.items() if value} | more) + "\n"


def ran(test: str, said: str, outcome: str = "fail") -> str:
    printed = event("output", test, f"    a_test.go:3: {said}\n") if said else ""
    word = {"fail": "FAIL", "pass": "PASS"}[outcome]
    return (
        event("run", test)
        + event("output", test, f"=== RUN   {test}\n")
        + printed
        + event("output", test, f"--- {word}: {test} (0.00s)\n")
        + event(outcome, test, Elapsed=0.5)
    )


def test_a_failed_test_has_its_package_place_and_error() -> None:
    found, records = told(
        event("start") + ran("TestAdds", "got 3, want 4") + ran("TestFine", "", "pass") + event("fail")
    )
    (one,) = found
    ci = place_of(one)
    assert (records.form, records.cases, records.notes) == ("go test -json", 2, ())
    assert (titles(found), one.message) == ([f"{PACKAGE}::TestAdds"], "a_test.go:3: got 3, want 4")
    assert (ci.test_file, ci.test_line, ci.test_time_s) == ("a_test.go", 3, 0.5)


def test_a_test_that_only_failed_with_its_subtest_is_not_told_of_again() -> None:
    report = event("run", "TestTable") + ran("TestTable/one", "no stock") + event("fail", "TestTable") + event("fail")
    assert titles(told(report)[0]) == [f"{PACKAGE}::TestTable/one"]


def test_a_parent_with_a_word_of_its_own_counts_beside_its_subtest() -> None:
    own = event("output", "TestTable", "    a_test.go:9: cleaning up failed\n")
    report = event("run", "TestTable") + ran("TestTable/one", "no stock") + own + event("fail", "TestTable")
    assert messages(told(report + event("fail"))[0]) == ["a_test.go:3: no stock", "a_test.go:9: cleaning up failed"]


BUILD = (
    '{"ImportPath":"p [p.test]","Action":"build-output","Output":"# p [p.test]\\n"}\n'
    '{"ImportPath":"p [p.test]","Action":"build-output","Output":"./b.go:2:23: undefined: total\\n"}\n'
    '{"ImportPath":"p [p.test]","Action":"build-fail"}\n'
)


def test_a_build_that_failed_is_the_error_of_its_package() -> None:
    report = BUILD + event("start") + event("fail", Elapsed=0, FailedBuild="p [p.test]")
    (one,), _ = told(report)
    assert (one.message, one.labels["suite"], one.labels["outcome"]) == (
        "./b.go:2:23: undefined: total", PACKAGE, "error",
    )  # fmt: skip


def test_what_the_compiler_says_between_the_events_is_read_too() -> None:
    report = "# example.test/shop\n./b.go:2:23: undefined: total\n" + event(
        "output", output="FAIL\tshop [build failed]\n"
    )
    assert "./b.go:2:23: undefined: total" in messages(told(report)[0])


@pytest.mark.parametrize("said", ["panic: no config", "fatal error: all goroutines are asleep - deadlock!"])
def test_a_package_that_dies_outside_of_a_test_counts_itself(said: str) -> None:
    report = event("start") + event("output", output=f"{said}\n\ngoroutine 1 [running]:\n") + event("fail")
    (one,), _ = told(report)
    assert said in one.message


def test_a_failure_that_passed_when_its_package_ran_again_is_a_flake() -> None:
    first = event("start") + ran("TestAdds", "got 3") + event("fail")
    found, records = told(first + event("start") + ran("TestAdds", "", "pass") + event("pass"))
    assert (found, records.flakes) == ([], 1)


def test_a_failure_that_came_again_counts_once_with_its_reruns() -> None:
    once = event("start") + ran("TestAdds", "got 3") + event("fail")
    found, records = told(once * 3)
    assert (len(found), records.flakes) == (1, 0)


def test_a_test_that_fails_twice_in_one_run_is_two_failures_even_if_it_passes_in_between() -> None:
    report = event("start") + ran("TestAdds", "got 3") + ran("TestAdds", "", "pass") + ran("TestAdds", "got 3")
    found, _ = told(report + event("fail"))
    assert [one.ordinal for one in found] == [0, 1]
    assert found[0].id != found[1].id


def test_a_report_that_is_cut_off_gives_what_it_held_and_says_so() -> None:
    report = event("start") + ran("TestAdds", "got 3") + event("run", "TestMore")
    found, records = told(report + '{"Time":"2026-01-01T00:00:00Z","Action":"out')
    assert titles(found) == [f"{PACKAGE}::TestAdds"]
    assert records.notes == (
        "lines of JSON that are damaged or cut off",
        "tests that had not ended when the report did",
    )


def test_a_panic_counts_even_where_nobody_said_that_the_test_failed() -> None:
    report = event("start") + event("run", "TestAdds") + event("output", "TestAdds", "panic: no stock\n")
    assert messages(told(report)[0]) == ["panic: no stock"]


def test_colours_time_stamps_and_text_before_an_event_do_no_harm() -> None:
    report = event("start") + ran("TestAdds", "\x1b[31mgot 3\x1b[0m\x00") + event("fail")
    stamped = "".join(f"2026-01-01T00:00:00.1234567Z {line}\n" for line in report.splitlines())
    beside = stamped.replace('Z {"', 'Z loud{"', 1)
    for text in (report, stamped, beside, report.replace("\n", "\r\n")):
        assert messages(told(text)[0]) == ["a_test.go:3: got 3"]
    assert messages(told(report.encode("utf-16"))[0]) == ["a_test.go:3: got 3"]


def test_failures_beyond_what_is_held_come_at_once_and_it_is_said() -> None:
    report = event("start") + "".join(ran(f"Test{n}", "got") for n in range(20)) + event("fail")
    found, records = told(report, Limits(held_max=5))
    assert len(found) == 20
    assert any(note.startswith("failures before a later run") for note in records.notes)
