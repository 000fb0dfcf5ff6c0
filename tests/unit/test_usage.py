"""Tokens as each provider counts them, and what they cost."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from waypost.configurable import build
from waypost.usage import (
    MAX_TOKENS,
    UNKNOWN,
    Charge,
    Costs,
    Price,
    Usage,
    cost,
    dollars,
    from_anthropic,
    from_embeddings,
    from_openai,
    from_responses,
    saving,
)

OPENAI = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 3, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 4},
}
ANTHROPIC = {
    "input_tokens": 9,
    "cache_read_input_tokens": 8,
    "cache_creation_input_tokens": 3,
    "cache_creation": {"ephemeral_5m_input_tokens": 3},
    "output_tokens": 9,
    "output_tokens_details": {"thinking_tokens": 4},
}
RESPONSES = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 3},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 29,
}
FORMS = pytest.mark.parametrize("read", [from_openai, from_anthropic, from_responses, from_embeddings])


@pytest.mark.parametrize(
    ("read", "told"), [(from_openai, OPENAI), (from_anthropic, ANTHROPIC), (from_responses, RESPONSES)]
)
def test_every_form_tells_the_same_answer(read: Any, told: object) -> None:
    assert read(told) == Usage(20, 8, 3, 9, 4)


def test_embeddings_have_no_completion() -> None:
    assert from_embeddings({"prompt_tokens": 7, "total_tokens": 7}) == Usage(7, completion_tokens=0)


@pytest.mark.parametrize(
    ("read", "told", "found"),
    [
        (from_openai, {"prompt_tokens": 1, "completion_tokens": 0}, Usage(1, completion_tokens=0)),
        (from_openai, {"prompt_tokens": 1, "prompt_tokens_details": None}, Usage(1)),
        (from_anthropic, {"input_tokens": 5}, Usage(5)),
        (from_anthropic, {"output_tokens": 2}, Usage(completion_tokens=2)),
        (from_anthropic, {"input_tokens": 5, "cache_read_input_tokens": 0}, Usage(5, 0)),
        (from_responses, {"output_tokens": 2, "input_tokens_details": {}}, Usage(completion_tokens=2)),
    ],
)
def test_what_nobody_told_is_unknown(read: Any, told: object, found: Usage) -> None:
    assert read(told) == found


@FORMS
@pytest.mark.parametrize("told", [None, {}, [], "12", 3, {"prompt_tokens": None, "input_tokens": "5"}])
def test_what_tells_nothing_is_no_usage(read: Any, told: object) -> None:
    assert read(told) is None


@FORMS
@pytest.mark.parametrize("count", [True, -1, 1.5, "7", MAX_TOKENS + 1, 10**400, [1], None])
def test_a_count_that_is_none_is_unknown(read: Any, count: object) -> None:
    names = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
    assert read(dict.fromkeys(names, count)) is None


@pytest.mark.parametrize(
    ("total", "completion"), [(23, 13), (19, 9), (24, 9), (None, 9)], ids=["beside", "within", "odd", "none"]
)
def test_thoughts_beside_the_completion_belong_to_it(total: int | None, completion: int) -> None:
    told = {
        "prompt_tokens": 10,
        "completion_tokens": 9,
        "total_tokens": total,
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    assert from_openai(told) == Usage(10, None, None, completion, 4)


# --- prices -----------------------------------------------------------------------------------------------

SONNET = Price(input=3, output=15, cached_input=0.3, cache_write=3.75)


@pytest.mark.parametrize(
    ("usage", "price", "usd"),
    [
        (Usage(1_000_000, completion_tokens=0), Price(input=0.15, output=0.6), "0.15"),
        (Usage(1000, completion_tokens=400), Price(input=3.0, output=15.0), "0.009"),
        (Usage(1, completion_tokens=0), Price(input=0.1, output=0), "0.0000001"),
        (Usage(1000, 600, 300, 10, 5), SONNET, "0.001755"),
        (Usage(1000, 600, 300, 10, 5), Price(input=3, output=15), "0.00315"),
        (Usage(1000, None, None, 10), SONNET, "0.00315"),
        (Usage(0, 0, 0, 0, 0), SONNET, "0"),
        (Usage(10, completion_tokens=10), Price(input=0, output=0), "0"),
        # a server that does not count what was cached as a part of the prompt
        (Usage(100, 600, 0, 0), SONNET, "0.00018"),
    ],
)
def test_an_answer_costs_exactly_what_the_list_says(usage: Usage, price: Price, usd: str) -> None:
    assert cost(usage, price) == Decimal(usd)
    assert dollars(cost(usage, price)) == usd


@pytest.mark.parametrize("usage", [UNKNOWN, Usage(10), Usage(completion_tokens=5), Usage(None, 5, 5, 5, 5)])
def test_an_unknown_length_has_an_unknown_cost(usage: Usage) -> None:
    assert cost(usage, SONNET) is None
    assert saving(usage, SONNET, SONNET) is None


def test_a_saving_is_against_the_same_tokens_cached_ones_included() -> None:
    usage = Usage(1_000_000, 400_000, 0, 100_000)
    small, large = Price(input=1, output=2, cached_input=0.1), Price(input=10, output=20, cached_input=5)
    assert saving(usage, small, large) == Decimal(10) - Decimal("0.84")
    assert saving(usage, large, small) == Decimal("0.84") - Decimal(10)


counts = st.integers(0, MAX_TOKENS)
rates = st.decimals(0, 1000, places=6).map(float)
prices = st.builds(
    Price,
    input=rates,
    output=rates,
    cached_input=st.none() | rates,
    cache_write=st.none() | rates,
)
usages = st.builds(Usage, counts, st.none() | counts, st.none() | counts, counts, st.none() | counts)


@given(usages, prices)
def test_the_baseline_saves_nothing_on_itself(usage: Usage, price: Price) -> None:
    assert saving(usage, price, price) == 0


@given(usages, prices)
def test_no_digit_is_lost(usage: Usage, price: Price) -> None:
    spent = cost(usage, price)
    assert spent is not None
    assert spent >= 0
    assert (spent * 10**12) % 1 == 0  # six digits of a rate, six of a million
    assert Decimal(dollars(spent)) == spent


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (None, ""),
        (Decimal(0), "0"),
        (Decimal("0.000"), "0"),
        (Decimal("1E+2"), "100"),
        (Decimal("1E-9"), "0.000000001"),
        (Decimal("-0.50"), "-0.5"),
        (Decimal(100), "100"),
    ],
)
def test_money_is_a_plain_decimal(amount: Decimal | None, text: str) -> None:
    assert dollars(amount) == text


@pytest.mark.parametrize("rate", [-1, float("nan"), float("inf"), "much", [1]])
@pytest.mark.parametrize("field", ["input", "output", "cached_input", "cache_write"])
def test_a_price_is_a_finite_number(field: str, rate: object) -> None:
    with pytest.raises(ValidationError):
        build(Price, {"input": 1, "output": 1, field: rate})


def test_an_estimate_before_the_answer() -> None:
    assert Price(input=3.0, output=15.0).cost_usd(1000, 400) == pytest.approx(0.009)


# --- the price list ---------------------------------------------------------------------------------------

SMALL, LARGE = Price(input=1, output=1), Price(input=5, output=5)
USAGE = Usage(500_000, completion_tokens=500_000)


def test_an_answer_is_charged_by_its_endpoint() -> None:
    costs = Costs({"small": SMALL, "large": LARGE}, "large")
    assert costs.charge("small", USAGE) == Charge(USAGE, Decimal(1), Decimal(4))
    assert costs.charge("large", USAGE) == Charge(USAGE, Decimal(5), Decimal(0))


def test_without_a_baseline_nothing_is_saved() -> None:
    assert Costs({"small": SMALL}).charge("small", USAGE) == Charge(USAGE, Decimal(1))


@pytest.mark.parametrize("usage", [None, USAGE, Usage(5)])
def test_a_model_without_a_price_costs_nobody_knows_what(usage: Usage | None) -> None:
    charge = Costs({"large": LARGE}, "large").charge("small", usage)
    assert charge == Charge(usage or UNKNOWN)
    assert charge.headers() == {}


def test_an_answer_that_tells_nothing_costs_nobody_knows_what() -> None:
    assert Costs({"small": SMALL}, "small").charge("small", None) == Charge()


def test_headers_tell_what_is_known() -> None:
    told = {"x-waypost-cost-usd": "1", "x-waypost-saved-usd": "-0.25"}
    assert Charge(USAGE, Decimal(1), Decimal("-0.25")).headers() == told
    assert Charge(USAGE, Decimal(0)).headers() == {"x-waypost-cost-usd": "0"}
