"""Anthropic's Messages API as the demo serves it: messages, their count of tokens, models."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from waypost.demo.anthropic_shapes import TRAITS, Body, Count, Traits, Turn, check, sign
from waypost.demo.checks import S, read
from waypost.demo.faults import marked
from waypost.demo.model import Prompt, Said, Toolbox, say, tokens, words
from waypost.demo.wire import (
    CONTEXT,
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

VERSIONS: Final = ("2023-06-01", "2026-10-21")
OWN: Final = frozenset({"x-api-key", "authorization", "anthropic-version", "anthropic-beta"})
"""Headers that tell Anthropic who calls, and how."""

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_SERVER_ERRORS: Final = range(500, 600)
_STOPS: Final = {
    "stop": "end_turn",
    "sequence": "stop_sequence",
    "length": "max_tokens",
    "calls": "tool_use",
    "refusal": "refusal",
}
_ONE_MODEL: Final = "GET /v1/models/"
_LIMITS: Final = (
    ("anthropic-ratelimit-requests-limit", "4000"),
    ("anthropic-ratelimit-requests-remaining", "3999"),
    ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:00Z"),
    ("anthropic-ratelimit-tokens-limit", "2000000"),
    ("anthropic-ratelimit-tokens-remaining", "1999000"),
    ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:00Z"),
)
_ORGANIZATION: Final = ("anthropic-organization-id", "demo-organization")


def headers(ident: str) -> tuple[tuple[str, str], ...]:
    """Headers of every answer."""
    return (("request-id", ident), _ORGANIZATION, *_LIMITS)


def serve(provider: DemoProvider, call: Call) -> Answer:
    """Answer one call.

    Raises:
        RefusedError: as `refusal` words it.
    """
    operation = _OPERATIONS.get(call.operation)
    if call.operation.startswith(_ONE_MODEL):
        operation = _one_model
    if operation is None:
        raise RefusedError(404, f"There is no {call.operation}.")
    # SDKs send a key in either header: `x-api-key` up to anthropic 2.10, a bearer token since.
    keys = {call.headers.get("x-api-key"), call.headers.get("authorization", "").removeprefix("Bearer ")}
    if keys - {None, ""} != {provider.api_key}:
        raise RefusedError(401, f"This is no key of the demo provider {provider.name!r}.")
    refuse_strangers(call, OWN)
    if call.headers.get("anthropic-version") not in VERSIONS:
        raise RefusedError(400, f"The header `anthropic-version` must say {' or '.join(VERSIONS)}.")
    return operation(provider, call)


def refusal(error: RefusedError) -> Answer:
    """An error in Anthropic's shape."""
    status, message = error.status, error.message
    if error.code == QUOTA:
        status = 402
    if error.code == CONTEXT:
        message = "prompt is too long: more tokens than the model reads"
    kind = _TYPES.get(status, "api_error" if status in _SERVER_ERRORS else "invalid_request_error")
    ident = identifier("req_", 24)
    if error.param:
        message = f"{error.param}: {message.removeprefix(f'{error.param}: ')}"
    body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": ident}
    told = () if error.retry_after is None else (("retry-after", str(error.retry_after)),)
    return Answer((dump(body),), status, (("content-type", "application/json"), *headers(ident), *told))


def _parsed(shape: type[S], provider: DemoProvider, call: Call) -> S:
    body = read(shape, call.body)
    _check_model(provider, getattr(body, "model", ""))
    return body


def _check_model(provider: DemoProvider, model: str) -> None:
    if model not in provider.models:
        raise RefusedError(404, f"There is no model {model!r}.", param="model")


def _traits(model: str, call: Call) -> Traits:
    """The newer version of the API took `temperature` and its like away."""
    traits = TRAITS[model]
    is_old = call.headers["anthropic-version"] == VERSIONS[0]
    return traits if is_old else replace(traits, samples=False)


def _models(provider: DemoProvider, _: Call) -> Answer:
    data = [_model(model) for model in provider.models]
    ends = {"first_id": provider.models[0], "last_id": provider.models[-1]}
    return whole({"data": data, "has_more": False, **ends}, headers(identifier("req_", 24)))


def _one_model(provider: DemoProvider, call: Call) -> Answer:
    model = call.operation.removeprefix(_ONE_MODEL)
    _check_model(provider, model)
    return whole(_model(model), headers(identifier("req_", 24)))


def _model(model: str) -> Json:
    return {"type": "model", "id": model, "display_name": model, "created_at": "2026-01-01T00:00:00Z"}


def _count(provider: DemoProvider, call: Call) -> Answer:
    body = _parsed(Count, provider, call)
    check(body, _traits(body.model, call))
    return whole({"input_tokens": tokens(body.text)}, headers(identifier("req_", 24)))


# --- messages ---------------------------------------------------------------------------------------------


