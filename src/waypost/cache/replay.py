"""A stored answer told again, as every client reads it: in one piece or as a stream.

Rule 1: it is written as chunks or as a completion, and the form of the client makes its own of that, as it
does with an answer that is not stored.
Rule 2: the usage is that of the stored answer with all of its prompt in the cache. Clients read from it how
full a conversation is, which zeros would hide; that nothing was paid is said in headers. What is not known
stays unknown.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from waypost.cache.answer import Stored
from waypost.dialects.clients import CLIENTS
from waypost.dialects.foreign import dump, encode
from waypost.dialects.openai_chat import wants_usage
from waypost.request.chat import ChatRequest
from waypost.usage import Usage

_PIECE: Final = re.compile(r".{1,400}(?=\s|\Z)|.{1,400}", re.DOTALL)
"""About a paragraph, whole words where there are any: all pieces are sent at once, so more of them only take
longer to read."""


def replay(stored: Stored, request: ChatRequest, ident: str, created: int) -> tuple[str, bytes] | None:
    """The answer for this client: content type and body; None = its form has no place for answers of a chat.

    Args:
        stored: the answer.
        request: of the client that asks now; decides form and mode.
        ident: what stands behind `chatcmpl-waypost-`; another one for each replay.
        created: Unix seconds, of now.
    """
    client = CLIENTS.get(request.dialect)
    if client is None:
        return None
    head: dict[str, Any] = {
        "id": f"chatcmpl-waypost-{ident}",
        "created": created,
        "model": stored.model or request.model,
    }
    if not request.stream:
        return "application/json", client.write_response(_completion(stored, head), request.body)
    writer = client.stream(request.body)
    body = writer.feed(_stream(stored, head, include_usage=wants_usage(request)))
    return "text/event-stream", body + writer.end()


def usage(counted: Usage) -> dict[str, Any] | None:
    """Usage of a replay as OpenAI counts it; None = not all of it is known."""
    prompt, completion = counted.prompt_tokens, counted.completion_tokens
    if prompt is None or completion is None:
        return None
    told: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": prompt},
    }
    if counted.reasoning_tokens is not None:
        told["completion_tokens_details"] = {"reasoning_tokens": counted.reasoning_tokens}
    return told


def _completion(stored: Stored, head: dict[str, Any]) -> bytes:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": stored.content or None,
        "refusal": stored.refusal or None,
    }
    if stored.reasoning:
        message["reasoning_content"] = stored.reasoning
    if stored.calls:
        message["tool_calls"] = list(_calls(stored, head))
    choice = {"index": 0, "message": message, "logprobs": None, **_end(stored)}
    answer = head | {"object": "chat.completion", "choices": [choice]}
    if counted := usage(stored.usage):
        answer["usage"] = counted
    return encode(dump(answer))


def _calls(stored: Stored, head: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for number, call in enumerate(stored.calls):
        yield {
            "id": call.ident or f"call_{head['id']}_{number}",
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }


def _end(stored: Stored) -> dict[str, Any]:
    native = {"native_finish_reason": stored.native_finish} if stored.native_finish else {}
    return {"finish_reason": stored.finish, **native}


def _stream(stored: Stored, head: dict[str, Any], *, include_usage: bool) -> bytes:
    begin = dump(head | {"object": "chat.completion.chunk"})[:-1]
    rest = ',"usage":null}' if include_usage else "}"
    out = [f'data: {begin},"choices":[{dump(choice)}]{rest}\n\n' for choice in _choices(stored, head)]
    if include_usage and (counted := usage(stored.usage)):
        out.append(f'data: {begin},"choices":[],"usage":{dump(counted)}}}\n\n')
    out.append("data: [DONE]\n\n")
    return encode("".join(out))


def _choices(stored: Stored, head: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for delta in _deltas(stored, head):
        yield {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
    yield {"index": 0, "delta": {}, "logprobs": None, **_end(stored)}


def _deltas(stored: Stored, head: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": "" if stored.content else None}
    texts = (
        ("reasoning_content", stored.reasoning),
        ("content", stored.content),
        ("refusal", stored.refusal),
    )
    for name, text in texts:
        yield from ({name: piece} for piece in _PIECE.findall(text))
    for number, call in enumerate(_calls(stored, head)):
        function = call["function"]
        begun = call | {"index": number, "function": function | {"arguments": ""}}
        yield {"tool_calls": [begun]}
        for piece in _PIECE.findall(function["arguments"]):
            yield {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}
