"""OpenAI chat completions and embeddings: the client's bytes read, and the answers Waypost gives itself.

Rule 1: every string that would leave is in some readable part, but for `model`; `texts.py` sees to it.
Rule 2: what two readers could understand differently is refused: duplicate keys, NaN, anything but UTF-8.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NoReturn, cast

from waypost.dialects.spans import top_level
from waypost.dialects.strict import load, one_case
from waypost.dialects.texts import Texts
from waypost.errors import RequestError
from waypost.request.chat import ChatRequest, Dialect, Identity, Message, Part, PartKind

_MEDIA: Final[dict[str, PartKind]] = {
    "image_url": "image",
    "image": "image",
    "input_image": "image",
    "input_audio": "audio",
    "audio_url": "audio",
    "video_url": "unknown",
    "file": "file",
    "input_file": "file",
}
_TEXT: Final = frozenset({"text", "input_text", "output_text", "refusal"})
_CALLS: Final = frozenset({"tool_calls", "function_call"})
_READ: Final = frozenset(
    {
        "model",
        "messages",
        "input",
        "stream",
        "tools",
        "functions",
        "role",
        "content",
        "type",
        *_CALLS,
        *_TEXT,
        *_MEDIA,
    }
)
"""Keys whose values are understood, not only read."""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def parse(
    body: bytes,
    dialect: Dialect = "openai_chat",
    *,
    headers: tuple[tuple[str, str], ...] = (),
    identity: Identity | None = None,
) -> ChatRequest:
    """Read a request.

    Raises:
        RequestError: 400 in every case; `param` names the field.
    """
    document = load(body)
    one_case(document, _READ)
    model = document.get("model")
    if not isinstance(model, str) or not model or _SURROGATE.search(model):
        _invalid("`model` must be a non-empty string.", "model", missing=model is None)
    stream = document.get("stream")
    if stream is not None and not isinstance(stream, bool):
        _invalid("`stream` must be true or false.", "stream")
    texts = Texts()
    if dialect == "openai_chat":
        content = "messages"
        messages = _messages(document.get(content), texts)
    else:
        content = "input"
        messages = (Message("user", tuple(_input(document.get(content), texts))),)
    rest = {key: value for key, value in document.items() if key not in {"model", "stream", content}}
    return ChatRequest(
        dialect=dialect,
        original=body,
        model=model,
        stream=bool(stream),
        messages=messages,
        fields=tuple(texts.within(rest, "")),
        tools=tuple(_tool_names(document)),
        identity=identity or Identity(),
        headers=headers,
    )


# --- reading values --------------------------------------------------------------------------------------


def _object(value: object) -> dict[str, Any] | None:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _list(value: object) -> list[Any] | None:
    return cast("list[Any]", value) if isinstance(value, list) else None


def _invalid(message: str, param: str, *, missing: bool = False) -> NoReturn:
    raise RequestError(message, 400, f"missing_{param}" if missing else "invalid_value", param)


# --- messages ---------------------------------------------------------------------------------------------


def _messages(value: object, texts: Texts) -> tuple[Message, ...]:
    messages = _list(value)
    if not messages:
        _invalid("`messages` must be a non-empty list.", "messages", missing=value is None)
    return tuple(_message(item, f"messages[{n}]", texts) for n, item in enumerate(messages))


def _message(value: object, where: str, texts: Texts) -> Message:
    message = _object(value)
    if message is None:
        _invalid(f"`{where}` must be an object.", where)
    one_case(message, _READ)
    role = message.get("role")
    if not isinstance(role, str) or not role:
        _invalid(f"`{where}.role` must be a non-empty string.", f"{where}.role")
    parts = list(_content(message.get("content"), f"{where}.content", texts))
    for key, item in message.items():
        if key != "content":
            parts += texts.within({key: item}, where, "tool_call" if key in _CALLS else "text")
    return Message(role, tuple(parts))


def _content(value: object, where: str, texts: Texts) -> Iterator[Part]:
    if isinstance(value, str):
        yield from texts.text(value, where)
        return
    items = _list(value)
    if items is None and value is not None:
        _invalid(f"`{where}` must be a string, a list or null.", where)
    for n, item in enumerate(items or ()):
        yield from _part(item, f"{where}[{n}]", texts)


def _part(value: object, where: str, texts: Texts) -> Iterator[Part]:
    if isinstance(value, str):
        yield from texts.text(value, where)
        return
    part = _object(value)
    if part is None or not isinstance(part.get("type"), str):
        _invalid(f"`{where}` must be an object with a `type`.", where)
    one_case(part, _READ)
    kind = part["type"]
    if kind not in _TEXT:
        yield Part(_MEDIA.get(kind, "unknown"), "", where)
    yield from texts.within(part, where, media=kind in _MEDIA)


def _input(value: object, texts: Texts) -> Iterator[Part]:
    """What an embedding is asked of: text, texts, tokens or lists of tokens; tokens cannot be read."""
    items = [value] if isinstance(value, str) else _list(value)
    if not items:
        _invalid("`input` must be a string or a non-empty list.", "input", missing=value is None)
    kinds = set(map(type, items))
    if kinds == {str}:
        for n, item in enumerate(items):
            yield from texts.text(item, "input" if isinstance(value, str) else f"input[{n}]")
    elif kinds == {float} or (kinds == {list} and all(set(map(type, tokens)) == {float} for tokens in items)):
        yield Part("tokens", "", "input")
    else:
        _invalid("`input` must hold only strings, only tokens or only lists of tokens.", "input")


def _tool_names(document: dict[str, Any]) -> Iterator[str]:
    for tool in (*(_list(document.get("tools")) or ()), *(_list(document.get("functions")) or ())):
        function = _object(tool) or {}
        name = (_object(function.get("function")) or function).get("name")
        if isinstance(name, str):
            yield name


# --- what Waypost answers itself --------------------------------------------------------------------------


def error(message: str, kind: str, code: str, param: str | None = None) -> bytes:
    """An error body."""
    return _dump({"error": {"message": message, "type": kind, "param": param, "code": code}})


def models_list(models: Iterable[tuple[str, str]], created: int) -> bytes:
    """Body of `GET /v1/models`: (id, owner) pairs in order; `created` in Unix seconds."""
    return _dump({"object": "list", "data": [_model(name, owner, created) for name, owner in models]})


def model_object(name: str, owner: str, created: int) -> bytes:
    """Body of `GET /v1/models/{id}`."""
    return _dump(_model(name, owner, created))


def completion(
    request: ChatRequest, text: str, ident: str, created: int, *, blocked: bool = False
) -> tuple[str, bytes]:
    """A fixed answer as an assistant message: content type and body, SSE when the client streams.

    Args:
        request: decides the form.
        text: the answer.
        ident: what stands behind `chatcmpl-waypost-`.
        created: Unix seconds.
        blocked: it stands for a refusal: `finish_reason` is `content_filter`.
    """
    model = "security-filter" if blocked else request.model
    reason = "content_filter" if blocked else "stop"
    head: dict[str, object] = {"id": f"chatcmpl-waypost-{ident}", "created": created, "model": model}
    usage: dict[str, object] = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    if not request.stream:
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        return "application/json", _dump(
            {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
        )
    head["object"] = "chat.completion.chunk"
    chunks = [
        {**head, "choices": [_delta({"role": "assistant", "content": ""}, None)]},
        {**head, "choices": [_delta({"content": text}, None)]},
        {**head, "choices": [_delta({}, reason)]},
    ]
    if wants_usage(request):
        chunks = [{**chunk, "usage": None} for chunk in chunks]
        chunks.append({**head, "choices": [], "usage": usage})
    events = (*map(_dump, chunks), b"[DONE]")
    return "text/event-stream", b"".join(b"data: " + event + b"\n\n" for event in events)


def _delta(delta: dict[str, str], reason: str | None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def wants_usage(request: ChatRequest) -> bool:
    """Whether a stream is to end with what it used."""
    options = _member(request, "stream_options")
    return options is not None and options.get("include_usage") is True


def wants_base64(request: ChatRequest) -> bool:
    """Whether embeddings are to come as base64."""
    return _text(request, "encoding_format") == b'"base64"'


def wants_json(request: ChatRequest) -> bool:
    """Whether the text of the answer is to be JSON."""
    wanted = _member(request, "response_format")
    return wanted is not None and wanted.get("type") in {"json_object", "json_schema"}


def _member(request: ChatRequest, name: str) -> dict[str, Any] | None:
    """A member of the body that is an object."""
    return _object(json.loads(_text(request, name) or b"null", parse_int=float))


def _text(request: ChatRequest, name: str) -> bytes:
    """A member of the body as it stands; empty = it is not there. The first question walks through it all."""
    spans = request.once(_text, lambda: _spans(request.original))
    return request.original[slice(*spans.get(name, (0, 0)))]


def _spans(body: bytes) -> dict[str, tuple[int, int]]:
    return {key: (start, end) for key, start, end in top_level(body)}


def _model(name: str, owner: str, created: int) -> dict[str, object]:
    return {"id": name, "object": "model", "created": created, "owned_by": owner}


def _dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
