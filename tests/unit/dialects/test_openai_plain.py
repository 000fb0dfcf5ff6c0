"""What OpenAI has no word for does not reach a provider that speaks its form."""

import json
from typing import Any

import pytest

from waypost.dialects.openai_plain import exactly, fitted, plain_request, write_request
from waypost.dialects.signatures import hide
from waypost.errors import RequestError

ASK = {"role": "user", "content": "hi"}
MARK = {"cache_control": {"type": "ephemeral"}}
IMAGE = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}


def text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def write(*messages: Any, **fields: Any) -> dict[str, Any]:
    return json.loads(write_request({"model": "m", "messages": list(messages), **fields}))


def test_a_plain_request_stays() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    assert write(ASK, tools=[tool], seed=7) == {"model": "m", "messages": [ASK], "tools": [tool], "seed": 7}


def test_marks_and_thoughts_go() -> None:
    thoughts = {"thinking_blocks": [{"type": "thinking"}], "reasoning_content": "hm"}
    found = write(
        {"role": "user", "content": [text("a") | MARK], **MARK},
        {"role": "assistant", "content": "b", **thoughts},
        tools=[{"type": "function", "function": {"name": "f"}, **MARK}],
        **MARK,
    )
    assert found == {
        "model": "m",
        "messages": [{"role": "user", "content": [text("a")]}, {"role": "assistant", "content": "b"}],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }


def test_a_failed_call_says_so_in_words() -> None:
    failed = {"role": "tool", "tool_call_id": "a", "content": "no file", "is_error": True}
    assert write(failed)["messages"] == [{"role": "tool", "tool_call_id": "a", "content": "Error: no file"}]
    assert write({**failed, "content": None})["messages"][0]["content"] == "Error: "
    assert write({**failed, "is_error": False})["messages"][0]["content"] == "no file"


def test_pictures_in_results_become_a_users_behind_all_results() -> None:
    first = {"role": "tool", "tool_call_id": "a", "content": [text("x"), IMAGE, text("y")]}
    second = {"role": "tool", "tool_call_id": "b", "content": [IMAGE]}
    seen = [
        {"role": "tool", "tool_call_id": "a", "content": "x\ny"},
        {"role": "tool", "tool_call_id": "b", "content": ""},
        {"role": "user", "content": [IMAGE, IMAGE]},
    ]
    assert write(first, second)["messages"] == seen
    assert write(first, second, ASK)["messages"] == [*seen, ASK]


def test_a_file_of_which_only_the_address_is_known_is_refused() -> None:
    with pytest.raises(RequestError) as refused:
        write({"role": "user", "content": [{"type": "file", "file": {"file_url": "https://x/y.pdf"}}]})
    assert (refused.value.status, refused.value.param) == (400, "messages[0].content[0]")


def test_odd_requests_crash_nothing_and_are_the_providers_to_refuse() -> None:
    odd = {"role": "tool", "content": [7, "x"]}
    assert write(7, None, odd)["messages"] == [
        7,
        None,
        {"role": "tool", "content": "x"},
        {"role": "user", "content": [7]},
    ]
    fields = {"tools": [7, {"function": 7}, {}], "messages": {"role": "tool"}, "cache_control": 7}
    assert json.loads(write_request(fields)) == {
        "tools": [7, {"function": 7}, {}],
        "messages": {"role": "tool"},
    }
    calls = [7, {"id": 7}, {"id": "a__thought__"}]
    assert write({"tool_calls": calls, "tool_call_id": 7})["messages"] == [
        {"tool_calls": [7, {"id": 7}, {"id": "a"}], "tool_call_id": 7}
    ]


def test_signatures_leave_the_ids_of_calls_and_their_results() -> None:
    ident = hide("call_1", "c2ln")
    google = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    call = {"id": ident, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = write(
        {"role": "assistant", "content": None, "tool_calls": [call | google], **google, "images": [IMAGE]},
        {"role": "tool", "tool_call_id": ident, "content": "x"},
    )
    assert found["messages"] == [
        {"role": "assistant", "content": None, "tool_calls": [call | {"id": "call_1"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "x"},
    ]


def test_a_mark_of_a_function_goes() -> None:
    function: dict[str, Any] = {"name": "f", "parameters": {"properties": {"cache_control": {}}}}
    found = write(ASK, tools=[{"type": "function", "function": function | MARK}])
    assert found["tools"] == [{"type": "function", "function": function}]


# --- bodies as they came ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": [{"role":"user","content":"hi"}] , "temperature":1.10}',
        b'{"messages":[{"role":"tool","tool_call_id":"a","content":"x"}]}',
        b'{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}]}',
        b"",
        b"no json",
        b'"cache_control"',
        b'[{"cache_control":1}]',
    ],
)
def test_a_body_that_has_nothing_of_it_is_the_same_object(body: bytes) -> None:
    assert plain_request(body) is body


def test_a_body_that_has_some_of_it_is_written_without_and_keeps_its_digits() -> None:
    body = b'{"temperature":1.10,"messages":[{"role":"user","content":"\\ud800","cache_control":{}}]}'
    assert plain_request(body) == (b'{"temperature":1.10,"messages":[{"role":"user","content":"\\ud800"}]}')


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": "a", "thinking_blocks": []},
        {"role": "assistant", "content": "a", "reasoning_content": "b"},
        {"role": "assistant", "content": "a", "native_blocks": []},
        {"role": "tool", "tool_call_id": "a", "content": "b", "is_error": True},
        {"role": "tool", "tool_call_id": "a", "content": [IMAGE]},
        {"role": "tool", "tool_call_id": hide("a", "c2ln"), "content": "b"},
    ],
)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_the_look_at_the_bytes_finds_all_that_is_taken_out(
    message: dict[str, Any], separators: tuple[str, str]
) -> None:
    body = json.dumps({"messages": [ASK, message]}, separators=separators).encode()
    assert plain_request(body) == write_request(json.loads(body)) != body


