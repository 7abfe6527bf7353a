"""Which step of the job failed, by its name, its number and its exit code, in the log of each CI system."""

from __future__ import annotations

from suites.table import each

from streams.contract.failure import Ci
from streams.core.extract.step import BRANCHES_MAX, DEPTH_MAX, Steps
from streams.producers.joblog import read_log

T = "2026-11-20T10:00:00.1234567Z "
LOGS: dict[str, tuple[str, tuple[str, int | None, str | None, str]]] = {
    "github": (
        f"""{T}Current runner version: '2.320.0'
{T}##[group]Operating System
{T}Ubuntu
{T}##[endgroup]
{T}##[group]Run actions/checkout@v4
{T}with:
{T}  fetch-depth: 1
{T}##[endgroup]
{T}##[group]Getting Git version info
{T}[command]/usr/bin/git version
{T}##[endgroup]
{T}##[group]Run make check
{T}\x1b[36;1mmake check || echo "error: exit 1"\x1b[0m
{T}shell: /usr/bin/bash -e {{0}}
{T}##[endgroup]
{T}##[group]compile
{T}\x1b[31ma.c:3:5: error: 'x' undeclared\x1b[0m
{T}##[endgroup]
{T}make: *** [Makefile:3: a.o] Error 1
{T}##[error]Process completed with exit code 2.
{T}Post job cleanup.
{T}[command]/usr/bin/git config --local --unset-all x
{T}Cleaning up orphan processes""",
        ("make check", 3, "1", "a.c:3:5: error: 'x' undeclared"),
    ),
    "github, a command's own annotation": (
        f"""{T}##[group]Run ./lint
{T}##[endgroup]
{T}##[warning]deprecated thing
{T}##[error]src/a.py:3:1: line is odd
{T}##[error]Process completed with exit code 3.""",
        ("./lint", 1, "3", "src/a.py:3:1: line is odd"),
    ),
    "github, a workflow command in a raw log": (
        "Run ./lint\n::group::all\nchecking\n::endgroup::\n::error file=a.py,line=3,title=Odd::line is odd\nbye",
        ("", None, None, "line is odd"),
    ),
    "gh run view": (
        (f"build (3.11)\tSet up job\t{T}hello\nbuild (3.11)\tInstall\t{T}##[group]Run pip install\n"
        f"build (3.11)\tTests of shop\t{T}##[group]Run pytest\nbuild (3.11)\tTests of shop\t{T}##[endgroup]\n"
        f"build (3.11)\tTests of shop\t{T}ValueError: no cart\n"
        f"build (3.11)\tTests of shop\t{T}##[error]Process completed with exit code 1."),
        ("Tests of shop", 3, "1", "ValueError: no cart"),
    ),
    "gitlab": (
        """Running with gitlab-runner 17.5.0 (abc)
section_start:1795168800:prepare_executor\r\x1b[0K\x1b[0K\x1b[36;1mPreparing the "docker" executor\x1b[0;m
section_end:1795168801:prepare_executor\r\x1b[0Ksection_start:1795168801:step_script\r\x1b[0K\x1b[0KExecuting
\x1b[32;1m$ make check\x1b[0;m
section_start:1795168802:unit_tests[collapsed=true]\r\x1b[0KUnit tests
a.c:3:5: error: 'x' undeclared
section_end:1795168803:unit_tests\r\x1b[0K
section_end:1795168804:step_script\r\x1b[0K
section_start:1795168805:cleanup_file_variables\r\x1b[0K\x1b[0KCleaning up project directory
section_end:1795168806:cleanup_file_variables\r\x1b[0K
\x1b[31;1mERROR: Job failed: exit code 2\x1b[0;m""",
        ("unit_tests", 3, "2", "a.c:3:5: error: 'x' undeclared"),
    ),
    "gitlab, stamped": (
        """2026-11-20T10:00:00.000000Z 00O section_start:1795168800:step_script
2026-11-20T10:00:00.000000Z 00O+\x1b[0KExecuting
2026-11-20T10:00:01.000000Z 01E sh: 1: tsc: not found
2026-11-20T10:00:02.000000Z 00O section_end:1795168804:step_script
2026-11-20T10:00:02.000000Z 00O+\x1b[0K\x1b[31;1mERROR: Job failed: exit code 127\x1b[0;m""",
        ("step_script", 1, "127", "sh: 1: tsc: not found"),
    ),
    "jenkins": (
        """Started by user nobody
[Pipeline] Start of Pipeline
[Pipeline] node
[Pipeline] {
[Pipeline] stage
[Pipeline] { (Checkout)
[Pipeline] git
[Pipeline] }
[Pipeline] // stage
[Pipeline] stage
[Pipeline] { (Build)
[Pipeline] sh
[2026-11-20T10:00:00.123Z] + make
[2026-11-20T10:00:00.123Z] a.c:3:5: error: 'x' undeclared
[2026-11-20T10:00:00.123Z] make: *** [Makefile:3: a.o] Error 1
[Pipeline] }
[Pipeline] // stage
[Pipeline] }
[Pipeline] // node
[Pipeline] End of Pipeline
ERROR: script returned exit code 2
Finished: FAILURE""",
        ("Build", 2, "1", "a.c:3:5: error: 'x' undeclared"),
    ),
    "jenkins, parallel branches": (
        """[Pipeline] parallel
[Pipeline] { (Branch: linux)
[Pipeline] { (Branch: windows)
[Pipeline] sh
[Pipeline] bat
[linux] + make
[windows] C:\\ws>nmake
10:00:01  [linux] compiling
10:00:01  [windows] a.c(3): error C2065: 'x': undeclared identifier
10:00:02  [linux] done
[Pipeline] }
[Pipeline] }
ERROR: script returned exit code 2
Finished: FAILURE""",
        ("windows", 2, "2", "a.c(3): error C2065: 'x': undeclared identifier"),
    ),
    "buildkite": (
        """~~~ Running global environment hook
\x1b_bk;t=1795168800123\x07~~~ Preparing working directory
\x1b_bk;t=1795168800123\x07$ git clone x
\x1b_bk;t=1795168800123\x07--- :hammer: Build
\x1b_bk;t=1795168800123\x07$ make
\x1b_bk;t=1795168800123\x07+++ :rspec: Tests of shop
\x1b_bk;t=1795168800123\x07^^^ +++
\x1b_bk;t=1795168800123\x07sh: 1: rspec: not found
\x1b_bk;t=1795168800123\x07\x1b[31m🚨 Error: The command exited with status 127\x1b[0m
^^^ +++
user command error: exit status 127
~~~ Running global pre-exit hook""",
        ("Tests of shop", 4, "127", "sh: 1: rspec: not found"),
    ),
    "azure": (
        f"""{T}##[section]Starting: Checkout
{T}==============================================================================
{T}Task         : Get sources
{T}##[section]Finishing: Checkout
{T}##[section]Starting: Build of shop
{T}##[command]/usr/bin/make
{T}##[group]compile
{T}a.c:3:5: error: 'x' undeclared
{T}##[endgroup]
{T}##vso[task.logissue type=error]it did not build
{T}##[error]Bash exited with code '2'.
{T}##[section]Finishing: Build of shop""",
        ("Build of shop", 2, "2", "a.c:3:5: error: 'x' undeclared"),
    ),
    "circleci": (
        """#!/bin/bash -eo pipefail
npm ci

added 4 packages
#!/bin/bash -eo pipefail
npm run build

sh: 1: tsc: not found

Exited with code exit status 127
CircleCI received exit code 127""",
        ("npm run build", 2, "127", "sh: 1: tsc: not found"),
    ),
    "travis": (
        """travis_fold:start:system_info\r\x1b[0K\x1b[33mBuild system information\x1b[0m
travis_fold:end:system_info\r\x1b[0K
travis_fold:start:install\r\x1b[0Ktravis_time:start:0a1b2c\r\x1b[0K$ pip install .
travis_time:end:0a1b2c:start=1,finish=2,duration=1\r\x1b[0Ktravis_fold:end:install\r\x1b[0K
travis_time:start:1b2c3d\r\x1b[0K$ python -m shop
ValueError: no cart
travis_time:end:1b2c3d:start=1,finish=2,duration=1\r\x1b[0K
\x1b[31;1mThe command "python -m shop" exited with 1.\x1b[0m

Done. Your build exited with 1.""",
        ("python -m shop", 3, "1", "ValueError: no cart"),
    ),
    "teamcity": (
        """##teamcity[blockOpened name='Unit tests']
a.c:3:5: error: 'x' undeclared
##teamcity[blockClosed name='Unit tests']
##teamcity[buildProblem description='Process exited with code 2']
Process exited with code 2""",
        ("Unit tests", 1, "2", "a.c:3:5: error: 'x' undeclared"),
    ),
}  # fmt: skip


