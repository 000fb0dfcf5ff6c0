"""Templates: what is written in them, and how they are filled."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from waypost.train.rows import PII_TYPES
from waypost.train.synth.draw import generator
from waypost.train.synth.personal_banks import lists
from waypost.train.synth.personal_noise import LOOSE, NOISE
from waypost.train.synth.personal_templates import (
    LANGUAGES,
    PERSONAL,
    Part,
    Piece,
    Repeat,
    Slot,
    asides,
    fill,
    parse,
    templates,
)

AMBIGUOUS = {"May", "Mart", "mars"}


def flat(parts: Sequence[Part]) -> Iterator[str | Slot]:
    for part in parts:
        if isinstance(part, Repeat):
            yield from part.parts
        else:
            yield part


def test_there_are_enough_of_them() -> None:
    counts = Counter((t.language, t.kind == "pii") for t in templates())
    assert sum(n for (_, pii), n in counts.items() if pii) >= 450
    assert sum(n for (_, pii), n in counts.items() if not pii) >= 300
    for language in ("de", "fr", "es", "it", "nl", "pl", "pt"):
        assert counts[language, True] >= 20
        assert counts[language, False] >= 20


def test_names_are_unique() -> None:
    assert len({t.name for t in templates()}) == len(templates())


def test_marked_templates_mark_something_and_clean_ones_nothing() -> None:
    assert all(bool(t.types) is (t.kind == "pii") for t in templates())


def test_types_are_known_and_slots_unambiguous() -> None:
    assert {kind for kind, _ in PERSONAL.values()} == set(PII_TYPES)
    assert not set(PERSONAL) & set(NOISE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_whole_templates_name_no_date_place_or_firm_outside_a_slot(language: str) -> None:
    shapes, things = lists("shapes"), lists("things")["things"]
    words = {*shapes["months"][language], *shapes["weekdays"][language], *things["place"], *things["brand"]}
    words -= AMBIGUOUS | {"Visa"}
    for template in templates():
        if template.language != language or not template.whole:
            continue
        for part in flat(template.parts):
            if isinstance(part, Slot):
                assert part.name not in LOOSE, template.name
            else:
                assert not set(re.findall(r"[\w-]+", part)) & words, template.name
                assert not re.search(r"\b(1[89]|20)\d\d\b", part), template.name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("what", ["wrap", "wrap_data", "filler"])
def test_sentences_around_a_document_bring_no_marks(language: str, what: str) -> None:
    rng = generator(1, what)
    sentences = asides(language, what)
    assert len(sentences) >= 3
    assert not any(piece.type for sentence in sentences for piece in fill(rng, language, sentence))


def test_slots_and_literal_braces() -> None:
    assert parse('{"a": "{full2}"} {{x}}') == ('{"a": "', Slot("full", 2), '"} ', "{x}")


def test_an_unknown_slot_is_an_error() -> None:
    with pytest.raises(KeyError, match="nobody_knows"):
        parse("hello {nobody_knows}")


def test_one_number_is_one_person_and_one_slot_one_value() -> None:
    pieces = fill(generator(3, "x"), "en", parse("{full}|{first}|{last}|{full}|{full2}"))
    full, first, last, again, other = (piece.text for piece in pieces if piece.type)
    assert full == again == f"{first} {last}"
    assert other != full


def test_repeated_lines_are_about_different_people() -> None:
    repeat = Repeat(parse("{full},{phone}"), "\n", 3, 3)
    pieces = fill(generator(3, "x"), "en", (repeat,))
    assert "".join(piece.text for piece in pieces).count("\n") == 2
    assert len({piece.text for piece in pieces if piece.type == "PERSON"}) == 3


def test_given_name_and_surname_side_by_side_are_one_mark() -> None:
    pieces = fill(generator(3, "x"), "en", parse("{first} {last}, {street}, {zip}"))
    assert [piece.type for piece in pieces] == ["PERSON", None, "STREET_ADDRESS"]
    assert pieces[1] == Piece(", ")
