from dataclasses import FrozenInstanceError

import pytest

from waypost.testing.policies import policy


def test_a_policy_cannot_be_changed_only_replaced() -> None:
    made = policy({"gpt": "external"}, {}, [])
    with pytest.raises(FrozenInstanceError):
        made.revision = "other"  # type: ignore[misc]


def test_unreadable_parts_close_a_rule_unless_the_file_says_otherwise() -> None:
    made = policy({"gpt": "external"}, {}, [])
    assert made.unscannable.action == "close"
    assert made.auto_names == {"auto", "MoM"}


def test_nobody_vouches_for_a_caller_unless_the_file_names_them() -> None:
    assert policy({"gpt": "external"}, {}, []).identity.trusted_hops == ()
