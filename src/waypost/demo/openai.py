"""OpenAI's API as the demo serves it: chat, completions, embeddings, models; responses stand apart."""

import base64
import json
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from waypost.demo import openai_responses
from waypost.demo.checks import S, read, stranger
from waypost.demo.faults import Faults, marked
from waypost.demo.model import Called, Prompt, Said, Toolbox, say, tokens, vector, words
from waypost.demo.openai_shapes import Chat, Completion, Embeddings, check_chat
from waypost.demo.wire import (
    QUOTA,
    Answer,
    Call,
    DemoProvider,
    Json,
    RefusedError,
    dump,
    identifier,
    refuse_marked,
    refuse_strangers,
    whole,
)

DIMENSIONS: Final = 256
"""Length of an embedding vector, unless another is asked for."""

EMBEDDING: Final = "embed"
"""What names of models begin with that give vectors, and nothing else."""

OWN: Final = frozenset({"authorization", "openai-organization", "openai-project"})
"""Headers that tell OpenAI who calls."""

_FINISH: Final = {
    "stop": "stop",
    "sequence": "stop",
    "length": "length",
    "calls": "tool_calls",
    "refusal": "content_filter",
}
_LIMITS: Final = (
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-reset-requests", "6ms"),
    ("x-ratelimit-limit-tokens", "2000000"),
    ("x-ratelimit-remaining-tokens", "1999000"),
    ("x-ratelimit-reset-tokens", "30ms"),
)
_VERSION: Final = ("openai-version", "2020-10-01")
_SERVER_ERRORS: Final = range(500, 600)
_ONE_MODEL: Final = "GET /v1/models/"
_DONE: Final = b"data: [DONE]\n\n"


def headers() -> tuple[tuple[str, str], ...]:
    """Headers of every answer."""
    return (("x-request-id", identifier("req_", 32)), ("openai-processing-ms", "7"), _VERSION, *_LIMITS)


def serve(provider: DemoProvider, call: Call) -> Answer:
    """Answer one call.

    Raises:
        RefusedError: as `refusal` words it.
    """
    operation = _OPERATIONS.get(call.operation)
    if call.operation.startswith(_ONE_MODEL):
        operation = _one_model
    if operation is None:
        raise RefusedError(404, f"There is no {call.operation}.", code="unknown_url")
    if call.headers.get("authorization") != f"Bearer {provider.api_key}":
        message = f"This is no key of the demo provider {provider.name!r}."
        raise RefusedError(401, message, code="invalid_api_key")
    refuse_strangers(call, OWN)
    return operation(provider, call)


def refusal(error: RefusedError) -> Answer:
    """An error in OpenAI's shape."""
    kind = "server_error" if error.status in _SERVER_ERRORS else "invalid_request_error"
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = "insufficient_quota" if error.code == QUOTA else "requests"
    code = error.code or ("rate_limit_exceeded" if kind == "requests" else None)
    body = {"error": {"message": error.message, "type": kind, "param": error.param, "code": code}}
    told = () if error.retry_after is None else (("retry-after", str(error.retry_after)),)
    return Answer((dump(body),), error.status, (("content-type", "application/json"), *headers(), *told))


def parsed(shape: type[S], provider: DemoProvider, call: Call) -> S:
    """The body, of a model that is served here.

    Raises:
        RefusedError: 400 or 404.
    """
    body = read(shape, call.body)
    unknown = stranger(body) if provider.form == "openai" else None
    if unknown:
        raise RefusedError(
            400, f"There is no parameter {unknown!r}.", param=unknown, code="unknown_parameter"
        )
    model = getattr(body, "model", "")
    _check_model(provider, model)
    if model.startswith(EMBEDDING) is not issubclass(shape, Embeddings):
        raise RefusedError(404, f"The model {model!r} does not do this.", param="model")
    return body


def _check_model(provider: DemoProvider, model: str) -> None:
    if model not in provider.models:
        message = f"The demo provider {provider.name!r} has no model {model!r}."
        raise RefusedError(404, message, param="model", code="model_not_found")


def _models(provider: DemoProvider, _: Call) -> Answer:
    data = [_model(provider, model) for model in provider.models]
    return whole({"object": "list", "data": data}, headers())


def _one_model(provider: DemoProvider, call: Call) -> Answer:
    model = call.operation.removeprefix(_ONE_MODEL)
    _check_model(provider, model)
    return whole(_model(provider, model), headers())


