"""What the pretended model says."""

import re
from dataclasses import replace

import pytest

from waypost.demo.model import Called, Prompt, Toolbox, say, tokens, vector, words

ASKED = Prompt("m", "cloud", "What is it?")
TOOLS = Toolbox({"weather": {"required": ["a"]}, "get_time": None, "weather-2": {}})


def names(last: str, tools: Toolbox = TOOLS) -> list[str]:
    return [call.name for call in say(replace(ASKED, last=last, tools=tools)).calls]


def test_the_answer_names_who_answers_and_not_what_was_asked() -> None:
    said = say(replace(ASKED, text="a secret"))
    assert said.text == "m at the demo provider 'cloud' read 8 characters and answers."
    assert (said.finish, said.stop, said.thoughts, said.calls) == ("stop", None, "", ())
    assert (said.prompt, said.answered, said.thought, said.cached) == (2, len(said.text) // 4, 0, 0)


@pytest.mark.parametrize(
    ("last", "called"),
    [
        ("Please call weather.", ["weather"]),
        ("CALL get_time and weather-2!", ["get_time", "weather-2"]),
        ("weather: call nothing", []),
        ("recall weather", []),
        ("call weather2", []),
        ("", []),
    ],
)
def test_tools_named_behind_call_are_called(last: str, called: list[str]) -> None:
    assert names(last) == called


def test_a_choice_of_tools_is_obeyed() -> None:
    assert names("hi", replace(TOOLS, forced=("get_time",))) == ["get_time"]
    assert names("call weather", replace(TOOLS, forced=("get_time", "weather"))) == ["weather"]
    assert names("call weather", replace(TOOLS, closed=True)) == []
    assert names("call weather and get_time", replace(TOOLS, parallel=False)) == ["weather"]


def test_a_call_has_the_arguments_that_it_must_have_and_no_text() -> None:
    said = say(
        replace(
            ASKED,
            last="call weather",
            tools=Toolbox({"weather": {"required": ["a"], "properties": {"a": {"const": 1}}}}),
        )
    )
    assert said.calls == (Called("weather", {"a": 1}),)
    assert (said.text, said.finish) == ("", "calls")


def test_json_is_a_value_of_the_schema() -> None:
    assert say(replace(ASKED, schema={"const": {"a": 1}})).text == '{"a":1}'
    assert say(replace(ASKED, schema={})).text == '{"answer":"demo"}'


def test_stops_end_the_answer_at_the_first_of_them() -> None:
    said = say(replace(ASKED, stops=("read", "demo", "nowhere")))
    assert (said.text, said.finish, said.stop) == ("m at the ", "sequence", "demo")


def test_limits_count_thoughts() -> None:
    assert say(replace(ASKED, limit=2)).text == "m at the"
    said = say(replace(ASKED, limit=2, thinks=True))
    assert (said.text, said.finish) == ("", "length")
    assert said.thought == tokens(said.thoughts)
    assert say(replace(ASKED, limit=500, thinks=True)).finish == "stop"


def test_a_refusal_says_nothing() -> None:
    said = say(replace(ASKED, is_refused=True, thinks=True, last="call weather", tools=TOOLS))
    assert (said.text, said.thoughts, said.calls, said.finish, said.answered) == ("", "", (), "refusal", 0)


def test_long_prompts_are_cached_in_blocks() -> None:
    assert say(replace(ASKED, text="x" * 4 * 1023)).cached == 0
    assert say(replace(ASKED, text="x" * 4 * 1100)).cached == 1024


def test_words_are_the_text_again() -> None:
    text = " two  words\nand more "
    assert "".join(words(text)) == text
    assert all(re.search(r"\S", word) for word in words(text))


def test_vectors_depend_on_the_input_alone_and_are_of_unit_length() -> None:
    assert vector("a", 8) == vector("a", 8) != vector("b", 8)
    assert sum(value**2 for value in vector([1, 2], 300)) == pytest.approx(1)
