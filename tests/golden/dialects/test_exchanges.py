"""Recorded exchanges with providers: for each row of what is translated, what is sent and what comes of it.

A file is a row, its exchanges are its cases. `ask`, `answers`, `streams` and `fails` are written by hand;
what stands under `written`, `read`, `told` and `failed` is recorded. `WAYPOST_GOLDEN=write` records it again,
and what changed is to be reviewed as a diff.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import anthropic.types as anthropic
import openai.types.chat as openai
import pytest
from google.genai import types as gemini
from openai.types import CreateEmbeddingResponse
from pydantic import TypeAdapter

from waypost.dialects import sse
from waypost.dialects.foreign import Reply
from waypost.dialects.forms import ServerForm
from waypost.dialects.servers import SERVERS
from waypost.errors import RequestError

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*/*.json"))
CREATED = 1_700_000_000

Exchange = dict[str, Any]


def exchanges(file: Path) -> list[Exchange]:
    return json.loads(file.read_text())["exchanges"]


def cases(*members: str) -> Iterator[Any]:
    """The exchanges that have one of the members."""
    for file in FILES:
        for exchange in exchanges(file):
            if not exchange.keys().isdisjoint(members):
                name = f"{file.parent.name}/{file.stem}: {exchange['about']}"
                yield pytest.param(file.parent.name, exchange, id=name)


def of(*members: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("dialect", "exchange"), list(cases(*members)))


def reply_for(exchange: Exchange, *, include_usage: bool = True) -> Reply:
    is_base64 = exchange.get("ask", {}).get("encoding_format") == "base64"
    return Reply("auto", "chatcmpl-1", CREATED, include_usage=include_usage, is_base64=is_base64)


# --- what is recorded -------------------------------------------------------------------------------------


def written(form: ServerForm, exchange: Exchange) -> dict[str, Any]:
    model, is_strict = exchange["model"], exchange.get("strict", False)
    try:
        found = form.write_request(exchange["ask"], model, is_strict, None)
    except RequestError as error:
        return {"refused": error.status, "code": error.code, "param": error.param, "message": str(error)}
    body = {"path": found.path, "body": json.loads(found.body)}
    return body | ({"warnings": list(found.warnings)} if found.warnings else {})


def events_of(dialect: str, items: list[Any]) -> bytes:
    """The provider's stream; an item that is text stands for itself."""
    end = b"\r\n\r\n" if dialect == "gemini" else b"\n\n"
    out = b""
    for item in items:
        if isinstance(item, str):
            out += item.encode()
            continue
        name = f"event: {item['type']}\n" if dialect == "anthropic_messages" else ""
        out += name.encode() + b"data: " + json.dumps(item, ensure_ascii=False).encode() + end
    return out


def chunks_of(stream: bytes) -> list[Any]:
    reader = sse.SseReader()
    found = reader.feed(stream) + reader.end()
    return ["[DONE]" if event.data == b"[DONE]" else event.document() for event in found]


def told(form: ServerForm, dialect: str, exchange: Exchange, *, size: int = 0) -> bytes:
    """The client's stream, from pieces of that size; 0 = all at once."""
    part = form.stream(reply_for(exchange, include_usage=exchange.get("include_usage", True)))
    stream = events_of(dialect, exchange["streams"])
    step = size or len(stream) or 1
    pieces = (stream[at : at + step] for at in range(0, len(stream), step))
    return b"".join([part.feed(piece) for piece in pieces]) + part.end()


def recorded(dialect: str, exchange: Exchange) -> Exchange:
    """The exchange with what comes of it."""
    form = SERVERS[cast("Any", dialect)]
    out: Exchange = {"about": exchange["about"]}
    if "ask" in exchange:
        out |= {name: exchange[name] for name in ("model", "strict") if name in exchange}
        out |= {"ask": exchange["ask"], "written": written(form, exchange)}
    if "answers" in exchange:
        body = json.dumps(exchange["answers"]).encode()
        out |= {
            "answers": exchange["answers"],
            "read": json.loads(form.read_response(body, reply_for(exchange))),
        }
    if "streams" in exchange:
        out |= {"include_usage": exchange["include_usage"]} if "include_usage" in exchange else {}
        out |= {"streams": exchange["streams"], "told": chunks_of(told(form, dialect, exchange))}
    if "fails" in exchange:
        status, body = exchange["fails"]
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        status, error = form.read_error(status, raw)
        out |= {"fails": exchange["fails"], "failed": [status, json.loads(error)]}
    return out


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_what_is_translated_is_what_was_recorded(file: Path) -> None:
    found = [recorded(file.parent.name, exchange) for exchange in exchanges(file)]
    if os.environ.get("WAYPOST_GOLDEN") == "write":
        text = json.dumps({"row": json.loads(file.read_text())["row"], "exchanges": found}, indent=1)
        file.write_text(text + "\n")
    for now, then in zip(found, exchanges(file), strict=True):
        assert now == then, now["about"]


