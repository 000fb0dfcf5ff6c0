"""One question to the journey from the command line: text or messages in, trace out, nothing sent."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from waypost.dialects import openai_chat
from waypost.errors import RequestError
from waypost.journey import known_model, route
from waypost.policy import Policy
from waypost.request.chat import Identity
from waypost.trace import Trace, trace
from waypost.transport.driver import NO_PORTS, Ports, drive


def ask(
    policy: Policy,
    document: Mapping[str, Any],
    identity: Identity | None = None,
    headers: Sequence[tuple[str, str]] = (),
    ports: Ports = NO_PORTS,
) -> tuple[Trace, float]:
    """Decide on a request as the router would.

    Args:
        policy: what decides.
        document: a request of chat completions; the model is `auto` where it names none.
        identity: the caller, as a trusted hop would vouch for it.
        headers: what the client sends along, names in lower case.
        ports: answer what only the classifiers know.

    Returns:
        The trace, and the milliseconds from body to outcome.

    Raises:
        RequestError: the request or its model would be refused before any rule is read.
    """
    body = json.dumps({"model": "auto", **document}).encode()
    started = time.perf_counter()
    request = openai_chat.parse(body, headers=tuple(headers), identity=identity or Identity())
    if not known_model(policy, request.model):
        names = ", ".join(sorted(policy.auto_names) + list(policy.endpoints))
        raise RequestError(
            f"unknown model {request.model!r}; known are {names}", 404, "model_not_found", "model"
        )
    outcome = asyncio.run(drive(route(policy, request), ports))
    elapsed = (time.perf_counter() - started) * 1000
    return trace(policy, request, outcome), elapsed


def document_of(text: str) -> dict[str, Any]:
    """Read what the user gave: a JSON list of messages, a whole body of chat completions, or plain text."""
    if text.lstrip()[:1] in {"[", "{"}:
        try:
            value: Any = json.loads(text)
        except ValueError:
            value = None
        document = cast("dict[str, Any]", value) if isinstance(value, dict) else {"messages": value}
        messages = document.get("messages")
        if isinstance(messages, list) and _are_messages(cast("list[Any]", messages)):
            return document
    return {"messages": [{"role": "user", "content": text}]}


def _are_messages(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, dict) and "role" in item for item in items)
