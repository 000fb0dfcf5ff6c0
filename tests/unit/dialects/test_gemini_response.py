"""Answers as chat completions, row by row of the mapping table."""

import json
from typing import Any

import pytest

from waypost.dialects.foreign import Reply
from waypost.dialects.gemini_response import read_response, usage
from waypost.dialects.signatures import find

REPLY = Reply("auto", "chatcmpl-1", 1700000000)


def read(document: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_response(json.dumps(document).encode(), REPLY))
    return found


def answer(*parts: Any, reason: str | None = "STOP", **more: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "finishReason": reason, "index": 0}
    return {"candidates": [candidate | more]}


def choice(*parts: Any, reason: str | None = "STOP", **more: Any) -> dict[str, Any]:
    (found,) = read(answer(*parts, reason=reason, **more))["choices"]
    return found


def message(*parts: Any) -> dict[str, Any]:
    found: dict[str, Any] = choice(*parts)["message"]
    return found


def call(name: str = "f", args: Any = None, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **({} if args is None else {"args": args})}, **more}


def test_a_whole_answer() -> None:
    counted = {"promptTokenCount": 5, "candidatesTokenCount": 2, "totalTokenCount": 7}
    more = {"usageMetadata": counted, "modelVersion": "gemini-3-flash-001", "responseId": "r1"}
    assert read({**answer({"text": "hi "}, {"text": ""}, {"text": "there"}), **more}) == {
        "id": "r1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gemini-3-flash-001",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi there", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
                "native_finish_reason": "STOP",
            }
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }


def test_without_an_id_and_usage() -> None:
    found = read(answer({"text": "a"}))
    assert found["id"] == "chatcmpl-1"
    assert "usage" not in found


def test_thoughts_are_kept_apart() -> None:
    found = message({"text": "hm", "thought": True}, {"text": "a"}, {"text": "m", "thought": True})
    assert (found["content"], found["reasoning_content"]) == ("a", "hmm")


def test_calls() -> None:
    found = message(
        {"text": "wait"},
        {"functionCall": {"name": "f", "args": {"x": [1, None]}, "id": "c1"}},
        call("g"),
        call("g", {}),
    )
    assert found["content"] == "wait"
    one, two, three = found["tool_calls"]
    assert one == {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":[1,null]}'}}
    assert two["function"] == three["function"] == {"name": "g", "arguments": "{}"}
    assert two["id"] != three["id"]
    assert two["id"].startswith("call_")


def test_ids_that_are_made_up_are_others_in_each_answer() -> None:
    body = json.dumps(answer(call())).encode()
    idents = {
        json.loads(read_response(body, Reply("m", ident, 0)))["choices"][0]["message"]["tool_calls"][0]["id"]
        for ident in ("a", "b", "b")
    }
    assert len(idents) == 2


def test_only_calls_have_no_content() -> None:
    found = choice(call())
    assert found["message"]["content"] is None
    assert found["finish_reason"] == "tool_calls"


def test_arguments_keep_their_digits() -> None:
    body = b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":'
    args = b'{"a":1.10,"b":12345678901234567890,"c":1e400,"d":"\\u00e9","e":5}'
    found = json.loads(read_response(body + args + b"}}]}}]}", REPLY))
    expected = '{"a":1.10,"b":12345678901234567890,"c":1e400,"d":"\u00e9","e":5}'
    assert found["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == expected


def test_a_signature_travels_in_the_id_and_in_the_field_of_google() -> None:
    (found,) = message(call(thoughtSignature="U0lH+/=="))["tool_calls"]
    plain, signature = find(found["id"])
    assert plain.startswith("call_")
    assert signature == "U0lH+/=="
    assert found["extra_content"] == {"google": {"thought_signature": "U0lH+/=="}}


def test_a_signature_of_a_text_travels_in_the_field_of_google() -> None:
    extra = {"google": {"thought_signature": "U0lH"}}
    assert message({"text": "a"}, {"text": "", "thoughtSignature": "U0lH"})["extra_content"] == extra
    assert message({"text": "a", "thoughtSignature": "U0lH"})["extra_content"] == extra
    assert "extra_content" not in message({"text": "a", "thoughtSignature": "no base64!"})


def test_pictures() -> None:
    found = message({"inlineData": {"mimeType": "image/png", "data": "QUJD"}})
    url = {"url": "data:image/png;base64,QUJD"}
    assert found["images"] == [{"type": "image_url", "image_url": url}]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("CONTINUATION", "length"),
        *[
            (name, "content_filter")
            for name in (
                *("SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "RECITATION", "LANGUAGE"),
                *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR"),
                *("ESCALATION", "PUP_LIMITED_DISABLED"),
            )
        ],
        *[
            (name, "stop")
            for name in (
                *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
                *("MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE"),
            )
        ],
        *[
            (name, "stop")
            for name in ("OTHER", "NO_IMAGE", "IMAGE_OTHER", "FINISH_REASON_UNSPECIFIED", "NEW")
        ],
        (None, "stop"),
    ],
)
def test_finish_reasons(reason: str | None, finish: str) -> None:
    found = choice({"text": "a"}, reason=reason)
    assert (found["finish_reason"], found["native_finish_reason"]) == (finish, reason)


@pytest.mark.parametrize(
    ("reason", "finish"), [("STOP", "tool_calls"), (None, "tool_calls"), ("MAX_TOKENS", "length")]
)
def test_finish_reasons_with_calls(reason: str | None, finish: str) -> None:
    assert choice(call(), reason=reason)["finish_reason"] == finish


def test_a_model_that_failed_to_say_anything_is_an_error() -> None:
    for parts in ([], [{"text": "hm", "thought": True}]):
        found = read(answer(*parts, reason="MALFORMED_FUNCTION_CALL"))
        assert found["error"]["code"] == "provider_error"
        assert "MALFORMED_FUNCTION_CALL" in found["error"]["message"]


@pytest.mark.parametrize(
    "reason",
    ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "MODEL_ARMOR", "JAILBREAK", "NEW"],
)
def test_a_prompt_that_was_not_let_through(reason: str) -> None:
    (found,) = read({"promptFeedback": {"blockReason": reason}})["choices"]
    assert found["message"]["content"] == ""
    assert (found["finish_reason"], found["native_finish_reason"]) == ("content_filter", reason)


