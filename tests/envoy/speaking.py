"""What providers of each dialect say on the wire, and what they would refuse to hear.

A behaviour reads from the path of a request which dialect it is asked in, as a real provider would; a path of
another dialect is a 404. `complaints` says what a real provider would refuse.
"""

import base64
import json
import re
import struct
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.genai import types as google
from pydantic import TypeAdapter, ValidationError

from tests.envoy.faulty import Behaviour, Closed, Exchange, Request, chunk, head, respond

CANARY = "CANARY-of-a-provider"
"""Stands in every native error where a provider names accounts and internals: no client may read it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A function a model calls."""

    name: str
    arguments: dict[str, Any]
    ident: str


@dataclass(frozen=True, slots=True)
class Says:
    """One answer.

    Attributes:
        thought: what the model thinks first; its signature is `signature`.
        signature: base64; Gemini puts it on the first call.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    thought: str = ""
    signature: str = "c2lnbmF0dXJl"

    @property
    def words(self) -> list[str]:
        return re.findall(r"\s*\S+", self.text)


class Tongue(Protocol):
    """One dialect, as a provider speaks it."""

    def whole(self, says: Says) -> Any:
        """JSON of an answer."""

    def events(self, says: Says) -> list[bytes]:
        """A stream: what stands before the first word, one item for each word, then the rest."""

    def error(self, status: int, message: str) -> Any:
        """JSON of an error."""

    def broken(self) -> bytes:
        """An error in a stream."""

    def complaints(self, request: Request) -> Iterator[str]:
        """What a provider would not take."""


def sse(value: Any, name: str = "", end: str = "\n\n") -> bytes:
    """One event."""
    data = value if isinstance(value, str) else json.dumps(value)
    line = "\r\n" if end.startswith("\r") else "\n"
    return ((f"event: {name}{line}" if name else "") + f"data: {data}{end}").encode()


# --- OpenAI: chat completions -----------------------------------------------------------------------------

_CHAT_KEYS = frozenset(
    {
        *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n"),
        *("stop", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls"),
        *("response_format", "reasoning_effort", "user", "safety_identifier", "seed", "metadata"),
        *("store", "verbosity", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs"),
        *("top_logprobs", "service_tier"),
    }
)
_CHAT_MESSAGE_KEYS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "tool_calls", "refusal", "audio"},
    "tool": {"role", "content", "tool_call_id"},
}


class Chat:
    """OpenAI's chat completions."""

    def __init__(self) -> None:
        self._head = {"id": "chatcmpl-9", "created": 1700000000, "model": "wire-model"}

    def whole(self, says: Says) -> Any:
        calls = [
            {
                "id": c.ident,
                "type": "function",
                "function": {"name": c.name, "arguments": json.dumps(c.arguments)},
            }
            for c in says.calls
        ]
        message: dict[str, Any] = {"role": "assistant", "content": says.text or None, "refusal": None}
        message |= {"tool_calls": calls} if calls else {}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": "tool_calls" if calls else "stop",
        }
        usage = {
            "prompt_tokens": 11,
            "completion_tokens": 7,
            "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 4},
        }
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": usage}

    def events(self, says: Says) -> list[bytes]:
        found = [self._chunk({"role": "assistant", "content": ""})]
        found += [self._chunk({"content": word}) for word in says.words]
        for n, call in enumerate(says.calls):
            text = json.dumps(call.arguments)
            function = {"name": call.name, "arguments": ""}
            found.append(
                self._chunk(
                    {"tool_calls": [{"index": n, "id": call.ident, "type": "function", "function": function}]}
                )
            )
            found += [
                self._chunk({"tool_calls": [{"index": n, "function": {"arguments": part}}]})
                for part in (text[:3], text[3:])
            ]
        found.append(self._chunk({}, "tool_calls" if says.calls else "stop"))
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        found.append(sse(self._head | {"object": "chat.completion.chunk", "choices": [], "usage": usage}))
        return [*found, sse("[DONE]")]

    def _chunk(self, delta: Any, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse(self._head | {"object": "chat.completion.chunk", "choices": [choice]})

    def error(self, status: int, message: str) -> Any:
        code = {
            400: "invalid_value",
            401: "invalid_api_key",
            404: "model_not_found",
            429: "rate_limit_exceeded",
        }.get(status)
        kind = {429: "rate_limit"}.get(status, "server_error" if status >= 500 else "invalid_request_error")
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def broken(self) -> bytes:
        return sse(self.error(500, f"The server had an error. {CANARY}"))

    def complaints(self, request: Request) -> Iterator[str]:
        body = request.json
        yield from (f"unknown {key}" for key in body.keys() - _CHAT_KEYS)
        if "__thought__" in request.body.decode():
            yield "a signature of another provider"
        open_calls: set[str] = set()
        for n, message in enumerate(body["messages"]):
            role = message.get("role")
            if role not in _CHAT_MESSAGE_KEYS:
                yield f"messages[{n}].role {role}"
                continue
            yield from (f"messages[{n}].{key}" for key in message.keys() - _CHAT_MESSAGE_KEYS[role])
            if role != "tool" and open_calls:
                yield f"messages[{n}] stands between calls and results"
            if role == "tool" and message["tool_call_id"] not in open_calls:
                yield f"messages[{n}] answers no call"
            open_calls |= {call["id"] for call in message.get("tool_calls") or ()}
            open_calls -= {message.get("tool_call_id")}
            content = message.get("content")
            if isinstance(content, list):
                yield from (
                    f"messages[{n}] part {part}"
                    for part in content
                    if part["type"] not in {"text", "image_url", "file", "input_audio", "refusal"}
                    or part.keys() - {"type", part["type"]}
                )
        for tool in body.get("tools", ()):
            if tool.keys() != {"type", "function"}:
                yield f"tool {tool}"


# --- OpenAI: responses ------------------------------------------------------------------------------------


class Responses:
    """OpenAI's responses."""

    def whole(self, says: Says) -> Any:
        return self._response(list(self._items(says)))

    def _items(self, says: Says) -> Iterator[Any]:
        if says.text:
            part = {"type": "output_text", "text": says.text, "annotations": [], "logprobs": []}
            yield {
                "id": "msg_7",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [part],
            }
        for n, call in enumerate(says.calls):
            yield {
                "id": f"fc_{n}",
                "type": "function_call",
                "call_id": call.ident,
                "name": call.name,
                "arguments": json.dumps(call.arguments),
                "status": "completed",
            }

    def _response(self, output: list[Any], status: str = "completed") -> Any:
        usage = {
            "input_tokens": 11,
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 18,
        }
        return {
            "id": "resp_9",
            "object": "response",
            "created_at": 1700000000,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "metadata": {},
            "model": "wire-model",
            "output": output,
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": usage if status == "completed" else None,
        }

    def events(self, says: Says) -> list[bytes]:
        at = {"item_id": "msg_7", "output_index": 0, "content_index": 0}
        item = {
            "id": "msg_7",
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        groups: list[list[dict[str, Any]]] = [
            [
                {"type": "response.created", "response": self._response([], "in_progress")},
                {"type": "response.in_progress", "response": self._response([], "in_progress")},
            ]
        ]
        if says.text:
            groups[0] += [
                {"type": "response.output_item.added", "output_index": 0, "item": item},
                {"type": "response.content_part.added", **at, "part": part},
            ]
            groups += [
                [{"type": "response.output_text.delta", **at, "delta": word, "logprobs": []}]
                for word in says.words
            ]
            (whole, *_) = self._items(says)
            groups.append(
                [
                    {"type": "response.output_text.done", **at, "text": says.text, "logprobs": []},
                    {"type": "response.content_part.done", **at, "part": part | {"text": says.text}},
                    {"type": "response.output_item.done", "output_index": 0, "item": whole},
                ]
            )
        groups.append([{"type": "response.completed", "response": self.whole(says)}])
        number = iter(range(1000))
        return [
            b"".join(sse(event | {"sequence_number": next(number)}, event["type"]) for event in group)
            for group in groups
        ]

    def error(self, status: int, message: str) -> Any:
        return Chat().error(status, message)

    def broken(self) -> bytes:
        error = {"type": "error", "code": "server_error", "message": CANARY, "param": None}
        return sse(error | {"sequence_number": 99}, "error")

    def complaints(self, request: Request) -> Iterator[str]:
        if "input" not in request.json:
            yield "no input"
        if "messages" in request.json:
            yield "messages"


# --- Anthropic --------------------------------------------------------------------------------------------

_MESSAGES_KEYS = frozenset(
    {
        *("model", "messages", "max_tokens", "system", "stream", "tools", "tool_choice"),
        *("stop_sequences", "metadata", "thinking", "output_config", "temperature", "top_p", "top_k"),
        *("service_tier", "cache_control"),
    }
)
_BLOCK_KEYS = {
    "text": {"type", "text", "cache_control", "citations"},
    "image": {"type", "source", "cache_control"},
    "document": {"type", "source", "cache_control", "title", "context", "citations"},
    "tool_use": {"type", "id", "name", "input", "cache_control", "caller"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
}


class Messages:
    """Anthropic's messages."""

    def _blocks(self, says: Says) -> Iterator[dict[str, Any]]:
        if says.thought:
            yield {"type": "thinking", "thinking": says.thought, "signature": says.signature}
        if says.text:
            yield {"type": "text", "text": says.text}
        for call in says.calls:
            yield {"type": "tool_use", "id": call.ident, "name": call.name, "input": call.arguments}

    def _message(self, says: Says, **more: Any) -> Any:
        message = {
            "id": "msg_9",
            "type": "message",
            "role": "assistant",
            "model": "wire-model",
            "content": list(self._blocks(says)),
            "stop_reason": "tool_use" if says.calls else "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": 7,
                "cache_read_input_tokens": 4,
                "cache_creation_input_tokens": 0,
                "output_tokens": 7,
            },
        }
        return message | more

    def whole(self, says: Says) -> Any:
        return self._message(says)

    def events(self, says: Says) -> list[bytes]:
        start = self._message(says, content=[], stop_reason=None)
        found = [sse({"type": "message_start", "message": start}, "message_start")]
        found[0] += sse({"type": "ping"}, "ping")
        index = 0
        if says.thought:
            found += self._block(
                index,
                {"type": "thinking", "thinking": "", "signature": ""},
                [
                    {"type": "thinking_delta", "thinking": says.thought},
                    {"type": "signature_delta", "signature": says.signature},
                ],
            )
            index += 1
        if says.text:
            opened, *words, closed = self._block(
                index,
                {"type": "text", "text": ""},
                [{"type": "text_delta", "text": word} for word in says.words],
            )
            found = [b"".join(found) + opened, *words, closed]
            index += 1
        for call in says.calls:
            text = json.dumps(call.arguments)
            parts = [part for part in ("", text[:3], text[3:]) if call.arguments or not part]
            found += self._block(
                index,
                {"type": "tool_use", "id": call.ident, "name": call.name, "input": {}},
                [{"type": "input_json_delta", "partial_json": part} for part in parts],
            )
            index += 1
        end = {"stop_reason": "tool_use" if says.calls else "end_turn", "stop_sequence": None}
        found.append(
            sse({"type": "message_delta", "delta": end, "usage": {"output_tokens": 7}}, "message_delta")
        )
        return [*found, sse({"type": "message_stop"}, "message_stop")]

    def _block(self, index: int, start: Any, deltas: Sequence[Any]) -> list[bytes]:
        at = {"index": index}
        kinds = ("content_block_start", "content_block_delta", "content_block_stop")
        return [
            sse({"type": kinds[0], **at, "content_block": start}, kinds[0]),
            *(sse({"type": kinds[1], **at, "delta": delta}, kinds[1]) for delta in deltas),
            sse({"type": kinds[2], **at}, kinds[2]),
        ]

    def error(self, status: int, message: str) -> Any:
        kinds = {
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
        error = {"type": kinds.get(status, "api_error"), "message": message}
        return {"type": "error", "error": error, "request_id": f"req_{CANARY}"}

    def broken(self) -> bytes:
        return sse(self.error(529, f"Overloaded {CANARY}"), "error")

    def complaints(self, request: Request) -> Iterator[str]:
        body = request.json
        yield from (f"unknown {key}" for key in body.keys() - _MESSAGES_KEYS)
        limit = body.get("max_tokens")
        if not isinstance(limit, int) or limit < 1:
            yield f"max_tokens {limit}"
        if not re.fullmatch(r"20\d\d-\d\d-\d\d", request.header("anthropic-version") or ""):
            yield f"anthropic-version {request.header('anthropic-version')}"
        roles = [message["role"] for message in body["messages"]]
        if roles != [("user", "assistant")[n % 2] for n in range(len(roles))] or not roles:
            yield f"roles {roles}"
        called: list[str] = []
        for n, message in enumerate(body["messages"]):
            if message.keys() != {"role", "content"}:
                yield f"messages[{n}] has {sorted(message)}"
            content = message["content"]
            blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
            yield from (f"messages[{n}]: {wrong}" for block in blocks for wrong in self._wrong(block))
            results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
            if sorted(results) != sorted(called):
                yield f"messages[{n}]: results {results} of calls {called}"
            if results and [b["type"] for b in blocks[: len(results)]] != ["tool_result"] * len(results):
                yield f"messages[{n}]: results do not come first"
            called = [block["id"] for block in blocks if block["type"] == "tool_use"]
        for tool in body.get("tools", ()):
            if tool.get("input_schema", {}).get("type") != "object" or "parameters" in tool:
                yield f"tool {tool}"

    def _wrong(self, block: dict[str, Any]) -> Iterator[str]:
        keys = _BLOCK_KEYS.get(block["type"])
        if keys is None or block.keys() - keys:
            yield f"block {block}"
        if block["type"] == "text" and not block["text"].strip():
            yield "empty text"
        if block["type"] == "tool_use" and not re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]):
            yield f"id {block['id']}"
        if block["type"] == "tool_use" and not isinstance(block["input"], dict):
            yield "input that is no object"


# --- Gemini -----------------------------------------------------------------------------------------------

_GEMINI: dict[str, TypeAdapter[Any]] = {
    "contents": TypeAdapter(list[google.Content]),
    "systemInstruction": TypeAdapter(google.Content),
    "tools": TypeAdapter(list[google.Tool]),
    "toolConfig": TypeAdapter(google.ToolConfig),
    "generationConfig": TypeAdapter(google.GenerationConfig),
    "safetySettings": TypeAdapter(list[google.SafetySetting]),
}


class Gemini:
    """Google's generateContent and streamGenerateContent."""

    def _answer(self, parts: list[Any], finish: str | None) -> Any:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        candidate |= {"finishReason": finish} if finish else {}
        counted = {
            "promptTokenCount": 11,
            "cachedContentTokenCount": 4,
            "candidatesTokenCount": 7,
            "totalTokenCount": 18,
        }
        return {
            "candidates": [candidate],
            "usageMetadata": counted,
            "modelVersion": "wire-model",
            "responseId": "r9",
        }

    def _thought(self, says: Says) -> list[Any]:
        return [{"text": says.thought, "thought": True}] if says.thought else []

    def _calls(self, says: Says) -> list[Any]:
        calls: list[dict[str, Any]] = [
            {"functionCall": {"id": call.ident, "name": call.name, "args": call.arguments}}
            for call in says.calls
        ]
        if calls:
            calls[0]["thoughtSignature"] = says.signature
        return calls

    def whole(self, says: Says) -> Any:
        words = [{"text": says.text}] if says.text else []
        return self._answer([*self._thought(says), *words, *self._calls(says)], "STOP")

    def events(self, says: Says) -> list[bytes]:
        parts = [[{"text": word}] for word in says.words]
        found = [self._event([*self._thought(says), {"text": ""}])]
        found += [self._event(part) for part in parts]
        found += [self._event([call]) for call in self._calls(says)]
        return [*found, self._event([{"text": ""}], "STOP")]

    def _event(self, parts: list[Any], finish: str | None = None) -> bytes:
        return sse(self._answer(parts, finish), end="\r\n\r\n")

    def error(self, status: int, message: str) -> Any:
        names = {
            400: "INVALID_ARGUMENT",
            401: "UNAUTHENTICATED",
            403: "PERMISSION_DENIED",
            404: "NOT_FOUND",
            429: "RESOURCE_EXHAUSTED",
            500: "INTERNAL",
            503: "UNAVAILABLE",
            504: "DEADLINE_EXCEEDED",
        }
        details = [{"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": CANARY}]
        error = {"code": status, "message": message, "status": names.get(status, "UNKNOWN")}
        return {"error": error | {"details": details}}

    def broken(self) -> bytes:
        return sse(self.error(503, f"The model is overloaded. {CANARY}"), end="\r\n\r\n")

    def complaints(self, request: Request) -> Iterator[str]:
        body = request.json
        for key, value in body.items():
            if key not in _GEMINI:
                yield f"unknown {key}"
                continue
            try:
                _GEMINI[key].validate_python(value)
            except ValidationError as error:
                yield f"{key}: {error.errors()[0]['loc']} {error.errors()[0]['msg']}"
        if "key=" in request.path:
            yield "the key is in the path"
        yield from self._wrong(request, body.get("contents", ()))

    def _wrong(self, request: Request, turns: Sequence[Any]) -> Iterator[str]:
        if not turns:
            yield "no contents"
        calls = 0
        for n, turn in enumerate(turns):
            if not turn["parts"]:
                yield f"contents[{n}] is empty"
            results = sum("functionResponse" in part for part in turn["parts"])
            if results != calls:
                yield f"contents[{n}]: {results} results of {calls} calls"
            calls = sum("functionCall" in part for part in turn["parts"])
            first = next((part for part in turn["parts"] if "functionCall" in part), None)
            if first and "gemini-3" in request.path and "thoughtSignature" not in first:
                yield f"contents[{n}]: a call without a thought_signature"
            if any(part.get("text") == "" for part in turn["parts"]):
                yield f"contents[{n}]: empty text"


# --- who is asked ------------------------------------------------------------------------------------------

CHAT, RESPONSES, MESSAGES, GEMINI = Chat(), Responses(), Messages(), Gemini()
_TONGUES: Sequence[tuple[str, Tongue]] = (
    (r"/chat/completions(\?|$)", CHAT),
    (r"/responses(\?|$)", RESPONSES),
    (r"/messages$", MESSAGES),
    (r"/models/[^/:]+:generateContent$", GEMINI),
    (r"/models/[^/:]+:streamGenerateContent\?alt=sse$", GEMINI),
)


def tongue_of(request: Request) -> Tongue | None:
    """The dialect a path belongs to."""
    return next((tongue for pattern, tongue in _TONGUES if re.search(pattern, request.path)), None)


def complaints(request: Request) -> list[str]:
    """What a real provider would refuse of a request: empty = nothing."""
    tongue = tongue_of(request)
    if tongue is None:
        return [f"nobody is asked at {request.path}"]
    found = list(tongue.complaints(request))
    if request.header("content-length") != str(len(request.body)):
        found.append(f"content-length {request.header('content-length')} of {len(request.body)}")
    if not (request.header("content-type") or "").startswith("application/json"):
        found.append(f"content-type {request.header('content-type')}")
    return found


def wants_stream(request: Request) -> bool:
    """Whether a stream is asked for: by the path at Gemini, by the body elsewhere."""
    if "GenerateContent" in request.path or ":generateContent" in request.path:
        return ":streamGenerateContent" in request.path
    return request.json.get("stream") is True


# --- behaviours --------------------------------------------------------------------------------------------

Gate = Callable[[int], Awaitable[None]]
SSE = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}


