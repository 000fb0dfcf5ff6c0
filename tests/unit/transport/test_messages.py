"""Envoy's messages, read and written."""

import pytest

from tests.unit.transport.envoy_says import attributes, immediate_headers, set_by
from waypost.transport.messages import Reply, change, immediate, read_attribute, read_headers
from waypost.transport.wire_pb2 import CommonResponse, HeaderMap, HeaderValue, ProcessingRequest


def test_headers_are_read_from_either_field_in_order() -> None:
    headers = HeaderMap(
        headers=[
            HeaderValue(key="a", raw_value=b"\xe9t\xe9"),
            HeaderValue(key="a", value="old field"),
            HeaderValue(key="b"),
        ]
    )
    assert read_headers(headers) == (("a", "été"), ("a", "old field"), ("b", ""))


def test_attributes_are_text() -> None:
    message = ProcessingRequest(attributes=attributes(source__address="1.2.3.4:5", count=2))
    assert read_attribute(message, "source.address") == "1.2.3.4:5"
    assert read_attribute(message, "count") == "2"
    assert read_attribute(message, "other") == ""
    assert read_attribute(ProcessingRequest(), "source.address") == ""


def test_a_change_of_headers_leaves_the_body() -> None:
    message = CommonResponse()
    change(message, [("a", "1"), ("b", "ü")], ["c"])
    assert set_by(message.header_mutation) == {"a": "1", "b": "ü"}
    assert list(message.header_mutation.remove_headers) == ["c"]
    assert not message.HasField("body_mutation")


@pytest.mark.parametrize("body", [b"", b"x" * 7])
def test_a_body_brings_its_length(body: bytes) -> None:
    message = CommonResponse()
    change(message, body=body)
    assert set_by(message.header_mutation) == {"content-length": str(len(body))}
    assert message.body_mutation.body == body
    assert message.body_mutation.WhichOneof("mutation") == "body"


def test_control_characters_do_not_get_into_headers() -> None:
    message = CommonResponse()
    change(message, [("x-waypost-decision", "a\r\nset-cookie: x\0")])
    assert set_by(message.header_mutation) == {"x-waypost-decision": "a??set-cookie: x?"}


def test_an_immediate_answer_is_marked_as_ours() -> None:
    answer = immediate(Reply(403, "blocked", b"{}", (("allow", "GET"),)), {"x-waypost-request-id": "id"})
    response = answer.immediate_response
    assert (response.status.code, response.body, response.details) == (403, b"{}", "waypost_blocked")
    assert immediate_headers(answer) == {
        "x-waypost-request-id": "id",
        "allow": "GET",
        "content-type": "application/json",
    }
