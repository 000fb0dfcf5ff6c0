"""The router role: one request from its headers to the headers of its answer."""

import asyncio
import gc
import json
import logging
import threading
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
    response_body,
    response_headers,
    set_by,
)
from waypost.attempt import form_id
from waypost.decision.engine import SEMANTIC, Block, Respond, Route, Rule
from waypost.decision.expr import Is
from waypost.dialects import anthropic_messages
from waypost.guards.judge import Check
from waypost.guards.settings import PiiAction
from waypost.mutations.headers import Headers
from waypost.mutations.parameters import RequestParameters
from waypost.mutations.reasoning import FAMILIES, Lora
from waypost.mutations.shape import Shape
from waypost.mutations.target import Use, target
from waypost.needs import Recall, Remembered
from waypost.observe.metrics import Metrics
from waypost.policy import IdentityRules, Policy
from waypost.providers.chain import hop_id
from waypost.selection.base import Candidate
from waypost.selection.choosing import Choosing
from waypost.selection.live import Conversations, Health
from waypost.selection.sticky import Sticky
from waypost.signals.jailbreak import JailbreakDetection
from waypost.signals.pii import PiiDetection
from waypost.testing import policies
from waypost.testing.policies import route_to
from waypost.testing.signals import YES, Contains, FakeEncoder, Fixed
from waypost.transport.driver import Ports
from waypost.transport.router import LARGE_BYTES, SMALL_BYTES, Router, Routing, Sent
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
    encoder: FakeEncoder = field(default_factory=FakeEncoder)
    now: float = 0.0
    memory: "Memory | None" = None

    def __post_init__(self) -> None:
        memory = self.memory or Memory(self)
        routing = Routing(
            lambda: self.policy,
            self.log,
            lambda: 1700000000.9,
            Ports(self.encoder.answer),
            7,
            lambda: self.now,
            memory.health,
            memory.conversations,
        )
        self.memory, self.routing, self.router = memory, routing, Router(routing)

    def hear(self, message: ProcessingRequest) -> ProcessingResponse:
        phase = message.WhichOneof("request")
        return asyncio.run(self.router.answer(phase, message))  # type: ignore[arg-type]

    def close(self) -> None:
        asyncio.run(self.router.closed())

    def ask(self, text: str, model: str = "auto", **fields: Any) -> ProcessingResponse:
        """Headers and body of one chat request."""
        assert self.hear(request_headers()).WhichOneof("response") == "request_headers"
        return self.hear(request_body(chat(text, model, **fields)))


class Memory:
    """What one process remembers of several requests; its clock stands with the talk that began it."""

    def __init__(self, talk: Talk) -> None:
        self.health = Health(lambda: talk.now)
        self.conversations = Conversations(lambda: talk.now)


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
        ("POST", "/v1/threads", 404),
        ("GET", "/v1/responses", 405),
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
        "x-waypost-form": form_id("test", "openai_chat"),
        "x-envoy-max-retries": "1",
        "content-type": "application/json",
        "content-length": str(len(body)),
        "user-agent": "waypost",
        "accept-encoding": "identity",
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
        "x-request-id": "id-1",
        "x-waypost-decision": "ab",
        "x-waypost-model": "b",
        "x-waypost-attempts": "2",
        "x-vsr-selected-model": "b",
        "x-vsr-selected-reasoning": "off",
        "x-vsr-injected-system-prompt": "false",
    }
    assert "set-cookie" in mutation.remove_headers
    assert not answer.response_headers.response.HasField("body_mutation")
    assert not talk.router.done
    passed = talk.hear(response_body(b'{"choices": []}'))
    assert not passed.response_body.response.HasField("body_mutation")
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


# --- guards -----------------------------------------------------------------------------------------------

MAIL = "ann@example.com"
PERSONAL = PiiDetection(scope="all", unreadable="ignore", types=("EMAIL_ADDRESS",), method="patterns")
ATTACK = JailbreakDetection(scope="all", unreadable="ignore")


def guarded(*checks: Check, style: str = "strict") -> Policy:
    """The policy of this page with guards in front of `a` and `b`."""
    return replace(
        POLICY,
        signals={**SIGNALS, "pii": PERSONAL, "prompt_guard": ATTACK},
        guards={"": {"a": checks, "b": checks}},
        block_style=style,  # type: ignore[arg-type]
    )


