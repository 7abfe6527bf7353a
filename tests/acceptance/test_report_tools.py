"""What real tools write, through `faultline publish report`."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from streams.cli.app import create_app, run
from streams.producers.junit import read_junit

SUITES = Path(__file__).parents[1] / "suites"
TOOL_SECONDS = 300
Report = Callable[[Path], list[dict[str, Any]]]


@pytest.fixture
def reported(capsys: pytest.CaptureFixture[str]) -> Report:
    """The failures that the command would send of one file."""

    def read(path: Path) -> list[dict[str, Any]]:
        status = run(create_app(), ["publish", "report", str(path), "--dry-run", "--json", "--strict"])
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert (status, told["losses"]) == (0, [])
        found: list[dict[str, Any]] = told["failures"]
        return found

    return read


def output(command: Sequence[str | Path], folder: Path, **environ: str) -> str:
    """What a tool prints on standard output; that it fails is what it is called for."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environ, capture_output=True, text=True, timeout=TOOL_SECONDS, check=False
    )
    assert done.stdout, done.stderr
    return done.stdout


def told(found: list[dict[str, Any]]) -> dict[str, str]:
    """Message by test, or by suite where there is no test."""
    return {one["ci"].get("test_name") or one["labels"].get("suite", ""): one["message"] for one in found}


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_made.py").write_text(
        "import pytest\n"
        "@pytest.fixture\ndef broken(): raise OSError('no room \\x1b[31m<left>')\n"
        "def test_error(broken): pass\n"
        "def test_failure(): assert 'a' == 'b & c'\n"
        "@pytest.mark.xfail\ndef test_known(): assert False\n"
        "def test_passes(): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--rootdir", str(tmp_path), "--junitxml", "r.xml", "test_made.py"],
        cwd=tmp_path, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    with (tmp_path / "r.xml").open("rb") as report:
        reading = read_junit(report)
        found = list(reading)
    assert {(one.name, one.outcome) for one in found} == {("test_error", "error"), ("test_failure", "failure")}
    assert (reading.cases, reading.notes) == (4, ())
    assert any("no room" in one.detail and "\x1b" not in one.detail for one in found)


@pytest.mark.tool("go", package="golang-go")
def test_go(tmp_path: Path, reported: Report) -> None:
    folder = written(
        tmp_path / "shop",
        go_DOT_mod="module example.test/shop\ngo 1.21\n",
        a_test_DOT_go='package shop\nimport "testing"\n'
        'func TestAdds(t *testing.T) { t.Log("before"); t.Errorf("got %d, want %d", 3, 4) }\n'
        'func TestTable(t *testing.T) { t.Run("one", func(t *testing.T) { t.Fatal("no stock") }) }\n'
        "func TestFine(t *testing.T) {}\n",
        p__p_test_DOT_go='package p\nimport "testing"\n'
        'func TestPanics(t *testing.T) { var m map[string]int; m["a"] = 1 }\n',
        b__b_test_DOT_go='package b\nimport "testing"\nfunc TestB(t *testing.T) { undefinedName() }\n',
    )
    report = tmp_path / "go.json"
    report.write_text(output(["go", "test", "-json", "./..."], folder, GOFLAGS="-mod=mod", GOTOOLCHAIN="local"))
    found = told(reported(report))
    assert found.pop("example.test/shop/b").endswith(": undefined: undefinedName")
    assert found.pop("TestPanics").startswith("panic: assignment to entry in nil map")
    assert found == {"TestAdds": "a_test.go:3: got 3, want 4", "TestTable/one": "a_test.go:4: no stock"}


@pytest.mark.tool("node", package="nodejs")
def test_node(tmp_path: Path, reported: Report) -> None:
    written(
        tmp_path,
        a_DOT_test_DOT_js="const test = require('node:test'); const assert = require('node:assert');\n"
        "test('adds', () => assert.strictEqual(3, 4));\n"
        "test('outer', async (t) => { await t.test('inner', () => { throw new Error('no stock'); }); });\n"
        "test('later', { todo: true }, () => { throw new Error('no'); });\n",
    )
    report = tmp_path / "node.tap"
    report.write_text(output(["node", "--test", "--test-reporter=tap", "a.test.js"], tmp_path))
    found = told(reported(report))
    assert sorted(found) == ["adds", "inner"]
    assert found["adds"].endswith("3 !== 4")
    assert found["inner"] == "no stock"


@pytest.mark.tool("perl", package="perl")
def test_perl(tmp_path: Path, reported: Report) -> None:
    script = "use Test::More tests => 3; ok(1, 'fine'); is(3, 4, 'adds'); die 'gone';"
    done = subprocess.run(["perl", "-e", script], capture_output=True, text=True, timeout=TOOL_SECONDS, check=False)
    report = tmp_path / "perl.tap"
    report.write_text(done.stdout + done.stderr)
    assert told(reported(report))[""].endswith("planned 3 tests, ran 2")


