"""How the process runs: addresses, folders, limits. What it decides is `Policy`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from waypost.configurable import configurable
from waypost.encoder.settings import EncoderSettings, ForeignModel
from waypost.observe.audit import AuditSettings


@dataclass(frozen=True, slots=True)
class Address:
    """Where a socket listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


MESSAGE_SECONDS: Final = 10
"""Longest wait for one answer of the router; without a model it takes well under a millisecond."""


@configurable
class Timeouts:
    """Time limits towards providers."""

    connect_seconds: Annotated[float, Field(gt=0, le=600)] = 5.0
    """Until a connection to a provider stands; then the next endpoint is tried."""

    idle_seconds: Annotated[float, Field(gt=0, le=86400)] = 120.0
    """Longest silence of a provider, before the first byte and between two of them."""

    cooldown_seconds: Annotated[float, Field(ge=0, le=3600)] = 60.0
    """How long at most a key or a model is asked after the others that is over its limit, unpaid or refused,
    and a provider that keeps failing; 0 = it never is."""


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """`waypost` in the XDG state folder (XDG Base Directory Specification 0.8)."""
    base = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or Path.home()) / ".local" / "state"
    return Path(base) / "waypost"


@dataclass(frozen=True, slots=True)
class Settings:
    """Engine settings of one configuration.

    Attributes:
        listen: where clients connect (Envoy's listener).
        admin: health and readiness.
        state_dir: audit log and HMAC key.
        max_body_bytes: largest request body; a larger one is a 413.
        encoder: how the classifiers run.
        foreign: checkpoints that answer in place of a built-in head, by head: `domain`, `jailbreak`, `pii`,
            `similarity`.
    """

    listen: Address = Address("127.0.0.1", 8801)
    admin: Address = Address("127.0.0.1", 8080)
    state_dir: Path = Path()
    audit: AuditSettings = field(default_factory=AuditSettings)
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_body_bytes: int = 50 * 1024 * 1024
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    foreign: Mapping[str, ForeignModel] = field(default_factory=dict[str, ForeignModel])
