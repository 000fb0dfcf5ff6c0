"""What a request is about: the human's words, in front of an excerpt, behind the turn they lean on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.request.ask import EARLIER, EXCERPT, focus, read_turn
from waypost.request.chat import ChatRequest, Message, Part

REMINDER = "<system-reminder>\nThe list is empty.\n</system-reminder>"
PASSAGE = "The tenant shall give notice in writing. " * 20


def chat(*turns: str | tuple[str, str]) -> ChatRequest:
    """User turns, and (role, text) for others."""
    pairs = [("user", turn) if isinstance(turn, str) else turn for turn in turns]
    messages = tuple(
        Message(role, (Part("text", text, f"messages[{n}].content"),)) for n, (role, text) in enumerate(pairs)
    )
    return ChatRequest("openai_chat", b"", "auto", messages=messages)


@pytest.mark.parametrize(
    ("turns", "about"),
    [
        ((), ""),
        (("",), ""),
        (("why?",), "why?"),
        (("What is osmosis?",), "What is osmosis?"),
        (("What is osmosis?", "and in French?"), "What is osmosis?\nand in French?"),
        (("What is osmosis?", "shorter", "and in French?"), "What is osmosis?\nand in French?"),
        (("What is osmosis?", "Can I be fired on sick leave?"), "Can I be fired on sick leave?"),
        (("hi", "why?"), "hi\nwhy?"),
        (("What is osmosis?", ""), "What is osmosis?"),
        (("What is osmosis?", REMINDER), "What is osmosis?"),
        (("What is osmosis?", f"{REMINDER}\nwhy?"), "What is osmosis?\nwhy?"),
        ((f"{REMINDER}\nWhat is osmosis?", "why?"), "What is osmosis?\nwhy?"),
        ((REMINDER,), REMINDER),
    ],
)
def test_the_last_turn_alone_or_behind_the_one_it_leans_on(turns: tuple[str, ...], about: str) -> None:
    assert focus(chat(*turns)) == about


def test_only_users_ask() -> None:
    request = chat(("system", "Be brief."), "What is osmosis?", ("assistant", "Water."), ("tool", "42"))
    assert focus(request) == "What is osmosis?"


def test_parts_of_a_turn_are_read_together_and_second_readings_are_not() -> None:
    parts = (
        Part("text", REMINDER, "messages[0].content[0].text"),
        Part("image", "", "messages[0].content[1].image_url"),
        Part("text", "What is osmosis?", "messages[0].content[2].text"),
        Part("text", "What is osmosis?", "messages[0].content", again=True),
    )
    request = ChatRequest("openai_chat", b"", "auto", messages=(Message("user", parts),))
    assert focus(request) == "What is osmosis?"


def test_an_earlier_turn_leaves_room_for_the_follow_up() -> None:
    earlier, _, follow_up = focus(chat("Explain osmosis in roots. " * 60, "shorter, please")).rpartition("\n")
    assert len(earlier) == EARLIER
    assert follow_up == "shorter, please"


def test_instruction_first_then_an_excerpt_of_the_document() -> None:
    turn = read_turn(f"<document>\n{PASSAGE}</document>\n\nWhen do I give notice?")
    assert turn.said == "When do I give notice?"
    assert turn.given == PASSAGE[:EXCERPT].strip()
    assert turn.ask == f"{turn.said}\n{turn.given}"


@pytest.mark.parametrize(
    "text",
    [
        f"Use the context.\n\nContext:\n{PASSAGE}\n\nQuestion: When do I give notice?\nHelpful Answer:",
        f"Context:\n{PASSAGE}\n\nWhen do I give notice?",
        f"Cite.\n<context>\n{PASSAGE}\n</context>\n<user_query>\nWhen do I give notice?\n</user_query>",
        f"<task>\nWhen do I give notice?\n</task>\n<context>\n{PASSAGE}\n</context>".replace("\n", "\r\n"),
    ],
)
def test_templates_do_not_speak_for_the_human(text: str) -> None:
    turn = read_turn(text)
    assert turn.said == "When do I give notice?"
    assert turn.given.startswith("The tenant")


def test_a_long_text_without_marks_is_read_by_its_short_ends() -> None:
    document = "\n\n".join([PASSAGE] * 3)
    turn = read_turn(f"Sum this up.\n\n{document}\n\nIn French, please.")
    assert turn.said == "Sum this up.\nIn French, please."
    assert turn.given == PASSAGE[:EXCERPT].strip()
    assert read_turn(document).said == document.strip()


def test_a_document_alone_leans_on_what_was_asked_before() -> None:
    pasted = f"```\n{PASSAGE}\n```"
    assert focus(chat("I will paste my contract now", pasted)).startswith(
        "I will paste my contract now\nThe tenant"
    )
    assert focus(chat(pasted)) == pasted


def test_tags_a_human_types_are_left_alone() -> None:
    text = "Why does <task>a</task> not parse?\n<question>b</question>"
    assert read_turn(text).ask == text


def test_the_ends_of_a_huge_turn_are_looked_at() -> None:
    file = "x = 1\n" * 100_000
    turn = read_turn(f'<file path="a">\n{file}</file>\nRename x, please.')
    assert turn.said == "Rename x, please."
    assert len(turn.whole) < 40_000


def test_endless_turns_of_a_harness_are_not_all_looked_at() -> None:
    request = chat("What is osmosis?", *[f"{REMINDER}{' ' * 30_000}" for _ in range(20)])
    assert focus(request).startswith(REMINDER)


@given(st.text(alphabet="abc <>/`\n:#-?.", max_size=300))
def test_what_is_read_comes_from_the_turn(text: str) -> None:
    turn = read_turn(text)
    assert turn.whole == text
    assert set(turn.ask.split()) <= set(text.split()) or "<" in text or ":" in text


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_a_conversation_in_which_something_is_written_is_about_something(turns: list[str]) -> None:
    assert bool(focus(chat(*turns)).strip()) == any(turn.strip() for turn in turns) or not turns[-1].strip()
