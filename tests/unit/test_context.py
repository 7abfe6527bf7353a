"""Which run this is, told by the variables that CI systems document."""

from __future__ import annotations

import pytest

from streams.contract.failure import FIELD_CHARS_MAX, Ci
from streams.producers.context import ci_context

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_WORKFLOW": "tests",
    "GITHUB_RUN_ID": "812",
    "GITHUB_RUN_ATTEMPT": "3",
    "GITHUB_JOB": "unit",
    "GITHUB_REF": "refs/pull/45/merge",
    "GITHUB_REF_NAME": "45/merge",
    "GITHUB_HEAD_REF": "faster-cart",
    "GITHUB_SHA": "abc123",
    "GITHUB_ACTOR": "ada",
    "GITHUB_SERVER_URL": "https://github.example",
    "RUNNER_NAME": "runner-7",
}
SYSTEMS: list[tuple[str, dict[str, str], dict[str, object]]] = [
    (
        "github",
        GITHUB,
        {
            "provider": "github",
            "repo": "acme/shop",
            "workflow": "tests",
            "run_id": "812",
            "attempt": 3,
            "job_id": "unit",
            "job_name": "unit",
            "branch": "faster-cart",
            "pr_id": "45",
            "commit_sha": "abc123",
            "actor": "ada",
            "url": "https://github.example/acme/shop/actions/runs/812",
            "runner": "runner-7",
        },
    ),
    (
        "github, a push",
        {k: v for k, v in GITHUB.items() if k != "GITHUB_HEAD_REF"}
        | {"GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main"},
        {"branch": "main", "pr_id": ""},
    ),
    (
        "gitlab",
        {
            "GITLAB_CI": "true",
            "CI_PROJECT_PATH": "group/sub/shop",
            "CI_PIPELINE_ID": "99",
            "CI_PIPELINE_SOURCE": "push",
            "CI_JOB_ID": "1001",
            "CI_JOB_NAME": "unit 1/3",
            "CI_COMMIT_REF_NAME": "main",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_COMMIT_SHA": "abc",
        },
        {
            "provider": "gitlab",
            "repo": "group/sub/shop",
            "run_id": "99",
            "job_id": "1001",
            "job_name": "unit 1/3",
            "pr_id": "7",
        },
    ),
    (
        "jenkins",
        {
            "JENKINS_URL": "https://ci.example/",
            "JOB_NAME": "shop/main",
            "BUILD_NUMBER": "17",
            "GIT_URL": "https://bot:s3cret@git.example/acme/shop.git",
            "GIT_BRANCH": "origin/main",
            "CHANGE_ID": "12",
        },
        {
            "provider": "jenkins",
            "repo": "acme/shop",
            "run_id": "17",
            "job_id": "shop/main",
            "branch": "main",
            "pr_id": "12",
        },
    ),
    (
        "buildkite",
        {
            "BUILDKITE": "true",
            "BUILDKITE_REPO": "git@git.example:acme/shop.git",
            "BUILDKITE_PIPELINE_SLUG": "shop",
            "BUILDKITE_BUILD_ID": "0190-aa",
            "BUILDKITE_JOB_ID": "j-1",
            "BUILDKITE_LABEL": ":pytest: unit",
            "BUILDKITE_RETRY_COUNT": "1",
            "BUILDKITE_PULL_REQUEST": "false",
        },
        {
            "repo": "acme/shop",
            "run_id": "0190-aa",
            "job_id": "j-1",
            "attempt": 2,
            "pr_id": "",
            "job_name": ":pytest: unit",
        },
    ),
    (
        "azure",
        {
            "TF_BUILD": "True",
            "BUILD_REPOSITORY_NAME": "shop",
            "BUILD_DEFINITIONNAME": "nightly",
            "BUILD_BUILDID": "345",
            "SYSTEM_JOBATTEMPT": "2",
            "SYSTEM_JOBID": "guid",
            "SYSTEM_JOBDISPLAYNAME": "Linux",
            "SYSTEM_PULLREQUEST_SOURCEBRANCH": "refs/heads/fix/it",
            "SYSTEM_COLLECTIONURI": "https://dev.example/acme/",
            "SYSTEM_TEAMPROJECT": "shop",
        },
        {
            "attempt": 2,
            "branch": "fix/it",
            "url": "https://dev.example/acme/shop/_build/results?buildId=345",
            "run_id": "345",
        },
    ),
    (
        "circleci, one of several containers",
        {
            "CIRCLECI": "true",
            "CIRCLE_PROJECT_USERNAME": "acme",
            "CIRCLE_PROJECT_REPONAME": "shop",
            "CIRCLE_WORKFLOW_ID": "wf",
            "CIRCLE_WORKFLOW_JOB_ID": "job",
            "CIRCLE_JOB": "unit",
            "CIRCLE_NODE_TOTAL": "4",
            "CIRCLE_NODE_INDEX": "2",
            "CIRCLE_PULL_REQUEST": "https://git.example/acme/shop/pull/31",
        },
        {"repo": "acme/shop", "run_id": "wf", "job_id": "job.2", "job_name": "unit", "pr_id": "31"},
    ),
    (
        "travis",
        {
            "TRAVIS": "true",
            "TRAVIS_REPO_SLUG": "acme/shop",
            "TRAVIS_BUILD_ID": "1",
            "TRAVIS_JOB_ID": "2",
            "TRAVIS_BRANCH": "main",
        },
        {"provider": "travis", "repo": "acme/shop", "run_id": "1", "job_id": "2", "branch": "main"},
    ),
]


@pytest.mark.parametrize(("environ", "expected"), [case[1:] for case in SYSTEMS], ids=[case[0] for case in SYSTEMS])
def test_each_system_is_read_by_its_own_variables(environ: dict[str, str], expected: dict[str, object]) -> None:
    context = ci_context(environ | {"PATH": "/bin", "CI": "true"})
    assert {name: getattr(context, name) for name in expected} == expected


@pytest.mark.parametrize(
    "environ", [{}, {"CI": "true"}, {"GITHUB_ACTIONS": "false"}, {"GITHUB_REPOSITORY": "acme/shop"}]
)
def test_an_unknown_system_gives_nothing_rather_than_a_guess(environ: dict[str, str]) -> None:
    assert ci_context(environ) == Ci()


def test_legs_of_one_matrix_are_different_jobs_of_one_name() -> None:
    legs = [ci_context(GITHUB | {"RUNNER_TRACKING_ID": f"github_{leg}-4f1e-aaaa"}) for leg in ("1a2b3c4d", "5e6f7a8b")]
    assert [leg.job_id for leg in legs] == ["unit (1a2b3c4d)", "unit (5e6f7a8b)"]
    assert {leg.job_name for leg in legs} == {"unit"}


@pytest.mark.parametrize("attempt", ["", "x", "-1", "9" * 40, "²"])
def test_a_nonsense_attempt_is_the_first(attempt: str) -> None:
    assert ci_context(GITHUB | {"GITHUB_RUN_ATTEMPT": attempt}).attempt == 1


def test_a_variable_of_any_length_stays_within_the_bounds_of_the_record() -> None:
    assert len(ci_context(GITHUB | {"GITHUB_WORKFLOW": "w" * 10_000}).workflow) == FIELD_CHARS_MAX


def test_credentials_of_a_clone_address_do_not_enter_the_context() -> None:
    context = ci_context({"BUILDKITE": "true", "BUILDKITE_REPO": "https://user:hunter2@git.example/acme/shop.git"})
    assert "hunter2" not in repr(context)
