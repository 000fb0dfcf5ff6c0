"""Gemini's dialect on inputs of any shape: nothing crashes, nothing is cut differently, nothing is lost."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.foreign import Reply
from waypost.dialects.gemini_errors import read_error, retry_after
from waypost.dialects.gemini_request import write_request
from waypost.dialects.gemini_response import read_response
from waypost.dialects.gemini_stream import StreamReader
from waypost.errors import RequestError

REPLY = Reply("auto", "chatcmpl-1", 1700000000, include_usage=True)
MODELS = st.sampled_from(["gemini-3-pro", "gemini-2.5-flash", "gemini-2.0-flash", "gemma-3"])

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


def odd(keys: list[str], more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """JSON of any shape under the words of a format."""
    return st.recursive(
        scalars | more,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(keys), inner, max_size=4),
        max_leaves=12,
    )


REQUEST = [
    *(
        "messages",
        "role",
        "content",
        "type",
        "text",
        "image_url",
        "url",
        "file",
        "file_data",
        "tool_calls",
        "id",
    ),
    *("function", "name", "arguments", "tool_call_id", "tools", "parameters", "tool_choice", "allowed_tools"),
    *("response_format", "json_schema", "schema", "stop", "temperature", "n", "seed", "max_tokens", "$ref"),
    *(
        "properties",
        "anyOf",
        "allOf",
        "enum",
        "required",
        "items",
        "$defs",
        "extra_content",
        "reasoning_effort",
    ),
]
request_words = st.sampled_from(
    [
        *("user", "system", "assistant", "tool", "text", "image_url", "function", "json_schema", "{}", "a"),
        *("data:image/png;base64,QUJD", "#/$defs/a", "string", "object", "auto", "low", "required"),
    ]
)
odd_request = odd(REQUEST, request_words)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", "system"])},
        optional={
            "content": odd_request | st.just("hi"),
            "tool_calls": odd_request,
            "tool_call_id": st.just("a"),
        },
    ),
    min_size=1,
    max_size=4,
)


@given(st.dictionaries(st.sampled_from(REQUEST), odd_request, max_size=5), messages, MODELS, st.booleans())
def test_no_request_crashes(rest: dict[str, Any], found: list[Any], model: str, is_strict: Any) -> None:
    try:
        written = write_request({"messages": found, **rest}, model, strict=is_strict)
    except RequestError as error:
        refused = error
    else:
        assert written.body.startswith(b'{"contents":[{"role":')
        assert json.loads(written.body)
        told = [note for note in written.warnings if not note.startswith("reasoning_effort: ")]
        assert not told or not is_strict
        assert all(warning.isascii() and warning.isprintable() for warning in written.warnings)
        return
    assert refused.status == 400
    assert refused.param


RESPONSE = [
    *(
        "candidates",
        "content",
        "parts",
        "text",
        "thought",
        "functionCall",
        "name",
        "args",
        "finishReason",
        "index",
    ),
    *("promptFeedback", "blockReason", "usageMetadata", "promptTokenCount", "thoughtSignature", "inlineData"),
    *(
        "error",
        "code",
        "status",
        "message",
        "details",
        "retryDelay",
        "logprobsResult",
        "chosenCandidates",
        "token",
    ),
    *("topCandidates", "mimeType", "data", "id", "responseId", "logProbability"),
]
response_words = st.sampled_from(["STOP", "SAFETY", "MAX_TOKENS", "f", "QUJD", "INTERNAL", "3s"])
odd_response = odd(RESPONSE, response_words)
parts = st.lists(
    st.dictionaries(st.sampled_from(RESPONSE), odd_response, max_size=2)
    | st.builds(lambda text: {"text": text}, st.text()),
    max_size=3,
)
candidates = st.builds(
    lambda found, rest: {"content": {"parts": found}, **rest},
    parts,
    st.dictionaries(st.sampled_from(["finishReason", "index", "logprobsResult"]), odd_response),
)
answers = st.builds(
    lambda found, rest: {"candidates": found, **rest},
    st.lists(candidates, max_size=2),
    st.dictionaries(st.sampled_from(["usageMetadata", "responseId", "promptFeedback"]), odd_response),
)
documents = answers | odd_response


@given(documents.map(json.dumps).map(str.encode) | st.binary())
def test_no_answer_crashes(body: bytes) -> None:
    document = json.loads(read_response(body, REPLY))
    assert ("error" in document) != ("choices" in document)


@given(st.integers(200, 600), documents.map(json.dumps).map(str.encode) | st.binary())
def test_no_error_crashes(status: int, body: bytes) -> None:
    found, written = read_error(status, body)
    error = json.loads(written)["error"]
    assert found in range(400, 601)
    assert error["message"]
    assert isinstance(error["type"], str)
    assert error["code"] is None or isinstance(error["code"], str)
    assert (retry_after(body) or 0) >= 0


ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
good = st.builds(
    lambda parts, rest: {"candidates": [{"content": {"parts": parts}, **rest}], "responseId": "r"},
    st.lists(
        st.fixed_dictionaries({"text": st.text()}, optional={"thought": st.just(value=True)})
        | st.builds(
            lambda args: {"functionCall": {"name": "f", "args": args}}, st.dictionaries(st.text(), scalars)
        ),
        max_size=3,
    ),
    st.fixed_dictionaries({}, optional={"finishReason": st.just("STOP")}),
)


def stream(found: list[Any], end: bytes) -> bytes:
    return b"".join(b"data: " + json.dumps(document).encode() + end + end for document in found)


streams = st.builds(stream, st.lists(good | documents, max_size=5), ends)


@given(streams | st.binary(), st.lists(st.integers(0, 400), max_size=6), st.booleans())
def test_any_split_of_a_stream_gives_the_same_bytes(found: bytes, cuts: list[int], is_single: Any) -> None:
    whole = StreamReader(REPLY)
    expected = whole.feed(found) + whole.end()
    marks = [*range(len(found)), len(found)] if is_single else [0, *sorted(cuts), len(found)]
    reader = StreamReader(REPLY)
    pieces = [found[start:end] for start, end in pairwise(marks)]
    assert b"".join(map(reader.feed, pieces)) + reader.end() == expected
    assert expected.endswith(b"data: [DONE]\n\n") != reader.has_failed


texts = st.lists(st.text(), min_size=1, max_size=4)


@given(texts, ends)
def test_texts_come_through_a_stream_exactly(found: list[str], end: bytes) -> None:
    events = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in found]
    events.append({"candidates": [{"finishReason": "STOP"}]})
    reader = StreamReader(REPLY)
    out = reader.feed(stream(events, end)) + reader.end()
    chunks = [json.loads(line[6:]) for line in out.split(b"\n\n")[:-2]]
    told = [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]
    assert "".join(told) == "".join(found)


numbers = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
).filter(lambda text: text != "-0")
arguments = st.dictionaries(
    st.text(max_size=5).map(json.dumps), numbers | st.text(max_size=5).map(json.dumps), max_size=4
).map(lambda found: "{" + ",".join(f"{name}:{value}" for name, value in found.items()) + "}")


def exact(text: str) -> Any:
    return json.loads(
        text, parse_int=lambda found: ("number", found), parse_float=lambda found: ("number", found)
    )


@given(arguments, MODELS)
def test_arguments_of_tools_come_through_both_ways_exactly(text: str, model: str) -> None:
    """A call that the client sends back is the one that it got."""
    body = b'{"candidates":[{"content":{"parts":[{"functionCall":{"id":"c","name":"f","args":%b}}]}}]}'
    answer = json.loads(read_response(body % text.encode(), REPLY))
    message = answer["choices"][0]["message"]
    (call,) = message["tool_calls"]
    assert exact(call["function"]["arguments"]) == exact(text)
    result = {"role": "tool", "tool_call_id": call["id"], "content": text}
    history = [{"role": "user", "content": "hi"}, message, result]
    sent = exact(write_request({"messages": history}, model, strict=True).body.decode())
    assert sent["contents"][1]["parts"][0]["functionCall"] == {"id": "c", "name": "f", "args": exact(text)}
    assert sent["contents"][2]["parts"][0]["functionResponse"] == {
        "id": "c",
        "name": "f",
        "response": exact(text),
    }


said = st.text(min_size=1)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "functionCall": st.fixed_dictionaries(
                {
                    "id": st.from_regex(r"[a-z]{1,9}", fullmatch=True),
                    "name": said,
                    "args": st.just({"a": [1, None]}),
                }
            )
        },
        optional={
            "thoughtSignature": st.binary(min_size=1)
            .map(bytes.hex)
            .map(lambda text: text + "=" * (-len(text) % 4))
        },
    ),
    max_size=3,
    unique_by=lambda call: call["functionCall"]["id"],
)


@given(st.lists(said, max_size=1), calls)
def test_what_the_model_said_comes_back_to_it_as_it_was(words: list[str], called: list[Any]) -> None:
    """Reading an answer and writing it into the next request is the identity on what both forms have."""
    parts = [*({"text": text} for text in words), *called]
    if not parts:
        return
    body = json.dumps(
        {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]}
    )
    message = json.loads(read_response(body.encode(), REPLY))["choices"][0]["message"]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": "{}"}
        for call in message.get("tool_calls", ())
    ]
    history = [{"role": "user", "content": "hi"}, message, *results]
    sent = json.loads(write_request({"messages": history}, "gemini-2.5-flash", strict=True).body)
    assert sent["contents"][1] == {"role": "model", "parts": parts}
