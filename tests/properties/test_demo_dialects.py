"""What Waypost writes for providers of other dialects, strict ones take; what they answer, it reads."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.demo import anthropic_shapes, gemini_shapes
from waypost.demo.faults import course
from waypost.demo.providers import PROVIDERS, answer
from waypost.demo.wire import Answer, Call, DemoProvider
from waypost.dialects.foreign import Reply
from waypost.dialects.servers import SERVERS
from waypost.errors import RequestError

_, _, _, ANTHROPIC, GEMINI = PROVIDERS
TARGETS = [
    *((ANTHROPIC, "anthropic_messages", "/v1", model) for model in anthropic_shapes.TRAITS),
    *((GEMINI, "gemini", "/v1beta", model) for model in gemini_shapes.TRAITS),
]
EACH = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target[3])
REPLY = Reply("auto", "chatcmpl-1", 1700000000, include_usage=True)

PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "description": "where"},
        "unit": {"type": ["string", "null"], "enum": ["c", "f", None]},
        "days": {"type": "array", "items": {"$ref": "#/$defs/day"}, "minItems": 1},
    },
    "$defs": {"day": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
    "additionalProperties": False,
}


def tool(name: str, schema: dict[str, Any] | None = SCHEMA, **more: Any) -> dict[str, Any]:
    function = {"name": name, "description": f"does {name}", **more}
    return {"type": "function", "function": function | ({"parameters": schema} if schema is not None else {})}


def called(*calls: tuple[str, str, str], content: str | None = None) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": content,
        "tool_calls": [
            {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}
            for ident, name, arguments in calls
        ],
    }


def result(ident: str, content: Any = "sunny", **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": ident, "content": content, **more}


def user(content: Any = "Hi there.") -> dict[str, Any]:
    return {"role": "user", "content": content}


SYSTEM = {"role": "system", "content": "Be kind."}
ARGUMENTS = '{"city": "Rome", "days": [1.10]}'
MESSAGES = [
    [user()],
    [SYSTEM, user(), {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}],
    [
        user("One."),
        user("Two."),
        {"role": "assistant", "content": "Three."},
        user([{"type": "text", "text": "4"}]),
    ],
    [user([{"type": "text", "text": ""}, {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}])],
    [
        user(
            [
                {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
                {"type": "text", "text": "Read."},
            ]
        )
    ],
    [user(), called(("call_1", "weather", ARGUMENTS)), result("call_1")],
    [
        user("Now call weather and time."),
        called(("call_1", "weather", ARGUMENTS), ("call.2:x", "time", ""), content="I look."),
        result("call.2:x", [{"type": "text", "text": "noon"}]),
        result("call_1", '{"sky": "blue"}'),
    ],
    [
        user(),
        called(("0", "time", "{}")),
        result("0", "failed", is_error=True),
        called(("0", "time", "{}")),
        result("0", ""),
        {"role": "assistant", "content": "Noon."},
        user("Thanks. Call weather."),
    ],
]
TOOLS: list[dict[str, Any]] = [
    {},
    {"tools": [tool("weather"), tool("time", None)]},
    {"tools": [tool("weather", strict=True), tool("time", {})], "tool_choice": "required"},
    {"tools": [tool("time", None)], "tool_choice": {"type": "function", "function": {"name": "time"}}},
    {"tools": [tool("weather"), tool("time", None)], "tool_choice": "none"},
    {"tools": [tool("weather"), tool("time", None)], "parallel_tool_calls": False},
    {
        "tools": [tool("weather"), tool("time", None)],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "required",
                "tools": [{"type": "function", "function": {"name": "time"}}],
            },
        },
    },
]
FORMATS: list[dict[str, Any]] = [
    {},
    {"response_format": {"type": "text"}},
    {"response_format": {"type": "json_object"}},
    {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": SCHEMA, "strict": True},
        }
    },
]
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.sampled_from([1, 16, 1000, 1024, 1025, 3000, 10**7, 20.0]),
        "max_completion_tokens": st.sampled_from([None, 50, 5000]),
        "temperature": st.sampled_from([0, 0.5, 1, 1.0, 1.7, 2]),
        "top_p": st.sampled_from([0, 0.2, 0.99, 1]),
        "top_k": st.sampled_from([1, 40]),
        "stop": st.sampled_from(["END", ["a", " ", "b"], ["a", "b", "c", "d", "e", "f"], []]),
        "reasoning_effort": st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
        "presence_penalty": st.sampled_from([-2, 0, 1.5]),
        "seed": st.sampled_from([0, 7, 2**40]),
        "logprobs": st.booleans(),
        "user": st.just("somebody@example.com"),
        "stream_options": st.just({"include_usage": True}),
        "store": st.just(False),
        "metadata": st.just({"a": "b"}),
        "cache_control": st.just({"type": "ephemeral"}),
        "n": st.just(1),
        "verbosity": st.just("low"),
    },
)


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """Requests of clients who use much of what OpenAI's API has."""
    document: dict[str, Any] = {"model": "auto", "messages": draw(st.sampled_from(MESSAGES))}
    for some in (TOOLS, FORMATS):
        document |= draw(st.sampled_from(some))
    return document | draw(LIMITS)


