"""What other gateways do wrong, in the order of `docs/notes/0011-peer-defects.md`, and Waypost does not."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from waypost.dialects import sse
from waypost.dialects.anthropic_messages import StreamWriter, read_request, write_error
from waypost.dialects.foreign import Reply
from waypost.dialects.openai_plain import plain_request
from waypost.dialects.servers import SERVERS
from waypost.errors import RequestError
from waypost.request.chat import Dialect

ROOT = Path(__file__).parents[2]
NOTE = ROOT / "docs/notes/0011-peer-defects.md"
REPLY = Reply("auto", "chatcmpl-1", 7)
COUNTING = Reply("auto", "chatcmpl-1", 7, include_usage=True)
FOREIGN: tuple[tuple[Dialect, str], ...] = (
    ("anthropic_messages", "claude-sonnet-4-5"),
    ("gemini", "gemini-2.5-flash"),
)
both = pytest.mark.parametrize(("dialect", "model"), FOREIGN)

ASK = {"role": "user", "content": "hi"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
OTHER = {"id": "call_2", "type": "function", "function": {"name": "now", "arguments": ""}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL, OTHER]}
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def result(ident: str, content: Any = "rain", **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": ident, "content": content, **more}


HISTORY = [ASK, CALLED, result("call_1"), result("call_2", "12:00")]


def tool(**parameters: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", **parameters}},
    }


def sent(dialect: Dialect, model: str, messages: Sequence[Any] = (ASK,), **fields: Any) -> Any:
    return json.loads(
        SERVERS[dialect]
        .write_request({"model": "auto", "messages": list(messages), **fields}, model, False, None)
        .body
    )


def warned(dialect: Dialect, model: str, **fields: Any) -> list[str]:
    document = {"messages": [ASK], **fields}
    return [
        note.partition(":")[0]
        for note in SERVERS[dialect].write_request(document, model, False, None).warnings
    ]


def claude(messages: Sequence[Any] = (ASK,), model: str = "claude-sonnet-4-5", **fields: Any) -> Any:
    return sent("anthropic_messages", model, messages, **fields)


def gemini(messages: Sequence[Any] = (ASK,), model: str = "gemini-2.5-flash", **fields: Any) -> Any:
    return sent("gemini", model, messages, **fields)


def refused(act: Callable[[], object]) -> str | None:
    with pytest.raises(RequestError) as raised:
        act()
    assert raised.value.status == 400
    return raised.value.param


def answer(dialect: Dialect, native: Any) -> Any:
    return json.loads(SERVERS[dialect].read_response(json.dumps(native).encode(), REPLY))


def message(*blocks: Any, stop: str = "end_turn", **usage: int) -> dict[str, Any]:
    counts = {"input_tokens": 10, "output_tokens": 5, **usage}
    return {"type": "message", "id": "msg_1", "content": list(blocks), "stop_reason": stop, "usage": counts}


def candidate(*parts: Any, reason: str | None = "STOP", **more: Any) -> dict[str, Any]:
    found = {"content": {"role": "model", "parts": list(parts)}, "finishReason": reason}
    return {"candidates": [{name: item for name, item in found.items() if item}], **more}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def use(ident: str, name: str = "weather", **given: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": ident, "name": name, "input": given}


def claudes(*events: dict[str, Any]) -> bytes:
    return b"".join(sse.write(json.dumps(event).encode(), event["type"]) for event in events)


def geminis(*documents: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(document).encode() + b"\r\n\r\n" for document in documents)


START = {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 10}}}
END = (
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}},
    {"type": "message_stop"},
)


def block(index: int, native: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": native},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


SAID = block(0, text(""), {"type": "text_delta", "text": "Let me look."})
CALLS = [
    *block(1, use("toolu_1"), {"type": "input_json_delta", "partial_json": '{"city":"Oslo"}'}),
    *block(2, use("toolu_2", "now")),
]
GEMINI_CALL = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}}
GEMINI_CALLS = (
    candidate({"text": "Let me look."}, reason=None),
    candidate(GEMINI_CALL, reason=None),
    candidate(GEMINI_CALL, reason=None),
    candidate({"text": ""}, usageMetadata={"promptTokenCount": 10, "candidatesTokenCount": 5}),
)
STREAMS: dict[Dialect, bytes] = {
    "anthropic_messages": claudes(START, *SAID, *CALLS, *END),
    "gemini": geminis(*GEMINI_CALLS),
}
HALVES: dict[Dialect, bytes] = {
    "anthropic_messages": claudes(START, *SAID[:-1]),
    "gemini": geminis(GEMINI_CALLS[0]),
}
FAULTS: dict[Dialect, bytes] = {
    "anthropic_messages": claudes(
        {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    ),
    "gemini": geminis({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
}
streamed = pytest.mark.parametrize("dialect", STREAMS)


def told(dialect: Dialect, stream: bytes, reply: Reply = REPLY) -> bytes:
    part = SERVERS[dialect].stream(reply)
    return part.feed(stream) + part.end()


def chunks(out: bytes) -> list[Any]:
    lines = [line.removeprefix(b"data: ") for line in out.split(b"\n\n") if line.startswith(b"data: ")]
    return [line if line == b"[DONE]" else json.loads(line) for line in lines]


def choices(out: bytes) -> list[Any]:
    return [choice for chunk in chunks(out) if chunk != b"[DONE]" for choice in chunk.get("choices", ())]


# --- requests ---------------------------------------------------------------------------------------------


def test_a_temperature_above_the_most_is_lowered_and_told() -> None:
    assert claude(temperature=1.7)["temperature"] == 1
    assert warned("anthropic_messages", "claude-sonnet-4-5", temperature=1.7) == ["temperature"]
    assert gemini(temperature=2.5)["generationConfig"]["temperature"] == 2
    assert warned("gemini", "gemini-2.5-flash", temperature=2.5) == ["temperature"]


@pytest.mark.parametrize("effort", ["minimal", "low", "medium", "high", "xhigh", "max"])
@pytest.mark.parametrize("most", [1, 1024, 1025, 1500, 4096, 64_000])
def test_a_budget_of_thinking_stays_below_the_tokens_of_the_answer(effort: str, most: int) -> None:
    body = claude(reasoning_effort=effort, max_tokens=most)
    if "thinking" in body:
        assert 1024 <= body["thinking"]["budget_tokens"] < body["max_tokens"] == most


@pytest.mark.parametrize("model", ["claude-3-haiku", "claude-sonnet-4-5", "claude-opus-5-5", "some-other"])
def test_a_provider_that_wants_max_tokens_gets_it(model: str) -> None:
    assert claude(model=model)["max_tokens"] >= 4096


@both
def test_no_arguments_are_an_empty_object_and_broken_ones_the_clients_error(
    dialect: Dialect, model: str
) -> None:
    assert '"type": "object"' not in json.dumps(
        sent(dialect, model, HISTORY)["messages" if "claude" in model else "contents"]
    )
    key = "input" if "claude" in model else "args"
    assert f'"{key}": {{}}' in json.dumps(sent(dialect, model, HISTORY))
    for arguments in ('{"city":', "[]", "null", "7"):
        call = {**CALL, "function": {"name": "weather", "arguments": arguments}}
        broken = [ASK, {**CALLED, "tool_calls": [call]}, result("call_1")]
        param = refused(lambda broken=broken: sent(dialect, model, broken))
        assert param == "messages[1].tool_calls[0].function.arguments"


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-2.0-flash"])
def test_an_enum_with_null_stays_an_enum(model: str) -> None:
    schema = {"unit": {"type": ["string", "null"], "enum": ["C", "F", None]}}
    (declared,) = gemini(model=model, tools=[tool(properties=schema)])["tools"][0]["functionDeclarations"]
    found = (declared.get("parameters") or declared["parametersJsonSchema"])["properties"]["unit"]
    assert found in (schema["unit"], {"nullable": True, "type": "STRING", "enum": ["C", "F"]})


def test_schemas_for_claude_stay_as_they_are() -> None:
    schema = {"properties": {"a": {"type": "string"}}, "additionalProperties": False}
    (declared,) = claude(tools=[tool(**schema)])["tools"]
    assert declared["input_schema"] == {"type": "object", **schema}


def test_json_object_schema_effort_and_one_call_at_a_time_reach_claude() -> None:
    assert "JSON" in claude(response_format={"type": "json_object"})["system"][0]["text"]
    schema = {"type": "object", "properties": {}}
    wanted = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    assert claude(response_format=wanted)["output_config"]["format"]["schema"] == schema | {
        "additionalProperties": False
    }
    assert claude(response_format=wanted, model="claude-3-haiku")["tool_choice"]["type"] == "tool"
    assert claude(reasoning_effort="high")["thinking"]["type"] == "enabled"
    assert (
        claude(tools=[tool()], parallel_tool_calls=False)["tool_choice"]["disable_parallel_tool_use"] is True
    )


def test_top_logprobs_reach_gemini() -> None:
    assert gemini(logprobs=True, top_logprobs=3)["generationConfig"] == {
        "responseLogprobs": True,
        "logprobs": 3,
    }


@both
def test_no_text_is_invented_for_an_empty_one(dialect: Dialect, model: str) -> None:
    for content in ("", [text("")], None):
        assert (
            refused(lambda content=content: sent(dialect, model, [{**ASK, "content": content}])) or ""
        ).startswith("messages")
    body = json.dumps(sent(dialect, model, [{**ASK, "content": [text(""), text("hi")]}]))
    assert re.findall(r'"text": "([^"]*)"', body) == ["hi"]


@both
def test_system_text_is_the_systems_wherever_it_stands(dialect: Dialect, model: str) -> None:
    talk = [{"role": "system", "content": "one"}, ASK, {"role": "developer", "content": "two"}]
    body = sent(
        dialect,
        model,
        [*talk, {"role": "assistant", "content": "so"}, ASK, {"role": "system", "content": "three"}],
    )
    system = json.dumps(body.get("system") or body["systemInstruction"])
    assert re.findall(r'"text": "([^"]*)"', system) == ["one", "two", "three"]
    turns = json.dumps(body.get("messages") or body["contents"])
    assert re.findall(r'"text": "([^"]*)"', turns) == ["hi", "so", "hi"]


def test_a_single_stop_is_a_list_of_one() -> None:
    assert claude(stop="END")["stop_sequences"] == ["END"]
    assert gemini(stop="END")["generationConfig"]["stopSequences"] == ["END"]


@both
def test_neighbours_of_one_role_are_one_turn_and_so_are_results(dialect: Dialect, model: str) -> None:
    body = sent(dialect, model, [ASK, ASK, *HISTORY[1:], ASK])
    turns = body.get("messages") or body["contents"]
    assert [turn["role"] for turn in turns] == ["user", "assistant" if "claude" in model else "model", "user"]
    last = turns[-1].get("content") or turns[-1]["parts"]
    assert ["result" in json.dumps(item) or "functionResponse" in item for item in last] == [
        True,
        True,
        False,
    ]


def test_results_go_to_gemini_under_the_name_of_their_function() -> None:
    parts = gemini(HISTORY)["contents"][-1]["parts"]
    assert [part["functionResponse"]["name"] for part in parts] == ["weather", "now"]


@both
def test_no_key_in_a_path_no_beta_and_no_field_that_the_body_does_not_know(
    dialect: Dialect, model: str
) -> None:
    written = SERVERS[dialect].write_request({"messages": [ASK], "stream": True}, model, False, None)
    assert "key" not in written.path
    assert "anthropic-beta" not in dict(written.headers)
    assert not {"authorization", "x-api-key", "x-goog-api-key"} & set(dict(written.headers))
    assert ("model" in json.loads(written.body)) == (dialect == "anthropic_messages")


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
def test_gemini_is_told_to_think_in_the_words_of_its_version(effort: str) -> None:
    older = gemini(reasoning_effort=effort)["generationConfig"]["thinkingConfig"]
    newer = gemini(model="gemini-3-pro", reasoning_effort=effort)["generationConfig"]["thinkingConfig"]
    assert "thinkingBudget" in older
    assert "thinkingLevel" not in older
    assert "thinkingLevel" in newer
    assert "thinkingBudget" not in newer


def test_ids_of_calls_come_back_to_gemini_and_a_failed_call_is_one_that_says_so() -> None:
    given = candidate({"functionCall": {"id": "fc_9", "name": "f", "args": {}}, "thoughtSignature": "c2ln"})
    said = answer("gemini", given)["choices"][0]["message"]
    (call,) = said["tool_calls"]
    failed = result(call["id"], '{"error": "is a word here"}')
    called, results = gemini([ASK, said, failed])["contents"][1:]
    assert called["parts"][0]["functionCall"]["id"] == results["parts"][0]["functionResponse"]["id"] == "fc_9"
    assert results["parts"][0]["functionResponse"]["response"] == {"error": "is a word here"}
    assert claude(HISTORY)["messages"][-1]["content"][0].get("is_error") is None
    assert claude([ASK, said, {**failed, "is_error": True}])["messages"][-1]["content"][0]["is_error"] is True


def test_a_client_of_anthropics_loses_no_failed_call_no_picture_and_no_count_and_thoughts_stay_away() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QQ=="}}
    failed = {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "is_error": True,
        "content": [text("no"), picture],
    }
    thought = {"type": "thinking", "thinking": "secret thought", "signature": "c2ln"}
    talk = [
        ASK,
        {"role": "assistant", "content": [thought, use("toolu_1")]},
        {"role": "user", "content": [failed]},
    ]
    body = {
        "model": "auto",
        "max_tokens": 9,
        "messages": talk,
        "thinking": {"type": "enabled", "budget_tokens": 4096},
    }
    neutral = read_request(json.dumps(body).encode()).neutral
    back = json.loads(
        SERVERS["anthropic_messages"]
        .write_request(json.loads(neutral), "claude-sonnet-4-5", False, None)
        .body
    )
    assert back["messages"][1:] == talk[1:]
    plain = json.loads(plain_request(neutral))
    assert "secret thought" not in json.dumps(plain)
    assert "thinking" not in json.dumps(plain)
    assert plain["messages"][2]["content"].startswith("Error: ")
    assert plain["messages"][3]["content"][0]["type"] == "image_url"
    usage = {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 90}}
    writer = StreamWriter()
    end = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    out = b"".join(
        writer.feed(sse.write(json.dumps(c).encode())) for c in (end, {"choices": [], "usage": usage})
    )
    out += writer.feed(sse.DONE) + writer.end()
    assert b'"input_tokens":10,' in out
    assert b'"cache_read_input_tokens":90' in out


def test_writing_for_one_provider_leaves_the_request_for_the_next_as_it_was() -> None:
    fields = {"tools": [tool()], "response_format": {"type": "json_object"}, "reasoning_effort": "high"}
    document = {
        "messages": [{"role": "system", "content": "one"}, *HISTORY, {"role": "user", "content": [PNG]}],
        **fields,
    }
    before = json.dumps(document)
    for dialect, model in (*FOREIGN, *reversed(FOREIGN)):
        SERVERS[dialect].write_request(document, model, False, None)
        assert json.dumps(document) == before


# --- answers ----------------------------------------------------------------------------------------------


def test_all_texts_are_the_answer() -> None:
    found = answer("anthropic_messages", message(text("It "), text("rains.")))
    assert found["choices"][0]["message"]["content"] == "It rains."
    found = answer("gemini", candidate({"text": "It "}, {"text": "rains."}))
    assert found["choices"][0]["message"]["content"] == "It rains."


def test_thoughts_are_told() -> None:
    thought = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    for native in (message(thought, text("a")), candidate({"text": "hm", "thought": True}, {"text": "a"})):
        said = answer("gemini" if "candidates" in native else "anthropic_messages", native)["choices"][0][
            "message"
        ]
        assert (said["reasoning_content"], said["content"]) == ("hm", "a")


@streamed
def test_calls_of_a_stream_are_numbered_from_0(dialect: Dialect) -> None:
    found = [
        c["delta"]["tool_calls"][0]
        for c in choices(told(dialect, STREAMS[dialect]))
        if "tool_calls" in c["delta"]
    ]
    assert [call["index"] for call in found if "id" in call] == [0, 1]
    assert len({call["id"] for call in found if "id" in call}) == 2


@streamed
def test_a_call_brings_no_content(dialect: Dialect) -> None:
    deltas = [choice["delta"] for choice in choices(told(dialect, STREAMS[dialect]))]
    assert all("content" not in delta for delta in deltas if "tool_calls" in delta)


@streamed
def test_a_stream_with_calls_ends_because_of_them(dialect: Dialect) -> None:
    ends = [choice["finish_reason"] for choice in choices(told(dialect, STREAMS[dialect]))]
    assert [end for end in ends if end] == ["tool_calls"]


def test_a_refusal_is_no_stop() -> None:
    assert (
        answer("anthropic_messages", message(text("no"), stop="refusal"))["choices"][0]["finish_reason"]
        == "content_filter"
    )
    assert answer("gemini", candidate(reason="SAFETY"))["choices"][0]["finish_reason"] == "content_filter"


def test_counts_add_up_and_thoughts_are_among_them() -> None:
    usage = answer("anthropic_messages", message(cache_read_input_tokens=90, cache_creation_input_tokens=20))[
        "usage"
    ]
    assert (usage["prompt_tokens"], usage["total_tokens"]) == (120, 125)
    counts = {
        "promptTokenCount": 20,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 20,
        "totalTokenCount": 44,
    }
    usage = answer("gemini", candidate({"text": "a"}, usageMetadata=counts))["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (20, 24, 44)


@streamed
def test_usage_comes_once_and_only_if_it_was_asked_for(dialect: Dialect) -> None:
    assert b'"usage"' not in told(dialect, STREAMS[dialect])
    counted = [
        c["usage"] for c in chunks(told(dialect, STREAMS[dialect], COUNTING)) if c != b"[DONE]" and c["usage"]
    ]
    assert [usage["total_tokens"] for usage in counted] == [15]


@streamed
def test_a_good_stream_ends_with_done(dialect: Dialect) -> None:
    assert told(dialect, STREAMS[dialect]).endswith(sse.DONE)


def test_a_blocked_prompt_is_an_answer_that_was_filtered() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}}
    (choice,) = answer("gemini", blocked)["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", "")
    found = choices(told("gemini", geminis(blocked)))
    assert [choice["finish_reason"] for choice in found] == [None, "content_filter"]


def test_an_unknown_reason_to_stop_is_a_stop_that_keeps_its_name() -> None:
    for native in (message(text("a"), stop="tired"), candidate({"text": "a"}, reason="tired")):
        found = answer("gemini" if "candidates" in native else "anthropic_messages", native)["choices"][0]
        assert (found["finish_reason"], found["native_finish_reason"]) == ("stop", "tired")


# --- errors and streams -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "seen"), [(403, 403), (413, 413), (529, 503), (404, 404), (429, 429), (500, 500)]
)
@both
def test_a_status_stays_what_it_means(dialect: Dialect, model: str, status: int, seen: int) -> None:
    assert SERVERS[dialect].read_error(status, b"")[0] == seen, model


@pytest.mark.parametrize(
    "status", [400, 401, 402, 403, 404, 409, 413, 418, 422, 429, 499, 500, 502, 503, 504, 529]
)
def test_a_client_of_anthropics_reads_its_own_types(status: int) -> None:
    known = {
        *(
            "invalid_request_error",
            "authentication_error",
            "billing_error",
            "permission_error",
            "not_found_error",
        ),
        *("request_too_large", "rate_limit_error", "timeout_error", "api_error", "overloaded_error"),
    }
    for code in ("overloaded", "context_length_exceeded", None):
        body = json.dumps(
            {"error": {"message": "no", "type": "internal_server_error", "code": code}}
        ).encode()
        assert json.loads(write_error(status, body))["error"]["type"] in known


@both
def test_errors_name_no_class_no_provider_json_and_no_other_model(dialect: Dialect, model: str) -> None:
    said = {
        "error": {"message": "AnthropicException - Fallbacks=[gpt-4o]", "type": "x", "status": "y", "code": 7}
    }
    for status in (401, 402, 403, 404, 409, 429, 500, 502, 503, 504, 529):
        _, body = SERVERS[dialect].read_error(status, json.dumps(said).encode())
        error = json.loads(body)["error"]
        assert "Exception" not in error["message"]
        assert "gpt-4o" not in error["message"]
        assert model not in error["message"]
        assert error["code"] is None or isinstance(error["code"], str)


@streamed
def test_an_error_in_a_stream_is_its_last_word(dialect: Dialect) -> None:
    out = told(dialect, HALVES[dialect] + FAULTS[dialect])
    assert "error" in chunks(out)[-1]
    assert b"[DONE]" not in out
    assert not [choice for choice in choices(out) if choice["finish_reason"]]


@streamed
def test_a_stream_that_was_cut_does_not_end_well(dialect: Dialect) -> None:
    for cut in range(1, len(STREAMS[dialect]) - 40, 7):
        out = told(dialect, STREAMS[dialect][:cut])
        assert "error" in chunks(out)[-1], cut
        assert b"[DONE]" not in out


@streamed
def test_a_line_that_cannot_be_read_is_an_error_and_not_passed_over(dialect: Dialect) -> None:
    good = STREAMS[dialect]
    out = told(dialect, HALVES[dialect] + b'data: {"broken\n\n' + good)
    assert "error" in chunks(out)[-1]
    assert b"[DONE]" not in out
    assert len(choices(out)) == len(choices(told(dialect, HALVES[dialect])))


@streamed
def test_comments_and_cuts_inside_an_event_mean_nothing(dialect: Dialect) -> None:
    stream = STREAMS[dialect]
    commented = b": OPENROUTER PROCESSING\n\n" + stream.replace(b"\n\n", b"\n\n: ping\n\n")
    assert told(dialect, commented) == told(dialect, stream)
    part = SERVERS[dialect].stream(REPLY)
    assert b"".join(part.feed(stream[n : n + 1]) for n in range(len(stream))) + part.end() == told(
        dialect, stream
    )


@streamed
def test_text_goes_out_with_the_event_that_brought_it(dialect: Dialect) -> None:
    assert b"Let me look." in SERVERS[dialect].stream(REPLY).feed(HALVES[dialect])


def test_a_long_event_in_single_bytes_is_read_once() -> None:
    """Were it joined anew with each byte, gigabytes would be copied."""
    event = geminis(candidate({"text": "x" * 200_000}))
    part = SERVERS["gemini"].stream(REPLY)
    out = b"".join(part.feed(event[n : n + 1]) for n in range(len(event))) + part.end()
    assert out.endswith(sse.DONE)


def test_every_dependency_that_runs_has_one_version_and_its_hash() -> None:
    lines = (ROOT / "requirements/base.lock").read_text().splitlines()
    named = [line for line in lines if re.match(r"[a-zA-Z]", line)]
    assert named
    assert all(re.match(r"[\w.\[\]-]+==\S+", line) and line.endswith("\\") for line in named)


# --- the note ---------------------------------------------------------------------------------------------


def test_every_test_of_the_note_exists() -> None:
    named = re.findall(r"(?:`(tests/[\w/]+\.py)`|`)::(test_\w+)", NOTE.read_text())
    assert len(named) > 40
    for path, name in named:
        source = (ROOT / path if path else Path(__file__)).read_text()
        assert f"def {name}(" in source, f"{path}::{name}"


def test_the_note_names_every_test_here() -> None:
    named = set(re.findall(r"::(test_\w+)", NOTE.read_text()))
    here = set(re.findall(r"^def (test_\w+)\(", Path(__file__).read_text(), re.MULTILINE))
    assert {
        name for name in here - named if not name.endswith(("_of_the_note_exists", "_every_test_here"))
    } == set()
