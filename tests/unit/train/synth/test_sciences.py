import re
from collections import Counter

import pytest

from waypost.train.rows import INTENTS, Row
from waypost.train.synth.sciences import SOURCE, generate
from waypost.train.synth.sciences_bank import SCIENCES, banks

COUNT = 1400


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return generate(7, COUNT)


def share(rows: list[Row], low: int, high: int) -> float:
    return sum(low < len(row.text) <= high for row in rows) / len(rows)


@pytest.mark.parametrize("count", [0, 1, 6, 50])
def test_as_many_rows_as_asked_for(count: int) -> None:
    assert len(generate(1, count)) == count


def test_the_domains_take_turns(rows: list[Row]) -> None:
    assert Counter(row.domain for row in rows) == dict.fromkeys(SCIENCES, COUNT // len(SCIENCES))


def test_a_seed_means_the_same_rows_and_another_seed_means_others() -> None:
    assert generate(5, 70) == generate(5, 70)
    assert not {row.text for row in generate(5, 70)} & {
        row.text for row in generate(6, 70) if len(row.text) > 300
    }


def test_more_rows_of_a_seed_begin_with_the_same_ones(rows: list[Row]) -> None:
    assert generate(7, 35) == rows[:35]


def test_no_text_comes_twice(rows: list[Row]) -> None:
    assert len({row.text.lower() for row in rows}) == COUNT


def test_every_row_says_where_it_comes_from_and_what_it_is_not(rows: list[Row]) -> None:
    assert {(row.source, row.attack, row.personal) for row in rows} == {(SOURCE, False, None)}
    assert all(row.group.startswith(f"{row.domain}:") for row in rows)
    assert {row.intent for row in rows} <= {None, *INTENTS}


def test_a_template_is_in_one_domain_only(rows: list[Row]) -> None:
    domains = {row.group: row.domain for row in rows}
    assert all(domains[row.group] == row.domain for row in rows)
    assert len(domains) > COUNT / 2


def test_nothing_of_the_template_language_is_left(rows: list[Row]) -> None:
    slots = {name for bank in banks().values() for words in bank.slots.values() for name in words}
    left = [row.text for row in rows if slots & set(re.findall(r"\{([a-z_]+)\}", row.text))]
    assert left == []
    assert [row.text for row in rows if re.search(r"[⟦⟧]|\ba\(n\)", row.text, re.IGNORECASE)] == []


def test_lengths_are_those_of_questions_posts_and_pasted_texts(rows: list[Row]) -> None:
    assert share(rows, 0, 120) == pytest.approx(0.50, abs=0.06)
    assert share(rows, 120, 500) == pytest.approx(0.35, abs=0.06)
    assert share(rows, 500, 1500) == pytest.approx(0.15, abs=0.04)


def test_an_eighth_is_in_six_other_languages(rows: list[Row]) -> None:
    foreign = Counter(row.language for row in rows if row.language != "en")
    assert set(foreign) == {"de", "fr", "es", "it", "pt", "nl"}
    assert foreign.total() / COUNT == pytest.approx(0.12, abs=0.03)


def test_whoever_asks_for_code_is_in_computer_science(rows: list[Row]) -> None:
    asked = {row.domain for row in rows if row.intent in {"code_generation", "code_debugging"}}
    assert asked == {"computer science"}


def test_stubs_keep_their_line_breaks_and_case() -> None:
    stubs = [row for row in generate(2, 2100) if '"""' in row.text]
    assert stubs
    assert all(row.intent == "code_generation" and "\n    " in row.text for row in stubs)
