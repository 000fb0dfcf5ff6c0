"""What Envoy says when it answers by itself: one OpenAI-shaped error per cause.

Rule: what Waypost answered (details start with `waypost_`) and what a provider answered stay as they are.
Source: response code details of Envoy 1.40.0, as seen in its access log.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

Document = dict[str, object]

CEL: Final = "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
OURS: Final = 'response.code_details.startsWith("waypost_")'


@dataclass(frozen=True, slots=True)
class Reply:
    """One cause and its answer.

    Attributes:
        when: CEL over what Envoy knows when it answers.
        code: OpenAI `code`.
        message: for the client; never an address or a name of a provider.
        status: None = as Envoy chose.
        kind: OpenAI `type`.
        retry: value of `x-should-retry`: whether the same request may well succeed within a second.
    """

    when: str
    code: str
    message: str
    status: int | None = None
    kind: str = "server_error"
    retry: bool = False


def replies(max_body_bytes: int) -> Iterator[Reply]:
    """Every cause; the first one that holds is used."""
    yield Reply(
        _details("ext_proc_error_per-message_timeout"),
        "router_timeout",
        "The router did not decide in time. The request was not answered by any provider.",
        504,
    )
    yield Reply(
        _details("ext_proc"),
        "router_unavailable",
        "The router is not available at the moment. Try again in a second.",
        503,
        retry=True,
    )
    yield Reply(
        _details(
            "upstream_per_try_idle_timeout", "upstream_response_timeout", "upstream_max_stream_duration"
        ),
        "provider_timeout",
        "No provider answered in time.",
        504,
    )
    yield Reply(
        _details("no_healthy_upstream", "cluster_not_found", "no_route_cluster")
        + ' || response.code_details.contains("connection_failure")'
        + ' || response.code_details.contains("connection_timeout")',
        "provider_unavailable",
        "No provider for this request can be reached.",
        503,
    )
    yield Reply(
        'response.code_details.contains("overflow") || response.code_details.contains("overload")',
        "overloaded",
        "The gateway has too many requests under way. Try again later.",
        503,
    )
    yield Reply(
        'response.code_details.contains("protocol_error")',
        "provider_protocol_error",
        "The provider sent an answer that is not valid HTTP.",
        502,
    )
    yield Reply(
        _details("upstream_reset"),
        "provider_connection_lost",
        "The provider closed the connection before it answered.",
        502,
    )
    yield from _client_mistakes(max_body_bytes)
    yield Reply("response.code >= 500", "gateway_error", "The gateway could not serve this request.")
    yield _mistake("true", "invalid_request", "The request is not valid HTTP.")


def _client_mistakes(max_body_bytes: int) -> Iterator[Reply]:
    limit = f"{max_body_bytes / 2**20:g} MiB ({max_body_bytes} bytes)"
    yield _mistake(
        _details("request_payload_too_large"),
        "request_too_large",
        f"The request body is larger than the limit of {limit}.",
        413,
    )
    yield _mistake(
        'response.code_details.contains("headers_too_large")'
        ' || response.code_details.contains("too_many_headers")',
        "headers_too_large",
        "The request headers are too large: at most 100 headers and 60 KiB together.",
        431,
    )
    yield _mistake(
        _details("request_header_timeout", "request_overall_timeout", "stream_idle_timeout"),
        "request_timeout",
        "The request was not received completely in time.",
        408,
    )
    yield _mistake(
        _details("direct_response", "route_not_found"),
        "not_found",
        "Unknown path or method: use POST /v1/chat/completions, POST /v1/embeddings or GET /v1/models.",
        404,
    )
    yield _mistake(
        _details("upgrade_failed"),
        "upgrade_not_supported",
        "Upgrades such as WebSocket are not supported.",
        400,
    )
    yield _mistake(
        _details("low_version"), "http_version_not_supported", "HTTP/1.1 or HTTP/2 is required.", 426
    )
    yield _mistake(_details("http1."), "invalid_request", "The request is not valid HTTP.", 400)


def _mistake(when: str, code: str, message: str, status: int | None = None) -> Reply:
    return Reply(when, code, message, status, "invalid_request_error")


def _details(*beginnings: str) -> str:
    return " || ".join(f'response.code_details.startsWith("{text}")' for text in beginnings)


def local_replies(max_body_bytes: int) -> Document:
    """`local_reply_config` of the connection manager."""
    return {"mappers": [{"filter": _cel(OURS)}, *(_mapper(reply) for reply in replies(max_body_bytes))]}


def _mapper(reply: Reply) -> Document:
    error = {"message": reply.message, "type": reply.kind, "param": None, "code": reply.code}
    headers = {"x-should-retry": str(reply.retry).lower(), "x-waypost-request-id": "%REQ(X-REQUEST-ID)%"}
    if reply.retry:
        headers["retry-after"] = "1"
    return {
        "filter": _cel(reply.when),
        **({} if reply.status is None else {"status_code": reply.status}),
        "headers_to_add": [_header(name, value) for name, value in headers.items()],
        "body_format_override": {"json_format": {"error": error}},
    }


def _header(name: str, value: str) -> Document:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _cel(expression: str) -> Document:
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": f"type.googleapis.com/{CEL}",
                "expression": expression,
            },
        }
    }
