"""What a client is told of a provider's error, and what it is not."""

import json

import pytest

from waypost.dialects.failures import UNREADABLE, body, broken, error, failure

SECRETS = (
    "sk-ant-api03-abcdef",
    "org_0123456789",
    "req_011abcdef",
    "AIza" + "SyA1234567890abcdef",
    "ya29.a0AfH6SMB-xyz",
    "ann.smith@example.org",
    "https://console.example.org/billing?project=1",
    "projects/my-company",
    "project_number:123456789",
    "project: 123456789",
    "consumer 'project_number:123456789'",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_what_names_the_account_is_removed(secret: str) -> None:
    _, found = failure(400, f"Wrong key ({secret}) was used.")
    message = str(found["message"])
    assert message.startswith("Wrong key (")
    for part in (
        "api03",
        "0123456789",
        "123456789",
        "011abcdef",
        "SyA12",
        "a0AfH6",
        "ann",
        "example",
        "my-comp",
    ):
        assert part not in message


@pytest.mark.parametrize("status", [401, 402, 403, 404, 409, 429, 500, 502, 503, 504, 529])
def test_only_of_wrong_requests_the_providers_words_go_on(status: int) -> None:
    assert "words" not in str(failure(status, "their own words"))


@pytest.mark.parametrize("status", [400, 413, 422])
def test_of_wrong_requests_they_do(status: int) -> None:
    assert failure(status, "their own words")[1]["message"] == "their own words"


@pytest.mark.parametrize(
    "words",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The input token count (9) exceeds the maximum number of tokens allowed (8).",
        "exceeds the context window",
        "maximum context length is 8192",
    ],
)
def test_a_prompt_that_is_too_long_has_its_code(words: str) -> None:
    assert failure(400, words)[1]["code"] == "context_length_exceeded"
    assert failure(400, "wrong field")[1]["code"] is None


@pytest.mark.parametrize(
    "words", ["Your credit balance is too low", "You exceeded your current quota, please"]
)
def test_an_unpaid_bill_is_not_the_clients(words: str) -> None:
    status, found = failure(400, words)
    assert (status, found["code"]) == (503, "insufficient_quota")
    assert words not in str(found)


@pytest.mark.parametrize("said", [None, 3, "", [], {}])
def test_without_words_the_status_speaks(said: object) -> None:
    for status in (400, 418, 500, 599):
        assert str(failure(status, said)[1]["message"]).startswith("The provider")


def test_long_words_are_cut() -> None:
    assert len(str(failure(400, "x" * 10**6)[1]["message"])) == 500


def test_an_answer_that_cannot_be_read() -> None:
    assert (
        json.loads(body(broken()))
        == json.loads(error(UNREADABLE))
        == {"error": {"message": UNREADABLE, "type": "server_error", "param": None, "code": "provider_error"}}
    )


def test_half_a_surrogate_pair_in_the_words_passes() -> None:
    assert json.loads(body(failure(400, "a \ud800")[1]))["error"]["message"] == "a \ud800"
