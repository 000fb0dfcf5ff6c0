"""The router role: one request from its headers to the headers of its answer."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import pytest

from tests.unit.transport.envoy_says import (
    Log,
    immediate_headers,
    request_body,
    request_headers,
    response_headers,
    set_by,
)
from waypost.decision.engine import Block, Respond
from waypost.policy import IdentityRules, Policy
from waypost.providers.chain import hop_id
from waypost.testing import policies
from waypost.testing.policies import route_to
from waypost.testing.signals import Contains
from waypost.transport.router import Router, Routing
from waypost.transport.wire_pb2 import ProcessingMode, ProcessingRequest, ProcessingResponse

ZONES = {"a": "external", "b": "external", "in/1": "internal"}
WORDS = ("both", "vault", "forbidden", "hours", "broken")
RULES = (
    policies.rule("ab", "both", route_to("a", "b")),
    policies.rule("vault", "vault", route_to("in/1", inside="internal")),
    policies.rule("no", "forbidden", Block(403, "Not here.")),
    policies.rule("opening", "hours", Respond("We open at nine.")),
    policies.rule("down", "broken", Block(503, "Closed.")),
)
SIGNALS = {word: Contains(word=word) for word in WORDS}
POLICY = policies.policy(ZONES, SIGNALS, RULES)
POLICY = replace(
    POLICY,
    endpoints={n: replace(e, model=f"wire-{n}") if n != "b" else e for n, e in POLICY.endpoints.items()},
)


@dataclass
class Talk:
    """A router and what it said so far."""

    policy: Policy = POLICY
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        self.router = Router(Routing(lambda: self.policy, self.log, lambda: 1700000000.9, started=7))

    def hear(self, message: ProcessingRequest) -> ProcessingResponse:
        phase = message.WhichOneof("request")
        return asyncio.run(self.router.answer(phase, message))  # type: ignore[arg-type]

    def close(self) -> None:
        asyncio.run(self.router.closed())

    def ask(self, text: str, model: str = "auto", **fields: Any) -> ProcessingResponse:
        """Headers and body of one chat request."""
        assert self.hear(request_headers()).WhichOneof("response") == "request_headers"
        return self.hear(request_body(chat(text, model, **fields)))


def chat(text: str, model: str = "auto", **fields: Any) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **fields}).encode()


def error(answer: ProcessingResponse) -> tuple[int, str, str | None]:
    """Status, code and param of an answer of the API's shape."""
    response = answer.immediate_response
    found = json.loads(response.body)["error"]
    assert set(found) == {"message", "type", "param", "code"}
    assert response.details == f"waypost_{found['code']}"
    headers = immediate_headers(answer)
    assert headers["content-type"] == "application/json"
    assert headers["x-waypost-request-id"] == "id-1"
    return response.status.code, found["code"], found["param"]


# --- request headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/embeddings", "/v1/embeddings?x=/v1/models"])
def test_a_post_passes_and_its_body_and_response_are_asked_for(path: str) -> None:
    talk = Talk()
    answer = talk.hear(request_headers(path=path))
    assert answer.WhichOneof("response") == "request_headers"
    assert answer.mode_override.request_body_mode == ProcessingMode.BUFFERED
    assert answer.mode_override.response_header_mode == ProcessingMode.SEND
    assert not answer.request_headers.response.header_mutation.set_headers
    assert not talk.router.done


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/responses", 404),
        ("POST", "/v1/chat/completions/", 404),
        ("POST", "/v1/chat%2Fcompletions", 404),
        ("POST", "", 404),
        ("GET", "/v1/modelsx", 404),
        ("GET", "/", 404),
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/v1/embeddings", 405),
        ("POST", "/v1/models", 405),
        ("DELETE", "/v1/models/a", 405),
    ],
)
@pytest.mark.parametrize("end", [True, False])
def test_other_paths_and_methods(method: str, path: str, status: int, end: bool) -> None:  # noqa: FBT001
    answer = Talk().hear(request_headers(method, path, end=end))
    assert error(answer)[:2] == (status, {404: "not_found", 405: "method_not_allowed"}[status])
    allowed = "GET" if "models" in path else "POST"
    assert immediate_headers(answer).get("allow") == (allowed if status == 405 else None)


