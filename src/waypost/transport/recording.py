"""What the audit log is told: one `decision` record when a request is decided, one `result` when it ended."""

from collections.abc import Iterator
from typing import Final, Protocol

from waypost.decision.engine import EXPLICIT, GUARD, PII, SEMANTIC, Route
from waypost.journey import Answer, Forward, Outcome, Refuse
from waypost.policy import Policy
from waypost.providers.provider import Endpoint
from waypost.record import AuditRecord, Matched, OutcomeName
from waypost.request.chat import ChatRequest, Identity
from waypost.trace import because

_OUTCOMES: Final[dict[type[Outcome], OutcomeName]] = {
    Forward: "forwarded",
    Answer: "answered",
    Refuse: "blocked",
}


class AuditSink(Protocol):
    """Where records go."""

    def digest(self, data: bytes) -> str:
        """Keyed digest of what a client sent, hex."""
        ...

    async def append(self, record: AuditRecord) -> None:
        """Record it; on return the record is as safe as the settings ask.

        Raises:
            EngineError: it is not, and the settings say that such a decision must not stand.
        """
        ...


def decision_record(
    policy: Policy, request: ChatRequest, outcome: Outcome, request_id: str, prompt_hmac: str
) -> AuditRecord:
    """The `decision` record: who decided, on what evidence, and where it may go."""
    decision = outcome.decision
    rule = decision.rule
    status = 0
    chain: tuple[Endpoint, ...] = ()
    boundary = rule.action.boundary if isinstance(rule.action, Route) else None
    match outcome:
        case Forward(selection):
            chain, boundary = selection.chain, selection.boundary
        case Answer():
            status = 200
        case Refuse():
            status = outcome.status
    matches = ((name, match) for name in decision.rests_on for match in outcome.verdicts[name].matches)
    return AuditRecord(
        type="decision",
        request_id=request_id,
        outcome=_OUTCOMES[type(outcome)],
        actor=_actor(request.identity),
        decision=rule.name,
        category=rule.category,
        rule=rule.name if rule.name not in {SEMANTIC, EXPLICIT} else "",
        owner=rule.owner,
        justification=rule.business_justification,
        reasoning=rule.action.reasoning,
        because=because(outcome),
        matched=tuple(Matched(name, m.term, m.where, m.start, m.end) for name, m in matches),
        requested_model=request.model,
        target=tuple(endpoint.name for endpoint in chain),
        boundary=tuple(sorted(boundary or ())),
        prompt_hmac=prompt_hmac,
        config_sha256=policy.revision,
        status=status,
        guards=tuple(_guards(outcome)),
    )


def guard_headers(outcome: Outcome) -> dict[str, str]:
    """What response headers say of guards: who refused, how likely an attack is, what was masked."""
    if isinstance(outcome, Answer):
        return {}
    if isinstance(outcome, Forward):
        found: dict[str, str] = {}
        if outcome.risks:
            found["x-waypost-risk"] = f"{max(outcome.verdicts[name].score for name in outcome.risks):.3f}"
        if outcome.masked is not None and outcome.masked.counts:
            found["x-waypost-masked"] = ", ".join(f"{k}={v}" for k, v in outcome.masked.counts.items())
        return found
    guard = outcome.decision.rule.name
    if guard not in _COMPATIBLE or not outcome.findings:
        return {}
    verdict = outcome.verdicts[outcome.decision.rests_on[0]]
    label = verdict.label or "unanswered"
    named = {"x-waypost-guard": f"{guard}; type={label}; score={verdict.score:.3f}"}
    if guard == PII:
        return named | {"x-vsr-pii-violation": "true"}
    compatible = {"blocked": "true", "type": "jailbreak", "confidence": f"{verdict.score:.3f}"}
    return named | {f"x-vsr-jailbreak-{key}": value for key, value in compatible.items()}


_COMPATIBLE: Final = frozenset({PII, GUARD})


def _guards(outcome: Outcome) -> Iterator[str]:
    """Each guard that found something, once, with what became of it."""
    if isinstance(outcome, Answer):
        return
    said: dict[str, None] = {}
    for found in outcome.findings:
        if found.hit is not False:
            verdict = outcome.verdicts[found.signal]
            told = f"{verdict.label} {verdict.score:.3f}" if verdict.label else "unanswered"
            said[f"{found.guard} {found.action} {told}"] = None
    yield from said
    if isinstance(outcome, Forward) and outcome.masked is not None:
        yield from (f"masked {name}={number}" for name, number in outcome.masked.counts.items())


def _actor(identity: Identity) -> str:
    known = (("team", identity.team), ("tenant", identity.tenant), ("user", identity.user))
    return " ".join(f"{name}={value}" for name, value in known if value) or "unknown"
