"""Items grow: their events in order, and what they are at the end."""

from typing import Any

from waypost.dialects.openai_responses_output import Call, Event, Message, Place, Thought
from waypost.dialects.thoughts import unseal

PLACE = Place(2, "x_2")
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}


def names(events: list[Event]) -> list[str]:
    assert all(members["output_index"] == 2 for _, members in events)
    assert all(
        members.get("item_id", "x_2") == "x_2" and members.get("item", {}).get("id", "x_2") == "x_2"
        for _, members in events
    )
    return [kind.removeprefix("response.") for kind, _ in events]


def text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": []}


def test_a_message() -> None:
    message = Message(PLACE)
    assert names(message.begin()) == ["output_item.added"]
    assert names(message.say("output_text", "a")) == ["content_part.added", "output_text.delta"]
    assert names(message.say("output_text", "b")) == ["output_text.delta"]
    refused = message.say("refusal", "no")
    assert names(refused) == ["output_text.done", "content_part.done", "content_part.added", "refusal.delta"]
    assert [members["content_index"] for _, members in refused] == [0, 0, 1, 1]
    ended = message.end("incomplete")
    assert names(ended) == ["refusal.done", "content_part.done", "output_item.done"]
    assert ended[-1][1]["item"] == {
        "id": "x_2",
        "type": "message",
        "status": "incomplete",
        "role": "assistant",
        "content": [text("ab"), {"type": "refusal", "refusal": "no"}],
    }


def test_a_message_of_nothing() -> None:
    message = Message(PLACE)
    assert message.begin()[0][1]["item"]["content"] == []
    assert names(message.end("completed")) == ["output_item.done"]


def test_a_thought() -> None:
    thought = Thought(PLACE)
    assert names(thought.begin()) == ["output_item.added"]
    assert names(thought.say("h")) == ["reasoning_summary_part.added", "reasoning_summary_text.delta"]
    assert names(thought.say("m")) == ["reasoning_summary_text.delta"]
    thought.sign([SIGNED])
    ended = thought.end("completed")
    assert names(ended) == [
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
    ]
    item = ended[-1][1]["item"]
    assert item["summary"] == [{"type": "summary_text", "text": "hm"}]
    assert unseal(item["encrypted_content"]) == [SIGNED]


def test_a_thought_that_is_not_told() -> None:
    thought = Thought(PLACE)
    thought.sign([SIGNED])
    assert names(thought.end("completed")) == ["output_item.done"]
    assert thought.item("completed")["summary"] == []


def test_a_call() -> None:
    call = Call(PLACE, "call_1", "f")
    assert names(call.begin()) == ["output_item.added"]
    assert names(call.say('{"a"')) == names(call.say(":1}")) == ["function_call_arguments.delta"]
    ended = call.end("completed")
    assert names(ended) == ["function_call_arguments.done", "output_item.done"]
    assert ended[0][1]["arguments"] == '{"a":1}'
    assert ended[1][1]["item"] == {
        "id": "x_2",
        "type": "function_call",
        "status": "completed",
        "call_id": "call_1",
        "name": "f",
        "arguments": '{"a":1}',
    }


def test_a_call_that_gives_nothing_gives_an_empty_object_unless_it_was_cut() -> None:
    call = Call(PLACE, "call_1", "f")
    assert names(call.end("completed")) == [
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert call.item("completed")["arguments"] == "{}"
    call = Call(PLACE, "call_1", "f")
    assert call.end("incomplete")[-1][1]["item"]["arguments"] == ""
