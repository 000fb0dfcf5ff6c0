"""Thoughts go with the client and come back whole, or not at all."""

import base64

import pytest

from waypost.dialects.thoughts import is_sealed, seal, unseal

BLOCKS = [
    {"type": "thinking", "thinking": "hm \ud800 ä", "signature": "c2ln"},
    {"type": "redacted_thinking", "data": "Z"},
]


def test_there_and_back() -> None:
    assert unseal(seal(BLOCKS)) == BLOCKS
    assert unseal(seal([])) == []
    assert is_sealed(seal([]))
    assert seal(BLOCKS).isascii()


@pytest.mark.parametrize("text", ["", "gAAAAABo", "waypost", "Waypost.1."])
def test_what_a_provider_sealed_is_its_own(text: str) -> None:
    assert not is_sealed(text)


def sealed(inner: bytes) -> str:
    return seal([])[: len("waypost.1.")] + base64.urlsafe_b64encode(inner).decode()


@pytest.mark.parametrize(
    "text",
    [
        seal(BLOCKS)[:-3],
        seal(BLOCKS).replace("W", "!"),
        sealed(b""),
        sealed(b"{}"),
        sealed(b"\xff"),
        sealed(b'[{"type":"thinking","thinking":"hm"}]'),
        sealed(b'[{"type":"text","text":"hm"}]'),
        sealed(b"[" * 40_000),
    ],
)
def test_what_was_changed_holds_nothing(text: str) -> None:
    assert unseal(text) == []
