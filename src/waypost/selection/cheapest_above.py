"""`cheapest_above`: the cheapest model that is good enough for a request of this difficulty."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final

from waypost.configurable import configurable
from waypost.selection.base import Candidate, Facts, Judged, Method
from waypost.selection.figures import MIDDLING, Limits, cost_usd, frugal, lint_prices, live, success
from waypost.signals.base import Lint

_SUREST: Final = 0.99
"""No prediction is taken for surer than that, so that a score below 1 is never worth nothing."""


def expected(score: float, p_hard: float | None) -> float:
    """Quality to be expected of a model, in [0, 1], rising with `score` and falling with `p_hard`.

    The Rasch model (one-parameter item response; Rasch 1960): the odds of a good answer are those of the
    model times those of the request. Difficulty is the share of models that fail, so the average model, with
    score .5, has 1 - p_hard; and of a request that half of them fail at, the score itself is expected.

    Of 13 models on 4,368 exam questions, each with its score fitted on as many others and difficulty taken to
    be the share of the other twelve that failed, it is off by 2.8 points on average over five degrees of
    difficulty; each model's mean alone is off by 23.1 (answers to MMLU-Pro).

    Args:
        score: in [0, 1].
        p_hard: None = not known: the score itself.
    """
    if p_hard is None:
        return score
    hard = min(max(p_hard, 1 - _SUREST), _SUREST)
    good, bad = score * (1 - hard), (1 - score) * hard
    return 1 / (1 + bad / good) if good else 0.0  # rounds without ever breaking the order


@configurable
class CheapestAbove(Method):
    """The cheapest model whose expected quality reaches a bar; where none does, the best one.

    Expected quality comes from the model's score and the predicted difficulty of the request. Scores are
    between 0 and 1; 0.5 is an average model.
    """

    kind: ClassVar[str] = "cheapest_above"

    quality: float = 0.8
    """The bar: smallest expected quality, between 0 and 1, that will do."""

    limits: Limits = Limits()
    """What no model may exceed."""

    @property
    def heads(self) -> frozenset[str]:
        """Difficulty is the answer of the complexity head."""
        return frozenset({"complexity"})

    def judge(
        self, candidates: Sequence[Candidate], facts: Facts, slack: Mapping[str, float]
    ) -> Sequence[Judged]:
        """Above the bar 1 and the share saved, so that no model below it comes near; below it the quality."""
        cheap = frugal([cost_usd(c, facts) for c in candidates])
        return [
            self._judge(candidate, facts, saved, slack.get(candidate.endpoint.name, 0.0))
            for candidate, saved in zip(candidates, cheap, strict=True)
        ]

    def _judge(self, candidate: Candidate, facts: Facts, saved: float, slack: float) -> Judged:
        score = MIDDLING if candidate.score is None else min(max(candidate.score, 0.0), 1.0)
        quality = expected(score, facts.p_hard) * success(candidate, facts)
        does = quality + slack >= self.quality
        parts = {"quality": quality, "cost": saved}
        return Judged(
            (1.0 + saved if does else quality) + slack,
            parts | {"kept": slack} if slack else parts,
            self.limits.over(candidate, facts),
            self.limits.over_live(candidate, facts),
            tuple(_unknown(candidate, facts)),
        )

    def why(self, facts: Facts) -> str:
        """The bar and the difficulty."""
        known = "unknown" if facts.p_hard is None else f"{facts.p_hard:.2f}"
        return f"cheapest with an expected quality of {self.quality:g} at difficulty {known}"

    def lint(self, candidates: Sequence[Candidate]) -> Iterator[Lint]:
        """A bar or scores out of range; figures that are compared and missing."""
        if not 0 < self.quality <= 1:
            yield Lint("quality", f"quality is {self.quality:g}", "give a number above 0, at most 1")
        high = [c.endpoint.name for c in candidates if c.score is not None and c.score > 1]
        if high:
            message = f"the score of {', '.join(map(repr, high))} is above 1"
            yield Lint("quality", message, "here a score is a share of good answers, 0 to 1")
        names = [c.endpoint.name for c in candidates if c.score is None]
        if names:
            message = f"{', '.join(map(repr, names))} have no score and count as average"
            yield Lint("quality", message, "give `score`", "warning")
        yield from lint_prices("quality", candidates)
        yield from self.limits.lint(candidates)


def _unknown(candidate: Candidate, facts: Facts) -> Iterator[str]:
    if candidate.score is None:
        yield "score"
    if facts.p_hard is None:
        yield "difficulty"
    if candidate.profile.price is None:
        yield "price"
    if live(candidate, facts) is None:
        yield "live"
