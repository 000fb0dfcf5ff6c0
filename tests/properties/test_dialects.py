"""All dialects on whole exchanges with something in them that does not belong, and on what they share."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects import sse
from waypost.dialects.clients import CLIENTS
from waypost.dialects.digits import Digits, dumps
from waypost.dialects.digits import loads as exact
from waypost.dialects.foreign import Reply, encode
from waypost.dialects.forms import Part
from waypost.dialects.openai_plain import plain_request
from waypost.dialects.servers import SERVERS
from waypost.dialects.signatures import hide
from waypost.errors import RequestError
from waypost.request.chat import Dialect

T = TypeVar("T")
REPLY = Reply("auto", "chatcmpl-1", 7, include_usage=True)
MODELS: dict[Dialect, list[str]] = {
    "anthropic_messages": ["claude-3-haiku", "claude-sonnet-4-5", "claude-opus-5-5", "glm-5"],
    "gemini": ["gemini-2.0-flash", "gemini-2.5-pro", "gemini-3-pro", "gemma-3"],
    "gemini_embeddings": ["gemini-embedding-001"],
}
servers = pytest.mark.parametrize("dialect", SERVERS)
speakers = pytest.mark.parametrize("dialect", ["anthropic_messages", "gemini"])
clients = pytest.mark.parametrize("dialect", [name for name in CLIENTS if name != "openai_chat"])


# --- whole exchanges --------------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": ["string", "null"], "enum": ["Oslo", None]}},
    "required": ["city"],
}
MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}}
FILE = {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"}}
CALLS = [
    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"city": "Oslo"}'}},
    {
        "id": hide("call_2", "c2ln"),
        "type": "function",
        "function": {"name": "f", "arguments": ""},
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    },
]
THOUGHTS = {
    "reasoning_content": "hm",
    "thinking_blocks": [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "cmVk"},
    ],
}
CHAT: dict[str, Any] = {
    "model": "auto",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "Be kind.", **MARK}]},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, PICTURE, FILE], "name": "ann"},
        {"role": "assistant", "content": "Let me look.", "tool_calls": CALLS, **THOUGHTS},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "rain"}, PICTURE]},
        {"role": "tool", "tool_call_id": CALLS[1]["id"], "content": "no", "is_error": True},
        {"role": "user", "content": "So?"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
            **MARK,
        }
    ],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
    },
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
    "reasoning_effort": "low",
    "max_completion_tokens": 4000,
    "temperature": 0.5,
    "stop": ["END"],
    "seed": 7,
    "logprobs": True,
    "top_logprobs": 2,
    "n": 1,
    "user": "ann",
    "stream": True,
    "parallel_tool_calls": False,
}
ASKED: dict[Dialect, dict[str, Any]] = {
    "anthropic_messages": CHAT,
    "gemini": CHAT,
    "gemini_embeddings": {
        "model": "auto",
        "input": ["a", "b"],
        "dimensions": 768,
        "encoding_format": "float",
    },
}
USAGE = {
    "input_tokens": 10,
    "cache_read_input_tokens": 4,
    "output_tokens": 5,
    "output_tokens_details": {"thinking_tokens": 2},
}
BLOCKS = [
    {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "cmVk"},
    {"type": "text", "text": "Rain.", "citations": [{"cited_text": "rain"}]},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "Oslo", "n": 1.5}},
]
COUNTS = {
    "promptTokenCount": 10,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 3,
    "cachedContentTokenCount": 2,
    "totalTokenCount": 18,
}
PARTS = [
    {"text": "hm", "thought": True},
    {"text": "Rain.", "thoughtSignature": "c2ln"},
    {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
    {
        "functionCall": {"id": "fc_1", "name": "f", "args": {"city": "Oslo", "n": 1.5}},
        "thoughtSignature": "c2ln",
    },
]
LOGPROBS = {
    "chosenCandidates": [{"token": "a", "logProbability": -0.5}],
    "topCandidates": [{"candidates": [{"token": "a", "logProbability": -0.5}]}],
}
ANSWERED: dict[Dialect, dict[str, Any]] = {
    "anthropic_messages": {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "model": "claude",
        "content": BLOCKS,
        "stop_reason": "tool_use",
        "stop_details": {"type": "refusal"},
        "usage": USAGE,
    },
    "gemini": {
        "candidates": [
            {
                "content": {"role": "model", "parts": PARTS},
                "finishReason": "STOP",
                "index": 0,
                "logprobsResult": LOGPROBS,
            }
        ],
        "usageMetadata": COUNTS,
        "modelVersion": "gemini",
        "responseId": "r-1",
    },
    "gemini_embeddings": {
        "embeddings": [{"values": [0.5, -1]}, {"values": [1.5, 2]}],
        "usageMetadata": {"promptTokenCount": 2},
    },
}


def block(index: int, native: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": native},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


STREAMED: dict[Dialect, list[dict[str, Any]]] = {
    "anthropic_messages": [
        {
            "type": "message_start",
            "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 10}},
        },
        *block(
            0,
            {"type": "thinking", "thinking": ""},
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "signature_delta", "signature": "c2ln"},
        ),
        *block(1, {"type": "redacted_thinking", "data": "cmVk"}),
        {"type": "ping"},
        *block(2, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Rain."}),
        *block(
            3,
            BLOCKS[3] | {"input": {}},
            {"type": "input_json_delta", "partial_json": '{"city"'},
            {"type": "input_json_delta", "partial_json": ':"Oslo"}'},
        ),
        *block(4, BLOCKS[3] | {"id": "toolu_2"}),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": USAGE},
        {"type": "message_stop"},
    ],
    "gemini": [
        *(
            {"candidates": [{"content": {"parts": [part]}}], "responseId": "r-1", "usageMetadata": COUNTS}
            for part in PARTS
        ),
        {
            "candidates": [
                {"content": {"parts": [{"text": ""}]}, "finishReason": "STOP", "logprobsResult": LOGPROBS}
            ]
        },
    ],
}
OWN: dict[Dialect, dict[str, Any]] = {
    "anthropic_messages": {
        "model": "auto",
        "max_tokens": 4000,
        "system": [{"type": "text", "text": "Be kind.", **MARK}],
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"},
                    },
                    {
                        "type": "document",
                        "source": {"type": "text", "media_type": "text/plain", "data": "a"},
                        "title": "t",
                    },
                ],
            },
            {"role": "assistant", "content": BLOCKS[:1] + BLOCKS[3:]},
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "is_error": True,
                        "content": [{"type": "text", "text": "no"}],
                    },
                    {"type": "text", "text": "so?"},
                ],
            },
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA, **MARK}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        "metadata": {"user_id": "u"},
        "stop_sequences": ["END"],
        "stream": True,
    },
    "openai_responses": {
        "model": "auto",
        "instructions": "Be kind.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "hi"},
                    {"type": "input_image", "image_url": "data:image/png;base64,QUJD"},
                    {
                        "type": "input_file",
                        "file_data": "data:application/pdf;base64,QUJD",
                        "filename": "a.pdf",
                    },
                ],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": "x",
            },
            {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}", "id": "fc_1"},
            {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
        ],
        "tools": [
            {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True}
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {
            "format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True},
            "verbosity": "low",
        },
        "reasoning": {"effort": "low", "summary": "auto"},
        "max_output_tokens": 100,
        "stream": True,
        "store": False,
    },
    "openai_completions": {
        "model": "auto",
        "prompt": "hi",
        "max_tokens": 9,
        "stop": ["END"],
        "stream": True,
        "suffix": None,
        "echo": False,
    },
}


# --- one thing that does not belong there -----------------------------------------------------------------


def deep(depth: int, *, as_object: bool) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value} if as_object else [value]
    return value


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 2**31, 2**53, 10**30, -(10**400)])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([Digits("1.10"), Digits("1e400"), Digits("-0.0"), Digits("9" * 5000)])
    | st.text(max_size=5)
    | st.sampled_from(
        ["", " ", "\ud800", "\udfff a", "\0", "data:", "data:;base64", "https://", "{", "[]", "é" * 300]
    )
)
odd = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.just("type"), inner, max_size=3)
    ),
    max_leaves=6,
) | st.builds(deep, st.sampled_from([40, 120, 300]), as_object=st.booleans())


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    items: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in items:
        yield from places(item, (*at, key))


def put(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """The value with another thing at one place of it."""
    if not at:
        return new
    head, rest = at[0], at[1:]
    if isinstance(value, dict):
        return {key: put(item, rest, new) if key == head else item for key, item in value.items()}
    return [put(item, rest, new) if n == head else item for n, item in enumerate(value)]


def changed(whole: Any) -> st.SearchStrategy[Any]:
    """The whole with something odd at one or two of its places; the second may be gone with the first."""
    spots = st.sampled_from([at for at in places(whole) if at])

    def change(first: tuple[tuple[Any, ...], Any], more: list[tuple[tuple[Any, ...], Any]]) -> Any:
        found = put(whole, *first)
        for at, new in more:
            found = put(found, at, new) if at in set(places(found)) else found
        return found

    pair = st.tuples(spots, odd)
    return st.builds(change, pair, st.lists(pair, max_size=1))


def body_of(document: Any) -> bytes:
    return encode(dumps(document))


def loads(body: str | bytes) -> Any:
    """As `json.loads`, but for numbers that are too long for it."""
    return exact(body)


def done(act: Callable[[], T]) -> T | None:
    """What comes of it; None where it was refused as the client's fault."""
    try:
        return act()
    except RequestError as error:
        refused = error
    assert refused.status == 400
    assert str(refused).isprintable()
    return None


