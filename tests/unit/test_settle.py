"""What becomes of a provider's response, status by status."""

import json
from dataclasses import replace
from typing import Any

import pytest

from waypost.leaving import Leaving
from waypost.mutations.target import Use, target
from waypost.record import AuditRecord
from waypost.settle import Settled, settle, told
from waypost.testing.policies import endpoints

CHAIN = tuple(target(e, Use(), None) for e in endpoints({"a": "external", "b": "external"}).values())
LEAVING = Leaving("openai_chat", None, CHAIN, {"b": ("seed: is not known there", "n")}, CHAIN)
JSON = {"content-type": "application/json; charset=utf-8"}


def settled(status: int, attempts: int = 1, **headers: str) -> Settled:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return settle(LEAVING, "openai_chat", attempts, {":status": str(status)} | JSON | named)


def headers(found: Settled) -> dict[str, str]:
    return dict(found.set_headers)


def error(found: Settled) -> dict[str, Any]:
    assert found.body is not None
    return json.loads(found.body)["error"]


def test_a_good_answer_names_who_gave_it_and_what_was_not_told() -> None:
    found = settled(200)
    assert (found.body, found.target) == (None, CHAIN[0])
    assert headers(found) == {"x-waypost-model": "a", "x-waypost-attempts": "1"}
    assert headers(settled(200, 2)) == {
        "x-waypost-model": "b",
        "x-waypost-attempts": "2",
        "x-waypost-dropped-params": "seed (is not known there), n",
    }


@pytest.mark.parametrize("category", ["", "law"])
@pytest.mark.parametrize("prompted", [False, True])
def test_compatible_headers_of_a_good_answer(category: str, *, prompted: bool) -> None:
    expected = {
        "x-vsr-selected-model": "b",
        "x-vsr-selected-reasoning": "off",
        "x-vsr-injected-system-prompt": str(prompted).lower(),
    }
    if category:
        expected["x-vsr-selected-category"] = category
    assert told(CHAIN[1], prompted=prompted, category=category) == expected


def test_an_error_of_the_request_passes_as_the_provider_said_it() -> None:
    found = settled(400)
    assert (found.body, found.status) == (None, 400)
    assert headers(found) == {"x-waypost-model": "a", "x-waypost-attempts": "1"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "provider_rejected_credentials"),
        (403, "provider_rejected_credentials"),
        (404, "provider_model_not_found"),
        (302, "provider_redirected"),
    ],
)
def test_what_is_the_gateways_own_fault_is_a_502(status: int, code: str) -> None:
    found = settled(status, 2)
    assert (found.status, found.code, error(found)["code"], error(found)["type"]) == (
        502,
        code,
        code,
        "server_error",
    )
    assert "'b'" in error(found)["message"]


@pytest.mark.parametrize("kind", ["text/html", "", "text/plain; charset=application/json"])
@pytest.mark.parametrize(
    ("status", "type_"), [(400, "invalid_request_error"), (429, "rate_limit_error"), (503, "server_error")]
)
def test_an_error_without_json_gets_a_body_of_the_api(status: int, type_: str, kind: str) -> None:
    found = settled(status, content_type=kind, retry_after="7", x_other="x")
    assert (found.status, error(found)["code"], error(found)["type"]) == (status, "provider_error", type_)
    assert headers(found)["retry-after"] == "7"
    assert "x-other" not in headers(found)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529])
def test_a_chain_that_is_spent_tells_clients_not_to_retry(status: int) -> None:
    assert headers(settled(status, 2))["x-should-retry"] == "false"
    assert "x-should-retry" not in headers(settled(status, 1))
    assert "x-should-retry" not in headers(settled(status, 2, retry_after="1"))
    assert "x-should-retry" not in headers(settled(status, 2, retry_after_ms="1"))


@pytest.mark.parametrize("status", [200, 400, 422])
def test_nobody_retries_these(status: int) -> None:
    assert "x-should-retry" not in headers(settled(status, 2))


def test_a_provider_does_not_ask_for_retries_or_speak_for_the_gateway() -> None:
    forged = settled(
        500, x_should_retry="true", x_waypost_decision="fake", x_vsr_selected_model="fake", x_envoy_odd="1"
    )
    assert {"x-should-retry", "x-waypost-decision", "x-vsr-selected-model", "x-envoy-odd"} <= set(
        forged.remove_headers
    )
    assert "x-should-retry" not in settled(500, x_should_retry="false").remove_headers


