"""The rows: as many as asked for, always the same, and marked to the character."""

import re
from collections import Counter

import pytest

from waypost.train.rows import PII_TYPES, Personal, Row
from waypost.train.synth.personal import ALWAYS, SOURCE, generate, joined
from waypost.train.synth.personal_ids import luhn
from waypost.train.synth.personal_templates import LANGUAGES, Piece

ROWS = generate(0, 3000)
MARKED = [row for row in ROWS if row.kind == "pii"]
CLEAN = [row for row in ROWS if row.kind != "pii"]
MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")


def marks(rows: list[Row], kind: str) -> list[str]:
    return [row.text[m.start : m.end] for row in rows for m in row.personal or () if m.type == kind]


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    assert generate(3, 60) == generate(3, 60)
    assert generate(3, 60) != generate(4, 60)


@pytest.mark.parametrize("count", [0, 1, 7, 200])
def test_as_many_rows_as_asked_for(count: int) -> None:
    assert len(generate(1, count)) == count


def test_nine_in_twenty_are_clean() -> None:
    assert len(CLEAN) == round(0.45 * len(ROWS))
    assert all(row.personal == () and row.kind.startswith("clean:") for row in CLEAN)
    assert all(row.personal for row in MARKED)


def test_rows_say_where_they_come_from_and_nothing_of_other_tasks() -> None:
    for row in ROWS:
        assert (row.source, row.domain, row.intent, row.attack) == (SOURCE, None, None, None)
        assert row.group.startswith(f"{row.language}.")


def test_marks_lie_in_the_text_in_order_and_do_not_touch_white_space() -> None:
    for row in ROWS:
        end = 0
        for mark in row.personal or ():
            text = row.text[mark.start : mark.end]
            assert end <= mark.start < mark.end <= len(row.text)
            assert text == text.strip()
            end = mark.end


def test_every_type_occurs_and_only_annotated_ones() -> None:
    counts = Counter(mark.type for row in ROWS for mark in row.personal or ())
    assert set(counts) == set(PII_TYPES)
    assert min(counts.values()) > 20
    for row in ROWS:
        assert row.annotated in {frozenset(PII_TYPES), ALWAYS}
        assert {mark.type for mark in row.personal or ()} <= row.annotated


def test_every_language_has_both_kinds() -> None:
    kinds = {(row.language, row.kind == "pii") for row in ROWS}
    assert kinds == {(language, pii) for language in LANGUAGES for pii in (True, False)}


def test_every_mail_address_outside_clean_rows_is_marked() -> None:
    for row in MARKED:
        inside = [range(mark.start, mark.end) for mark in row.personal or ()]
        for found in MAIL.finditer(row.text):
            assert any(found.start() in place for place in inside), row.text


def test_cards_keep_their_check_digit() -> None:
    cards = marks(ROWS, "CREDIT_CARD")
    assert all(luhn(re.sub(r"\D", "", card)) for card in cards)


def test_one_group_is_one_template() -> None:
    assert all(
        len({row.kind for row in ROWS if row.group == group}) == 1 for group in {row.group for row in ROWS}
    )


def test_texts_come_in_small_letters_too() -> None:
    assert 0.05 < sum(row.text.islower() for row in ROWS) / len(ROWS) < 0.4


def test_offsets_follow_from_the_pieces() -> None:
    text, found = joined([Piece("Hi "), Piece("Åsa", "PERSON"), Piece(", "), Piece("41", "AGE")])
    assert text == "Hi Åsa, 41"
    assert found == (Personal(3, 6, "PERSON"), Personal(8, 10, "AGE"))
