"""Unmodified SDKs of one provider, talking to providers of another: tools, thoughts, tokens, models."""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import anthropic
import openai
import pytest
from anthropic.types import Message
from google import genai
from openai.types.chat import ChatCompletionMessage
from openai.types.responses import Response
from pydantic import BaseModel

from tests.envoy.asking import SCHEMA, anthropic_sdk, openai_sdk
from tests.envoy.gateway import Gateway
from tests.envoy.speaking import Call, Says, answers, complaints, fails
from tests.envoy.world import FIRST, MIXED, SECOND, World, model, over

TEXT = "Let me look."
SIGNATURE = "c2lnbmF0dXJlIG9mIGEgdGhvdWdodA=="
CALLS = (
    Call("weather", {"city": "Zürich", "days": 2, "deep": {"a": [1, 2.5, None]}}, "toolu_01first"),
    Call("clock", {}, "toolu_02second"),
)
CALLING = Says(TEXT, CALLS, signature=SIGNATURE)
RESULTS = {"weather": '{"celsius": 21}', "clock": "ten past nine"}

each_provider = pytest.mark.parametrize("name", FIRST.values())
each_other = pytest.mark.parametrize("name", SECOND.values())

CHAT_TOOLS: Any = [
    {"type": "function", "function": {"name": "weather", "description": "Of a city.", "parameters": SCHEMA}},
    {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
]
MESSAGES_TOOLS: Any = [
    {"name": "weather", "description": "Of a city.", "input_schema": SCHEMA},
    {"name": "clock", "input_schema": {"type": "object", "properties": {}}},
]
RESPONSES_TOOLS: Any = [
    {"type": "function", "strict": False, **tool["function"]} for tool in cast("list[Any]", CHAT_TOOLS)
]


def sound(world: World, name: str) -> None:
    """Nothing that a provider got would have been refused by a real one."""
    assert [wrong for request in world[name].requests for wrong in complaints(request)] == []


def test_the_scripted_providers_are_what_the_sdks_expect(mixed_world: World) -> None:
    """Asked directly: what is tested through the gateway rests on it."""
    for name in FIRST.values():
        mixed_world[name].behaviour = answers(CALLING)
    base = f"http://127.0.0.1:{mixed_world['openai1'].port}/v1"
    with openai.OpenAI(base_url=base, api_key="k", max_retries=0) as sdk:
        with sdk.chat.completions.stream(model="m", messages=[user("x")], tools=CHAT_TOOLS) as chat:
            assert chat_calls(chat.get_final_completion().choices[0].message) == wanted_calls()
        with sdk.responses.stream(model="m", input="x") as stream:
            assert stream.get_final_response().output_text == TEXT
    base = f"http://127.0.0.1:{mixed_world['claude1'].port}"
    with (
        anthropic.Anthropic(base_url=base, api_key="k", max_retries=0) as claude,
        claude.messages.stream(model="m", max_tokens=9, messages=[user("x")]) as messages,
    ):
        assert message_calls(messages.get_final_message()) == wanted_calls()
    options = genai.types.HttpOptions(base_url=f"http://127.0.0.1:{mixed_world['gemini1'].port}")
    with genai.Client(api_key="k", http_options=options) as google:
        chunks = list(google.models.generate_content_stream(model="gemini-2.5-flash", contents="x"))
        calls = [call for chunk in chunks for call in chunk.function_calls or ()]
        assert {call.name: call.args for call in calls} == wanted_calls()


def user(text: str) -> Any:
    return {"role": "user", "content": text}


def wanted_calls() -> dict[str, Any]:
    return {call.name: call.arguments for call in CALLS}


def chat_calls(message: ChatCompletionMessage) -> dict[str, Any]:
    calls = [call for call in message.tool_calls or () if call.type == "function"]
    return {call.function.name: json.loads(call.function.arguments) for call in calls}


def message_calls(message: Message) -> dict[str, Any]:
    return {block.name: block.input for block in message.content if block.type == "tool_use"}


def response_calls(response: Response) -> dict[str, Any]:
    items = [item for item in response.output if item.type == "function_call"]
    return {item.name: json.loads(item.arguments) for item in items}


# --- calls of tools -----------------------------------------------------------------------------------------


@each_provider
def test_the_anthropic_sdk_streams_calls_from_any_provider(
    mixed_gateway: Gateway, mixed_world: World, name: str
) -> None:
    mixed_world[name].behaviour = answers(CALLING)
    sdk = anthropic_sdk(mixed_gateway)
    fields: Any = {"model": "auto", "max_tokens": 99, "messages": [user(over(name))], "tools": MESSAGES_TOOLS}
    with sdk.messages.stream(**fields) as stream:
        kinds = [event.type for event in stream]
        message = stream.get_final_message()
    for final in (message, sdk.messages.create(**fields)):
        assert [block.type for block in final.content] == ["text", "tool_use", "tool_use"]
        assert message_calls(final) == wanted_calls()
        assert final.stop_reason == "tool_use"
        assert final.id.startswith("msg_")
        assert len({block.id for block in final.content if block.type == "tool_use"}) == 2
        assert final.usage.output_tokens == 7
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 3
    sound(mixed_world, name)


@each_provider
def test_the_openai_sdk_streams_calls_from_any_provider(
    mixed_gateway: Gateway, mixed_world: World, name: str
) -> None:
    mixed_world[name].behaviour = answers(CALLING)
    sdk = openai_sdk(mixed_gateway)
    fields: Any = {"model": "auto", "messages": [user(over(name))], "tools": CHAT_TOOLS}
    with sdk.chat.completions.stream(**fields) as stream:
        completion = stream.get_final_completion()
    for final in (completion, sdk.chat.completions.create(**fields)):
        choice = final.choices[0]
        assert choice.message.content == TEXT
        assert chat_calls(choice.message) == wanted_calls()
        assert choice.finish_reason == "tool_calls"
    deltas = [
        chunk.choices[0].delta
        for chunk in sdk.chat.completions.create(**fields, stream=True)
        if chunk.choices
    ]
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert sorted({call.index for call in calls}) == [0, 1]
    assert not [delta for delta in deltas if delta.tool_calls and delta.content is not None]
    sound(mixed_world, name)


@pytest.mark.parametrize("name", ["claude1", "gemini1"])
def test_the_responses_sdk_streams_calls_from_other_providers(
    mixed_gateway: Gateway, mixed_world: World, name: str
) -> None:
    mixed_world[name].behaviour = answers(CALLING)
    sdk = openai_sdk(mixed_gateway)
    fields: Any = {"model": "auto", "input": over(name), "tools": RESPONSES_TOOLS}
    with sdk.responses.stream(**fields) as stream:
        numbers = [event.sequence_number for event in stream]
        response = stream.get_final_response()
    assert numbers == list(range(len(numbers)))
    for final in (response, sdk.responses.create(**fields)):
        assert final.output_text == TEXT
        assert response_calls(final) == wanted_calls()
        assert final.status == "completed"
        assert final.store is False
        assert final.usage is not None
        assert (final.usage.input_tokens, final.usage.output_tokens) == (11, 7)
    sound(mixed_world, name)


# --- loops of tools -----------------------------------------------------------------------------------------


def chat_loop(gateway: Gateway, word: str, *, keeps: bool = True, **fields: Any) -> Any:
    """Ask, run the tools, ask again; a client keeps the message as it came, or its ids only."""
    sdk = openai_sdk(gateway)
    messages = [user(word)]
    call: Any = {"model": "auto", "tools": CHAT_TOOLS, **fields}
    message = sdk.chat.completions.create(messages=messages, **call).choices[0].message
    calls: Any = message.tool_calls
    bare = [
        {
            "id": c.id,
            "type": "function",
            "function": {"name": c.function.name, "arguments": c.function.arguments},
        }
        for c in calls
    ]
    plain = {"role": "assistant", "content": message.content, "tool_calls": bare}
    messages.append(message.model_dump(exclude_none=True) if keeps else plain)
    messages += [{"role": "tool", "tool_call_id": c.id, "content": RESULTS[c.function.name]} for c in calls]
    return sdk.chat.completions.create(messages=messages, **call).choices[0].message.content


def messages_loop(gateway: Gateway, word: str, **fields: Any) -> Any:
    sdk = anthropic_sdk(gateway)
    messages = [user(word)]
    call: Any = {"model": "auto", "max_tokens": 4096, "tools": MESSAGES_TOOLS, **fields}
    message = sdk.messages.create(messages=messages, **call)
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": RESULTS[block.name]}
        for block in message.content
        if block.type == "tool_use"
    ]
    messages += [{"role": "assistant", "content": message.content}, {"role": "user", "content": results}]
    final = sdk.messages.create(messages=messages, **call)
    return "".join(block.text for block in final.content if block.type == "text")


