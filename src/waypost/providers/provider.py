"""Who serves a model: addresses, zone, account and form of one provider; and the logical models on it."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

from waypost.request.chat import Dialect

DEFAULT_ZONE: Final = "external"
"""Zone of a provider whose file names none."""

ProviderKind = Literal["openai", "anthropic", "gemini", "azure_openai", "vllm", "ollama", "openai_compatible"]

_OPENAI: Final[Mapping[Dialect, str]] = {
    "openai_chat": "/chat/completions",
    "openai_embeddings": "/embeddings",
}
_PATHS: Final[Mapping[ProviderKind, Mapping[Dialect, str]]] = {
    "openai": {**_OPENAI, "openai_responses": "/responses"},
    "azure_openai": {**_OPENAI, "openai_responses": "/responses"},
    "vllm": {**_OPENAI, "openai_completions": "/completions"},
    "ollama": {**_OPENAI, "openai_completions": "/completions"},
    "openai_compatible": {**_OPENAI, "openai_completions": "/completions"},
    "anthropic": {"anthropic_messages": "/messages"},
    "gemini": {},
}
"""What each kind understands as it is, and where, behind the base path."""

_FOREIGN: Final[Mapping[ProviderKind, Mapping[Dialect, Dialect]]] = {
    "anthropic": {"openai_chat": "anthropic_messages"},
    "gemini": {"openai_chat": "gemini", "openai_embeddings": "gemini_embeddings"},
}
"""What a request of the neutral form is written as for those who do not understand it."""


class Secret:
    """A credential that does not print itself; only where it is put on the wire is it revealed.

    Not a dataclass: `dataclasses.asdict` of what holds it would unpack the credential.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The credential in clear text."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(set)"


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A credential in a file, which is read again when it changes."""

    path: str


Credential = Secret | SecretFile


@dataclass(frozen=True, slots=True)
class Host:
    """One address of a provider: an IP or a DNS name; of several each gets its share of requests."""

    host: str
    port: int
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Tls:
    """How an https provider is verified and what it is shown; empty = the usual.

    Attributes:
        ca_file: PEM bundle instead of the system's.
        cert_file: PEM chain of a client certificate (mTLS).
        key_file: PEM key of it.
        server_name: name to ask for and to verify, where it is not the host.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What tells a provider who calls; none of it may reach another one.

    Attributes:
        keys: several take turns when one is over its limit; none = the provider wants no credential.
        headers: sent with each request, names in lower case; a value may be a credential too.
    """

    keys: tuple[Credential, ...] = ()
    organization: str | None = None
    project: str | None = None
    headers: tuple[tuple[str, Secret], ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Most of what may be under way to one provider at a time.

    Envoy refuses what is above with 503 and retries it nowhere: the reset reason `overflow` is never retried.
    """

    connections: int = 10_000
    pending: int = 10_000
    requests: int = 10_000
    retries: int = 1024


@dataclass(frozen=True, slots=True)
class Provider:
    """One configured provider; also one Envoy cluster.

    Attributes:
        hosts: at least one.
        base_path: what stands before the operation, without a trailing slash: `/v1`.
        zone: free label; a boundary names zones.
        api_version: of Azure's paths by deployment; empty = the path without.
        paths: instead of the usual ones, by dialect; behind the base path.
        retries: how often an endpoint is tried again before the next one of a chain.
    """

    name: str
    kind: ProviderKind
    scheme: Literal["http", "https"]
    hosts: tuple[Host, ...]
    base_path: str
    zone: str = DEFAULT_ZONE
    account: Account = Account()
    tls: Tls = Tls()
    api_version: str = ""
    paths: Mapping[Dialect, str] = field(default_factory=dict[Dialect, str], hash=False)
    retries: int = 0
    limits: Limits = Limits()

    @property
    def cluster(self) -> str:
        """Name of its Envoy cluster; a provider that moves gets another one.

        So an Envoy that still holds the old address can never be the target of a request that was routed, and
        signed, for the new one.
        """
        address = f"{self.scheme} {self.hosts} {self.tls}"
        return f"{self.name}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"

    @property
    def authority(self) -> str:
        """Value of `:authority`: the port only where it is not the scheme's own.

        One for all hosts, the first one's: which of them gets a request is Envoy's choice, made after it is
        signed. `tls.server_name` is another name for all of them.
        """
        first = self.hosts[0]
        host = self.tls.server_name or (f"[{first.host}]" if ":" in first.host else first.host)
        default = {"http": 80, "https": 443}[self.scheme]
        return host if first.port == default else f"{host}:{first.port}"

    @property
    def is_exact(self) -> bool:
        """Whether it refuses what its form does not have."""
        return self.kind in {"openai", "azure_openai"}

    def speaks(self, dialect: Dialect) -> bool:
        """Whether it understands requests of this form as they are; a path of its own for it says so too."""
        return dialect in _PATHS[self.kind] or dialect in self.paths

    def foreign(self, dialect: Dialect) -> Dialect | None:
        """What a request of this form is written as for it; None = it is not: spoken, or beyond it."""
        return _FOREIGN.get(self.kind, {}).get(dialect)

    def path(self, dialect: Dialect, model: str) -> str:
        """Path of a request of a form that it speaks, query included."""
        operation = self.paths.get(dialect) or _PATHS[self.kind][dialect]
        if self.kind == "azure_openai" and self.api_version:
            deployment = f"/deployments/{quote(model, safe='')}" if dialect != "openai_responses" else ""
            return f"{self.base_path}{deployment}{operation}?api-version={self.api_version}"
        return f"{self.base_path}{operation}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A logical model: the name clients and rules use, and what it is called at its provider.

    Attributes:
        context_window: most tokens of prompt and answer together; None = nobody said.
        max_output_tokens: most tokens of an answer; None = nobody said.
    """

    name: str
    provider: Provider
    model: str
    description: str = ""
    context_window: int | None = None
    max_output_tokens: int | None = None

    @property
    def zone(self) -> str:
        """Zone of the provider."""
        return self.provider.zone