# --- requests ---------------------------------------------------------------------------------------------


@servers
@given(data=st.data())
def test_no_request_crashes_a_dialect(dialect: Dialect, data: st.DataObject) -> None:
    document = data.draw(changed(ASKED[dialect]))
    model = data.draw(st.sampled_from(MODELS[dialect]))
    form = SERVERS[dialect]
    most = data.draw(st.none() | st.integers(1, 2**31))
    before = dumps(document)
    written = done(lambda: form.write_request(document, model, False, most))
    strictly = done(lambda: form.write_request(document, model, True, most))
    assert dumps(document) == before  # another provider may be next
    notes = (
        [note for note in written.warnings if not note.startswith("reasoning_effort: ")] if written else []
    )
    assert strictly == (None if notes else written)
    if written is not None:
        assert isinstance(loads(written.body), dict)
        assert all(note.isascii() and note.isprintable() for note in written.warnings)


@clients
@given(data=st.data())
def test_no_request_of_a_client_crashes_and_what_is_read_can_be_written(
    dialect: Dialect, data: st.DataObject
) -> None:
    body = body_of(data.draw(changed(OWN[dialect])))
    inbound = done(lambda: CLIENTS[dialect].read_request(body))
    if inbound is None:
        return
    document = loads(inbound.neutral)
    for provider in ("anthropic_messages", "gemini"):
        model = data.draw(st.sampled_from(MODELS[provider]))
        done(lambda form=SERVERS[provider], model=model: form.write_request(document, model, False, None))
    plain = done(lambda: plain_request(inbound.neutral))
    assert plain is None or loads(plain)["messages"]


