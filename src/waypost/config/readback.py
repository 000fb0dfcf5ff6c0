"""Every rule as a sentence that a compliance officer can check against the policy on paper. Pure."""

from collections.abc import Mapping
from typing import Final, assert_never

from waypost.decision.engine import SEMANTIC, Block, Respond, Route, Rule
from waypost.decision.expr import All, Any, Expr, Is, Not
from waypost.guards.judge import Check
from waypost.policy import Policy
from waypost.signals.base import Signal, TextSignal

_SCOPES: Final[Mapping[str, str]] = {
    "last_user": "the user's last message",
    "user": "what the user wrote",
    "conversation": "the conversation without system messages",
    "all": "everything that would leave",
}


def read_back(policy: Policy) -> list[str]:
    """One sentence or more for each rule, in the order they decide; the last is for what no rule claims."""
    told = [f"{number}. {_rule(rule, policy)}" for number, rule in enumerate(policy.rules, 1)]
    if policy.fallbacks:
        told.append(f"If all of them fail, as far as the boundary lets them: {', '.join(policy.fallbacks)}.")
    return told


_DONE: Final[Mapping[str, str]] = {
    "block": "the request is refused",
    "reroute": "it goes to the next candidate that may have it",
    "mask": "what was found leaves as placeholders",
    "mask_restore": "what was found leaves as placeholders and is put back into the answer",
    "annotate": "it passes, and a header says how likely it is an attack",
}


def guards(policy: Policy) -> list[str]:
    """A sentence for every guard, by the models it stands in front of; those of single rules come last."""
    return [
        f"{_where(key)}{', '.join(names)}: if {_sentence(policy.signals[check.signal])}, "
        f"{_DONE[check.action]}.{_DEFAULT if check.is_default else ''}"
        for key, by in policy.guards.items()
        for check, names in _grouped(by).items()
    ]


_DEFAULT: Final = (
    " Nothing in the file says so: it is the default for zones called external; `pii` changes it."
)


def _grouped(by: Mapping[str, tuple[Check, ...]]) -> dict[Check, list[str]]:
    grouped: dict[Check, list[str]] = {}
    for name, checks in by.items():
        for check in checks:
            grouped.setdefault(check, []).append(name)
    return grouped


def _where(key: str) -> str:
    if not key:
        return "before "
    return f"for {key if key.startswith('category ') else f'rule {key}'}, before "


def _rule(rule: Rule, policy: Policy) -> str:
    if rule.category:
        clause = _clause(rule.when, policy.signals)
        return f"{SEMANTIC}, category {rule.category}: if {clause}, then {_action(rule, policy)}."
    if rule.name == SEMANTIC:
        return f"{SEMANTIC}: else {_action(rule, policy)}."
    sentences = [f"{rule.name}: if {_clause(rule.when, policy.signals)}, then {_action(rule, policy)}"]
    if rule.owner:
        sentences.append(f"Owner {rule.owner}")
    if rule.business_justification:
        sentences.append(f"Because: {rule.business_justification}")
    applies = "it applies" if rule.on_error == "closed" else "it is skipped"
    sentences.append(f"If it cannot be judged, {applies}")
    return " ".join(f"{s.rstrip('.')}." for s in sentences)


def _action(rule: Rule, policy: Policy) -> str:
    match rule.action:
        case Route() as route:
            return _route(route, policy, binds=rule.binds_explicit)
        case Block() as block:
            return f'refuse with status {block.status}: "{block.message}"'
        case Respond() as respond:
            return f'answer "{respond.message}" and ask no model'


def _route(route: Route, policy: Policy, *, binds: bool) -> str:
    first, *others = (f"{e} if it is there" if e in route.optional else e for e in route.endpoints)
    chain = f"send to {first}" + "".join(f", else {name}" for name in others)
    if route.boundary is None:
        zones = dict.fromkeys(policy.endpoints[name].zone for name in route.endpoints)
        return f"{chain} (zone {', '.join(zones)})"
    zones = sorted(route.boundary)
    bound = f"zone {zones[0]}" if len(zones) == 1 else f"the zones {', '.join(zones[:-1])} and {zones[-1]}"
    if not binds:
        return f"{chain}; no attempt may leave {bound}"
    named = "is refused" if route.on_explicit == "refuse" else "is not followed"
    return f"{chain}; no attempt may leave {bound}, and a client's wish for a model elsewhere {named}"


def _clause(expr: Expr, signals: Mapping[str, Signal]) -> str:
    match expr:
        case Is(name):
            return _sentence(signals[name])
        case Not(Any(operands)) if len(operands) > 1:
            return f"none of these holds: ({_joined(operands, signals, '; ')})"
        case Not(Any((operand,)) | operand):
            return f"it is not so that {_clause(operand, signals)}"
        case All(operands):
            return _joined(operands, signals, " and ")
        case Any(operands):
            inner = _joined(operands, signals, " or ")
            return f"({inner})" if len(operands) > 1 else inner
        case _:
            assert_never(expr)


def _joined(operands: tuple[Expr, ...], signals: Mapping[str, Signal], word: str) -> str:
    return word.join(
        f"({_clause(o, signals)})" if isinstance(o, All) and len(o.operands) > 1 else _clause(o, signals)
        for o in operands
    )


def _sentence(signal: Signal) -> str:
    """The signal's own clause, with the text that is read put behind its subject."""
    clause = signal.sentence()
    if isinstance(signal, TextSignal) and signal.scope:
        scope = f"the text ({_SCOPES[signal.scope]})"
        return clause.replace("the text", scope, 1) if "the text" in clause else f"in {scope}, {clause}"
    return clause
