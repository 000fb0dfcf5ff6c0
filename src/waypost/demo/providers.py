"""Three demo providers that speak the OpenAI wire format, as strictly as real ones, on loopback ports.

They invent nothing clever: the answer says which provider and model was reached, so that a routing
decision can be seen. One process, one server, three sockets; the port a request came in by is the provider.
"""

import asyncio
import base64
import hashlib
import json
import os
import re
import secrets
import socket
import string
import struct
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

import uvicorn
from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from waypost.errors import Exit

CHUNK_SECONDS: Final = 0.02
"""Pause between two streamed words, so that one can watch a stream arrive."""

DIMENSIONS: Final = 256
"""Length of an embedding vector."""


OPERATIONS: Final = {"POST /v1/chat/completions", "POST /v1/embeddings", "GET /v1/models"}

B = TypeVar("B", bound="Body")


@dataclass(frozen=True, slots=True)
class DemoProvider:
    """One provider of the demo.

    Attributes:
        variable: environment variable with its port; `demo.yaml` reads the same.
        api_key: key it demands as bearer token; not a secret.
        models: wire names it serves.
    """

    name: str
    variable: str
    default_port: int
    api_key: str
    models: tuple[str, ...]

    def port(self, environ: Mapping[str, str]) -> int:
        """Where it listens."""
        return int(environ.get(self.variable) or self.default_port)


_INSIDE: Final = ("finance-32b", "clinic-27b", "legal-32b")
_CLOUD: Final = (
    "general-large", "medical-large", "maths-large", "coder-large", "writer-large", "chat-small",
    "travel-medium", "embed-small",
)  # fmt: skip

PROVIDERS: Final = (
    DemoProvider("onprem", "WAYPOST_DEMO_PORT_1", 9101, "demo-key-onprem", _INSIDE),
    DemoProvider("cloud", "WAYPOST_DEMO_PORT_2", 9102, "demo-key-cloud", _CLOUD),
    DemoProvider("search", "WAYPOST_DEMO_PORT_3", 9103, "demo-key-search", ("search-large",)),
)


