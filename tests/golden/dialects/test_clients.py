"""Recorded exchanges with clients of other forms: what becomes of their requests, and what they get.

As `test_exchanges.py`, the other way: `request`, `completion`, `chunks` and `fault` are written by hand, what
stands under `neutral`, `answer`, `stream` and `error` is recorded. `WAYPOST_GOLDEN=write` records it again.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import anthropic.types as anthropic
import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from waypost.dialects import sse
from waypost.dialects.clients import CLIENTS
from waypost.dialects.forms import ClientForm
from waypost.errors import RequestError

HERE = Path(__file__).parent / "clients"
FILES = sorted(HERE.glob("*/*.json"))
EVENTS: dict[str, TypeAdapter[Any]] = {
    "anthropic_messages": TypeAdapter(anthropic.RawMessageStreamEvent),
    "openai_responses": TypeAdapter(ResponseStreamEvent),
}
"""Completions have one type for answers and chunks; it forbids what the API sends, no finish reason yet."""

ANSWERS: dict[str, TypeAdapter[Any]] = {
    "anthropic_messages": TypeAdapter(anthropic.Message),
    "openai_responses": TypeAdapter(Response),
    "openai_completions": TypeAdapter(Completion),
}

Exchange = dict[str, Any]


def exchanges(file: Path) -> list[Exchange]:
    return json.loads(file.read_text())["exchanges"]


def of(*members: str) -> pytest.MarkDecorator:
    """The exchanges that have one of the members."""

    def found() -> Iterator[Any]:
        for file in FILES:
            for exchange in exchanges(file):
                if not exchange.keys().isdisjoint(members):
                    name = f"{file.parent.name}/{file.stem}: {exchange['about']}"
                    yield pytest.param(file.parent.name, exchange, id=name)

    return pytest.mark.parametrize(("dialect", "exchange"), list(found()))


def form_of(dialect: str) -> ClientForm:
    return CLIENTS[cast("Any", dialect)]


def neutral_of(form: ClientForm, request: dict[str, Any]) -> dict[str, Any]:
    try:
        inbound = form.read_request(json.dumps(request).encode())
    except RequestError as error:
        return {"refused": error.status, "code": error.code, "param": error.param, "message": str(error)}
    found: dict[str, Any] = {"body": json.loads(inbound.neutral)}
    if inbound.native is not None:
        found["native"] = inbound.native
    return found | ({"mixed": True} if inbound.is_mixed else {})


def chunks_of(exchange: Exchange) -> bytes:
    items = exchange["chunks"]
    return b"".join(
        sse.write(item.encode() if isinstance(item, str) else json.dumps(item).encode()) for item in items
    )


def streamed(form: ClientForm, exchange: Exchange, *, size: int = 0) -> bytes:
    """The client's stream, from pieces of that size; 0 = all at once."""
    part = form.stream(json.dumps(exchange.get("request", {"model": "auto"})).encode())
    stream = chunks_of(exchange)
    step = size or len(stream)
    return b"".join([part.feed(stream[at : at + step]) for at in range(0, len(stream), step)]) + part.end()


def events_of(stream: bytes) -> list[Any]:
    reader = sse.SseReader()
    return [
        "[DONE]" if event.data == b"[DONE]" else event.document()
        for event in reader.feed(stream) + reader.end()
    ]


def recorded(dialect: str, exchange: Exchange) -> Exchange:
    """The exchange with what comes of it."""
    form = form_of(dialect)
    out: Exchange = {"about": exchange["about"]}
    asked = json.dumps(exchange.get("request", {"model": "auto"})).encode()
    if "request" in exchange:
        out |= {"request": exchange["request"], "neutral": neutral_of(form, exchange["request"])}
    if "completion" in exchange:
        body = json.dumps(exchange["completion"]).encode()
        out |= {"completion": exchange["completion"], "answer": json.loads(form.write_response(body, asked))}
    if "chunks" in exchange:
        out |= {"chunks": exchange["chunks"], "stream": events_of(streamed(form, exchange))}
    if "fault" in exchange:
        status, error = exchange["fault"]
        body = json.dumps({"error": error}).encode()
        out |= {"fault": exchange["fault"], "error": json.loads(form.write_error(status, body))}
    return out


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_what_is_translated_is_what_was_recorded(file: Path) -> None:
    found = [recorded(file.parent.name, exchange) for exchange in exchanges(file)]
    if os.environ.get("WAYPOST_GOLDEN") == "write":
        text = json.dumps({"row": json.loads(file.read_text())["row"], "exchanges": found}, indent=1)
        file.write_text(text + "\n")
    for now, then in zip(found, exchanges(file), strict=True):
        assert now == then, now["about"]


@of("chunks")
def test_a_stream_cut_anywhere_is_the_same(dialect: str, exchange: Exchange) -> None:
    whole = streamed(form_of(dialect), exchange)
    assert streamed(form_of(dialect), exchange, size=1) == whole
    assert streamed(form_of(dialect), exchange, size=7) == whole


@of("completion", "chunks")
def test_openais_sdk_knows_what_it_is_made_from(dialect: str, exchange: Exchange) -> None:
    assert dialect in CLIENTS
    if "completion" in exchange:
        ChatCompletion.model_validate_json(json.dumps(exchange["completion"]), strict=True)
    for chunk in exchange.get("chunks", ()):
        if not isinstance(chunk, str) and "error" not in chunk:
            ChatCompletionChunk.model_validate_json(json.dumps(chunk), strict=True)


@of("answer")
def test_the_sdk_of_the_client_knows_the_answer(dialect: str, exchange: Exchange) -> None:
    ANSWERS[dialect].validate_json(json.dumps(exchange["answer"]), strict=True)


@of("stream")
def test_the_sdk_of_the_client_knows_the_stream(dialect: str, exchange: Exchange) -> None:
    for event in exchange["stream"]:
        is_error = event != "[DONE]" and event.get("type") == "error"
        if dialect == "openai_responses" or (dialect in EVENTS and not is_error):
            EVENTS[dialect].validate_json(json.dumps(event), strict=True)


ENDS = {"message_stop", "response.completed", "response.incomplete"}


@of("stream")
def test_a_stream_ends_well_or_with_an_error_and_never_both(dialect: str, exchange: Exchange) -> None:
    events = exchange["stream"]
    kinds = [event if event == "[DONE]" else event.get("type", "") for event in events]
    is_well = exchange["chunks"][-1] == "[DONE]"
    assert is_well == any(kind in {*ENDS, "[DONE]"} for kind in kinds), dialect
    if not is_well:
        assert "error" in json.dumps(events[-1])
