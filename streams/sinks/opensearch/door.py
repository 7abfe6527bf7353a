"""One request to OpenSearch: its answer, or the error that says what to do.

ConfigurationError   wrong credentials, a missing right, TLS where there is none: waiting will not help
SinkUnavailable      away, too slow, blocked, full: later
Refused              an answer that the caller of `ask` knows how to take: 400, 404, 413, 429, 503 and the like

The client's own retries are off: it has no back-off, and it does not know which parts of a bulk are due again.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from opensearchpy import AsyncOpenSearch, exceptions

from streams.contract.errors import ConfigurationError, SinkUnavailable
from streams.sinks.opensearch.options import OpenSearchOptions

RETRY_AFTER_S: Final = 5.0
BUSY: Final = frozenset({429, 500, 502, 503, 504})
"""The same request may be taken a moment later."""
BLOCKED: Final = "cluster_block_exception"
CLOSED: Final = "index_closed_exception"
NO_INDEX: Final = "index_not_found_exception"
REASON_CHARS_MAX: Final = 300
TLS_PROBE_S_MAX: Final = 3.0
RIGHTS: Final = (
    "its user needs cluster_composite_ops and cluster_manage_index_templates on the cluster, and crud, create_index,"
    " manage and indices_monitor on these indexes"
)


class Refused(Exception):
    """OpenSearch understood who asks, and did not do what was asked. `kind` is its own name for the reason."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(f"{status} {kind}: {reason}")
        self.status = status
        self.kind = kind
        self.reason = one_line(reason)

    @property
    def is_busy(self) -> bool:
        """Whether the same request may be taken a moment later."""
        return self.status in BUSY and self.kind != BLOCKED


def one_line(text: str) -> str:
    """The text in one line of at most REASON_CHARS_MAX characters."""
    line = " ".join(text.split())
    return line if len(line) <= REASON_CHARS_MAX else f"{line[:REASON_CHARS_MAX]}..."


def refused_of(status: int, body: object) -> Refused:
    """What an error's body says: `error`, or the first of the `failures` of a request over many documents."""
    if isinstance(body, dict):
        failures = body.get("failures")
        error = body.get("error")
        if error is None and isinstance(failures, list) and failures:
            error = failures[0].get("cause") or failures[0].get("reason")
            status = failures[0].get("status", status)
        if isinstance(error, dict):
            cause = error.get("caused_by") or {}
            reason = f"{error.get('reason', '')} ({cause['reason']})" if "reason" in cause else error.get("reason", "")
            return Refused(status, str(error.get("type", "")), str(reason))
        return Refused(status, "", str(error))
    return Refused(status, "", str(body or ""))


def blocked(refused: Refused, url: str) -> SinkUnavailable:
    """The one line about a store that takes no writes, and the way out."""
    full = "flood-stage" in refused.reason or "read-only-allow-delete" in refused.reason
    way = (
        "free space on its disks; it lifts the block by itself"
        if full
        else 'lift it: PUT /<index>/_settings {"index.blocks.write": null, "index.blocks.read_only": null},'
        ' or, of the cluster, PUT /_cluster/settings {"persistent": {"cluster.blocks.read_only": null,'
        ' "cluster.blocks.read_only_allow_delete": null}}'
    )
    return SinkUnavailable(f"OpenSearch at {url} takes no writes: {refused.reason} {way}", retry_after_s=RETRY_AFTER_S)


def halted(refused: Refused, url: str) -> SinkUnavailable | None:
    """The error for a refusal that a person has to lift, though waiting loses nothing; None for any other."""
    if refused.kind == BLOCKED:
        return blocked(refused, url)
    if refused.kind == CLOSED:
        return SinkUnavailable(
            f"OpenSearch at {url} holds this index closed: {refused.reason}; open it: POST /<index>/_open",
            retry_after_s=RETRY_AFTER_S,
        )
    return None


