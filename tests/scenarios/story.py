"""What every story needs: the operator's file as a policy, and a client's request as it is really read."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from waypost.config.load import load
from waypost.dialects.openai_chat import parse
from waypost.policy import Policy
from waypost.request.chat import ChatRequest
from waypost.request.identity import identify

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def policy(text: str) -> Policy:
    """The policy of a file with this text."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "waypost.yaml"
        file.write_text(text)
        return load([file], {}).policy


def says(content: str | list[dict[str, Any]], *, model: str = "auto", role: str = "user") -> ChatRequest:
    """A client sends one message."""
    return sends({"role": role, "content": content}, model=model)


def sends(*messages: dict[str, Any], model: str = "auto", **fields: Any) -> ChatRequest:
    """A client sends a conversation; `fields` are further top-level fields of its body."""
    return parse(json.dumps({"model": model, "messages": list(messages)} | fields).encode())


def embeds(*texts: str, model: str = "auto") -> ChatRequest:
    """A client asks for embeddings of texts."""
    return parse(json.dumps({"model": model, "input": list(texts)}).encode(), "openai_embeddings")


def arrives(made: Policy, text: str, *, peer: str, headers: dict[str, str]) -> ChatRequest:
    """A message that came over a connection from `peer` with these headers."""
    sent = tuple(headers.items())
    rules = made.identity
    names = (rules.team_header, rules.tenant_header, rules.user_header)
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]}).encode()
    return parse(body, headers=sent, identity=identify(peer, rules.trusted_hops, sent, names))


def seen_with_a_picture(text: str) -> list[dict[str, Any]]:
    """Content of a message that shows a picture."""
    return [{"type": "text", "text": text}, PICTURE]