def _message(provider: DemoProvider, call: Call) -> Answer:
    body = _parsed(Body, provider, call)
    check(body, _traits(body.model, call))
    faults = marked(_last_user(body.messages), provider.name)
    refuse_marked(faults, streams=bool(body.stream))
    said = say(_prompt(provider, body, is_refused=faults.has("refusal")))
    counted = _usage(body, said)
    message = {
        "id": identifier("msg_", 24),
        "type": "message",
        "role": "assistant",
        "model": body.model,
        "content": list(_content(body, said)),
        "stop_reason": _STOPS[said.finish],
        "stop_sequence": said.stop,
        "usage": counted,
    }
    ident = identifier("req_", 24)
    if not body.stream:
        return whole(message, headers(ident), faults)
    failed = {"type": "overloaded_error", "message": "Overloaded"}
    pieces = tuple(_event(event) for event in _events(message))
    return Answer(
        pieces,
        200,
        (("content-type", "text/event-stream; charset=utf-8"), *headers(ident)),
        faults,
        lead=min(5, len(pieces) - 2),
        error=_event({"type": "error", "error": failed, "request_id": ident}),
    )


def _last_user(turns: list[Turn]) -> str:
    """The last words of a user: results of tools are none."""
    for turn in reversed(turns):
        words = turn.content if isinstance(turn.content, str) else _words(turn)
        if turn.role == "user" and words:
            return words
    return ""


def _words(turn: Turn) -> str:
    return "".join(block.text for block in turn.of("text"))


def _prompt(provider: DemoProvider, body: Body, *, is_refused: bool) -> Prompt:
    last, choice = body.messages[-1], body.tool_choice
    schemas = {tool.name: tool.input_schema for tool in body.tools or ()}
    forced = {"any": tuple(schemas), "tool": (choice.name or "",) if choice else ()}
    wanted = body.output_config.format if body.output_config else None
    return Prompt(
        body.model,
        provider.name,
        body.text,
        last=last.text if last.role == "user" and not last.of("tool_result") else "",
        tools=Toolbox(
            schemas,
            forced=forced.get(choice.type, ()) if choice else (),
            closed=choice is not None and choice.type == "none",
            parallel=not (choice and choice.disable_parallel_tool_use),
        ),
        schema=wanted.json_schema if wanted else None,
        thinks=body.is_told_to_think or (body.thinking is None and TRAITS[body.model].unasked),
        limit=body.max_tokens,
        stops=tuple(body.stop_sequences or ()),
        is_refused=is_refused,
    )


def _content(body: Body, said: Said) -> Iterator[Json]:
    if said.thoughts:
        # Newer models keep their thoughts to themselves, unless they are asked for a summary.
        is_shown = body.thinking and (
            body.thinking.type == "enabled" or body.thinking.display == "summarized"
        )
        shown = said.thoughts if is_shown else ""
        yield {"type": "thinking", "thinking": shown, "signature": sign(shown)}
    if said.text:
        yield {"type": "text", "text": said.text}
    for call in said.calls:
        yield {
            "type": "tool_use",
            "id": identifier("toolu_", 24),
            "name": call.name,
            "input": call.arguments,
        }


def _usage(body: Body, said: Said) -> Json:
    """What is cached is counted apart; here half of a marked prompt was, and a quarter is now."""
    read, written = (said.prompt // 2, said.prompt // 4) if body.marks else (0, 0)
    counted: Json = {
        "input_tokens": said.prompt - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": said.answered + said.thought,
        "service_tier": "standard",
    }
    if said.thought:
        counted["output_tokens_details"] = {"thinking_tokens": said.thought}
    return counted


def _events(message: Json) -> Iterator[Json]:
    """One block after the other; counts of tokens grow until the last event but one."""
    begun: Json = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    begun["usage"] = {**message["usage"], "output_tokens": 1}
    begun["usage"].pop("output_tokens_details", None)
    yield {"type": "message_start", "message": begun}
    for n, block in enumerate(message["content"]):
        first, deltas = _deltas(block)
        yield {"type": "content_block_start", "index": n, "content_block": first}
        if not n:
            yield {"type": "ping"}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": n, "delta": delta}
        yield {"type": "content_block_stop", "index": n}
    end = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    yield {"type": "message_delta", "delta": end, "usage": message["usage"]}
    yield {"type": "message_stop"}


def _deltas(block: Json) -> tuple[Json, list[Json]]:
    """How a block begins, and what it grows by."""
    match block["type"]:
        case "thinking":
            grown = [{"type": "thinking_delta", "thinking": word} for word in words(block["thinking"])]
            signed = {"type": "signature_delta", "signature": block["signature"]}
            return {**block, "thinking": "", "signature": ""}, [*grown, signed]
        case "tool_use":
            text = dump(block["input"]).decode()
            half = len(text) // 2
            pieces = ("", text[:half], text[half:]) if block["input"] else ("",)
            grown = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
            return {**block, "input": {}}, grown
        case _:
            grown = [{"type": "text_delta", "text": word} for word in words(block["text"])]
            return {**block, "text": ""}, grown


def _event(document: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (document["type"].encode(), dump(document))


_OPERATIONS: Final[dict[str, Callable[[DemoProvider, Call], Answer]]] = {
    "POST /v1/messages": _message,
    "POST /v1/messages/count_tokens": _count,
    "GET /v1/models": _models,
}