def _model(provider: DemoProvider, model: str) -> Json:
    created = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    return {"id": model, "object": "model", "created": created, "owned_by": provider.name}


# --- chat -------------------------------------------------------------------------------------------------


def _chat(provider: DemoProvider, call: Call) -> Answer:
    body = parsed(Chat, provider, call)
    check_chat(body, is_openai=provider.form == "openai")
    last = body.messages[-1]
    faults = marked(_last_user(body), provider.name)
    refuse_marked(faults, streams=bool(body.stream))
    schema: Json | None = None
    if body.response_format and body.response_format.type != "text":
        wanted = body.response_format.json_schema
        schema = wanted.json_schema if wanted else {}
    said = say(
        Prompt(
            body.model,
            provider.name,
            text="\n".join(message.text for message in body.messages),
            last=last.text if last.role == "user" else "",
            tools=_toolbox(body),
            schema=schema,
            thinks=body.reasoning_effort not in (None, "none"),
            limit=body.max_completion_tokens or body.max_tokens,
            stops=body.stops,
            is_refused=faults.has("refusal"),
        )
    )
    head = {
        "id": identifier("chatcmpl-", 29),
        "object": "chat.completion",
        "created": int(datetime.now(UTC).timestamp()),
        "model": body.model,
    }
    if provider.form == "openai":
        head |= {"service_tier": "default", "system_fingerprint": "fp_demo"}
    # OpenAI keeps its models' thoughts to itself; servers of open models tell them.
    thoughts = said.thoughts if provider.form != "openai" else ""
    count = body.n or 1
    if body.stream:
        counted = usage(said) if body.stream_options and body.stream_options.include_usage else None
        return stream(_chunks(head, said, thoughts, counted, count), faults)
    choices = [
        {
            "index": n,
            "message": _message(said, thoughts),
            "logprobs": _logprobs(said.text) if body.logprobs else None,
            "finish_reason": _FINISH[said.finish],
        }
        for n in range(count)
    ]
    return whole({**head, "choices": choices, "usage": usage(said)}, headers(), faults)


def _last_user(body: Chat) -> str:
    return next((message.text for message in reversed(body.messages) if message.role == "user"), "")


def _toolbox(body: Chat) -> Toolbox:
    mode, names = body.chosen
    schemas = {tool.function.name: tool.function.parameters for tool in body.tools or ()}
    return Toolbox(
        {name: schema for name, schema in schemas.items() if not names or name in names},
        forced=(names or tuple(schemas)) if mode == "required" else (),
        closed=mode == "none",
        parallel=body.parallel_tool_calls is not False,
    )


def _message(said: Said, thoughts: str) -> Json:
    message: Json = {"role": "assistant", "content": None if said.calls else said.text, "refusal": None}
    if thoughts:
        message["reasoning_content"] = thoughts
    if said.calls:
        message["tool_calls"] = [_call(call) for call in said.calls]
    return message


def _call(call: Called) -> Json:
    function = {"name": call.name, "arguments": dump(call.arguments).decode()}
    return {"id": identifier("call_", 24), "type": "function", "function": function}


def _chunks(head: Json, said: Said, thoughts: str, counted: Json | None, count: int) -> Iterator[Json]:
    """Role, words or calls, finish reason, usage where it was asked for."""
    head = {**head, "object": "chat.completion.chunk"}
    if counted:
        head["usage"] = None  # as OpenAI does: present in every chunk once it was asked for
    deltas: list[Json] = [{"role": "assistant", "content": None if said.calls else "", "refusal": None}]
    deltas += [{"reasoning_content": word} for word in words(thoughts)]
    deltas += [{"content": word} for word in words(said.text)]
    for n, call in enumerate(said.calls):
        whole_call = _call(call)
        arguments = whole_call["function"]["arguments"]
        whole_call["function"]["arguments"] = ""
        deltas.append({"tool_calls": [{"index": n, **whole_call}]})
        half = len(arguments) // 2
        pieces = (arguments[:half], arguments[half:])
        deltas += [{"tool_calls": [{"index": n, "function": {"arguments": piece}}]} for piece in pieces]
    for delta in deltas:
        for n in range(count):
            choice = {"index": n, "delta": delta, "logprobs": None, "finish_reason": None}
            yield {**head, "choices": [choice]}
    for n in range(count):
        end: Json = {"index": n, "delta": {}, "logprobs": None, "finish_reason": _FINISH[said.finish]}
        yield {**head, "choices": [end]}
    if counted:
        yield {**head, "choices": [], "usage": counted}


