"""What an answer took and what it cost: tokens as providers count them, priced by the operator's list.

Rule 1: what nobody told is unknown (None), never 0: a free answer and an unpriced one are different things.
Rule 2: money is decimal and exact; prices count as they are written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, cast

from waypost.configurable import NotNegative, configurable

MAX_TOKENS: Final = 10**9
"""Most tokens of one answer; a provider that counts more is not believed."""

_MILLION: Final = 6  # as a power of ten


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer, as far as its provider told; None = unknown.

    Attributes:
        prompt_tokens: all that was sent, with what the provider's cache held or took in.
        cached_tokens: those of the prompt that were read from the cache.
        cache_write_tokens: those of the prompt that the cache took in.
        completion_tokens: all that came back, thoughts included.
        reasoning_tokens: those of the completion that were thoughts.
    """

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None


UNKNOWN: Final = Usage()
"""Of an answer whose provider told nothing."""


# --- as providers tell it ---------------------------------------------------------------------------------


def from_openai(usage: object) -> Usage | None:
    """The `usage` of a chat completion, of a legacy completion or of a chunk; None = it tells nothing.

    Some servers count thoughts beside the completion instead of in it; the total gives that away.
    """
    counted = _object(usage)
    prompt, completion = _count(counted, "prompt_tokens"), _count(counted, "completion_tokens")
    given, answered = (_object(counted.get(f"{name}_tokens_details")) for name in ("prompt", "completion"))
    thought = _count(answered, "reasoning_tokens")
    total = _count(counted, "total_tokens")
    if prompt is not None and completion is not None and thought and total == prompt + completion + thought:
        completion += thought
    read, written = _count(given, "cached_tokens"), _count(given, "cache_write_tokens")
    return _known(Usage(prompt, read, written, completion, thought))


def from_embeddings(usage: object) -> Usage | None:
    """The `usage` of embeddings, which have no completion; None = it tells nothing."""
    prompt = _count(_object(usage), "prompt_tokens")
    return None if prompt is None else Usage(prompt_tokens=prompt, completion_tokens=0)


def from_anthropic(usage: object) -> Usage | None:
    """The `usage` of a message; its `input_tokens` leave out what the cache held. None = it tells nothing."""
    counted = _object(usage)
    plain = _count(counted, "input_tokens")
    read = _count(counted, "cache_read_input_tokens")
    written = _count(counted, "cache_creation_input_tokens")
    prompt = None if plain is None else plain + (read or 0) + (written or 0)
    thought = _count(_object(counted.get("output_tokens_details")), "thinking_tokens")
    return _known(Usage(prompt, read, written, _count(counted, "output_tokens"), thought))


def from_responses(usage: object) -> Usage | None:
    """The `usage` of a response (`/v1/responses`); None = it tells nothing."""
    counted = _object(usage)
    given, answered = (_object(counted.get(f"{name}_tokens_details")) for name in ("input", "output"))
    return _known(
        Usage(
            _count(counted, "input_tokens"),
            _count(given, "cached_tokens"),
            _count(given, "cache_write_tokens"),
            _count(counted, "output_tokens"),
            _count(answered, "reasoning_tokens"),
        )
    )


def _known(usage: Usage) -> Usage | None:
    return None if usage == UNKNOWN else usage


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _count(counted: Mapping[str, Any], name: str) -> int | None:
    value = counted.get(name)
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else None


# --- prices -----------------------------------------------------------------------------------------------


@configurable
class Price:
    """Price in US dollars per million tokens."""

    input: NotNegative
    """Of what is sent."""

    output: NotNegative
    """Of what comes back, thoughts included."""

    cached_input: NotNegative | None = None
    """Of what is sent and was in the provider's cache. Default: `input`."""

    cache_write: NotNegative | None = None
    """Of what is sent and goes into the provider's cache. Default: `input`."""

    def cost_usd(self, prompt_tokens: float, output_tokens: float) -> float:
        """Estimate for a request and its answer before there is one; nothing is cached."""
        return (prompt_tokens * self.input + output_tokens * self.output) / 1e6


def cost(usage: Usage, price: Price) -> Decimal | None:
    """US dollars that an answer cost; None = its provider did not tell how long prompt or answer were.

    A provider that says nothing of its cache is taken to have none: all of the prompt costs `input`.
    """
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    read, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    plain = max(0, usage.prompt_tokens - read - written)
    cached = price.input if price.cached_input is None else price.cached_input
    stored = price.input if price.cache_write is None else price.cache_write
    parts = ((plain, price.input), (read, cached), (written, stored), (usage.completion_tokens, price.output))
    return sum((tokens * Decimal(str(rate)) for tokens, rate in parts), Decimal()).scaleb(-_MILLION)


def saving(usage: Usage, price: Price, baseline: Price) -> Decimal | None:
    """US dollars that an answer cost less than the baseline model would have charged; negative = more.

    The baseline is priced for the very same tokens, those of the cache at its own prices for them: a
    conversation would have been in its cache as well. So caching is no saving, and an answer of the baseline
    model itself saves nothing.
    """
    spent, otherwise = cost(usage, price), cost(usage, baseline)
    return None if spent is None or otherwise is None else otherwise - spent


def dollars(amount: Decimal | None) -> str:
    """A plain decimal without an exponent and without zeros at its end; empty = unknown."""
    if amount is None:
        return ""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True, slots=True)
class Charge:
    """What one answer took, and what that cost.

    Attributes:
        cost_usd: None = unknown: the model has no price, or the provider told too little.
        saved_usd: against the baseline, negative where it was dearer; None = unknown, or nobody asked.
    """

    usage: Usage = UNKNOWN
    cost_usd: Decimal | None = None
    saved_usd: Decimal | None = None

    def headers(self) -> dict[str, str]:
        """What a client is told that is to know, as far as it is known."""
        told = {"x-waypost-cost-usd": dollars(self.cost_usd), "x-waypost-saved-usd": dollars(self.saved_usd)}
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class Costs:
    """The price list.

    Attributes:
        prices: by endpoint; one that is missing has no known price.
        baseline: endpoint that savings are told against, which has a price; None = none are told.
        headers: whether clients are told what answers cost.
    """

    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])
    baseline: str | None = None
    headers: bool = False

    def charge(self, endpoint: str, usage: Usage | None) -> Charge:
        """What an answer of an endpoint cost; `usage` None = its provider told nothing."""
        price = self.prices.get(endpoint)
        if usage is None or price is None:
            return Charge(usage or UNKNOWN)
        saved = None if self.baseline is None else saving(usage, price, self.prices[self.baseline])
        return Charge(usage, cost(usage, price), saved)
