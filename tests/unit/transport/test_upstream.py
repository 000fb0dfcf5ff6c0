"""The upstream role: what Envoy is told about one attempt."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.unit.transport.envoy_says import BUFFERED, attempt_headers, immediate_headers, request_body, set_by
from waypost.attempt import FORM, HOPS, Hops, form_id, hops_of
from waypost.errors import ProtocolError
from waypost.mutations.target import Target
from waypost.providers.chain import hop_id
from waypost.providers.provider import Account, Secret
from waypost.testing import policies
from waypost.transport.upstream import Upstream
from waypost.transport.wire_pb2 import ProcessingMode, ProcessingRequest, ProcessingResponse

POLICY = policies.policy({"a": "external", "b": "external"}, {}, ())
A, B = (endpoint.provider.cluster for endpoint in POLICY.endpoints.values())


def keyed(target: Target) -> Target:
    endpoint = target.endpoint
    provider = replace(endpoint.provider, account=Account((Secret(f"key-{endpoint.name}"),)))
    return replace(target, endpoint=replace(endpoint, provider=provider))


KNOWN = hops_of([POLICY])
KEYED = Hops({hop: keyed(target) for hop, target in KNOWN.targets.items()}, KNOWN.forms)


def headers(count: str = "1", **changes: str) -> Mapping[str, str]:
    own = {
        ":path": "/v1/chat/completions",
        "x-envoy-attempt-count": count,
        "content-type": "application/json",
        FORM: form_id("test", "openai_chat"),
    }
    return own | {header: hop_id("test", name) for header, name in zip(HOPS, "ab", strict=False)} | changes


def talk(upstream: Upstream, *messages: ProcessingRequest) -> list[ProcessingResponse]:
    async def carry() -> list[ProcessingResponse]:
        phases = [message.WhichOneof("request") for message in messages]
        found = [
            await upstream.answer(phase, message)  # type: ignore[arg-type]
            for phase, message in zip(phases, messages, strict=True)
        ]
        await upstream.closed()
        return found

    return asyncio.run(carry())


def test_a_first_attempt_takes_one_message() -> None:
    upstream = Upstream(lambda: KEYED)
    (answer,) = talk(upstream, attempt_headers(headers(), A))
    mutation = answer.request_headers.response.header_mutation
    assert set_by(mutation) == {
        ":path": "/v1/chat/completions",
        ":authority": "a-host.invalid",
        "authorization": "Bearer key-a",
        "accept-encoding": "identity",
    }
    assert not answer.HasField("mode_override")
    assert upstream.done


def test_a_later_attempt_asks_for_the_body_and_writes_its_own_model() -> None:
    upstream = Upstream(lambda: KEYED)
    first, second = talk(
        upstream,
        attempt_headers(headers("2"), B),
        request_body(b'{"messages":[], "model" : "a" }'),
    )
    assert first.mode_override.request_body_mode == ProcessingMode.BUFFERED
    assert set_by(first.request_headers.response.header_mutation)["authorization"] == "Bearer key-b"
    edited = second.request_body.response
    assert edited.body_mutation.body == b'{"messages":[], "model" : "b" }'
    assert set_by(edited.header_mutation) == {"content-length": str(len(edited.body_mutation.body))}
    assert upstream.done


def test_an_envoy_that_sends_the_body_anyway_is_not_asked_for_it() -> None:
    (answer,) = talk(Upstream(lambda: KEYED), attempt_headers(headers("2"), B, BUFFERED))
    assert not answer.HasField("mode_override")


@pytest.mark.parametrize(
    ("changes", "cluster"),
    [
        ({}, B),
        ({}, ""),
        ({"x-waypost-hop-1": "unknown"}, A),
        ({"x-envoy-attempt-count": "9"}, A),
        ({"x-waypost-form": "openai_chat"}, A),
    ],
)
def test_an_attempt_that_does_not_add_up_is_refused_and_never_sent(
    changes: dict[str, str], cluster: str
) -> None:
    upstream = Upstream(lambda: KEYED)
    (answer,) = talk(upstream, attempt_headers(headers(**changes), cluster))
    assert answer.immediate_response.status.code == 503
    assert answer.immediate_response.details == "waypost_attempt_refused"
    assert json.loads(answer.immediate_response.body)["error"]["code"] == "attempt_refused"
    assert immediate_headers(answer)["x-should-retry"] == "false"
    assert "key-" not in str(answer)
    assert upstream.done


def test_a_body_without_headers_ends_the_stream() -> None:
    """With headers skipped, Envoy sends them to the provider before it asks: nothing could be mended."""
    with pytest.raises(ProtocolError, match="request_header_mode"):
        talk(Upstream(lambda: KEYED), request_body(b"{}"))