def test_what_names_the_gateways_account_is_removed() -> None:
    removed = settled(200).remove_headers
    assert {"set-cookie", "openai-organization", "openai-project", "alt-svc"} <= set(removed)
    mentioned = settled(200, anthropic_ratelimit_tokens_limit="9", x_goog_project="p").remove_headers
    assert {"anthropic-ratelimit-tokens-limit", "x-goog-project"} <= set(mentioned)
    assert "x-ratelimit-remaining-tokens" in settled(200, x_ratelimit_remaining_tokens="9").remove_headers


@pytest.mark.parametrize("status", [200, 401, 500])
def test_no_header_is_both_set_and_removed(status: int) -> None:
    found = settled(status, 2, x_vsr_selected_model="fake", x_waypost_model="fake", x_should_retry="true")
    assert not set(headers(found)) & set(found.remove_headers)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("retry-after", "60", "60"),
        ("retry-after", "61", "60"),
        ("retry-after", "Fri, 31 Dec 2100 23:59:59 GMT", "60"),
        ("retry-after", "9" * 5000, "60"),
        ("retry-after", "\u00b2", "60"),  # a digit to Python, and to `int` none
        ("retry-after-ms", "60001", "60000"),
    ],
)
def test_nobody_is_told_to_wait_for_long(name: str, value: str, told: str) -> None:
    found = settled(429, **{name: value})
    assert headers(found).get(name, value) == told
    assert "x-should-retry" not in headers(found)


@pytest.mark.parametrize(
    ("spoken", "client", "status", "kind", "reads"),
    [
        ("openai_chat", "openai_chat", 200, "application/json", "whole"),
        ("openai_chat", "openai_chat", 200, "text/event-stream; charset=utf-8", "stream"),
        ("openai_chat", "openai_chat", 200, "audio/mpeg", "nothing"),
        ("openai_chat", "openai_chat", 400, "application/json", "nothing"),
        ("openai_chat", "openai_chat", 429, "application/json", "whole"),
        ("openai_chat", "anthropic_messages", 400, "application/json", "whole"),
        ("anthropic_messages", "anthropic_messages", 400, "application/json", "whole"),
        ("openai_chat", "openai_responses", 400, "application/json", "nothing"),
        ("openai_chat", "openai_chat", 204, "application/json", "nothing"),
    ],
)
def test_which_bodies_are_looked_at(spoken: Any, client: Any, status: int, kind: str, reads: str) -> None:
    leaving = replace(LEAVING, form=spoken)
    assert settle(leaving, client, 1, {":status": str(status), "content-type": kind}).reads == reads


def test_an_answer_that_cannot_be_translated_is_an_error() -> None:
    for more in ({"content-type": "text/html"}, {"content-encoding": "gzip"}, {"content-length": "99999999"}):
        said = {":status": "200"} | JSON | more
        found = settle(LEAVING, "anthropic_messages", 1, said)
        assert (found.status, found.code, found.reads) == (502, "provider_unreadable", "nothing")
        assert settle(LEAVING, "openai_chat", 1, said).body is None
    assert settle(LEAVING, "anthropic_messages", 1, {":status": "200"} | JSON, ends=True).status == 502


def test_an_error_without_a_body_gets_one() -> None:
    settled = settle(LEAVING, "openai_chat", 1, {":status": "500"} | JSON, ends=True)
    assert (settled.status, settled.code) == (500, "provider_error")
    assert settled.body is not None


def test_an_answer_of_envoy_before_any_attempt_passes() -> None:
    found = settled(404, 0)
    assert (found.status, found.body, found.target) == (404, None, None)
    assert headers(found) == {"x-waypost-attempts": "0"}
    assert found.record("id", "rev").target == ()


def test_more_attempts_than_endpoints_are_the_last_one() -> None:
    assert settled(200, 9).record("id", "rev").attempts == 2


@pytest.mark.parametrize(("status", "outcome"), [(200, "ok"), (400, "error"), (401, "error"), (500, "error")])
def test_the_record_tells_who_answered_and_how(status: int, outcome: Any) -> None:
    seen = 502 if status == 401 else status
    assert settled(status, 2).record("id", "rev") == AuditRecord(
        "result", "id", outcome, target=("b-host",), config_sha256="rev", status=seen, attempts=2
    )


def test_what_the_client_named_and_is_not_there_is_told_by_the_provider() -> None:
    found = settle(replace(LEAVING, native=True), "openai_chat", 1, {":status": "404"} | JSON)
    assert (found.status, found.body) == (404, None)


@pytest.mark.parametrize("length", ["\u00b3", "9" * 5000])
def test_an_odd_length_says_nothing(length: str) -> None:
    found = settled(200, content_type="application/json", content_length=length)
    assert found.reads == "whole"