def answers(says: Says | str) -> Behaviour:
    """The healthy provider, in the dialect it is asked in; JSON or SSE, as asked."""
    said = Says(says) if isinstance(says, str) else says

    async def behaviour(exchange: Exchange) -> None:
        request = exchange.request
        tongue = tongue_of(request)
        if tongue is None:
            return await _plain(exchange, said)
        if wants_stream(request):
            return await sends(tongue.events(said))(exchange)
        return await respond(200, json.dumps(tongue.whole(said)).encode())(exchange)

    return behaviour


async def _plain(exchange: Exchange, says: Says) -> None:
    """Embeddings and old completions."""
    request = exchange.request
    if request.path.endswith("/embeddings"):
        given = request.json["input"]
        texts = [given] if isinstance(given, str) else given
        packed = base64.b64encode(struct.pack("<2f", 0.6, 0.8)).decode()
        vector: Any = packed if request.json.get("encoding_format") == "base64" else [0.6, 0.8]
        data = [{"object": "embedding", "index": n, "embedding": vector} for n, _ in enumerate(texts)]
        usage = {"prompt_tokens": 3, "total_tokens": 3}
        body: Any = {"object": "list", "data": data, "model": "wire-model", "usage": usage}
    elif request.path.endswith(":batchEmbedContents"):
        body = {"embeddings": [{"values": [0.6, 0.8]} for _ in request.json["requests"]]}
    elif request.path.endswith("/completions"):
        choice = {"index": 0, "text": says.text, "logprobs": None, "finish_reason": "stop"}
        body = {"id": "cmpl-9", "object": "text_completion", "created": 1, "model": "wire-model"}
        body |= {
            "choices": [choice],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        }
    else:
        return await respond(404, b'{"error": {"message": "no such path"}}')(exchange)
    return await respond(200, json.dumps(body).encode())(exchange)