@pytest.mark.parametrize(
    "body", [b'{"a":"cache_control","cache_control":', b'{"a":' + b"[" * 100_000 + b'"is_error"']
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        plain_request(body)
    assert (refused.value.status, refused.value.code) == (400, "invalid_json")


def test_text_that_only_speaks_of_it_stays() -> None:
    body = json.dumps({"messages": [{"role": "user", "content": 'what is "cache_control"?'}]}).encode()
    assert plain_request(body) is body


def test_openai_itself_takes_no_top_k_and_four_stops() -> None:
    body = b'{"model":"m","messages":[],"top_k":5,"stop":["a","b","c","d","e"]}'
    assert plain_request(body) is body
    told = json.loads(plain_request(body, "m"))
    assert told == {"model": "m", "messages": [], "stop": ["a", "b", "c", "d"]}
    assert exactly(json.loads(body), "m")[1] == (
        "top_k: not sent, the API has no such parameter",
        "stop: the first 4 are sent",
    )
    fine = b'{"model":"m","messages":[],"top_k":null,"stop":["a"]}'
    assert exactly(json.loads(fine), "m")[1] == ()
    with pytest.raises(RequestError):
        exactly(json.loads(body), "m", strict=True)


SAMPLING: dict[str, Any] = {
    "temperature": 0.2,
    "top_p": 0.9,
    "presence_penalty": 1,
    "frequency_penalty": 1,
    "logit_bias": {"1": 2},
    "logprobs": True,
    "top_logprobs": 3,
}


@pytest.mark.parametrize(
    ("model", "asked", "gone"),
    [
        ("gpt-4o", {"reasoning_effort": "high", "stop": "x", **SAMPLING}, ("reasoning_effort",)),
        ("gpt-5", {"reasoning_effort": "high", "stop": "x", **SAMPLING}, (*SAMPLING, "stop")),
        ("o3", {"stop": ["a", "b", "c", "d", "e"], "temperature": 0}, ("temperature", "stop")),
        ("gpt-5.2", {"reasoning_effort": "low", **SAMPLING}, tuple(SAMPLING)),
        ("gpt-5.2", {"reasoning_effort": "none", **SAMPLING}, ()),
        ("gpt-5.2", SAMPLING, ()),
        ("our-deployment", {"reasoning_effort": "high", "stop": "x", **SAMPLING}, ()),
        ("o3", {"temperature": 1, "top_p": 1.0, "presence_penalty": 0, "logprobs": False, "stop": None}, ()),
    ],
)
def test_a_model_of_openai_is_not_told_what_it_refuses(
    model: str, asked: dict[str, Any], gone: tuple[str, ...]
) -> None:
    document = {"model": model, "messages": [ASK], **asked}
    told, notes = exactly(document, model)
    assert told == {name: value for name, value in document.items() if name not in gone}
    assert notes == tuple(f"{name}: not sent, the model does not take it" for name in gone)
    assert json.loads(plain_request(json.dumps(document).encode(), model)) == told
    body, notes_in_place = fitted(json.dumps(document).encode(), model)
    assert (json.loads(body), notes_in_place) == (told, notes)


LIMITS: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    (
        {"max_tokens": 7},
        {"max_completion_tokens": 7},
        ("max_tokens: sent as max_completion_tokens",),
    ),
    (
        {"max_tokens": 7, "max_completion_tokens": None},
        {"max_completion_tokens": 7},
        ("max_tokens: sent as max_completion_tokens",),
    ),
    (
        {"max_tokens": 7, "max_completion_tokens": 8},
        {"max_completion_tokens": 8},
        ("max_tokens: not sent, max_completion_tokens is",),
    ),
    ({"max_tokens": None}, {"max_tokens": None}, ()),
    ({"max_completion_tokens": 8}, {"max_completion_tokens": 8}, ()),
    ({"max_tokens": "7"}, {"max_completion_tokens": "7"}, ("max_tokens: sent as max_completion_tokens",)),
]


