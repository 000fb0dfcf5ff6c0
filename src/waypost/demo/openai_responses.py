"""`POST /v1/responses`, without a store: nothing that was answered before is known.

Source: OpenAI API reference, responses (2026); types of openai 3.51.0.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from waypost.demo.checks import Loose, Ratio, Schema, invalid
from waypost.demo.faults import marked
from waypost.demo.model import Prompt, Said, Toolbox, say, words
from waypost.demo.openai_shapes import Effort, Name, choice
from waypost.demo.wire import Answer, DemoProvider, Json, RefusedError, dump, identifier, refuse_marked, whole


class Tool(Loose):
    """A function on offer; hosted tools are none of the demo."""

    type: Literal["function"]
    name: Name
    description: str | None = None
    parameters: Schema | None = None
    strict: bool | None = None


class Content(Loose):
    """A part of a message."""

    type: Literal["input_text", "output_text", "input_image", "input_file", "refusal"]
    text: str = ""
    refusal: str = ""
    image_url: str | None = None
    detail: str | None = None
    file_data: str | None = None
    file_id: str | None = None
    file_url: str | None = None
    filename: str | None = None
    annotations: list[Any] | None = None
    logprobs: list[Any] | None = None


class Item(Loose):
    """An item of the input."""

    type: Literal["message", "function_call", "function_call_output", "reasoning"] = "message"
    id: str | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[Content] | None = None
    status: str | None = None
    phase: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | list[Content] | None = None
    summary: list[Any] | None = None
    encrypted_content: str | None = None

    @property
    def text(self) -> str:
        """What can be read of it."""
        found = self.output if self.type == "function_call_output" else self.content
        return "".join(part.text for part in found) if isinstance(found, list) else found or ""


class Reasoning(Loose):
    """`reasoning`."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class Format(Loose):
    """`text.format`."""

    type: Literal["text", "json_object", "json_schema"]
    name: Name | None = None
    json_schema: Annotated[Schema | None, Field(alias="schema")] = None
    description: str | None = None
    strict: bool | None = None


class Text(Loose):
    """`text`."""

    format: Format | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class Body(Loose):
    """`POST /v1/responses`."""

    model: Annotated[str, Field(min_length=1)]
    input: str | Annotated[list[Item], Field(min_length=1)]
    instructions: str | None = None
    max_output_tokens: Annotated[int, Field(ge=16)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Ratio | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    text: Text | None = None
    store: bool | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = None
    previous_response_id: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None
    truncation: Literal["auto", "disabled"] | None = None
    top_logprobs: int | None = None
    max_tool_calls: int | None = None
    background: Literal[False] | None = None

    @property
    def items(self) -> list[Item]:
        """The input as items."""
        if isinstance(self.input, str):
            return [Item(type="message", role="user", content=self.input)]
        return self.input


def respond(provider: DemoProvider, body: Body, headers: tuple[tuple[str, str], ...]) -> Answer:
    """Answer.

    Raises:
        RefusedError: as OpenAI's API words it.
    """
    if body.previous_response_id is not None:
        message = "No response is stored here."
        raise RefusedError(400, message, param="previous_response_id", code="previous_response_not_found")
    _check_turns(body.items)
    faults = marked(_last(body.items), provider.name)
    refuse_marked(faults, streams=bool(body.stream))
    said = say(_prompt(provider, body, is_refused=faults.has("refusal")))
    document = _document(body, said)
    if not body.stream:
        return whole(document, headers, faults)
    events = list(_events(document, said))
    pieces = [
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), dump({**event, "sequence_number": n}))
        for n, event in enumerate(events)
    ]
    error = {"type": "error", "code": "server_error", "message": "The server had an error.", "param": None}
    return Answer(
        tuple(pieces),
        200,
        (("content-type", "text/event-stream; charset=utf-8"), *headers),
        faults,
        lead=min(6, len(pieces) - 1),
        error=b"event: error\ndata: %b\n\n" % dump({**error, "sequence_number": 6}),
    )


def _check_turns(items: list[Item]) -> None:
    """A result needs its call, a call its result; they may stand apart."""
    called = {item.call_id for item in items if item.type == "function_call"}
    answered = {item.call_id for item in items if item.type == "function_call_output"}
    if called != answered or None in called:
        raise invalid("Calls and their results must belong to each other.", "input")
    for n, item in enumerate(items):
        is_message = item.type == "message"
        if is_message and (item.role is None or item.content is None):
            raise invalid("A message needs a role and content.", f"input[{n}]")
        wanted = "output_text" if item.role == "assistant" else "input_text"
        texts = ("input_text", "output_text")
        parts = item.content if is_message and isinstance(item.content, list) else []
        if any(part.type in texts and part.type != wanted for part in parts):
            raise invalid(f"Text of a message of this role is `{wanted}`.", f"input[{n}].content")


def _last(items: list[Item]) -> str:
    return next((item.text for item in reversed(items) if item.role == "user"), "")