def sent(target: tuple[DemoProvider, Any, str, str], document: dict[str, Any]) -> Answer:
    provider, dialect, base, model = target
    written = SERVERS[dialect].write_request(document, model, False, None)
    path, _, query = (base + written.path).partition("?")
    key = "x-api-key" if provider is ANTHROPIC else "x-goog-api-key"
    headers = dict(written.headers) | {key: provider.api_key}
    pairs = dict(pair.split("=") for pair in query.split("&") if pair)
    return answer(provider, Call("POST", path, pairs, headers, written.body))


@EACH
@given(requests())
def test_what_is_written_is_taken_and_the_answer_is_read(target: Any, document: dict[str, Any]) -> None:
    try:
        given_back = sent(target, document)
    except RequestError:
        return  # refused here, by name, and not at the provider
    assert given_back.status == 200, given_back.pieces[0].decode()
    read = json.loads(SERVERS[target[1]].read_response(given_back.pieces[0], REPLY))
    (choice,) = read["choices"]
    assert choice["finish_reason"] in {"stop", "length", "tool_calls"}
    usage = read["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def streamed(target: Any, given_back: Answer, cuts: list[int]) -> list[dict[str, Any]]:
    """Chunks that a stream is read as, when it comes in pieces that end there."""
    body = b"".join(given_back.pieces)
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    reader = SERVERS[target[1]].stream(REPLY)
    out = b"".join(reader.feed(body[start:end]) for start, end in pairwise(places)) + reader.end()
    events = [event.removeprefix(b"data: ") for event in out.split(b"\n\n") if event.startswith(b"data: ")]
    assert events[-1] == b"[DONE]", out
    return [json.loads(event) for event in events[:-1]]


@EACH
@given(requests(), st.lists(st.integers(0), max_size=20))
def test_streams_are_read_wherever_they_are_cut(
    target: Any, document: dict[str, Any], cuts: list[int]
) -> None:
    try:
        given_back = sent(target, {**document, "stream": True})
    except RequestError:
        return
    assert given_back.status == 200, given_back.pieces[0].decode()
    chunks = streamed(target, given_back, cuts)
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["usage"]["completion_tokens"] >= 0
    choices = [chunk["choices"][0] for chunk in chunks[:-1]]
    assert choices[-1]["finish_reason"] in {"stop", "length", "tool_calls"}
    assert choices[0]["delta"]["role"] == "assistant"


def joined(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The assistant's message that a client makes of a stream."""
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for delta in (chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]):
        message["content"] += delta.get("content") or ""
        if "thinking_blocks" in delta:
            message.setdefault("thinking_blocks", []).extend(delta["thinking_blocks"])
        for call in delta.get("tool_calls", ()):
            calls = message.setdefault("tool_calls", [])
            if call["index"] == len(calls):
                calls.append({"id": call["id"], "type": "function", "function": dict(call["function"])})
            else:
                calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
    return message


@pytest.mark.parametrize("second", TARGETS, ids=lambda target: target[3])
@pytest.mark.parametrize("first", TARGETS, ids=lambda target: target[3])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_conversation_with_tools_goes_on_with_the_same_model_or_another(
    first: Any, second: Any, *, stream: bool
) -> None:
    asked = {
        "model": "auto",
        "messages": [user("Please call weather and time.")],
        "tools": [tool("weather"), tool("time", None)],
        "reasoning_effort": "low",
        "stream": stream,
    }
    given_back = sent(first, asked)
    if stream:
        message = joined(streamed(first, given_back, []))
    else:
        message = json.loads(SERVERS[first[1]].read_response(given_back.pieces[0], REPLY))["choices"][0][
            "message"
        ]
    calls = message["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["weather", "time"]
    assert json.loads(calls[0]["function"]["arguments"]) == {"city": "demo", "days": [1]}
    results = [result(call["id"]) for call in calls]
    again = {**asked, "messages": [*asked["messages"], message, *results], "stream": False}
    given_back = sent(second, again)
    assert given_back.status == 200, given_back.pieces[0].decode()
    read = json.loads(SERVERS[second[1]].read_response(given_back.pieces[0], REPLY))
    assert read["choices"][0]["message"]["content"].startswith(f"{second[3]} at the demo provider")


@EACH
def test_thoughts_and_usage_come_back(target: Any) -> None:
    document = {
        "model": "auto",
        "messages": [{**user("Why? " * 2000), "cache_control": {"type": "ephemeral"}}],
        "reasoning_effort": "high",
        "max_tokens": 20_000,
    }
    read = json.loads(SERVERS[target[1]].read_response(sent(target, document).pieces[0], REPLY))
    usage = read["usage"]
    assert usage["prompt_tokens"] == 2500
    assert 0 < usage["prompt_tokens_details"]["cached_tokens"] < 2500
    if target[3] == "gemini-2.0-flash":  # it does not think
        return
    assert read["choices"][0]["message"]["reasoning_content"].startswith("First I look")
    assert 0 < usage["completion_tokens_details"]["reasoning_tokens"] < usage["completion_tokens"]


@EACH
@pytest.mark.parametrize(
    ("mark", "status", "code"),
    [
        ("400", 400, None),
        ("401", 502, "provider_rejected_credentials"),
        ("403", 403, "permission_denied"),
        ("404", 404, "model_not_found"),
        ("413", 413, "request_too_large"),
        ("429", 429, "rate_limit_exceeded"),
        ("503", 503, None),
        ("529", 503, "overloaded"),
        ("context", 400, "context_length_exceeded"),
    ],
)
def test_errors_are_read(target: Any, mark: str, status: int, code: str | None) -> None:
    given_back = sent(target, {"model": "auto", "messages": [user(f"Hi [[fault {mark}]]")]})
    read_status, body = SERVERS[target[1]].read_error(given_back.status, given_back.pieces[0])
    error = json.loads(body)["error"]
    assert (read_status, error["code"]) == (status, code or error["code"])
    assert error["message"]


@EACH
def test_an_exhausted_account_is_read(target: Any) -> None:
    given_back = sent(target, {"model": "auto", "messages": [user("Hi [[fault quota]]")]})
    status, body = SERVERS[target[1]].read_error(given_back.status, given_back.pieces[0])
    told = (status, json.loads(body)["error"]["code"])
    assert told == ((503, "insufficient_quota") if target[0] is ANTHROPIC else (429, "rate_limit_exceeded"))


@EACH
@pytest.mark.parametrize("mark", ["error", "garbage", "early"])
def test_a_stream_that_fails_ends_with_an_error_and_never_with_done(target: Any, mark: str) -> None:
    document = {"model": "auto", "messages": [user(f"Hi [[fault {mark}]]")], "stream": True}
    given_back = sent(target, document)
    way = course(given_back.pieces, given_back.faults, lead=given_back.lead, error=given_back.error)
    reader = SERVERS[target[1]].stream(REPLY)
    events = b"".join([*map(reader.feed, way.pieces), reader.end()]).rstrip().split(b"\n\n")
    assert json.loads(events[-1].removeprefix(b"data: "))["error"]["message"]
    assert b'finish_reason":"' not in b"".join(events)


@EACH
def test_a_refusal_is_a_filter(target: Any) -> None:
    for stream in (False, True):
        document = {"model": "auto", "messages": [user("Hi [[fault refusal]]")], "stream": stream}
        given_back = sent(target, document)
        if stream:
            choice = streamed(target, given_back, [])[-2]["choices"][0]
        else:
            choice = json.loads(SERVERS[target[1]].read_response(given_back.pieces[0], REPLY))["choices"][0]
        assert choice["finish_reason"] == "content_filter"


def test_embeddings_are_written_and_read() -> None:
    target = (GEMINI, "gemini_embeddings", "/v1beta", "gemini-embedding-001")
    given_back = sent(target, {"model": "auto", "input": ["a", "b"], "dimensions": 8})
    assert given_back.status == 200, given_back.pieces[0].decode()
    data = json.loads(SERVERS["gemini_embeddings"].read_response(given_back.pieces[0], REPLY))["data"]
    assert [len(item["embedding"]) for item in data] == [8, 8]
