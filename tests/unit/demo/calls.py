"""Calls of the demo's providers, without sockets."""

import json
from typing import Any

from waypost.demo.providers import PROVIDERS, answer
from waypost.demo.wire import Answer, Call, DemoProvider

ONPREM, CLOUD, SEARCH, ANTHROPIC, GEMINI = PROVIDERS


def keys(provider: DemoProvider) -> dict[str, str]:
    """The headers that this one wants to see."""
    match provider.form:
        case "anthropic":
            return {"x-api-key": provider.api_key, "anthropic-version": "2023-06-01"}
        case "gemini":
            return {"x-goog-api-key": provider.api_key}
        case _:
            return {"authorization": f"Bearer {provider.api_key}"}


def post(provider: DemoProvider, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
    """Send a body; headers are those it wants, but for what is given."""
    path, _, query = path.partition("?")
    pairs = dict(pair.split("=") for pair in query.split("&") if pair)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer(provider, Call("POST", path, pairs, keys(provider) | (headers or {}), raw))


def get(provider: DemoProvider, path: str) -> Answer:
    """Ask for something."""
    return answer(provider, Call("GET", path, {}, keys(provider), b""))


def document(given: Answer) -> Any:
    """A whole answer as JSON."""
    return json.loads(b"".join(given.pieces))


def error(given: Answer) -> tuple[int, str | None]:
    """Status and the field that is wrong, wherever the dialect says it."""
    found = document(given)["error"]
    if "param" in found:
        return given.status, found["param"]
    field, colon, _ = found["message"].partition(": ")
    return given.status, field if colon else None
