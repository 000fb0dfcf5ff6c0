"""The upstream role: what Envoy is told about one attempt."""

import asyncio
import gzip
import json
import logging
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.unit.transport.envoy_says import (
    BUFFERED,
    attempt_headers,
    immediate_headers,
    request_body,
    response_body,
    response_headers,
    set_by,
)
from waypost.attempt import FORM, HOPS, Hops, form_id, hops_of
from waypost.errors import ProtocolError
from waypost.mutations.target import Target
from waypost.providers.chain import hop_id
from waypost.providers.provider import Account, Secret
from waypost.testing import policies
from waypost.transport.breakers import Breakers
from waypost.transport.keys import Keys
from waypost.transport.upstream import LARGE_BYTES, Upstream
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


def upstream(keys: Keys | None = None, hops: Hops = KEYED) -> Upstream:
    """An attempt in a world where no time passes."""
    return Upstream(lambda: hops, keys or Keys(lambda: 0.0), Breakers(lambda: 0.0), lambda: 0.0)


def last(**changes: str) -> Mapping[str, str]:
    """The headers of a chain of one."""
    own = dict(headers(**changes))
    del own["x-waypost-hop-2"]
    return own


def test_a_chain_of_one_takes_one_message() -> None:
    attempt = upstream()
    (answer,) = talk(attempt, attempt_headers(last(), A))
    mutation = answer.request_headers.response.header_mutation
    assert set_by(mutation) == {
        ":path": "/v1/chat/completions",
        ":authority": "a-host.invalid",
        "authorization": "Bearer key-a",
    }
    assert not answer.HasField("mode_override")
    assert attempt.done


def test_where_the_chain_goes_on_the_response_headers_are_asked_for() -> None:
    attempt = upstream()
    (answer,) = talk(attempt, attempt_headers(headers(), A))
    mode = answer.mode_override
    assert mode.response_header_mode == ProcessingMode.SEND
    assert (mode.request_body_mode, mode.response_body_mode) == (ProcessingMode.NONE, ProcessingMode.NONE)
    assert not attempt.done


def test_a_later_attempt_asks_for_the_body_and_writes_its_own_model() -> None:
    attempt = upstream()
    first, second = talk(
        attempt,
        attempt_headers(headers("2"), B),
        request_body(b'{"messages":[], "model" : "a" }'),
    )
    assert first.mode_override.request_body_mode == ProcessingMode.BUFFERED
    assert first.mode_override.response_header_mode == ProcessingMode.SKIP
    assert set_by(first.request_headers.response.header_mutation)["authorization"] == "Bearer key-b"
    edited = second.request_body.response
    assert edited.body_mutation.body == b'{"messages":[], "model" : "b" }'
    assert set_by(edited.header_mutation) == {"content-length": str(len(edited.body_mutation.body))}
    assert attempt.done


def test_an_envoy_that_sends_the_body_anyway_is_not_asked_for_it() -> None:
    (answer,) = talk(upstream(), attempt_headers(headers("2"), B, BUFFERED))
    assert not answer.HasField("mode_override")
    (answer,) = talk(upstream(), attempt_headers(headers(), A, BUFFERED))
    assert answer.mode_override.request_body_mode == ProcessingMode.BUFFERED


def of_kind(kind: str, **changes: object) -> Hops:
    """Both endpoints at providers of a kind; what is read from the headers stays as it was."""

    def changed(target: Target) -> Target:
        provider = replace(target.endpoint.provider, kind=kind, **changes)  # type: ignore[arg-type]
        return replace(target, endpoint=replace(target.endpoint, provider=provider))

    return replace(KEYED, targets={hop: changed(each) for hop, each in KEYED.targets.items()})


