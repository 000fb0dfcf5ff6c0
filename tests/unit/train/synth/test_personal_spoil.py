"""Changes to a text that leave its marks in place."""

import pytest

from waypost.train.synth import personal_spoil as spoil
from waypost.train.synth.draw import generator
from waypost.train.synth.personal_templates import Piece

PIECES = [
    Piece("Please, "), Piece("Éva O'Neil", "PERSON"),
    Piece(": \"see\nme\" "), Piece("AKIAb7", "API_KEY"), Piece("!"),
]  # fmt: skip
CHANGES = [
    (spoil.small, 'please, éva o\'neil: "see\nme" AKIAb7!'),
    (spoil.capitals, 'PLEASE, ÉVA O\'NEIL: "SEE\nME" AKIAb7!'),
    (spoil.bare, "please éva o'neil see\nme AKIAb7"),
    (spoil.plain, 'Please, Eva O\'Neil: "see\nme" AKIAb7!'),
    (spoil.one_line, 'Please, Éva O\'Neil: "see me" AKIAb7!'),
]


@pytest.mark.parametrize(("change", "text"), CHANGES)
def test_one_way(change: spoil.Spoil, text: str) -> None:
    changed = change(generator(1, "x"), PIECES)
    assert "".join(piece.text for piece in changed) == text
    assert [piece.type for piece in changed] == [piece.type for piece in PIECES]


def test_slips_leave_marks_alone() -> None:
    pieces = [Piece("surely something somewhere goes wrong " * 20), Piece("Barbara", "PERSON")]
    changed = spoil.slips(generator(1, "x"), pieces)
    assert changed[0].text != pieces[0].text
    assert len(changed[0].text.split()) == 100
    assert changed[1] == pieces[1]


def test_most_texts_stay_as_they_are() -> None:
    rng = generator(1, "x")
    kept = sum(spoil.spoil(rng, PIECES, data=False) == PIECES for _ in range(500)) / 500
    data = sum(spoil.spoil(rng, PIECES, data=True) == PIECES for _ in range(500)) / 500
    assert 0.6 < kept < 0.85
    assert data > 0.8
