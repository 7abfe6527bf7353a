"""What may be set of the OpenSearch sink. Built from the settings by whoever wires, and by tests directly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import SecretStr

from streams.contract.documents import FULL_TEXT_CHARS_MAX
from streams.contract.failure import Origin
from streams.contract.mappings import NAMES
from streams.settings import Settings

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSearchOptions:
    """Every limit of the sink, with the defaults that are used in earnest."""

    url: str
    username: str = ""
    password: SecretStr | None = None
    ca: Path | None = None
    """Certificates to trust instead of the system's."""
    indexes: Mapping[Origin, str] = field(default_factory=lambda: dict(NAMES))
    """Name under which the documents of an origin are read; also the beginning of their indexes' names."""
    origins: frozenset[Origin] = frozenset(Origin)
    """Whose documents are written; records of the others are passed over."""
    period: Literal["none", "month", "day"] = "month"
    replicas: int = 1
    primary_is_kind: bool = False
    full_text_chars_max: int = FULL_TEXT_CHARS_MAX
    backfill_days: int = 30
    """A verdict changes documents of failures up to so many days older than itself."""
    bulk_documents_max: int = 500
    bulk_bytes_max: int = MIB
    """Of one request, unless a single document is larger; aiohttp warns of more, because it would hold up the loop."""
    request_s_max: float = 30.0
    """A request without an answer for so long is given up."""
    write_s_max: float = 120.0
    """One call of `write`: after it the caller hears `SinkUnavailable`, and what was written stays written."""
    changes_per_s: int = 5_000
    """Documents that a new verdict changes, at most; so that searches of people go on."""

    @classmethod
    def of(cls, settings: Settings) -> OpenSearchOptions:
        """The options that the settings say."""
        return cls(
            url=settings.opensearch_url,
            username=settings.opensearch_username,
            password=settings.opensearch_password,
            ca=settings.opensearch_ca,
            indexes={Origin.CI: settings.opensearch_index, Origin.BENCHMARK: settings.opensearch_benchmark_index},
            origins=frozenset(Origin(name) for name in settings.sink_origins),
            period=settings.opensearch_period,
            replicas=settings.opensearch_replicas,
            primary_is_kind=settings.primary_category == "kind",
            full_text_chars_max=settings.error_length_max,
            backfill_days=settings.verdict_backfill_days,
        )