def responses_loop(gateway: Gateway, word: str, **fields: Any) -> Any:
    sdk = openai_sdk(gateway)
    items: list[Any] = [user(word)]
    call: Any = {"model": "auto", "tools": RESPONSES_TOOLS, "store": False, **fields}
    response = sdk.responses.create(input=items, **call)
    items += response.output
    items += [
        {"type": "function_call_output", "call_id": item.call_id, "output": RESULTS[item.name]}
        for item in response.output
        if item.type == "function_call"
    ]
    return sdk.responses.create(input=items, **call).output_text


LOOPS: Mapping[str, Callable[..., Any]] = {
    "chat": chat_loop,
    "chat-ids-only": lambda *given, **fields: chat_loop(*given, keeps=False, **fields),
    "messages": messages_loop,
    "responses": responses_loop,
}
each_loop = pytest.mark.parametrize("goes_round", LOOPS.values(), ids=LOOPS.keys())


def history(world: World, name: str) -> str:
    """The second request, as text: everything of the first round must be in it."""
    return json.dumps(world[name].requests[-1].json, ensure_ascii=False)


def has_everything(text: str) -> None:
    for part in ("rich", "celsius", "ten past nine", TEXT, "2.5"):
        assert part in text, part


@each_loop
@each_provider
def test_a_loop_of_tools_goes_round(
    mixed_gateway: Gateway, mixed_world: World, name: str, goes_round: Callable[..., Any]
) -> None:
    if goes_round is responses_loop and name == "openai1":
        name = "claude2"  # in place there is nothing to see
    mixed_world[name].script = [answers(CALLING)]
    assert goes_round(mixed_gateway, over(name)) == f"This is {name}"
    has_everything(history(mixed_world, name))
    sound(mixed_world, name)


