"""Checked blocks become a `Policy`: names resolved, boundaries worked out, conditions made signals.

Every check runs that does not depend on a part that failed, so the operator sees all errors at once.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path as File
from typing import Any, cast

from waypost.config import schema
from waypost.config.book import RESERVED, Book, Lists
from waypost.config.categories import categories
from waypost.config.conditions import Conditions
from waypost.config.costs import costs
from waypost.config.document import Findings, Node, Path
from waypost.config.guards import Guards
from waypost.config.shapes import Picked, Shapes, optional
from waypost.config.validate import check, check_tagged, nearest
from waypost.configurable import adapter
from waypost.decision.engine import SEMANTIC, Action, Block, Respond, Route, Rule
from waypost.decision.expr import All
from waypost.mutations.tools import Catalogue
from waypost.policy import IdentityRules, Policy, Unscannable
from waypost.providers.provider import Endpoint
from waypost.signals.base import Signal


def compile_policy(document: schema.Document, book: Book, conditions: Conditions, folder: File) -> Policy:
    """Make the policy; what is wrong is added to the findings, and then the result is not to be used.

    Args:
        document: the top-level values that are not collections of blocks.
        book: what has a name.
        conditions: empty; holds the signals afterwards.
        folder: relative paths start there.
    """
    findings = book.findings
    guards = Guards.open(document, book, conditions)
    shapes = Shapes.open(document, book, folder)
    rules = (
        *_rules(book, conditions, shapes),
        *categories(document, book, conditions, shapes),
        _default(document.default_model, book),
    )
    shapes.default(rules[-1])
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
        {"": guards.checks()} | {key: guards.checks(level) for key, level in shapes.levels.items()},
        document.block_style,
        _first(rules[-1]),
        shapes=shapes.shapes,
        choices=shapes.choices,
        families=shapes.families,
        adapters=shapes.adapters,
        costs=costs(document, book),
        fallbacks=_fallbacks(document.fallbacks, book),
        strict=document.strict_parameters,
    )
    if findings.failed:
        return policy
    asked = (c.signal for by in policy.guards.values() for checks in by.values() for c in checks)
    return replace(
        policy,
        signals=conditions.bound(),
        revision=_revision(policy, book.lists),
        learned_guards=tuple(name for name in dict.fromkeys(asked) if conditions.signals[name].heads),
        reads=frozenset().union(
            *(choice.method.heads for choice in policy.choices.values()),
            *(shape.heads for shape in policy.shapes.values()),
        ),
    )


def _rules(book: Book, conditions: Conditions, shapes: Shapes) -> list[Rule]:
    """The rules in the order they decide; what they say of requests they route goes into `shapes`."""
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
        made = _action(node.mapping.get("action"), path, book)
        action, picks = made if made is not None else (None, ())
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
            shapes.enter(block.name, block, node, path, picks)
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


def _action(node: Node | None, rule: Path, book: Book) -> tuple[Action, Sequence[Picked]] | None:
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
            return Block(block.status, block.message, block.reasoning), ()
        case schema.Respond() as block:
            return Respond(block.message, block.reasoning), ()
        case None:
            return None


def _route(block: schema.Route, path: Path, book: Book) -> tuple[Route, Sequence[Picked]] | None:
    if (block.endpoint is None) == (block.endpoints is None):
        book.findings.error(path, "a route needs either 'endpoint' or 'endpoints'", key=True)
        return None
    listed = [(block.endpoint, (*path, "endpoint"))] if block.endpoint is not None else []
    listed += [(each, (*path, "endpoints", n)) for n, each in enumerate(block.endpoints or ())]
    picks = [_pick(each, at, block, book) for each, at in listed]
    known = [pick for pick in picks if pick is not None]
    if len(known) < len(picks):
        return None
    names = tuple(pick.endpoint for pick in known)
    for n, name in enumerate(names):
        if name in names[:n]:
            message = f"{name!r} is in the chain twice"
            book.findings.error((*path, "endpoints", n), message, "Envoy asks each endpoint once; remove it")
    boundary = book.boundary(names, block.boundary, path)
    skipped = optional(known, book.findings)
    return Route(names, boundary, block.reasoning, block.on_explicit, skipped), known


def _pick(each: str | schema.Pick, at: Path, block: schema.Route, book: Book) -> Picked | None:
    """One candidate; what it does not say about its use is said by the action."""
    if isinstance(each, str):
        name = book.resolve(each, at)
        return None if name is None else Picked(name, at, None, None, block)
    name = book.resolve(each.model, (*at, "model"))
    if name is None:
        return None
    reasons = schema.Reasons(
        use_reasoning=block.use_reasoning if each.use_reasoning is None else each.use_reasoning,
        reasoning_effort=each.reasoning_effort or block.reasoning_effort,
        lora=each.lora or block.lora,
    )
    return Picked(name, at, each.score, each.percent, reasons, each.optional)


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


def _fallbacks(written: Sequence[str], book: Book) -> tuple[str, ...]:
    found: list[str] = []
    for n, each in enumerate(written):
        name = book.resolve(each, ("fallbacks", n))
        if name in found:
            book.findings.error(("fallbacks", n), f"{name!r} is listed twice", "remove it")
        elif name is not None:
            found.append(name)
    return tuple(found)


def _first(rule: Rule) -> str | None:
    """The endpoint of the default rule."""
    return next(iter(rule.action.endpoints), None) if isinstance(rule.action, Route) else None


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
        "providers": [
            asdict(replace(p, account=replace(p.account, keys=()))) for p in policy.providers.values()
        ],
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
        "guards": {
            key: {e: [asdict(c) for c in of] for e, of in by.items()} for key, by in policy.guards.items()
        },
        "block_style": policy.block_style,
        "shapes": {key: _values(shape) for key, shape in policy.shapes.items()},
        "choices": {key: _values(choice) for key, choice in policy.choices.items()},
        "adapters": {name: [of, _values(lora)] for name, (of, lora) in policy.adapters.items()},
        "costs": _values(policy.costs),
        "families": {name: _values(family) for name, family in policy.families.items()},
        "strict": policy.strict,
        "fallbacks": policy.fallbacks,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _dumped(signal: Signal) -> dict[str, Any]:
    return {"type": signal.kind, **adapter(type(signal)).dump_python(signal, mode="json")}


def _values(value: object) -> object:
    """A value as JSON, with the names of its classes and without credentials: `asdict` would unpack those."""
    if isinstance(value, Endpoint):
        return value.name
    if isinstance(value, Catalogue):
        return [tool.json for tool in value.tools]
    if is_dataclass(value) and not isinstance(value, type):
        shown = {each.name: _values(getattr(value, each.name)) for each in fields(value)}
        return {"is": type(value).__name__, **shown}
    if isinstance(value, Mapping):
        return {str(k): _values(each) for k, each in cast("Mapping[object, object]", value).items()}
    if isinstance(value, tuple | list | frozenset):
        return [_values(each) for each in cast("Iterable[object]", value)]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _plain(value: frozenset[str] | IPv4Network | IPv6Network) -> list[str] | str:
    return sorted(value) if isinstance(value, frozenset) else str(value)