def test_models_are_listed() -> None:
    answer = Talk().hear(request_headers("GET", "/v1/models?limit=3", end=True))
    assert answer.immediate_response.status.code == 200
    listed = json.loads(answer.immediate_response.body)["data"]
    assert [(m["id"], m["owned_by"], m["created"]) for m in listed] == [
        ("MoM", "waypost", 7),
        ("auto", "waypost", 7),
        ("a", "a-host", 7),
        ("b", "b-host", 7),
        ("in/1", "in/1-host", 7),
    ]


@pytest.mark.parametrize("path", ["/v1/models/in/1", "/v1/models/in%2F1"])
def test_one_model_is_shown(path: str) -> None:
    answer = Talk().hear(request_headers("GET", path, end=True))
    assert json.loads(answer.immediate_response.body)["id"] == "in/1"


@pytest.mark.parametrize("name", ["x", "wire-a", "", "auto/", "%ff"])
def test_any_other_model_is_a_404(name: str) -> None:
    answer = Talk().hear(request_headers("GET", f"/v1/models/{name}", end=True))
    assert error(answer) == (404, "model_not_found", "model")


def test_a_request_without_a_body_is_a_400() -> None:
    assert error(Talk().hear(request_headers(end=True)))[:2] == (400, "missing_body")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"content-encoding": "gzip"}, "unsupported_encoding"),
        ({"content-encoding": "identity, br"}, "unsupported_encoding"),
        ({"origin": "https://evil.example", "content-type": "text/plain"}, "unsupported_media_type"),
        ({"origin": "null"}, "unsupported_media_type"),
    ],
)
def test_bodies_that_are_not_taken(headers: Mapping[str, str], code: str) -> None:
    assert error(Talk().hear(request_headers(headers=headers)))[:2] == (415, code)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-encoding": "identity"},
        {"content-encoding": ""},
        {"content-type": "text/plain"},
        {"origin": "https://app.example", "content-type": "application/json; charset=utf-8"},
    ],
)
def test_bodies_that_are_taken(headers: Mapping[str, str]) -> None:
    assert Talk().hear(request_headers(headers=headers)).WhichOneof("response") == "request_headers"


# --- request body -----------------------------------------------------------------------------------------


def test_a_request_is_sent_along_its_chain() -> None:
    talk = Talk()
    answer = talk.ask("both", temperature=1.5)
    change = answer.request_body.response
    assert change.clear_route_cache
    body = chat("both", "wire-a", temperature=1.5)
    assert change.body_mutation.body == body
    assert set_by(change.header_mutation) == {
        "x-waypost-hop-1": hop_id("test", "a"),
        "x-waypost-hop-2": hop_id("test", "b"),
        "x-envoy-max-retries": "1",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "user-agent": "waypost",
    }
    assert not talk.router.done
    (record,) = talk.log.records
    assert (record.outcome, record.decision, record.target) == ("forwarded", "ab", ("a", "b"))
    assert record.prompt_hmac == f"digest of {len(chat('both', temperature=1.5))}"


def test_a_body_that_names_the_right_model_is_left_alone() -> None:
    change = Talk().ask("hello", "b").request_body.response
    assert not change.HasField("body_mutation")
    assert set_by(change.header_mutation)["x-envoy-max-retries"] == "0"


