"""What real tools print when they fail, through `faultline extract`, with the word of a CI that the command failed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from streams.cli.app import create_app, run

TOOL_SECONDS = 300
PYTHON = shlex.quote(sys.executable)
PYTEST = f"{PYTHON} -m pytest -p no:cacheprovider -p no:randomly -p no:xdist --rootdir ."
PIP = f"{PYTHON} -m pip install --no-index"
FILES = {
    "bad.cc": '#include "cart.h"\nint main() { return total; }\n',
    "cart.h": "#pragma once\nint count();\n",
    "unlinked.cc": "int gone();\nint main() { return gone(); }\n",
    "over.c": "#include <stdlib.h>\nint main(void) { int *a = malloc(8); int b = a[9]; free(a); return b; }\n",
    "Makefile": "all: one two\none: bad.o\nbad.o: bad.cc\n\tg++ -c bad.cc\ntwo:\n\t@echo fine\n",
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.10)\nproject(shop NONE)\nfind_package(AbsentCart REQUIRED)\n",
    "test_shop.py": "import os\n\ndef test_adds():\n    os.environ\n    assert 3 == 4\n\ndef test_fine():\n    pass\n",
    "case.py": "import unittest as u\nclass Cart(u.TestCase):\n    def test_adds(self): self.assertEqual(3, 4)\n"
    "    def test_pays(self): raise OSError('no stock')\n",
    "go.mod": "module example.test/shop\ngo 1.21\n",
    "shop_test.go": 'package shop\nimport "testing"\nfunc TestAdds(t *testing.T) { t.Errorf("got 3, want 4") }\n',
    "cmd/main.go": "package main\n\nfunc main() { missing() }\n",
    "race/race.go": "package main\n\nfunc main() { var m map[string]int; m[`a`] = 1 }\n",
    "Cargo.toml": '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n',
    "src/lib.rs": 'pub fn f() -> i32 { "x" }\n',
    "src/bin/gone.rs": "fn main() {}\n",
    "rust/Cargo.toml": '[package]\nname = "cart"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n',
    "rust/src/lib.rs": '#[test] fn adds() { assert_eq!(3, 4, "the total"); }\n',
    "Cart.java": 'class Cart { int n = "x"; }\n',
    "Main.java": "class Main { public static void main(String[] a) { try { throw new RuntimeException(\"gone\"); }"
    ' catch (RuntimeException e) { throw new IllegalStateException("no cart", e); } } }\n',
    "package.json": '{"name": "shop", "version": "1.0.0", "scripts": {"build": "node build.js"}}\n',
    "build.js": "require('./absent-module')\n",
    "a.test.js": "const test = require('node:test');\n"
    "test('adds', () => { require('node:assert').strictEqual(3, 4); });\n",
    "pyproject.toml": '[build-system]\nrequires = ["absent-backend"]\nbuild-backend = "absent_backend"\n',
    "pom.xml": "<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>a</artifactId>"
    "<version>1</version><parent><groupId>t</groupId><artifactId>absent</artifactId><version>1</version></parent>"
    "</project>\n",
}  # fmt: skip

# Name, program, package: the command, and what must stand in the first block.
COMMANDS = {
    ("compiler", "g++", "g++"): ("g++ -c bad.cc", "‘total’ was not declared|'total' was not declared"),
    ("linker", "g++", "g++"): ("g++ unlinked.cc", "undefined reference to `gone()'"),
    ("make", "make", "make"): ("make -k", "was not declared"),
    ("sanitizer", "gcc", "gcc"): ("gcc -g -fsanitize=address over.c -o over && ./over", "heap-buffer-overflow"),
    ("cmake", "cmake", "cmake"): ("cmake -S . -B build", "AbsentCart"),
    ("pytest", "sh", "dash"): (f"{PYTEST} test_shop.py", "assert 3 == 4"),
    ("pytest, found nothing", "sh", "dash"): (f"{PYTEST} absent.py", "file or directory not found"),
    ("unittest", "sh", "dash"): (f"{PYTHON} -m unittest -v case", "AssertionError: 3 != 4|OSError: no stock"),
    ("go test", "go", "golang-go"): ("rm *.c *.cc; go test .", "got 3, want 4"),
    ("go test, a file too many", "go", "golang-go"): ("cp over.c extra.c; go test .", "source files not allowed"),
    ("go build", "go", "golang-go"): ("go build -o main ./cmd", "undefined: missing"),
    ("go panic", "go", "golang-go"): ("go run ./race", "panic: assignment to entry in nil map"),
    ("go module", "go", "golang-go"): ("GOPROXY=off go get example.test/absent@v1.0.0", "example.test/absent"),
    ("cargo build", "cargo", "cargo"): ("cargo build --offline", "error[E0308]: mismatched types"),
    ("cargo test", "cargo", "cargo"): ("cd rust && cargo test --offline", "the total"),
    ("cargo dependency", "cargo", "cargo"): ("cargo add --offline absent-crate-of-nobody", "absent-crate-of-nobody"),
    ("javac", "javac", "default-jdk-headless"): ("javac Cart.java", "incompatible types"),
    ("java", "javac", "default-jdk-headless"): ("javac Main.java && java Main", "gone|no cart"),
    ("maven", "mvn", "maven"): ("mvn -o -B -q validate", "Non-resolvable parent POM"),
    ("npm script", "npm", "npm"): ("npm run absent", "Missing script"),
    ("npm build", "npm", "npm"): ("npm run build", "Cannot find module './absent-module'"),
    ("npm ci", "npm", "npm"): ("npm ci --offline", "package-lock.json"),
    ("npm install", "npm", "npm"): ("npm install --offline absent-package-of-nobody", "ENOTCACHED|absent-package"),
    ("node's runner", "node", "nodejs"): ("node --test a.test.js", "3 !== 4"),
    ("pip", "sh", "dash"): (f"{PIP} absent-package", "No matching distribution|Could not find a version"),
    ("pip, build", "sh", "dash"): (f"{PIP} .", "absent-backend"),
    ("git", "git", "git"): ("git clone https://absent.invalid/shop.git", "Could not resolve host|unable to access"),
    ("curl", "curl", "curl"): ("curl -fsS https://absent.invalid/tool", "Could not resolve host"),
    ("ssh", "ssh", "openssh-client"): ("ssh -o BatchMode=yes nobody@absent.invalid true", "Could not resolve hostname"),
    ("apt", "apt-get", "apt"): ("apt-get -s install absent-package-of-nobody", "Unable to locate package"),
    ("disk full", "bash", "bash"): ("echo starting; cat case.py > /dev/full", "No space left on device"),
    ("segfault", "bash", "bash"): ("bash -c 'kill -SEGV $$'; exit 139", "Segmentation fault"),
    ("killed", "bash", "bash"): ("bash -c 'kill -KILL $$'; exit 137", "Killed"),
    ("memory", "bash", "bash"): (f"ulimit -v 500000; {PYTHON} -c 'x = bytearray(2_000_000_000)'", "MemoryError"),
    ("timeout", "timeout", "coreutils"): ("timeout -v 0.1 sleep 9", "sending signal TERM"),
    ("docker", "docker", "docker-cli"): ("DOCKER_HOST=unix:///absent.sock docker info", "docker daemon|Docker daemon"),
    ("tar", "tar", "tar"): ("tar xf absent.tgz", "absent.tgz: Cannot open: No such file or directory"),
}  # fmt: skip


CASES = [
    pytest.param(command, expected, id=name, marks=pytest.mark.tool(program, package=package))
    for (name, program, package), (command, expected) in COMMANDS.items()
]


@pytest.mark.parametrize(("command", "expected"), CASES)
def test_the_first_block_holds_what_the_tool_says_of_the_reason(
    command: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    environ = os.environ | {"LC_ALL": "C", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CI": "1"}
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environ, text=True, errors="replace", timeout=TOOL_SECONDS,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode
    log = tmp_path / "job.log"
    log.write_text(f"$ {command}\n{done.stdout}\nERROR: Job failed: exit code {done.returncode}\n")
    run(create_app(), ["extract", str(log), "--json"])
    blocks = json.loads(capsys.readouterr().out)["blocks"]
    assert blocks, done.stdout
    shown = "\n".join(line["text"] for line in blocks[0]["lines"])
    assert any(part in shown for part in expected.split("|")), (shown, done.stdout)
