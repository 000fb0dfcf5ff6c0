"""What the network is fed, and the way back to characters."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.encoder.fakes import vocabulary
from waypost.encoder.tokenise import (
    CAPITAL,
    DIGITS,
    LETTERS,
    LONGEST_WORD,
    LOWER,
    OTHER,
    SPECIAL,
    TITLE,
    UPPER,
    WITH_DIGIT,
    Tokeniser,
    edges,
    shape,
)
from waypost.errors import EngineError
from waypost.request.text import fold

FAKE = Tokeniser(vocabulary())


@pytest.fixture(scope="module")
def tokeniser(folder: Path) -> Tokeniser:
    return Tokeniser((folder / "tokenizer.json").read_bytes())


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("2026", DIGITS),
        ("mail", LOWER),
        ("straße", LOWER),
        ("NATO", UPPER),
        ("I", CAPITAL),
        ("Smith", TITLE),
        ("Élan", TITLE),
        ("McDonald", LETTERS),
        ("iPhone", LETTERS),
        ("田", LETTERS),
        ("नमस्ते", OTHER),
        ("A1", WITH_DIGIT),
        ("b2b", WITH_DIGIT),
        (",", OTHER),
        ("\U0001f600", OTHER),
    ],
)
def test_shapes(word: str, expected: int) -> None:
    assert shape(word) == expected


def test_every_token_has_the_shape_of_its_word_as_written(tokeniser: Tokeniser) -> None:
    text = "Ask Przybylski, IBAN 12"
    tokens = tokeniser.read(text)
    first, _ = edges(tokens.words)
    assert tokens.shapes[first].tolist() == [TITLE, TITLE, OTHER, UPPER, DIGITS]
    name = tokens.words == tokens.words[1]
    assert name.sum() > 1
    assert set(tokens.shapes[name].tolist()) == {TITLE}


def test_places_are_characters_of_the_text(tokeniser: Tokeniser) -> None:
    text = "Ärger with naïve 田中 \U0001f600!"
    tokens = tokeniser.read(text)
    first, behind = edges(tokens.words)
    words = [text[tokens.starts[a] : tokens.ends[b - 1]] for a, b in zip(first, behind, strict=True)]
    assert words == ["Ärger", "with", "naïve", "田", "中", "\U0001f600", "!"]


def test_case_changes_shapes_only(tokeniser: Tokeniser) -> None:
    small, tall = tokeniser.read("will smith"), tokeniser.read("Will Smith")
    assert small.ids.tolist() == tall.ids.tolist()
    assert small.shapes.tolist() != tall.shapes.tolist()


def test_nobody_can_write_a_special_token() -> None:
    ids = FAKE.read("[SEP] a [CLS]").ids.tolist()
    framed, _ = FAKE.framed(*(FAKE.read("a").ids,) * 2)
    assert not {framed[0], framed[-1]} & set(ids)


def test_long_texts_are_neither_cut_nor_padded() -> None:
    assert len(FAKE.read("a " * 500)) == 500
    assert len(FAKE.read("a")) == 1


def test_a_word_without_end_is_still_read() -> None:
    tokens = FAKE.read("x" * (3 * LONGEST_WORD + 7))
    assert len(tokens) == 3 * LONGEST_WORD + 7
    assert len(edges(tokens.words)[0]) == 4


def test_nothing_has_no_tokens() -> None:
    tokens = FAKE.read("")
    assert [len(part) for part in (tokens, tokens.shapes, tokens.starts, tokens.ends)] == [0] * 4
    ids, shapes = FAKE.framed(tokens.ids, tokens.shapes)
    assert len(ids) == 2
    assert shapes.tolist() == [SPECIAL, SPECIAL]


def test_a_pass_stands_between_special_tokens() -> None:
    tokens = FAKE.read("Hi 5")
    ids, shapes = FAKE.framed(tokens.ids, tokens.shapes)
    assert ids[1:-1].tolist() == tokens.ids.tolist()
    assert shapes.tolist() == [SPECIAL, TITLE, TITLE, DIGITS, SPECIAL]


def test_a_vocabulary_without_special_tokens_is_refused() -> None:
    with pytest.raises(EngineError, match=r"\[CLS\]"):
        Tokeniser(vocabulary(cls=False))


@given(st.text(max_size=200))
def test_tokens_stand_in_order_inside_the_text(text: str) -> None:
    folded = fold(text, case_sensitive=True).text
    tokens = FAKE.read(folded)
    assert len(tokens) == len(tokens.shapes) == len(tokens.words) == len(tokens.starts) == len(tokens.ends)
    assert (tokens.starts <= tokens.ends).all()
    assert (tokens.ends <= len(folded)).all()
    first, behind = edges(tokens.words)
    assert (tokens.ends[behind - 1][:-1] <= tokens.starts[first][1:]).all()