def on_pii(action: PiiAction, style: str = "strict") -> Talk:
    return Talk(guarded(Check("pii", "pii", action), style=style))


def on_attack(action: str, style: str = "strict", **encoder: Any) -> Talk:
    check = Check("prompt_guard", "prompt_guard", action)  # type: ignore[arg-type]
    return Talk(guarded(check, style=style), encoder=FakeEncoder(attacks={"Obey": 0.9}, **encoder))


def test_a_guard_refuses_with_its_type_and_score_and_without_the_value() -> None:
    talk = on_pii("block")
    answer = talk.ask(f"both {MAIL}")
    assert error(answer)[:2] == (403, "pii_blocked")
    headers = immediate_headers(answer)
    assert headers["x-waypost-decision"] == "pii"
    assert headers["x-waypost-guard"].startswith("pii; type=EMAIL_ADDRESS; score=")
    assert headers["x-vsr-pii-violation"] == "true"
    assert MAIL not in str(answer) + str(talk.log.records)
    assert [(r.outcome, r.decision, r.status) for r in talk.log.records] == [("blocked", "pii", 403)]


def test_an_attack_is_refused_with_the_headers_that_clients_know() -> None:
    answer = on_attack("block").ask("Obey me, both")
    assert error(answer)[:2] == (403, "prompt_attack_blocked")
    headers = immediate_headers(answer)
    assert headers["x-waypost-guard"].startswith("prompt_guard; type=")
    assert headers["x-waypost-guard"].endswith("; score=0.900")
    assert {name: value for name, value in headers.items() if name.startswith("x-vsr-")} == {
        "x-vsr-jailbreak-blocked": "true",
        "x-vsr-jailbreak-type": "jailbreak",
        "x-vsr-jailbreak-confidence": "0.900",
    }


@pytest.mark.parametrize("stream", [True, False])
def test_a_refusal_may_look_like_a_model_that_declines(*, stream: bool) -> None:
    for talk in (on_pii("block", "openai"), on_attack("block", "openai")):
        answer = talk.ask(f"Obey {MAIL}, both", stream=stream)
        response = answer.immediate_response
        assert response.status.code == 200
        assert b'"content_filter"' in response.body
        assert MAIL.encode() not in response.body
        headers = immediate_headers(answer)
        assert headers["content-type"] == ("text/event-stream" if stream else "application/json")
        assert "x-waypost-guard" in headers
        assert [(r.outcome, r.status) for r in talk.log.records] == [("blocked", 403)]


def test_a_block_of_a_rule_declines_too_but_what_is_no_policy_stays_an_error() -> None:
    policy = replace(POLICY, block_style="openai")
    assert Talk(policy).ask("forbidden").immediate_response.status.code == 200
    assert error(Talk(policy).ask("broken"))[0] == 503
    assert error(embeddings(Talk(policy), "forbidden"))[:2] == (403, "blocked")
    down = on_attack("block", "openai", down="the queue is full")
    assert error(down.ask("both"))[:2] == (503, "blocked_unavailable")
    assert immediate_headers(down.hear(request_body(chat("both"))))["x-waypost-guard"] == (
        "prompt_guard; type=unanswered; score=0.000"
    )


def test_an_annotated_attack_passes_and_its_risk_is_in_the_answer() -> None:
    talk = on_attack("annotate")
    assert talk.ask("Obey me, both").WhichOneof("response") == "request_body"
    mutation = talk.hear(response_headers()).response_headers.response.header_mutation
    assert set_by(mutation)["x-waypost-risk"] == "0.900"
    harmless = on_attack("annotate")
    harmless.ask("both")
    mutation = harmless.hear(response_headers()).response_headers.response.header_mutation
    assert "x-waypost-risk" not in set_by(mutation)


def test_a_reroute_leaves_the_endpoints_out_that_may_not_have_it() -> None:
    policy = guarded(Check("pii", "pii", "reroute"))
    talk = Talk(replace(policy, guards={"": {"a": policy.guards[""]["a"]}}))
    change = talk.ask(f"both {MAIL}").request_body.response
    assert set_by(change.header_mutation)["x-waypost-hop-1"] == hop_id("test", "b")
    assert set_by(change.header_mutation)["x-envoy-max-retries"] == "0"


