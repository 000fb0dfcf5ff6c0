"""Blocks of `providers` become providers: addresses taken apart, credentials wrapped, files looked for."""

import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path as File
from typing import Final, TypeVar
from urllib.parse import SplitResult, urlsplit

from waypost.config import schema
from waypost.config.document import Findings, Path
from waypost.mutations.headers import refused
from waypost.providers.provider import (
    Account,
    Credential,
    Host,
    Limits,
    Provider,
    ProviderKind,
    Secret,
    SecretFile,
    Tls,
)
from waypost.request.chat import Dialect

T = TypeVar("T")

USUAL: Final[Mapping[ProviderKind, str]] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
    "vllm": "http://127.0.0.1:8000/v1",
    "ollama": "http://127.0.0.1:11434/v1",
}
"""Where a kind is that says no address."""

_EXAMPLES: Final = {
    "azure_openai": "https://NAME.openai.azure.com",
    "openai_compatible": "http://10.0.0.5:8000/v1",
}
_PORTS: Final = {"http": 80, "https": 443}
_HOST: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,30}\.?")
_KEYS: Final = ("api_key", "api_keys", "api_key_file", "api_key_files")
_SHORT_KEY: Final = 16
_MAX_KEY: Final = 8192
"""Longest credential, in characters: with room for a token that carries claims."""

_PATHS: Final[Mapping[str, Dialect]] = {
    "chat": "openai_chat",
    "embeddings": "openai_embeddings",
    "completions": "openai_completions",
    "responses": "openai_responses",
    "messages": "anthropic_messages",
}


