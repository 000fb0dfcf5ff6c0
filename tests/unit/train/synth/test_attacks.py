"""What the rows of attacks promise: exact count, same seed same rows, twins, lengths, coverage."""

import re
from collections import Counter

import pytest

from waypost.train.rows import Row
from waypost.train.synth.attacks import SHARES, SOURCE, generate, streams

COUNT = 3000


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return generate(0, COUNT)


@pytest.mark.parametrize("count", [0, 1, 7, 250])
def test_there_are_exactly_as_many_rows_as_asked_for(count: int) -> None:
    assert len(generate(3, count)) == count


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    assert generate(1, 200) == generate(1, 200)
    assert {row.text for row in generate(1, 200)} != {row.text for row in generate(2, 200)}


def test_fewer_rows_are_the_beginning_of_more() -> None:
    assert generate(4, 300)[:90] == generate(4, 90)


def test_no_text_is_repeated(rows: list[Row]) -> None:
    assert len({row.text for row in rows}) == COUNT


def test_rows_carry_the_guard_label_and_no_other(rows: list[Row]) -> None:
    assert {row.source for row in rows} == {SOURCE}
    assert all(row.attack is not None for row in rows)
    assert {(row.domain, row.intent, row.difficulty, row.personal) for row in rows} == {(None,) * 4}


def test_only_twins_are_benign(rows: list[Row]) -> None:
    assert all(row.attack == (not row.kind.endswith("_twin")) for row in rows)
    assert 0.6 < sum(row.attack is True for row in rows) / COUNT < 0.8


def test_every_indirect_attack_has_a_twin_of_its_group(rows: list[Row]) -> None:
    attacked = Counter(row.group for row in rows if row.kind == "indirect")
    twins = Counter(row.group for row in rows if row.kind == "indirect_twin")
    assert set(attacked) == set(twins)
    assert sum((attacked - twins).values()) <= 3  # the last pair may be cut, and a repeated twin left out


def test_every_kind_and_language_is_there(rows: list[Row]) -> None:
    assert {row.kind for row in rows} >= set(SHARES) - {"foreign", "innocent", "innocent_role"}
    languages = {"de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr", "zh", "ja", "hi", "ar", "en"}
    assert {row.language for row in rows if row.attack} == languages


def test_lengths_are_mixed_in_attacks_and_twins_alike(rows: list[Row]) -> None:
    for attack in (True, False):
        lengths = [len(row.text) for row in rows if row.attack is attack]
        shares = (
            sum(length < 200 for length in lengths) / len(lengths),
            sum(length > 800 for length in lengths) / len(lengths),
        )
        assert 0.38 < shares[0] < 0.6
        assert 0.1 < shares[1] < 0.3


def test_disguise_stays_rare(rows: list[Row]) -> None:
    assert sum(row.kind.startswith("obfuscated") for row in rows) / COUNT < 0.15


def test_no_slot_is_left_open(rows: list[Row]) -> None:
    # braces of documents and code are spared: they hold more than one word
    assert [
        row.text
        for row in rows
        if re.search(r"\{[a-z_]*(goal|name|hidden|word|who|prior)[a-z_]*\}", row.text)
    ] == []


def test_a_frame_does_not_fill_the_whole_set(rows: list[Row]) -> None:
    groups = Counter(row.group for row in rows)
    assert len(groups) > 900
    composed = ("indirect/", "persona_long")
    assert max(n for group, n in groups.items() if not group.startswith(composed)) < 15


def test_a_disguised_attack_stays_with_the_plain_one(rows: list[Row]) -> None:
    plain = {row.group for row in rows if row.kind in {"direct", "extraction"}}
    hidden = {row.group for row in rows if row.kind == "obfuscated"}
    assert len(hidden & plain) > 0.7 * len(hidden)


def test_every_stream_has_random_numbers_of_its_own() -> None:
    first = {sort: float(rng.random()) for sort, rng in streams(0).items()}
    assert len(set(first.values())) == len(first) == len(SHARES)
