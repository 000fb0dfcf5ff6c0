"""A stored answer as clients read it: through the official SDKs."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.cache.answer import Builder, Call, Stored, whole
from waypost.cache.replay import replay, usage
from waypost.dialects.reading import read_request
from waypost.request.chat import ChatRequest, Dialect
from waypost.usage import Usage

HI: Any = [{"role": "user", "content": "Hi"}]
BODIES: dict[Dialect, dict[str, Any]] = {
    "openai_chat": {"messages": HI},
    "anthropic_messages": {"messages": HI, "max_tokens": 9},
    "openai_responses": {"input": "Hi"},
    "openai_completions": {"prompt": "Hi"},
    "openai_embeddings": {"input": "Hi"},
}
LONG = "A fixed answer, told in paragraphs.\n" * 40
ANSWER = Stored(
    "qwen3-32b",
    "stop",
    LONG,
    reasoning="Short question.",
    usage=Usage(9, 2, 3, 4, 1),
    seconds=2.5,
    cost_usd=Decimal("0.01"),
)
CALLS = Stored(
    "qwen3-32b",
    "tool_calls",
    calls=(Call("call_1", "weather", '{"city":"Ulm","days":1.10}'), Call("", "time", "")),
    usage=Usage(9, None, None, 4, None),
)


def request(dialect: Dialect, **fields: Any) -> ChatRequest:
    return read_request(json.dumps({"model": "auto", **BODIES[dialect], **fields}).encode(), dialect)


def serving(stored: Stored, dialect: Dialect) -> httpx.Client:
    """An HTTP client for whom this answer is on every server."""

    def answer(asked: httpx.Request) -> httpx.Response:
        kind, body = told(stored, asked.content, dialect)
        return httpx.Response(200, headers={"content-type": kind}, content=body)

    return httpx.Client(transport=httpx.MockTransport(answer))


def told(stored: Stored, body: bytes, dialect: Dialect) -> tuple[str, bytes]:
    found = replay(stored, read_request(body, dialect), "7f", 1700000000)
    assert found is not None
    return found


def of_openai(stored: Stored, dialect: Dialect = "openai_chat") -> openai.OpenAI:
    return openai.OpenAI(base_url="http://x.invalid", api_key="-", http_client=serving(stored, dialect))


def of_anthropic(stored: Stored) -> anthropic.Anthropic:
    def answer(asked: httpx2.Request) -> httpx2.Response:
        kind, body = told(stored, asked.content, "anthropic_messages")
        return httpx2.Response(200, headers={"content-type": kind}, content=body)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return anthropic.Anthropic(base_url="http://x.invalid", api_key="-", http_client=http)


# --- chats ------------------------------------------------------------------------------------------------


def test_a_chat_in_one_piece() -> None:
    read = of_openai(ANSWER).chat.completions.create(model="auto", messages=HI)
    assert (read.id, read.created, read.model) == ("chatcmpl-waypost-7f", 1700000000, "qwen3-32b")
    choice = read.choices[0]
    assert (choice.message.content, choice.finish_reason, choice.message.refusal) == (LONG, "stop", None)
    assert choice.message.to_dict()["reasoning_content"] == "Short question."
    assert read.usage is not None
    assert (read.usage.prompt_tokens, read.usage.completion_tokens, read.usage.total_tokens) == (9, 4, 13)


def test_a_chat_in_a_stream() -> None:
    with of_openai(ANSWER).chat.completions.stream(
        model="auto", messages=HI, stream_options={"include_usage": True}
    ) as stream:
        chunks = [event.chunk for event in stream if event.type == "chunk"]
        read = stream.get_final_completion()
    assert read.choices[0].message.content == LONG
    assert chunks[0].choices[0].delta.role == "assistant"
    assert len([chunk for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]) > 3
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert read.usage is not None
    assert read.usage.prompt_tokens_details is not None
    assert read.usage.prompt_tokens_details.cached_tokens == 9


def test_who_did_not_ask_for_usage_gets_none_in_a_stream() -> None:
    found = replay(ANSWER, request("openai_chat", stream=True), "1", 0)
    assert found is not None
    assert b'"usage"' not in found[1]
    assert found[1].endswith(b"data: [DONE]\n\n")


def test_calls_of_tools() -> None:
    read = of_openai(CALLS).chat.completions.create(model="auto", messages=HI)
    with of_openai(CALLS).chat.completions.stream(model="auto", messages=HI) as stream:
        streamed = stream.get_final_completion()
    for each in (read, streamed):
        calls: Any = each.choices[0].message.tool_calls or []
        assert [call.function.arguments for call in calls] == ['{"city":"Ulm","days":1.10}', ""]
        assert calls[0].id == "call_1"
        assert calls[1].id
        assert each.choices[0].finish_reason == "tool_calls"


def test_a_refusal() -> None:
    refused = Stored("m", "stop", refusal="I cannot.")
    read = of_openai(refused).chat.completions.create(model="auto", messages=HI)
    assert (read.choices[0].message.content, read.choices[0].message.refusal) == (None, "I cannot.")
    with of_openai(refused).chat.completions.stream(model="auto", messages=HI) as stream:
        assert stream.get_final_completion().choices[0].message.refusal == "I cannot."


# --- other forms ------------------------------------------------------------------------------------------


def test_messages() -> None:
    client = of_anthropic(ANSWER)
    read = client.messages.create(model="auto", messages=HI, max_tokens=9)
    with client.messages.stream(model="auto", messages=HI, max_tokens=9) as stream:
        streamed = stream.get_final_message()
    for each in (read, streamed):
        blocks: list[Any] = list(each.content)
        assert [block.type for block in blocks] == ["thinking", "text"]
        assert blocks[1].text == LONG
        assert (each.stop_reason, each.model) == ("end_turn", "qwen3-32b")
        assert each.usage.output_tokens == 4
        assert each.usage.cache_read_input_tokens == 9
        assert each.usage.input_tokens == 0
        assert each.id == "msg_chatcmpl-waypost-7f"


def test_messages_with_calls_and_the_providers_own_end() -> None:
    client = of_anthropic(CALLS)
    read = client.messages.create(model="auto", messages=HI, max_tokens=9)
    with client.messages.stream(model="auto", messages=HI, max_tokens=9) as stream:
        streamed = stream.get_final_message()
    for each in (read, streamed):
        uses: list[Any] = list(each.content)
        assert [(use.name, use.input) for use in uses] == [
            ("weather", {"city": "Ulm", "days": 1.1}),
            ("time", {}),
        ]
        assert each.stop_reason == "tool_use"
    stopped = Stored("m", "stop", "Hi", native_finish="stop_sequence")
    assert of_anthropic(stopped).messages.create(model="auto", messages=HI, max_tokens=9).stop_reason == (
        "stop_sequence"
    )


@pytest.mark.parametrize(
    ("stored", "status"), [(ANSWER, "completed"), (Stored("m", "length", LONG), "incomplete")]
)
def test_responses(stored: Stored, status: str) -> None:
    client = of_openai(stored, "openai_responses")
    read = client.responses.create(model="auto", input="Hi")
    with client.responses.stream(model="auto", input="Hi") as stream:
        ends = [event for event in stream if event.type in ("response.completed", "response.incomplete")]
    assert len(ends) == 1
    for each in (read, ends[0].response):
        assert each.output_text == LONG
        assert each.status == status
    if stored is ANSWER:
        assert read.usage is not None
        assert (read.usage.input_tokens, read.usage.input_tokens_details.cached_tokens) == (9, 9)
        assert read.usage == ends[0].response.usage


def test_responses_with_calls() -> None:
    read = of_openai(CALLS, "openai_responses").responses.create(model="auto", input="Hi")
    calls: list[Any] = list(read.output)
    assert [(call.type, call.name) for call in calls] == [
        ("function_call", "weather"),
        ("function_call", "time"),
    ]


def test_completions() -> None:
    client = of_openai(ANSWER, "openai_completions")
    read = client.completions.create(model="auto", prompt="Hi")
    assert (read.choices[0].text, read.choices[0].finish_reason) == (LONG, "stop")
    asked = client.completions.create(
        model="auto", prompt="Hi", stream=True, stream_options={"include_usage": True}
    )
    chunks = list(asked)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == LONG
    assert chunks[-1].usage is not None
    unasked = list(client.completions.create(model="auto", prompt="Hi", stream=True))
    assert all(chunk.usage is None for chunk in unasked)


def test_embeddings_have_no_place_for_an_answer() -> None:
    assert replay(ANSWER, request("openai_embeddings"), "1", 0) is None


# --- all of them ------------------------------------------------------------------------------------------


def test_usage_that_is_not_known_stays_so() -> None:
    assert usage(Usage(9, None, None, None, None)) is None
    silent = Stored("", "stop", "x")
    found = replay(silent, request("openai_chat"), "1", 0)
    assert found is not None
    assert "usage" not in json.loads(found[1])
    assert json.loads(found[1])["model"] == "auto"
    streamed = replay(
        silent, request("openai_chat", stream=True, stream_options={"include_usage": True}), "1", 0
    )
    assert streamed is not None
    assert b'"prompt_tokens"' not in streamed[1]


def test_two_replays_are_two_answers() -> None:
    first, second = (replay(ANSWER, request("openai_chat"), ident, 0) for ident in ("1", "2"))
    assert first is not None
    assert second is not None
    assert json.loads(first[1])["id"] != json.loads(second[1])["id"]


texts = st.text(max_size=900)
answers = st.builds(
    Stored,
    st.just("m"),
    st.sampled_from(["stop", "length", "content_filter"]),
    st.text(min_size=1, max_size=900),
    texts,
    texts,
    st.lists(
        st.builds(Call, st.sampled_from("abc"), st.just("f"), st.sampled_from(["{}", '{"a":"\\u00e9 b"}'])),
        max_size=2,
    ).map(tuple),
    usage=st.sampled_from([Usage(), Usage(7, 7, None, 3, None)]),
)


@given(answer=answers, include_usage=st.booleans())
def test_what_is_replayed_is_what_was_stored(answer: Stored, *, include_usage: bool) -> None:
    options = {"stream_options": {"include_usage": include_usage}}
    found = replay(answer, request("openai_chat"), "1", 0)
    streamed = replay(answer, request("openai_chat", stream=True, **options), "1", 0)
    assert found is not None
    assert streamed is not None
    builder = Builder()
    builder.feed(streamed[1])
    assert whole(found[1], 0.0, None) == answer
    again = builder.stored(0.0, None)
    assert again is not None
    assert again.usage == (answer.usage if include_usage else Usage())
    assert (again.content, again.refusal, again.reasoning, again.calls) == (
        *(answer.content, answer.refusal, answer.reasoning),
        answer.calls,
    )


@given(answers, st.sampled_from(["anthropic_messages", "openai_responses", "openai_completions"]))
def test_no_form_is_at_a_loss(answer: Stored, dialect: Dialect) -> None:
    for stream in (False, True):
        found = replay(answer, request(dialect, stream=stream), "1", 0)
        assert found is not None
        assert not found[1].startswith((b'{"error"', b'{"type":"error"'))
        assert b"event: error" not in found[1]


@pytest.mark.parametrize("text", ["word " * 300, "x" * 1700, "\n" * 900, "語" * 900])
def test_pieces_are_neither_long_nor_many(text: str) -> None:
    found = replay(Stored("m", "stop", text), request("openai_chat", stream=True), "1", 0)
    assert found is not None
    load: Callable[[bytes], Any] = json.loads
    chunks = [load(event[6:]) for event in found[1].split(b"\n\n")[:-2]]
    pieces = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks]
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= 400
    assert len(chunks) <= len(text) // 300 + 4
