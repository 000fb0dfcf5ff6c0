"""The trace: one decision, told completely. API, CLI, audit log, spans and dashboard show this object.

It is made from the journey's own values and never computed a second time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from waypost.decision.engine import EXPLICIT, SEMANTIC, Rule
from waypost.decision.explain import RuleTrace, explain
from waypost.guards.judge import Finding
from waypost.journey import Answer, Forward, Outcome, Refuse, considered
from waypost.leaving import Leaving
from waypost.mutations.mask import Masked
from waypost.mutations.target import Target
from waypost.needs import Failed
from waypost.policy import Policy
from waypost.request.chat import ChatRequest
from waypost.selection.base import Considered, Selection
from waypost.signals.base import Encoded, Match, Scan, Verdicts, Window
from waypost.signals.category import NAMED


@dataclass(frozen=True, slots=True)
class Hop:
    """One candidate of the failover chain, in order."""

    endpoint: str
    provider: str
    model: str
    zone: str


@dataclass(frozen=True, slots=True)
class SignalTrace:
    """One question of the policy and its answer; `value` None with an empty `because` = not evaluated.

    Attributes:
        threshold: what `score` was compared with; None = the answer is not a matter of degree.
    """

    name: str
    kind: str
    value: bool | None
    because: str
    score: float
    failed: str | None
    matches: tuple[Match, ...]
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class ScanTrace:
    """What the guards' heads found in one text.

    Attributes:
        attack: P(jailbreak or injection).
        personal: highest score by type of personal data.
        coverage: share of the text that was read.
    """

    attack: float
    personal: Mapping[str, float]
    coverage: float


@dataclass(frozen=True, slots=True)
class EncoderTrace:
    """What the encoder was asked for and found.

    Attributes:
        failed: why it did not answer; empty = it did.
        heads: probability by head and label.
        scans: one for each text that guards had read, in order.
        likenesses: probability that the text belongs with each set of examples, in order.
        windows: what was read, pass by pass.
        passes: windows that were not remembered from before.
        seconds: from question to answer, waiting included.
    """

    failed: str = ""
    heads: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    scans: tuple[ScanTrace, ...] = ()
    likenesses: tuple[float, ...] = ()
    windows: tuple[Window, ...] = ()
    passes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything about one decision; JSON-stable, without a word of the client's text.

    Attributes:
        outcome: `forward`, `answer` (fixed text) or `refuse`.
        decision: rule name, `semantic_classification` or `explicit_model`.
        category: category of the semantic fallback that decided; empty = none did.
        encoder: None = no question needed the classifiers.
        guards: what each guard said about each endpoint that was thought of.
        candidates: every model that was thought of, with its score or why it is out; empty = the
            order of the rule.
        because_chain: why the chain is in this order.
        edits: what leaves otherwise than the client sent it, a clause each.
        masked: how many values of each type of personal data leave as placeholders.
        restored: placeholders in the answer are replaced by what they stand for.
        reasoning: the operator's sentence.
        because: the evidence.
        chain: candidates in failover order; empty unless forwarded.
        boundary: zones no attempt may leave; empty = none.
        status: HTTP status of an answer made here; 0 when forwarded.
        revision: policy revision.
    """

    outcome: Literal["forward", "answer", "refuse"]
    decision: str
    requested_model: str
    because: str
    reasoning: str
    owner: str
    business_justification: str
    chain: tuple[Hop, ...]
    boundary: tuple[str, ...]
    status: int
    message: str
    rules: tuple[RuleTrace, ...]
    signals: tuple[SignalTrace, ...]
    revision: str
    category: str = ""
    encoder: EncoderTrace | None = None
    guards: tuple[Finding, ...] = ()
    masked: Mapping[str, int] = field(default_factory=dict[str, int])
    restored: bool = False
    candidates: tuple[Considered, ...] = ()
    because_chain: str = ""
    edits: tuple[str, ...] = ()


def trace(policy: Policy, request: ChatRequest, outcome: Outcome) -> Trace:
    """Tell how `outcome` came about."""
    rule = outcome.decision.rule
    chain: tuple[Hop, ...] = ()
    boundary: tuple[str, ...] = ()
    status, message = 0, ""
    findings: tuple[Finding, ...] = ()
    masked: Masked | None = None
    chosen: Selection | None = None
    edits: tuple[str, ...] = ()
    match outcome:
        case Forward(selection):
            findings, masked = outcome.findings, outcome.masked
            chosen, edits = selection, tuple(_edits(outcome))
            models = {t.endpoint.name: t.model for t in outcome.targets}
            chain = tuple(
                Hop(e.name, e.provider.name, models.get(e.name, e.model), e.zone) for e in selection.chain
            )
            boundary = tuple(sorted(selection.boundary or ()))
        case Answer(text):
            status, message = 200, text
        case Refuse():
            status, message, findings = outcome.status, outcome.message, outcome.findings
            chosen = outcome.selection
    return Trace(
        outcome=_name(outcome),
        decision=rule.name,
        requested_model=request.model,
        because=because(outcome),
        reasoning=rule.action.reasoning,
        owner=rule.owner,
        business_justification=rule.business_justification,
        chain=chain,
        boundary=boundary,
        status=status,
        message=message,
        rules=explain(policy.rules[:-1], considered(policy, request), outcome.decision, outcome.verdicts),
        signals=_signals(policy, outcome),
        revision=policy.revision,
        category=rule.category,
        encoder=_encoder(outcome.encoded),
        guards=findings,
        masked=dict(masked.counts) if masked else {},
        restored=isinstance(outcome, Forward) and outcome.restore,
        candidates=chosen.considered if chosen else (),
        because_chain=chosen.because if chosen else "",
        edits=edits,
    )


