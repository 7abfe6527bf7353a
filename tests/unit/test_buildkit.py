"""Builds of images: BuildKit as JSON, plain, on a terminal and stamped; docker, buildah, kaniko; in logs, too."""

from __future__ import annotations

import base64
import io
import json

import pytest
from suites.reports import CONTEXT, messages, place_of, told

from streams.contract.failure import Failure, Source
from streams.core.extract.image_step import Step, step_of
from streams.producers.joblog import read_log
from streams.producers.report import Limits

NAME = "[linux/amd64 build 2/4] RUN make -j2"
PRINTED = "gcc -c main.c\nmain.c:3:5: error: expected ';' before 'return'\nmake: *** [Makefile:4: main.o] Error 1\n"
SAID = "main.c:3:5: error: expected ';' before 'return'"
ERROR = 'process "/bin/sh -c make -j2" did not complete successfully: exit code: 2'
LABELS = {
    "instruction": "RUN make -j2", "stage": "build", "position": "2/4", "platform": "linux/amd64", "exit_code": "2",
}  # fmt: skip


def vertex(number: int, name: str = NAME, **more: object) -> dict[str, object]:
    return {"digest": f"sha256:{number:064x}", "name": name, "started": "2026-01-01T00:00:00Z"} | more


def log(number: int, data: bytes) -> str:
    one = {"vertex": f"sha256:{number:064x}", "stream": 1, "data": base64.b64encode(data).decode(), "timestamp": "2026"}
    return json.dumps({"logs": [one]}) + "\n"


def status(*vertices: dict[str, object]) -> str:
    return json.dumps({"vertexes": list(vertices)}) + "\n"


FAILED = status(vertex(1, completed="2026", error=ERROR), vertex(2, "[docs 1/1] RUN x", error="context canceled"))
RAWJSON = status(vertex(1)) + log(1, PRINTED.encode()) + FAILED
PLAIN = (
    "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.1s\n\n"
    f"#2 {NAME}\n" + "".join(f"#2 0.400 {line}\n" for line in PRINTED.splitlines()) + f"#2 ERROR: {ERROR}\n\n"
    "#3 [docs 2/2] RUN sleep 60\n#3 0.500 waiting\n#3 CANCELED\n"
)
RECAP = f"------\n > {NAME}:\n" + "".join(f"0.400 {line}\n" for line in PRINTED.splitlines()) + "------\n"
PLACE = "Dockerfile:7\n--------------------\n   7 | >>> RUN make -j2\n--------------------\n"
SOLVE = f"ERROR: failed to solve: {ERROR}\n"
STAMPED = "".join(f"2026-01-01T00:00:00.1234567Z {line}\n" for line in (PLAIN + RECAP + PLACE + SOLVE).splitlines())
TERMINAL = (
    "\x1b[?25l[+] Building 0.0s (1/2)\r\n => [internal] load build definition 0.1s\r\n\x1b[0m\x1b[?25h"
    f"\x1b[1A\x1b[0G[+] Building 1.0s (2/2) FINISHED\r\n\x1b[31m => ERROR {NAME}       1.0s\r\n\x1b[0m"
    + (RECAP + PLACE + SOLVE).replace("\n", "\r\n")
)
BUILDS = {
    "as JSON": RAWJSON,
    "plain": PLAIN,
    "plain, told again": PLAIN + RECAP + SOLVE,
    "with the stamps of a CI": STAMPED,
    "on a terminal": TERMINAL,
    "as JSON, stamped": "".join(f"2026-01-01T00:00:00.1Z {line}\n" for line in RAWJSON.splitlines()),
    "as JSON, what was printed in pieces": (
        status(vertex(1)) + "".join(log(1, PRINTED.encode()[at : at + 7]) for at in range(0, 200, 7)) + FAILED
    ),
}


@pytest.mark.parametrize("name", BUILDS)
def test_the_error_inside_of_the_failed_step_is_the_failure(name: str) -> None:
    (one,), records = told(BUILDS[name])
    assert (one.message, records.notes, place_of(one).source) == (SAID, (), Source.BUILDKIT)
    assert {name: one.labels[name] for name in LABELS} == LABELS
    assert one.labels["rule"] == "gcc.error"


def in_log(text: str) -> list[Failure]:
    return list(read_log(io.StringIO(text), CONTEXT, occurred_at_ms=1))


@pytest.mark.parametrize("name", ["plain, told again", "with the stamps of a CI", "on a terminal"])
def test_in_the_log_of_a_job_it_is_the_same_error_once(name: str) -> None:
    around = (
        "##[group]Run docker build .\ndocker build .\n##[endgroup]\n{}##[error]Process completed with exit code 1.\n"
    )
    (one,) = in_log(around.format(BUILDS[name]))
    assert (one.message, one.labels["instruction"], one.labels["stage"]) == (SAID, "RUN make -j2", "build")


def test_where_no_tool_knows_the_error_the_last_line_and_the_builders_word_are_it() -> None:
    error = 'process "/bin/sh -c ./train" did not complete successfully: exit code: 137'
    text = f"#9 [build 3/3] RUN ./train\n#9 1.0 epoch 1\n#9 ERROR: {error}\n------\n"
    solved = f"{text} > [build 3/3] RUN ./train:\n1.0 epoch 1\n------\nERROR: failed to solve: {error}\n"
    ((one,), _), (in_job,) = told(solved), in_log(solved)
    assert one.message == in_job.message == f"epoch 1\nERROR: {error}"
    assert (one.exit_code, one.labels["exit_code"], in_job.labels["exit_code"]) == (137, "137", "137")


