"""Which run of which CI system this is, from its environment variables.

`ci_context` asks one reader a system, in order; each knows that system's documented variables and nothing else.
The environment is an argument: nothing here reads the process's own.
The step is left empty on purpose: a report is often published by a later step than the one that failed, and the step
is part of a failure's identity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from streams.contract.failure import FIELD_CHARS_MAX, Ci

Environ = Mapping[str, str]

_REPOSITORY = re.compile(r"[/:]([^/:@\s]++/(?>(?:[^/:@\s]++/)*)[^/:@\s]+?)(?:\.git)?/?$")
_PULL_REF = re.compile(r"refs/pull/(\d{1,12})/")
_PULL_URL = re.compile(r"/(?:pull|pull-requests|merge_requests)/(\d{1,12})(?:$|[/?#,])")
_NOT_A_PULL: Final = frozenset({"", "false", "0"})
_ATTEMPT_MAX: Final = 10_000
_TRACKING_CHARS: Final = 8


def ci_context(environ: Environ) -> Ci:
    """Provider, repository, run, attempt, job, branch and so on, as far as the environment tells.

    An unknown system gives an empty `Ci`: the run id is then empty too, and the caller makes one.
    """
    for marker, read in _SYSTEMS:
        if environ.get(marker, "").strip().lower() not in {"", "false", "0"}:
            return _clipped(read(environ))
    return Ci()


def _github(env: Environ) -> Ci:
    repo, run = env.get("GITHUB_REPOSITORY", ""), env.get("GITHUB_RUN_ID", "")
    server = env.get("GITHUB_SERVER_URL", "")
    job = env.get("GITHUB_JOB", "")
    pull = _PULL_REF.match(env.get("GITHUB_REF", ""))
    return Ci(
        provider="github",
        repo=repo,
        workflow=env.get("GITHUB_WORKFLOW", ""),
        run_id=run,
        attempt=_count(env.get("GITHUB_RUN_ATTEMPT", "")),
        job_id=_leg(job, env.get("RUNNER_TRACKING_ID", "")),
        job_name=job,
        branch=env.get("GITHUB_HEAD_REF", "") or env.get("GITHUB_REF_NAME", ""),
        pr_id=pull.group(1) if pull else "",
        commit_sha=env.get("GITHUB_SHA", ""),
        actor=env.get("GITHUB_ACTOR", ""),
        url=f"{server}/{repo}/actions/runs/{run}" if server and repo and run else "",
        runner=env.get("RUNNER_NAME", ""),
    )


def _leg(job: str, tracking_id: str) -> str:
    """The job, told apart from the other legs of its matrix.

    All legs have one GITHUB_JOB, and no variable names the leg; without this the same test failing in two legs would
    be one failure. The runner's tracking id is new for each leg and the same for all of its steps.
    """
    mark = tracking_id.removeprefix("github_")[:_TRACKING_CHARS]
    return f"{job} ({mark})" if job and mark else job


def _gitlab(env: Environ) -> Ci:
    return Ci(
        provider="gitlab",
        repo=env.get("CI_PROJECT_PATH", ""),
        workflow=env.get("CI_PIPELINE_NAME", "") or env.get("CI_PIPELINE_SOURCE", ""),
        run_id=env.get("CI_PIPELINE_ID", ""),
        job_id=env.get("CI_JOB_ID", ""),
        job_name=env.get("CI_JOB_NAME", ""),
        branch=env.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "") or env.get("CI_COMMIT_REF_NAME", ""),
        pr_id=env.get("CI_MERGE_REQUEST_IID", ""),
        commit_sha=env.get("CI_COMMIT_SHA", ""),
        actor=env.get("GITLAB_USER_LOGIN", ""),
        url=env.get("CI_JOB_URL", "") or env.get("CI_PIPELINE_URL", ""),
        runner=env.get("CI_RUNNER_DESCRIPTION", ""),
    )


def _jenkins(env: Environ) -> Ci:
    job = env.get("JOB_NAME", "")
    return Ci(
        provider="jenkins",
        repo=_repository(env.get("GIT_URL", "") or env.get("GIT_URL_1", "")),
        workflow=job,
        run_id=env.get("BUILD_NUMBER", "") or env.get("BUILD_ID", ""),
        job_id=job,
        job_name=job,
        branch=env.get("CHANGE_BRANCH", "") or env.get("BRANCH_NAME", "") or _without_remote(env.get("GIT_BRANCH", "")),
        pr_id=env.get("CHANGE_ID", ""),
        commit_sha=env.get("GIT_COMMIT", ""),
        actor=env.get("CHANGE_AUTHOR", "") or env.get("BUILD_USER_ID", ""),
        url=env.get("BUILD_URL", ""),
        runner=env.get("NODE_NAME", ""),
    )


def _buildkite(env: Environ) -> Ci:
    organization, pipeline = env.get("BUILDKITE_ORGANIZATION_SLUG", ""), env.get("BUILDKITE_PIPELINE_SLUG", "")
    return Ci(
        provider="buildkite",
        repo=_repository(env.get("BUILDKITE_REPO", "")) or "/".join(filter(None, (organization, pipeline))),
        workflow=pipeline,
        run_id=env.get("BUILDKITE_BUILD_ID", "") or env.get("BUILDKITE_BUILD_NUMBER", ""),
        attempt=_count(env.get("BUILDKITE_RETRY_COUNT", ""), first=0) + 1,
        job_id=env.get("BUILDKITE_JOB_ID", ""),
        job_name=env.get("BUILDKITE_LABEL", "") or env.get("BUILDKITE_STEP_KEY", ""),
        branch=env.get("BUILDKITE_BRANCH", ""),
        pr_id=_pull(env.get("BUILDKITE_PULL_REQUEST", "")),
        commit_sha=env.get("BUILDKITE_COMMIT", ""),
        actor=env.get("BUILDKITE_BUILD_CREATOR", "") or env.get("BUILDKITE_BUILD_AUTHOR", ""),
        url=env.get("BUILDKITE_BUILD_URL", ""),
        runner=env.get("BUILDKITE_AGENT_NAME", ""),
    )


def _azure(env: Environ) -> Ci:
    collection, project = env.get("SYSTEM_COLLECTIONURI", ""), env.get("SYSTEM_TEAMPROJECT", "")
    run = env.get("BUILD_BUILDID", "")
    page = f"{collection.rstrip('/')}/{project}/_build/results?buildId={run}"
    branch = env.get("SYSTEM_PULLREQUEST_SOURCEBRANCH", "") or env.get("BUILD_SOURCEBRANCH", "")
    pull = env.get("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "") or env.get("SYSTEM_PULLREQUEST_PULLREQUESTID", "")
    return Ci(
        provider="azure",
        repo=env.get("BUILD_REPOSITORY_NAME", ""),
        workflow=env.get("BUILD_DEFINITIONNAME", ""),
        run_id=run,
        attempt=_count(env.get("SYSTEM_JOBATTEMPT", "")),
        job_id=env.get("SYSTEM_JOBID", ""),
        job_name=env.get("SYSTEM_JOBDISPLAYNAME", "") or env.get("AGENT_JOBNAME", ""),
        branch=branch.removeprefix("refs/heads/") or env.get("BUILD_SOURCEBRANCHNAME", ""),
        pr_id=_pull(pull),
        commit_sha=env.get("BUILD_SOURCEVERSION", ""),
        actor=env.get("BUILD_REQUESTEDFOR", ""),
        url=page if collection and project and run else "",
        runner=env.get("AGENT_NAME", ""),
    )


def _circleci(env: Environ) -> Ci:
    owner, name = env.get("CIRCLE_PROJECT_USERNAME", ""), env.get("CIRCLE_PROJECT_REPONAME", "")
    job = env.get("CIRCLE_WORKFLOW_JOB_ID", "") or env.get("CIRCLE_BUILD_NUM", "")
    if job and _count(env.get("CIRCLE_NODE_TOTAL", "")) > 1:  # parallel containers share the id of their job
        job = f"{job}.{env.get('CIRCLE_NODE_INDEX', '0')}"
    pull = _PULL_URL.search(env.get("CIRCLE_PULL_REQUEST", ""))
    return Ci(
        provider="circleci",
        repo="/".join(filter(None, (owner, name))) or _repository(env.get("CIRCLE_REPOSITORY_URL", "")),
        workflow=env.get("CIRCLE_WORKFLOW_NAME", ""),
        run_id=env.get("CIRCLE_WORKFLOW_ID", "") or env.get("CIRCLE_BUILD_NUM", ""),
        job_id=job,
        job_name=env.get("CIRCLE_JOB", ""),
        branch=env.get("CIRCLE_BRANCH", ""),
        pr_id=env.get("CIRCLE_PR_NUMBER", "") or (pull.group(1) if pull else ""),
        commit_sha=env.get("CIRCLE_SHA1", ""),
        actor=env.get("CIRCLE_USERNAME", "") or env.get("CIRCLE_PR_USERNAME", ""),
        url=env.get("CIRCLE_BUILD_URL", ""),
    )


def _travis(env: Environ) -> Ci:
    return Ci(
        provider="travis",
        repo=env.get("TRAVIS_REPO_SLUG", ""),
        workflow=env.get("TRAVIS_BUILD_STAGE_NAME", ""),
        run_id=env.get("TRAVIS_BUILD_ID", ""),
        job_id=env.get("TRAVIS_JOB_ID", ""),
        job_name=env.get("TRAVIS_JOB_NAME", "") or env.get("TRAVIS_JOB_NUMBER", ""),
        branch=env.get("TRAVIS_PULL_REQUEST_BRANCH", "") or env.get("TRAVIS_BRANCH", ""),
        pr_id=_pull(env.get("TRAVIS_PULL_REQUEST", "")),
        commit_sha=env.get("TRAVIS_PULL_REQUEST_SHA", "") or env.get("TRAVIS_COMMIT", ""),
        url=env.get("TRAVIS_JOB_WEB_URL", "") or env.get("TRAVIS_BUILD_WEB_URL", ""),
    )


_SYSTEMS: Final[tuple[tuple[str, Callable[[Environ], Ci]], ...]] = (
    ("GITHUB_ACTIONS", _github),
    ("GITLAB_CI", _gitlab),
    ("BUILDKITE", _buildkite),
    ("TF_BUILD", _azure),
    ("CIRCLECI", _circleci),
    ("TRAVIS", _travis),
    # Last: agents of other systems are sometimes started by Jenkins and inherit its variables.
    ("JENKINS_URL", _jenkins),
)


def _repository(url: str) -> str:
    """`owner/name` of a clone address, without host and without the credentials that may stand in front of it."""
    path = url.split("://", 1)[-1]
    found = _REPOSITORY.search(path[:FIELD_CHARS_MAX])
    return found.group(1) if found else ""


def _without_remote(branch: str) -> str:
    return branch.removeprefix("refs/heads/").removeprefix("origin/")


def _pull(text: str) -> str:
    return "" if text.lower() in _NOT_A_PULL else text


def _count(text: str, *, first: int = 1) -> int:
    """A count that a variable holds; `first` when it holds none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(_ATTEMPT_MAX)) else first
    return min(max(number, first), _ATTEMPT_MAX)


def _clipped(ci: Ci) -> Ci:
    texts = {f: getattr(ci, f) for f in ci.__struct_fields__}
    long = {f: v[:FIELD_CHARS_MAX] for f, v in texts.items() if isinstance(v, str) and len(v) > FIELD_CHARS_MAX}
    return msgspec.structs.replace(ci, **long) if long else ci
