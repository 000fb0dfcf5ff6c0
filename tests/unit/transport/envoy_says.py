"""Messages as Envoy sends them, answers as it reads them, and an audit log in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.struct_pb2 import Struct

from waypost.errors import EngineError
from waypost.record import AuditRecord
from waypost.transport.wire_pb2 import (
    HeaderMap,
    HeaderMutation,
    HeaderValue,
    HeaderValueOption,
    HttpBody,
    HttpHeaders,
    ProcessingMode,
    ProcessingRequest,
    ProcessingResponse,
    ProtocolConfiguration,
)

BUFFERED = ProtocolConfiguration(request_body_mode=ProcessingMode.BUFFERED)


def header_map(headers: Mapping[str, str]) -> HeaderMap:
    return HeaderMap(headers=[HeaderValue(key=k, raw_value=v.encode("latin-1")) for k, v in headers.items()])


def attributes(**named: str | int) -> dict[str, Struct]:
    """Dots in names are written as two underscores."""
    struct = Struct()
    struct.update({name.replace("__", "."): value for name, value in named.items()})
    return {"envoy.filters.http.ext_proc": struct}


def request_headers(
    method: str = "POST",
    path: str = "/v1/chat/completions",
    headers: Mapping[str, str] | None = None,
    *,
    source: str = "127.0.0.1:1",
    end: bool = False,
) -> ProcessingRequest:
    """What the router filter sends first."""
    own = {":method": method, ":path": path, ":authority": "gateway", "x-request-id": "id-1"}
    return ProcessingRequest(
        request_headers=HttpHeaders(headers=header_map(own | dict(headers or {})), end_of_stream=end),
        attributes=attributes(source__address=source),
        protocol_config=BUFFERED,
    )


def request_body(body: bytes) -> ProcessingRequest:
    return ProcessingRequest(request_body=HttpBody(body=body, end_of_stream=True))


def response_headers(
    status: int = 200, headers: Mapping[str, str] | None = None, *, attempts: int = 1, end: bool = False
) -> ProcessingRequest:
    """What the router filter sends when somebody answered."""
    own = {":status": str(status), "content-type": "application/json"}
    return ProcessingRequest(
        response_headers=HttpHeaders(headers=header_map(own | dict(headers or {})), end_of_stream=end),
        attributes=attributes(upstream__request_attempt_count=attempts),
    )


def response_body(piece: bytes, *, end: bool = True) -> ProcessingRequest:
    """A piece of the answer, or all of it."""
    return ProcessingRequest(response_body=HttpBody(body=piece, end_of_stream=end))


def attempt_headers(
    headers: Mapping[str, str], cluster: str, config: ProtocolConfiguration | None = None
) -> ProcessingRequest:
    """What the upstream filter sends first."""
    return ProcessingRequest(
        request_headers=HttpHeaders(headers=header_map(headers)),
        attributes=attributes(xds__cluster_name=cluster),
        protocol_config=config or ProtocolConfiguration(),
    )


def set_by(mutation: HeaderMutation) -> dict[str, str]:
    """Headers an answer sets, all of which must overwrite: the default appends."""
    overwrite = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
    assert all(option.append_action == overwrite for option in mutation.set_headers)
    found = {option.header.key: option.header.raw_value.decode() for option in mutation.set_headers}
    assert len(found) == len(mutation.set_headers)
    assert not set(found) & set(mutation.remove_headers)
    return found


def immediate_headers(answer: ProcessingResponse) -> dict[str, str]:
    return set_by(answer.immediate_response.headers)


@dataclass
class Log:
    """An audit log that remembers, or is broken."""

    records: list[AuditRecord] = field(default_factory=list[AuditRecord])
    broken: bool = False

    def digest(self, data: bytes) -> str:
        return f"digest of {len(data)}"

    async def append(self, record: AuditRecord) -> None:
        if self.broken:
            raise EngineError("the disk is full")
        self.records.append(record)
