"""Checked blocks become a `Policy`: names resolved, boundaries worked out, conditions made signals.

Every check runs that does not depend on a part that failed, so the operator sees all errors at once.
"""

import hashlib
import json
from dataclasses import asdict, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from waypost.config import schema
from waypost.config.book import RESERVED, Book, Lists
from waypost.config.categories import categories
from waypost.config.conditions import Conditions
from waypost.config.document import Findings, Node, Path
from waypost.config.validate import check, check_tagged, nearest
from waypost.configurable import adapter
from waypost.decision.engine import GUARD, SEMANTIC, Action, Block, Respond, Route, Rule
from waypost.decision.expr import All
from waypost.policy import IdentityRules, Policy, Unscannable
from waypost.signals.base import Signal
from waypost.signals.jailbreak import JailbreakDetection


def compile_policy(document: schema.Document, book: Book, conditions: Conditions) -> Policy:
    """Make the policy; what is wrong is added to the findings, and then the result is not to be used.

    Args:
        document: the top-level values that are not collections of blocks.
        book: what has a name.
        conditions: empty; holds the signals afterwards.
    """
    findings = book.findings
    rules = (
        *_guard(document, conditions),
        *_rules(book, conditions),
        *categories(document, book, conditions),
        _default(document.default_model, book),
    )
    _auto_names(document, book)
    policy = Policy(
        "",
        book.providers,
        book.endpoints,
        conditions.signals,
        rules,
        frozenset(document.auto_model_names),
        _identity(document, findings),
        _unscannable(document, book),
    )
    if findings.failed:
        return policy
    return replace(policy, signals=conditions.bound(), revision=_revision(policy, book.lists))


def _guard(document: schema.Document, conditions: Conditions) -> list[Rule]:
    """The rule of `prompt_guard`, in front of all others."""
    if not document.prompt_guard.enabled:
        return []
    threshold = document.prompt_guard.threshold
    unread = "ignore"  # what cannot be read is the business of rules about data; a guard reads what there is
    signal = JailbreakDetection(scope="all", unreadable=unread)
    if threshold is not None:
        signal = replace(signal, threshold=threshold)
    when = conditions.enter(signal, JailbreakDetection.kind, (GUARD,))
    reasoning = "Looks like a jailbreak or an injected instruction"
    return [Rule(GUARD, when, Block(reasoning=reasoning), on_error="closed")]


def _rules(book: Book, conditions: Conditions) -> list[Rule]:
    """The rules in the order they decide."""
    findings = book.findings
    compiled: list[tuple[int, Rule]] = []
    first: dict[str, Path] = {}
    nodes = findings.root.mapping.get("routing_rules")
    for n, node in enumerate(nodes.items if nodes else ()):
        path: Path = ("routing_rules", n)
        if "conditions" not in node.mapping and node.mapping.keys() >= {"category", "model"}:
            remedy = "write `conditions` and `action`; what belongs to a domain goes under `categories`"
            findings.error(path, "a rule of `category` and `model` is an old documentation layout", remedy)
            continue
        block = check(schema.Rule, node, path, findings)
        action = _action(node.mapping.get("action"), path, book)
        guards = isinstance(action, Block) or (isinstance(action, Route) and action.boundary is not None)
        listed = node.mapping.get("conditions")
        operands = conditions.several(listed.items if listed else (), (*path, "conditions"), guards=guards)
        if block is None:
            continue
        if block.name in first:
            remedy = f"the first one is at {findings.place((*first[block.name], 'name'))}"
            findings.error((*path, "name"), f"a rule named {block.name!r} exists already", remedy)
        if block.name in RESERVED:
            findings.error((*path, "name"), f"the name {block.name!r} is reserved", "choose another")
        first.setdefault(block.name, path)
        if action is not None:
            compiled.append((block.priority, _rule(block, operands, action, guards=guards)))
    return [rule for _, rule in sorted(compiled, key=lambda pair: -pair[0])]


def _rule(block: schema.Rule, operands: tuple[Any, ...], action: Action, *, guards: bool) -> Rule:
    return Rule(
        block.name,
        operands[0] if len(operands) == 1 else All(operands),
        action,
        block.description,
        block.business_justification,
        block.owner,
        block.on_error or ("closed" if guards else "open"),
    )


