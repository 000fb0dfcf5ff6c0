"""What is passed by, and the one word that says why."""

import json
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.cache.cacheable import (
    MAX_USER_CHARACTERS,
    REASONS,
    Answered,
    Barred,
    Facts,
    Reason,
    barred,
    bypass,
    exact_only,
    features,
    storable,
)
from waypost.cache.control import Control
from waypost.cache.settings import CacheSettings
from waypost.cache.verify import MAX_CHARACTERS
from waypost.dialects.openai_chat import parse
from waypost.request.chat import ChatRequest, Sent

ON = CacheSettings(enabled=True)
ENGLISH = Facts(language="en")
DONE = Answered(200, True, ("stop",), 40)


def asked(text: str = "Why is the sky blue?", **fields: Any) -> ChatRequest:
    return parse(
        json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]} | fields).encode()
    )


def test_every_reason_is_explained() -> None:
    assert set(REASONS) == set(get_args(Reason))
    assert len(set(REASONS.values())) == len(REASONS)


def test_a_plain_question_may_be_looked_up_compared_and_kept() -> None:
    assert barred(asked(), ENGLISH, Control(), ON) == Barred()
    assert barred(asked(), Facts(), Control(), ON) == Barred()
    assert storable(asked(), DONE, ON) is None
    assert features(asked()).content == ("sky", "blu")


# --- requests ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "facts", "reason"),
    [
        (asked(n=2), ENGLISH, "several_answers"),
        (asked(n=[]), ENGLISH, "several_answers"),
        (asked(store=False), ENGLISH, "store_false"),
        (asked(temperature=1.1), ENGLISH, "temperature"),
        (asked(temperature="hot"), ENGLISH, "temperature"),
        (asked(temperature=True), ENGLISH, "temperature"),
        (asked(web_search_options={}), ENGLISH, "retrieval"),
        (asked(modalities=["text", "audio"]), ENGLISH, "media_answer"),
        (asked(audio={"voice": "x"}), ENGLISH, "media_answer"),
        (asked(), replace(ENGLISH, detected=True), "detected"),
        (asked(), replace(ENGLISH, retrieval=True), "retrieval"),
        (asked(), replace(ENGLISH, has_key=False), "no_key"),
        (replace(asked(), dialect="openai_embeddings"), ENGLISH, "not_chat"),
        (replace(asked(), sent=Sent(b"{}", native="mcp_servers")), ENGLISH, "native"),
        (replace(asked(), original=b'{"messages":' + b"[" * 9999 + b"]" * 9999 + b"}"), ENGLISH, "no_key"),
        (asked("x" * (MAX_USER_CHARACTERS + 1)), ENGLISH, "too_long"),
    ],
)
def test_what_is_passed_by_is_neither_served_nor_kept(
    request_: ChatRequest, facts: Facts, reason: Reason
) -> None:
    assert barred(request_, facts, Control(), ON) == Barred(reason, reason, reason)


def test_nothing_happens_where_the_cache_is_off() -> None:
    assert bypass(asked(n=2), ENGLISH, CacheSettings()) == "disabled"


@pytest.mark.parametrize(
    "fields", [{"n": 1}, {"n": 1.0}, {"n": None}, {"temperature": 1}, {"temperature": 0.0}, {"store": True}]
)
def test_what_asks_for_the_usual_is_let_through(fields: dict[str, Any]) -> None:
    assert bypass(asked(**fields), ENGLISH, ON) is None


def test_the_limit_of_the_temperature_is_the_settings() -> None:
    assert bypass(asked(temperature=0.3), ENGLISH, replace(ON, max_temperature=0.2)) == "temperature"
    assert bypass(asked(), ENGLISH, replace(ON, max_temperature=0.0)) is None, "none is named"
    assert bypass(asked(temperature=1.5), ENGLISH, replace(ON, max_temperature=2.0)) is None


def test_results_of_tools_are_an_opt_in() -> None:
    messages = [
        {"role": "user", "content": "Look it up."},
        {"role": "tool", "tool_call_id": "1", "content": "42"},
    ]
    assert bypass(asked(messages=messages), ENGLISH, ON) == "tool_turn"
    assert bypass(asked(messages=messages), ENGLISH, replace(ON, tool_calls=True)) is None


@pytest.mark.parametrize(
    "text",
    [
        "What's the weather in Rome?",
        "Who is the current president?",
        "Latest news on fusion",
        "today\u2019s exchange rate",
        "what happened this week",
        "What is the price of gold right now?",
        "Wie ist das Wetter heute?",
        "Météo à Paris demain",
        "TODAY",
        "yesterday's score",
    ],
)
def test_what_is_true_for_a_moment_only_is_passed_by(text: str) -> None:
    assert bypass(asked(text), ENGLISH, ON) == "time_sensitive"