def fails(status: int, message: str = f"scripted {CANARY}", **headers: str) -> Behaviour:
    """An error as the dialect has it."""

    async def behaviour(exchange: Exchange) -> None:
        tongue = tongue_of(exchange.request) or CHAT
        body = json.dumps(tongue.error(status, message)).encode()
        await respond(status, body, **headers)(exchange)

    return behaviour


def says_error(status: int, body: Any) -> Behaviour:
    """An error as it is written here."""
    return respond(status, json.dumps(body).encode())


async def clean(exchange: Exchange) -> None:
    await exchange.send(chunk(b""))


async def cut(exchange: Exchange) -> None:
    """End of a stream: the connection is closed without the final chunk."""
    exchange.writer.close()
    raise Closed


async def stall(exchange: Exchange) -> None:
    """End of a stream: nothing more, until the peer gives up."""
    await exchange.until_gone()
    raise Closed


def sends(
    pieces: Sequence[bytes],
    gate: Gate | None = None,
    ending: Behaviour = clean,
) -> Behaviour:
    """These bytes as a stream; `gate(n)` is awaited before piece n, and before the ending."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.send(head(200, SSE))
        for number, piece in enumerate(pieces):
            if gate:
                await gate(number)
            await exchange.send(chunk(piece))
        if gate:
            await gate(len(pieces))
        await ending(exchange)

    return behaviour


@dataclass(frozen=True, slots=True)
class Script:
    """A stream made from a healthy one, in whichever dialect is asked for.

    Attributes:
        change: from the tongue and its events to what is sent.
    """

    says: Says
    change: Callable[[Tongue, list[bytes]], Sequence[bytes]] = field(default=lambda _, events: events)
    gate: Gate | None = None
    ending: Behaviour = clean

    async def __call__(self, exchange: Exchange) -> None:
        tongue = tongue_of(exchange.request)
        assert tongue is not None
        pieces = self.change(tongue, tongue.events(self.says))
        await sends(pieces, self.gate, self.ending)(exchange)


def bytewise(_: Tongue, events: list[bytes]) -> Sequence[bytes]:
    """One byte at a time."""
    return [bytes([byte]) for byte in b"".join(events)]
