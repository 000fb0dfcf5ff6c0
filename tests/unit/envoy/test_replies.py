"""Every error that Envoy makes itself has OpenAI's shape, and none of Waypost's own is touched."""

from typing import Any

import pytest

from waypost.envoy.replies import local_replies, replies

MIB = 2**20


def mappers(limit: int = 50 * MIB) -> list[Any]:
    found: Any = local_replies(limit)["mappers"]
    return found


def test_the_first_mapper_leaves_waypost_answers_alone() -> None:
    first = mappers()[0]

    assert list(first) == ["filter"]
    expression = first["filter"]["extension_filter"]["typed_config"]["expression"]
    assert expression == 'response.code_details.startsWith("waypost_")'


def test_the_last_mapper_takes_whatever_is_left() -> None:
    assert mappers()[-1]["filter"]["extension_filter"]["typed_config"]["expression"] == "true"


def test_every_other_mapper_answers_with_an_openai_error_and_an_honest_retry_hint() -> None:
    for mapper in mappers()[1:]:
        error = mapper["body_format_override"]["json_format"]["error"]
        headers = {h["header"]["key"]: h["header"]["value"] for h in mapper["headers_to_add"]}

        assert list(error) == ["message", "type", "param", "code"]
        assert error["type"] in {"server_error", "invalid_request_error"}
        assert error["param"] is None
        assert headers["x-should-retry"] in {"true", "false"}
        assert headers["x-waypost-request-id"] == "%REQ(X-REQUEST-ID)%"
        assert ("retry-after" in headers) == (headers["x-should-retry"] == "true")


def test_codes_tell_causes_apart() -> None:
    codes = [reply.code for reply in replies(MIB)]

    assert len(set(codes)) == len(codes) - 1, "only invalid_request has two causes"


def test_only_a_router_that_is_down_invites_the_same_request_again() -> None:
    assert [reply.code for reply in replies(MIB) if reply.retry] == ["router_unavailable"]


def test_mistakes_of_the_client_are_4xx_and_ours_are_5xx() -> None:
    for reply in replies(MIB):
        if reply.status is not None:
            assert (reply.kind == "invalid_request_error") == (reply.status < 500)


@pytest.mark.parametrize(
    ("limit", "named"),
    [(50 * MIB, "50 MiB (52428800 bytes)"), (MIB // 2, "0.5 MiB (524288 bytes)")],
)
def test_the_body_limit_is_named(limit: int, named: str) -> None:
    message = next(reply.message for reply in replies(limit) if reply.status == 413)

    assert named in message