@each_loop
def test_signatures_of_gemini_come_back_where_they_belong(
    mixed_gateway: Gateway, mixed_world: World, goes_round: Callable[..., Any]
) -> None:
    mixed_world["gemini2"].script = [answers(CALLING)]
    assert goes_round(mixed_gateway, over("gemini2")) == "This is gemini2"
    turns = mixed_world["gemini2"].requests[-1].json["contents"]
    calls = [part for turn in turns for part in turn["parts"] if "functionCall" in part]
    assert [call["functionCall"]["name"] for call in calls] == ["weather", "clock"]
    assert calls[0]["thoughtSignature"] == SIGNATURE
    assert "thoughtSignature" not in calls[1]
    results = [
        part["functionResponse"] for turn in turns for part in turn["parts"] if "functionResponse" in part
    ]
    assert [result["name"] for result in results] == ["weather", "clock"]
    assert results[0]["response"] == {"celsius": 21}
    assert [c["functionCall"].get("id") for c in calls] == [r.get("id") for r in results]
    sound(mixed_world, "gemini2")


def test_signatures_of_claudes_thoughts_come_back_unchanged(
    mixed_gateway: Gateway, mixed_world: World
) -> None:
    thinking = Says(TEXT, CALLS, "I should look first.", SIGNATURE)
    mixed_world["claude1"].script = [answers(thinking)]
    assert chat_loop(mixed_gateway, over("claude1"), reasoning_effort="low") == "This is claude1"
    mixed_world["claude1"].script = [answers(thinking)]
    budget = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    assert messages_loop(mixed_gateway, over("claude1"), **budget) == "This is claude1"
    for request in (mixed_world["claude1"].requests[1], mixed_world["claude1"].requests[3]):
        said = request.json["messages"][1]["content"]
        assert said[0] == {
            "type": "thinking",
            "thinking": "I should look first.",
            "signature": SIGNATURE,
        }
        assert [block["type"] for block in said] == ["thinking", "text", "tool_use", "tool_use"]
    sound(mixed_world, "claude1")


