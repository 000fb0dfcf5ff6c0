"""Clients of every dialect: nothing they say vanishes, streams may be cut anywhere, and nothing crashes."""

import contextlib
import json
from collections.abc import Iterator
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import Completion
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from waypost.dialects.clients import CLIENTS
from waypost.dialects.openai_chat import parse
from waypost.dialects.reading import read_request
from waypost.dialects.sse import DONE, SseReader, write
from waypost.errors import RequestError
from waypost.request.chat import Dialect

OTHERS: list[Dialect] = ["openai_completions", "openai_responses", "anthropic_messages"]
dialects = st.sampled_from(OTHERS)
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
SECRET = "our secret plan"

# --- what a client may say, and one thing more ------------------------------------------------------------

texts = st.sampled_from(["hi", "", "so"])
schemas = st.sampled_from([{}, {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}}])
MARK = {"type": "ephemeral", "ttl": "5m"}
URL = "https://x.invalid/a.png"


def some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of fixed and optional members, each a strategy or what it always is."""

    def wrapped(members: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value if isinstance(value, st.SearchStrategy) else st.just(value)
            for name, value in members.items()
        }

    return st.fixed_dictionaries(wrapped(required), optional=wrapped(optional))


blocks = st.one_of(
    some({"type": "text", "text": texts}, {"cache_control": MARK, "citations": None}),
    some({"type": "image", "source": some({"type": "url", "url": URL}, {})}, {}),
    some(
        {
            "type": "document",
            "source": some({"type": "base64", "media_type": "application/pdf", "data": "AA=="}, {}),
        },
        {"title": "t", "context": "c", "citations": some({"enabled": st.booleans()}, {})},
    ),
)
user_blocks = blocks | some(
    {"type": "tool_result", "tool_use_id": "a"},
    {"content": texts | st.lists(blocks, max_size=2), "is_error": st.booleans()},
)
assistant_blocks = st.one_of(
    blocks,
    some(
        {"type": "tool_use", "id": "a", "name": "f", "input": some({}, {"city": "Rome"})},
        {"caller": {"type": "direct"}, "cache_control": MARK},
    ),
    some({"type": "thinking", "thinking": "hm", "signature": st.sampled_from(["c2ln", ""])}, {}),
    some({"type": "redacted_thinking", "data": "Z"}, {}),
    some({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}, {}),
)
messages_requests = some(
    {
        "model": "m",
        "max_tokens": 9,
        "messages": st.lists(
            some({"role": "user", "content": texts | st.lists(user_blocks, min_size=1, max_size=3)}, {})
            | some({"role": "assistant", "content": texts | st.lists(assistant_blocks, max_size=3)}, {}),
            min_size=1,
            max_size=3,
        ),
    },
    {
        "system": texts | st.lists(some({"type": "text", "text": texts}, {}), max_size=2),
        "tools": st.lists(
            some({"name": "f"}, {"type": "custom", "description": "d", "input_schema": schemas}),
            min_size=1,
            max_size=2,
        ),
        "tool_choice": some({"type": st.sampled_from(["auto", "any"])}, {"disable_parallel_tool_use": True}),
        "metadata": some({"user_id": "u"}, {}),
        "stop_sequences": ["a"],
        "stream": st.booleans(),
        "thinking": some({"type": "adaptive"}, {"display": "omitted", "budget_tokens": 2000}),
        "output_config": some({}, {"effort": "low"}),
        "service_tier": "auto",
        "speed": "standard",
        "diagnostics": some({"previous_message_id": "msg_1"}, {}),
        "container": some({"id": "c"}, {}),
        "context_management": some(
            {"edits": st.lists(some({"type": "clear_thinking_20251015"}, {"keep": "all"}), max_size=2)}, {}
        ),
    },
)

parts = st.one_of(
    some({"type": st.sampled_from(["input_text", "output_text"]), "text": texts}, {"annotations": []}),
    some({"type": "refusal", "refusal": texts}, {}),
    some({"type": "input_image", "image_url": URL}, {"detail": "low"}),
    some({"type": "input_image", "file_id": "f"}, {}),
    some({"type": "input_file", "file_data": "data:application/pdf;base64,AA=="}, {"filename": "a.pdf"}),
)
item_members = {"id": "x_1", "status": "completed"}
items = st.one_of(
    some(
        {"role": st.sampled_from(["user", "assistant", "system"]), "content": texts | st.lists(parts)},
        {"type": "message", "phase": "commentary", **item_members},
    ),
    some({"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}, item_members),
    some({"type": "function_call_output", "call_id": "a", "output": texts | st.lists(parts)}, item_members),
    some(
        {
            "type": "reasoning",
            "summary": st.lists(some({"type": "summary_text", "text": texts}, {}), max_size=2),
        },
        {"encrypted_content": "gAAAAA==", "content": st.just([]), **item_members},
    ),
    some({"type": "item_reference", "id": "x_1"}, {}),
)
responses_requests = some(
    {"model": "m", "input": texts | st.lists(items, min_size=1, max_size=4)},
    {
        "instructions": texts,
        "tools": st.lists(
            some({"type": "function", "name": "f"}, {"description": "d", "parameters": schemas})
            | some({"type": "mcp", "server_label": "l"}, {}),
            min_size=1,
            max_size=2,
        ),
        "tool_choice": st.sampled_from(["auto", "required"]) | some({"type": "function", "name": "f"}, {}),
        "parallel_tool_calls": st.booleans(),
        "text": some({}, {"verbosity": "low", "format": some({"type": "json_object"}, {})}),
        "reasoning": some({}, {"effort": "low", "summary": "auto"}),
        "include": st.lists(st.just("reasoning.encrypted_content"), max_size=2),
        "truncation": "auto",
        "store": st.booleans(),
        "stream": st.booleans(),
        "stream_options": some({"include_obfuscation": True}, {}),
        "user": "u",
        "safety_identifier": "s",
        "previous_response_id": "resp_1",
        "background": st.booleans(),
        "max_tool_calls": 3,
    },
)
completions_requests = some(
    {"model": "m", "prompt": texts | st.lists(texts, min_size=1, max_size=2) | st.just([1, 2])},
    {
        "suffix": texts,
        "echo": st.booleans(),
        "stop": texts | st.lists(texts),
        "user": "u",
        "best_of": 1,
        "logprobs": 2,
        "logit_bias": some({"5": 1}, {}),
        "stream_options": some({"include_usage": True}, {}),
    },
)
REQUESTS = {
    "openai_completions": completions_requests,
    "openai_responses": responses_requests,
    "anthropic_messages": messages_requests,
}
requests = dialects.flatmap(lambda dialect: st.tuples(st.just(dialect), REQUESTS[dialect]))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(steps):
        yield value, key
        yield from places(inner)


def hide(document: Any, random: Random) -> None:
    """Put the secret somewhere: instead of a value, behind a text, or as a key."""
    holder, key = random.choice(list(places(document)))
    value = holder[key]
    if isinstance(value, dict) and random.random() < 0.5:
        value[SECRET] = 1
    elif isinstance(value, str) and random.random() < 0.5:
        holder[key] = f"{value} {SECRET}"
    else:
        holder[key] = SECRET


@settings(max_examples=400)
@given(requests, st.randoms(use_true_random=False))
def test_nothing_a_client_says_vanishes(sent: tuple[Dialect, dict[str, Any]], random: Random) -> None:
    dialect, document = sent
    document = json.loads(json.dumps(document))
    hide(document, random)
    with contextlib.suppress(RequestError):
        inbound = CLIENTS[dialect].read_request(json.dumps(document).encode())
        assert inbound.is_mixed or inbound.native or SECRET in inbound.neutral.decode()


@settings(max_examples=400)
@given(requests, st.randoms(use_true_random=False))
def test_rules_see_what_a_client_says(sent: tuple[Dialect, dict[str, Any]], random: Random) -> None:
    dialect, document = sent
    document = json.loads(json.dumps(document))
    hide(document, random)
    with contextlib.suppress(RequestError):
        request = read_request(json.dumps(document).encode(), dialect)
        parts = [*(part for message in request.messages for part in message.parts), *request.fields]
        is_unread = any(not part.is_readable for part in parts)
        assert is_unread or any(SECRET in text for text in (request.model, *(part.text for part in parts)))


@settings(max_examples=200)
@given(requests)
def test_what_a_client_may_say_is_read(sent: tuple[Dialect, dict[str, Any]]) -> None:
    dialect, document = sent
    with contextlib.suppress(RequestError):
        inbound = CLIENTS[dialect].read_request(json.dumps(document).encode())
        assert parse(inbound.neutral).model == "m"


# --- anything at all --------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    """
    model messages input prompt type text content role user assistant message function_call call_id arguments
    function_call_output output reasoning summary encrypted_content input_text output_text input_image
    image_url input_file file_data tools name function parameters tool_choice allowed_tools mode auto
    instructions stream max_tokens max_output_tokens metadata system tool_use tool_result tool_use_id id
    thinking signature source data base64 media_type document cache_control choices delta index
    finish_reason stop length usage prompt_tokens completion_tokens tool_calls error code thinking_blocks
    reasoning_content refusal created
    """.split()  # noqa: SIM905  a table of words reads better so
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
objects = st.dictionaries(WORDS, values, max_size=8)
bodies = st.binary(max_size=30) | values.map(lambda value: json.dumps(value).encode())


@given(dialects, objects, requests)
def test_no_request_crashes(
    dialect: Dialect, fields: dict[str, Any], sent: tuple[Dialect, dict[str, Any]]
) -> None:
    for document in (fields, {**fields, "input": [fields]}, {**sent[1], **fields}):
        with contextlib.suppress(RequestError):
            json.loads(CLIENTS[dialect].read_request(json.dumps(document).encode()).neutral)


@given(dialects, bodies, objects, bodies)
def test_no_answer_crashes(dialect: Dialect, body: bytes, message: dict[str, Any], request: bytes) -> None:
    form = CLIENTS[dialect]
    whole = json.dumps({"id": "c", "choices": [{"message": message}]}).encode()
    for answer in (body, whole):
        assert isinstance(json.loads(form.write_response(answer, request)), dict)


def cut(stream: bytes, cuts: set[int]) -> list[bytes]:
    at = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    return [stream[start:end] for start, end in pairwise(at)]


def run(dialect: Dialect, pieces: list[bytes]) -> bytes:
    part = CLIENTS[dialect].stream(b'{"model":"auto","input":"hi"}')
    return b"".join(map(part.feed, pieces)) + part.end()


LAST = {
    "openai_completions": ("[DONE]",),
    "openai_responses": ("response.completed", "response.incomplete"),
    "anthropic_messages": ("message_stop",),
}


def last(out: bytes) -> str:
    """The last event, or `error`."""
    event = SseReader().feed(out)[-1]
    document = event.document() or {}
    if "error" in document or event.name == "error":
        return "error"
    return event.name or (event.data or b"").decode()


@given(dialects, st.lists(bodies | st.just(b"[DONE]")), st.sets(st.integers(0, 500)))
def test_no_stream_crashes(dialect: Dialect, events: list[bytes], cuts: set[int]) -> None:
    stream = b"".join(map(write, events))
    out = run(dialect, cut(stream, cuts))
    assert out == run(dialect, [stream])
    assert last(out) in {"error", *LAST[dialect]}


# --- what a model says ------------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
calls = st.dictionaries(words, words, max_size=2).map(lambda value: json.dumps(value, ensure_ascii=False))
answers = st.fixed_dictionaries(
    {},
    optional={
        "content": words,
        "reasoning_content": words,
        "thinking_blocks": st.just([SIGNED]),
        "tool_calls": st.lists(calls, min_size=1, max_size=3).map(
            lambda found: [
                {"id": f"c{n}", "type": "function", "function": {"name": "f", "arguments": text}}
                for n, text in enumerate(found)
            ]
        ),
    },
)
reasons = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])
HEAD = {"id": "chatcmpl-1", "created": 7, "model": "m"}


def in_one_piece(message: dict[str, Any], reason: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}
    return json.dumps({**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}).encode()


def in_pieces(message: dict[str, Any], reason: str, sizes: list[int]) -> bytes:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    for name in ("reasoning_content", "thinking_blocks", "content"):
        if isinstance(value := message.get(name), str):
            deltas += [{name: piece} for piece in pieces(value, sizes)]
        elif value:
            deltas.append({name: value})
    for index, call in enumerate(message.get("tool_calls", ())):
        deltas.append({"tool_calls": [{**call, "index": index, "function": {"name": "f", "arguments": ""}}]})
        for piece in pieces(call["function"]["arguments"], sizes):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    chunks = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    chunks.append({"index": 0, "delta": {}, "finish_reason": reason})
    told = [{**HEAD, "choices": [chunk]} for chunk in chunks] + [{**HEAD, "choices": [], "usage": USAGE}]
    return b"".join(write(json.dumps(chunk).encode()) for chunk in told) + DONE


def pieces(text: str, sizes: list[int]) -> list[str]:
    found: list[str] = []
    for size in sizes:
        found.append(text[:size])
        text = text[size:]
    return [*found, text]


@given(dialects, answers, reasons, st.lists(st.integers(0, 5), max_size=5), st.sets(st.integers(0, 3000)))
def test_any_split_of_a_stream_is_the_same(
    dialect: Dialect, message: dict[str, Any], reason: str, sizes: list[int], cuts: set[int]
) -> None:
    stream = in_pieces(message, reason, sizes)
    out = run(dialect, cut(stream, cuts))
    assert out == run(dialect, [stream])
    assert last(out) in LAST[dialect]
    for end in range(0, len(stream), 97):  # cut off anywhere
        assert last(run(dialect, [stream[:end]])) in {"error", *LAST[dialect]}


RESPONSE_EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
MESSAGE_EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


@settings(max_examples=60)
@given(answers, reasons, st.lists(st.integers(0, 5), max_size=5))
def test_official_types_read_what_is_written(message: dict[str, Any], reason: str, sizes: list[int]) -> None:
    whole, stream = in_one_piece(message, reason), in_pieces(message, reason, sizes)
    request = b'{"model":"auto","input":"hi"}'
    Completion.model_validate_json(CLIENTS["openai_completions"].write_response(whole, request), strict=True)
    Message.model_validate_json(CLIENTS["anthropic_messages"].write_response(whole, request), strict=True)
    response = CLIENTS["openai_responses"].write_response(whole, request)
    Response.model_validate_json(response, strict=True)
    for event in SseReader().feed(run("anthropic_messages", [stream])):
        MESSAGE_EVENTS.validate_json(event.data or b"", strict=True)
    events = [event.data or b"" for event in SseReader().feed(run("openai_responses", [stream]))]
    for event in events:
        RESPONSE_EVENTS.validate_json(event, strict=True)
    assert json.loads(events[-1])["response"] == json.loads(response)


@given(answers.filter(lambda message: "content" in message or "tool_calls" in message))
def test_an_answer_that_a_client_of_responses_sends_back_is_the_message_it_was(
    message: dict[str, Any],
) -> None:
    written = json.loads(CLIENTS["openai_responses"].write_response(in_one_piece(message, "stop"), b"{}"))
    results = [
        {"type": "function_call_output", "call_id": call["id"], "output": "x"}
        for call in message.get("tool_calls", ())
    ]
    sent = {"model": "m", "input": [{"role": "user", "content": "hi"}, *written["output"], *results]}
    inbound = CLIENTS["openai_responses"].read_request(json.dumps(sent).encode())
    assert inbound.native is None
    assert inbound.is_mixed == ("reasoning_content" in message or "thinking_blocks" in message)
    found = json.loads(inbound.neutral)["messages"]
    assert found[1] == {"role": "assistant", "content": None, **message}
    assert [result["tool_call_id"] for result in found[2:]] == [result["call_id"] for result in results]


@given(answers.filter(lambda message: "content" in message or "tool_calls" in message))
def test_an_answer_that_a_client_of_messages_sends_back_says_what_it_said(message: dict[str, Any]) -> None:
    form = CLIENTS["anthropic_messages"]
    written = json.loads(form.write_response(in_one_piece(message, "stop"), b"{}"))
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": written["content"]}]
    inbound = form.read_request(json.dumps({"model": "m", "max_tokens": 9, "messages": turns}).encode())
    assert inbound.native is None
    signed = "thinking_blocks" in message
    assert inbound.is_mixed == ("reasoning_content" in message and not signed)
    found = json.loads(inbound.neutral)["messages"][1]
    said = found["content"] or []
    assert "".join(part["text"] for part in said) == message.get("content", "")
    assert [json.loads(call["function"]["arguments"]) for call in found.get("tool_calls", ())] == [
        json.loads(call["function"]["arguments"]) for call in message.get("tool_calls", ())
    ]
    assert ("thinking_blocks" in found) == signed


@pytest.mark.parametrize("dialect", OTHERS)
def test_a_stream_whose_every_byte_comes_alone(dialect: Dialect) -> None:
    stream = in_pieces({"content": "äö", "reasoning_content": "hm"}, "stop", [1])
    assert run(dialect, [bytes([byte]) for byte in stream]) == run(dialect, [stream])
