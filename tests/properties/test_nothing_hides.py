"""Wherever a word stands in a request, a rule with a boundary sees it, or the request is refused."""

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenarios.story import policy
from waypost.dialects.openai_chat import parse
from waypost.dialects.reading import read_request
from waypost.errors import RequestError
from waypost.journey import Forward, route
from waypost.request.chat import Dialect
from waypost.testing.playbook import drive

SECRET = "confidential"

BANK = policy("""
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  openai: {kind: openai, api_key: from-the-vault}
models:
  inside: {provider: onprem, name: qwen3-32b}
  gpt: {provider: openai, name: gpt-4o}
routing_rules:
  - name: stays-inside
    conditions: [{type: keyword_match, keywords: [confidential]}]
    action: {type: route, endpoint: inside}
default_model: gpt
""")

# Keys that formats use, and some that nobody does: a parser treats the first ones specially.
KEYS = st.sampled_from(
    """
    content text type role name image_url url detail data input_audio format file file_data
    filename file_id refusal arguments function tool_calls tool_call_id id metadata properties
    description parameters enum const default response_format json_schema schema prediction audio
    stop user documents odd $ref logit_bias tool_choice reasoning_effort modalities extra_body
    chat_template_kwargs input cache_control index strict required
    """.split()  # noqa: SIM905  a table of sixty words reads better so
)
WORDS = st.sampled_from(
    [
        "hello",
        "text",
        "image_url",
        "input_audio",
        "file",
        "function",
        "auto",
        "data:image/png;base64,aGk=",
        "https://x.invalid/a.png",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "input_audio", "file", "refusal", "new"])},
    optional={
        "text": WORDS,
        "image_url": VALUES,
        "input_audio": VALUES,
        "file": VALUES,
        "refusal": WORDS,
        "odd": VALUES,
    },
)
MESSAGES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "system", "developer", "assistant", "tool", "other"]),
        "content": st.none() | WORDS | st.lists(PARTS | WORDS, max_size=3),
    },
    optional={"name": WORDS, "tool_calls": VALUES, "function_call": VALUES, "audio": VALUES, "odd": VALUES},
)
CHATS = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGES, min_size=1, max_size=3)},
    optional={
        "tools": VALUES,
        "metadata": VALUES,
        "response_format": VALUES,
        "user": WORDS,
        "odd": VALUES,
        "stop": VALUES,
    },
)
EMBEDDINGS = st.fixed_dictionaries(
    {"input": WORDS | st.lists(WORDS, min_size=1, max_size=3) | st.lists(st.integers(0, 9), min_size=1)},
    optional={"user": WORDS, "odd": VALUES},
)


def hide(document: Any, random: Random) -> None:
    """Put the secret somewhere: into a text, instead of a value, or as a key."""
    places = list(_places(document))
    holder, key = random.choice(places)
    value = holder[key]
    if isinstance(value, str) and random.random() < 0.7:
        holder[key] = random.choice([f"{value} {SECRET}", f"{SECRET}. {value}", SECRET])
    elif isinstance(value, dict) and random.random() < 0.7:
        value[SECRET] = 1
    else:
        holder[key] = SECRET


def _places(value: Any) -> Any:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(steps):
        yield value, key
        yield from _places(inner)


def disguise(body: str, random: Random) -> str:
    """The same JSON, some of its letters written as escapes."""
    return re.sub("[a-z]", lambda m: f"\\u{ord(m[0]):04x}" if random.random() < 0.1 else m[0], body)


def leaves(body: bytes, dialect: Dialect) -> bool:
    try:
        request = parse(body, dialect)
    except RequestError:
        return False
    outcome = drive(route(BANK, request), lambda need: need)
    return isinstance(outcome, Forward) and any(e.zone != "internal" for e in outcome.selection.chain)


@settings(max_examples=600)
@given(
    st.one_of(st.tuples(st.just("openai_chat"), CHATS), st.tuples(st.just("openai_embeddings"), EMBEDDINGS)),
    st.randoms(use_true_random=False),
)
def test_a_word_a_boundary_looks_for_never_leaves(
    sent: tuple[Dialect, dict[str, Any]], random: Random
) -> None:
    dialect, document = sent
    hide(document, random)
    written = json.dumps(document | {"model": "auto"})
    assert SECRET in written
    assert not leaves(written.encode(), dialect)
    literals = re.sub(
        r'"(?:[^"\\]|\\.)*"', lambda m: disguise(m[0], random) if "\\" not in m[0] else m[0], written
    )
    assert json.loads(literals) == json.loads(written)
    assert not leaves(literals.encode(), dialect)


@given(CHATS)
def test_without_the_word_and_with_everything_readable_it_may_leave(document: dict[str, Any]) -> None:
    document["messages"] = [{"role": "user", "content": "hello"}]
    assert leaves(json.dumps(document | {"model": "auto"}).encode(), "openai_chat")


