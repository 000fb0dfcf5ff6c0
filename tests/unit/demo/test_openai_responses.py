"""Responses of the demo's OpenAI, judged by the official SDK."""

import json
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from tests.unit.demo.calls import CLOUD, error, post

MODEL = "general-large"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"type": "function", "name": name, "parameters": PARAMETERS} for name in ("weather", "clock")]


def test_a_text_is_answered(sdks: SimpleNamespace) -> None:
    answer = sdks.cloud.responses.create(model=MODEL, input="Why?", instructions="Be kind.", store=False)
    assert answer.output_text.startswith("general-large at the demo provider 'cloud' read 13")
    assert (answer.status, answer.store, answer.instructions) == ("completed", False, "Be kind.")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_a_stream_is_the_answer_in_steps(sdks: SimpleNamespace) -> None:
    with sdks.cloud.responses.stream(model=MODEL, input="Why?", reasoning={"effort": "low"}) as stream:
        events = list(stream)
        answer = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == answer.output_text
    assert answer.usage.output_tokens_details.reasoning_tokens > 0


def test_tools_are_called_and_their_results_read(sdks: SimpleNamespace) -> None:
    asked: Any = {
        "model": MODEL,
        "input": [{"role": "user", "content": "Call weather and clock."}],
        "tools": TOOLS,
    }
    answer = sdks.cloud.responses.create(**asked)
    assert [(item.name, item.arguments) for item in answer.output] == [
        ("weather", '{"city":"demo"}'),
        ("clock", '{"city":"demo"}'),
    ]
    with sdks.cloud.responses.stream(**asked) as stream:
        streamed = stream.get_final_response()
    assert [item.name for item in streamed.output] == ["weather", "clock"]
    results = [
        {"type": "function_call_output", "call_id": item.call_id, "output": "x"} for item in answer.output
    ]
    items = [*asked["input"], *(item.model_dump(exclude_none=True) for item in answer.output), *results]
    again = sdks.cloud.responses.create(model=MODEL, input=items, tools=TOOLS)
    assert again.output_text.endswith("and answers.")
    chosen = sdks.cloud.responses.create(**asked, tool_choice={"type": "function", "name": "clock"})
    assert [item.name for item in chosen.output] == ["clock"]


def test_json_and_what_is_not_complete(sdks: SimpleNamespace) -> None:
    wanted: Any = {"format": {"type": "json_schema", "name": "a", "schema": PARAMETERS}}
    answer = sdks.cloud.responses.create(model=MODEL, input="Why?", text=wanted)
    assert json.loads(answer.output_text) == {"city": "demo"}
    short = sdks.cloud.responses.create(model=MODEL, input="Why?", max_output_tokens=16)
    assert (short.status, short.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    refused = sdks.cloud.responses.create(model=MODEL, input="[[fault refusal]]")
    assert refused.incomplete_details.reason == "content_filter"


def test_an_error_in_a_stream_is_its_last_event(sdks: SimpleNamespace) -> None:
    events = list(sdks.cloud.responses.create(model=MODEL, input="[[fault error]]", stream=True))
    assert [event.type for event in events].index("error") == len(events) - 1 == events[-1].sequence_number
    with pytest.raises(openai.InternalServerError):
        sdks.cloud.responses.create(model=MODEL, input="[[fault 503]]", stream=True)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": []}, "input"),
        ({"messages": []}, "messages"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"max_output_tokens": 15}, "max_output_tokens"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools.0.name"),
        ({"tools": TOOLS, "tool_choice": {"type": "function", "name": "x"}}, "tool_choice"),
        (
            {"input": [{"role": "user", "content": [{"type": "output_text", "text": "x"}]}]},
            "input[0].content",
        ),
        (
            {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]},
            "input[0].content",
        ),
        ({"input": [{"role": "user"}]}, "input[0]"),
        ({"input": [{"type": "function_call_output", "call_id": "a", "output": "x"}]}, "input"),
        ({"input": [{"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}]}, "input"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input.0.type"),
    ],
)
def test_what_is_rejected(fields: dict[str, Any], param: str) -> None:
    assert error(post(CLOUD, "/v1/responses", {"model": MODEL, "input": "x", **fields})) == (400, param)