@given(changed(CHAT))
def test_what_is_taken_out_for_openai_is_taken_out_once_and_for_all(document: Any) -> None:
    plain = done(lambda: plain_request(body_of(document)))
    if plain is None:
        return
    assert plain_request(plain) == plain
    messages = loads(plain).get("messages")
    for message in messages if isinstance(messages, list) else ():
        if isinstance(message, dict):
            assert not {"thinking_blocks", "reasoning_content", "cache_control", "is_error"} & message.keys()


@given(st.binary(max_size=60) | odd.map(body_of))
def test_any_bytes_are_plain_or_refused(body: bytes) -> None:
    plain = done(lambda: plain_request(body))
    assert plain is None or plain is body or loads(plain) is not None


# --- answers ----------------------------------------------------------------------------------------------


@servers
@given(data=st.data())
def test_no_answer_crashes_a_dialect_nor_any_client(dialect: Dialect, data: st.DataObject) -> None:
    body = data.draw(changed(ANSWERED[dialect]).map(body_of) | st.binary(max_size=40))
    found = SERVERS[dialect].read_response(body, REPLY)
    document = loads(found)
    assert ("error" in document) != ("choices" in document or "data" in document)
    if dialect == "gemini_embeddings":
        return
    for name, form in CLIENTS.items():
        request = body_of(OWN.get(name, CHAT))
        out = form.write_error(500, found) if "error" in document else form.write_response(found, request)
        assert isinstance(loads(out), dict)


