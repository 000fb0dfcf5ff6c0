"""The road of one request, from text to outcome. Read this first.

`route` is a generator: it yields what it needs to know (`needs.py`) and is told the answers, so
ext_proc, the CLI, the admin API and the tests drive the same code. It does no I/O.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, assert_never

from waypost.asking import Seen, learn, look, wanted_tools
from waypost.decision.engine import EXPLICIT, GUARD, PII, Block, Decision, Respond, Route, Rule, conclude
from waypost.decision.expr import All
from waypost.errors import RequestError
from waypost.guards.judge import Check, Finding, Ruling, Unread, judge
from waypost.leaving import NOTHING, Leaving, leave
from waypost.mutations.mask import Find, Masked, mask
from waypost.mutations.shape import PLAIN, UNSHAPED, Shape, Shaped, shaped
from waypost.mutations.target import Target, Use, target
from waypost.mutations.tools import Wanted, choose
from waypost.needs import Ask, Failed, Recall, Remembered
from waypost.policy import Policy
from waypost.providers.chain import MAX_CHAIN, within
from waypost.providers.provider import DEFAULT_ZONE, Endpoint
from waypost.request.chat import ChatRequest
from waypost.request.text import read
from waypost.selection.base import Facts, Selection, static
from waypost.selection.ready import ready
from waypost.signals.base import Encoded, FailureCode, Verdicts
from waypost.signals.pii import PiiDetection


@dataclass(frozen=True, slots=True)
class Forward:
    """Send it along the chain.

    Attributes:
        findings: what guards said about each endpoint.
        risks: questions of guards whose score the client is told.
        masked: personal data that leaves as placeholders; None = none does.
        restore: placeholders in the answer are replaced by what they stand for.
        shaped: what leaves.
        shape: of the rule that decided.
        leaving: the body, its form, and who is sent it.
        conversation: key of the conversation, where it is to be remembered who answered.
    """

    selection: Selection
    decision: Decision
    verdicts: Verdicts
    encoded: Encoded | Failed | None = None
    findings: tuple[Finding, ...] = ()
    risks: tuple[str, ...] = ()
    masked: Masked | None = None
    restore: bool = False
    shaped: Shaped = UNSHAPED
    shape: Shape = PLAIN
    conversation: str | None = None
    leaving: Leaving = NOTHING

    @property
    def targets(self) -> tuple[Target, ...]:
        """How each endpoint of the chain is to be asked, in its order."""
        return self.leaving.chain


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer at once with a fixed text."""

    text: str
    decision: Decision
    verdicts: Verdicts
    encoded: Encoded | Failed | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Policy says no.

    Attributes:
        status: HTTP status for the client.
        code: OpenAI error `code`.
        message: for the client; names the rule, never the text.
        findings: what guards said about each endpoint.
        selection: candidates and why none of them will do; None = it did not come to that.
        param: field of the request that is in the way.
    """

    status: int
    code: str
    message: str
    decision: Decision
    verdicts: Verdicts
    encoded: Encoded | Failed | None = None
    findings: tuple[Finding, ...] = ()
    selection: Selection | None = None
    param: str | None = None


UNJUDGED: Final[dict[FailureCode, tuple[int, str, str]]] = {
    "unscannable": (
        403,
        "unscannable_content",
        "The request holds images, audio or files that a data policy must read and cannot.",
    ),
    "too_large": (413, "too_large", "The request holds more text than a data policy can read."),
    "identity_unknown": (403, "identity_unknown", "No trusted hop says who is asking."),
    "engine": (503, "blocked_unavailable", "A data policy could not be checked."),
}
"""Status, code and message of a block that holds only because a question could not be answered."""

Outcome = Forward | Answer | Refuse
Journey = Generator[Ask[Any], Any, Outcome]


def route(policy: Policy, request: ChatRequest) -> Journey:
    """Decide what happens to `request`.

    An unknown explicit model must have been refused before (`known_model`).
    """
    explicit = _explicit(policy, request)
    rules = considered(policy, request)
    seen = yield from look(policy, request, rules)
    decision = conclude(rules, seen.verdicts)
    unanswered = _unanswered(decision, seen.verdicts)
    unreadable = unanswered == "unscannable"
    blocks = isinstance(decision.rule.action, Block) or (unreadable and policy.unscannable.action == "block")
    if unanswered and blocks:
        return Refuse(*UNJUDGED[unanswered], decision, *seen)
    match decision.rule.action:
        case Block() as block:
            return Refuse(block.status, "blocked", block.message, decision, *seen)
        case Respond() as respond:
            return Answer(respond.message, decision, *seen)
        case Route() as chosen:
            if unreadable and policy.unscannable.action == "reroute":
                chosen = _rerouted(policy, chosen)
            if explicit is not None and decision.rule.name != EXPLICIT:
                if (outside := _outside(chosen, explicit, decision)) is not None:
                    return Refuse(*outside, decision, *seen)
                chosen = _bounded(chosen, explicit)
            return (yield from _send(policy, request, chosen, decision, seen))
        case _:
            assert_never(decision.rule.action)


def considered(policy: Policy, request: ChatRequest) -> tuple[Rule, ...]:
    """The rules that apply: all of them, or those above a model the client named, then that model."""
    explicit = _explicit(policy, request)
    if explicit is None:
        return policy.rules
    honour = Rule(EXPLICIT, All(()), Route((explicit.name,), reasoning="Model named by the client"))
    return (*(rule for rule in policy.rules[:-1] if rule.binds_explicit), honour)


def _explicit(policy: Policy, request: ChatRequest) -> Endpoint | None:
    named = None if request.model in policy.auto_names else policy.named(request.model)
    return named[0] if named is not None else None


def _unanswered(decision: Decision, verdicts: Verdicts) -> FailureCode | None:
    """Why the deciding rule holds without being known to; None = it is known to."""
    for name in decision.rests_on:
        if failed := verdicts[name].failed:
            return failed
    return None


def _outside(chosen: Route, explicit: Endpoint, decision: Decision) -> tuple[int, str, str] | None:
    """Why a model the client named is refused; None = it may be used, or the request goes elsewhere."""
    if chosen.on_explicit != "refuse" or chosen.boundary is None or explicit.zone in chosen.boundary:
        return None
    message = f"Rule {decision.rule.name!r} keeps this request inside; model {explicit.name!r} is outside."
    return 403, "model_outside_boundary", message


def _bounded(chosen: Route, explicit: Endpoint) -> Route:
    """A boundary also holds for a named model: inside it is honoured, outside the rule's own are taken."""
    if chosen.boundary is not None and explicit.zone in chosen.boundary:
        return Route((explicit.name,), chosen.boundary, chosen.reasoning)
    return chosen


