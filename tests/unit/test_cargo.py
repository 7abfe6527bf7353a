"""Cargo's JSON messages: errors of the compiler once each, and the tests among them."""

from __future__ import annotations

import json

from suites.reports import messages, place_of, titles, told


def message(level: str, said: str, code: str = "", line: int = 1, target: str = "shop") -> str:
    spans = [
        {"file_name": "src/other.rs", "line_start": 9, "is_primary": False},
        {"file_name": "src/lib.rs", "line_start": line, "is_primary": True},
    ]
    told_ = {
        "rendered": f"{level}[{code}]: {said}\n --> src/lib.rs:{line}\n",
        "level": level,
        "message": said,
        "spans": spans,
        "code": {"code": code, "explanation": "long"} if code else None,
    }
    package = "path+file:///src/shop#0.1.0"
    return json.dumps(
        {"reason": "compiler-message", "package_id": package, "target": {"name": target}, "message": told_}
    )


FINISHED = '{"reason":"build-finished","success":false}'
MISMATCH = message("error", "mismatched types", "E0308", 7)


def test_an_error_of_the_compiler_has_code_and_place() -> None:
    warned = message("warning", "unused variable")
    found, records = told("\n".join([warned, MISMATCH, message("failure-note", "Some errors have"), FINISHED]))
    (one,) = found
    ci = place_of(one)
    assert (records.form, records.cases, records.notes) == ("cargo JSON messages", 3, ())
    assert (one.message, one.labels["code"], ci.test_file, ci.test_line) == (
        "error[E0308]: mismatched types", "E0308", "src/lib.rs", 7,
    )  # fmt: skip


def test_the_same_error_in_two_targets_counts_once() -> None:
    again = message("error", "mismatched types", "E0308", 7, target="tests")
    assert (
        len(told("\n".join([MISMATCH, again, message("error", "aborting due to 1 previous error"), FINISHED]))[0]) == 1
    )


def test_what_cargo_says_as_text_of_an_error_it_told_is_not_told_again() -> None:
    text = "   Compiling shop v0.1.0\nerror: could not compile `shop` (lib) due to 1 previous error"
    assert messages(told(f"{MISMATCH}\n{FINISHED}\n{text}")[0]) == ["error[E0308]: mismatched types"]


def test_tests_are_read_as_text_and_as_json() -> None:
    finished = '{"reason":"build-finished","success":true}\n'
    text = 'running 1 test\n\n---- a::adds stdout ----\nError: "no stock"\n\n\nfailures:\n    a::adds\n'
    as_json = '{ "type": "test", "name": "a::pays", "event": "failed", "stdout": "Error: late" }\n'
    found, _ = told(finished + as_json + text)
    assert titles(found) == ["a::pays", "a::adds"]


def test_a_build_that_failed_without_a_message_is_an_error_and_one_cut_off_is_said() -> None:
    artifact = '{"reason":"compiler-artifact","package_id":"a"}\n'
    assert messages(told(artifact + FINISHED)[0]) == ["the build failed, and no message says why"]
    assert told(artifact)[1].notes == ("cut off before the build was finished",)
