"""Settings: read once, all faults in one error, no secret shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError
from suites.table import each

from streams.contract.errors import ConfigurationError
from streams.environment import OTHER_NAMES, REDACTED, by_variable, described
from streams.settings import Settings

KEY = "sk-ant-canary-0123456789"


def test_nothing_set_gives_the_defaults() -> None:
    settings = Settings.read({"PATH": "/bin", "FAULTLINE_CI": "1", "FAULTLINE_SERVICE_HOST": "10.0.0.1"})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.data) == ("127.0.0.1", 8765, Path(".faultline"))
    assert (settings.primary_category, settings.error_length_max) == ("family", 10_000)


READ = {
    "a port": ("FAULTLINE_PORT", "0", "port", 0),
    "a directory": ("FAULTLINE_DATA", "/var/lib/x", "data", Path("/var/lib/x")),
    "an address of version 6": ("FAULTLINE_HOST", "::1", "host", "::1"),
    "hosts": ("FAULTLINE_ALLOWED_HOSTS", "a.example, b.example,", "allowed_hosts", ("a.example", "b.example")),
    "kinds": ("FAULTLINE_OPTIONAL_KINDS", "timeout", "optional_kinds", frozenset({"timeout"})),
    "the kind": ("CI_PRIMARY_CATEGORY", "kind", "primary_category", "kind"),
    "a url with a path": ("FAULTLINE_URL", "https://ci.example/in", "url", "https://ci.example/in"),
    "brokers": ("FAULTLINE_KAFKA", "a:9092,[::1]:9093", "kafka", "a:9092,[::1]:9093"),
    "one origin": ("SINK_ORIGINS", "ci", "sink_origins", frozenset({"ci"})),
    "an empty variable": ("FAULTLINE_PORT", "", "port", 8765),
}


@each(("variable", "text", "name", "value"), READ.values(), ids=READ)
def test_a_variable_is_read(variable: str, text: str, name: str, value: object) -> None:
    assert getattr(Settings.read({variable: text}), name) == value


WRONG = {
    "FAULTLINE_PORT": ("abc", "expected 0 to 65535"),
    "FAULTLINE_HOST": ("http://x", "expected a host name or an address"),
    "FAULTLINE_RETENTION_DAYS": ("0", "expected a whole number from 1 to 3650"),
    "FAULTLINE_LOG_BYTES_MAX": ("1", "at least 1048576"),
    "FAULTLINE_TAXONOMY": ("no/such.toml", "there is no such file"),
    "CI_PRIMARY_CATEGORY": ("both", "expected family or kind"),
    "MAX_ERROR_LENGTH": ("1e9", "expected a whole number from 100 to 65536"),
    "FAULTLINE_URL": ("localhost", "expected http:// or https://"),
    "FAULTLINE_LOG_FORMAT": ("xml", "expected console or json"),
    "FAULTLINE_KAFKA": ("broker", "expected host:port"),
    "FAULTLINE_PARTITIONS": ("0", "expected a whole number from 1 to 1000"),
    "FAULTLINE_TOPIC_PREFIX": ("A b", "expected up to 60"),
    "SINK_ORIGINS": ("ci,cd", "expected ci, benchmark or both"),
    "OPENSEARCH_URL": ("elsewhere:9200", "expected http:// or https://"),
    "API_FORMAT": ("grpc", "expected anthropic or openai"),
    "API_BASE_URL": ("localhost:8000", "expected http:// or https://"),
    "ANTHROPIC_MODEL": ("claude haiku", "expected a name of an llm"),
    "BATCH_SIZE": ("0", "expected a whole number from 1 to 100"),
    "MAX_RPM": ("none", "expected a whole number from 1 to 10000"),
    "FAULTLINE_LLM_PRICE": ("cheap", "expected two or three numbers"),
    "FAULTLINE_LLM_DOLLARS_PER_DAY": ("-1", "expected a number from 0 to 100000"),
    "MIN_CONFIDENCE_FOR_REUSE": ("80", "expected a number from 0 to 1"),
}


def test_all_faults_come_in_one_error_each_with_name_value_and_what_is_expected() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.read({name: text for name, (text, _) in WRONG.items()})
    lines = str(caught.value).splitlines()
    assert len(lines) == len(WRONG)
    for name, (text, expected) in WRONG.items():
        (line,) = (line for line in lines if line.startswith(f"{name}="))
        assert f"{text!r} (environment)" in line
        assert expected in line


def test_a_misspelt_name_is_a_fault_that_names_the_nearest_and_stands_beside_the_others() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.read({"FAULTLINE_PROT": "1", "FAULTLINE_PORT": "x"})
    first, second = str(caught.value).splitlines()
    assert first == "FAULTLINE_PROT (environment): not a setting; the nearest one is FAULTLINE_PORT"
    assert second.startswith("FAULTLINE_PORT='x'")


def test_the_port_that_kubernetes_sets_is_explained() -> None:
    with pytest.raises(ConfigurationError, match="enableServiceLinks: false"):
        Settings.read({"FAULTLINE_PORT": "tcp://10.0.0.1:8765"})


def test_the_environment_is_stronger_than_the_file(tmp_path: Path) -> None:
    config = tmp_path / "faultline.toml"
    config.write_text('FAULTLINE_PORT = 1\nFAULTLINE_RETENTION_DAYS = 2\nFAULTLINE_ALLOWED_HOSTS = ["a", "b"]\n')
    environ = {"FAULTLINE_PORT": "9"}
    settings = Settings.read(environ, config=config)
    assert (settings.port, settings.retention_days, settings.allowed_hosts) == (9, 2, ("a", "b"))
    sources = {one.name: one.source for one in described(settings, environ, config=config)}
    assert sources["FAULTLINE_PORT"] == "environment"
    assert sources["FAULTLINE_RETENTION_DAYS"] == str(config)
    assert sources["FAULTLINE_HOST"] == "default"


FILES = {
    "missing": (None, "No such file"),
    "not TOML": (b"FAULTLINE_PORT = ", "not TOML"),
    "not text": (b"\xff\xfe\x00", "not TOML"),
    "too long": (b"#" * (1024 * 1024 + 1), "longer than"),
    "an unknown key": (b"port = 1", "port .*: not a setting; the nearest one is FAULTLINE_PORT"),
    "a table": (b"[FAULTLINE_PORT]\na = 1", "FAULTLINE_PORT=.*expected 0 to 65535"),
}


@pytest.mark.parametrize(("content", "told"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_settings_is_refused_by_name(tmp_path: Path, content: bytes | None, told: str) -> None:
    config = tmp_path / "faultline.toml"
    if content is not None:
        config.write_bytes(content)
    with pytest.raises(ConfigurationError, match=told):
        Settings.read({}, config=config)


def test_a_directory_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Is a directory"):
        Settings.read({}, config=tmp_path)


def test_a_secret_is_never_shown() -> None:
    settings = Settings.read({"ANTHROPIC_API_KEY": KEY})
    shown = {one.name: one for one in described(settings, {"ANTHROPIC_API_KEY": KEY})}
    assert shown["ANTHROPIC_API_KEY"].value == REDACTED
    assert not shown["ANTHROPIC_API_KEY"].is_default
    with pytest.raises(ConfigurationError) as caught:
        Settings.read({"ANTHROPIC_API_KEY": KEY + " x", "FAULTLINE_PORT": "x"})
    for text in (repr(settings), str(settings), repr(list(shown.values())), str(caught.value), repr(caught.value)):
        assert "canary" not in text
    assert settings.anthropic_api_key is not None
    assert settings.anthropic_api_key.get_secret_value() == KEY


def test_every_setting_says_what_it_means() -> None:
    told = described(Settings(port=1))
    assert all(one.meaning for one in told)
    assert {one.name: one.source for one in told}["FAULTLINE_PORT"] == "argument"
    assert len({one.name for one in told}) == len(Settings.model_fields)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1


def test_the_process_environment_is_not_read_behind_the_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTLINE_PORT", "1")
    assert Settings().port == Settings.read({}).port == 8765


def test_a_password_for_kafka_needs_tls_and_tls_with_sasl_needs_a_password() -> None:
    with pytest.raises(ConfigurationError, match="need FAULTLINE_KAFKA_SECURITY=sasl_ssl"):
        Settings.read({"FAULTLINE_KAFKA_USER": "u", "FAULTLINE_KAFKA_PASSWORD": KEY})
    with pytest.raises(ConfigurationError, match="needs FAULTLINE_KAFKA_USER") as caught:
        Settings.read({"FAULTLINE_KAFKA_SECURITY": "sasl_ssl", "FAULTLINE_KAFKA_PASSWORD": KEY})
    assert KEY not in str(caught.value)


def test_an_address_with_a_password_is_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="MONGODB_URI") as caught:
        Settings.read({"MONGODB_URI": f"http://u:{KEY}@db"})
    assert KEY not in str(caught.value)
    settings = Settings.read({"MONGODB_URI": f"mongodb://u:{KEY}@db"})
    assert KEY not in repr(settings)
    assert all(KEY not in one.value for one in described(settings))


ROOT = Path(__file__).parents[2]
COMPOSE_OWN = {"FAULTLINE_IMAGE"}
"""Read by `deploy/compose.yaml` itself."""


def test_every_variable_that_the_documents_name_is_a_setting_or_a_switch_of_the_tests() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "deploy").rglob("*.md"), *(ROOT / "deploy").rglob("*.y*ml")]
    known = set(by_variable(Settings)) | COMPOSE_OWN
    named = {
        (name, document.name)
        for document in documents
        for name in re.findall(r"\bFAULTLINE_[A-Z][A-Z_]*[A-Z]\b", document.read_text(encoding="utf-8"))
    }
    assert {"FAULTLINE_KAFKA", "FAULTLINE_RULES"} <= {name for name, _ in named}
    assert [one for one in sorted(named) if one[0] not in known and not OTHER_NAMES.fullmatch(one[0])] == []


def test_every_setting_is_in_the_table_of_the_documents_with_its_default() -> None:
    table = (ROOT / "deploy" / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = []
    for one in described(Settings()):
        _, field = by_variable(Settings)[one.name]
        value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else one.value
        rows.append(f"| `{one.name}` | {one.meaning} | {f'`{value}`' if value else ''} |")
    assert [row for row in rows if row not in table.splitlines()] == []
    assert len([line for line in table.splitlines() if line.startswith("| `")]) == len(rows)
