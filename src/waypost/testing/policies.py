"""Small policies and requests, written in Python where a test reads better than with YAML."""

import json
from collections.abc import Iterable, Mapping

from waypost.decision.engine import SEMANTIC, Action, Respond, Route, Rule
from waypost.decision.expr import All, Expr, Is
from waypost.policy import Policy, Unscannable
from waypost.providers.provider import Endpoint, Host, Provider
from waypost.request.chat import ChatRequest, Identity, Message, Part
from waypost.signals.base import Signal


def provider(name: str, zone: str = "external") -> Provider:
    """A provider that exists on paper only; its host can never resolve."""
    return Provider(name, "openai", "https", (Host(f"{name}.invalid", 443),), "/v1", zone)


def endpoints(zones: Mapping[str, str]) -> dict[str, Endpoint]:
    """One endpoint per entry, each at a provider of its own in the zone given."""
    return {name: Endpoint(name, provider(f"{name}-host", zone), name) for name, zone in zones.items()}


def rule(name: str, when: Expr | str, action: Action) -> Rule:
    """A rule as the compiler would make it: blocks and boundaries fail closed, the rest is skipped.

    Args:
        name: unique in its policy.
        when: an expression, or the name of one signal.
        action: what it does.
    """
    expr = Is(when) if isinstance(when, str) else when
    made = Rule(name, expr, action)
    return Rule(name, expr, action, on_error="closed" if made.binds_explicit else "open")


def route_to(*names: str, inside: str | None = None) -> Route:
    """A route along `names`; `inside` is the one zone it may not leave."""
    return Route(names, None if inside is None else frozenset({inside}))


def policy(
    zones: Mapping[str, str],
    signals: Mapping[str, Signal],
    rules: Iterable[Rule],
    *,
    default: Route | Respond | None = None,
    unscannable: Unscannable | None = None,
) -> Policy:
    """A whole policy.

    Args:
        zones: endpoint name to zone, in file order.
        signals: signal name to the question itself.
        rules: in the order they decide, without the default.
        default: what happens when no rule matches; else a route to the first endpoint.
        unscannable: what unreadable parts mean.
    """
    known = endpoints(zones)
    fallback = Rule(SEMANTIC, All(()), default or Route((next(iter(known)),)))
    hosts = {endpoint.provider.name: endpoint.provider for endpoint in known.values()}
    return Policy("test", hosts, known, signals, (*rules, fallback), unscannable=unscannable or Unscannable())


def chat(
    text: str = "", *, model: str = "auto", images: int = 0, identity: Identity | None = None
) -> ChatRequest:
    """One user message, with as many unreadable images as asked for behind its text."""
    pictures = (Part("image", "", f"messages[0].content[{n + 1}].image_url") for n in range(images))
    message = Message("user", (Part("text", text, "messages[0].content"), *pictures))
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    return ChatRequest("openai_chat", body, model, messages=(message,), identity=identity or Identity())