def _send(
    policy: Policy, request: ChatRequest, chosen: Route, decision: Decision, seen: Seen
) -> Generator[Ask[Any], Any, Outcome]:
    """Learn what is still open, choose who gets it, hear the guards of each, and shape what leaves."""
    shape = policy.shape(decision.rule)
    behind = _behind(policy, request, chosen)
    asked = (*(policy.endpoints[name] for name in chosen.endpoints), *behind)
    checks = {e.name: policy.checks(decision.rule, e) for e in asked}
    spare = _spare(policy, chosen, checks)
    checks |= {e.name: policy.checks(decision.rule, e) for e in spare}
    tools = wanted_tools(shape, request)
    seen = yield from learn(policy, request, decision.rule, checks, tools, seen)
    selection, key, told = yield from _select(policy, request, chosen, decision.rule, seen, behind)
    if not selection.chain:
        return _nobody(policy, selection, decision, seen)
    ruling = _ruling(policy, selection, spare, checks, seen)
    if ruling.decided is not None:
        return _guarded(ruling.decided, ruling.findings, seen)
    masked = _masked(policy, request, ruling, seen)
    if masked is not None and masked.stuck:
        return _stuck(ruling, seen)
    chosen_tools = choose(tools, _cosines(tools, seen)) if tools is not None else None
    # Behind the guards: a wish of a provider's must not make one refuse who would only have come later.
    last = replace(selection, chain=ruling.chain)
    selection = ready(last, chosen.optional, told.cooling, told.absent)
    targets = tuple(_target(policy, request, decision.rule, e, seen) for e in selection.chain)
    edited = shaped(request.original, masked.edits if masked else (), shape, chosen_tools)
    try:
        leaving = leave(policy, request, targets, edited, masked=masked is not None)
    except RequestError as no:
        found = ruling.findings, replace(selection, chain=())
        return Refuse(no.status, no.code, no.message, decision, *seen, *found, no.param)
    return Forward(
        selection,
        decision,
        *seen,
        ruling.findings,
        ruling.annotations,
        masked,
        ruling.restore,
        edited,
        shape,
        key,
        leaving,
    )