def _logprobs(text: str) -> Json:
    content = [
        {"token": word, "logprob": -0.1, "bytes": list(word.encode()), "top_logprobs": []}
        for word in words(text)
    ]
    return {"content": content, "refusal": None}


def stream(documents: Iterator[Json], faults: Faults) -> Answer:
    """Documents as events, with `[DONE]` behind them."""
    pieces = [b"data: " + dump(document) + b"\n\n" for document in documents]
    message = "The server had an error while it answered."
    error = {"error": {"message": message, "type": "server_error", "param": None, "code": None}}
    return Answer(
        (*pieces, _DONE),
        200,
        (("content-type", "text/event-stream; charset=utf-8"), *headers()),
        faults,
        lead=3,
        error=b"data: " + dump(error) + b"\n\n",
    )


def usage(said: Said) -> Json:
    """Totals include what was cached and what was thought."""
    completion = said.answered + said.thought
    return {
        "prompt_tokens": said.prompt,
        "completion_tokens": completion,
        "total_tokens": said.prompt + completion,
        "prompt_tokens_details": {"cached_tokens": said.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": said.thought,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


# --- the others -------------------------------------------------------------------------------------------


def _complete(provider: DemoProvider, call: Call) -> Answer:
    body = parsed(Completion, provider, call)
    text = body.prompt if isinstance(body.prompt, str) else json.dumps(body.prompt)
    faults = marked(text, provider.name)
    refuse_marked(faults, streams=bool(body.stream))
    said = say(Prompt(body.model, provider.name, text, limit=body.max_tokens or 16, stops=body.stops))
    head = {
        "id": identifier("cmpl-", 29),
        "object": "text_completion",
        "created": int(datetime.now(UTC).timestamp()),
        "model": body.model,
    }
    finish = _FINISH[said.finish]
    counted = {name: count for name, count in usage(said).items() if not name.endswith("_details")}
    if not body.stream:
        choice = {"index": 0, "text": said.text, "logprobs": None, "finish_reason": finish}
        return whole({**head, "choices": [choice], "usage": counted}, headers(), faults)
    texts = [(word, None) for word in words(said.text)] + [("", finish)]
    choices = [{"index": 0, "text": word, "logprobs": None, "finish_reason": end} for word, end in texts]
    documents: list[Json] = [{**head, "choices": [choice]} for choice in choices]
    if body.stream_options and body.stream_options.include_usage:
        documents.append({**head, "choices": [], "usage": counted})
    return stream(iter(documents), faults)


def _embed(provider: DemoProvider, call: Call) -> Answer:
    body = parsed(Embeddings, provider, call)
    # A text, or one list of token ids, is one input; every other list is a list of inputs.
    many = isinstance(body.input, list) and not isinstance(body.input[0], int)
    inputs = body.input if many else [body.input]
    faults = marked(json.dumps(body.input), provider.name)
    refuse_marked(faults, streams=False)
    size = body.dimensions or DIMENSIONS
    data: list[dict[str, Any]] = [
        {
            "object": "embedding",
            "index": n,
            "embedding": _encoded(vector(item, size), body.encoding_format or "float"),
        }
        for n, item in enumerate(inputs)
    ]
    count = tokens(json.dumps(body.input))
    counted = {"prompt_tokens": count, "total_tokens": count}
    document = {"object": "list", "data": data, "model": body.model, "usage": counted}
    return whole(document, headers(), faults)


def _encoded(found: tuple[float, ...], encoding: str) -> list[float] | str:
    """Floats, or base64 of little-endian float32: what the SDK asks for by default."""
    if encoding == "float":
        return list(found)
    return base64.b64encode(struct.pack(f"<{len(found)}f", *found)).decode()


def _respond(provider: DemoProvider, call: Call) -> Answer:
    return openai_responses.respond(provider, parsed(openai_responses.Body, provider, call), headers())


_OPERATIONS: Final[dict[str, Callable[[DemoProvider, Call], Answer]]] = {
    "POST /v1/chat/completions": _chat,
    "POST /v1/completions": _complete,
    "POST /v1/embeddings": _embed,
    "POST /v1/responses": _respond,
    "GET /v1/models": _models,
}
