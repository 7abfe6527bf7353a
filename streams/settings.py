"""The settings of the streams wing: read once, in an entry point, and handed down.

A setting is an environment variable, or a key of the same name in the file given with `--config`; the environment is
stronger. Variables of the earlier systems keep their names, ours begin with `FAULTLINE_`. An empty variable counts as
not set. All faults come in one error, each with the variable, what was given, and what is expected.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from streams.contract.errors import ConfigurationError
from streams.contract.taxonomy import Taxonomy, default_taxonomy
from streams.environment import by_variable, fault, given

_LLM: Final = r"^[A-Za-z0-9][A-Za-z0-9_.:/@\-]{0,127}$"
"""Names of language models, those of gateways and local servers among them."""


def _listed(value: object) -> object:
    """A text with commas as a list of words."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _setting(default: object, variable: str, meaning: str, expected: str, **bounds: Any) -> Any:
    return Field(
        default, validation_alias=variable, description=meaning, json_schema_extra={"expected": expected}, **bounds
    )


class Settings(BaseSettings):
    """Frozen. Tests build it directly; programs call `Settings.read`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, hide_input_in_errors=True
    )

    host: str = _setting(
        "127.0.0.1",
        "FAULTLINE_HOST",
        "address to listen on; there is no password, so leave it on loopback or put a proxy before it",
        "a host name or an address",
        pattern=r"^[A-Za-z0-9_.:\-]{1,255}$",
    )
    port: int = _setting(
        8765, "FAULTLINE_PORT", "port of the page and the gateway; 0 takes a free one", "0 to 65535", ge=0, le=65535
    )
    data: Path = _setting(
        Path(".faultline"), "FAULTLINE_DATA", "directory of the log and the documents", "a directory, made when missing"
    )
    retention_days: int = _setting(
        30, "FAULTLINE_RETENTION_DAYS", "days that documents are kept", "a whole number from 1 to 3650", ge=1, le=3650
    )
    log_bytes_max: int = _setting(
        256 * 1024 * 1024,
        "FAULTLINE_LOG_BYTES_MAX",
        "bytes of input waiting in the log, past which senders are told to come later (429)",
        "a whole number of bytes, at least 1048576",
        ge=1024 * 1024,
        le=2**40,
    )
    allowed_hosts: Annotated[tuple[str, ...], BeforeValidator(_listed)] = _setting(
        (),
        "FAULTLINE_ALLOWED_HOSTS",
        "host names besides the loopback ones under which this is reached; * allows all",
        "host names without port, separated by commas",
    )
    taxonomy: Path | None = _setting(
        None, "FAULTLINE_TAXONOMY", "a taxonomy.toml that replaces the built-in kinds", "a file that exists"
    )
    rules: Path | None = _setting(
        None,
        "FAULTLINE_RULES",
        "masks, frame rules and grouping rules of your own (needs the extra `rules`)",
        "a file that exists",
    )
    rules_before: Path | None = _setting(
        None,
        "FAULTLINE_RULES_BEFORE",
        "the rules in use until lately (an empty file for none): what they made of a failure hands its verdict on",
        "a file that exists",
    )
    optional_kinds: Annotated[frozenset[str], BeforeValidator(_listed)] = _setting(
        frozenset(),
        "FAULTLINE_OPTIONAL_KINDS",
        "optional kinds of the taxonomy to use, such as timeout,budget_exhausted",
        "names of kinds, separated by commas",
    )
    primary_category: Literal["family", "kind"] = _setting(
        "family", "CI_PRIMARY_CATEGORY", "what the field s_primary_category of CI documents holds", "family or kind"
    )
    error_length_max: int = _setting(
        10_000,
        "MAX_ERROR_LENGTH",
        "characters of an error text that a document keeps",
        "a whole number from 100 to 65536",
        ge=100,
        le=65536,
    )
    url: str = _setting(
        "http://127.0.0.1:8765",
        "FAULTLINE_URL",
        "where `faultline publish` sends",
        "http:// or https://, a host, and perhaps a port and a path",
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
    )
    kafka: str = _setting(
        "127.0.0.1:9092",
        "FAULTLINE_KAFKA",
        "Kafka brokers to begin with",
        "host:port, several separated by commas",
        pattern=r"^[A-Za-z0-9_.\-\[\]:]+:\d{1,5}(,[A-Za-z0-9_.\-\[\]:]+:\d{1,5})*$",
    )
    kafka_security: Literal["plaintext", "ssl", "sasl_ssl"] = _setting(
        "plaintext",
        "FAULTLINE_KAFKA_SECURITY",
        "how the brokers are spoken to; a password is never sent without TLS",
        "plaintext, ssl or sasl_ssl",
    )
    kafka_ca: Path | None = _setting(
        None, "FAULTLINE_KAFKA_CA", "certificates to trust instead of the system's", "a PEM file that exists"
    )
    kafka_user: str = _setting("", "FAULTLINE_KAFKA_USER", "user for SCRAM-SHA-512", "a name, with sasl_ssl alone")
    kafka_password: SecretStr | None = _setting(
        None, "FAULTLINE_KAFKA_PASSWORD", "password for SCRAM-SHA-512", "a password, with sasl_ssl alone"
    )
    partitions: int = _setting(
        12,
        "FAULTLINE_PARTITIONS",
        "partitions of every topic; all have the same number, and it stays",
        "a whole number from 1 to 1000",
        ge=1,
        le=1000,
    )
    replication: int = _setting(
        1, "FAULTLINE_REPLICATION", "copies of every partition", "a whole number from 1 to 9", ge=1, le=9
    )
    topic_prefix: str = _setting(
        "",
        "FAULTLINE_TOPIC_PREFIX",
        "what every topic, group and transactional id begins with, where several installations share brokers",
        "up to 60 of a-z 0-9 . _ -",
        pattern=r"^[a-z0-9._\-]{0,60}$",
    )
    recent_ids: int = _setting(
        100_000,
        "FAULTLINE_RECENT_IDS",
        "ids of failures that the fold stage remembers for each partition to drop repeats; 22 bytes each",
        "a whole number from 0 to 10000000",
        ge=0,
        le=10_000_000,
    )
    baseline_bytes_max: int = _setting(
        128 * 1024 * 1024,
        "FAULTLINE_BASELINE_BYTES_MAX",
        "bytes of hashes of passing runs that a gateway holds, at most 1.6 MB a job; all gateways have the same",
        "a whole number from 4194304 (4 MiB) to 17179869184",
        ge=4 * 1024 * 1024,
        le=16 * 1024**3,
    )
    rejected_in_a_row: int = _setting(
        500,
        "FAULTLINE_REJECTED_IN_A_ROW",
        "unreadable items one after the other in a partition, past which a role stops; 0 for no bound",
        "a whole number from 0 to 1000000000",
        ge=0,
        le=10**9,
    )
    rejected_ratio: float = _setting(
        0.5,
        "FAULTLINE_REJECTED_RATIO",
        "part of the last 2,000 items of a partition that may be unreadable before a role stops; 1 for no bound",
        "a number from 0 to 1",
        ge=0,
        le=1,
    )
    mongodb_uri: SecretStr = _setting(
        SecretStr("mongodb://127.0.0.1:27017"),
        "MONGODB_URI",
        "the MongoDB that documents are written to",
        "mongodb:// or mongodb+srv://, with user and password where it wants them",
    )
    mongodb_db: str = _setting(
        "llm-bench", "MONGODB_DB", "its database", "a name of at most 60 characters", pattern=r"^[A-Za-z0-9_\-]{1,60}$"
    )
    mongodb_errors: str = _setting(
        "errors_cloud",
        "MONGODB_COLLECTION_ERRORS",
        "collection of benchmark failures",
        "a name of a collection",
        pattern=r"^[A-Za-z0-9_.\-]{1,100}$",
    )
    mongodb_rollups: str = _setting(
        "error_rollups",
        "MONGODB_COLLECTION_ERROR_ROLLUPS",
        "collection of counts by dimension",
        "a name of a collection",
        pattern=r"^[A-Za-z0-9_.\-]{1,100}$",
    )
    opensearch_url: str = _setting(
        "http://127.0.0.1:9200",
        "OPENSEARCH_URL",
        "the OpenSearch that documents are written to",
        "http:// or https://, a host, and perhaps a port and a path",
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
    )
    opensearch_username: str = _setting("", "OPENSEARCH_USERNAME", "its user", "a name")
    opensearch_password: SecretStr | None = _setting(None, "OPENSEARCH_PASSWORD", "its password", "a password")
    opensearch_ca: Path | None = _setting(
        None, "FAULTLINE_OPENSEARCH_CA", "certificates to trust instead of the system's", "a PEM file that exists"
    )
    opensearch_index: str = _setting(
        "error_classifications",
        "ERROR_CLASSIFICATION_INDEX",
        "index (read alias) of CI failures",
        "a lower case name of an index",
        pattern=r"^[a-z0-9][a-z0-9_.\-]{0,100}$",
    )
    opensearch_benchmark_index: str = _setting(
        "benchmark_failures",
        "FAULTLINE_BENCHMARK_INDEX",
        "index (read alias) of benchmark failures",
        "a lower case name of an index",
        pattern=r"^[a-z0-9][a-z0-9_.\-]{0,100}$",
    )
    opensearch_replicas: int = _setting(
        1, "FAULTLINE_INDEX_REPLICAS", "copies of every index besides the first", "0 to 9", ge=0, le=9
    )
    opensearch_period: Literal["none", "month", "day"] = _setting(
        "month",
        "FAULTLINE_INDEX_PERIOD",
        "how often a new index begins, by the time of the failure; old ones are dropped whole",
        "none, month or day",
    )
    sink_origins: Annotated[frozenset[str], BeforeValidator(_listed)] = _setting(
        frozenset({"ci", "benchmark"}),
        "SINK_ORIGINS",
        "whose failures a sink writes",
        "ci, benchmark or both, separated by commas",
    )
    verdict_backfill_days: int = _setting(
        30,
        "VERDICT_BACKFILL_DAYS",
        "how old documents may be that a new verdict still changes",
        "a whole number from 1 to 3650",
        ge=1,
        le=3650,
    )
    log_format: Literal["console", "json"] = _setting(
        "console", "FAULTLINE_LOG_FORMAT", "how log lines are written", "console or json"
    )
    anthropic_api_key: SecretStr | None = _setting(
        None,
        "ANTHROPIC_API_KEY",
        "key of the llm; without it verdicts come from the status and the rules",
        "a key without white space",
        min_length=8,
    )

    openai_api_key: SecretStr | None = _setting(
        None, "OPENAI_API_KEY", "key of the llm where it is OpenAI's", "a key without white space", min_length=8
    )
    anthropic_model: str = _setting(
        "claude-haiku-5-5", "ANTHROPIC_MODEL", "the llm that is asked, of Anthropic", "a name of an llm", pattern=_LLM
    )
    openai_model: str = _setting(
        "gpt-6-luna", "OPENAI_MODEL", "the llm that is asked, over API_FORMAT=openai", "a name of an llm", pattern=_LLM
    )
    api_format: Literal["", "anthropic", "openai"] = _setting(
        "",
        "API_FORMAT",
        "what the llm's interface speaks; empty: as the key says, Anthropic's first",
        "anthropic or openai",
    )
    api_base_url: str = _setting(
        "",
        "API_BASE_URL",
        "where the llm is; empty: at its maker's. A gateway or a server of one's own needs no key",
        "http:// or https://, a host, and perhaps a port and a path",
        pattern=r"^(https?://[^\s/?#@]+(/[^\s?#]*)?)?$",
    )
    batch_size: int = _setting(
        50, "BATCH_SIZE", "fingerprints in one question to the llm", "a whole number from 1 to 100", ge=1, le=100
    )
    batch_age_s: float = _setting(
        2.0,
        "FAULTLINE_BATCH_AGE_S",
        "seconds that the first fingerprint of a question waits for others",
        "a number from 0.1 to 60",
        ge=0.1,
        le=60,
    )
    rpm_max: int = _setting(
        50, "MAX_RPM", "requests to the llm in any minute", "a whole number from 1 to 10000", ge=1, le=10_000
    )
    llm_dollars_per_hour: float = _setting(
        1.0,
        "FAULTLINE_LLM_DOLLARS_PER_HOUR",
        "dollars that the llm may take in any hour, for each process",
        "a number from 0 to 10000",
        ge=0,
        le=10_000,
    )
    llm_dollars_per_day: float = _setting(
        10.0,
        "FAULTLINE_LLM_DOLLARS_PER_DAY",
        "dollars that the llm may take in any 24 hours, for each process",
        "a number from 0 to 100000",
        ge=0,
        le=100_000,
    )
    llm_price: str = _setting(
        "",
        "FAULTLINE_LLM_PRICE",
        "dollars per million tokens of an llm that is not in the price table, or is cheaper for you",
        "two or three numbers with commas between: in,out or in,out,cached",
        pattern=r"^(\d{1,5}(\.\d{1,6})?(,\d{1,5}(\.\d{1,6})?){1,2})?$",
    )
    verdict_ttl_hours: int = _setting(
        168,
        "CLASSIFICATION_CACHE_TTL_HOURS",
        "hours after which a verdict of low confidence is asked for again",
        "a whole number from 1 to 87600",
        ge=1,
        le=87_600,
    )
    confidence_min: float = _setting(
        0.8,
        "MIN_CONFIDENCE_FOR_REUSE",
        "a verdict of the llm of at least this confidence is not asked for again",
        "a number from 0 to 1",
        ge=0,
        le=1,
    )

    @field_validator("sink_origins")
    @classmethod
    def _are_origins(cls, origins: frozenset[str]) -> frozenset[str]:
        if not origins or origins - {"ci", "benchmark"}:
            raise ValueError("name at least one of them, and no other")
        return origins

    @field_validator("mongodb_uri")
    @classmethod
    def _is_mongodb(cls, uri: SecretStr) -> SecretStr:
        if not uri.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("it does not begin with mongodb://")
        return uri

    @model_validator(mode="after")
    def _has_password_for_tls_alone(self) -> Settings:
        named = bool(self.kafka_user), self.kafka_password is not None
        if self.kafka_security == "sasl_ssl" and not all(named):
            raise ValueError("FAULTLINE_KAFKA_SECURITY=sasl_ssl needs FAULTLINE_KAFKA_USER and _PASSWORD")
        if self.kafka_security != "sasl_ssl" and any(named):
            raise ValueError("FAULTLINE_KAFKA_USER and _PASSWORD need FAULTLINE_KAFKA_SECURITY=sasl_ssl")
        return self

    @field_validator("taxonomy", "rules", "rules_before", "kafka_ca", "opensearch_ca")
    @classmethod
    def _is_file(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_file():
            raise ValueError("there is no such file")
        return path

    @field_validator("anthropic_api_key", "openai_api_key")
    @classmethod
    def _is_one_word(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and key.get_secret_value().split() != [key.get_secret_value()]:
            raise ValueError("there is white space in it")
        if key is not None and not key.get_secret_value().isascii():
            raise ValueError("there is something in it that no header can carry")
        return key

    def load_taxonomy(self) -> Taxonomy:
        """The kinds to use: those of the file that is set, else the built-in ones.

        Raises: ConfigurationError when the file cannot be read, or with all its faults.
        """
        if self.taxonomy is None:
            return default_taxonomy(self.optional_kinds)
        text = _read("FAULTLINE_TAXONOMY", self.taxonomy)
        return Taxonomy.from_toml(text, source=str(self.taxonomy), optional_kinds=self.optional_kinds)

    def rules_text(self) -> str:
        """What the file of rules holds; empty where none is set. Raises: ConfigurationError when it cannot be read."""
        return "" if self.rules is None else _read("FAULTLINE_RULES", self.rules)

    def rules_before_text(self) -> str | None:
        """What the file of the rules before holds; None where none is set. Raises: ConfigurationError."""
        return None if self.rules_before is None else _read("FAULTLINE_RULES_BEFORE", self.rules_before)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed over: nothing is read behind the caller's back."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @classmethod
    def read(cls, environ: Mapping[str, str], *, config: Path | None = None) -> Settings:
        """The settings of an environment and, under it, of a TOML file.

        Raises: ConfigurationError with every fault, one a line.
        """
        fields = by_variable(cls)
        found, faults = given(fields, environ, config)
        try:
            settings = cls.model_validate({variable: one.value for variable, one in found.items()})
        except ValidationError as error:
            told = error.errors(include_url=False, include_input=False)
            wrong = {str(one["loc"][0]): one["msg"] for one in told if one["loc"]}
            faults += [fault(name, fields[name][1], found[name], reason) for name, reason in wrong.items()]
            faults += [one["msg"].removeprefix("Value error, ") for one in told if not one["loc"]]
            raise ConfigurationError("\n".join(faults)) from None  # the cause would show what was given
        if faults:
            raise ConfigurationError("\n".join(faults))
        return settings


def _read(variable: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{variable}={path}: cannot be read ({error})") from error