@servers
@given(
    status=st.integers(400, 599),
    body=st.binary(max_size=40) | odd.map(lambda value: body_of({"error": value})),
)
def test_no_error_crashes_a_dialect_nor_any_client(dialect: Dialect, status: int, body: bytes) -> None:
    seen, told = SERVERS[dialect].read_error(status, body)
    error = loads(told)["error"]
    assert 400 <= seen < 600
    assert error["message"]
    assert error["code"] is None or isinstance(error["code"], str)
    for form in CLIENTS.values():
        assert isinstance(loads(form.write_error(seen, told)), dict)


# --- streams ----------------------------------------------------------------------------------------------

ENDS = {"anthropic_messages": b"message_stop", "openai_responses": b'"response.'}


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    return [
        stream[start:end]
        for start, end in pairwise([0, *sorted(at % (len(stream) + 1) for at in cuts), len(stream)])
    ]


def run(part: Part, pieces: list[bytes]) -> bytes:
    return b"".join(map(part.feed, pieces)) + part.end()


def stream_of(dialect: Dialect, events: list[Any], end: bytes) -> bytes:
    out = b""
    for event in events:
        name = event.get("type") if isinstance(event, dict) else None
        head = (
            b"event: " + name.encode("utf-8", "replace") + end
            if dialect == "anthropic_messages" and isinstance(name, str) and name.isidentifier()
            else b""
        )
        out += head + b"data: " + body_of(event) + end + end
    return out


cuts = st.lists(st.integers(0, 10_000), max_size=8)
line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@speakers
@given(data=st.data(), end=line_ends, cuts=cuts, other=cuts)
def test_any_split_of_a_stream_is_the_same_for_every_client(
    dialect: Dialect, data: st.DataObject, end: bytes, cuts: list[int], other: list[int]
) -> None:
    events = data.draw(st.just(STREAMED[dialect]) | changed(STREAMED[dialect]))
    kept = data.draw(st.integers(0, len(events)) | st.just(len(events))) if isinstance(events, list) else 0
    stream = stream_of(dialect, events[:kept] if isinstance(events, list) else [events], end)
    form = SERVERS[dialect]
    neutral = run(form.stream(REPLY), [stream])
    assert run(form.stream(REPLY), cut(stream, cuts)) == neutral
    documents = [event.document() for event in sse.SseReader().feed(neutral)]
    is_well = neutral.endswith(sse.DONE)
    assert is_well != ("error" in (documents[-1] or {}))
    for name, client in CLIENTS.items():
        request = body_of(OWN.get(name, CHAT))
        out = run(client.stream(request), [neutral])
        assert run(client.stream(request), cut(neutral, other)) == out, name
        last = list(sse.SseReader().feed(out))[-1]
        has_failed = b'"error"' in (last.data or b"") and last.data != b"[DONE]"
        assert is_well or has_failed or name == "openai_responses", name


@speakers
@given(stream=st.binary(max_size=200), cuts=cuts)
def test_no_bytes_crash_a_stream(dialect: Dialect, stream: bytes, cuts: list[int]) -> None:
    out = run(SERVERS[dialect].stream(REPLY), [stream])
    assert run(SERVERS[dialect].stream(REPLY), cut(stream, cuts)) == out
    assert b"[DONE]" not in out


