"""The tables of rules: well formed, in a sensible order, and right about what tools and providers document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from suites.drawing import examples
from suites.table import each

from streams.contract.failure import Origin
from streams.contract.taxonomy import default_taxonomy
from streams.core.known_failures.benchmark import BENCHMARK_RULES
from streams.core.known_failures.ci import CI_RULES
from streams.core.rules import Rule, RuleBook, RuleHit

BOOK = RuleBook({Origin.CI: CI_RULES, Origin.BENCHMARK: BENCHMARK_RULES})
ROUNDS = [("", ""), ("worker-3: ", ""), ("", "\nsee the documentation"), ("step 4\n", "\n")]


def benchmark(text: str, status: int | None = None, code: str = "", exception_type: str = "") -> RuleHit | None:
    return BOOK.classify(
        origin=Origin.BENCHMARK,
        text=text,
        http_status=status,
        provider_error_code=code,
        exception_type=exception_type,
    )


def ci(text: str, exit_code: int | None = None) -> RuleHit | None:
    return BOOK.classify(origin=Origin.CI, text=text, exit_code=exit_code)


def kind_of(hit: RuleHit | None) -> str:
    return hit.kind if hit else "none"


@pytest.mark.parametrize("origin", list(Origin))
def test_every_rule_is_well_formed_and_its_kind_is_in_the_taxonomy(origin: Origin) -> None:
    for rule in BOOK.rules(origin):
        assert rule.id.startswith(f"{origin}."), rule.id
        assert rule.kind in default_taxonomy().names(origin), rule.id
        assert 0 < rule.confidence < 1, rule.id
        assert rule.reason.endswith("."), rule.id
        phrases = (*rule.any_of, *rule.all_of, *rule.and_any, *rule.unless)
        assert all(phrase and phrase == phrase.lower() for phrase in phrases), rule.id
        assert len(set(rule.any_of)) == len(rule.any_of), rule.id
        assert rule.any_of or rule.all_of or rule.pattern or rule.statuses or rule.exit_codes, rule.id


def test_ids_are_unique() -> None:
    ids = [rule.id for rule in BOOK.rules()]
    assert len(set(ids)) == len(ids)
    rule = Rule(id="twice", kind="auth", confidence=0.5, reason="Twice.", any_of=("x",))
    with pytest.raises(ValueError, match="twice"):
        RuleBook({Origin.CI: [rule], Origin.BENCHMARK: [rule]})


@each(
    ("text", "status", "kind"),
    [
        ("Incorrect API key provided: <secret:openai>", 401, "auth"),
        ("Request had invalid authentication credentials", None, "auth"),
        ("The security token included in the request is expired", 403, "auth"),
        ("spending limit reached for this workspace", 403, "billing"),
        ("Your credit balance is too low to access the API", 400, "billing"),
        ("You exceeded your current quota, please check your plan and billing details.", 429, "billing"),
        ("limit reached, try again later", 402, "rate_limit"),
        ("Payment Required", 402, "billing"),
        (
            "Rate limit reached for m1 on tokens per min (TPM): Limit 100. Upgrade at /settings/billing",
            429,
            "rate_limit",
        ),
        ("Number of requests per minute exceeded", None, "rate_limit"),
        ("ThrottlingException: Too many tokens, please wait before trying again.", None, "rate_limit"),
        ("The model `m-99` does not exist", 404, "hard_model"),
        ("The project does not have access to model m-99", 403, "hard_model"),
        ("m-2 model has been decommissioned", 400, "hard_model"),
        ("This model's maximum context length is 8192 tokens, however you requested 9000", 400, "hard_capability"),
        ("prompt is too long: 210000 tokens > 200000 maximum", 400, "hard_capability"),
        ("m-1 does not support image input", 400, "hard_capability"),
        ("The response was filtered due to the content management policy", 400, "hard_capability"),
        ("Overloaded", 529, "transient_provider"),
        ("The server had an error while processing your request", 500, "transient_provider"),
        ("upstream connect error or disconnect, reset reason: connection refused", 503, "transient_provider"),
        ("APIConnectionError: Connection error.", None, "network"),
        ("[Errno -2] Name or service not known", None, "network"),
        ("Request timed out.", None, "network"),
        ("504 Gateway Time-out", None, "transient_provider"),
        ("HTTP 429", None, "rate_limit"),
        ("{'code': 503}", None, "transient_provider"),
    ],
)
def test_what_providers_say_is_understood(text: str, status: int | None, kind: str) -> None:
    for prefix, suffix in ROUNDS:
        assert kind_of(benchmark(prefix + text + suffix, status)) == kind, (prefix, suffix)


@each(
    ("text", "kind"),
    [
        ("ModuleNotFoundError: No module named 'yaml'", "dependency_error"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'prices.csv'", "configuration_error"),
        ("subprocess.CalledProcessError: Command 'x' returned non-zero exit status 3.", "runtime_error"),
        ("E: Unable to locate package libfoo-dev", "dependency_error"),
        ("npm error code ERESOLVE", "dependency_error"),
        ("FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", "resource_exhaustion"),
        ("write /var/lib/x: no space left on device", "resource_exhaustion"),
        ("g++: fatal error: Killed signal terminated program cc1plus", "resource_exhaustion"),
        ("curl: (6) Could not resolve host: mirror.example", "network_error"),
        ("dial tcp 10.0.0.1:443: i/o timeout", "network_error"),
        ("panic: test timed out after 10m0s", "timeout"),
        ("The job has exceeded the maximum execution time of 60 minutes", "timeout"),
        ("The self-hosted runner lost communication with the server.", "infrastructure_error"),
        ("toomanyrequests: You have reached your pull limit", "infrastructure_error"),
        ("main.c:3:5: error: use of undeclared identifier 'x'", "compilation_error"),
        ("error[E0308]: mismatched types", "compilation_error"),
        ("src/App.ts(3,1): error TS2304: Cannot find name 'foo'.", "compilation_error"),
        ("prog: error: unrecognized arguments: --fast", "configuration_error"),
        ("TOKEN: unbound variable", "configuration_error"),
        ("E       AssertionError: 3 != 4", "assertion_failure"),
        ("org.junit.ComparisonFailure: expected:<[a]> but was:<[b]>", "assertion_failure"),
        ("ValueError: math domain error", "runtime_error"),
        ("x_test.go:3: got 2, want 3", "assertion_failure"),
        ("src/a.py:1:8: F401 `os` imported but unused", "compilation_error"),
        ("assertion failed: x\nerror: test failed, to rerun pass `--lib`", "assertion_failure"),
        ("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", "runtime_error"),
        ("error in config file\njson.decoder.JSONDecodeError: Expecting value: line 1", "configuration_error"),
        ("Segmentation fault (core dumped)", "runtime_error"),
        ("java.lang.NullPointerException", "runtime_error"),
        ("test_login failed once and passed on retry", "flaky_test"),
    ],
)
def test_what_tools_say_is_understood(text: str, kind: str) -> None:
    for prefix, suffix in ROUNDS:
        before = prefix.replace("worker-3: ", "E   ") if text.startswith(("ValueError", "x_test", "json")) else prefix
        assert kind_of(ci(before + text + suffix)) == kind, (before, suffix)


@pytest.mark.parametrize(
    ("origin", "text", "wanted"),
    [
        # The tool's summary hides the cause; the log around it would say.
        (Origin.CI, "make: *** [Makefile:3: lint] Error 1", "compilation_error"),
        # Words of a time-out inside an assertion's own text.
        (Origin.CI, "AssertionError: expected the button to say 'session timeout'", "assertion_failure"),
        (Origin.BENCHMARK, "the answer discusses rate limit design", "none"),
    ],
)
@pytest.mark.xfail(reason="known wrong: phrases do not see context")
def test_known_wrong_answers(origin: Origin, text: str, wanted: str) -> None:
    assert kind_of(BOOK.classify(origin=origin, text=text)) == wanted


def test_the_evidence_is_the_line_that_matched_verbatim() -> None:
    hit = ci("İstanbul\n  first line\n   E: Unable to locate package Foo  \nlast")
    assert hit is not None
    assert hit.evidence == "E: Unable to locate package Foo"


@each(
    "marked",
    [
        # Notes to an error, what is quoted of the source, and where it is included from.
        (
            ">a.c:3:45: error: \u2018x\u2019 undeclared (first use in this function)\n    3 | main()\n      |    ^\n"
            "a.c:3:45: note: each undeclared identifier is reported only once for each function it appears in"
        ),
        "/usr/bin/ld: a.o: in function `main':\n>a.c:(.text+0x5): undefined reference to `f'\ncollect2: error: ld x",
        "In file included from b.h:1,\n>c.cpp:4:1: error: 'f' was not declared in this scope\n1 error generated.",
        # Counts and the later words of those who called the tool.
        ">src/a.py:1:8: F401 [*] `os` imported but unused\nFound 1 error.\n[*] 1 fixable with `--fix`.",
        '>m.py:3: error: Incompatible types (got "str")  [return-value]\nFound 1 error in 1 file (checked 2)',
        ">b.cpp:4:10: error: use of undeclared identifier 'f'\n1 error generated.\nmake: *** [Makefile:3: b.o] Error 1",
        "# example/x\n>./x.go:3:5: undefined: foo\nFAIL\texample/x [build failed]",
        ">e: file:///w/A.kt:3:5 Unresolved reference: foo\n> Compilation error. See log for more details",
        (
            ">[ERROR] /w/A.java:[3,9] cannot find symbol\n"
            "[ERROR] Failed to execute goal a:b:1:compile (c): Compilation failure"
        ),
        "npm error code ERESOLVE\n>npm error ERESOLVE unable to resolve dependency tree",
        ">Segmentation fault (core dumped)\nmake: *** [Makefile:5: test] Error 139\nexit code 139",
        # What is announced on one line and said on the next ones.
        "thread 't' panicked at src/lib.rs:2:45:\n>called `Option::unwrap()` on a `None` value\nnote: run with `X=1`",
        "not ok 2 - undef\n  ---\n  location: '/w/t.js:5:1'\n>  error: \"Cannot read it\"\n  name: 'TypeError'\n",
        "not ok 2 - sums\n  ---\n  error: |-\n>    Expected values to be strictly equal:\n    2 !== 3\n  ...",
        "--- FAIL: TestX (0.00s)\n>    x_test.go:3: got 2, want 3\nFAIL\nFAIL\texample/x\t0.002s",
        'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\n>mylib.QueueClosed: it was closed',
        ">E       assert 2 == 3\nE        +  where 2 = f(1)\n\ntest_a.py:4: AssertionError\nFAILED test_a.py::a - x",
        "  throw new AssertionError(obj);\n  ^\n>AssertionError [ERR_ASSERTION]: not equal:\n25 !== 26",
        "x.RuntimeException: no start\n\tat A.f(A.java:3)\n>Caused by: x.NullPointerException: s is null",
        # Nothing better is there.
        "checking\n>Found 2 errors in 1 file (checked 2 source files)\n",
        "step\n>make: *** [Makefile:3: lint] Error 1",
        ">thread 'main' panicked at src/main.rs:2:45:\n",
    ],
)
def test_the_evidence_is_the_line_that_a_person_would_quote(marked: str) -> None:
    """Its line begins with `>`."""
    wanted = next(line[1:] for line in marked.split("\n") if line.startswith(">"))
    hit = ci(marked.replace(f">{wanted}", wanted, 1))
    assert hit is not None
    assert hit.evidence == wanted.strip()


def test_fields_beside_the_text_are_seen_but_are_no_evidence() -> None:
    by_code = benchmark("refused", code="insufficient_quota")
    by_type = benchmark("oops", exception_type="RateLimitError")
    assert (kind_of(by_code), kind_of(by_type)) == ("billing", "rate_limit")
    assert by_code is not None
    assert by_code.evidence == ""


def test_a_text_that_says_nothing_is_left_to_the_ladder() -> None:
    assert benchmark("hm") is None
    assert ci("hm") is None
    assert ci("") is None


def test_an_exit_code_condition_holds_for_that_code_only() -> None:
    rule = Rule(id="ci.own", kind="timeout", confidence=0.5, reason="Own.", exit_codes=frozenset({124}))
    book = RuleBook({Origin.CI: [rule]})
    assert kind_of(book.classify(origin=Origin.CI, text="x", exit_code=124)) == "timeout"
    assert book.classify(origin=Origin.CI, text="x", exit_code=1) is None
    assert book.classify(origin=Origin.BENCHMARK, text="x", exit_code=124) is None


@examples(100)
@given(st.sampled_from(list(Origin)), st.text(max_size=200), st.sampled_from(["", "\nerror 429\n", "timed out", "İ\n"]))
def test_evidence_is_always_a_part_of_the_text(origin: Origin, text: str, more: str) -> None:
    text = text + more + text
    hit = BOOK.classify(origin=origin, text=text)
    assert hit is None or hit.evidence in text


PHRASES = sorted({phrase for rule in BOOK.rules() for phrase in (*rule.any_of, *rule.all_of, *rule.and_any)})


def first_by_hand(origin: Origin, text: str, status: int) -> str | None:
    """The first rule whose conditions hold, asked one by one."""
    for rule in BOOK.rules(origin):
        if (
            (not rule.statuses or status in rule.statuses)
            and not rule.no_status
            and not rule.exit_codes
            and (not rule.any_of or any(phrase in text for phrase in rule.any_of))
            and (not rule.and_any or any(phrase in text for phrase in rule.and_any))
            and all(phrase in text for phrase in rule.all_of)
            and not any(phrase in text for phrase in rule.unless)
            and (rule.pattern is None or rule.pattern.search(text))
        ):
            return rule.id
    return None


@examples(60)
@given(
    st.lists(st.one_of(st.sampled_from(PHRASES), st.text(" a1\u00e9", max_size=4)), max_size=5).map("".join),
    st.sampled_from(list(Origin)),
    st.sampled_from([200, 401, 429, 503]),
)
def test_the_first_rule_in_order_wins_however_it_is_found(text: str, origin: Origin, status: int) -> None:
    hit = BOOK.classify(origin=origin, text=text.lower(), http_status=status)
    assert (hit.rule_id if hit else None) == first_by_hand(origin, f"{text}\n\n".lower(), status)


@pytest.mark.parametrize("rule", [rule for rule in BOOK.rules() if rule.pattern and rule.and_any], ids=lambda r: r.id)
@examples(50)
@given(st.data())
def test_a_phrase_that_spares_a_pattern_is_in_all_that_the_pattern_matches(rule: Rule, data: st.DataObject) -> None:
    assert rule.pattern
    text = data.draw(st.from_regex(rule.pattern)).lower()
    assert any(phrase in text for phrase in rule.and_any)