@pytest.mark.parametrize(("asked", "left", "told"), LIMITS)
@pytest.mark.parametrize("model", ["gpt-5-mini", "o3", "gpt-5.2"])
def test_a_limit_has_its_newer_name_where_the_model_wants_it(
    model: str, asked: dict[str, Any], left: dict[str, Any], told: tuple[str, ...]
) -> None:
    assert exactly(asked, model) == (left, told)
    body, notes = fitted(json.dumps(asked).encode(), model)
    assert (json.loads(body), notes) == (left, told)
    for old in ("gpt-4o", "our-deployment"):
        assert exactly(asked, old) == (asked, ())


def test_strictly_another_name_is_no_loss_and_a_second_limit_is() -> None:
    assert fitted(b'{"max_tokens":7}', "o3", strict=True)[0] == b'{"max_completion_tokens":7}'
    with pytest.raises(RequestError) as refused:
        fitted(b'{"max_tokens":7,"max_completion_tokens":8}', "o3", strict=True)
    assert (refused.value.status, refused.value.param) == (400, "max_tokens")
    with pytest.raises(RequestError, match="temperature"):
        fitted(b'{"temperature":0.5}', "o3", strict=True)


def test_a_body_is_fitted_in_its_own_bytes() -> None:
    body = (
        b'{ "temperature" : 0.50,\n "x": [1E5,  "\\u00e9"], "max_tokens":64 ,'
        b' "top_p":1.0, "messages": [{"role":"user", "content":"a \\/ b"}] }'
    )
    assert fitted(body, "gpt-5")[0] == (
        b'{ "x": [1E5,  "\\u00e9"] , "top_p":1.0, "messages": [{"role":"user", "content":"a \\/ b"}]'
        b',"max_completion_tokens":64 }'
    )
    assert fitted(b'{"stop":["a", "b","c","d" ,"e"], "n" : 1}', "gpt-4o") == (
        b'{"stop":["a","b","c","d"], "n" : 1}',
        ("stop: the first 4 are sent",),
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages":[], "max_completion_tokens":7, "seed":1}',
        b'{"temperature": 1.0, "top_p":1, "stop":null, "logprobs" : false}',
        b'{"tools":[{"function":{"parameters":{"properties":{"temperature":{},"stop":{}}}}}]}',
        json.dumps({"messages": [{"content": 'the "temperature" and "max_tokens"'}]}).encode(),
        b"",
        b"no json",
    ],
)
@pytest.mark.parametrize("model", ["gpt-5", "gpt-5.2", "gpt-4o", "our-deployment"])
def test_a_body_of_which_a_model_takes_all_is_the_same_object(body: bytes, model: str) -> None:
    made, notes = fitted(body, model)
    assert made is body
    assert notes == ()


@pytest.mark.parametrize(
    "body",
    [
        b'"temperature"',
        b'["temperature"]',
        b'{"temperature": 0.5',
        b'{"temperature": nonsense}',
        b'{"temperature": 0.5, "temperature": 0.6}',
        b'{"max_tokens": 1e999}',
        b'{"stop":' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        b'{"temperature":"\xff"}',
    ],
)
def test_a_body_that_cannot_be_fitted_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        fitted(body, "gpt-5")
    assert refused.value.status == 400


def test_an_effort_of_none_is_taken_from_who_cannot_think_without_a_word() -> None:
    assert exactly({"reasoning_effort": "none"}, "gpt-4.1") == ({}, ())


def test_strictly_a_temperature_is_refused_and_an_effort_is_not() -> None:
    with pytest.raises(RequestError) as refused:
        exactly({"temperature": 0.5}, "gpt-5", strict=True)
    assert (refused.value.status, refused.value.param) == (400, "temperature")
    assert exactly({"reasoning_effort": "low"}, "gpt-4o", strict=True)[0] == {}


@pytest.mark.parametrize("odd", [[], {}, 3, True])
def test_an_odd_effort_is_left_to_openai_or_gone(odd: object) -> None:
    assert exactly({"reasoning_effort": odd}, "gpt-5")[0] == {"reasoning_effort": odd}
    assert exactly({"reasoning_effort": odd}, "gpt-4o")[0] == {}


def test_a_name_that_openai_does_not_take_is_named() -> None:
    tool = {"type": "function", "function": {"name": "n" * 65}}
    with pytest.raises(RequestError) as caught:
        exactly({"model": "m", "messages": [], "tools": [tool]}, "gpt-4o")
    assert caught.value.param == "tools[0].function.name"
    tool["function"] = {"name": "n" * 64}
    assert exactly({"model": "m", "messages": [], "tools": [tool]}, "gpt-4o")[1] == ()
