"""Failures made now, by real tools of this machine, and sent to a running server: something to see on the first page.

    python deploy/demo/make_failures.py --url http://127.0.0.1:8765

Nothing leaves the machine: package installation runs without an index, and the model provider is a server in this
process. A tool that is not here is named and left out. Each tool has 60 seconds, everything together 120.
Every start is a run of its own, so starting twice doubles the counts.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.delivery import Delivery
from streams.cli.options import URL_DEFAULT
from streams.cli.server import Server
from streams.contract.errors import FaultlineError
from streams.contract.failure import Ci, Failure
from streams.producers.benchmark import from_exception
from streams.producers.joblog import read_log
from streams.producers.junit import read_junit
from streams.producers.report import failures

if TYPE_CHECKING:
    import anthropic

HERE = Path(__file__).resolve().parent
TOOL_S_MAX = 60.0
ALL_S_MAX = 120.0
SEND_S_MAX = 20.0
BATCH = 20
"""Failures sent at a time, so that the first are seen while the next are made."""
READY_S_MAX = 1.0
AT_ONCE = 2
"""Tools at the same time: the server that shows them needs some of the machine too."""

PROVIDER_ANSWERS = (
    (429, "rate_limit_error", "This request would exceed your limit of {number} output tokens per minute.", 5),
    (529, "overloaded_error", "Overloaded", 4),
    (404, "not_found_error", "model: {model}", 3),
    (401, "authentication_error", "invalid x-api-key", 3),
    (402, "billing_error", "Your credit balance is too low to access the API.", 2),
    (500, "api_error", "Internal server error", 2),
    (200, "", "", 2),
)
"""Status, type and message of an answer, and how often each model gets it. 200 stands for JSON that breaks off."""
MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-nonexistent-9")
WANTED = "x-demo-answer"


class NotHere(Exception):
    """The machine lacks what a source needs."""


class Tools:
    """Runs programs with an environment of their own, within the time that is left; `stop` ends those that run."""

    def __init__(self, home: Path) -> None:
        self._ends_s = time.monotonic() + ALL_S_MAX
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        kept = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "PYTHONPATH")
        # No HOME of the user and none of make's own variables: the outcome must not depend on where this was started.
        self.environ = {name: os.environ[name] for name in kept if name in os.environ} | {
            "HOME": str(home),
            "TMPDIR": str(home),
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }

    def output(self, *command: str | Path) -> list[str]:
        """The lines that the command printed, as a job's log has them. Raises: NotHere, subprocess.TimeoutExpired."""
        if shutil.which(command[0]) is None:
            raise NotHere(f"{command[0]} is not on this machine")
        with subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environ,
            cwd=HERE,
        ) as process:
            with self._lock:
                self._running.add(process)
            try:
                out, _ = process.communicate(timeout=min(TOOL_S_MAX, max(0.1, self._ends_s - time.monotonic())))
            except BaseException:
                process.kill()
                raise
            finally:
                with self._lock:
                    self._running.discard(process)
        lines = out.decode("utf-8", "replace").splitlines()
        return [*lines, f"{shlex.join(map(str, command))}: exit status {process.returncode}"]

    def stop(self) -> None:
        """End what runs."""
        with self._lock:
            for process in self._running:
                process.kill()


Source = Callable[[Tools, Path, Ci], Iterator[Failure]]


def pytest_suite(tools: Tools, scratch: Path, context: Ci) -> Iterator[Failure]:
    """A suite of tests, by its JUnit report."""
    report = scratch / "report.xml"
    suite = HERE / "suite"
    words = ("-m", "pytest", "-q", "-c", suite / "pytest.ini", "--rootdir", suite, f"--junitxml={report}", suite)
    lines = tools.output(sys.executable, *words)
    if not report.exists():
        raise NotHere(lines[0] if lines else "pytest said nothing")
    with report.open("rb") as stream:
        yield from failures(read_junit(stream), context, occurred_at_ms=now_ms())


def pip_install(tools: Tools, scratch: Path, context: Ci) -> Iterator[Failure]:
    """The installation of a package that is nowhere."""
    words = ("-m", "pip", "install", "--no-index", "--no-cache-dir", "--target", scratch, "shop-currencies==3.2")
    yield from of_log(tools.output(sys.executable, *words), context, "No module named pip")


def python_syntax(tools: Tools, scratch: Path, context: Ci) -> Iterator[Failure]:
    """A program with a syntax error."""
    del scratch
    yield from of_log(tools.output(sys.executable, Path("build", "broken.py")), context)


def make_build(tools: Tools, scratch: Path, context: Ci) -> Iterator[Failure]:
    """A build with a recipe that fails and a rule that is missing."""
    del scratch
    for target in ("package", "images"):
        yield from of_log(tools.output("make", "-C", "build", target), context)


def c_compile(tools: Tools, scratch: Path, context: Ci) -> Iterator[Failure]:
    """A C program that does not compile, and one that does not link."""
    compiler = next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)
    if compiler is None:
        raise NotHere("no C compiler is on this machine")
    for name in ("broken.c", "unlinked.c"):
        yield from of_log(tools.output(compiler, Path("build", name), "-o", scratch / "shop"), context)


def model_provider(tools: Tools, scratch: Path, context: Ci) -> Iterator[Failure]:
    """A model provider's errors, as its own client raises them."""
    del tools, scratch
    try:
        import anthropic
    except ImportError as error:
        raise NotHere(str(error)) from error
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0, timeout=5.0) as client:
                for status, _, _, times in PROVIDER_ANSWERS:
                    for model, number in itertools.product(MODELS, range(times)):
                        yield provider_error(client, f"{status} {number}", model, context.run_id)
        finally:
            server.shutdown()


