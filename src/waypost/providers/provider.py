"""Who serves a model: address, zone and credential of one provider; and the logical models on it."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, Literal

DEFAULT_ZONE: Final = "external"
"""Zone of a provider whose file names none."""

ProviderKind = Literal["openai", "vllm", "ollama", "openai_compatible"]


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
class Provider:
    """One configured provider; also one Envoy cluster.

    Attributes:
        base_path: what stands before the operation, without a trailing slash: `/v1`.
        zone: free label; a boundary names zones.
        api_key: None = the provider wants no credential.
    """

    name: str
    kind: ProviderKind
    scheme: Literal["http", "https"]
    host: str
    port: int
    base_path: str
    zone: str = DEFAULT_ZONE
    api_key: Secret | None = None
    organization: str | None = None
    project: str | None = None

    @property
    def cluster(self) -> str:
        """Name of its Envoy cluster; a provider that moves gets another one.

        So an Envoy that still holds the old address can never be the target of a request that was routed, and
        signed, for the new one.
        """
        address = f"{self.scheme}://{self.host}:{self.port}"
        return f"{self.name}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"

    @property
    def authority(self) -> str:
        """Value of `:authority`: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"http": 80, "https": 443}[self.scheme]
        return host if self.port == default else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A logical model: the name clients and rules use, and what it is called at its provider."""

    name: str
    provider: Provider
    model: str
    description: str = ""

    @property
    def zone(self) -> str:
        """Zone of the provider."""
        return self.provider.zone