@pytest.mark.tool("cargo", package="cargo")
def test_cargo(tmp_path: Path, reported: Report) -> None:
    manifest = '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n'
    tests = (
        "#[cfg(test)] mod tests {\n#[test] fn adds() { assert_eq!(3, 4); }\n#[test] fn fine() {}\n"
        '#[test] fn result() -> Result<(), String> { Err("no stock".into()) }\n}\n'
    )
    folder = written(tmp_path / "shop", Cargo_DOT_toml=manifest, src__lib_DOT_rs=tests)
    report = tmp_path / "cargo.json"
    as_text = output(["cargo", "test", "--offline", "--message-format", "json"], folder)
    as_json = output(
        ["cargo", "test", "--offline", "--message-format", "json", "--", "-Z", "unstable-options", "--format", "json"],
        folder,
        RUSTC_BOOTSTRAP="1",
    )
    for text in (as_text, as_json):
        report.write_text(text)
        assert told(reported(report)) == {
            "tests::adds": "assertion `left == right` failed\nleft: 3\nright: 4",
            "tests::result": 'Error: "no stock"',
        }
    written(folder, src__lib_DOT_rs='pub fn f() -> i32 { "x" }\n')
    report.write_text(output(["cargo", "build", "--offline", "--message-format", "json"], folder))
    (one,) = reported(report)
    assert (one["message"], one["ci"]["test_line"]) == ("error[E0308]: mismatched types", 1)


@pytest.mark.tool("ctest", package="cmake")
@pytest.mark.tool("gcc", package="gcc")
def test_ctest(tmp_path: Path, reported: Report) -> None:
    lists = (
        "cmake_minimum_required(VERSION 3.10)\nproject(shop NONE)\nenable_testing()\n"
        'add_test(NAME adds COMMAND sh -c "echo cart.c:3: total is 3, not 4; exit 1")\n'
        "add_test(NAME fine COMMAND true)\n"
    )
    folder = written(tmp_path / "shop", CMakeLists_DOT_txt=lists)
    output(["cmake", "-S", ".", "-B", "build"], folder)
    report = tmp_path / "ctest.log"
    report.write_text(output(["ctest", "--output-on-failure"], folder / "build"))
    assert told(reported(report))["adds"] == "cart.c:3: total is 3, not 4"
    output(["ctest", "--output-junit", "report.xml"], folder / "build")
    (one,) = reported(folder / "build" / "report.xml")
    assert (one["ci"]["test_name"], one["message"]) == ("adds", "cart.c:3: total is 3, not 4")


def statuses() -> str:
    """A build of which one step fails and another is cancelled for it, as BuildKit's daemon would send it."""
    at = "2026-01-01T00:00:{:09.6f}Z".format
    names = ["[internal] load build definition from Dockerfile", "[build 2/4] RUN make", "[docs 2/2] RUN sleep 60"]
    vertices = [{"digest": f"sha256:{n:064x}", "name": name, "started": at(n)} for n, name in enumerate(names)]
    printed = (
        b"gcc -c main.c\nmain.c:3:5: error: expected ';' before 'return'\nmake: *** [Makefile:4: main.o] Error 1\n"
    )
    logs: list[object] = [
        {"vertex": vertices[1]["digest"], "stream": 2, "data": base64.b64encode(part).decode(), "timestamp": at(1.5)}
        for part in (printed[:70], printed[70:])
    ]
    error = 'process "/bin/sh -c make" did not complete successfully: exit code: 2'
    ended: list[dict[str, object]] = [
        {"vertexes": [vertices[0] | {"completed": at(0.5)}]},
        {"vertexes": vertices[1:]},
        {"logs": logs[:1]},
        {"logs": logs[1:]},
        {"vertexes": [vertices[1] | {"completed": at(3), "error": error}]},
        {"vertexes": [vertices[2] | {"completed": at(3), "error": "context canceled"}]},
    ]
    return "".join(json.dumps(one) + "\n" for one in ended)


@pytest.mark.tool("go", package="golang-go")
@pytest.mark.tool("script", package="bsdutils")
def test_buildkits_own_printer(tmp_path: Path, reported: Report) -> None:
    folder = shutil.copytree(SUITES / "buildkit_printer", tmp_path / "printer")
    environ = os.environ | {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    build = ["go", "build", "-o", "printer", "."]
    made = subprocess.run(build, cwd=folder, env=environ, capture_output=True, text=True, timeout=900, check=False)
    if made.returncode:
        pytest.skip(f"BuildKit's printer cannot be built here: {made.stderr.strip().splitlines()[-1:]}")
    given = tmp_path / "statuses.json"
    given.write_text(statuses())
    for mode in ("plain", "rawjson", "tty"):
        report = tmp_path / f"{mode}.txt"
        command = f"{folder / 'printer'} {mode} < {given}"
        if mode == "tty":
            subprocess.run(["script", "-qec", command, report], capture_output=True, timeout=TOOL_SECONDS, check=True)
        else:
            report.write_text(output(["sh", "-c", command], tmp_path))
        stamped = tmp_path / f"{mode}.stamped.txt"
        stamped.write_text("".join(f"2026-01-01T00:00:00.1234567Z {line}\n" for line in report.read_text().split("\n")))
        for path in (report, stamped):
            (one,) = reported(path)
            labels = one["labels"]
            assert one["message"] == "main.c:3:5: error: expected ';' before 'return'"
            assert (labels["stage"], labels["instruction"]) == ("build", "RUN make")
            assert labels.get("exit_code", "2") == "2"