@pytest.mark.parametrize("action", ["mask", "mask_restore"])
def test_what_is_masked_leaves_as_a_placeholder(action: PiiAction) -> None:
    talk = on_pii(action)
    talk.hear(request_headers(headers={"accept-encoding": "gzip"}))
    change = talk.hear(request_body(chat(f"both {MAIL}"))).request_body.response
    assert change.body_mutation.body == chat("both <EMAIL_1>", "wire-a")
    mutation = set_by(change.header_mutation)
    assert mutation["content-length"] == str(len(change.body_mutation.body))
    assert mutation["accept-encoding"] == "identity"
    answer = talk.hear(response_headers()).response_headers.response.header_mutation
    assert set_by(answer)["x-waypost-masked"] == "EMAIL_ADDRESS=1"
    assert MAIL not in str(talk.log.records)


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_where_nothing_is_found_the_answer_passes_as_it_is(kind: str) -> None:
    talk = on_pii("mask_restore")
    talk.ask("both")
    talk.hear(response_headers(headers={"content-type": kind}))
    told = event("<EMAIL_1>") + b"data: [DONE]\n\n" if kind[0] == "t" else b'{"a": "<EMAIL_1>"}'
    answer = talk.hear(response_body(told))
    assert answer.WhichOneof("response") == "response_body"
    assert not answer.response_body.response.HasField("body_mutation")
    assert talk.router.done


def masked(headers: Mapping[str, str] | None = None, status: int = 200, *, end: bool = False) -> Any:
    """A talk whose request was masked, and what it says to the headers of the answer."""
    talk = on_pii("mask_restore")
    talk.ask(f"both {MAIL}")
    return talk, talk.hear(response_headers(status, headers, end=end))


def test_an_answer_in_json_is_read_whole_and_gets_its_values_back() -> None:
    talk, answer = masked({"content-length": "40"})
    assert answer.mode_override.response_body_mode == ProcessingMode.BUFFERED
    assert not talk.router.done
    told = json.dumps({"choices": [{"message": {"role": "assistant", "content": "Write to <EMAIL_1>."}}]})
    change = talk.hear(response_body(told.encode())).response_body.response
    assert change.body_mutation.body == told.replace("<EMAIL_1>", MAIL).encode()
    assert set_by(change.header_mutation)["content-length"] == str(len(change.body_mutation.body))
    assert talk.router.done
    talk.close()
    assert [(r.type, r.outcome) for r in talk.log.records] == [("decision", "forwarded"), ("result", "ok")]


def test_a_long_answer_in_json_is_read_beside_the_event_loop() -> None:
    talk, _ = masked()
    text = "x" * LARGE_BYTES + " <EMAIL_1>"
    told = json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]})
    change = talk.hear(response_body(told.encode())).response_body.response
    assert change.body_mutation.body.count(MAIL.encode()) == 1


def event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


def test_a_stream_is_read_piece_by_piece_and_a_placeholder_may_be_cut_anywhere() -> None:
    stream = event("Write to <EM") + event("AIL_1>.") + b"data: [DONE]\n\n"
    for cut in range(1, len(stream), 7):
        talk, answer = masked({"content-type": "text/event-stream; charset=utf-8"})
        assert answer.mode_override.response_body_mode == ProcessingMode.STREAMED
        told = b""
        for piece, end in ((stream[:cut], False), (stream[cut:], False), (b"", True)):
            assert not talk.router.done
            response = talk.hear(response_body(piece, end=end)).response_body.response
            change = response.body_mutation
            # What is held back must be cleared: no mutation would let the provider's own pass.
            told += change.body if response.HasField("body_mutation") else piece
        assert talk.router.done
        events = [json.loads(line[6:]) for line in told.split(b"\n\n") if line.startswith(b"data: {")]
        said = "".join(each["choices"][0]["delta"].get("content", "") for each in events)
        assert said == f"Write to {MAIL}."
        assert told.endswith(b"data: [DONE]\n\n")


def test_a_stream_that_breaks_off_gives_what_was_held_and_no_more() -> None:
    talk, _ = masked({"content-type": "text/event-stream"})
    first = talk.hear(response_body(event("Write to <EMA"), end=False)).response_body.response.body_mutation
    last = talk.hear(response_body(b"", end=True)).response_body.response.body_mutation
    assert MAIL.encode() not in first.body + last.body
    assert b"<EMA" in first.body + last.body


