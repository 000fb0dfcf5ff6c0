"""The dialect in one place."""

from waypost.dialects import openai_responses


def test_all_a_client_needs_is_there() -> None:
    assert {"read_request", "write_response", "write_error", "StreamWriter"} == set(openai_responses.__all__)
    assert set(openai_responses.__all__) <= set(vars(openai_responses))