def _behind(policy: Policy, request: ChatRequest, chosen: Route) -> tuple[Endpoint, ...]:
    """Who is tried when all candidates have failed: the fallbacks, but not for a model the client named."""
    if _explicit(policy, request) is not None:
        return ()
    others = (policy.endpoints[name] for name in policy.fallbacks if name not in chosen.endpoints)
    return within(others, chosen.boundary)


def _cosines(tools: Wanted, seen: Seen) -> Sequence[float] | None:
    """How near the request is to each tool; None = the encoder did not say: tools are enrichment."""
    if tools.examples is None or not isinstance(seen.encoded, Encoded):
        return None
    likeness = seen.encoded.likenesses.get(tools.examples)
    return likeness.cosines if likeness else None


def _hard(seen: Seen) -> float | None:
    """P(hard) of the request; None = nobody asked, or the encoder did not answer."""
    if not isinstance(seen.encoded, Encoded):
        return None
    return seen.encoded.heads.get("complexity", {}).get("hard")


def _target(policy: Policy, request: ChatRequest, rule: Rule, endpoint: Endpoint, seen: Seen) -> Target:
    """How an endpoint is to be asked; a model that the client named is asked as the client says."""
    named = None if request.model in policy.auto_names else policy.named(request.model)
    if named is not None and named[0] is endpoint:
        return target(endpoint, named[1], None)
    use = policy.shape(rule).uses.get(endpoint.name, Use())
    return target(endpoint, use, policy.families.get(endpoint.name), _hard(seen))


def _select(
    policy: Policy, request: ChatRequest, chosen: Route, rule: Rule, seen: Seen, behind: Sequence[Endpoint]
) -> Generator[Ask[Any], Any, tuple[Selection, str | None, Remembered]]:
    """The chain with those behind it, the conversation's key where it is kept, and what is remembered."""
    names = (*chosen.endpoints, *(endpoint.name for endpoint in behind))
    choosing = policy.choices.get(rule.key)
    if not isinstance(rule.action, Route) or chosen.endpoints != rule.action.endpoints:
        choosing = None  # somebody else's choice: the client's, or a zone's
    facts = choosing.facts(request, _hard(seen)) if choosing else Facts()
    told = Remembered()
    if (choosing and choosing.remembers) or len(names) > 1:
        told = yield from Recall(facts.key, names)
        facts = replace(facts, kept=told.kept, live=told.live)
    selection = choosing.select(facts, chosen.boundary) if choosing else static(chosen, policy.endpoints)
    if behind and selection.chain:
        because = f"{selection.because}; then the fallbacks {', '.join(e.name for e in behind)}"
        selection = replace(selection, chain=(*selection.chain, *behind), because=because)
    key = facts.key if choosing and choosing.sticky else None
    return selection, key, told


def _nobody(policy: Policy, selection: Selection, decision: Decision, seen: Seen) -> Refuse:
    """The refusal where the chain is empty: the request asks too much, or nobody is inside."""
    if selection.lacks:
        message = f"No model of rule {decision.rule.name!r} can serve it: {', '.join(selection.lacks)}."
        return Refuse(400, "no_capable_model", message, decision, *seen, selection=selection)
    inside = any(
        selection.boundary is None or policy.endpoints[each.endpoint].zone in selection.boundary
        for each in selection.considered
    )
    if inside:
        message = f"No model of rule {decision.rule.name!r} is within its limits."
        return Refuse(503, "no_model_within_limits", message, decision, *seen, selection=selection)
    message = f"No endpoint inside the boundary of rule {decision.rule.name!r} can serve this request."
    return Refuse(503, "no_endpoint_in_boundary", message, decision, *seen, selection=selection)


