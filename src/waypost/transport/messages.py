"""Envoy's messages, read into plain values and written from them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from waypost.transport.wire_pb2 import (
    CommonResponse,
    HeaderMap,
    HeaderMutation,
    HeaderValueOption,
    ProcessingRequest,
    ProcessingResponse,
)

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_OVERWRITE: Final = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_ATTRIBUTES: Final = "envoy.filters.http.ext_proc"


@dataclass(frozen=True, slots=True)
class Reply:
    """A response Waypost gives itself.

    Attributes:
        code: stands behind `waypost_` in Envoy's response code details.
    """

    status: int
    code: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


def read_headers(headers: HeaderMap) -> tuple[tuple[str, str], ...]:
    """Names (lower case, as Envoy has them) and values in order; bytes outside ASCII become Latin-1."""
    return tuple((h.key, h.raw_value.decode("latin-1") or h.value) for h in headers.headers)


def read_attribute(message: ProcessingRequest, name: str) -> str:
    """An attribute Envoy was configured to send, as text; empty when it did not."""
    if _ATTRIBUTES not in message.attributes or name not in message.attributes[_ATTRIBUTES].fields:
        return ""
    value = message.attributes[_ATTRIBUTES].fields[name]
    return str(int(value.number_value)) if value.HasField("number_value") else value.string_value


def change(
    message: CommonResponse,
    set_headers: Iterable[tuple[str, str]] = (),
    remove_headers: Iterable[str] = (),
    *,
    body: bytes | None = None,
) -> None:
    """Fill in changes to what passes. A body brings its content-length: Envoy compares the two."""
    _set(message.header_mutation, set_headers)
    message.header_mutation.remove_headers.extend(remove_headers)
    if body is not None:
        _set(message.header_mutation, [("content-length", str(len(body)))])
        message.body_mutation.body = body


def immediate(reply: Reply, headers: Mapping[str, str]) -> ProcessingResponse:
    """Answer at once, with these headers besides the reply's own."""
    response = ProcessingResponse()
    answer = response.immediate_response
    answer.status.code = reply.status
    answer.body = reply.body
    answer.details = f"waypost_{reply.code}"
    _set(answer.headers, {**headers, **dict(reply.headers), "content-type": reply.content_type}.items())
    return response


def _set(mutation: HeaderMutation, headers: Iterable[tuple[str, str]]) -> None:
    # Filled in place, nothing looked up twice: messages copied in take six times as long.
    add = mutation.set_headers.add
    for name, value in headers:
        option = add()
        option.append_action = _OVERWRITE
        option.header.key = name
        clean = value if value.isprintable() else _CONTROL.sub("?", value)
        option.header.raw_value = clean.encode()
