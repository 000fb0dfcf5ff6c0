"""What is told of an answer when it is over."""

from dataclasses import replace
from decimal import Decimal

from prometheus_client import generate_latest

from waypost.leaving import Leaving
from waypost.mutations.target import Use, target
from waypost.observe.metrics import Metrics
from waypost.policy import Policy
from waypost.settle import Settled, settle
from waypost.testing import policies
from waypost.transport.accounting import charge_of, count, count_attempts, result_record
from waypost.usage import Costs, Price, Usage

ZONES = {"small": "external", "large": "external"}
PRICES = {"small": Price(input=1.0, output=2.0), "large": Price(input=10.0, output=20.0)}
POLICY = replace(policies.policy(ZONES, {}, ()), costs=Costs(PRICES, "large"))
USAGE = Usage(prompt_tokens=1000, cached_tokens=10, completion_tokens=500, reasoning_tokens=7)
CHAIN = tuple(target(each, Use(), None) for each in POLICY.endpoints.values())


def settled(status: int = 200, attempts: int = 1) -> Settled:
    leaving = Leaving("openai_chat", None, CHAIN, {}, CHAIN)
    said = {":status": str(status), "content-type": "application/json"}
    return settle(leaving, "openai_chat", attempts, said)


def counted(policy: Policy, found: Settled | None, usage: Usage | None, end: str | None = None) -> str:
    metrics = Metrics(lambda: policy)
    count(metrics, "semantic_classification", found, charge_of(policy, found, usage), end)  # type: ignore[arg-type]
    return generate_latest(metrics.registry).decode()


def test_the_record_tells_tokens_and_dollars() -> None:
    charge = charge_of(POLICY, settled(), USAGE)
    record = result_record(POLICY, "id", settled(), charge, "complete")
    assert (record.model, record.prompt_tokens, record.completion_tokens) == ("small", 1000, 500)
    assert record.stream_end == "complete"
    assert Decimal(record.cost_usd or "") == Decimal("0.002")
    assert Decimal(record.saved_usd or "") == Decimal("0.018")


def test_without_an_answer_the_record_says_aborted() -> None:
    record = result_record(POLICY, "id", None, charge_of(POLICY, None, None), None)
    assert (record.type, record.outcome, record.cost_usd) == ("result", "aborted", None)


def test_what_nobody_told_is_unknown_and_not_nothing() -> None:
    assert charge_of(POLICY, settled(), None).cost_usd is None
    assert charge_of(replace(POLICY, costs=Costs()), settled(), USAGE).cost_usd is None
    assert "waypost_cost_usd_total{" not in counted(POLICY, settled(), None)
    assert "waypost_tokens_total{" not in counted(POLICY, settled(), None)


def test_what_is_counted() -> None:
    page = counted(POLICY, settled(), USAGE, "complete")
    assert (
        'waypost_requests_total{decision="semantic_classification",model="small",status_class="2xx"} 1'
        in page
    )
    assert 'waypost_stream_ends_total{end="complete",provider="small-host"} 1' in page
    assert 'waypost_tokens_total{kind="input",model="small"} 1000' in page
    assert 'waypost_tokens_total{kind="reasoning",model="small"} 7' in page
    assert 'waypost_cost_usd_total{model="small"} 0.002' in page
    assert 'waypost_saved_usd_total{model="small"} 0.018' in page


def test_a_request_that_nobody_answered_is_counted() -> None:
    page = counted(POLICY, None, None)
    assert 'model="none",status_class="none"} 1' in page


def test_all_attempts_are_counted() -> None:
    metrics = Metrics(lambda: POLICY)
    count_attempts(metrics, ["small-host", "small-host", "large-host"], 200)
    count_attempts(metrics, ["large-host"], 429)
    count_attempts(metrics, [], 503)
    page = generate_latest(metrics.registry).decode()
    assert 'waypost_attempts_total{outcome="error",provider="small-host"} 2' in page
    assert 'waypost_attempts_total{outcome="ok",provider="large-host"} 1' in page
    assert 'waypost_attempts_total{outcome="limited",provider="large-host"} 1' in page