def test_each_failed_target_of_a_bake_is_told() -> None:
    report = (
        "#1 [internal] load local bake definitions\n#1 DONE 0.0s\n"
        "#5 [api build 2/3] RUN go build ./...\n#5 0.3 ./main.go:5:2: undefined: total\n"
        '#5 ERROR: process "/bin/sh -c go build ./..." did not complete successfully: exit code: 1\n'
        "#6 [web 3/4] RUN npm ci\n#6 0.4 npm error code E404\n"
        '#6 ERROR: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1\n'
        "ERROR: target api: failed to solve: process\n"
    )
    found, _ = told(report)
    assert messages(found) == ["./main.go:5:2: undefined: total", "npm error code E404"]
    assert [one.labels["stage"] for one in found] == ["build", "web"]
    assert found[0].labels["target"] == "api"


def test_what_is_wrong_with_the_file_itself_has_its_place() -> None:
    said = "dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)"
    begin = "#1 [internal] load build definition from Dockerfile\n#1 DONE 0.0s\n"
    report = f"{begin}Dockerfile:3\n----\nERROR: failed to solve: {said}\n"
    (one,), _ = told(report)
    assert (one.message, place_of(one).test_file, place_of(one).test_line) == (said, "Dockerfile", 3)


def test_a_step_that_was_run_again_and_went_well_is_no_failure() -> None:
    assert told(FAILED + status(vertex(1, completed="2026"), vertex(2, completed="2026")))[0] == []


def test_a_build_that_was_only_cancelled_says_so_once() -> None:
    (one,), _ = told(status(vertex(1, error="context canceled"), vertex(2, error="context canceled")))
    assert one.message == "context canceled"


OTHERS = {
    "docker": (
        (
            "Step 1/4 : FROM gcc:13 AS build\n ---> 1c2d\nStep 3/4 : RUN make\n ---> Running in 3c2d\n"
            f"{PRINTED}The command '/bin/sh -c make' returned a non-zero code: 2\n"
        ),
        (SAID, "RUN make", "build", "2"),
    ),
    "docker, a copy": (
        (
            "Step 1/2 : FROM gcc:13 AS build\n ---> 1c2d\nStep 2/2 : COPY a /\n"
            "COPY failed: file not found in build context or excluded by .dockerignore: stat a: file does not exist\n"
        ),
        (
            "COPY failed: file not found in build context or excluded by .dockerignore: stat a: file does not exist",
            "COPY a /",
            "build",
            "",
        ),
    ),
    "buildah": (
        (
            f"[1/2] STEP 1/3: FROM gcc AS build\n[1/2] STEP 2/3: RUN make\n{PRINTED}"
            'Error: building at STEP "RUN make": while running runtime: exit status 2\n'
        ),
        (SAID, "RUN make", "build", "2"),
    ),
    "podman": (
        (
            f"STEP 1/3: FROM gcc as build\nSTEP 2/3: RUN make\n{PRINTED}"
            'error building at STEP "RUN make": error while running runtime: exit status 2\n'
        ),
        (SAID, "RUN make", "build", "2"),
    ),
    "kaniko": (
        (
            "INFO[0000] Retrieving image manifest gcc:13\nINFO[0001] Building stage 'gcc:13' [idx: '0']\n"
            f"INFO[0004] RUN make\nINFO[0004] Running: [/bin/sh -c make]\n{PRINTED}"
            "error building image: error building stage: failed to execute command: "
            "waiting for process to exit: exit status 2\n"
        ),
        (SAID, "RUN make", "gcc:13", "2"),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_builders_are_read_alike(name: str) -> None:
    report, expected = OTHERS[name]
    (one,), records = told(report)
    assert records.form == "image build output"
    assert (one.message, *(one.labels.get(label, "") for label in ("instruction", "stage", "exit_code"))) == expected


@pytest.mark.parametrize(
    ("name", "step"),
    [
        (NAME, Step("RUN make -j2", "build", "2/4", "linux/amd64")),
        ("[2/3] COPY . .", Step("COPY . .", "", "2/3")),
        ("[api build 2/3] RUN x", Step("RUN x", "build", "2/3", "", "api")),
        ("[internal] load metadata for registry.example/x", Step("load metadata for registry.example/x")),
        ("exporting to image", Step("exporting to image")),
        ("", Step("")),
    ],
)
def test_a_step_is_told_by_its_name(name: str, step: Step) -> None:
    assert step_of(name) == step


def test_damage_and_bounds_are_said() -> None:
    bad = RAWJSON + '{"logs":[{"vertex":"sha256:1","data":"%%%"}]}\n' + '{"vertexes":[{"dig'
    found, records = told(bad)
    assert (messages(found), len(records.notes)) == ([SAID], 2)
    many = "".join(status(vertex(n)) for n in range(30))
    assert told(many + RAWJSON, Limits(open_max=10))[1].notes
    long = status(vertex(1)) + log(1, b"x" * 5000 + PRINTED.encode()) + FAILED
    assert told(long, Limits(text_chars_max=1000))[1].notes == ("output of steps, cut in the middle",)
