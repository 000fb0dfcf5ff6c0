import pytest

from waypost.signals.candidates import Budget, stands_alone
from waypost.signals.linear import compiled

NUMBER = compiled("[0-9]+")


def test_matches_are_characters_and_cost_one_each() -> None:
    budget = Budget(3)
    assert list(budget.candidates(NUMBER, "\u00e9 1 22 333")) == [(2, 3), (4, 6), (7, 10)]
    assert budget.left == 0


def test_behind_the_last_that_can_be_paid_nothing_is_yielded() -> None:
    budget = Budget(1)
    assert list(budget.candidates(NUMBER, "1 22 333")) == [(0, 1)]
    assert budget.left < 0


def test_a_long_match_costs_more() -> None:
    budget = Budget(100)
    assert list(budget.candidates(NUMBER, "1" * 640)) == [(0, 640)]
    assert budget.left == 89


def test_spending_says_whether_it_was_there() -> None:
    budget = Budget(2)
    assert budget.spend(2)
    assert not budget.spend()


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("a 12 b", True),
        ("(12)", True),
        ("12", True),
        ("12.", True),
        ("-12-", True),
        ("a12", False),
        ("12b", False),
        ("_12", False),
        ("$12", False),
        ("3.12", False),
        ("12-3", False),
        ("12/3", False),
    ],
)
def test_a_number_stands_alone_or_is_part_of_another(text: str, *, alone: bool) -> None:
    start = text.index("12")
    assert stands_alone(text, start, start + 2) is alone
