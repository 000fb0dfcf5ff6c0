"""`scored`: quality, cost and latency weighed against each other."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from waypost.configurable import configurable
from waypost.selection.base import Candidate, Facts, Judged, Method
from waypost.selection.figures import (
    Limits,
    cost_usd,
    first_token_seconds,
    frugal,
    lint_prices,
    live,
    qualities,
    success,
)
from waypost.signals.base import Lint


@configurable
class Weights:
    """What counts how much. Only their proportions matter."""

    quality: float = 0.6
    """Of the score of a model, less the share of its attempts that failed lately."""

    cost: float = 0.3
    """Of the price of the request: 1 = free, 0 = the dearest of the candidates."""

    latency: float = 0.1
    """Of the time to the first token, lately: 1 = none, 0 = the slowest of the candidates."""


@configurable
class Scored(Method):
    """The model with the highest weighted mean of quality, cost and latency, each between 0 and 1."""

    kind: ClassVar[str] = "scored"

    weights: Weights = Weights()
    """What counts how much."""

    limits: Limits = Limits()
    """What no model may exceed."""

    def judge(
        self, candidates: Sequence[Candidate], facts: Facts, slack: Mapping[str, float]
    ) -> Sequence[Judged]:
        """The weighted mean; scales are those of all candidates, so no elimination changes a score."""
        cheap = frugal([cost_usd(c, facts) for c in candidates])
        fast = frugal([first_token_seconds(c, facts) for c in candidates])
        good = [q * success(c, facts) for c, q in zip(candidates, qualities(candidates), strict=True)]
        shares = zip(good, cheap, fast, strict=True)
        return [
            self._judge(candidate, facts, share, slack.get(candidate.endpoint.name, 0.0))
            for candidate, share in zip(candidates, shares, strict=True)
        ]

    def _judge(
        self, candidate: Candidate, facts: Facts, shares: tuple[float, float, float], slack: float
    ) -> Judged:
        weights = (self.weights.quality, self.weights.cost, self.weights.latency)
        total = sum(weights) or 1.0
        score = sum(weight * share for weight, share in zip(weights, shares, strict=True)) / total + slack
        parts = {"quality": shares[0], "cost": shares[1], "latency": shares[2]}
        return Judged(
            score,
            parts | {"kept": slack} if slack else parts,
            self.limits.over(candidate, facts),
            self.limits.over_live(candidate, facts),
            tuple(_unknown(candidate, facts)),
        )

    def why(self, facts: Facts) -> str:
        """The weights."""
        w = self.weights
        return f"quality, cost and latency weighed {w.quality:g} : {w.cost:g} : {w.latency:g}"

    def lint(self, candidates: Sequence[Candidate]) -> Iterator[Lint]:
        """Weights that are negative or all nothing; figures that are weighed and missing."""
        weights = {name: getattr(self.weights, name) for name in ("quality", "cost", "latency")}
        for name, weight in weights.items():
            if not weight >= 0:
                yield Lint(f"weights.{name}", f"{name} weighs {weight:g}", "give 0 or more")
        if not any(weights.values()):
            yield Lint("weights", "nothing weighs anything", "give one of them more than 0")
        names = [c.endpoint.name for c in candidates if c.score is None]
        if names and self.weights.quality:
            message = f"{', '.join(map(repr, names))} have no score and count as middling"
            yield Lint("weights.quality", message, "give `score`", "warning")
        if self.weights.cost:
            yield from lint_prices("weights.cost", candidates)
        yield from self.limits.lint(candidates)


def _unknown(candidate: Candidate, facts: Facts) -> Iterator[str]:
    if candidate.score is None:
        yield "score"
    if candidate.profile.price is None:
        yield "price"
    if live(candidate, facts) is None:
        yield "live"
