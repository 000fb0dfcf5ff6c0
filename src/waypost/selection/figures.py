"""What a candidate would cost and how it has done: the figures that methods compare, and limits on them.

Rule 1: a figure that nobody knows counts as middling, breaks no limit and is told as unknown.
Rule 2: every share is monotone in its own figure: dearer, slower or worse never moves a candidate ahead.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from waypost.configurable import configurable
from waypost.selection.base import Candidate, Facts, Live
from waypost.signals.base import Lint

TYPICAL_OUTPUT_TOKENS: Final = 400
"""Tokens of an answer, where the caller does not ask for fewer. Assistant turns of WildChat have 441 on
average (Zhao et al. 2024, arXiv 2405.01470); what callers allow is usually far above what they get."""

MIDDLING: Final = 0.5
"""What an unknown share counts as."""

MIN_ATTEMPTS: Final = 10
"""Fewer attempts say nothing: with ten, one failure is a rate of a tenth and not of a half."""


def cost_usd(candidate: Candidate, facts: Facts) -> float | None:
    """US dollars that the request would cost there, by estimate; None = its price is unknown."""
    price = candidate.profile.price
    return None if price is None else price.cost_usd(facts.prompt_tokens, _answer_tokens(facts))


def price_usd(candidate: Candidate, facts: Facts) -> float | None:
    """US dollars per million tokens in this request's mix of prompt and answer; None = unknown."""
    cost = cost_usd(candidate, facts)
    return None if cost is None else cost / (facts.prompt_tokens + _answer_tokens(facts)) * 1e6


def _answer_tokens(facts: Facts) -> int:
    return min(facts.output_tokens or TYPICAL_OUTPUT_TOKENS, TYPICAL_OUTPUT_TOKENS)


def live(candidate: Candidate, facts: Facts) -> Live | None:
    """How it did lately; None = too few attempts to say."""
    found = facts.live.get(candidate.endpoint.name)
    return found if found is not None and found.n >= MIN_ATTEMPTS else None


def first_token_seconds(candidate: Candidate, facts: Facts) -> float | None:
    """Median time to the first token; None = unknown."""
    found = live(candidate, facts)
    return found and found.first_token_seconds


def success(candidate: Candidate, facts: Facts) -> float:
    """Share of attempts that do not fail; 1 where nothing is known, so that nobody is suspected."""
    found = live(candidate, facts)
    return 1.0 if found is None else 1.0 - found.error_rate


def frugal(figures: Sequence[float | None]) -> list[float]:
    """Each figure's distance from the largest of them, as a share of that one: 0 = the largest, 1 = none.

    Linear on purpose: the weight of a share is then a rate of exchange, so many dollars for so much quality.
    """
    largest = max((figure for figure in figures if figure is not None), default=0.0)
    return [MIDDLING if f is None else 1.0 - f / largest if largest > 0 else 1.0 for f in figures]


def qualities(candidates: Sequence[Candidate]) -> list[float]:
    """Scores, in [0, 1]; where one is above 1 they are shares of the highest."""
    highest = max((c.score for c in candidates if c.score is not None), default=1.0)
    return [MIDDLING if c.score is None else max(0.0, c.score) / max(1.0, highest) for c in candidates]


@configurable
class Limits:
    """What no model may exceed. A figure that is not known exceeds nothing."""

    max_cost_usd: float | None = None
    """Most US dollars for one request, by estimate: its tokens, and an answer of 400 tokens or what the
    request allows if that is less."""

    max_price_usd: float | None = None
    """Highest price per million tokens, in US dollars, in the request's own mix of prompt and answer."""

    max_first_token_seconds: float | None = None
    """Longest median time to the first token, of the last minutes. Does not apply where it would leave no
    model."""

    max_error_rate: float | None = None
    """Highest share of failed attempts, 0 to 1, in the last minutes. Does not apply where it would leave no
    model."""

    def over(self, candidate: Candidate, facts: Facts) -> str:
        """Limit on money that the candidate breaks; empty = none."""
        cost, price = cost_usd(candidate, facts), price_usd(candidate, facts)
        if _is_over(cost, self.max_cost_usd):
            return f"costs about {cost:.2g} USD, limit {self.max_cost_usd:g}"
        if _is_over(price, self.max_price_usd):
            return f"costs {price:.3g} USD per million tokens, limit {self.max_price_usd:g}"
        return ""

    def over_live(self, candidate: Candidate, facts: Facts) -> str:
        """Limit on live figures that the candidate breaks; empty = none."""
        found = live(candidate, facts)
        if found is None:
            return ""
        if _is_over(found.error_rate, self.max_error_rate):
            return f"fails {found.error_rate:.0%} of attempts, limit {self.max_error_rate:.0%}"
        if _is_over(found.first_token_seconds, self.max_first_token_seconds):
            seconds, most = found.first_token_seconds, self.max_first_token_seconds
            return f"begins to answer after {seconds:.2f} s, limit {most:g} s"
        return ""

    def lint(self, candidates: Sequence[Candidate]) -> Iterator[Lint]:
        """Limits out of range, or on money where a price is missing."""
        for name in ("max_cost_usd", "max_price_usd", "max_first_token_seconds"):
            limit: float | None = getattr(self, name)
            if limit is not None and not limit > 0:
                yield Lint(f"limits.{name}", f"{name} is {limit:g}", "give a number above 0")
        if self.max_error_rate is not None and not 0 <= self.max_error_rate < 1:
            message = f"max_error_rate is {self.max_error_rate:g}"
            yield Lint("limits.max_error_rate", message, "give a share: 0 or more, less than 1")
        if self.max_cost_usd is not None or self.max_price_usd is not None:
            yield from lint_prices("limits", candidates)


def lint_prices(field: str, candidates: Sequence[Candidate]) -> Iterator[Lint]:
    """Models without a price, where the price counts."""
    names = [c.endpoint.name for c in candidates if c.profile.price is None]
    if names:
        remedy = "give `price` under `models`; zeros for a model that costs nothing"
        yield Lint(field, f"the price of {', '.join(map(repr, names))} is not known", remedy, "warning")


def _is_over(figure: float | None, limit: float | None) -> bool:
    return figure is not None and limit is not None and figure > limit
