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
    # An answer of its own from the upstream filter would end the chain.
    begun = key == ("router", "response_body") or (key[0] == "upstream" and key[1].startswith("response"))
    at_once = set() if begun else {"immediate_response"}
    assert PHASES[key].answers == {key[1]} | at_once  # type: ignore[index]
