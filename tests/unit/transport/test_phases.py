"""The table of messages is complete and speaks Envoy's names."""

import pytest

from waypost.transport.phases import PHASES, Contract
from waypost.transport.wire_pb2 import ProcessingRequest, ProcessingResponse


@pytest.mark.parametrize("key", PHASES, ids="-".join)
def test_every_row_says_what_it_needs(key: tuple[str, str]) -> None:
    contract: Contract = PHASES[key]  # type: ignore[index]
    assert key[1] in ProcessingRequest.DESCRIPTOR.fields_by_name
    assert contract.answers <= set(ProcessingResponse.DESCRIPTOR.fields_by_name)
    assert contract.must
    assert contract.may
    assert contract.must_not


@pytest.mark.parametrize("key", PHASES, ids="-".join)
def test_a_message_is_answered_in_kind_or_at_once_until_the_answer_began(key: tuple[str, str]) -> None:
    at_once = set() if key == ("router", "response_body") else {"immediate_response"}
    assert PHASES[key].answers == {key[1]} | at_once  # type: ignore[index]


def test_the_upstream_filter_never_sees_a_response() -> None:
    """Envoy 1.40.0 can crash there."""
    assert {phase for role, phase in PHASES if role == "upstream"} == {"request_headers", "request_body"}
