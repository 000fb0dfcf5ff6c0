import re
from collections import Counter, defaultdict

import pytest

from waypost.train.rows import DOMAINS, INTENTS, Row
from waypost.train.synth import draw, humanities
from waypost.train.synth.humanities import LONG, MEDIUM, SHORT, generate, length, slip


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return generate(0, 7000)


def test_the_seven_domains_have_equal_shares(rows: list[Row]) -> None:
    assert set(humanities.DOMAINS) <= set(DOMAINS)
    assert Counter(row.domain for row in rows) == dict.fromkeys(humanities.DOMAINS, 1000)


def test_the_number_of_rows_is_exact_when_the_domains_do_not_divide_it() -> None:
    assert [len(generate(3, count)) for count in (0, 1, 10)] == [0, 1, 10]


def test_a_seed_fixes_the_rows_and_another_seed_changes_them() -> None:
    assert generate(5, 300) == generate(5, 300)
    assert [row.text for row in generate(5, 300)] != [row.text for row in generate(6, 300)]


def test_a_longer_run_starts_with_the_rows_of_a_shorter_one() -> None:
    assert generate(7, 300)[:100] == generate(7, 100)


def test_no_text_occurs_twice(rows: list[Row]) -> None:
    assert [text for text, count in Counter(row.text for row in rows).items() if count > 1] == []


def test_half_is_short_a_third_is_medium_and_the_rest_is_long(rows: list[Row]) -> None:
    shares = Counter(length(row.text) for row in rows)
    assert shares[SHORT] / len(rows) == pytest.approx(0.50, abs=0.03)
    assert shares[MEDIUM] / len(rows) == pytest.approx(0.35, abs=0.03)
    assert shares[LONG] / len(rows) == pytest.approx(0.15, abs=0.03)
    assert max(len(row.text) for row in rows) <= LONG


def test_an_eighth_is_in_one_of_six_other_languages(rows: list[Row]) -> None:
    languages = Counter(row.language for row in rows)
    assert set(languages) == {"en", "de", "fr", "es", "it", "pt", "nl"}
    assert 1 - languages["en"] / len(rows) == pytest.approx(0.12, abs=0.02)


def test_every_row_is_a_clean_one_that_says_nothing_about_personal_data(rows: list[Row]) -> None:
    assert {(row.source, row.attack, row.personal, row.difficulty) for row in rows} == {
        ("synth:humanities", False, None, None)
    }
    assert {row.intent for row in rows} <= {*INTENTS, None}


def test_nothing_of_a_template_shows(rows: list[Row]) -> None:
    assert [row.text for row in rows if re.search(r"[{}|<>]", row.text.replace("->", ""))] == []
    assert [row.text for row in rows if "  " in row.text or row.text != row.text.strip()] == []


def test_a_group_belongs_to_one_domain_and_one_language(rows: list[Row]) -> None:
    found: defaultdict[str, set[tuple[str | None, str]]] = defaultdict(set)
    for row in rows:
        found[row.group].add((row.domain, row.language))
        assert row.group.startswith(f"{row.domain}:")
    assert [group for group, labels in found.items() if len(labels) > 1] == []


def test_no_template_dominates_its_domain(rows: list[Row]) -> None:
    groups = Counter(row.group for row in rows)
    assert max(groups.values()) <= 40  # of 1000
    assert len(groups) > 1500


def test_about_a_tenth_is_typed_in_a_hurry() -> None:
    count = sum(
        row.text.islower() for row in generate(1, 2000) if row.language == "en" and len(row.text) > 40
    )
    assert 60 < count < 400


def test_a_slip_keeps_nearly_all_letters() -> None:
    rng = draw.generator(0, "slips")
    text = "What is the difference between a lease and a licence, and who may end it?"
    slipped = {slip(rng, text) for _ in range(200)}
    assert text.upper() in slipped
    assert text.lower() in slipped
    assert text.lower().replace(",", "").replace("?", "") in slipped
    assert all(abs(len(other) - len(text)) <= 2 for other in slipped)


def test_a_slip_of_a_text_without_two_letters_in_a_row_changes_at_most_its_marks() -> None:
    rng = draw.generator(0, "slips")
    assert {slip(rng, "4 + 4 = ?") for _ in range(50)} == {"4 + 4 = ?", "4 + 4 ="}


@pytest.mark.parametrize(
    ("size", "limit"), [(1, SHORT), (120, SHORT), (121, MEDIUM), (500, MEDIUM), (501, LONG), (9000, LONG)]
)
def test_lengths_are_sorted_by_their_upper_limit(size: int, limit: int) -> None:
    assert length("x" * size) == limit
