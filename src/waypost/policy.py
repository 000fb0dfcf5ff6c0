"""What to decide: one immutable value compiled from the operator's file and swapped whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from waypost.decision.engine import Rule
from waypost.providers.provider import Endpoint, Provider
from waypost.signals.base import Signal


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """Which peers may vouch for a caller, and in which headers they do it (lower case)."""

    trusted_hops: tuple[IPv4Network | IPv6Network, ...] = ()
    team_header: str = "x-authz-team-id"
    tenant_header: str = "x-authz-tenant-id"
    user_header: str = "x-authz-user-id"


@dataclass(frozen=True, slots=True)
class Unscannable:
    """What becomes of images, audio and files where a boundary or PII rule would have to read them.

    Attributes:
        action: `close` = the rule that cannot be ruled out holds; `reroute` = to `zone`; `block` = 403;
            `allow` = such parts are ignored.
        zone: target of `reroute`.
    """

    action: Literal["close", "reroute", "block", "allow"] = "close"
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything the journey reads.

    Attributes:
        revision: hash of the content that decides, secrets left out; in audit records and hop ids.
        endpoints: logical models by name, in file order.
        signals: conditions by compiled name; equal conditions share one.
        rules: in the order they decide; the last one is the default and always holds.
        auto_names: model names that ask for routing.
    """

    revision: str
    providers: Mapping[str, Provider]
    endpoints: Mapping[str, Endpoint]
    signals: Mapping[str, Signal]
    rules: tuple[Rule, ...]
    auto_names: frozenset[str] = frozenset({"auto", "MoM"})
    identity: IdentityRules = IdentityRules()
    unscannable: Unscannable = Unscannable()