@pytest.mark.parametrize(
    ("headers", "status", "end"),
    [
        ({"content-encoding": "gzip"}, 200, False),
        ({"content-type": "text/plain"}, 200, False),
        ({"content-type": ""}, 200, False),
        ({}, 400, False),
        ({}, 200, True),
    ],
)
def test_an_answer_that_cannot_be_read_passes_with_its_placeholders(
    headers: Mapping[str, str], status: int, *, end: bool
) -> None:
    talk, answer = masked(headers, status, end=end)
    assert not answer.HasField("mode_override")
    assert talk.router.done


def test_an_error_that_is_replaced_is_not_read() -> None:
    talk, answer = masked(status=401)
    assert answer.WhichOneof("response") == "immediate_response"
    assert talk.router.done


# --- shapes -----------------------------------------------------------------------------------------------


def shaped(shape: Shape, **more: Any) -> Policy:
    return replace(POLICY, shapes={"ab": shape}, **more)


def test_headers_of_a_rule_are_set_and_removed_on_both_ways() -> None:
    shape = Shape(
        request=Headers((("x-team", "blue"), ("user-agent", "ours"), ("x-kept", "mine")), ("traceparent",)),
        response=Headers((("x-note", "yes"),), ("x-powered-by", "x-waypost-model", "set-cookie")),
    )
    talk = Talk(shaped(shape))
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    talk.hear(request_headers(headers={"traceparent": trace, "x-kept": "theirs", "cookie": "c"}))
    mutation = talk.hear(request_body(chat("both"))).request_body.response.header_mutation
    # `set_by` refuses a name that is both set and removed, or set twice.
    ours = {"x-team": "blue", "user-agent": "ours", "x-kept": "mine"}
    assert {name: value for name, value in set_by(mutation).items() if name in ours} == ours
    assert {"traceparent", "cookie"} <= set(mutation.remove_headers)
    mutation = talk.hear(response_headers()).response_headers.response.header_mutation
    assert set_by(mutation)["x-note"] == "yes"
    assert set_by(mutation)["x-waypost-model"] == "a"
    assert {"x-powered-by", "set-cookie"} <= set(mutation.remove_headers)


def test_a_rule_may_remove_the_gateways_own_name() -> None:
    talk = Talk(shaped(Shape(request=Headers((), ("user-agent",)))))
    mutation = talk.ask("both").request_body.response.header_mutation
    assert "user-agent" not in set_by(mutation)
    assert "user-agent" in mutation.remove_headers
    assert set_by(mutation)["content-type"] == "application/json"


def test_what_is_adjusted_is_told_and_what_is_prompted_too() -> None:
    parameters = RequestParameters(limits={"max_tokens": 10}, blocked=("user",))
    talk = Talk(shaped(Shape("Be kind.", "insert", parameters)))
    change = talk.ask("both", max_tokens=99, user="me").request_body.response
    sent = json.loads(change.body_mutation.body)
    assert (sent["model"], sent["max_tokens"], "user" in sent) == ("wire-a", 10, False)
    assert sent["messages"][0] == {"role": "system", "content": "Be kind."}
    told = set_by(talk.hear(response_headers()).response_headers.response.header_mutation)
    assert told["x-waypost-adjusted"] == "user;removed, max_tokens;lowered;from=99;to=10"
    assert told["x-vsr-injected-system-prompt"] == "true"


def test_a_way_to_use_a_model_has_a_hop_of_its_own_and_is_told() -> None:
    use = Use(use_reasoning=True, effort="high")
    talk = Talk(shaped(Shape(uses={"a": use}), families={"a": FAMILIES["gpt"]}))
    change = talk.ask("both").request_body.response
    # Each attempt says it for itself: what the first model reads is not what the second one does.
    assert change.body_mutation.body == chat("both", "wire-a")
    key = target(POLICY.endpoints["a"], use, FAMILIES["gpt"]).key
    assert set_by(change.header_mutation)["x-waypost-hop-1"] == hop_id("test", key)
    assert set_by(change.header_mutation)["x-waypost-hop-2"] == hop_id("test", "b")
    told = set_by(talk.hear(response_headers()).response_headers.response.header_mutation)
    assert (told["x-vsr-selected-reasoning"], told["x-waypost-reasoning"]) == ("on", "high")


