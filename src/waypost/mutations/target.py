"""An endpoint as one road leads to it: the name on the wire, and how hard the model is to think.

Rule 1: every target of a policy can be listed from the policy alone, so an attempt finds its own by an opaque
id, in whatever process it runs, and nothing about it travels in the open.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from waypost.dialects.splice import Edit, Put
from waypost.mutations.reasoning import (
    Effort,
    Lora,
    Reasoning,
    ReasoningFamily,
    UseReasoning,
    decide,
    reasoning_edits,
    wire_model,
)
from waypost.providers.provider import Endpoint


@dataclass(frozen=True, slots=True)
class Use:
    """How one rule or category uses one of its models.

    Attributes:
        use_reasoning: None = nothing is said to the model.
        effort: where it is to think.
        lora: adapter that answers; None = the model itself.
        threshold: smallest P(hard) at which `auto` means yes.
    """

    use_reasoning: UseReasoning | None = None
    effort: Effort | None = None
    lora: Lora | None = None
    threshold: float = 0.5

    def reasoning(self, p_hard: float | None) -> Reasoning | None:
        """What is decided for one request."""
        return decide(self.use_reasoning, self.effort, p_hard, self.threshold)


@dataclass(frozen=True, slots=True)
class Target:
    """One candidate of a chain.

    Attributes:
        model: what stands in `model` on the wire.
        family: how the model is told to think; None = nobody knows.
        reasoning: what was decided; None = nothing is said.
    """

    endpoint: Endpoint
    model: str
    family: ReasoningFamily | None = field(default=None, compare=False)
    reasoning: Reasoning | None = None

    @property
    def key(self) -> str:
        """What tells it from every other target of its policy."""
        if self.model == self.endpoint.model and not self.says_more:
            return self.endpoint.name
        said = self.reasoning
        return "\0".join((self.endpoint.name, self.model, f"{said.on} {said.effort}" if said else ""))

    @property
    def says_more(self) -> bool:
        """Whether its body needs more than the name of the model."""
        return self.family is not None and self.reasoning is not None and self.reasoning.on is not None

    def edits(self, document: Mapping[str, Any]) -> tuple[Edit, ...]:
        """What to change in a neutral body for it.

        Args:
            document: the body, parsed.
        """
        kind = self.endpoint.provider.kind
        return (
            Put(("model",), self.model),
            *reasoning_edits(self.family, kind, self.reasoning, document),
        )


def target(
    endpoint: Endpoint, use: Use, family: ReasoningFamily | None, p_hard: float | None = None
) -> Target:
    """The target of one request; `p_hard` as for `decide`."""
    return Target(endpoint, wire_model(endpoint.model, use.lora), family, use.reasoning(p_hard))


def every(endpoint: Endpoint, use: Use, family: ReasoningFamily | None) -> Iterator[Target]:
    """All targets that `target` can give, whatever the request."""
    yield target(endpoint, use, family)
    if use.use_reasoning == "auto":
        yield target(endpoint, use, family, 0.0 if use.threshold > 0 else None)
        yield target(endpoint, use, family, 1.0)