@each("name", LOGS)
def test_the_step_that_failed_is_named(name: str) -> None:
    log, expected = LOGS[name]
    first, *_ = read_log(log.split("\n"), Ci(), occurred_at_ms=1)
    assert first.ci is not None
    assert (first.ci.step_name, first.ci.step_number, first.labels.get("exit_code"), first.message) == expected


def test_a_step_that_the_caller_knows_keeps_its_number() -> None:
    log, _ = LOGS["github"]
    first, *_ = read_log(log.split("\n"), Ci(step_name="Check", step_number=7), occurred_at_ms=1)
    assert first.ci is not None
    assert (first.ci.step_name, first.ci.step_number) == ("Check", 7)


def test_the_step_of_a_failed_test_is_named_too() -> None:
    log = [f"{T}##[group]Run cargo test", f"{T}##[endgroup]", f"{T}---- t::adds stdout ----",
           f"{T}thread 't::adds' panicked at src/lib.rs:3:5:", f"{T}no cart", "", f"{T}failures:",
           f"{T}##[error]Process completed with exit code 101."]  # fmt: skip
    first, *_ = read_log(log, Ci(), occurred_at_ms=1)
    assert first.ci is not None
    assert (first.ci.test_name, first.ci.step_name, first.ci.step_number) == ("t::adds", "cargo test", 1)
    assert first.labels["exit_code"] == "101"