def _edits(outcome: Forward) -> Iterator[str]:
    """What a provider gets that the client did not send; names and numbers, never a text."""
    shaped, shape = outcome.shaped, outcome.shape
    if shaped.tools is not None:
        yield shaped.tools.because
    if shaped.prompted:
        yield f"system prompt of {len(shape.prompt)} characters, {shape.mode}"
    yield from (f"parameter {note}" for note in shaped.adjustments)
    yield from (f"header {name} set" for name, _ in shape.request.set)
    yield from (f"header {name} removed" for name in shape.request.remove)
    for target in outcome.targets:
        if target.reasoning is not None:
            on = {True: "on", False: "off", None: "left as sent"}[target.reasoning.on]
            effort = f" ({target.reasoning.effort})" if target.reasoning.effort else ""
            yield f"reasoning of {target.endpoint.name} {on}{effort}: {target.reasoning.because}"
        if target.model != target.endpoint.model:
            yield f"{target.endpoint.name} answers as {target.model}"
        yield from _told(outcome.leaving, target)


def _told(leaving: Leaving, target: Target) -> Iterator[str]:
    """In which form a target is asked, where it is another than leaves, and what it is not told."""
    name = target.endpoint.name
    if target not in leaving.targets:
        yield f"{name} is left out: it cannot be sent this request"
        return
    if (spoken := leaving.spoken(target)) != leaving.form:
        yield f"written as {spoken} for {name}"
    yield from (f"{name} is not told {note}" for note in leaving.dropped.get(target.key, ()))


def _encoder(encoded: Encoded | Failed | None) -> EncoderTrace | None:
    match encoded:
        case None:
            return None
        case Failed(reason):
            return EncoderTrace(failed=reason)
        case Encoded():
            return EncoderTrace(
                heads={head: dict(found) for head, found in encoded.heads.items()},
                scans=tuple(_scan(scan) for scan in encoded.scans.values()),
                likenesses=tuple(likeness.probability for likeness in encoded.likenesses.values()),
                windows=encoded.windows,
                passes=sum(not window.remembered for window in encoded.windows),
                seconds=encoded.seconds,
            )


def _scan(scan: Scan) -> ScanTrace:
    personal: dict[str, float] = {}
    for span in scan.spans:
        personal[span.type] = max(span.score, personal.get(span.type, 0.0))
    return ScanTrace(scan.attack, personal, scan.coverage)


def because(outcome: Outcome) -> str:
    """The evidence of a decision in one sentence; also where no signal spoke."""
    rule: Rule = outcome.decision.rule
    if outcome.decision.because:
        return outcome.decision.because
    if rule.name == SEMANTIC:
        return f"{NO_MATCH}{_closest(outcome.verdicts)}"
    if rule.name == EXPLICIT:
        return "The client named this model and no rule stands against it"
    return "The rule has no conditions"


NO_MATCH: Final = "No keyword matches - using semantic routing"
"""The evidence where no rule matched; the sentence of the published rule format."""


def _closest(verdicts: Verdicts) -> str:
    """The category that came nearest to winning, or why none could be told."""
    asked = [verdict for name, verdict in verdicts.items() if name.startswith(NAMED)]
    if failed := next((verdict for verdict in asked if verdict.failed), None):
        return f"; categories: {failed.because}"
    best = max(asked, key=lambda verdict: verdict.score, default=None)
    return f"; closest is {best.because}" if best else ""


def _name(outcome: Outcome) -> Literal["forward", "answer", "refuse"]:
    match outcome:
        case Forward():
            return "forward"
        case Answer():
            return "answer"
        case Refuse():
            return "refuse"


def _signals(policy: Policy, outcome: Outcome) -> tuple[SignalTrace, ...]:
    traces: list[SignalTrace] = []
    for name, signal in policy.signals.items():
        verdict = outcome.verdicts.get(name)
        if verdict is None:
            traces.append(SignalTrace(name, signal.kind, None, "", 0.0, None, ()))
        else:
            traces.append(
                SignalTrace(
                    name,
                    signal.kind,
                    verdict.holds,
                    verdict.because,
                    verdict.score,
                    verdict.failed,
                    verdict.matches,
                    verdict.threshold,
                )
            )
    return tuple(traces)