@each_other
@each_loop
def test_a_loop_begun_at_one_provider_ends_at_another(
    mixed_gateway: Gateway, mixed_world: World, name: str, goes_round: Callable[..., Any]
) -> None:
    """What one provider signed or thought, another one must neither need nor see."""
    for first in ("gemini1", "claude1"):
        mixed_world[first].script = [answers(Says(TEXT, CALLS, "A thought.", SIGNATURE)), fails(503)]
        mixed_world[name].requests.clear()
        assert goes_round(mixed_gateway, over(first, name)) == f"This is {name}"
        text = history(mixed_world, name)
        has_everything(text)
        if MIXED[first].dialect != MIXED[name].dialect:
            assert SIGNATURE.rstrip("=") not in text
            assert "__thought__" not in text
        assert not mixed_world[name].requests[-1].mentions(MIXED[first].wire)
        sound(mixed_world, name)


# --- thoughts and objects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["claude1", "gemini1"])
def test_thoughts_are_told_apart_from_the_answer(
    mixed_gateway: Gateway, mixed_world: World, name: str
) -> None:
    mixed_world[name].behaviour = answers(Says("42.", thought="Six times seven."))
    sdk = openai_sdk(mixed_gateway)
    fields: Any = {"model": "auto", "messages": [user(over(name))], "reasoning_effort": "low"}
    message = sdk.chat.completions.create(**fields).choices[0].message
    assert (message.content, message.model_dump()["reasoning_content"]) == ("42.", "Six times seven.")
    deltas = [
        chunk.choices[0].delta.model_dump()
        for chunk in sdk.chat.completions.create(**fields, stream=True)
        if chunk.choices
    ]
    assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == "Six times seven."
    assert "".join(delta["content"] or "" for delta in deltas) == "42."
    claude = anthropic_sdk(mixed_gateway)
    budget: Any = {"type": "enabled", "budget_tokens": 1024}
    with claude.messages.stream(
        model="auto", max_tokens=4096, messages=[user(over(name))], thinking=budget
    ) as stream:
        blocks = stream.get_final_message().content
    assert [block.type for block in blocks] == ["thinking", "text"]
    response = sdk.responses.create(model="auto", input=over(name), reasoning={"effort": "low"})
    assert [item.type for item in response.output] == ["reasoning", "message"]
    sound(mixed_world, name)


class Place(BaseModel):
    city: str
    days: int


@each_provider
def test_an_object_may_be_asked_for(mixed_gateway: Gateway, mixed_world: World, name: str) -> None:
    mixed_world[name].behaviour = answers('{"city": "Bern", "days": 3}')
    sdk = openai_sdk(mixed_gateway)
    parsed = sdk.chat.completions.parse(model="auto", messages=[user(over(name))], response_format=Place)
    assert parsed.choices[0].message.parsed == Place(city="Bern", days=3)
    request = mixed_world[name].wait()
    assert request.mentions('"days"')
    assert request.mentions('"city"')
    sound(mixed_world, name)


