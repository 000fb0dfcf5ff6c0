"""Asking one address as Envoy would: name, connection, TLS and HTTP apart; limited in time and size."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import httpx

from waypost.providers.provider import Host, Provider

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of an answer that is read; a list of models is the longest."""

Fault = Literal[
    "ca_file",
    "client_certificate",
    "dns",
    "refused",
    "unreachable",
    "connect_timeout",
    "untrusted",
    "wrong_name",
    "expired",
    "not_tls",
    "wants_certificate",
    "tls",
    "timeout",
    "cut",
    "too_long",
]

_NAMES_DIFFER: Final = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH
_OUT_OF_TIME: Final = frozenset({9, 10})  # X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED
_PLAIN: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST")


class FaultError(Exception):
    """No answer; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        self.fault: Fault = fault
        super().__init__(fault)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds for a connection, and for the answer to a request."""

    connect: float
    answer: float


@dataclass(frozen=True, slots=True)
class Line:
    """One address of a provider and how it is spoken to.

    Attributes:
        context: None = plain HTTP.
    """

    provider: Provider
    host: Host
    context: ssl.SSLContext | None
    patience: Patience

    @property
    def url(self) -> str:
        """Without a path."""
        name = f"[{self.host.host}]" if ":" in self.host.host else self.host.host
        return f"{self.provider.scheme}://{name}:{self.host.port}"

    @property
    def server_name(self) -> str:
        """Name that the certificate must bear."""
        return self.provider.tls.server_name or self.host.host


def context(provider: Provider, ca_file: str) -> ssl.SSLContext | None:
    """How a provider is verified and what it is shown; None = plain HTTP.

    Args:
        provider: who.
        ca_file: PEM bundle of whom to trust where the provider names none.

    Raises:
        FaultError: a file cannot be used.
    """
    if provider.scheme == "http":
        return None
    try:
        made = ssl.create_default_context(cafile=provider.tls.ca_file or ca_file)
    except (OSError, ValueError) as error:
        raise FaultError("ca_file") from error
    if provider.tls.cert_file:
        try:
            made.load_cert_chain(provider.tls.cert_file, provider.tls.key_file or None)
        except (OSError, ValueError) as error:
            raise FaultError("client_certificate") from error
    made.set_alpn_protocols(["http/1.1"])
    return made


async def reach(line: Line) -> str:
    """Connect and hang up; the version of TLS, empty without.

    Raises:
        FaultError: that is not possible.
    """
    host, seconds = line.host, line.patience.connect
    try:
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().getaddrinfo(host.host, host.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # a name that takes too long is one that does not resolve
        raise FaultError("dns") from error
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(host.host, host.port)
        writer.close()
    except TimeoutError as error:
        raise FaultError("connect_timeout") from error
    except OSError as error:
        raise FaultError(_refusal(error)) from error
    return "" if line.context is None else await _shake_hands(line, line.context)


async def _shake_hands(line: Line, trusted: ssl.SSLContext) -> str:
    host = line.host
    try:
        async with asyncio.timeout(line.patience.connect):
            _, writer = await asyncio.open_connection(
                host.host, host.port, ssl=trusted, server_hostname=line.server_name
            )
    except TimeoutError as error:
        raise FaultError("not_tls") from error  # it accepted, and then waited for plain HTTP
    except ssl.SSLError as error:
        raise FaultError(_broken(error)) from error
    except OSError as error:
        raise FaultError("tls") from error
    found = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    return str(found.version() or "") if found else ""


def _refusal(error: OSError) -> Fault:
    """Of several addresses that one name has, the first one's."""
    refused = error.errno == errno.ECONNREFUSED or "Connect call failed" in str(error)
    return "refused" if refused else "unreachable"


def _broken(error: ssl.SSLError) -> Fault:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _NAMES_DIFFER:
            return "wrong_name"
        return "expired" if error.verify_code in _OUT_OF_TIME else "untrusted"
    reason = str(error)
    if any(word in reason for word in _PLAIN):
        return "not_tls"
    return "wants_certificate" if "CERTIFICATE_REQUIRED" in reason else "tls"


async def ask(
    line: Line, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[int, bytes]:
    """Status and body of an answer. Redirects are not followed: keys must not go where they point.

    Raises:
        FaultError: there is none.
    """
    sent = {
        "host": line.provider.authority,
        "user-agent": "waypost",
        "accept": "application/json",
        "accept-encoding": "identity",
        **({"content-type": "application/json"} if body else {}),
        **headers,
    }
    patience = httpx.Timeout(line.patience.answer, connect=line.patience.connect)
    # trust_env: Envoy knows no proxy either.
    client = httpx.AsyncClient(verify=line.context or False, timeout=patience, trust_env=False)
    names = {"sni_hostname": line.server_name} if line.context else {}
    try:
        async with (
            asyncio.timeout(line.patience.connect + line.patience.answer),
            client,
            client.stream(method, line.url + path, headers=sent, content=body, extensions=names) as response,
        ):
            return response.status_code, await _whole(response)
    except (httpx.TimeoutException, TimeoutError) as error:
        raise FaultError("timeout") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        tls = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
        raise FaultError(_broken(tls) if tls else "cut") from error


async def _whole(response: httpx.Response) -> bytes:
    parts = bytearray()
    async for part in response.aiter_raw():
        parts += part
        if len(parts) > MOST_BYTES:
            raise FaultError("too_long")
    return bytes(parts)


def _causes(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__
