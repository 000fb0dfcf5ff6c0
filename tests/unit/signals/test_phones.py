import pytest

from waypost.signals.candidates import Budget
from waypost.signals.phones import phones


def counting(text: str, *regions: str) -> list[str]:
    """What counts at the default threshold."""
    found = phones(text, regions or ("US",), Budget())
    return [text[start:end] for start, end, score in found if score >= 0.7]


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("call +49 30 901820 now", ["+49 30 901820"]),
        ("+44 20 7946 0958 2 people", ["+44 20 7946 0958"]),
        ("(212) 555-0123 or 646.555.0198x12", ["(212) 555-0123", "646.555.0198x12"]),
        ("212-555-0123 646-555-0198 917-555-0111", ["212-555-0123", "646-555-0198", "917-555-0111"]),
        ("phone: 5403926876", ["5403926876"]),
        ("my number is 030 901820", ["030 901820"]),
        ("5403926876", []),
        ("030 901820", []),
        ("on 2024-01-15, 15/01/2024 and 1999-2003", []),
        ("$212-555-0123, 3.14159265358, 1,234,567", []),
        ("1 2 3 4 5 6 7 8 9 10", []),
        ("96 95 5950 6000 255 241 6950 7000 12 14", []),
        ("call about SSN 219-09-1234", []),
        ("call 10.72.11.169", []),
    ],
)
def test_phone_numbers(text: str, stretches: list[str]) -> None:
    assert counting(text) == stretches


def test_national_phone_numbers_need_their_region() -> None:
    assert counting("bei 030 901820 an", "US", "DE") == ["030 901820"]
    assert counting("at 212-555-0123", "FR") == []


def test_a_number_of_ones_own_country_is_weaker_evidence_than_an_international_one() -> None:
    scores = [found.score for found in phones("+49 30 901820, 212-555-0123", ("US",), Budget())]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 2


def test_what_cannot_be_afforded_is_not_looked_at() -> None:
    budget = Budget(25)
    assert list(phones("call +49 30 901820, then +49 30 901821, then +49 30 901822", (), budget)) == [
        (5, 18, 0.95)
    ]
    assert budget.left < 0