def test_an_adapter_is_listed_and_may_be_named() -> None:
    policy = replace(POLICY, adapters={"fine": ("a", Lora(name="fine", model="wire-a:fine"))})
    listed = json.loads(
        Talk(policy).hear(request_headers("GET", "/v1/models", end=True)).immediate_response.body
    )
    assert [(m["id"], m["owned_by"]) for m in listed["data"]][-1] == ("fine", "a-host")
    shown = Talk(policy).hear(request_headers("GET", "/v1/models/fine", end=True))
    assert json.loads(shown.immediate_response.body)["id"] == "fine"
    talk = Talk(policy)
    change = talk.ask("hello", "fine").request_body.response
    assert json.loads(change.body_mutation.body)["model"] == "wire-a:fine"
    told = set_by(talk.hear(response_headers()).response_headers.response.header_mutation)
    assert (told["x-vsr-selected-model"], told["x-waypost-model"]) == ("wire-a:fine", "a")
    assert talk.log.records[0].decision == "explicit_model"


def test_a_category_that_decided_is_told() -> None:
    rule = Rule(SEMANTIC, Is("yes"), Route(("a",)), category="math")
    policy = replace(POLICY, signals={"yes": Fixed(YES)}, rules=(rule, POLICY.rules[-1]))
    talk = Talk(policy)
    talk.ask("2 + 2")
    told = set_by(talk.hear(response_headers()).response_headers.response.header_mutation)
    assert (told["x-waypost-decision"], told["x-waypost-category"]) == (SEMANTIC, "math")


# --- what is remembered -----------------------------------------------------------------------------------


def remembering() -> Policy:
    candidates = tuple(Candidate(POLICY.endpoints[name]) for name in ("a", "b"))
    return replace(POLICY, choices={"ab": Choosing(candidates, sticky=Sticky())})


def hop(answer: ProcessingResponse) -> str:
    return set_by(answer.request_body.response.header_mutation)["x-waypost-hop-1"]


def test_a_conversation_stays_with_who_answered() -> None:
    first = Talk(remembering())
    assert hop(first.ask("both")) == hop_id("test", "a")
    first.hear(response_headers(attempts=2))
    again = Talk(remembering(), memory=first.memory)
    assert hop(again.ask("both")) == hop_id("test", "b")
    assert hop(Talk(remembering(), memory=first.memory).ask("both, another one")) == hop_id("test", "a")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_who_failed_is_not_kept(status: int) -> None:
    first = Talk(remembering())
    first.ask("both")
    first.hear(response_headers(status, attempts=2))
    again = Talk(remembering(), memory=first.memory)
    assert hop(again.ask("both")) == hop_id("test", "a")


def test_how_endpoints_do_is_remembered() -> None:
    talk = Talk()
    talk.ask("both")
    talk.now = 0.25
    talk.hear(response_headers())
    live = talk.routing.health.snapshot(("a", "b"))
    assert {name: (each.first_token_seconds, each.error_rate, each.n) for name, each in live.items()} == {
        "a": (0.25, 0.0, 1)
    }


def test_attempts_that_failed_count_and_behind_them_nobody_knows_the_time() -> None:
    talk = Talk()
    talk.ask("both")
    talk.hear(response_headers(attempts=2))
    live = talk.routing.health.snapshot(("a", "b"))
    assert {name: (each.first_token_seconds, each.error_rate) for name, each in live.items()} == {
        "a": (None, 1.0), "b": (None, 0.0),
    }  # fmt: skip


@pytest.mark.parametrize(("status", "errors"), [(200, 0.0), (400, 0.0), (422, 0.0), (429, 1.0), (503, 1.0)])
def test_only_what_is_the_providers_fault_is_held_against_it(status: int, errors: float) -> None:
    talk = Talk()
    talk.ask("hello", "b")
    talk.hear(response_headers(status))
    assert talk.routing.health.snapshot(("b",))["b"].error_rate == errors


def test_an_answer_of_envoy_says_nothing_about_anybody() -> None:
    talk = Talk()
    talk.ask("both")
    talk.hear(response_headers(503, attempts=0))
    assert talk.routing.health.snapshot(("a", "b")) == {}


