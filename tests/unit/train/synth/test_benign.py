from collections import Counter
from collections.abc import Iterator
from itertools import cycle

import pytest

from waypost.train.rows import Row
from waypost.train.synth import benign
from waypost.train.synth.benign_banks import Draft
from waypost.train.synth.draw import Generator

KINDS = {
    "trigger_words", "roleplay", "security", "sounds_unsafe", "prompting", "code", "documents", "chat",
    "foreign", "encoded", "writing",
}  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return benign.generate(0, 3000)


def test_as_many_rows_as_asked_for() -> None:
    assert [len(benign.generate(3, count)) for count in (0, 1, 7)] == [0, 1, 7]
    assert [len(benign.long_documents(3, count)) for count in (0, 1, 7)] == [0, 1, 7]


def test_a_seed_means_the_same_rows_and_another_one_means_others() -> None:
    assert benign.generate(5, 60) == benign.generate(5, 60)
    assert benign.long_documents(5, 6) == benign.long_documents(5, 6)
    assert {row.text for row in benign.generate(5, 60)}.isdisjoint(
        row.text for row in benign.generate(6, 60) if len(row.text) > 200
    )


def test_every_row_is_benign_and_says_where_it_comes_from(rows: list[Row]) -> None:
    assert {(row.source, row.attack) for row in rows} == {("synth:benign", False)}
    assert all(row.group for row in rows)
    assert all(row.personal is None and row.domain is None and row.intent is None for row in rows)


def test_every_kind_occurs(rows: list[Row]) -> None:
    assert {row.kind for row in rows} == KINDS


def test_lengths_are_those_of_the_attacks(rows: list[Row]) -> None:
    shares = Counter(
        "short" if len(r.text) < 120 else "medium" if len(r.text) < 600 else "long" for r in rows
    )
    assert shares == {"short": 1200, "medium": 1050, "long": 750}
    assert max(len(row.text) for row in rows) < 3000


def test_texts_do_not_repeat_and_frames_hardly(rows: list[Row]) -> None:
    assert len({row.text for row in rows}) == len(rows)
    assert len({row.group for row in rows}) > 1500


def test_a_text_is_repeated_when_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    size = benign.Size(benign.Span(1, 120), 1.0, {"chat": 1})

    def one(rng: Generator, span: benign.Span) -> Iterator[Draft]:
        return cycle([Draft("the only text", "group", "chat")])

    monkeypatch.setattr(benign, "SIZES", {"short": size})
    monkeypatch.setattr(benign, "STREAMS", {"chat": one})
    assert [row.text for row in benign.generate(0, 3)] == ["the only text"] * 3


def test_other_languages_are_many_and_marked(rows: list[Row]) -> None:
    languages = Counter(row.language for row in rows)
    assert set(languages) == {
        "en",
        "de",
        "fr",
        "es",
        "it",
        "pt",
        "nl",
        "pl",
        "ru",
        "tr",
        "zh",
        "ja",
        "hi",
        "ar",
    }
    assert all((row.kind == "foreign") == (row.language != "en") for row in rows)


def test_words_of_attacks_are_frequent(rows: list[Row]) -> None:
    texts = [row.text.lower() for row in rows]
    words = (
        "ignore",
        "forget",
        "override",
        "act as",
        "pretend",
        "prompt",
        "admin",
        "from now on",
        "secret",
        "rules",
    )
    assert {word for word in words if sum(word in text for text in texts) < 15} == set()


def test_no_row_has_an_unfilled_slot(rows: list[Row]) -> None:
    assert not [row.text for row in rows if "(n)" in row.text or "¬" in row.text or "{n" in row.text]


def test_long_documents_keep_to_their_lengths_and_types() -> None:
    documents = benign.long_documents(1, 60)
    assert {(row.kind, row.attack, row.source) for row in documents} == {
        ("long_benign", False, "synth:benign")
    }
    assert all(1500 <= len(row.text) <= 8000 for row in documents)
    assert max(len(row.text) for row in documents) > 5000
    assert len({row.group for row in documents}) >= 12
    assert len({row.text for row in documents}) == 60