# --- what both forms can say ------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda text: not text.isspace())
names = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,9}", fullmatch=True)
arguments = st.dictionaries(
    st.text(max_size=3), st.integers() | words | st.none() | st.lists(st.booleans(), max_size=2), max_size=3
)
part = words.map(lambda text: {"type": "text", "text": text}) | st.sampled_from(
    ["image/png", "image/jpeg", "image/webp"]
).map(lambda kind: {"type": "image_url", "image_url": {"url": f"data:{kind};base64,QUJD"}})


@st.composite
def talks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A conversation in which nothing is said twice in a row by the same side."""
    talk: list[dict[str, Any]] = []
    for turn in range(draw(st.integers(1, 3))):
        talk.append({"role": "user", "content": draw(st.lists(part, min_size=1, max_size=3))})
        said: dict[str, Any] = {"role": "assistant", "content": [{"type": "text", "text": draw(words)}]}
        talk.append(said)
        calls = draw(st.lists(st.tuples(names, arguments), max_size=2))
        if calls:
            said["tool_calls"] = [
                {
                    "id": f"call_{turn}_{n}",
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(given)},
                }
                for n, (name, given) in enumerate(calls)
            ]
            talk += [
                {"role": "tool", "tool_call_id": call["id"], "content": draw(words)}
                for call in said["tool_calls"]
            ]
            talk.append({"role": "assistant", "content": [{"type": "text", "text": draw(words)}]})
    return [*talk, {"role": "user", "content": [{"type": "text", "text": draw(words)}]}]


def shape(messages: list[Any]) -> list[Any]:
    """Messages with arguments as values and content as a list: two writings of one thing are equal."""
    found: list[Any] = []
    for message in messages:
        content = message.get("content")
        calls = [
            (c["id"], c["function"]["name"], loads(c["function"]["arguments"]))
            for c in message.get("tool_calls", ())
        ]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        found.append((message["role"], message.get("tool_call_id"), parts, calls))
    return found


@given(talks())
def test_a_talk_written_for_anthropic_and_read_from_its_client_is_the_same(
    talk: list[dict[str, Any]],
) -> None:
    written = SERVERS["anthropic_messages"].write_request({"messages": talk}, "claude-sonnet-4-5", True, None)
    neutral = loads(CLIENTS["anthropic_messages"].read_request(written.body).neutral)
    assert shape(neutral["messages"]) == shape(talk)


@given(talks())
def test_gemini_is_told_the_same_talk(talk: list[dict[str, Any]]) -> None:
    """There is no way back from there, so what was said is counted off."""
    body = loads(SERVERS["gemini"].write_request({"messages": talk}, "gemini-2.5-flash", True, None).body)
    parts = [part for turn in body["contents"] for part in turn["parts"]]
    texts = [p["text"] for m in talk if m["role"] != "tool" for p in m["content"] if p["type"] == "text"]
    assert [part["text"] for part in parts if "text" in part] == texts
    calls = [
        (c["id"], c["function"]["name"], loads(c["function"]["arguments"]))
        for m in talk
        for c in m.get("tool_calls", ())
    ]
    sent = [part["functionCall"] for part in parts if "functionCall" in part]
    assert [(call["id"], call["name"], call["args"]) for call in sent] == calls
    results = [
        (part["functionResponse"]["id"], part["functionResponse"]["name"])
        for part in parts
        if "functionResponse" in part
    ]
    assert results == [(ident, name) for ident, name, _ in calls]
    assert [turn["role"] for turn in body["contents"]] == ["user", "model"] * (len(body["contents"]) // 2) + [
        "user"
    ]


@given(talks())
def test_a_talk_that_openai_understands_is_left_as_it_is(talk: list[dict[str, Any]]) -> None:
    for message in talk:
        if message["role"] == "tool":
            assert isinstance(message["content"], str)
    body = json.dumps({"messages": talk}).encode()
    again = loads(plain_request(body))["messages"]
    assert shape(again) == shape(talk)
