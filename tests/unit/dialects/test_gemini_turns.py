"""Conversations as turns: who speaks, what is called, which result belongs to which call."""

import json
from typing import Any

import pytest

from waypost.dialects import digits
from waypost.dialects.foreign import Notes
from waypost.dialects.gemini_turns import DUMMY, Conversation
from waypost.dialects.signatures import hide
from waypost.errors import RequestError

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD", "detail": "low"}}
INLINE = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
USER = {"role": "user", "content": "hi"}


def talk(*messages: Any, signed: bool = False) -> Conversation:
    found = Conversation(Notes(strict=True), is_signed=signed)
    found.read(messages)
    return found


def plain(part: Any) -> Any:
    """A part as it is sent."""
    return json.loads(digits.dumps(part))


def turns(*messages: Any, signed: bool = False) -> list[tuple[str, list[Any]]]:
    found = talk(*messages, signed=signed).turns
    return [(role, [plain(part) for part in parts]) for role, parts in found]


def call(ident: str, name: str = "f", arguments: Any = "{}", **more: Any) -> dict[str, Any]:
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def calls(*found: dict[str, Any], content: Any = None) -> dict[str, Any]:
    return {"role": "assistant", "content": content, "tool_calls": list(found)}


def result(ident: str, content: Any = "ok", **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": ident, "content": content, **more}


def refused(*messages: Any) -> str | None:
    with pytest.raises(RequestError) as caught:
        talk(*messages)
    assert caught.value.status == 400
    return caught.value.param


def test_roles_and_texts() -> None:
    found = turns(
        USER,
        {"role": "assistant", "content": "hello"},
        {"role": "user", "content": [{"type": "text", "text": "look"}, IMAGE, "and"]},
    )
    assert found == [
        ("user", [{"text": "hi"}]),
        ("model", [{"text": "hello"}]),
        ("user", [{"text": "look"}, INLINE, {"text": "and"}]),
    ]


def test_system_and_developer_messages_anywhere_become_the_instruction_in_order() -> None:
    found = talk(
        {"role": "system", "content": "one"},
        USER,
        {"role": "developer", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": ""}]},
        {"role": "user", "content": "more"},
        {"role": "system", "content": "three"},
    )
    assert [plain(part)["text"] for part in found.system] == ["one", "two", "three"]
    assert [(role, len(parts)) for role, parts in found.turns] == [("user", 2)]


def test_empty_texts_are_left_out_and_nothing_is_put_in_their_place() -> None:
    assistant = {"role": "assistant", "content": ""}
    assert turns({"role": "user", "content": ""}, USER, assistant, {"role": "user", "content": None}) == [
        ("user", [{"text": "hi"}])
    ]


@pytest.mark.parametrize(
    "messages", [[], [{"role": "system", "content": "be kind"}], [{"role": "user", "content": ""}]]
)
def test_without_a_turn_there_is_nothing_to_send(messages: list[Any]) -> None:
    assert refused(*messages) == "messages"


def test_only_system_messages_are_named_as_the_reason() -> None:
    with pytest.raises(RequestError, match="only system messages"):
        talk({"role": "system", "content": "be kind"})


def test_neighbours_of_one_role_are_merged() -> None:
    assistant = {"role": "assistant", "content": "a"}
    assert turns(USER, USER, assistant, assistant) == [
        ("user", [{"text": "hi"}, {"text": "hi"}]),
        ("model", [{"text": "a"}, {"text": "a"}]),
    ]


def test_parallel_calls_and_their_results_in_the_order_of_the_calls() -> None:
    found = turns(
        USER,
        calls(call("a", "f", '{"x": 1}'), call("b", "g", ""), content="wait"),
        result("b", '{"t": 1.10}'),
        result("a", "sunny"),
        {"role": "user", "content": "and?"},
    )
    assert found[1:] == [
        (
            "model",
            [
                {"text": "wait"},
                {"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}},
                {"functionCall": {"id": "b", "name": "g", "args": {}}},
            ],
        ),
        (
            "user",
            [
                {"functionResponse": {"id": "a", "name": "f", "response": {"output": "sunny"}}},
                {"functionResponse": {"id": "b", "name": "g", "response": {"t": 1.1}}},
                {"text": "and?"},
            ],
        ),
    ]


def test_arguments_and_results_keep_their_digits() -> None:
    text = '{"a": 1.10, "b": 12345678901234567890123, "c": 1e400, "d": "\\u00e9\ud800"}'
    found = talk(USER, calls(call("a", "f", text)), result("a", text)).turns
    assert text in digits.dumps(found[1][1][0])
    assert text in digits.dumps(found[2][1][0])


@pytest.mark.parametrize("text", ["[1]", "plain", "3", '{"a": NaN}', '{"a":', "{" * 5000, "", '"x"'])
def test_a_result_that_is_no_object_becomes_one(text: str) -> None:
    (_, _, (_, (part,))) = turns(USER, calls(call("a")), result("a", text))
    assert part["functionResponse"]["response"] == {"output": text}


def test_a_failed_tool_says_so() -> None:
    (_, _, (_, (part,))) = turns(USER, calls(call("a")), result("a", '{"a": 1}', is_error=True))
    assert part["functionResponse"]["response"] == {"error": '{"a": 1}'}


def test_pictures_in_results_come_behind_all_results() -> None:
    content = [{"type": "text", "text": "see"}, IMAGE, {"type": "text", "text": "this"}]
    found = talk(USER, calls(call("a"), call("b")), result("a", content), result("b", None))
    parts = [plain(part) for part in found.turns[2][1]]
    assert [part.get("functionResponse", {}).get("response") for part in parts] == [
        {"output": "see\nthis"},
        {"output": ""},
        None,
    ]
    assert parts[2] == INLINE
    assert found.detail == 1


def test_a_system_message_between_results_does_not_part_them() -> None:
    system = {"role": "system", "content": "be kind"}
    assert len(turns(USER, calls(call("a"), call("b")), result("a"), system, result("b"))[2][1]) == 2


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([USER, calls(call("a"))], "messages[1].tool_calls"),
        ([USER, calls(call("a"), call("b")), result("a"), USER], "messages[1].tool_calls"),
        ([USER, result("a")], "messages[1].tool_call_id"),
        ([USER, calls(call("a")), result("b")], "messages[2].tool_call_id"),
        ([USER, calls(call("a")), result("a"), result("a")], "messages[3].tool_call_id"),
        ([USER, calls(call("a")), result("a"), USER, result("a")], "messages[4].tool_call_id"),
        ([USER, calls(call("a"), call("a"))], "messages[1].tool_calls[1].id"),
        ([USER, calls(call("a", arguments="{"))], "messages[1].tool_calls[0].function.arguments"),
        ([USER, calls(call("a", arguments="[]"))], "messages[1].tool_calls[0].function.arguments"),
        ([USER, calls(call("a", arguments='{"a":NaN}'))], "messages[1].tool_calls[0].function.arguments"),
        ([USER, calls(call("a", arguments={"a": 1}))], "messages[1].tool_calls[0].function.arguments"),
        ([USER, calls(call("", "f"))], "messages[1].tool_calls[0]"),
        ([USER, calls(call("a", ""))], "messages[1].tool_calls[0]"),
        ([USER, {"role": "assistant", "tool_calls": "x"}], "messages[1].tool_calls"),
        ([USER, {"role": "assistant", "tool_calls": [3]}], "messages[1].tool_calls[0]"),
        ([USER, {"role": "assistant", "function_call": {}}], "messages[1].function_call"),
        ([USER, {"role": "assistant", "content": [IMAGE]}], "messages[1].content[0]"),
        ([{"role": "system", "content": [IMAGE]}, USER], "messages[0].content[0]"),
        ([{"role": "function", "content": "x"}], "messages[0].role"),
        ([{"content": "x"}], "messages[0].role"),
        (["hi"], "messages[0]"),
        ([{"role": "user", "content": 3}], "messages[0].content"),
        ([{"role": "user", "content": [{"type": "hologram"}]}], "messages[0].content[0]"),
        ([{"role": "user", "content": [{"text": "x"}]}], "messages[0].content[0]"),
        ([{"role": "user", "content": [{"type": "text", "text": 3}]}], "messages[0].content[0]"),
    ],
)
def test_what_is_refused_is_named(messages: list[Any], param: str) -> None:
    assert refused(*messages) == param


def test_a_signature_comes_back_from_the_id_and_the_id_is_plain_again() -> None:
    ident = hide("a", "U0lH+/==")
    (_, (_, (part,)), (_, (answer,))) = turns(USER, calls(call(ident)), result(ident), signed=True)
    assert part == {"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": "U0lH+/=="}
    assert answer["functionResponse"]["id"] == "a"


def test_a_signature_comes_back_from_the_field_of_google() -> None:
    extra = {"google": {"thought_signature": "U0lH"}}
    (_, (_, parts), _) = turns(USER, calls(call("a", extra_content=extra)), result("a"), signed=True)
    assert parts[0]["thoughtSignature"] == "U0lH"


def test_only_the_first_call_of_another_model_gets_a_stand_in() -> None:
    history = [USER, calls(call("a"), call("b")), result("a"), result("b"), calls(call("c")), result("c")]
    found = turns(*history, signed=True)
    assert [[part.get("thoughtSignature") for part in parts] for role, parts in found if role == "model"] == [
        [DUMMY, None],
        [DUMMY],
    ]
    assert "thoughtSignature" not in json.dumps(turns(*history))


def test_a_signature_that_was_damaged_is_replaced() -> None:
    ident = hide("a", "U0lHU0lH")[:-2]
    (_, (_, parts), _) = turns(USER, calls(call(ident)), result(ident), signed=True)
    assert parts[0]["thoughtSignature"] == DUMMY
    extra = {"google": {"thought_signature": "not base64!"}}
    (_, (_, parts), _) = turns(USER, calls(call("a", extra_content=extra)), result("a"), signed=True)
    assert parts[0]["thoughtSignature"] == DUMMY


def test_a_signature_of_a_text_goes_to_its_last_part() -> None:
    extra = {"google": {"thought_signature": "U0lH"}}
    said = {"role": "assistant", "content": ["a", "b"], "extra_content": extra}
    (_, (_, parts)) = turns(USER, said)
    assert parts == [{"text": "a"}, {"text": "b", "thoughtSignature": "U0lH"}]


def test_thoughts_of_earlier_turns_are_not_sent() -> None:
    said = {
        "role": "assistant",
        "content": "a",
        "reasoning_content": "secret",
        "thinking_blocks": [{"type": "thinking", "thinking": "secret", "signature": "x"}],
    }
    assert turns(USER, said)[1] == ("model", [{"text": "a"}])


def test_a_refusal_is_what_the_model_said() -> None:
    assert turns(USER, {"role": "assistant", "content": None, "refusal": "no"})[1] == (
        "model",
        [{"text": "no"}],
    )


def test_names_of_speakers_are_noted() -> None:
    notes = Notes(strict=False)
    Conversation(notes, is_signed=False).read([{**USER, "name": "Eve"}])
    assert notes.all() == ("messages[0].name: not sent, this provider has no names of speakers",)
