"""What leans on earlier turns, and what stands alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.request.follow_up import LONGEST, is_follow_up


@pytest.mark.parametrize(
    "text",
    [
        "do it again, but shorter",
        "and in French?",
        "why?",
        "continue",
        "the second one",
        "Make it a table.",
        "thanks, now with tests",
        "explain it like I'm five",
        "give me three bullet points",
        "what about the integral?",
        "can you prove it by induction?",
        "Add error handling.",
        "Translate that into Basque for my grandmother",
        "Kannst du das einfacher erklären?",
        "und auf Englisch?",
        "kürzer bitte",
        "Pourquoi ?",
        "et pour les enfants ?",
        "refais-le sans jargon",
        "¿por qué?",
        "hazlo más corto",
        "y en inglés",
        "为什么",
        "ok",
        "👍",
        "...",
        "",
    ],
)
def test_a_turn_without_a_subject_leans(text: str) -> None:
    assert is_follow_up(text)


@pytest.mark.parametrize(
    "text",
    [
        "What is osmosis?",
        "Define entropy",
        "Solve 3x + 7 = 22",
        "Write a poem about autumn leaves",
        "I have a rash on my arm, it itches",
        "New topic: which visa do I need for Japan?",
        "And how do I treat a snake bite in dogs?",
        "Was ist Osmose?",
        "Wie behandle ich eine Verbrennung?",
        "Quelle est la capitale du Pérou ?",
        "¿Qué es la fotosíntesis?",
        "请解释一下什么是光合作用",
    ],
)
def test_a_turn_that_names_its_subject_stands_alone(text: str) -> None:
    assert not is_follow_up(text)


def test_accents_and_case_make_no_difference() -> None:
    assert is_follow_up("PLUS COURT, S'IL TE PLAIT")
    assert is_follow_up("plus court, s'il te plaît")


def test_a_long_turn_stands_alone_whatever_it_says() -> None:
    assert is_follow_up("again " * (LONGEST // 6))
    assert not is_follow_up("again " * LONGEST)


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    assert is_follow_up(text) in {True, False}
