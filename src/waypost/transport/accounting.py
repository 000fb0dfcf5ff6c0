"""What is told of an answer when it is over: its record, and what is counted."""

from waypost.dialects.tap import StreamEnd
from waypost.observe.metrics import Metrics, TokenKind, attempt_outcome
from waypost.policy import Policy
from waypost.record import AuditRecord
from waypost.settle import Settled
from waypost.usage import Charge, Usage


def result_record(
    policy: Policy, request_id: str, settled: Settled | None, charge: Charge, end: StreamEnd | None
) -> AuditRecord:
    """The `result` record; without an answer the request was aborted, one that came whole has no `end`."""
    if settled is None:
        return AuditRecord("result", request_id, "aborted", config_sha256=policy.revision)
    record = settled.record(request_id, policy.revision)
    return record if settled.target is None else record.charged(settled.target.model, charge, end or "")


def charge_of(policy: Policy, settled: Settled | None, usage: Usage | None) -> Charge:
    """What an answer took and cost."""
    if settled is None or settled.target is None:
        return Charge()
    return policy.costs.charge(settled.target.endpoint.name, usage)


def count(
    metrics: Metrics, decision: str, settled: Settled | None, charge: Charge, end: StreamEnd | None
) -> None:
    """Count a request that was sent and is over."""
    target = None if settled is None else settled.target
    metrics.ended(
        decision, None if target is None else target.endpoint.name, settled.status if settled else 0
    )
    if settled is None or target is None:
        return
    if end is not None:
        metrics.streamed(target.endpoint.provider.name, end)
    usage = charge.usage
    told: dict[TokenKind, int | None] = {
        "input": usage.prompt_tokens,
        "cached_input": usage.cached_tokens,
        "cache_write": usage.cache_write_tokens,
        "output": usage.completion_tokens,
        "reasoning": usage.reasoning_tokens,
    }
    metrics.used(target.endpoint.name, {kind: tokens for kind, tokens in told.items() if tokens is not None})
    if charge.cost_usd is not None:
        saved = None if charge.saved_usd is None else float(charge.saved_usd)
        metrics.spent(target.endpoint.name, float(charge.cost_usd), saved)


def count_attempts(metrics: Metrics, providers: list[str], status: int) -> None:
    """Count the attempts at providers, the last of which answered with a status; the others failed."""
    for provider in providers[:-1]:
        metrics.attempted(provider, "error")
    if providers:
        metrics.attempted(providers[-1], attempt_outcome(status))