def _action(node: Node | None, rule: Path, book: Book) -> Action | None:
    if node is None or not isinstance(node.value, dict):
        return None  # the rule's own check says so
    path, findings = (*rule, "action"), book.findings
    reasoning = node.mapping.get("reasoning")
    if reasoning is not None and isinstance(reasoning.value, bool):
        remedy = "a model's reasoning mode is `use_reasoning` under `categories`"
        findings.error((*path, "reasoning"), "'reasoning' is a sentence for people, not a switch", remedy)
        node = Node(node.at, {k: v for k, v in node.mapping.items() if k != "reasoning"}, node.key)
    match check_tagged(schema.ACTIONS, node, path, findings, noun="action"):
        case schema.Route() as block:
            return _route(block, path, book)
        case schema.Block() as block:
            return Block(block.status, block.message, block.reasoning)
        case schema.Respond() as block:
            return Respond(block.message, block.reasoning)
        case None:
            return None


def _route(block: schema.Route, path: Path, book: Book) -> Route | None:
    if (block.endpoint is None) == (block.endpoints is None):
        book.findings.error(path, "a route needs either 'endpoint' or 'endpoints'", key=True)
        return None
    if block.endpoint is not None:
        chain = (book.resolve(block.endpoint, (*path, "endpoint")),)
    else:
        chain = tuple(book.resolve(e, (*path, "endpoints", n)) for n, e in enumerate(block.endpoints or ()))
    names = tuple(name for name in chain if name is not None)
    if len(names) < len(chain):
        return None
    for n, name in enumerate(names):
        if name in names[:n]:
            message = f"{name!r} is in the chain twice"
            book.findings.error((*path, "endpoints", n), message, "Envoy asks each endpoint once; remove it")
    boundary = book.boundary(names, block.boundary, path)
    return Route(names, boundary, block.reasoning, block.on_explicit)


def _default(written: str | None, book: Book) -> Rule:
    """The rule that always holds."""
    name, declared = written, book.declared["models"]
    if written is None and len(declared) == 1:
        name = declared[0]
    if name is None:
        there = book.findings.root.mapping.get("default_model")
        if there is not None and there.value is not None:  # and no text, which was told
            return Rule(SEMANTIC, All(()), Route(()))
        if declared:
            message, remedy = "the key 'default_model' is missing", f"name one of {', '.join(declared)}"
        else:
            message, remedy = (
                "no models",
                "name `providers` and `models`, here or in a further file: -c A -c B",
            )
        book.findings.error(("default_model",) if declared else (), message, remedy)
        return Rule(SEMANTIC, All(()), Route(()))
    model = book.resolve(name, ("default_model",))
    names = (model,) if model else ()
    return Rule(SEMANTIC, All(()), Route(names, book.boundary(names, None, ("default_model",))))


def _auto_names(document: schema.Document, book: Book) -> None:
    for name in sorted({*document.auto_model_names} & {*book.declared["models"]}):
        message = f"the model name {name!r} asks for routing"
        book.findings.error(("models", name), message, "rename it or change auto_model_names", key=True)


def _identity(document: schema.Document, findings: Findings) -> IdentityRules:
    hops: list[IPv4Network | IPv6Network] = []
    for n, hop in enumerate(document.trusted_hops):
        try:
            hops.append(ip_network(hop))
        except ValueError:
            findings.error(("trusted_hops", n), f"{hop!r} is not a network", "for example 10.0.0.0/8")
    headers = document.identity_headers
    return IdentityRules(tuple(hops), headers.team.lower(), headers.tenant.lower(), headers.user.lower())


def _unscannable(document: schema.Document, book: Book) -> Unscannable:
    match document.unscannable:
        case None:
            return Unscannable()
        case schema.Reroute(reroute=zone):
            zones = list(dict.fromkeys(e.zone for e in book.endpoints.values()))
            if zone not in zones:
                message = f"no model is in zone {zone!r}"
                book.findings.error(("unscannable", "reroute"), message, nearest(zone, zones))
            return Unscannable("reroute", zone)
        case action:
            return Unscannable(action)


def _revision(policy: Policy, lists: Lists) -> str:
    """SHA-256 over what decides, in canonical JSON; credentials are left out."""
    content = {
        "version": 1,
        "providers": [asdict(replace(p, api_key=None)) for p in policy.providers.values()],
        "endpoints": [(e.name, e.provider.name, e.model) for e in policy.endpoints.values()],
        "signals": {name: _dumped(signal) for name, signal in policy.signals.items()},
        "lists": lists.terms,
        "rules": [
            asdict(rule) | {"when": repr(rule.when), "does": type(rule.action).__name__}
            for rule in policy.rules
        ],
        "auto_names": policy.auto_names,
        "identity": asdict(policy.identity),
        "unscannable": asdict(policy.unscannable),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _dumped(signal: Signal) -> dict[str, Any]:
    return {"type": signal.kind, **adapter(type(signal)).dump_python(signal, mode="json")}


def _plain(value: frozenset[str] | IPv4Network | IPv6Network) -> list[str] | str:
    return sorted(value) if isinstance(value, frozenset) else str(value)
