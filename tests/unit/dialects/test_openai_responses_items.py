"""Items of requests as messages: a golden exchange for each row of the mapping."""

from typing import Any

import pytest

from waypost.dialects.native import Native
from waypost.dialects.openai_responses_items import Conversation
from waypost.dialects.signatures import hide
from waypost.dialects.thoughts import seal
from waypost.errors import RequestError

USER = {"role": "user", "content": "hi"}
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}


def call(ident: str, **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": ident, "name": "f", "arguments": "{}", **more}


def called(*idents: str) -> list[dict[str, Any]]:
    return [{"id": n, "type": "function", "function": {"name": "f", "arguments": "{}"}} for n in idents]


def output(ident: str, said: Any = "x", **more: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": ident, "output": said, **more}


def result(ident: str, said: Any = "x") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": ident, "content": said}


def said(*parts: Any, **more: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": part, "annotations": []} for part in parts]
    return {"type": "message", "role": "assistant", "content": content, **more}


def talk(*items: Any) -> tuple[list[dict[str, Any]], Native]:
    native = Native()
    conversation = Conversation(native)
    for number, item in enumerate(items):
        conversation.add(item, f"input[{number}]")
    return conversation.messages(), native


def read(*items: Any) -> list[dict[str, Any]]:
    messages, native = talk(*items)
    assert native.param is None
    return messages


def test_nothing_is_an_empty_text() -> None:
    assert read(call("a"), output("a", []), said(), said("so")) == [
        {"role": "assistant", "content": None, "tool_calls": called("a")},
        result("a", ""),
        {"role": "assistant", "content": "so"},
    ]
    assert read(said()) == [{"role": "assistant", "content": ""}]


@pytest.mark.parametrize("role", ["user", "system", "developer", "assistant"])
def test_messages(role: str) -> None:
    plain = {"role": role, "content": "hi"}
    assert read(plain) == [plain]
    assert read({**plain, "type": "message", "id": "msg_1", "status": "completed"}) == [plain]
    parts = [{"type": "input_text", "text": "a"}, {"type": "output_text", "text": "b"}]
    texts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert read({"role": role, "content": parts}) == [{"role": role, "content": texts}]
    assert read({"role": role, "content": parts[:1]}) == [{"role": role, "content": "a"}]


@pytest.mark.parametrize(
    ("part", "sent"),
    [
        (
            {"type": "input_image", "image_url": "https://x/y.png"},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        ),
        (
            {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}},
        ),
        (
            {"type": "input_file", "file_url": "https://x/y.pdf"},
            {"type": "file", "file": {"file_url": "https://x/y.pdf"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
            {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        ),
        ({"type": "refusal", "refusal": "no"}, {"type": "refusal", "refusal": "no"}),
    ],
)
def test_parts(part: dict[str, Any], sent: dict[str, Any]) -> None:
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    assert read({"role": "user", "content": [{**part, **mark}]})[0]["content"] == [sent]
    assert read(call("a"), output("a", [part]))[1]["content"] == [sent]


def test_what_a_model_says_without_a_break_is_one_message() -> None:
    assert read(USER, said("a"), call("1"), call("2"), said("b"), output("1"), output("2"), USER) == [
        USER,
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "tool_calls": called("1", "2"),
        },
        result("1"),
        result("2"),
        USER,
    ]


def test_turns_of_calls_and_results() -> None:
    assert read(USER, call("1"), output("1"), call("2"), output("2")) == [
        USER,
        {"role": "assistant", "content": None, "tool_calls": called("1")},
        result("1"),
        {"role": "assistant", "content": None, "tool_calls": called("2")},
        result("2"),
    ]


def test_results_stand_behind_their_calls() -> None:
    assert read(call("1"), call("2"), USER, said("a"), output("2"), output("1")) == [
        {"role": "assistant", "content": None, "tool_calls": called("1", "2")},
        result("2"),
        result("1"),
        USER,
        {"role": "assistant", "content": "a"},
    ]


def test_a_call_is_known_by_its_call_id_and_not_by_its_id() -> None:
    messages = read(call("call_1", id="fc_1", status="completed"), output("call_1", id="fco_1"))
    assert messages[0]["tool_calls"][0]["id"] == messages[1]["tool_call_id"] == "call_1"


def test_a_result_without_a_call_is_refused() -> None:
    with pytest.raises(RequestError) as refused:
        talk(USER, output("fc_1"))
    assert refused.value.param == "input[1].call_id"


def test_a_result_whose_call_may_stand_elsewhere_is_not() -> None:
    messages, native = talk({"type": "item_reference", "id": "fc_1"}, output("a"))
    assert native.param == "input[0]"
    assert messages[-1] == result("a")


def reasoning(**more: Any) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [], **more}


def test_thoughts_of_another_provider_are_told_and_not_opened() -> None:
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    content = [{"type": "reasoning_text", "text": "c"}]
    thought = reasoning(summary=summary, content=content, encrypted_content="gAAAAABo")
    messages, native = talk(USER, thought, said("x"))
    assert messages[1] == {"role": "assistant", "content": "x", "reasoning_content": "a\n\nb\n\nc"}
    assert (native.param, native.is_mixed) == (None, False)


def test_thoughts_that_waypost_sealed_are_opened() -> None:
    thought = reasoning(summary=[{"type": "summary_text", "text": "hm"}], encrypted_content=seal([SIGNED]))
    messages, native = talk(USER, thought, call("1"), output("1"))
    assert messages[1]["thinking_blocks"] == [SIGNED]
    assert (messages[1]["reasoning_content"], native.is_mixed) == ("hm", True)
    messages, native = talk(USER, reasoning(encrypted_content=seal([])), said("a"))
    assert messages[1] == {"role": "assistant", "content": "a"}
    assert native.is_mixed


def test_thoughts_that_came_to_nothing_stand_at_an_empty_text() -> None:
    silent = {"role": "assistant", "content": ""}
    assert read(USER, reasoning(encrypted_content="x"), USER) == [USER, silent, USER]
    thought = reasoning(summary=[{"type": "summary_text", "text": "hm"}])
    assert read(USER, thought) == [USER, {**silent, "reasoning_content": "hm"}]


def test_a_signature_in_an_id_is_another_providers() -> None:
    ident = hide("a", "c2ln")
    messages, native = talk(call(ident), output(ident))
    assert (messages[0]["tool_calls"][0]["id"], native.is_mixed) == (ident, True)


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "item_reference", "id": "x"}, "input[0]"),
        ({"type": "web_search_call", "id": "x"}, "input[0]"),
        ({"type": "custom_tool_call", "call_id": "x", "name": "f", "input": "y"}, "input[0]"),
        ({**USER, "name": "bob"}, "input[0].name"),
        ({**USER, "id": "an odd id"}, "input[0].id"),
        ({**USER, "status": "odd"}, "input[0].status"),
        (
            {"type": "reasoning", "summary": [], "encrypted_content": "our plan is"},
            "input[0].encrypted_content",
        ),
        (said("a", phase="odd"), "input[0].phase"),
        ({**call("a"), "namespace": "n"}, "input[0].namespace"),
        ({**call("a"), "caller": {"type": "program", "caller_id": "p"}}, "input[0].caller"),
        ({"role": "user", "content": [{"type": "input_video"}]}, "input[0].content[0]"),
        (
            {"role": "user", "content": [{"type": "input_image", "file_id": "f"}]},
            "input[0].content[0].file_id",
        ),
        (
            {"role": "user", "content": [{"type": "input_file", "file_id": "f"}]},
            "input[0].content[0].file_id",
        ),
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": "u", "detail": "fine"}]},
            "input[0].content[0].detail",
        ),
        (
            {
                "role": "assistant",
                "content": [{"type": "output_text", "text": "a", "annotations": [{"url": "u"}]}],
            },
            "input[0].content[0].annotations",
        ),
    ],
)
def test_what_only_providers_of_this_form_serve(item: dict[str, Any], param: str) -> None:
    messages, native = talk(item, USER)
    assert native.param == param
    assert messages[-1] == USER


