"""What becomes of a provider's response, status by status."""

import json
from typing import Any

import pytest

from waypost.mutations.target import Use, target
from waypost.record import AuditRecord
from waypost.settle import Settled, settle
from waypost.testing.policies import endpoints

CHAIN = [target(e, Use(), None) for e in endpoints({"a": "external", "b": "external"}).values()]
JSON = {"content-type": "application/json; charset=utf-8"}


def settled(status: int, attempts: int = 1, **headers: str) -> Settled:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return settle(CHAIN, attempts, {":status": str(status)} | JSON | named)


def headers(found: Settled) -> dict[str, str]:
    return dict(found.set_headers)


def error(found: Settled) -> dict[str, Any]:
    assert found.body is not None
    return json.loads(found.body)["error"]


@pytest.mark.parametrize(("attempts", "endpoint"), [(1, "a"), (2, "b")])
def test_a_good_answer_names_who_gave_it(attempts: int, endpoint: str) -> None:
    found = settled(200, attempts)
    assert found.body is None
    assert headers(found) == {
        "x-waypost-model": endpoint,
        "x-waypost-attempts": str(attempts),
        "x-vsr-selected-model": endpoint,
        "x-vsr-selected-reasoning": "off",
        "x-vsr-injected-system-prompt": "false",
    }


@pytest.mark.parametrize(
    ("status", "told"), [(200, "computer science"), (201, "computer science"), (400, None)]
)
def test_a_good_answer_names_the_category_that_decided(status: int, told: str | None) -> None:
    forged = {":status": str(status), "x-vsr-selected-category": "fake"} | JSON
    found = settle(CHAIN, 1, forged, category="computer science")
    assert headers(found).get("x-vsr-selected-category") == told
    assert ("x-vsr-selected-category" in found.remove_headers) == (told is None)


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


@pytest.mark.parametrize("status", [200, 401, 500])
def test_no_header_is_both_set_and_removed(status: int) -> None:
    found = settled(status, 2, x_vsr_selected_model="fake", x_waypost_model="fake", x_should_retry="true")
    assert not set(headers(found)) & set(found.remove_headers)


def test_an_answer_of_envoy_before_any_attempt_passes() -> None:
    found = settled(404, 0)
    assert (found.status, found.body, found.endpoint) == (404, None, None)
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
