"""Records for tests: builders with plain defaults, and Hypothesis strategies of whole records."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from streams.contract.alias import Alias, AliasSource, alias_of
from streams.contract.failure import Benchmark, Ci, Failure, Origin, Source, identified
from streams.contract.taxonomy import default_taxonomy
from streams.contract.verdict import Verdict, VerdictSource
from streams.core.fingerprint import Fingerprinter
from streams.core.fold import Told
from streams.core.ladder import status_verdict

AT_MS = 1_790_000_000_000
"""Some Monday in 2026; every test's clock starts here."""


def ci_failure(message: str = "boom", *, at_ms: int = AT_MS, job: str = "build", **more: Any) -> Failure:
    """A CI failure of run 1 of one repository; `more` goes to `Ci` where it is a field of it, else to `Failure`."""
    place = {k: more.pop(k) for k in list(more) if k in Ci.__struct_fields__}
    where: dict[str, Any] = {
        "source": Source.JUNIT,
        "provider": "github",
        "repo": "acme/shop",
        "workflow": "tests",
        "run_id": "1",
    }
    return identified(
        Failure(
            origin=Origin.CI,
            message=message,
            occurred_at_ms=at_ms,
            ci=Ci(**(where | {"job_name": job} | place)),
            **more,
        )
    )


def benchmark_failure(
    message: str = "boom", *, at_ms: int = AT_MS, model: str = "m1", request: str = "", **more: Any
) -> Failure:
    """A benchmark failure of one provider."""
    return identified(
        Failure(
            origin=Origin.BENCHMARK,
            message=message,
            occurred_at_ms=at_ms,
            benchmark=Benchmark(provider="acme", model=model, stage="generate", run_id="r", request_id=request),
            **more,
        )
    )


_fingerprint = Fingerprinter()


def told(failure: Failure) -> Told:
    """The failure as the fold stage reads it, judged by its status alone."""
    mark = _fingerprint(origin=failure.origin, message=failure.message, http_status=failure.http_status)
    verdict = status_verdict(
        origin=failure.origin,
        http_status=failure.http_status,
        exit_code=failure.exit_code,
        at_ms=failure.occurred_at_ms,
        taxonomy=default_taxonomy(),
    )
    return Told(failure, mark, verdict)


def verdict(fingerprint: str, kind: str, *, source: VerdictSource = VerdictSource.LLM, **more: object) -> Verdict:
    """A CI verdict from elsewhere."""
    fields = {"family": "code_error", "confidence": 0.9, "decided_at_ms": AT_MS} | more
    return Verdict(fingerprint=fingerprint, origin=Origin.CI, kind=kind, source=source, **fields)  # type: ignore[arg-type]  # given by name


def edge(
    one: str, other: str, source: AliasSource = AliasSource.RULE, *, at_ms: int = AT_MS, stands: bool = True
) -> Alias:
    """Two fingerprints are one problem, or are not."""
    return alias_of(one, other, origin=Origin.CI, source=source, reason="alike", decided_at_ms=at_ms, stands=stands)


names = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cs"]), max_size=12)
messages = st.sampled_from(["disk full", "cannot open a.c", "assert 1 == 2", "", "ünï \u202e\x00 code"]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=60
)
times_ms = st.integers(AT_MS - 7_200_000, AT_MS)
ci_places = st.builds(
    Ci,
    source=st.sampled_from(Source),
    repo=st.sampled_from(["a/b", "c/d"]),
    workflow=names,
    run_id=names,
    job_name=st.sampled_from(["build", "test"]),
    test_class=names,
    test_name=names,
)
benchmark_places = st.builds(
    Benchmark, provider=st.sampled_from(["p", "q"]), model=names, stage=names, run_id=names, request_id=names
)
ci_failures = st.builds(
    Failure, origin=st.just(Origin.CI), message=messages, occurred_at_ms=times_ms, traceback=messages, ci=ci_places
).map(identified)
benchmark_failures = st.builds(
    Failure,
    origin=st.just(Origin.BENCHMARK),
    message=messages,
    occurred_at_ms=times_ms,
    http_status=st.none() | st.integers(100, 599),
    benchmark=benchmark_places,
    labels=st.dictionaries(names, names, max_size=3),
).map(identified)
failures = ci_failures | benchmark_failures
verdicts = st.builds(
    Verdict,
    fingerprint=st.just("fp1.x"),
    origin=st.just(Origin.CI),
    kind=st.sampled_from(["timeout", "runtime_error", "unknown"]),
    family=st.just("code_error"),
    confidence=st.sampled_from([0.0, 0.5, 0.9]),
    source=st.sampled_from(VerdictSource),
    decided_at_ms=st.integers(AT_MS, AT_MS + 3),
    evidence=st.sampled_from(["", "a", "b"]),
    rule_id=st.sampled_from(["", "r1", "r2"]),
)
