"""What to decide: one immutable value compiled from the operator's file and swapped whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from waypost.decision.engine import Rule
from waypost.guards.judge import Check
from waypost.mutations.reasoning import Lora, ReasoningFamily
from waypost.mutations.shape import PLAIN, Shape
from waypost.mutations.target import Target, Use, every
from waypost.providers.provider import Endpoint, Provider
from waypost.selection.choosing import Choosing
from waypost.signals.base import Signal
from waypost.usage import Costs


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
        guards: checks by endpoint, by the key of the rule that decides; "" = of every rule without an entry.
        block_style: how a refusal looks to the client.
        default_model: where a request goes that its own candidates may not have; None = nowhere.
        learned_guards: questions of any guard that read heads of the encoder.
        shapes: how requests are shaped, by the key of the rule that decides; "" = of every other rule.
        choices: how a model is chosen, likewise; a rule without an entry has its own order.
        families: how models are told to think, by endpoint.
        reads: heads of the encoder that any shape or choice reads.
        adapters: endpoint and adapter by the name that clients may ask for.
        costs: what answers cost, and whom it is told.
        fallbacks: endpoints behind every chain, as far as its boundary lets them; not where the client named
            its model.
        strict: a parameter that a provider cannot take is refused, not left out.
    """

    revision: str
    providers: Mapping[str, Provider]
    endpoints: Mapping[str, Endpoint]
    signals: Mapping[str, Signal]
    rules: tuple[Rule, ...]
    auto_names: frozenset[str] = frozenset({"auto", "MoM"})
    identity: IdentityRules = IdentityRules()
    unscannable: Unscannable = Unscannable()
    guards: Mapping[str, Mapping[str, tuple[Check, ...]]] = field(
        default_factory=dict[str, Mapping[str, tuple[Check, ...]]]
    )
    block_style: Literal["strict", "openai"] = "strict"
    default_model: str | None = None
    learned_guards: tuple[str, ...] = ()
    shapes: Mapping[str, Shape] = field(default_factory=dict[str, Shape])
    choices: Mapping[str, Choosing] = field(default_factory=dict[str, Choosing])
    families: Mapping[str, ReasoningFamily] = field(default_factory=dict[str, ReasoningFamily])
    reads: frozenset[str] = frozenset()
    adapters: Mapping[str, tuple[str, Lora]] = field(default_factory=dict[str, tuple[str, Lora]])
    costs: Costs = field(default_factory=Costs)
    strict: bool = False
    fallbacks: tuple[str, ...] = ()

    def checks(self, rule: Rule, endpoint: Endpoint) -> tuple[Check, ...]:
        """The guards of an endpoint for requests that a rule decides."""
        return self.guards.get(rule.key, self.guards.get("", {})).get(endpoint.name, ())

    def named(self, model: str) -> tuple[Endpoint, Use] | None:
        """What a client that names a model or an adapter asks for; None = it is neither."""
        if model in self.endpoints:
            return self.endpoints[model], Use()
        if model in self.adapters:
            name, lora = self.adapters[model]
            return self.endpoints[name], Use(lora=lora)
        return None

    def shape(self, rule: Rule) -> Shape:
        """How requests are shaped that a rule decides."""
        return self.shapes.get(rule.key, self.shapes.get("", PLAIN))

    def targets(self) -> Iterator[Target]:
        """Everything a request may be sent to: each endpoint in every way that any rule uses it."""
        uses = [(name, Use()) for name in self.endpoints]
        uses += (pair for shape in self.shapes.values() for pair in shape.uses.items())
        uses += ((name, Use(lora=lora)) for name, lora in self.adapters.values())
        for name, use in dict.fromkeys(uses):
            yield from every(self.endpoints[name], use, self.families.get(name))