def provider_error(client: anthropic.Anthropic, wanted: str, model: str, run_id: str) -> Failure:
    """The failure of one call."""
    try:
        client.messages.create(
            model=model,
            max_tokens=16,
            messages=[{"role": "user", "content": "2 + 2?"}],
            extra_headers={WANTED: wanted},
        )
    except Exception as error:  # the client raises its own errors, and those of JSON and HTTP as they are
        return from_exception(
            error, occurred_at_ms=now_ms(), provider="anthropic", model=model, stage="generate", run_id=run_id
        )
    raise AssertionError(f"the call that asked for {wanted} did not fail")


class Provider(BaseHTTPRequestHandler):
    """Answers with the status that the header WANTED asks for, as a provider words it."""

    protocol_version = "HTTP/1.1"
    count = 0

    def do_POST(self) -> None:
        """One call of the client."""
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, number = (int(word) for word in self.headers[WANTED].split())
        _, kind, text, _ = next(row for row in PROVIDER_ANSWERS if row[0] == status)
        Provider.count += 1
        request_id = f"req_{time.time_ns():024x}{Provider.count:04x}"
        message = text.format(model=sent["model"], number=4000 * (number + 1))
        told = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
        body = json.dumps(told).encode() if kind else b'{"id": "msg_01", "type": "message", "content": [{"type":'
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("request-id", request_id)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing: the failures do."""


SOURCES: tuple[tuple[str, str, Source], ...] = (
    ("a program with a syntax error", "lint", python_syntax),
    ("errors of a model provider", "", model_provider),
    ("a failing make", "build", make_build),
    ("C that does not compile or link", "native", c_compile),
    ("a failing pytest suite", "unit", pytest_suite),
    ("pip install of a package that is nowhere", "install", pip_install),
)


def of_log(lines: list[str], context: Ci, not_here: str = "") -> Iterator[Failure]:
    """The failures in what a tool printed."""
    if not_here and any(not_here in line for line in lines):
        raise NotHere(not_here)
    yield from read_log(lines, context, occurred_at_ms=now_ms())


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def told(name: str, job: str, source: Source, tools: Tools, run_id: str, url: str) -> tuple[str, bool]:
    """Runs one source and sends what it finds. Returns a line about it, and whether the server took it."""
    context = Ci(repo="demo/shop", workflow="nightly", run_id=run_id, job_id=job, job_name=job, branch="main")
    delivery = Delivery(url=url, deadline_s=SEND_S_MAX, dry_run=False, as_json=True, strict=True)
    begun_s = time.monotonic()
    sent, lost = 0, []
    try:
        with tempfile.TemporaryDirectory(prefix="faultline-demo-") as scratch:
            found = source(tools, Path(scratch), context)
            while batch := list(itertools.islice(found, BATCH)):
                ledger = delivery.send(batch)
                sent += ledger.sent
                lost += [] if ledger.is_clean else [ledger.summary("sent")]
    except NotHere as error:
        return f"{name}: left out, {error}", True
    except subprocess.TimeoutExpired as error:
        return f"{name}: left out, no end within {error.timeout:.0f} s", True
    line = f"{name}: {sent} failure{'' if sent == 1 else 's'} sent ({time.monotonic() - begun_s:.1f} s)"
    return "; ".join([line, *lost]), not lost


def own_commands(url: str) -> str:
    """What to type to send one's own."""
    beside = Path(sys.executable).with_name("faultline")
    try:
        command = str(beside.relative_to(Path.cwd())) if beside.exists() else "faultline"
    except ValueError:
        command = str(beside)
    option = "" if url == URL_DEFAULT else f" --url {url}"
    event = json.dumps({"origin": "ci", "message": "disk full on build-7", "ci": {"repo": "acme/shop"}})
    return "\n".join(
        (
            "Now send your own:",
            f"  {command} publish junit 'path/to/**/*.xml'{option}",
            f"  make test 2>&1 | {command} publish log -{option}",
            f"  curl -sS {url}/v1/events -H 'Content-Type: application/json' -d '{event}'",
        )
    )


def main() -> int:
    """Make everything. Returns the exit status: 0 when all that could be made was taken."""
    parser = argparse.ArgumentParser(description="Make failures with the tools of this machine, and send them.")
    parser.add_argument("--url", default=URL_DEFAULT, help=f"the running server (default {URL_DEFAULT})")
    url = parser.parse_args().url.rstrip("/")
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    try:
        Server(url, deadline_s=READY_S_MAX, refused_s=READY_S_MAX).get("/readyz")
    except FaultlineError as error:
        print(f"no failures made: {error}", flush=True)
        return 1
    run_id = f"demo-{time.time_ns() // 1_000_000}"
    with tempfile.TemporaryDirectory(prefix="faultline-demo-") as home:
        tools = Tools(Path(home))

        def stop(*_: object) -> None:
            tools.stop()
            shutil.rmtree(home, ignore_errors=True)
            os._exit(143)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        print("making failures with the tools of this machine:", flush=True)
        is_clean = True
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in as_completed(pool.submit(told, *source, tools, run_id, url) for source in SOURCES):
                line, was_taken = done.result()
                is_clean = is_clean and was_taken
                print(f"  {line}", flush=True)
    print(own_commands(url), flush=True)
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