class RejectedError(Exception):
    """The request is answered with an error in OpenAI's shape."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": param, "code": code}
        self.response = JSONResponse({"error": error}, status)
        super().__init__(message)


class Body(BaseModel):
    """What every operation wants; unknown fields are welcome, as at a real provider."""

    model: Annotated[str, Field(min_length=1)]


class Message(BaseModel):
    """One turn; content is a text or a list of parts."""

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """What can be read of it."""
        if isinstance(self.content, str):
            return self.content
        return "".join(str(part.get("text", "")) for part in self.content or ())


class StreamOptions(BaseModel):
    """How a stream is to look."""

    include_usage: bool = False


class ChatBody(Body):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None


class EmbeddingsBody(Body):
    """`POST /v1/embeddings`: a text, token ids, or a list of either."""

    input: Annotated[str | list[str] | list[int] | list[list[int]], Field(min_length=1)]
    encoding_format: Literal["float", "base64"] = "float"


class App:
    """ASGI application of all demo providers.

    Args:
        providers: by the port a request comes in by.
        pause: seconds between two streamed words.
    """

    def __init__(self, providers: Mapping[int, DemoProvider], pause: float = CHUNK_SECONDS) -> None:
        self._providers = providers
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(self._providers[scope["server"][1]], request)
        except RejectedError as rejected:
            response = rejected.response
        response.headers["x-request-id"] = _identifier("req_", 32)
        await response(scope, receive, send)

    async def _answer(self, provider: DemoProvider, request: Request) -> Response:
        operation = f"{request.method} {request.url.path}"
        if operation not in OPERATIONS:
            raise RejectedError(404, f"Unknown request: {operation}", "unknown_url")
        if request.headers.get("authorization") != f"Bearer {provider.api_key}":
            raise RejectedError(401, f"Incorrect API key for provider {provider.name!r}.", "invalid_api_key")
        match operation:
            case "POST /v1/chat/completions":
                return self._chat(provider, _parse(ChatBody, provider, await request.body()))
            case "POST /v1/embeddings":
                return _embeddings(_parse(EmbeddingsBody, provider, await request.body()))
            case _:
                return _models(provider)

    def _chat(self, provider: DemoProvider, body: ChatBody) -> Response:
        text = "\n".join(message.text for message in body.messages)
        answer = (
            f"{body.model} at the demo provider '{provider.name}' read {len(text)} characters and answers."
        )
        usage = _usage(text, answer)
        head: dict[str, Any] = {
            "id": _identifier("chatcmpl-", 29),
            "object": "chat.completion",
            "created": int(datetime.now(UTC).timestamp()),
            "model": body.model,
            "system_fingerprint": "fp_demo",
        }
        if body.stream:
            wanted = usage if body.stream_options and body.stream_options.include_usage else None
            return StreamingResponse(self._events(head, answer, wanted), media_type="text/event-stream")
        message = {"role": "assistant", "content": answer, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return JSONResponse({**head, "choices": [choice], "usage": usage})

    async def _events(
        self, head: dict[str, Any], answer: str, usage: dict[str, int] | None
    ) -> AsyncIterator[str]:
        """Role, one event per word, finish reason, usage where it was asked for, `[DONE]`."""
        head = {**head, "object": "chat.completion.chunk"}
        if usage:
            head["usage"] = None  # as OpenAI does: present in every chunk once it was asked for

        def event(delta: dict[str, Any], finish_reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
            return _event({**head, "choices": [choice]})

        yield event({"role": "assistant", "content": "", "refusal": None})
        for word in re.findall(r"\S+\s*", answer):
            await asyncio.sleep(self._pause)
            yield event({"content": word})
        yield event({}, "stop")
        if usage:
            yield _event({**head, "choices": [], "usage": usage})
        yield "data: [DONE]\n\n"


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, separators=(',', ':'))}\n\n"


def _embeddings(body: EmbeddingsBody) -> Response:
    # A text, or one list of token ids, is one input; every other list is a list of inputs.
    many = isinstance(body.input, list) and not isinstance(body.input[0], int)
    inputs = body.input if many else [body.input]
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(_vector(item), body.encoding_format)}
        for index, item in enumerate(inputs)
    ]
    tokens = max(1, len(json.dumps(body.input)) // 4)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": data, "model": body.model, "usage": usage})


def _vector(item: object) -> tuple[float, ...]:
    """A unit vector that depends on the input alone."""
    seed = hashlib.shake_256(json.dumps(item).encode()).digest(DIMENSIONS)
    raw = [byte - 127.5 for byte in seed]
    norm = sum(value * value for value in raw) ** 0.5
    return tuple(value / norm for value in raw)


def _encoded(vector: tuple[float, ...], encoding: str) -> list[float] | str:
    """Floats, or base64 of little-endian float32: what the SDK asks for by default."""
    if encoding == "float":
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _models(provider: DemoProvider) -> Response:
    created = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    data = [
        {"id": model, "object": "model", "created": created, "owned_by": provider.name}
        for model in provider.models
    ]
    return JSONResponse({"object": "list", "data": data})


def _parse(shape: type[B], provider: DemoProvider, raw: bytes) -> B:
    try:
        body = shape.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        param = ".".join(str(step) for step in first["loc"]) or None
        raise RejectedError(400, f"{param or 'body'}: {first['msg']}", None, param) from None
    if body.model not in provider.models:
        message = f"The model {body.model!r} does not exist at provider {provider.name!r}."
        raise RejectedError(404, message, "model_not_found", "model")
    return body


def _usage(prompt: str, answer: str) -> dict[str, int]:
    """Token counts by rule of thumb: four characters each."""
    prompt_tokens, completion_tokens = max(1, len(prompt) // 4), max(1, len(answer) // 4)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def _identifier(prefix: str, length: int) -> str:
    return prefix + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))


def _listen(provider: DemoProvider, environ: Mapping[str, str]) -> socket.socket:
    """Bind one provider's loopback port.

    Raises:
        OSError: the port is taken; the message names it and the way out.
    """
    port = provider.port(environ)
    try:
        return socket.create_server(("127.0.0.1", port), backlog=1024)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        message = f"demo provider {provider.name!r} cannot listen on 127.0.0.1:{port}: {reason}"
        message += f"; set {provider.variable} to a free port"
        raise OSError(message) from None


def main() -> int:
    """Serve until a signal says stop."""
    try:
        sockets = {_listen(provider, os.environ): provider for provider in PROVIDERS}
    except OSError as error:
        print(f"waypost: {error}", file=sys.stderr)  # noqa: T201  a process of its own: stderr is its only voice
        return Exit.PROVIDER
    app = App({listener.getsockname()[1]: provider for listener, provider in sockets.items()})
    config = uvicorn.Config(
        app, log_level="warning", lifespan="off", ws="none", server_header=False, timeout_graceful_shutdown=1
    )
    uvicorn.Server(config).run(sockets=list(sockets))
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
