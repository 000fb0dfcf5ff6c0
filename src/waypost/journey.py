"""The road of one request, from text to outcome. Read this first.

`route` is a generator: it yields what it needs to know (`needs.py`) and is told the answers, so
ext_proc, the CLI, the admin API and the tests drive the same code. It does no I/O.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, assert_never

from waypost.decision.engine import EXPLICIT, Block, Decision, Respond, Route, Rule, conclude
from waypost.decision.expr import All, missing, resolve
from waypost.needs import Ask, Encode, Failed
from waypost.policy import Policy
from waypost.providers.chain import MAX_CHAIN
from waypost.providers.provider import Endpoint
from waypost.request.chat import ChatRequest
from waypost.request.text import focus
from waypost.selection.base import Selection, static
from waypost.signals.base import SCANNING, Encoded, FailureCode, Signal, Verdict, Verdicts


@dataclass(frozen=True, slots=True)
class Forward:
    """Send it along the chain."""

    selection: Selection
    decision: Decision
    verdicts: Verdicts
    encoded: Encoded | Failed | None = None


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
    """

    status: int
    code: str
    message: str
    decision: Decision
    verdicts: Verdicts
    encoded: Encoded | Failed | None = None


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
    seen = yield from _look(policy, request, rules)
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
                return _bounded(policy, chosen, explicit, decision, seen)
            return _forward(policy, chosen, decision, seen)
        case _:
            assert_never(decision.rule.action)


class Seen(NamedTuple):
    """What is known of a request.

    Attributes:
        encoded: None = no question needed the encoder.
    """

    verdicts: Verdicts
    encoded: Encoded | Failed | None


def _look(policy: Policy, request: ChatRequest, rules: Sequence[Rule]) -> Generator[Ask[Any], Any, Seen]:
    """Ask what the rules need: questions that need no model first, then the encoder, once, for the rest."""
    verdicts: dict[str, Verdict] = {}
    learned = _ask_free(policy, request, rules, verdicts)
    if not learned:
        return Seen(verdicts, None)
    encoded: Encoded | Failed = yield from need_of(request, [policy.signals[name] for name in learned])
    _ask_learned(policy, request, rules, verdicts, encoded)
    return Seen(verdicts, encoded)


def need_of(request: ChatRequest, signals: Sequence[Signal]) -> Encode:
    """One need for all of these learned signals: the union of their heads, every text once."""
    heads = frozenset[str]().union(*(signal.heads for signal in signals))
    scan = dict.fromkeys(text for signal in signals for text in signal.scanned(request))
    examples = dict.fromkeys(e for signal in signals for e in signal.likened)
    return Encode(heads, focus(request) if heads - SCANNING else "", tuple(scan), tuple(examples))


def _ask_free(
    policy: Policy, request: ChatRequest, rules: Sequence[Rule], verdicts: dict[str, Verdict]
) -> list[str]:
    """Answer every open model-free question up to the first rule that surely holds.

    Returns the questions on the way that only the encoder can answer.
    """
    tried: set[str] = set()

    def ask(name: str) -> None:
        if name in tried:
            return
        tried.add(name)
        signal = policy.signals[name]
        verdict = signal.early(request) if signal.heads else signal.evaluate(request, None)
        if verdict is not None:
            verdicts[name] = verdict

    learned: dict[str, None] = {}
    for rule in rules:  # pragma: no branch  the last rule always holds
        value = resolve(rule.when, verdicts, ask)
        if value:
            break
        if value is None:
            open_questions = list(missing(rule.when, verdicts))
            learned |= dict.fromkeys(open_questions)
            if not open_questions and rule.on_error == "closed":
                break
    return list(learned)


def _ask_learned(
    policy: Policy,
    request: ChatRequest,
    rules: Sequence[Rule],
    verdicts: dict[str, Verdict],
    encoded: Encoded | Failed,
) -> None:
    """Answer what the encoder can; what it could not is a failed verdict, settled by `on_error`."""

    def ask(name: str) -> None:
        if isinstance(encoded, Failed):
            verdicts[name] = Verdict(None, 0.0, f"not answered: {encoded.reason}", failed="engine")
        else:
            verdicts[name] = policy.signals[name].evaluate(request, encoded)

    for rule in rules:  # pragma: no branch  the last rule always holds
        value = resolve(rule.when, verdicts, ask)
        if value or (value is None and rule.on_error == "closed"):
            break


def considered(policy: Policy, request: ChatRequest) -> tuple[Rule, ...]:
    """The rules that apply: all of them, or those above a model the client named, then that model."""
    explicit = _explicit(policy, request)
    if explicit is None:
        return policy.rules
    honour = Rule(EXPLICIT, All(()), Route((explicit.name,), reasoning="Model named by the client"))
    return (*(rule for rule in policy.rules[:-1] if rule.binds_explicit), honour)


def _explicit(policy: Policy, request: ChatRequest) -> Endpoint | None:
    return None if request.model in policy.auto_names else policy.endpoints.get(request.model)


def _unanswered(decision: Decision, verdicts: Verdicts) -> FailureCode | None:
    """Why the deciding rule holds without being known to; None = it is known to."""
    for name in decision.rests_on:
        if failed := verdicts[name].failed:
            return failed
    return None


def _bounded(policy: Policy, chosen: Route, explicit: Endpoint, decision: Decision, seen: Seen) -> Outcome:
    """A boundary also holds for a named model: inside it is honoured, outside rerouted or refused."""
    if chosen.boundary is not None and explicit.zone in chosen.boundary:
        chosen = Route((explicit.name,), chosen.boundary, chosen.reasoning)
    elif chosen.on_explicit == "refuse":
        message = (
            f"Rule {decision.rule.name!r} keeps this request inside; model {explicit.name!r} is outside."
        )
        return Refuse(403, "model_outside_boundary", message, decision, *seen)
    return _forward(policy, chosen, decision, seen)


def _forward(policy: Policy, chosen: Route, decision: Decision, seen: Seen) -> Outcome:
    selection = static(chosen, policy.endpoints)
    if not selection.chain:
        message = f"No endpoint inside the boundary of rule {decision.rule.name!r} can serve this request."
        return Refuse(503, "no_endpoint_in_boundary", message, decision, *seen)
    return Forward(selection, decision, *seen)


def _rerouted(policy: Policy, chosen: Route) -> Route:
    """Into the zone meant for what nobody can read, unless that leaves the boundary of the rule itself."""
    zone = policy.unscannable.zone
    if chosen.boundary is not None and zone not in chosen.boundary:
        return chosen
    inside = tuple(e.name for e in policy.endpoints.values() if e.zone == zone)
    own = tuple(name for name in chosen.endpoints if name in inside)
    return replace(chosen, endpoints=own or inside[:MAX_CHAIN], boundary=frozenset({zone}))


def known_model(policy: Policy, model: str) -> bool:
    """Whether clients may name `model`: an auto name or a logical model."""
    return model in policy.auto_names or model in policy.endpoints
