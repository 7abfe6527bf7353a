"""MB a CPU second of log extraction beside `grep -c error` and plain line iteration in the same run, and peak memory.

What repeats is known again, so a log is read twice: as one of which nothing was seen before, and once more.

`python tests/bench/extract.py [--mb 16] [--memory-mb 128]`; the long form of the second is `--memory-mb 1000`.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import subprocess
import sys
import time
from binascii import b2a_base64
from collections.abc import Callable, Iterator

from streams.contract.failure import Ci
from streams.core.extract.baseline import Baseline
from streams.core.extract.extract import findings
from streams.producers.joblog import read_log

WORDS = "core net ui auth cart order stock user index cache queue store parser lexer graph node edge batch".split()
PIECE = 64 * 1024
ROUNDS = 3
BLOCK = 4_000_000


def make(r: random.Random) -> str:
    if r.random() < 0.7:
        return f"[{r.randint(1, 99):3d}%] Building CXX object src/{r.choice(WORDS)}/{r.choice(WORDS)}.cpp.o"
    return (
        f"c++ -O2 -Wall -Werror=return-type -I/builds/{r.choice(WORDS)} -o {r.choice(WORDS)}.o -c {r.choice(WORDS)}.cpp"
    )


def npm(r: random.Random) -> str:
    return (
        f"npm http fetch GET 200 https://npm.example.org/{r.choice(WORDS)}-{r.randint(1, 99)}.tgz {r.randint(1, 900)}ms"
    )


def pytest(r: random.Random) -> str:
    return f"tests/{r.choice(WORDS)}/test_{r.choice(WORDS)}.py::test_{r.choice(WORDS)}[{r.randint(1, 99)}] PASSED [ 7%]"


def maven(r: random.Random) -> str:
    if r.random() < 0.7:
        return f"[INFO] Downloaded from central: https://example.org/{r.choice(WORDS)}-{r.randint(1, 99)}.jar (9 kB)"
    return f"[INFO] Tests run: {r.randint(1, 60)}, Failures: 0, Errors: 0, Skipped: 0 - in org.{r.choice(WORDS)}.Test"


def ansi(r: random.Random) -> str:
    return f"\x1b[32m\x1b[1m   Compiling\x1b[0m {r.choice(WORDS)}-{r.choice(WORDS)} v0.{r.randint(1, 99)}.1"


def github(r: random.Random) -> str:
    line = r.choice((make, npm, pytest, maven, ansi))
    return f"2026-11-20T10:{r.randint(10, 59)}:{r.randint(10, 59)}.{r.randint(10**6, 10**7 - 1)}Z {line(r)}"


def errors(r: random.Random) -> str:
    """Nothing but errors, which repeat but for their numbers."""
    return f"src/a{r.randint(1, 999)}.c:{r.randint(1, 999)}:5: error: unknown type name 't{r.randint(1, 99999)}'"


def words(r: random.Random) -> str:
    """Nothing but errors, of which no two are alike."""
    name = "".join(r.choices("abcdefghijklmnopqrstuvwxyz", k=8))
    return f"src/{r.choice(WORDS)}/{name}.c:{r.randint(1, 999)}:5: error: unknown type name '{name[::-1]}'"


def name(r: random.Random) -> str:
    return "".join(r.choices("ghijklmnopqrstuvwxyz", k=8))


def ninja(r: random.Random) -> str:
    file = f"{r.choice(WORDS)}/{name(r)}"
    return f"[{r.randint(1, 900)}/900] c++ -D{name(r).upper()} -I/usr/include -O2 -Werror -o {file}.o -c /src/{file}.cc"


def webpack(r: random.Random) -> str:
    return f"asset js/{name(r)}.{r.getrandbits(80):020x}.chunk.js {r.randint(1, 900)} KiB [emitted] (name: {name(r)})"


def cases(r: random.Random) -> str:
    return f"tests/test_{name(r)}.py::Test{name(r)}::test_{name(r)}[{name(r)}] PASSED  [{r.randint(1, 99):3d}%]"


def objects(r: random.Random) -> str:
    told = {"level": "info", "logger": name(r), "msg": f"{name(r)} {name(r)}", "ms": r.randint(1, 900)}
    return json.dumps(told)


def kernel(r: random.Random) -> str:
    return f"[{r.uniform(0, 900):12.6f}] {r.choice(WORDS)} {name(r)}: BAR {r.randint(0, 6)}: assigned"


def base64(r: random.Random) -> str:
    return b2a_base64(r.randbytes(57), newline=False).decode()


def traces(r: random.Random) -> str:
    """What tests of error paths print that pass."""
    at = [f"\tat org.example.{name(r)}.{name(r)}(Cart.java:{r.randint(1, 99)})" for _ in range(8)]
    return "\n".join((f"java.lang.IllegalStateException: {name(r)}", *at, f"10:00:01 INFO {name(r)} {name(r)}"))


def tracebacks(r: random.Random) -> str:
    error = name(r).title()
    return f'Traceback (most recent call last):\n  File "{name(r)}.py", line 1, in {name(r)}\n{error}Error: {name(r)}'


def annotated(r: random.Random) -> str:
    return f"##[error]src/{name(r)}.ts({r.randint(1, 99)},5): error TS2304: Cannot find name '{name(r)}'."


def failures(r: random.Random) -> str:
    """Sections of failed tests, each a failure of its own."""
    said = f">   assert {name(r)}\nE   AssertionError: {name(r)}\n\n{name(r)}.py:7: AssertionError"
    return f"____ test_{name(r)} ____\n\n{said}"


KINDS = (
    *(github, make, npm, pytest, maven, ansi, ninja, webpack, cases, objects, kernel, base64, traces),
    *(errors, words, tracebacks, annotated, failures),
)


def log(kind: Callable[[random.Random], str], size: int, seed: int) -> bytes:
    r = random.Random(seed)
    lines: list[str] = []
    held = 0
    while held < size:
        lines.append(kind(r))
        held += len(lines[-1]) + 1
    return "\n".join(lines).encode() + b"\n"


def pieces(data: bytes) -> Iterator[bytes]:
    return (data[at : at + PIECE] for at in range(0, len(data), PIECE))


def took(run: Callable[[], object], rounds: int = 1) -> float:
    """CPU seconds of the best round, those of children with it."""
    times = []
    for _ in range(rounds):
        begun = spent()
        run()
        times.append(spent() - begun)
    return min(times)


def spent() -> float:
    """CPU seconds of this process and of the children that ended."""
    told = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in told)


def speed(megabytes: int) -> None:
    print("kind        first   again  with baseline   plain iteration   grep -c error    (MB a CPU second)")
    for kind in KINDS:
        data = log(kind, megabytes * 1_000_000, 1)
        passed = Baseline.of(log(kind, BLOCK, 2).decode().split("\n"))
        first = took(lambda data=data: findings(pieces(data)))  # type: ignore[misc]
        again = took(lambda data=data: findings(pieces(data)), 2)  # type: ignore[misc]
        warm = took(lambda data=data, passed=passed: findings(pieces(data), baseline=passed), 2)  # type: ignore[misc]
        plain = took(lambda data=data: sum(1 for _ in io.BytesIO(data)), ROUNDS)  # type: ignore[misc]
        grep = took(lambda data=data: subprocess.run(["grep", "-c", "error"], input=data, stdout=-3, check=False))  # type: ignore[misc]
        size = len(data) / 1e6
        told = f"{size / first:7.1f} {size / again:7.1f} {size / warm:14.1f} {size / plain:17.0f} {size / grep:15.0f}"
        print(f"{kind.__name__:10}{told}", flush=True)


def memory(megabytes: int) -> None:
    """Reads so much, made on the fly, and prints the peak of this process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    block = log(github, BLOCK, 1)
    many = (piece for _ in range(megabytes * 1_000_000 // len(block)) for piece in pieces(block))
    begun = time.perf_counter()
    told = sum(1 for _ in read_log(many, Ci(), occurred_at_ms=1, failed=True))
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{megabytes} MB read in {seconds:.0f} s, {told} failures; {before} MB before, {peak} MB at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=16)
    parser.add_argument("--memory-mb", type=int, default=128)
    parser.add_argument("--only-memory", action="store_true")
    told = parser.parse_args()
    if told.only_memory:
        memory(told.memory_mb)
        return
    speed(told.mb)
    subprocess.run([sys.executable, __file__, "--only-memory", "--memory-mb", str(told.memory_mb)], check=True)


if __name__ == "__main__":
    main()