def test_thoughts_used_up_all_tokens() -> None:
    found = read({"candidates": [{"finishReason": "MAX_TOKENS", "index": 0}]})["choices"][0]
    assert (found["message"]["content"], found["finish_reason"]) == ("", "length")


def test_several_candidates() -> None:
    one, two = (
        answer({"text": "a"})["candidates"][0],
        answer({"text": "b"}, reason="MAX_TOKENS")["candidates"][0],
    )
    found = read({"candidates": [one | {"index": 1}, two | {"index": 0}]})["choices"]
    assert [(item["index"], item["message"]["content"]) for item in found] == [(1, "a"), (0, "b")]


@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (
            {
                "promptTokenCount": 10,
                "toolUsePromptTokenCount": 4,
                "cachedContentTokenCount": 6,
                "candidatesTokenCount": 3,
                "thoughtsTokenCount": 20,
                "totalTokenCount": 37,
            },
            (14, 23, 37, {"cached_tokens": 6}, {"reasoning_tokens": 20}),
        ),
        ({"promptTokenCount": 20, "candidatesTokenCount": 8, "totalTokenCount": 99}, (20, 8, 28, None, None)),
        ({"promptTokenCount": 20, "thoughtsTokenCount": 8}, (20, 8, 28, None, {"reasoning_tokens": 8})),
        ({"promptTokenCount": 20, "totalTokenCount": 25}, (20, 5, 25, None, None)),
        ({"promptTokenCount": "x", "candidatesTokenCount": -1}, (0, 0, 0, None, None)),
    ],
)
def test_usage(counted: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = usage(counted)
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    details = ("prompt_tokens_details", "completion_tokens_details")
    assert (*(found[name] for name in names), *(found.get(name) for name in details)) == expected


def test_logprobs() -> None:
    result = {
        "chosenCandidates": [{"token": "\u00e9", "logProbability": -0.5}, {"token": "b"}],
        "topCandidates": [{"candidates": [{"token": "c", "logProbability": -1.25}]}],
    }
    first, second = choice({"text": "a"}, logprobsResult=result)["logprobs"]["content"]
    top = {"token": "c", "logprob": -1.25, "bytes": [99]}
    assert first == {"token": "\u00e9", "logprob": -0.5, "bytes": [195, 169], "top_logprobs": [top]}
    assert second == {"token": "b", "logprob": 0.0, "bytes": [98], "top_logprobs": []}


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        3,
        None,
        {"candidates": []},
        {"candidates": 3},
        {"candidates": [3]},
        {"candidates": [{}] * 1000},
        {"candidates": [{"content": 3}]},
        {"candidates": [{"content": {"parts": 3}}]},
        {"candidates": [{"content": {"parts": [3]}}]},
        answer({"text": 3}),
        answer(call("")),
        answer(call("f", [1])),
        answer(call("f", "x")),
        answer({"functionCall": 3}),
        answer({"functionCall": {"name": "f", "partialArgs": [{"jsonPath": "$.a"}]}}),
        answer({"functionCall": {"name": "f", "willContinue": True}}),
        answer({"inlineData": {"data": "QUJD"}}),
        {"error": {"code": 503, "message": "secret", "status": "UNAVAILABLE"}},
        {"error": "secret"},
    ],
)
def test_what_is_no_answer_is_an_error(document: Any) -> None:
    found = read(document)
    assert [*found] == ["error"]
    assert [*found["error"]] == ["message", "type", "param", "code"]
    assert "secret" not in found["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"a":NaN}', b"null"])
def test_what_is_no_json_is_an_error(body: bytes) -> None:
    assert "error" in json.loads(read_response(body, REPLY))


@pytest.mark.parametrize("depth", [100, 300, 450, 600, 900, 980, 5000])
def test_arguments_that_are_nested_too_deeply_are_an_error(depth: int) -> None:
    body = json.dumps(answer(call("f", {"a": "HERE"}))).replace('"HERE"', "[" * depth + "]" * depth)
    found = json.loads(read_response(body.encode(), REPLY))
    assert [*found] == ["error"] if depth > 1000 else "error" in found or "choices" in found
    assert depth > 100 or "choices" in found


def test_parts_that_nobody_asked_for_are_left_out() -> None:
    assert message({"executableCode": {"code": "x"}}, {"text": "a"}, {})["content"] == "a"
