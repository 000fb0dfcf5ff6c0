"""What a client learns of a provider's error, and what it does not."""

import json
from typing import Any

import pytest

from waypost.dialects.gemini_errors import read_error, retry_after, told

BAD_KEY = {
    "code": 400,
    "message": "API key not valid.",
    "status": "INVALID_ARGUMENT",
    "details": [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}],
}


def read(status: int, error: Any) -> tuple[int, dict[str, Any]]:
    status, body = read_error(status, json.dumps({"error": error}).encode())
    document = json.loads(body)
    assert [*document] == ["error"]
    assert [*document["error"]] == ["message", "type", "param", "code"]
    return status, document["error"]


@pytest.mark.parametrize(
    ("status", "name", "expected"),
    [
        (400, "INVALID_ARGUMENT", (400, "invalid_request_error", None)),
        (400, "FAILED_PRECONDITION", (400, "invalid_request_error", None)),
        (401, "UNAUTHENTICATED", (502, "server_error", "provider_rejected_credentials")),
        (402, "", (503, "insufficient_quota", "insufficient_quota")),
        (403, "PERMISSION_DENIED", (403, "permission_error", "permission_denied")),
        (404, "NOT_FOUND", (404, "invalid_request_error", "model_not_found")),
        (409, "ABORTED", (409, "invalid_request_error", None)),
        (413, "", (413, "invalid_request_error", "request_too_large")),
        (429, "RESOURCE_EXHAUSTED", (429, "rate_limit", "rate_limit_exceeded")),
        (500, "INTERNAL", (500, "server_error", "provider_error")),
        (503, "UNAVAILABLE", (503, "server_error", "provider_error")),
        (504, "DEADLINE_EXCEEDED", (504, "server_error", "timeout")),
        (529, "", (503, "server_error", "overloaded")),
    ],
)
def test_the_table(status: int, name: str, expected: tuple[int, str, str | None]) -> None:
    found, error = read(status, {"code": status, "message": "m", "status": name})
    assert (found, error["type"], error["code"]) == expected
    in_a_stream, error = told({"status": name} if name else {"code": status})
    assert (in_a_stream, error["type"], error["code"]) == expected


def test_a_wrong_key_is_no_fault_of_the_client() -> None:
    status, error = read(400, BAD_KEY)
    assert (status, error["code"]) == (502, "provider_rejected_credentials")
    assert "API key" not in error["message"]


def test_a_prompt_that_is_too_long_has_its_code() -> None:
    message = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
    status, error = read(400, {"message": message, "status": "INVALID_ARGUMENT"})
    assert (status, error["code"], error["message"]) == (400, "context_length_exceeded", message)


def test_what_names_the_account_stays_here() -> None:
    key = "AIza" + "SyA1234567890abcdef"
    message = f"Bad key {key} of project_number:123456789 (projects/my-co) at https://x.example/?k=1 a@b.co"
    _, error = read(400, {"message": message})
    for secret in ("AIza", "123456789", "my-co", "example", "a@b"):
        assert secret not in error["message"]


@pytest.mark.parametrize("status", [401, 402, 403, 404, 429, 500, 503, 529])
def test_words_about_anything_but_the_request_stay_here(status: int) -> None:
    assert "secret" not in read(status, {"message": "secret", "status": "secret"})[1]["message"]


def test_long_messages_are_cut() -> None:
    assert len(read(400, {"message": "x" * 10**6})[1]["message"]) == 500


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>502</html>", b"[]", b"{}", b"null", b'{"error":3}', b'{"error":{"code":[]}}', b"\xff"],
)
@pytest.mark.parametrize("status", [400, 418, 503])
def test_without_a_readable_body_the_status_speaks(status: int, body: bytes) -> None:
    found, written = read_error(status, body)
    assert found == status
    assert json.loads(written)["error"]["message"].startswith("The provider")


def test_an_error_in_a_list_is_read_too() -> None:
    assert read_error(400, b'[{"error": {"message": "wrong field"}}]')[1].startswith(
        b'{"error":{"message":"wrong field"'
    )


def test_an_error_of_unknown_kind_in_a_stream_is_the_servers() -> None:
    for said in (None, {}, {"code": 200}, {"code": "x", "status": "NEW"}, {"status": 3}):
        assert told(said)[0] == 500


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [("30s", 30), ("1.5s", 2), ("0s", 0), ("x", None), (3, None), ("-1s", None), ("9" * 50 + "s", None)],
)
def test_the_time_to_wait(delay: Any, seconds: int | None) -> None:
    details = [3, {"@type": "type.googleapis.com/google.rpc.QuotaFailure"}, {"retryDelay": delay}]
    assert retry_after(json.dumps({"error": {"details": details}}).encode()) == seconds


def test_no_time_to_wait() -> None:
    assert [retry_after(body) for body in (b"", b"{}", b'{"error":{"details":3}}')] == [None] * 3