CHAT = {"model": "a", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("size", [1, LARGE_BYTES])
def test_a_foreign_provider_gets_its_own_path_headers_and_body(size: int) -> None:
    """A large one is written in a thread."""
    said = json.dumps({**CHAT, "user": "u" * size}).encode()
    first, second = talk(upstream(hops=of_kind("anthropic")), attempt_headers(last(), A), request_body(said))
    assert first.mode_override.request_body_mode == ProcessingMode.BUFFERED
    assert set_by(first.request_headers.response.header_mutation)["x-api-key"] == "key-a"
    written = second.request_body.response
    own = set_by(written.header_mutation)
    assert own[":path"] == "/v1/messages"
    assert own["anthropic-version"] == "2023-06-01"
    assert own["content-length"] == str(len(written.body_mutation.body))
    assert json.loads(written.body_mutation.body)["max_tokens"] > 0


def test_what_cannot_be_said_to_a_provider_is_the_clients_to_mend() -> None:
    attempt = upstream(hops=of_kind("anthropic"))
    empty = json.dumps({**CHAT, "messages": []}).encode()
    _, answer = talk(attempt, attempt_headers(last(), A), request_body(empty))
    assert answer.immediate_response.status.code == 400
    assert json.loads(answer.immediate_response.body)["error"]["type"] == "invalid_request_error"
    assert immediate_headers(answer)["x-should-retry"] == "false"
    assert attempt.done


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
    attempt = upstream()
    (answer,) = talk(attempt, attempt_headers(headers(**changes), cluster))
    assert answer.immediate_response.status.code == 503
    assert answer.immediate_response.details == "waypost_attempt_refused"
    assert json.loads(answer.immediate_response.body)["error"]["code"] == "attempt_refused"
    assert immediate_headers(answer)["x-should-retry"] == "false"
    assert "key-" not in str(answer)
    assert attempt.done


def test_a_body_without_headers_ends_the_stream() -> None:
    """With headers skipped, Envoy sends them to the provider before it asks: nothing could be mended."""
    for message in (request_body(b"{}"), response_headers(), response_body(b"{}")):
        with pytest.raises(ProtocolError, match="request_header_mode"):
            talk(upstream(), message)


# --- responses --------------------------------------------------------------------------------------------


def refusal(status: int, body: bytes, **more: str) -> tuple[ProcessingRequest, ProcessingRequest]:
    """The two messages of an answer whose length is known."""
    own = {"content-length": str(len(body))} | more
    return response_headers(status, own), response_body(body)


def steered(answer: ProcessingResponse) -> bool:
    mutation = answer.response_body.response.header_mutation
    assert not answer.response_body.response.HasField("body_mutation")
    assert set_by(mutation) in ({}, {":status": "503"})
    return bool(mutation.set_headers)


OVERFLOW = (
    b'{"error": {"message": "too long", "type": "x", "param": null, "code": "context_length_exceeded"}}'
)
UNPAID = b'{"error": {"message": "Pay.", "type": "insufficient_quota", "code": "insufficient_quota"}}'
PLAIN = b'{"error": {"message": "No.", "type": "invalid_request_error", "code": null}}'


@pytest.mark.parametrize(
    ("status", "body", "goes_on"),
    [
        (400, OVERFLOW, True),
        (413, OVERFLOW, True),
        (400, UNPAID, True),
        (400, PLAIN, False),
        (422, b"{", False),
    ],
)
def test_an_error_that_another_model_does_not_make_goes_on(
    status: int, body: bytes, *, goes_on: bool
) -> None:
    attempt = upstream()
    _, asked, told = talk(attempt, attempt_headers(headers(), A), *refusal(status, body))
    assert asked.mode_override.response_body_mode == ProcessingMode.BUFFERED
    assert not asked.response_headers.response.HasField("header_mutation")
    assert steered(told) == goes_on
    assert attempt.done


@pytest.mark.parametrize(
    ("status", "headers_of", "end"),
    [
        (200, {"content-length": "10"}, False),
        (404, {"content-length": "10"}, False),
        (500, {"content-length": "10"}, False),
        (400, {}, False),
        (400, {"content-length": "0"}, True),
        (400, {"content-length": "10"}, True),
        (400, {"content-length": str(64 * 1024 + 1)}, False),
        (400, {"content-length": "9" * 12}, False),
        (400, {"content-length": "-1"}, False),
        (400, {"content-length": "²"}, False),
        (400, {"content-length": "10", "content-encoding": "gzip"}, False),
    ],
)
def test_no_other_body_is_asked_for(status: int, headers_of: dict[str, str], *, end: bool) -> None:
    attempt = upstream()
    _, answer = talk(attempt, attempt_headers(headers(), A), response_headers(status, headers_of, end=end))
    assert answer.HasField("response_headers")
    assert not answer.response_headers.response.HasField("header_mutation")
    assert not answer.HasField("mode_override")
    assert attempt.done


def test_an_error_of_just_the_length_that_is_safe_is_read() -> None:
    _, answer = talk(
        upstream(), attempt_headers(headers(), A), response_headers(400, {"content-length": str(64 * 1024)})
    )
    assert answer.mode_override.response_body_mode == ProcessingMode.BUFFERED


@pytest.mark.parametrize(
    ("own", "later", "goes_on"),
    [(None, None, True), (8, 16, True), (8, None, True), (None, 8, True), (16, 16, False), (16, 8, False)],
)
def test_a_request_that_is_too_long_goes_where_there_may_be_room(
    own: int | None, later: int | None, *, goes_on: bool
) -> None:
    windows = {"a": own, "b": later}

    def sized(target: Target) -> Target:
        endpoint = target.endpoint
        return replace(target, endpoint=replace(endpoint, context_window=windows[endpoint.name]))

    hops = replace(KEYED, targets={hop: sized(each) for hop, each in KEYED.targets.items()})
    *_, told = talk(upstream(hops=hops), attempt_headers(headers(), A), *refusal(400, OVERFLOW))
    assert steered(told) == goes_on


def test_the_same_model_again_has_no_more_room() -> None:
    chain = headers(**{"x-waypost-hop-2": hop_id("test", "a")})
    *_, told = talk(upstream(), attempt_headers(chain, A), *refusal(400, OVERFLOW))
    assert not steered(told)


def test_an_error_is_read_in_the_form_of_its_provider() -> None:
    error = {"type": "invalid_request_error", "message": "prompt is too long: 3 > 2"}
    body = json.dumps({"type": "error", "error": error}).encode()
    attempt = upstream(hops=of_kind("anthropic"))
    chat = json.dumps(CHAT).encode()
    *_, told = talk(attempt, attempt_headers(headers(), A), request_body(chat), *refusal(400, body))
    assert steered(told)


def test_a_packed_error_is_not_read() -> None:
    """The router role asks for none, so this is a provider that was not asked."""
    packed = gzip.compress(OVERFLOW)
    said, _ = refusal(400, packed, **{"content-encoding": "gzip"})
    _, answer = talk(upstream(), attempt_headers(headers(), A), said)
    assert not answer.HasField("mode_override")


# --- what is remembered -----------------------------------------------------------------------------------


def keys_of(*keys: str) -> Hops:
    return of_kind("openai", account=Account(tuple(map(Secret, keys))))


def signed_with(answer: ProcessingResponse) -> str:
    return set_by(answer.request_headers.response.header_mutation)["authorization"]


def test_the_next_key_is_used_while_one_is_over_its_limit() -> None:
    keys, hops = Keys(lambda: 0.0), keys_of("one", "two")
    first, _ = talk(upstream(keys, hops), attempt_headers(last(), A), response_headers(429))
    assert signed_with(first) == "Bearer one"
    assert first.mode_override.response_header_mode == ProcessingMode.SEND, "the last one has to be told too"
    (second,) = talk(upstream(keys, hops), attempt_headers(last(), A))
    assert signed_with(second) == "Bearer two"


def test_a_key_that_is_refused_is_told_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    keys, hops = Keys(lambda: 0.0), keys_of("one", "two")
    with caplog.at_level(logging.ERROR):
        talk(upstream(keys, hops), attempt_headers(headers(), A), response_headers(401))
    assert caplog.messages == ["provider 'a-host' refuses key 1 of 2 (status 401)"]
    (second,) = talk(upstream(keys, hops), attempt_headers(last(), A))
    assert signed_with(second) == "Bearer two"


def test_how_long_is_the_providers_to_say() -> None:
    keys = Keys(lambda: 0.0)
    endpoint = POLICY.endpoints["a"]
    known = KEYED.targets[hop_id("test", "a")].endpoint
    said = response_headers(429, {"retry-after": "17"})
    talk(upstream(keys), attempt_headers(headers(), A), said)
    assert keys.cooling(known) == 17
    assert keys.cooling(endpoint) == 0, "of another account"


def test_a_model_that_is_not_there_is_remembered() -> None:
    keys = Keys(lambda: 0.0)
    talk(upstream(keys), attempt_headers(headers(), A), response_headers(404))
    assert [keys.is_absent(POLICY.endpoints[name]) for name in "ab"] == [True, False]


def test_what_a_client_named_and_is_not_there_says_nothing_of_the_model() -> None:
    keys = Keys(lambda: 0.0)
    named = headers() | {FORM: form_id("test", "openai_responses", native=True)}
    talk(upstream(keys), attempt_headers(named, A), response_headers(404))
    assert not keys.is_absent(POLICY.endpoints["a"])


def test_an_answer_that_is_none_is_held_against_nobody() -> None:
    keys = Keys(lambda: 0.0)
    for status in (200, 204, 400, 409, 500, 503):
        talk(upstream(keys), attempt_headers(headers(), A), response_headers(status))
    assert keys.cooling(KEYED.targets[hop_id("test", "a")].endpoint) == 0