def test_steps_without_an_end_are_held_within_bounds() -> None:
    steps = Steps()
    for n in range(10_000):
        steps.look("", f"[Pipeline] {{ (Branch: {n})")
    assert steps.at.name == "9999"
    steps.look("", "[Pipeline] }")
    assert steps.at.name == str(DEPTH_MAX - 2)
    assert steps.each(f"[{BRANCHES_MAX - 1}] text") == "text"
    assert steps.each(f"[{BRANCHES_MAX}] text") == f"[{BRANCHES_MAX}] text"


def test_what_a_step_says_that_ended_well_is_no_reason() -> None:
    log = [f"{T}##[group]Run ./probe", f"{T}##[endgroup]", f"{T}Traceback (most recent call last):",
           f'{T}  File "a.py", line 1, in f', f"{T}ValueError: probe says no", *[f"{T}well"] * 30,
           f"{T}##[group]Run ./deploy", f"{T}##[endgroup]", f"{T}Error: the target is locked", *[f"{T}bye"] * 3,
           f"{T}##[error]Process completed with exit code 1."]  # fmt: skip
    found = list(read_log(log, Ci(), occurred_at_ms=1))
    assert [one.message for one in found] == ["Error: the target is locked"]


def test_a_log_of_several_jobs_names_the_job_with_its_leg() -> None:
    jobs = [f"test ({leg})\tSet up job\t{T}hello\ntest ({leg})\tRun pytest\t{T}ValueError: no cart in {leg}\n"
            f"test ({leg})\tRun pytest\t{T}##[error]Process completed with exit code {code}."
            for leg, code in (("3.11, linux", 1), ("3.12, mac", 4))]  # fmt: skip
    found = read_log("\n".join(jobs).split("\n"), Ci(), occurred_at_ms=1)
    told = {(one.ci.job_name, one.ci.step_name, one.ci.step_number, one.labels["exit_code"]) for one in found if one.ci}
    assert told == {("test (3.11, linux)", "pytest", 2, "1"), ("test (3.12, mac)", "pytest", 2, "4")}