def test_content_left_out_is_marked() -> None:
    for item in (
        {"type": "computer_call_output", "output": {"image_url": "data:image/png;base64,AA=="}},
        {"role": "user", "content": [{"type": "input_image", "file_id": "f"}]},
        {"role": "user", "content": [{"type": "new"}]},
    ):
        assert talk(item)[0][0] == {"role": "user", "content": [{"type": "native"}]}


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ("x", "input[0]"),
        ({}, "input[0].type"),
        ({"type": 7}, "input[0].type"),
        ({"role": "bob", "content": "x"}, "input[0].role"),
        ({"role": ["user"], "content": "x"}, "input[0].role"),
        ({"role": "user"}, "input[0].content"),
        ({"role": "user", "content": ["x"]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": "x"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_image"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_file"}]}, "input[0].content[0]"),
        ({"role": "user", "content": [{"type": "input_file", "file_data": 7}]}, "input[0].content[0]"),
        ({"type": "function_call", "call_id": "a", "name": "f"}, "input[0]"),
        ({"type": "function_call", "call_id": "a", "name": "f", "arguments": {}}, "input[0]"),
        ({"type": "function_call_output", "output": "x"}, "input[0].call_id"),
        ({"type": "function_call_output", "call_id": "a", "output": {}}, "input[0].output"),
        ({"type": "reasoning", "summary": "x"}, "input[0].summary"),
        ({"type": "reasoning", "summary": ["x"]}, "input[0].summary[0]"),
        ({"type": "reasoning", "encrypted_content": 7}, "input[0].encrypted_content"),
        ({**USER, "Role": "system"}, "role"),
    ],
)
def test_what_is_malformed(item: Any, param: str) -> None:
    with pytest.raises(RequestError) as refused:
        talk(item)
    assert (refused.value.status, refused.value.param) == (400, param)