def _spare(policy: Policy, chosen: Route, checks: Mapping[str, tuple[Check, ...]]) -> tuple[Endpoint, ...]:
    """Who gets what none of the chain may have: the default model, then those inside, in file order."""
    every = [check for each in checks.values() for check in each]
    moves = policy.unscannable.action == "reroute" or any(check.action == "reroute" for check in every)
    if not every or not moves:
        return ()  # nobody is sent away from the chain, so nobody else's guards are asked
    names = () if policy.default_model is None else (policy.default_model,)
    others = [policy.endpoints[name] for name in names]
    others += (e for e in policy.endpoints.values() if e.zone != DEFAULT_ZONE)
    inside = within(others, chosen.boundary)
    return tuple({e.name: e for e in inside if e.name not in chosen.endpoints}.values())[:MAX_CHAIN]


def _ruling(
    policy: Policy,
    selection: Selection,
    spare: Sequence[Endpoint],
    checks: Mapping[str, tuple[Check, ...]],
    seen: Seen,
) -> Ruling:
    """What guards make of the chain; where all of it was rerouted, of those behind it."""
    unread = Unread(policy.unscannable.zone if policy.unscannable.action == "reroute" else None)
    first = judge(selection.chain, lambda e: checks[e.name], seen.verdicts, unread)
    if first.chain or not first.rerouted:
        return first
    second = judge(spare, lambda e: checks[e.name], seen.verdicts, unread)
    return replace(
        second, decided=None if second.chain else first.decided, findings=first.findings + second.findings
    )


def _guarded(check: Check, findings: tuple[Finding, ...], seen: Seen) -> Refuse:
    """The refusal of a guard, as if a rule of its name had decided."""
    verdict = seen.verdicts[check.signal]
    rule = _RULES[check.guard]
    decision = Decision(rule, verdict.because, (check.signal,), failed_closed=verdict.failed is not None)
    if verdict.failed is not None:
        return Refuse(*UNJUDGED[verdict.failed], decision, *seen, findings)
    return Refuse(403, *REFUSED[check.guard], decision, *seen, findings)


_RULES: Final = {
    "pii": Rule(PII, All(()), Block(reasoning="Personal data may not leave")),
    "prompt_guard": Rule(
        GUARD, All(()), Block(reasoning="Looks like a jailbreak or an injected instruction")
    ),
}
REFUSED: Final = {
    "pii": ("pii_blocked", "The request holds personal data that may not be sent to a model."),
    "prompt_guard": ("prompt_attack_blocked", "The request looks like an attack on a model's instructions."),
}
"""Code and message of a guard's refusal."""


def _masked(policy: Policy, request: ChatRequest, ruling: Ruling, seen: Seen) -> Masked | None:
    """What leaves as placeholders: the finds of every guard of the chain that masks."""
    if not ruling.masks:
        return None
    finds: list[Find] = []
    encoded = seen.encoded if isinstance(seen.encoded, Encoded) else None
    for name in ruling.masks:
        signal = policy.signals[name]
        found = signal.finds(request, encoded) if isinstance(signal, PiiDetection) else ()
        if found is None:
            return Masked(stuck=("more personal data than can be masked",))
        # What stands beside the neutral form does not leave once anything is masked.
        finds += (Find(part, tuple(spans)) for part, spans in found if not part.is_beside)
    return mask(finds, read(request, "all"), restore=ruling.restore)


def _stuck(ruling: Ruling, seen: Seen) -> Refuse:
    """Personal data stands where no placeholder can: in a key, or behind more escapes than can be undone."""
    decision = Decision(_RULES["pii"], "personal data stands where it cannot be masked", ruling.masks)
    text = "The request holds personal data where it cannot be masked."
    return Refuse(403, "pii_blocked", text, decision, *seen, ruling.findings)


def _rerouted(policy: Policy, chosen: Route) -> Route:
    """Into the zone meant for what nobody can read, unless that leaves the boundary of the rule itself."""
    zone = policy.unscannable.zone
    if chosen.boundary is not None and zone not in chosen.boundary:
        return chosen
    inside = tuple(e.name for e in policy.endpoints.values() if e.zone == zone)
    own = tuple(name for name in chosen.endpoints if name in inside)
    return replace(chosen, endpoints=own or inside[:MAX_CHAIN], boundary=frozenset({zone}))


def known_model(policy: Policy, model: str) -> bool:
    """Whether clients may name `model`: an auto name, a logical model or an adapter of one."""
    return model in policy.auto_names or policy.named(model) is not None