@pytest.mark.parametrize(
    "text",
    [
        "Where is my parcel?",
        "Is this one mine?",
        "When will I get the refund?",
        "We ordered three, why did we pay for four orders?",
        "I've got a problem with an account",
        "Wo ist mein Paket?",
        "Où est ma commande ?",
    ],
)
def test_what_is_about_whoever_asks_is_shared_with_nobody_else(text: str) -> None:
    assert bypass(asked(text), ENGLISH, ON) == "personal"
    assert bypass(asked(text), ENGLISH, replace(ON, scope="global")) == "personal"
    assert bypass(asked(text), ENGLISH, replace(ON, scope="user")) is None


@pytest.mark.parametrize(
    "text",
    [
        "How do I sort a list?",
        "What is order theory?",
        "Explain mining",
        "Was Myanmar a kingdom?",
        "How many people live there?",
        "I",
    ],
)
def test_wording_that_only_resembles_it_is_let_through(text: str) -> None:
    assert bypass(asked(text), ENGLISH, ON) is None


def test_an_earlier_turn_counts_and_what_others_say_does_not() -> None:
    turns = [
        {"role": "system", "content": "Today you help my customers."},
        {"role": "user", "content": "Is my account blocked?"},
        {"role": "assistant", "content": "Now it is."},
        {"role": "user", "content": "Why?"},
    ]
    assert bypass(asked(messages=turns), ENGLISH, ON) == "personal"
    turns[1]["content"] = "Is it blocked?"
    assert bypass(asked(messages=turns), ENGLISH, ON) is None


def test_only_equal_requests_share_where_nothing_can_be_compared() -> None:
    image = {"type": "image_url", "image_url": {"url": "http://x/y.png"}}
    text = {"type": "text", "text": "What is this?"}
    earlier = [{"role": "user", "content": [text, image]}, {"role": "user", "content": "Why is it so?"}]
    cases: list[tuple[ChatRequest, Facts, Reason]] = [
        (asked(messages=[{"role": "user", "content": [text, image]}]), ENGLISH, "media"),
        (asked(messages=earlier), ENGLISH, "media"),
        (asked(" \n"), ENGLISH, "no_text"),
        (asked(messages=[{"role": "system", "content": "Speak."}]), ENGLISH, "no_text"),
        (asked("word " * MAX_CHARACTERS), ENGLISH, "long_text"),
        (asked(), Facts(language="de"), "language"),
        (asked("Warum ist der Himmel blau?"), Facts(), "language"),
        (asked("Warum ist der Himmel blau?"), ENGLISH, "language"),
        (asked("is it so?"), ENGLISH, "language"),
    ]
    for request, facts, reason in cases:
        assert exact_only(request, facts) == reason
        assert barred(request, facts, Control(), ON) == Barred(semantic=reason)


def test_headers_are_obeyed() -> None:
    assert barred(asked(), ENGLISH, Control(lookup=False), ON) == Barred("no_cache", "no_cache")
    never = Control(lookup=False, store=False)
    assert barred(asked(), ENGLISH, never, ON) == Barred("no_store", "no_store", "no_store")


# --- answers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (replace(DONE, status=500), "status"),
        (replace(DONE, status=206), "status"),
        (replace(DONE, failed=True), "unanswered"),
        (replace(DONE, complete=False), "cut"),
        (replace(DONE, finish=()), "cut"),
        (replace(DONE, finish=("",)), "finish"),
        (replace(DONE, finish=("length",)), "finish"),
        (replace(DONE, finish=("content_filter",)), "finish"),
        (replace(DONE, finish=("stop", "stop")), "several_answers"),
        (replace(DONE, finish=("stop", "length")), "finish"),
        (replace(DONE, finish=("tool_calls",)), "tool_calls"),
        (replace(DONE, finish=("function_call",)), "tool_calls"),
        (replace(DONE, tool_calls=True), "tool_calls"),
        (replace(DONE, refused=True), "refused"),
        (replace(DONE, detected=True), "detected"),
        (replace(DONE, characters=0), "empty"),
    ],
)
def test_an_answer_that_is_not_whole_and_good_is_not_kept(answer: Answered, reason: Reason) -> None:
    assert storable(asked(), answer, ON) == reason


def test_calls_of_tools_are_an_opt_in() -> None:
    called = Answered(200, True, ("tool_calls",), 0, tool_calls=True)
    assert storable(asked(), called, replace(ON, tool_calls=True)) is None


def test_an_answer_may_end_at_a_limit_that_the_request_set() -> None:
    limited = replace(DONE, finish=("length",))
    assert storable(asked(max_tokens=5), limited, ON) is None
    assert storable(asked(max_completion_tokens=5), limited, ON) is None
    assert storable(asked(max_tokens=None), limited, ON) == "finish"


@given(st.text(max_size=80))
def test_any_text_is_judged(text: str) -> None:
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}]})
    found = barred(replace(asked(), original=body.encode()), ENGLISH, Control(), ON)
    assert found.lookup is found.store or found.lookup is None