PICTURE = {
    "role": "user",
    "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}],
}
HELLO = {"role": "user", "content": "hello"}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [HELLO], "Messages": [PICTURE]},
        {"messages": [HELLO], "me\u017f\u017fages": [PICTURE]},
        {"messages": [HELLO | {"CONTENT": PICTURE["content"]}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hello", "Image_URL": "data:,x"}]}
            ]
        },
        {"messages": [HELLO], "Model": "a-model-of-the-client"},
    ],
    ids=["messages", "messages with a long s", "content", "part", "model"],
)
def test_a_key_that_some_servers_take_for_another_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as refused:
        parse(json.dumps(body | {"model": "auto"}).encode())
    assert refused.value.code == "duplicate_key"


def test_keys_of_the_callers_own_may_be_spelled_as_they_like() -> None:
    tool = {
        "type": "function",
        "function": {"name": "f", "parameters": {"properties": {"Role": {}, "MODEL": {}}}},
    }
    body = {"messages": [HELLO], "tools": [tool], "metadata": {"Model": "x"}}
    assert leaves(json.dumps(body | {"model": "auto"}).encode(), "openai_chat")


# --- clients of other forms, whose own bytes may leave ----------------------------------------------------

SPEAKERS = policy("""
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  openai: {kind: openai, api_key: from-the-vault}
  anthropic: {kind: anthropic, api_key: from-the-vault}
  vllm: {kind: vllm, base_url: "http://10.0.0.6:8000/v1"}
models:
  inside: {provider: onprem, name: qwen3-32b}
  openai_responses: {provider: openai, name: gpt-4o}
  anthropic_messages: {provider: anthropic, name: claude-sonnet-4-5}
  openai_completions: {provider: vllm, name: llama}
routing_rules:
  - name: stays-inside
    conditions: [{type: keyword_match, keywords: [confidential]}]
    action: {type: route, endpoint: inside}
default_model: inside
""")
"""Each model is named by the form that its provider speaks."""

SIGNED = "c2lnbmVk" * 9
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string", "enum": ["b"]}}}
OWN: dict[Dialect, dict[str, Any]] = {
    "anthropic_messages": {
        "max_tokens": 9,
        "system": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hello"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": SIGNED},
                    {"type": "redacted_thinking", "data": SIGNED},
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": ["b", {"c": "d"}]}},
                ],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "hi"}]},
        ],
        "tools": [{"name": "f", "description": "does", "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": "f"},
        "stop_sequences": ["END"],
        "metadata": {"user_id": "u"},
        "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": SCHEMA}},
        "diagnostics": {"previous_message_id": "m1"},
    },
    "openai_responses": {
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "hello"}]},
            {
                "type": "reasoning",
                "id": "r1",
                "summary": [{"type": "summary_text", "text": "hm"}],
                "encrypted_content": SIGNED,
            },
            {"type": "function_call", "id": "f1", "call_id": "c1", "name": "f", "arguments": '{"a": "b"}'},
            {"type": "function_call_output", "call_id": "c1", "output": "hi"},
        ],
        "instructions": "hello",
        "metadata": {"a": "b"},
        "tools": [{"type": "function", "name": "f", "parameters": SCHEMA}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
        "reasoning": {"effort": "low", "summary": "auto"},
    },
    "openai_completions": {"prompt": "hello", "suffix": "hi", "stop": ["x"], "user": "u"},
}
KINDS = "text base64 tool_use input_image input_file thinking redacted_thinking reasoning image odd"
PLACES = "data input image_url file_data signature encrypted_content source content title odd metadata"


def hide_more(document: Any, random: Random) -> None:
    """Likewise, and in what looks like a picture, a call or something sealed."""
    word = random.choice([SECRET, f"a {SECRET} one"])
    looks: Any = {"type": random.choice(KINDS.split()), random.choice(PLACES.split()): word}
    looks = random.choice(
        [looks, {"type": random.choice(KINDS.split()), random.choice(PLACES.split()): looks}]
    )
    holder, key = random.choice(list(_places(document)))
    value: Any = holder[key]
    if isinstance(value, dict):
        value[random.choice(PLACES.split())] = looks
    elif isinstance(value, list):
        value.append(looks)
    else:
        holder[key] = looks


@settings(max_examples=400)
@given(st.sampled_from(list(OWN)), st.sampled_from([hide, hide_more]), st.randoms(use_true_random=False))
def test_nor_does_it_in_a_form_of_the_clients_own(
    dialect: Dialect, hiding: Callable[[Any, Random], None], random: Random
) -> None:
    document = json.loads(json.dumps(OWN[dialect] | {"model": dialect}))
    hiding(document, random)
    assert SECRET in json.dumps(document)
    try:
        request = read_request(json.dumps(document).encode(), dialect)
    except RequestError:
        return
    outcome = drive(route(SPEAKERS, request), lambda need: need)
    assert not isinstance(outcome, Forward) or all(t.endpoint.zone == "internal" for t in outcome.targets)


@pytest.mark.parametrize("dialect", list(OWN))
def test_without_the_word_the_clients_own_bytes_leave(dialect: Dialect) -> None:
    request = read_request(json.dumps(OWN[dialect] | {"model": dialect}).encode(), dialect)
    outcome = drive(route(SPEAKERS, request), lambda need: need)
    assert isinstance(outcome, Forward)
    assert outcome.leaving.form == dialect
    assert [target.endpoint.name for target in outcome.targets] == [dialect]