def test_what_providers_must_not_see_is_removed() -> None:
    talk = Talk()
    client = {
        "authorization": "Bearer mine",
        "cookie": "a",
        "x-forwarded-for": "1.2.3.4",
        "x-envoy-external-address": "1.2.3.4",
        "x-authz-team-id": "blue",
        "forwarded": "for=1.2.3.4",
        "x-anything": "x",
        "user-agent": "says what it likes",
        "tracestate": "says what it likes",
        "accept": "*/*",
        "accept-encoding": "gzip",
        "traceparent": f"00-{'a' * 32}-{'b' * 16}-01",
        "x-forwarded-proto": "http",
        "content-type": "application/json",
        "content-length": "9",
    }
    talk.hear(request_headers(headers=client))
    mutation = talk.hear(request_body(chat("hello"))).request_body.response.header_mutation
    mentioned = {*mutation.remove_headers, *set_by(mutation)}
    assert mentioned >= set(list(client)[:9])
    assert not set(mutation.remove_headers) & {":path", "x-request-id", *list(client)[9:]}


@pytest.mark.parametrize(
    ("name", "value", "stays"),
    [
        ("accept", "application/json", True),
        ("accept", "text/event-stream, */*;q=0.1", True),
        ("accept", "application/json; note=confidential", False),
        ("accept-encoding", "gzip, deflate, br, zstd", True),
        ("accept-encoding", "identity;q=0.5,*;q=0", True),
        ("accept-encoding", "confidential", False),
        ("traceparent", "00-confidential", False),
    ],
)
def test_headers_that_stay_say_nothing_of_their_own(name: str, value: str, *, stays: bool) -> None:
    talk = Talk()
    talk.hear(request_headers(headers={name: value}))
    mutation = talk.hear(request_body(chat("hello"))).request_body.response.header_mutation
    assert (name not in mutation.remove_headers) is stays


@pytest.mark.parametrize("stream", [True, False])
def test_a_fixed_answer(stream: bool) -> None:  # noqa: FBT001
    talk = Talk()
    answer = talk.ask("your hours?", stream=stream)
    response = answer.immediate_response
    assert (response.status.code, response.details) == (200, "waypost_answered")
    assert b"We open at nine." in response.body
    assert b"1700000000" in response.body
    headers = immediate_headers(answer)
    assert headers["content-type"] == ("text/event-stream" if stream else "application/json")
    assert headers["x-waypost-decision"] == "opening"
    assert talk.router.done
    assert [record.outcome for record in talk.log.records] == ["answered"]


@pytest.mark.parametrize(
    ("text", "status", "kind"), [("forbidden", 403, "policy_violation"), ("broken", 503, "server_error")]
)
def test_a_refusal(text: str, status: int, kind: str) -> None:
    talk = Talk()
    answer = talk.ask(text, "a")
    assert error(answer) == (status, "blocked", None)
    assert json.loads(answer.immediate_response.body)["error"]["type"] == kind
    assert immediate_headers(answer)["x-should-retry"] == "false"
    assert [(r.outcome, r.status) for r in talk.log.records] == [("blocked", status)]


def embeddings(talk: Talk, text: str) -> ProcessingResponse:
    talk.hear(request_headers(path="/v1/embeddings"))
    return talk.hear(request_body(json.dumps({"model": "auto", "input": text}).encode()))


def test_rules_hold_for_embeddings() -> None:
    answer = embeddings(Talk(), "vault")
    assert b'"wire-in/1"' in answer.request_body.response.body_mutation.body


def test_a_fixed_answer_is_no_embedding() -> None:
    talk = Talk()
    assert error(embeddings(talk, "hours"))[:2] == (403, "blocked")
    assert [record.outcome for record in talk.log.records] == ["blocked"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (chat("x", "wire-a"), 404, "model_not_found"),
        (chat("x", "x" * 5000), 404, "model_not_found"),
        (b'{"model":"auto"}', 400, "missing_messages"),
    ],
)
def test_a_mistake_of_the_client_is_answered_and_not_recorded(body: bytes, status: int, code: str) -> None:
    talk = Talk()
    talk.hear(request_headers())
    answer = talk.hear(request_body(body))
    assert error(answer)[:2] == (status, code)
    assert len(answer.immediate_response.body) < 500
    assert "x-waypost-decision" not in immediate_headers(answer)
    talk.close()
    assert talk.log.records == []


