"""Coverage-guided fuzzing of what reads texts of strangers: no crash, no broken law, no time beyond linear.

Each target states its laws with `assert`. What a target documents as an error for bad input is no finding; any other
exception is. An input that takes long is run again four times as long: when that takes more than SUPERLINEAR times
the time, it is a finding as well. libFuzzer writes each finding to a file beside its log, and goes on nowhere: it ends.

Needs atheris (Linux, 35 MB), which nothing else of ours needs: no lock file holds it.
Run: make fuzz SECONDS=600, or python tests/fuzz/fuzz.py TARGET [--seconds 600] [--seed 1] [--work DIRECTORY]
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("fuzzing needs atheris: .venv/bin/pip install 'atheris>=3,<4'")

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["streams.core", "streams.producers"], enable_loader_override=False):
    from streams.contract.errors import FaultlineError
    from streams.contract.failure import Ci, Failure, Origin
    from streams.contract.taxonomy import default_taxonomy
    from streams.core.clean import printable
    from streams.core.extract.extract import extract
    from streams.core.fingerprint import Fingerprinter
    from streams.core.frames.crash import crash_state
    from streams.core.intake import FoldStage
    from streams.core.known_failures.book import default_rules
    from streams.core.redact import mask_opaque, redact
    from streams.producers.formats import records_of
    from streams.producers.joblog import read_log

BYTES_MAX = 4_096
"""Of an input; where time grows faster than the input, such lengths show it."""
SLOW_S = 0.25
"""From here on it is looked at how the time grows. The code is instrumented, so this is about a tenth of it."""
SUPERLINEAR = 9.0
"""Four times the input may take four times as long; the rest is the machine."""

Target = Callable[[bytes], None]

_fingerprint = Fingerprinter()
_stage = FoldStage(fingerprinter=_fingerprint, rules=default_rules(), taxonomy=default_taxonomy(), partitions=1)


def redaction(data: bytes) -> None:
    """Redacting twice changes nothing more, and opaque tokens are masked after it as before."""
    text = data.decode("utf-8", "replace")
    once = redact(text)
    assert redact(once) == once
    masked = mask_opaque(once)
    assert mask_opaque(masked) == masked


def fingerprint(data: bytes) -> None:
    """The same text has the same id, in whatever state the caches are."""
    text = data.decode("utf-8", "replace")
    first = _fingerprint.text(text)
    assert Fingerprinter().text(text) == first
    assert _fingerprint.text(text) == first


def stage(data: bytes) -> None:
    """Whatever a failure says, it is read, and its verdict's evidence is a piece of what it says."""
    failure = Failure(origin=Origin.CI, message=data.decode("utf-8", "replace"), occurred_at_ms=0, ci=Ci())
    told = _stage.told(failure, received_at_ms=0)
    assert told.fingerprint.value.startswith("fp1.")
    flat = " ".join(told.failure.text.split())
    assert " ".join(told.verdict.evidence.split()) in flat
    assert printable(told.failure.message) == told.failure.message


def frames(data: bytes) -> None:
    """A crash has a type, with a line more for the size of an access, and frames of one line each."""
    kind, found = crash_state(data.decode("utf-8", "replace"))
    assert kind.count("\n") <= 1
    assert not any("\n" in frame for frame in found)


def log(data: bytes) -> None:
    """Blocks lie within the log, do not overlap, and a log is read as a stream as it is read whole."""
    lines = data.decode("utf-8", "replace").split("\n")
    blocks = list(extract(lines))
    places = sorted((block.first, block.last) for block in blocks)
    assert all(1 <= first <= last <= len(lines) for first, last in places)
    assert all(before[1] < after[0] for before, after in pairwise(places))
    for record in read_log(io.BytesIO(data), Ci(), occurred_at_ms=0):
        assert record.message


def report(data: bytes) -> None:
    """A report of any format is read or refused, and nothing else happens."""
    with contextlib.suppress(FaultlineError):
        for record in records_of(io.BytesIO(data), Ci(), occurred_at_ms=0):
            assert record.message


TARGETS: dict[str, Target] = {one.__name__: one for one in (redaction, fingerprint, stage, frames, log, report)}


def timed(target: Target) -> Target:
    """The same; a slow input must not be slower than it is long."""

    def run(data: bytes) -> None:
        began_s = time.process_time()
        target(data)
        took_s = time.process_time() - began_s
        if took_s > SLOW_S:
            began_s = time.process_time()
            target(data * 4)
            longer_s = time.process_time() - began_s
            assert longer_s < SUPERLINEAR * took_s, f"{len(data)} bytes {took_s:.2f} s, four times {longer_s:.2f} s"

    return run


def words() -> Iterator[str]:
    """What the readers look for: the texts in their own source."""
    for folder in ("core", "producers"):
        for path in sorted((ROOT / "streams" / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and 3 <= len(node.value) <= 40:
                    yield node.value


def prepare(work: Path) -> list[str]:
    """A dictionary, and logs and traces of our own tests to begin with. Returns libFuzzer's arguments."""
    seeds, dictionary = work / "seeds", work / "words.dict"
    seeds.mkdir(parents=True, exist_ok=True)
    escaped = sorted({"".join(f"\\x{byte:02x}" for byte in word.encode("utf-8", "replace")) for word in words()})
    dictionary.write_text("".join(f'"{word}"\n' for word in escaped))
    number = 0
    for path in sorted((ROOT / "tests" / "suites").rglob("*.txt")):
        for piece in path.read_text().split("\n\n"):
            (seeds / f"{number:05}").write_text(piece[:BYTES_MAX])
            number += 1
    return [f"-dict={dictionary}", f"-artifact_prefix={work}/", str(seeds)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, default=ROOT / ".fuzz")
    parser.add_argument("--input", type=Path, help="run this one input alone: a finding of an earlier run")
    given = parser.parse_args()
    target = timed(TARGETS[given.target])
    if given.input is not None:
        target(given.input.read_bytes())
        return
    limits = [f"-max_total_time={given.seconds}", f"-max_len={BYTES_MAX}", "-timeout=60", "-rss_limit_mb=2048"]
    work = given.work / given.target
    atheris.Setup([sys.argv[0], f"-seed={given.seed}", *limits, *prepare(work)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