# --- the other operations -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openai1", "gemini1", "gemini2", "azure"])
def test_embeddings_come_from_whoever_has_them(mixed_gateway: Gateway, mixed_world: World, name: str) -> None:
    sdk = openai_sdk(mixed_gateway)
    for given in (over(name), [over(name), "two"]):
        for packed in ({}, {"encoding_format": "float"}):
            found = sdk.embeddings.create(model="auto", input=given, **packed)  # type: ignore[arg-type]
            count = 1 if isinstance(given, str) else len(given)
            assert [item.embedding for item in found.data] == [pytest.approx([0.6, 0.8])] * count
            assert [item.index for item in found.data] == list(range(count))
    request = mixed_world[name].requests[-1]
    assert MIXED[name].key in (request.header(MIXED[name].key_header) or "")
    if MIXED[name].dialect == "gemini":
        assert request.path.endswith(f"/models/{MIXED[name].wire}:batchEmbedContents")
        assert [r["model"] for r in request.json["requests"]] == [f"models/{MIXED[name].wire}"] * 2


def test_embeddings_fail_over_between_dialects(mixed_gateway: Gateway, mixed_world: World) -> None:
    mixed_world["openai1"].behaviour = fails(500)
    sdk = openai_sdk(mixed_gateway)
    found = sdk.embeddings.create(model="auto", input=over("openai1", "gemini2"))
    assert found.data[0].embedding == pytest.approx([0.6, 0.8])
    mixed_world["gemini1"].behaviour = fails(500)
    found = sdk.embeddings.create(model="auto", input=over("gemini1", "openai2"))
    assert found.data[0].embedding == pytest.approx([0.6, 0.8])


def test_embeddings_where_there_are_none_are_refused(mixed_gateway: Gateway, mixed_world: World) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        openai_sdk(mixed_gateway).embeddings.create(model="auto", input=over("claude1"))
    assert caught.value.status_code in {400, 404, 503}
    assert mixed_world.got() == {}
    mixed_world["openai2"].behaviour = fails(500)
    with pytest.raises(openai.APIStatusError):
        openai_sdk(mixed_gateway).embeddings.create(model="auto", input=over("openai2", "claude2"))
    assert mixed_world.got().keys() <= {"openai2"}


@each_provider
def test_old_completions_are_served_by_every_provider(
    mixed_gateway: Gateway, mixed_world: World, name: str
) -> None:
    sdk = openai_sdk(mixed_gateway)
    whole = sdk.completions.create(model="auto", prompt=over(name), max_tokens=32)
    assert whole.choices[0].text == f"This is {name}"
    chunks = sdk.completions.create(model="auto", prompt=over(name), max_tokens=32, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == f"This is {name}"
    sound(mixed_world, name)


def test_tokens_are_counted_without_a_provider(mixed_gateway: Gateway, mixed_world: World) -> None:
    sdk = anthropic_sdk(mixed_gateway)
    fields: Any = {"model": "auto", "system": "Be brief.", "tools": MESSAGES_TOOLS}
    few = sdk.messages.count_tokens(messages=[user("short")], **fields)
    many = sdk.messages.count_tokens(messages=[user("a longer text " * 500)], **fields)
    assert 0 < few.input_tokens < many.input_tokens
    with pytest.raises(anthropic.BadRequestError):
        sdk.messages.count_tokens(model="auto", messages=cast("Any", "no list"))
    assert mixed_world.got() == {}


def test_both_sdks_list_the_models(mixed_gateway: Gateway, mixed_world: World) -> None:
    of_openai = [one.id for one in openai_sdk(mixed_gateway).models.list()]
    of_anthropic = list(anthropic_sdk(mixed_gateway).models.list())
    assert {model(name) for name in MIXED} <= set(of_openai)
    assert [one.id for one in of_anthropic] == of_openai
    assert {one.type for one in of_anthropic} == {"model"}
    wanted = model("claude1")
    assert openai_sdk(mixed_gateway).models.retrieve(wanted).id == wanted
    assert anthropic_sdk(mixed_gateway).models.retrieve(wanted).id == wanted
    with pytest.raises(openai.NotFoundError):
        openai_sdk(mixed_gateway).models.retrieve("nobody")
    with pytest.raises(anthropic.NotFoundError):
        anthropic_sdk(mixed_gateway).models.retrieve("nobody")
    assert mixed_world.got() == {}