@pytest.mark.parametrize("text", ["both", "forbidden", "hours"])
def test_nothing_is_decided_that_cannot_be_recorded(text: str, caplog: pytest.LogCaptureFixture) -> None:
    talk = Talk(log=Log(broken=True))
    with caplog.at_level(logging.ERROR):
        answer = talk.ask(text)
    assert error(answer) == (503, "audit_unavailable", None)
    assert "x-waypost-decision" not in immediate_headers(answer)
    assert "the disk is full" in caplog.text
    talk.close()


def test_a_trusted_hop_vouches_for_the_caller() -> None:
    talk = Talk(replace(POLICY, identity=IdentityRules((ip_network("10.0.0.0/8"),))))
    for source, actor in (("10.0.0.9:1", "team=blue"), ("11.0.0.9:1", "unknown")):
        again = Talk(talk.policy, talk.log)
        again.hear(request_headers(headers={"x-authz-team-id": "blue"}, source=source))
        again.hear(request_body(chat("hello")))
        assert talk.log.records[-1].actor == actor


def test_a_request_keeps_the_policy_it_began_with() -> None:
    talk = Talk()
    talk.hear(request_headers())
    talk.policy = replace(POLICY, revision="next")
    change = talk.hear(request_body(chat("hello", "a"))).request_body.response
    assert set_by(change.header_mutation)["x-waypost-hop-1"] == hop_id("test", "a")


# --- response headers -------------------------------------------------------------------------------------


def test_an_answer_tells_who_gave_it_and_why() -> None:
    talk = Talk()
    talk.ask("both")
    answer = talk.hear(response_headers(attempts=2))
    mutation = answer.response_headers.response.header_mutation
    assert set_by(mutation) == {
        "x-waypost-request-id": "id-1",
        "x-waypost-decision": "ab",
        "x-waypost-model": "b",
        "x-waypost-attempts": "2",
        "x-vsr-selected-model": "b",
        "x-vsr-selected-reasoning": "off",
        "x-vsr-injected-system-prompt": "false",
    }
    assert "set-cookie" in mutation.remove_headers
    assert not answer.response_headers.response.HasField("body_mutation")
    assert talk.router.done
    talk.close()
    assert [(r.type, r.outcome, r.target, r.attempts) for r in talk.log.records] == [
        ("decision", "forwarded", ("a", "b"), 0),
        ("result", "ok", ("b-host",), 2),
    ]


def test_an_error_that_is_the_gateways_own_fault_is_replaced() -> None:
    talk = Talk()
    talk.ask("both")
    answer = talk.hear(response_headers(401, attempts=2))
    assert error(answer)[:2] == (502, "provider_rejected_credentials")
    assert immediate_headers(answer)["x-waypost-decision"] == "ab"
    assert immediate_headers(answer)["x-waypost-attempts"] == "2"
    talk.close()
    assert (talk.log.records[-1].outcome, talk.log.records[-1].status) == ("error", 502)


def test_what_envoy_answers_itself_passes() -> None:
    talk = Talk()
    talk.hear(request_headers())
    answer = talk.hear(response_headers(413))
    assert set_by(answer.response_headers.response.header_mutation) == {"x-waypost-request-id": "id-1"}
    talk.close()
    assert talk.log.records == []


def test_what_envoy_answers_instead_of_a_provider_is_an_error_on_record() -> None:
    talk = Talk()
    talk.ask("both")
    answer = talk.hear(response_headers(503, attempts=0))
    assert answer.WhichOneof("response") == "response_headers"
    talk.close()
    assert [(r.outcome, r.target, r.attempts) for r in talk.log.records[1:]] == [("error", (), 0)]


def test_a_client_that_leaves_before_the_answer_is_on_record() -> None:
    talk = Talk()
    talk.ask("both")
    talk.close()
    assert [(r.type, r.outcome) for r in talk.log.records[1:]] == [("result", "aborted")]


def test_a_result_that_cannot_be_recorded_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    talk = Talk()
    talk.ask("both")
    talk.log.broken = True
    talk.hear(response_headers())
    with caplog.at_level(logging.ERROR):
        talk.close()
    assert "id-1 is not recorded" in caplog.text
