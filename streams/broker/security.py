"""How the brokers are spoken to, and why they do not answer: what waiting heals, and what only a person can change."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)

from streams.contract.errors import ConfigurationError

PROBE_S: Final = 5.0
"""For one look at a broker that does not answer."""
CREDENTIAL_ERRORS: Final = (SaslAuthenticationFailed, AuthenticationFailedError)
MECHANISM_ERRORS: Final = (UnsupportedSaslMechanismError, AuthenticationMethodNotSupported, IllegalSaslStateError)


@dataclass(frozen=True)
class Security:
    """How the brokers are spoken to. A user and a password go over TLS alone."""

    protocol: Literal["plaintext", "ssl", "sasl_ssl"] = "plaintext"
    ca: Path | None = None
    """Certificates to trust instead of the system's: a PEM file."""
    user: str = ""
    password: str = field(default="", repr=False)

    @cached_property
    def context(self) -> ssl.SSLContext | None:
        """TLS 1.2 or newer, certificate and host name checked; None in plaintext.

        Raises: ConfigurationError when the file holds no certificate.
        """
        if self.protocol == "plaintext":
            return None
        try:
            context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        except (ssl.SSLError, OSError) as error:
            raise ConfigurationError(f"FAULTLINE_KAFKA_CA={self.ca}: no certificates in PEM form ({error})") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    @property
    def arguments(self) -> dict[str, Any]:
        """What every client of aiokafka is given."""
        out: dict[str, Any] = {"security_protocol": self.protocol.upper(), "ssl_context": self.context}
        if self.protocol == "sasl_ssl":
            out |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return out


async def why(error: BaseException, bootstrap: str, security: Security, *, ids: str) -> str:
    """Why no broker answers, in words: the library says only that none did. `ids`: how transactional ids begin.

    Raises: ConfigurationError for what waiting will not heal.
    """
    _refuse(error, bootstrap, security, ids)
    reasons = []
    for host, port, _ in collect_hosts(bootstrap):
        try:
            async with asyncio.timeout(PROBE_S):
                conn = await create_conn(host, port, request_timeout_ms=int(PROBE_S * 1000), **security.arguments)
            conn.close()
        except (OSError, KafkaError, TimeoutError) as found:
            _refuse(found, bootstrap, security, ids)
            if security.protocol != "plaintext" and await _speaks_plaintext(host, port):
                raise ConfigurationError(_no_tls(bootstrap)) from found
            if security.protocol == "plaintext" and await _speaks_tls(host, port):
                raise ConfigurationError(
                    f"Kafka at {host}:{port} wants TLS; set FAULTLINE_KAFKA_SECURITY=ssl, "
                    "or sasl_ssl with FAULTLINE_KAFKA_USER and FAULTLINE_KAFKA_PASSWORD"
                ) from found
            reasons.append(f"{host}:{port}: {str(found) or type(found).__name__}")
    return "; ".join(reasons) or str(error) or type(error).__name__


def _refuse(error: BaseException, bootstrap: str, security: Security, ids: str) -> None:
    """Raise ConfigurationError when only a person can change what `error` says."""
    if isinstance(error, CREDENTIAL_ERRORS):
        raise ConfigurationError(
            f"Kafka at {bootstrap} refuses the user {security.user!r}; "
            "check FAULTLINE_KAFKA_USER and FAULTLINE_KAFKA_PASSWORD (SCRAM-SHA-512)"
        ) from error
    if isinstance(error, MECHANISM_ERRORS):
        raise ConfigurationError(
            f"Kafka at {bootstrap} does not offer SCRAM-SHA-512 ({error}); "
            "enable it on that listener, or name another one in FAULTLINE_KAFKA"
        ) from error
    if isinstance(error, TransactionalIdAuthorizationFailed):
        raise ConfigurationError(
            f"Kafka at {bootstrap} lets {security.user or 'us'} not use transactional ids that begin "
            f"with {ids}; allow Write and Describe on them"
        ) from error
    if isinstance(error, ssl.SSLCertVerificationError):
        raise ConfigurationError(
            f"the certificate of Kafka at {bootstrap} is not trusted ({error.verify_message}); "
            "name its authority in FAULTLINE_KAFKA_CA, and the brokers by the names in their certificates"
        ) from error
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL"):
        raise ConfigurationError(_no_tls(bootstrap)) from error


def _no_tls(bootstrap: str) -> str:
    return (
        f"Kafka at {bootstrap} does not speak TLS on that port; name its TLS listener in FAULTLINE_KAFKA, "
        "or set FAULTLINE_KAFKA_SECURITY=plaintext"
    )


async def _speaks_tls(host: str, port: int) -> bool:
    """Whether a TLS handshake succeeds there. Nothing is sent over it, so the certificate is not looked at."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(PROBE_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def _speaks_plaintext(host: str, port: int) -> bool:
    """Whether a broker answers there without TLS. It is asked for its versions; no user is named."""
    try:
        async with asyncio.timeout(PROBE_S):
            conn = await create_conn(host, port, request_timeout_ms=int(PROBE_S * 1000), security_protocol="PLAINTEXT")
    except (OSError, KafkaError, TimeoutError):
        return False
    conn.close()
    return True
