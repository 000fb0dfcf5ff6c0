"""OpenAI's embeddings asked of Gemini."""

import base64
import json
import struct
from typing import Any

import pytest

from waypost.dialects.foreign import Reply
from waypost.dialects.gemini_embeddings import read_response, write_request
from waypost.errors import RequestError

REPLY = Reply("embed", "embd-1", 0)


def written(document: dict[str, Any], model: str = "gemini-embedding-001") -> Any:
    """Body of the request for Gemini."""
    return json.loads(write_request(document, model, strict=True).body)


def refused(document: dict[str, Any]) -> str | None:
    """The field that a request is refused for."""
    with pytest.raises(RequestError) as raised:
        write_request(document, "gemini-embedding-001", strict=False)
    return raised.value.param


def answered(native: object, reply: Reply = REPLY) -> Any:
    """What the client gets."""
    return json.loads(read_response(json.dumps(native).encode(), reply))


# --- requests ---------------------------------------------------------------------------------------------


def test_a_text_is_a_batch_of_one() -> None:
    assert written({"model": "embed", "input": "hello"}) == {
        "requests": [
            {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": "hello"}]}},
        ]
    }


def test_each_text_has_its_own_request_and_length() -> None:
    asked = written({"input": ["a", "b"], "dimensions": 768.0, "encoding_format": "float"})["requests"]
    assert [item["content"]["parts"][0]["text"] for item in asked] == ["a", "b"]
    assert [item["outputDimensionality"] for item in asked] == [768, 768]


def test_the_model_is_in_the_path_and_no_key() -> None:
    assert (
        write_request({"input": "a"}, "m?key=1", strict=True).path == "/models/m%3Fkey%3D1:batchEmbedContents"
    )
    assert (
        write_request({"input": "a"}, "tunedModels/x", strict=True).path
        == "/tunedModels/x:batchEmbedContents"
    )


def test_half_a_surrogate_pair_passes() -> None:
    assert written({"input": "\ud800"})["requests"][0]["content"]["parts"][0]["text"] == "\ud800"


def test_what_gemini_has_no_word_for_is_noted_and_refused_in_strict_mode() -> None:
    document = {"input": "a", "user": "ann"}
    warnings = write_request(document, "m", strict=False).warnings
    assert warnings == ("user: not sent, this provider does not know it",)
    with pytest.raises(RequestError, match="`user`"):
        write_request(document, "m", strict=True)


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2], [3]], ["a", 1], [], None, {"text": "a"}, 7])
def test_what_is_no_text_is_refused(tokens: object) -> None:
    assert refused({"input": tokens}) == "input"


@pytest.mark.parametrize("dimensions", [0, -1, 1.5, "768", 2**16 + 1, float("inf"), float("nan"), [1]])
def test_dimensions_are_whole_and_positive(dimensions: object) -> None:
    assert refused({"input": "a", "dimensions": dimensions}) == "dimensions"


@pytest.mark.parametrize("form", ["int8", 1, ["float"]])
def test_other_forms_of_vectors_are_refused(form: object) -> None:
    assert refused({"input": "a", "encoding_format": form}) == "encoding_format"


# --- answers ----------------------------------------------------------------------------------------------


def test_vectors_keep_their_order_and_digits() -> None:
    body = b'{"embeddings":[{"values":[0.10,-1e-7]},{"values":[1,2]}],"usageMetadata":{"promptTokenCount":5}}'
    assert read_response(body, REPLY) == (
        b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10,-1e-7]},'
        b'{"object":"embedding","index":1,"embedding":[1,2]}],"model":"embed",'
        b'"usage":{"prompt_tokens":5,"total_tokens":5}}'
    )


def test_base64_is_of_32_bit_floats() -> None:
    found = answered({"embeddings": [{"values": [0.5, -2, 3]}]}, Reply("embed", "x", 0, is_base64=True))
    packed = base64.b64decode(found["data"][0]["embedding"])
    assert struct.unpack("<3f", packed) == (0.5, -2.0, 3.0)


@pytest.mark.parametrize(
    "usage", [None, {}, {"promptTokenCount": -1}, {"promptTokenCount": True}, {"totalTokenCount": 3}]
)
def test_usage_that_is_not_known_is_not_told(usage: object) -> None:
    assert "usage" not in answered({"embeddings": [{"values": [1.5]}], "usageMetadata": usage})


def test_an_error_with_status_200_is_one() -> None:
    found = answered({"error": {"code": 503, "message": "secret", "status": "UNAVAILABLE"}})
    assert found["error"]["type"] == "server_error"
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    "native",
    [
        {},
        [],
        "text",
        {"embeddings": []},
        {"embeddings": {}},
        {"embeddings": [{}]},
        {"embeddings": [{"values": []}]},
        {"embeddings": [{"values": [1.5]}, {"values": ["a"]}]},
        {"embeddings": [{"values": [True]}]},
        {"embeddings": [{"values": [None]}]},
    ],
)
def test_what_cannot_be_read_is_an_error(native: object) -> None:
    for reply in (REPLY, Reply("embed", "x", 0, is_base64=True)):
        assert answered(native, reply)["error"]["code"] == "provider_error"


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_an_error(body: bytes) -> None:
    assert json.loads(read_response(body, REPLY))["error"]["code"] == "provider_error"


def test_a_number_too_large_for_32_bits_is_an_error_as_base64_only() -> None:
    body = b'{"embeddings":[{"values":[1e39]}]}'
    assert b"[1e39]" in read_response(body, REPLY)
    assert b"provider_error" in read_response(body, Reply("embed", "x", 0, is_base64=True))


@pytest.mark.parametrize("number", ["1e9999", "1" * 5000])
def test_a_number_too_large_for_any_reader_is_an_error(number: str) -> None:
    assert b"provider_error" in read_response(f'{{"embeddings":[{{"values":[{number}]}}]}}'.encode(), REPLY)
