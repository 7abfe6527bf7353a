"""The files that deploy us: right by their schemas, bounded, closed, and nothing in them that we do not know."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from suites.compose import FILE, ROOT, compose, ours

from streams.cli.wiring import ROLES
from streams.settings import Settings

SERVICES = compose()["services"]
STORES = {"kafka", "mongodb", "opensearch"}


def test_compose_is_right_by_the_schema_of_its_specification():
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [str(program), "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_of_dockerfiles_finds_nothing():
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("hadolint is built for Linux on x86_64 alone")
    command = [program, "--failure-threshold", "style", str(ROOT / "deploy" / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_every_role_has_a_container_and_no_container_another_command():
    commands = {" ".join(service.command[:-2]) for service in ours() if service.name != "topics"}
    assert commands == {*ROLES, "classify"}
    (topics,) = [service for service in ours() if service.name == "topics"]
    assert topics.command == ["topics", "apply"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_and_comes_back(name):
    service = SERVICES[name]
    assert "mem_limit" in service
    assert service["restart"] in {"unless-stopped", "on-failure:5"}
    assert "no-new-privileges:true" in service["security_opt"]
    assert ("healthcheck" in service) == (name != "topics")
    for port in service.get("ports", ()):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), "nothing listens beyond this machine"
    if name in STORES:
        assert "ports" not in service
        assert service["volumes"], "what it keeps outlives the container"
    else:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_for_what_it_needs(name):
    needs = SERVICES[name].get("depends_on", {})
    assert set(needs) <= set(SERVICES)
    for other, one in needs.items():
        wanted = "service_completed_successfully" if other == "topics" else "service_healthy"
        assert one["condition"] == wanted
    if name not in STORES | {"topics"}:
        assert "topics" in needs


def test_an_end_has_the_time_that_a_role_takes():
    for service in ours():
        if service.health is not None:
            assert SERVICES[service.name]["stop_grace_period"] == "35s", "a role ends within 30 s"


@pytest.mark.parametrize("service", ours({"ANTHROPIC_API_KEY": "a-key-for-tests"}), ids=lambda one: one.name)
def test_every_variable_is_a_setting(service):
    """A misspelt one would be found at the start only."""
    settings = Settings.read(service.environment)
    assert settings.kafka == "kafka:9092"
    assert settings.log_format == "json"


def test_the_image_holds_no_root_and_takes_locked_packages_alone():
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    last = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "PYTHONSAFEPATH=1" in last
    assert text.count('"install"') == 2
    assert '"--require-hashes", "--no-deps", "-r", "requirements.lock"' in text
    for named in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for path in named.split():
            assert (ROOT / path).exists(), path
