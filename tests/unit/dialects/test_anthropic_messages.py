"""The dialect in one place."""

from waypost.dialects import anthropic_messages


def test_both_directions_are_there() -> None:
    for name in ("request", "response", "error"):
        assert callable(getattr(anthropic_messages, f"read_{name}"))
        assert callable(getattr(anthropic_messages, f"write_{name}"))
    assert set(anthropic_messages.__all__) <= set(vars(anthropic_messages))