def _prompt(provider: DemoProvider, body: Body, *, is_refused: bool) -> Prompt:
    items = body.items
    wanted = body.text.format if body.text and body.text.format else None
    schemas = {tool.name: tool.parameters for tool in body.tools or ()}
    mode, names = choice(body.tool_choice, tuple(schemas))
    return Prompt(
        body.model,
        provider.name,
        text="\n".join([body.instructions or "", *(item.text for item in items)]).strip(),
        last=items[-1].text if items[-1].role == "user" else "",
        tools=Toolbox(
            {name: schema for name, schema in schemas.items() if not names or name in names},
            forced=(names or tuple(schemas)) if mode == "required" else (),
            closed=mode == "none",
            parallel=body.parallel_tool_calls is not False,
        ),
        schema=None if wanted is None or wanted.type == "text" else wanted.json_schema or {},
        thinks=bool(body.reasoning and body.reasoning.effort not in (None, "none")),
        limit=body.max_output_tokens,
        is_refused=is_refused,
    )


_REASONS = {"length": "max_output_tokens", "refusal": "content_filter"}


def _document(body: Body, said: Said) -> Json:
    reason = _REASONS.get(said.finish)
    completion = said.answered + said.thought
    return {
        "id": identifier("resp_", 32),
        "object": "response",
        "created_at": int(datetime.now(UTC).timestamp()),
        "status": "incomplete" if reason else "completed",
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "model": body.model,
        "output": list(_items(said)),
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
        "store": body.store is not False,
        "temperature": body.temperature,
        "text": {"format": {"type": "text"}},
        "tool_choice": body.tool_choice or "auto",
        "tools": [tool.model_dump() for tool in body.tools or ()],
        "top_p": body.top_p,
        "truncation": "disabled",
        "usage": {
            "input_tokens": said.prompt,
            "input_tokens_details": {"cached_tokens": said.cached},
            "output_tokens": completion,
            "output_tokens_details": {"reasoning_tokens": said.thought},
            "total_tokens": said.prompt + completion,
        },
        "metadata": body.metadata or {},
    }


def _items(said: Said) -> Iterator[Json]:
    if said.thoughts:
        summary = [{"type": "summary_text", "text": said.thoughts}]
        yield {"id": identifier("rs_", 32), "type": "reasoning", "summary": summary}
    for call in said.calls:
        yield {
            "id": identifier("fc_", 32),
            "type": "function_call",
            "status": "completed",
            "call_id": identifier("call_", 24),
            "name": call.name,
            "arguments": dump(call.arguments).decode(),
        }
    if not said.calls:
        part: Json = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        yield {
            "id": identifier("msg_", 32),
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [part],
        }


def _events(document: Json, said: Said) -> Iterator[Json]:
    begun: Json = {
        **document,
        "status": "in_progress",
        "output": [],
        "usage": None,
        "incomplete_details": None,
    }
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for n, item in enumerate(document["output"]):
        place = {"output_index": n, "item_id": item["id"]}
        match item["type"]:
            case "message":
                yield from _message_events(item, place, said)
            case "function_call":
                yield from _call_events(item, place)
            case _:
                yield from _thought_events(item, place)
        yield {"type": "response.output_item.done", "output_index": n, "item": item}
    yield {"type": f"response.{document['status']}", "response": document}


def _message_events(item: Json, place: Json, said: Said) -> Iterator[Json]:
    part = item["content"][0]
    place_in = {**place, "content_index": 0}
    yield _added(place, {**item, "status": "in_progress", "content": []})
    yield {"type": "response.content_part.added", **place_in, "part": {**part, "text": ""}}
    for word in words(said.text):
        yield {"type": "response.output_text.delta", **place_in, "delta": word, "logprobs": []}
    yield {"type": "response.output_text.done", **place_in, "text": said.text, "logprobs": []}
    yield {"type": "response.content_part.done", **place_in, "part": part}


def _call_events(item: Json, place: Json) -> Iterator[Json]:
    arguments = item["arguments"]
    half = len(arguments) // 2
    yield _added(place, {**item, "status": "in_progress", "arguments": ""})
    for piece in (arguments[:half], arguments[half:]):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
    done = {"name": item["name"], "arguments": arguments}
    yield {"type": "response.function_call_arguments.done", **place, **done}


def _thought_events(item: Json, place: Json) -> Iterator[Json]:
    part = item["summary"][0]
    place_in = {**place, "summary_index": 0}
    yield _added(place, {**item, "summary": []})
    yield {"type": "response.reasoning_summary_part.added", **place_in, "part": {**part, "text": ""}}
    for word in words(part["text"]):
        yield {"type": "response.reasoning_summary_text.delta", **place_in, "delta": word}
    yield {"type": "response.reasoning_summary_text.done", **place_in, "text": part["text"]}
    yield {"type": "response.reasoning_summary_part.done", **place_in, "part": part}


def _added(place: Json, item: Json) -> Json:
    return {"type": "response.output_item.added", "output_index": place["output_index"], "item": item}
