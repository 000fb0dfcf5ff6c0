import pytest

from waypost.cli.words import counted


@pytest.mark.parametrize(("number", "told"), [(0, "0 rules"), (1, "1 rule"), (2, "2 rules")])
def test_counted(number: int, told: str) -> None:
    assert counted(number, "rule") == told