def test_who_is_over_its_limit_or_not_there_is_remembered() -> None:
    """Also of the last attempt, whose response only this role sees."""
    talk = Talk()
    talk.ask("hello", "b")
    talk.hear(response_headers(429, {"retry-after": "7"}))
    known = talk.routing.recall(Recall(None, ("a", "b", "x")))
    assert list(known.cooling) == ["b"]
    assert 0 < known.cooling["b"] <= 7
    talk = Talk()
    talk.ask("hello", "b")
    talk.hear(response_headers(404))
    assert talk.routing.recall(Recall(None, ("a", "b"))).absent == {"b"}


def test_what_a_client_named_and_is_not_there_is_the_clients_to_mend() -> None:
    """An item of an earlier answer, for example, that the provider did not keep."""
    talk = Talk()
    talk.hear(request_headers("POST", "/v1/responses"))
    said = {"type": "message", "id": "msg_1", "role": "user", "content": "Hi"}
    talk.hear(request_body(json.dumps({"model": "b", "input": [said]}).encode()))
    answer = talk.hear(response_headers(404))
    assert answer.WhichOneof("response") == "response_headers"
    assert talk.routing.recall(Recall(None, ("a", "b"))).absent == set()


def test_nothing_is_remembered_of_who_has_no_conversation() -> None:
    routing = Talk().routing
    assert routing.recall(Recall(None, ("a",))) == Remembered(None, {})
    routing.conversations.keep("key", "b")
    assert routing.recall(Recall("key", ("a",))).kept == "b"


@pytest.mark.parametrize("size", [1, LARGE_BYTES])
def test_tokens_of_a_large_request_are_counted_beside_the_event_loop(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted_in: list[threading.Thread] = []
    count = anthropic_messages.count_tokens

    def counts(body: bytes) -> int:
        counted_in.append(threading.current_thread())
        return count(body)

    monkeypatch.setattr(anthropic_messages, "count_tokens", counts)
    talk = Talk()
    talk.hear(request_headers("POST", "/v1/messages/count_tokens"))
    answer = talk.hear(request_body(chat("x" * size))).immediate_response
    assert json.loads(answer.body)["input_tokens"] >= size // 4
    assert (counted_in[0] is threading.main_thread()) == (size == 1)


def test_an_answer_that_could_not_be_read_is_on_record_as_the_client_got_it() -> None:
    talk = Talk()
    talk.hear(request_headers("POST", "/v1/messages"))
    talk.hear(request_body(chat("both", max_tokens=9)))
    talk.hear(response_headers(200, attempts=1))
    change = talk.hear(response_body(b'{"odd": 1}')).response_body.response
    assert set_by(change.header_mutation)[":status"] == "502"
    talk.close()
    assert (talk.log.records[-1].outcome, talk.log.records[-1].status) == ("error", 502)


# --- counting


@pytest.mark.parametrize(
    ("text", "rule", "kind"),
    [("forbidden", "no", "4xx"), ("hours", "opening", "2xx"), ("broken", "down", "5xx")],
)
def test_a_request_that_is_not_sent_is_counted_at_once(text: str, rule: str, kind: str) -> None:
    talk = Talk()
    talk.routing = replace(talk.routing, metrics=Metrics(lambda: POLICY))
    talk.router = Router(talk.routing)
    talk.ask(text)
    talk.close()
    labels = {"decision": rule, "model": "none", "status_class": kind}
    assert talk.routing.metrics.registry.get_sample_value("waypost_requests_total", labels) == 1


@pytest.mark.parametrize(("size", "kept"), [(10, True), (SMALL_BYTES, False)])
def test_a_large_request_is_not_kept_while_it_is_answered(size: int, *, kept: bool) -> None:
    talk = Talk()
    talk.hear(request_headers())
    talk.hear(request_body(chat("both " + "x" * size)))
    held = gc.get_referents(talk.router)
    sent = next(each for each in held if isinstance(each, Sent))
    assert bool(sent.request.messages) is kept
    assert (sent.outcome.leaving.body is not None) is kept
    talk.hear(response_headers())
    assert talk.hear(response_body(b'{"choices": []}')).WhichOneof("response") == "response_body"
