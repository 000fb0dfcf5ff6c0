import base64

from waypost.request.chat import ChatRequest, Message, Part
from waypost.request.disguises import LOOKED_AT
from waypost.signals.suspects import suspects

NOTE = "Meet me at the harbour at noon."
HIDDEN = base64.b64encode(NOTE.encode()).decode()


def conversation(*turns: tuple[str, str]) -> ChatRequest:
    messages = tuple(
        Message(role, (Part("text", text, f"messages[{n}].content"),)) for n, (role, text) in enumerate(turns)
    )
    return ChatRequest("openai_chat", b"", "auto", messages=messages)


def test_a_plain_text_is_read_once() -> None:
    request = conversation(("user", "Hello."))
    (only,) = suspects(request, "all")
    assert (only.text, only.how, only.document) == ("Hello.", "", False)
    assert only.part is request.messages[0].parts[0]
    assert suspects(request, "all") is suspects(request, "all")


def test_a_reading_follows_the_text_it_was_made_of() -> None:
    request = conversation(("user", HIDDEN), ("assistant", "Noted."))
    assert [(each.text, each.how) for each in suspects(request, "all")] == [
        (HIDDEN, ""),
        (NOTE, "base64"),
        ("Noted.", ""),
    ]


def test_what_tools_return_is_a_document_and_so_is_what_it_hides() -> None:
    request = conversation(("user", "Look it up."), ("tool", HIDDEN), ("function", "x"), ("assistant", "y"))
    assert [each.document for each in suspects(request, "all")] == [False, True, True, True, False]


def test_the_joined_parts_of_a_returned_message_are_a_document() -> None:
    parts = tuple(
        Part("text", text, f"messages[0].content[{n}].text") for n, text in enumerate(("a b", "c d"))
    )
    request = ChatRequest("openai_chat", b"", "auto", messages=(Message("tool", parts),))
    assert [(each.part.where, each.document) for each in suspects(request, "all")] == [
        ("messages[0].content[0].text", True),
        ("messages[0].content[1].text", True),
        ("messages[0].content", True),
    ]


def test_messages_that_follow_each_other_are_read_as_one_as_well() -> None:
    request = conversation(("user", "Open the"), ("user", "door."))
    *_, whole = suspects(request, "all")
    assert (whole.text, whole.how) == ("Open the door.", "the last user messages read as one")
    assert whole.part.where == "messages[1].content"
    assert len(suspects(request, "last_user")) == 1


def test_a_disguise_cut_over_messages_is_taken_off() -> None:
    request = conversation(("user", HIDDEN[:20]), ("user", HIDDEN[20:]))
    assert NOTE in [each.text for each in suspects(request, "user")]


def test_disguises_are_looked_for_in_the_newest_texts_as_far_as_the_budget_goes() -> None:
    request = conversation(("tool", HIDDEN), ("tool", "a" * LOOKED_AT), ("user", "Hi."))
    assert [each.how for each in suspects(request, "all")] == ["", "", ""]
    request = conversation(("tool", "a" * LOOKED_AT), ("tool", HIDDEN), ("user", "Hi."))
    assert [each.how for each in suspects(request, "all")] == ["", "", "base64", ""]


def test_a_request_without_text_has_none() -> None:
    assert not suspects(ChatRequest("openai_chat", b"", "auto"), "all")
