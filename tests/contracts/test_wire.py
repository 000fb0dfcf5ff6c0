"""Our messages have Envoy's field numbers: read from the descriptor inside the 1.40.0 binary."""

from importlib.resources import files
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from waypost.transport import wire_pb2

FIELDS = {
    "ProcessingRequest": {
        "request_headers": 2,
        "response_headers": 3,
        "request_body": 4,
        "response_body": 5,
        "request_trailers": 6,
        "response_trailers": 7,
        "attributes": 9,
        "observability_mode": 10,
        "protocol_config": 11,
    },
    "ProtocolConfiguration": {
        "request_body_mode": 1,
        "response_body_mode": 2,
        "send_body_without_waiting_for_header_response": 3,
    },
    "HttpHeaders": {"headers": 1, "end_of_stream": 3},
    "HttpBody": {"body": 1, "end_of_stream": 2},
    "HttpTrailers": {"trailers": 1},
    "ProcessingResponse": {
        "request_headers": 1,
        "response_headers": 2,
        "request_body": 3,
        "response_body": 4,
        "request_trailers": 5,
        "response_trailers": 6,
        "immediate_response": 7,
        "dynamic_metadata": 8,
        "mode_override": 9,
    },
    "HeadersResponse": {"response": 1},
    "BodyResponse": {"response": 1},
    "TrailersResponse": {"header_mutation": 1},
    "CommonResponse": {"status": 1, "header_mutation": 2, "body_mutation": 3, "clear_route_cache": 5},
    "HeaderMutation": {"set_headers": 1, "remove_headers": 2},
    "BodyMutation": {"body": 1, "clear_body": 2},
    "ImmediateResponse": {"status": 1, "headers": 2, "body": 3, "details": 5},
    "ProcessingMode": {
        "request_header_mode": 1,
        "response_header_mode": 2,
        "request_body_mode": 3,
        "response_body_mode": 4,
        "request_trailer_mode": 5,
        "response_trailer_mode": 6,
    },
    "HeaderMap": {"headers": 1},
    "HeaderValue": {"key": 1, "value": 2, "raw_value": 3},
    "HeaderValueOption": {"header": 1, "append_action": 3},
    "HttpStatus": {"code": 1},
}

ENUMS = {
    "ProcessingMode.HeaderSendMode": ["DEFAULT", "SEND", "SKIP"],
    "ProcessingMode.BodySendMode": [
        "NONE",
        "STREAMED",
        "BUFFERED",
        "BUFFERED_PARTIAL",
        "FULL_DUPLEX_STREAMED",
        "GRPC",
    ],
    "CommonResponse.ResponseStatus": ["CONTINUE", "CONTINUE_AND_REPLACE"],
    "HeaderValueOption.HeaderAppendAction": [
        "APPEND_IF_EXISTS_OR_ADD",
        "ADD_IF_ABSENT",
        "OVERWRITE_IF_EXISTS_OR_ADD",
        "OVERWRITE_IF_EXISTS",
    ],
}

MESSAGES = wire_pb2.DESCRIPTOR.message_types_by_name


def test_every_message_is_in_the_table() -> None:
    assert set(MESSAGES) == set(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_fields_have_envoys_numbers(name: str) -> None:
    assert {field.name: field.number for field in MESSAGES[name].fields} == FIELDS[name]


@pytest.mark.parametrize("name", ENUMS)
def test_enums_have_envoys_values(name: str) -> None:
    message, enum = name.split(".")
    values = MESSAGES[message].enum_types_by_name[enum].values
    assert [value.name for value in values] == ENUMS[name]
    assert [value.number for value in values] == list(range(len(values)))


def test_the_package_is_our_own() -> None:
    """Other builds of Envoy's messages may be loaded beside ours without a clash of descriptors."""
    assert wire_pb2.DESCRIPTOR.package == "waypost.wire"


def test_the_generated_code_is_current(tmp_path: Path) -> None:
    source, result = Path(wire_pb2.__file__).parent, tmp_path / "set"
    known = files("grpc_tools") / "_proto"
    options = [f"-I{source}", f"-I{known}", f"--descriptor_set_out={result}", "wire.proto"]
    assert protoc.main(["protoc", *options]) == 0
    (written,) = FileDescriptorSet.FromString(result.read_bytes()).file
    generated = FileDescriptorProto()
    wire_pb2.DESCRIPTOR.CopyToProto(generated)
    for message in written.message_type:
        for one in (message, *message.nested_type):
            for field in one.field:
                field.ClearField("json_name")
    assert written == generated, "make proto"
