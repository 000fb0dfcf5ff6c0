"""How a rule chooses: what is read of the request, and what is asked of the world."""

import json
from typing import Any

import pytest

from waypost.dialects.openai_chat import parse
from waypost.request.chat import ChatRequest, Dialect
from waypost.selection.base import Candidate, Facts, Method
from waypost.selection.canary import Canary
from waypost.selection.capabilities import Capabilities, Profile
from waypost.selection.cheapest_above import CheapestAbove
from waypost.selection.choosing import Choosing
from waypost.selection.scored import Scored
from waypost.selection.static import Static
from waypost.selection.sticky import Sticky, conversation
from waypost.testing.policies import endpoints

KNOWN = endpoints({"a": "external", "b": "internal"})
TWO = tuple(Candidate(endpoint) for endpoint in KNOWN.values())
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}


def sent(*messages: dict[str, Any], **fields: Any) -> ChatRequest:
    return parse(json.dumps({"model": "auto", "messages": list(messages), **fields}).encode())


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def facts(request: ChatRequest, **block: Any) -> Facts:
    return Choosing(TWO, **block).facts(request, None)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("a", 1),
        ("abcd", 1),
        ("abcde", 2),
        ("a" * 4000, 1000),
        ("é" * 4, 2),
        ("語" * 4, 3),
        ("\ud800", 1),
    ],
)
def test_four_bytes_of_text_are_a_token(text: str, tokens: int) -> None:
    assert facts(sent(user(text))).prompt_tokens == tokens


def test_everything_that_is_sent_counts_once_and_pictures_not_at_all() -> None:
    alone = facts(sent(user("a" * 400))).prompt_tokens
    more = facts(
        sent({"role": "system", "content": "b" * 400}, user([{"type": "text", "text": "a" * 400}, PICTURE]))
    )
    assert (alone, more.prompt_tokens) == (100, 200)
    # Escapes inside the arguments of a call are read a second time, and sent once.
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"q": "\\u0061\\u0062"}'}}
    looped = facts(sent(user("hello"), {"role": "assistant", "tool_calls": [call]})).prompt_tokens
    assert looped <= (len("hello") + len('{"q": "\\u0061\\u0062"}') + len("1f") + 3) // 4 + 1


def test_texts_of_an_embedding_count_too() -> None:
    dialect: Dialect = "openai_embeddings"
    request = parse(json.dumps({"model": "auto", "input": ["a" * 40, "b" * 40]}).encode(), dialect)
    assert facts(request).prompt_tokens == 20


def test_what_the_request_needs_and_what_the_rule_requires_are_told_together() -> None:
    request = sent(user([PICTURE]), stream=True, max_tokens=300)
    found = facts(request, requires=("web_search",))
    assert found.needs == {"streaming", "images", "web_search"}
    assert found.output_tokens == 300


@pytest.mark.parametrize("p_hard", [None, 0.0, 0.7])
def test_difficulty_is_passed_on(p_hard: float | None) -> None:
    assert Choosing(TWO, CheapestAbove()).facts(sent(user("hello")), p_hard).p_hard == p_hard


@pytest.mark.parametrize(
    ("method", "sticky", "remembers"),
    [
        (Static(), None, False),
        (Static(), Sticky(), True),
        (Scored(), None, True),
        (CheapestAbove(), None, True),
        (Canary(), None, True),
        (Scored(), Sticky(), True),
    ],
)
def test_what_happened_before_matters_to_all_but_the_order_of_a_rule(
    method: Method, sticky: Sticky | None, *, remembers: bool
) -> None:
    choosing = Choosing(TWO, method, sticky)
    assert choosing.remembers is remembers
    request = sent(user("hello"))
    assert choosing.facts(request, None).key == (conversation(request) if remembers else None)


def test_a_conversation_without_a_word_has_no_key() -> None:
    assert facts(sent(user([PICTURE])), sticky=Sticky()).key is None


def test_a_tool_loop_binds_only_where_a_conversation_keeps_its_model() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    looped = sent(
        user("hello"),
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "42"},
    )
    assert facts(looped, sticky=Sticky()).in_tool_loop
    assert not facts(looped, method=Scored()).in_tool_loop
    assert not facts(sent(user("hello")), sticky=Sticky()).in_tool_loop


def test_the_order_of_the_rule_is_kept_but_for_who_cannot_serve_it() -> None:
    blind = Candidate(KNOWN["a"], Profile(capabilities=Capabilities(images=False)))
    choosing = Choosing((blind, TWO[1]))
    seeing = choosing.facts(sent(user([PICTURE])), None)
    assert [e.name for e in choosing.select(seeing, None).chain] == ["b"]
    assert [e.name for e in choosing.select(Facts(), None).chain] == ["a", "b"]


def test_a_boundary_holds_whatever_the_method() -> None:
    for method in (Static(), Scored(), CheapestAbove(), Canary()):
        chosen = Choosing(TWO, method).select(Facts(), frozenset({"internal"}))
        assert [e.name for e in chosen.chain] == ["b"]


def test_the_model_of_a_conversation_is_kept_only_where_the_rule_says_so() -> None:
    loyal = Choosing(TWO, Scored(), Sticky()).select(Facts(kept="b"), None)
    fickle = Choosing(TWO, Scored()).select(Facts(kept="b"), None)
    assert (loyal.chain[0].name, fickle.chain[0].name) == ("b", "a")


def test_a_block_alone_is_the_order_of_the_rule() -> None:
    assert Choosing(TWO) == Choosing(TWO, Static(), None, ())