@of("streams")
def test_a_stream_cut_anywhere_is_the_same(dialect: str, exchange: Exchange) -> None:
    form = SERVERS[cast("Any", dialect)]
    whole = told(form, dialect, exchange)
    assert told(form, dialect, exchange, size=1) == whole
    assert told(form, dialect, exchange, size=7) == whole


# --- whether the official SDKs agree ----------------------------------------------------------------------

MESSAGES: TypeAdapter[Any] = TypeAdapter(anthropic.MessageCreateParams)
EVENTS: TypeAdapter[Any] = TypeAdapter(anthropic.RawMessageStreamEvent)
SAMPLING = ("temperature", "top_p", "top_k")
"""Not in the types any more, since newer models do not take them."""


def plain(value: object) -> Any:
    """What pydantic made of lists is made a list again."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(item) for item in cast("Iterable[object]", value)]
    return value


def agree_with_anthropic(body: dict[str, Any]) -> None:
    sent = {name: value for name, value in body.items() if name not in SAMPLING}
    assert plain(MESSAGES.validate_python(sent)) == sent  # what the types do not know would be gone


def agree_with_gemini(body: dict[str, Any]) -> None:
    """The types forbid what they do not know."""
    rest = dict(body)
    for content in rest.pop("contents"):
        gemini.Content.model_validate(content)
    if "systemInstruction" in rest:
        gemini.Content.model_validate(rest.pop("systemInstruction"))
    for tool in rest.pop("tools", ()):
        gemini.Tool.model_validate(tool)
    gemini.ToolConfig.model_validate(rest.pop("toolConfig", {}))
    gemini.GenerationConfig.model_validate(rest.pop("generationConfig", {}))
    assert not rest


@of("written")
def test_the_sdk_of_the_provider_knows_what_is_sent(dialect: str, exchange: Exchange) -> None:
    body = exchange["written"].get("body")
    if body is None:  # it was refused
        return
    if dialect == "anthropic_messages":
        agree_with_anthropic(body)
    elif dialect == "gemini":
        agree_with_gemini(body)
    else:
        for request in body["requests"]:
            gemini.Content.model_validate(request["content"])


@of("answers", "streams")
def test_the_sdk_of_the_provider_knows_what_it_answers(dialect: str, exchange: Exchange) -> None:
    """So that what is read here is what providers say; but for what they say wrongly."""
    if exchange["about"].startswith("odd: "):
        return
    answer = exchange.get("answers")
    events = [item for item in exchange.get("streams", ()) if not isinstance(item, str)]
    if dialect == "anthropic_messages":
        if answer and answer["type"] != "error":
            TypeAdapter(anthropic.Message).validate_python(answer, strict=True)
        for event in events:
            if event["type"] not in {"ping", "error"}:
                EVENTS.validate_python(event, strict=True)
    elif dialect == "gemini":
        for found in [*([answer] if answer else []), *events]:
            if "error" not in found:
                gemini.GenerateContentResponse.model_validate(found)
    elif answer and "error" not in answer:
        gemini.EmbedContentResponse.model_validate(answer)


@of("read", "told")
def test_openais_sdk_knows_what_is_told(dialect: str, exchange: Exchange) -> None:
    answer = exchange.get("read", {})
    if dialect == "gemini_embeddings":
        if "usage" in answer and isinstance(answer["data"][0]["embedding"], list):
            CreateEmbeddingResponse.model_validate_json(json.dumps(answer), strict=True)
        return
    if "choices" in answer:
        openai.ChatCompletion.model_validate_json(json.dumps(answer), strict=True)
    chunks = [chunk for chunk in exchange.get("told", ()) if chunk != "[DONE]"]
    for chunk in chunks:
        if "error" not in chunk:
            openai.ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)


@of("told")
def test_a_stream_ends_well_or_with_an_error_and_never_both(dialect: str, exchange: Exchange) -> None:
    chunks = exchange["told"]
    assert dialect in {"anthropic_messages", "gemini"}
    ends = [
        choice["finish_reason"]
        for chunk in chunks
        if chunk != "[DONE]"
        for choice in chunk.get("choices", ())
        if choice["finish_reason"]
    ]
    if "error" in chunks[-1]:
        assert "[DONE]" not in chunks
        assert not ends
    else:
        assert chunks[-1] == "[DONE]"
        assert ends
    # One identity, and a `content` only where there is something to say.
    heads = {(c["id"], c["model"], c["created"]) for c in chunks if c != "[DONE]" and "error" not in c}
    assert len(heads) <= 1
    for chunk in chunks:
        for choice in chunk.get("choices", ()) if chunk != "[DONE]" else ():
            assert "tool_calls" not in choice["delta"] or "content" not in choice["delta"]
