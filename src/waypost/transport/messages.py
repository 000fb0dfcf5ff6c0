"""Envoy's messages, read into plain values and written from them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from waypost.transport.wire_pb2 import (
    BodyMutation,
    CommonResponse,
    HeaderMap,
    HeaderMutation,
    HeaderValue,
    HeaderValueOption,
    HttpStatus,
    ImmediateResponse,
    ProcessingRequest,
    ProcessingResponse,
)

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
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
    set_headers: Iterable[tuple[str, str]] = (),
    remove_headers: Iterable[str] = (),
    *,
    body: bytes | None = None,
    clear_route_cache: bool = False,
) -> CommonResponse:
    """Let a message pass with changes. A body brings its content-length: Envoy compares the two."""
    edits = [_set(name, value) for name, value in set_headers]
    if body is not None:
        edits.append(_set("content-length", str(len(body))))
    return CommonResponse(
        header_mutation=HeaderMutation(set_headers=edits, remove_headers=list(remove_headers)),
        body_mutation=None if body is None else BodyMutation(body=body),
        clear_route_cache=clear_route_cache,
    )


def immediate(reply: Reply, headers: Mapping[str, str]) -> ProcessingResponse:
    """Answer at once, with these headers besides the reply's own."""
    merged = {**headers, **dict(reply.headers), "content-type": reply.content_type}
    mutation = HeaderMutation(set_headers=[_set(name, value) for name, value in merged.items()])
    return ProcessingResponse(
        immediate_response=ImmediateResponse(
            status=HttpStatus(code=reply.status),
            headers=mutation,
            body=reply.body,
            details=f"waypost_{reply.code}",
        )
    )


def _set(name: str, value: str) -> HeaderValueOption:
    return HeaderValueOption(
        header=HeaderValue(key=name, raw_value=_CONTROL.sub("?", value).encode()),
        append_action=HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD,
    )