class Door:
    """A client, and the address for messages. Credentials are never part of one."""

    def __init__(self, options: OpenSearchOptions) -> None:
        self.url = options.url
        self._request_s_max = options.request_s_max
        more: dict[str, Any] = {}
        if options.username:
            if ":" in options.username:
                raise ConfigurationError("OPENSEARCH_USERNAME: a user's name has no colon (RFC 7617)")
            password = options.password.get_secret_value() if options.password else ""
            # made here because the client encodes names as Latin-1
            told = base64.b64encode(f"{options.username}:{password}".encode()).decode()
            more["headers"] = {"authorization": f"Basic {told}"}
        if urlsplit(options.url).scheme == "https":
            try:
                more["ssl_context"] = ssl.create_default_context(cafile=options.ca)
            except (OSError, ssl.SSLError) as error:
                message = f"FAULTLINE_OPENSEARCH_CA={options.ca}: cannot be read as PEM ({error})"
                raise ConfigurationError(message) from error
        self._client = AsyncOpenSearch([options.url], max_retries=0, timeout=options.request_s_max, **more)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, object] | None = None,
        may_be_missing: bool = False,
    ) -> Any:
        """The decoded answer. `may_be_missing`: a 404 is one too, not a refusal.

        Raises: Refused, ConfigurationError, SinkUnavailable.
        """
        sent = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        texts = {
            name: str(value).lower() if isinstance(value, bool) else value for name, value in (params or {}).items()
        }
        try:
            return await self._client.transport.perform_request(
                method,
                path,
                params=texts,
                body=sent,
                headers={"content-type": "application/json"},
                ignore=(404,) if may_be_missing else (),
            )
        except exceptions.ConnectionTimeout as error:
            raise self._away(f"did not answer within {self._request_s_max:g} s") from error
        except exceptions.ConnectionError as error:
            raise self._unreached(error.info) from error
        except exceptions.TransportError as error:
            raise self._refused(error) from error
        except exceptions.OpenSearchException as error:
            raise self._away(f"is answered for by something else: {one_line(str(error))}") from error

    def _away(self, what: str) -> SinkUnavailable:
        return SinkUnavailable(f"OpenSearch at {self.url} {what}", retry_after_s=RETRY_AFTER_S)

    def _unreached(self, cause: object) -> ConfigurationError | SinkUnavailable:
        if isinstance(cause, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError):
            return ConfigurationError(
                f"OpenSearch at {self.url}: its certificate is not trusted ({one_line(str(cause))});"
                " name the authority's certificate in FAULTLINE_OPENSEARCH_CA, and the host as the certificate has it"
            )
        if isinstance(cause, ssl.SSLError | aiohttp.ClientSSLError):
            return ConfigurationError(
                f"OpenSearch at {self.url}: no TLS connection ({one_line(str(cause))});"
                " if it speaks plain HTTP, set OPENSEARCH_URL=http://..."
            )
        return self._away(f"cannot be reached: {one_line(str(cause) or type(cause).__name__)}")

    def _refused(self, error: exceptions.TransportError) -> Exception:
        status = error.status_code
        if not isinstance(status, int):
            return self._away(one_line(str(error)))
        refused = refused_of(status, error.info if isinstance(error.info, dict) else error.error)
        if status == 401:
            return ConfigurationError(
                f"OpenSearch at {self.url} refuses the user or the password;"
                " set OPENSEARCH_USERNAME and OPENSEARCH_PASSWORD"
            )
        if status == 403 and refused.kind != BLOCKED:
            return ConfigurationError(f"OpenSearch at {self.url} forbids this: {refused.reason}; {RIGHTS}")
        is_ours = isinstance(error.info, dict) or status in BUSY or status == 413
        return refused if is_ours else self._away(f"is answered for by something else: {refused.reason or status}")

    async def speaks_tls(self) -> bool:
        """Whether TLS is spoken where we were told to speak plain HTTP."""
        address = urlsplit(self.url)
        if address.scheme == "https" or address.hostname is None:
            return False
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nothing is sent: only whether a handshake succeeds is asked
        try:
            async with asyncio.timeout(TLS_PROBE_S_MAX):
                _, writer = await asyncio.open_connection(address.hostname, address.port or 80, ssl=context)
                writer.close()
        except (OSError, TimeoutError):
            return False
        return True