def provider_of(
    name: str, block: schema.Provider, path: Path, findings: Findings, folder: File
) -> Provider | None:
    """The provider that a block describes; None after saying why there is none.

    Args:
        name: of the provider.
        block: as checked.
        path: of the block.
        findings: where errors go.
        folder: relative paths start there.
    """
    if name.lower().startswith("waypost"):
        findings.error(path, "names that begin with 'waypost' are reserved", "choose another", key=True)
    reading = _Reading(block, path, findings, folder)
    account = Account(reading.keys(), block.organization, block.project, tuple(reading.headers()))
    place = reading.place()
    if place is None:
        return None
    limits = block.limits
    several = len(account.keys) > 1 or len(place.hosts) > 1
    return Provider(
        name,
        block.kind,
        "https" if place.scheme == "https" else "http",
        place.hosts,
        place.base_path,
        block.zone,
        account,
        reading.tls(place.scheme),
        block.api_version or "",
        reading.paths(),
        int(several) if block.retries is None else block.retries,
        Limits(limits.connections, limits.pending, limits.requests, limits.retries),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    scheme: str
    hosts: tuple[Host, ...]
    base_path: str


@dataclass(frozen=True, slots=True)
class _Reading:
    """One block, read part by part."""

    block: schema.Provider
    path: Path
    findings: Findings
    folder: File

    def place(self) -> _Place | None:
        """Scheme, addresses and path; None after saying what is wrong with them."""
        if self.block.api_version and self.block.kind != "azure_openai":
            message = "'api_version' is for the kind 'azure_openai'"
            self.findings.error((*self.path, "api_version"), message, "remove it")
        listed = tuple(self._addresses())
        if not listed:
            return None
        (_, first, _), *others = listed
        hosts: dict[tuple[str, int], Host] = {}
        for at, parts, weight in listed:
            host = parts.hostname or "", parts.port or _PORTS[parts.scheme]
            if host in hosts:
                self.findings.error(at, "this address stands here twice", "give it a `weight`")
            hosts[host] = Host(*host, weight)
        for at, parts, _ in others:
            if (parts.scheme, parts.path.rstrip("/")) != (first.scheme, first.path.rstrip("/")):
                message = "the addresses of a provider have one scheme and one path"
                self.findings.error(at, message, "make a provider of its own for the other one")
        return _Place(first.scheme, tuple(hosts.values()), self._base_path(first.path.rstrip("/")))

    def _base_path(self, path: str) -> str:
        """Azure's resources are named by host alone."""
        if self.block.kind == "azure_openai" and not path:
            return "/openai" if self.block.api_version else "/openai/v1"
        return path

    def _addresses(self) -> Iterator[tuple[Path, SplitResult, int]]:
        """Where it stands, the URL taken apart, and the weight of each address that is one."""
        block, usual = self.block, USUAL.get(self.block.kind)
        if block.endpoints is None:
            url = block.base_url or usual
            if url is None:
                message = f"a provider of kind {block.kind!r} needs a base_url"
                remedy = f"for example base_url: {_EXAMPLES[block.kind]}"
                self.findings.error(self.path, message, remedy, key=True)
            elif parts := self._split(url, (*self.path, "base_url"), "base_url"):
                yield (*self.path, "base_url"), parts, 1
            return
        if block.base_url is not None:
            message = "'base_url' and 'endpoints' are both given"
            self.findings.error(
                (*self.path, "base_url"), message, "list every address under `endpoints`", key=True
            )
        for number, entry in enumerate(block.endpoints):
            at: Path = (*self.path, "endpoints", number)
            found = schema.ProviderAddress(url=entry) if isinstance(entry, str) else entry
            if url := self._url(found, at, usual):
                at = at if isinstance(entry, str) else (*at, "url" if found.url else "address")
                if parts := self._split(url, at, str(at[-1]) if isinstance(at[-1], str) else "url"):
                    yield at, parts, found.weight

    def _url(self, entry: schema.ProviderAddress, at: Path, usual: str | None) -> str | None:
        if (entry.url is None) == (entry.address is None):
            self.findings.error(at, "an endpoint has a `url` or an `address`", "write one of the two")
            return None
        if entry.address is None:
            return entry.url
        if usual is None:
            message = f"the kind {self.block.kind!r} has no usual scheme and path"
            self.findings.error((*at, "address"), message, f"write `url: {_EXAMPLES[self.block.kind]}`")
            return None
        if not entry.address.isascii() or set(entry.address) & set("/@?#\\"):
            self.findings.error((*at, "address"), "address must be host:port", "for example 10.0.0.5:8000")
            return None
        parts = urlsplit(usual)
        return f"{parts.scheme}://{entry.address}{parts.path}"

    def _split(self, url: str, at: Path, key: str) -> SplitResult | None:
        """Take a URL apart; it is never repeated in words, for it may hold a password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = SplitResult("", "", "", "", ""), 0
        if parts.scheme not in _PORTS or port == 0 or not _is_plain(url) or not is_host(parts.hostname or ""):
            shape = "host:port" if key == "address" else "http://host[:port]/path or https://host[:port]/path"
            self.findings.error(at, f"{key} must be {shape}")
        elif parts.username is not None or parts.query or parts.fragment:
            remedy = "a credential belongs in api_key"
            if parts.query.startswith("api-version="):
                remedy = "write the version as `api_version`"
            self.findings.error(at, f"{key} must not hold a user, a query or a fragment", remedy)
        else:
            return parts
        return None

    def keys(self) -> tuple[Credential, ...]:
        """Its credentials, each once; one that is empty is none."""
        block = self.block
        given = [key for key in _KEYS if getattr(block, key) is not None]
        if len(given) > 1:
            message = f"{given[0]!r} and {given[1]!r} are both given"
            remedy = "write all keys under `api_keys`, or all files under `api_key_files`"
            self.findings.error((*self.path, given[1]), message, remedy, key=True)
        found: dict[Credential, None] = {}
        for at, secret in self._listed("api_key", block.api_key, block.api_keys):
            key = secret.get_secret_value().strip()
            if key and not is_key(key):
                self.findings.error(at, f"{at[len(self.path)]} holds a character that a header cannot carry")
            found |= {Secret(key): None} if key else {}
        for at, name in self._listed("api_key_file", block.api_key_file, block.api_key_files):
            file = self._file(name)
            if not file.exists() and _may_be_key(name):
                message = "there is no such file, and the name is not repeated here: it may be a key"
                self.findings.error(at, message, "give the path of a file; a key itself is `api_key`")
            else:
                self._check_key(file, at)
            found[SecretFile(str(file))] = None
        return tuple(found)

    def _listed(self, key: str, one: T | None, several: Sequence[T] | None) -> Iterator[tuple[Path, T]]:
        """What stands under `key`, and under its plural."""
        if one is not None:
            yield (*self.path, key), one
        for number, each in enumerate(several or ()):
            yield (*self.path, f"{key}s", number), each

    def _check_key(self, file: File, at: Path) -> None:
        data = self._read(file, at)
        text = None if data is None else data.decode("latin-1").strip()
        if text == "":
            self.findings.error(at, "the file holds no key", "write the key into it, and nothing else")
        elif text and not is_key(text):
            message = "the file holds more than a key, or a character that a header cannot carry"
            self.findings.error(at, message, "write the key into it, and nothing else")

    def headers(self) -> Iterator[tuple[str, Secret]]:
        """Names in lower case with their values; a value that is empty is none."""
        seen: set[str] = set()
        for name, secret in self.block.headers.items():
            at: Path = (*self.path, "headers", name)
            lower, value = name.lower(), secret.get_secret_value()
            if why := refused(name):
                self.findings.error(at, *why, key=True)
            elif lower in seen:
                self.findings.error(at, f"{name!r} is there twice; case makes no difference", key=True)
            elif value and (value != value.strip() or not value.isprintable() or not value.isascii()):
                self.findings.error(at, "a value must be printable ASCII without a space at either end")
            elif len(value) > _MAX_KEY:
                self.findings.error(at, f"a value has at most {_MAX_KEY:,} characters")
            elif value:
                yield lower, Secret(value)
            seen.add(lower)

    def paths(self) -> Mapping[Dialect, str]:
        """Unusual paths by form, where the kind has forms to choose from."""
        written = {key: getattr(self.block.paths, key) for key in _PATHS}
        found = {key: value for key, value in written.items() if value is not None}
        allowed = {"anthropic": {"messages"}, "gemini": set[str]()}.get(self.block.kind, set(_PATHS))
        for key in found.keys() - allowed:
            message = f"the kind {self.block.kind!r} does not speak this form"
            remedy = "its OpenAI form is the kind `openai_compatible`"
            self.findings.error((*self.path, "paths", key), message, remedy)
        return {_PATHS[key]: value for key, value in found.items()}

    def tls(self, scheme: str) -> Tls:
        """Its TLS settings, files made absolute: Envoy reads them from a folder of its own."""
        block, at = self.block.tls, (*self.path, "tls")
        if block == schema.ProviderTls():
            return Tls()
        if scheme != "https":
            self.findings.error(at, "`tls` is for https addresses", "write https://, or remove it", key=True)
        if block.server_name is not None and not is_host(block.server_name):
            self.findings.error((*at, "server_name"), "server_name must be the name of a host")
        names = (block.ca_file, block.cert_file, block.key_file)
        ca, cert, key = (None if name is None else self._file(name) for name in names)
        if (cert is None) != (key is None):
            message = "`cert_file` and `key_file` go together"
            self.findings.error(at, message, f"add `{'key_file' if cert else 'cert_file'}`", key=True)
        if ca is not None:
            self._check_authorities(ca, (*at, "ca_file"))
        if cert is not None and key is not None:
            self._check_pair(cert, key, at)
        shown = ["" if file is None else str(file) for file in (ca, cert, key)]
        return Tls(shown[0], shown[1], shown[2], block.server_name or "")

    def _check_authorities(self, file: File, at: Path) -> None:
        if self._read(file, at) is not None:
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
            except ssl.SSLError:
                self.findings.error(at, f"{str(file)!r} holds no certificate", "it must be PEM text")

    def _check_pair(self, cert: File, key: File, at: Path) -> None:
        read = [self._read(cert, (*at, "cert_file")), self._read(key, (*at, "key_file"))]
        if None not in read:
            try:
                # The empty password keeps OpenSSL from asking for one on the terminal.
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert, key, password="")
            except (ssl.SSLError, ValueError):
                message = "`cert_file` and `key_file` are no certificate and its key"
                self.findings.error(
                    at, message, "both must be PEM text, the key without a password", key=True
                )

    def _read(self, file: File, at: Path) -> bytes | None:
        """The beginning of a file, longer than any key; None after saying why there is none."""
        try:
            if file.exists() and not file.is_file():
                self.findings.error(at, f"{str(file)!r} is not a file")
                return None
            with file.open("rb") as opened:
                return opened.read(_MAX_KEY + 1)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "no name of a file"
            self.findings.error(at, f"{str(file)!r} cannot be read: {reason}")
            return None

    def _file(self, name: str) -> File:
        return (self.folder / File(name).expanduser()).absolute()


def _may_be_key(name: str) -> bool:
    """Whether somebody wrote the key where its file belongs."""
    return len(name) >= _SHORT_KEY and not set(name) & set("/.~ ")


def is_host(text: str) -> bool:
    """Whether this can be the host of an address: a name of DNS, or an IP address without a scope."""
    if _HOST.fullmatch(text):
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_key(text: str) -> bool:
    """Whether a credential fits into a header."""
    return 0 < len(text) <= _MAX_KEY and _is_plain(text)


def _is_plain(text: str) -> bool:
    return all("!" <= c <= "~" for c in text)
