import json
import re
from itertools import islice

import pytest

from waypost.train.synth import benign_long as long
from waypost.train.synth.benign_compose import Maker, Span
from waypost.train.synth.draw import generator

MEDIUM, LONG = Span(120, 600), Span(600, 3000)


def test_there_are_many_types() -> None:
    assert len(long.types()) >= 12
    assert "common" not in long.types()


@pytest.mark.parametrize("name", long.types())
def test_a_document_comes_near_its_length(name: str) -> None:
    for length in (1500, 7000):
        text = long.document(generator(1), name, length)
        assert length * 0.85 < len(text) < length + 1200


def test_documents_have_steps_tables_and_headings() -> None:
    texts = [long.document(generator(seed), "manual", 4000) for seed in range(30)]
    assert any("|---|" in text for text in texts)
    assert any("Step 2: " in text for text in texts)
    assert any("## Cleaning" in text for text in texts)


def test_one_document_is_about_one_thing() -> None:
    text = long.document(generator(3), "manual", 3000)
    assert len(set(re.findall(r"Never leave|the (\w+) away\.|near a heater", text))) <= 2
    named = set(re.findall(r"[Ss]witch (?:on )?the ([\w ]+?)(?: off|\.)", text))
    assert len(named) <= 1


@pytest.mark.parametrize(
    "maker", [long.passages, long.pages, long.letters, long.results, long.exams, long.exercises]
)
@pytest.mark.parametrize("span", [MEDIUM, LONG])
def test_streams_bring_different_texts_near_their_length(maker: Maker, span: Span) -> None:
    drafts = list(islice(maker(generator(2), span), 80))
    assert {draft.kind for draft in drafts} == {"code" if maker is long.exercises else "documents"}
    assert sum(len(draft.text) in span for draft in drafts) > 35
    assert len({draft.text for draft in drafts}) > 60


def test_notices_come_with_questions() -> None:
    texts = [draft.text for draft in islice(long.notices(generator(0), MEDIUM), 60)]
    assert sum("?" in text for text in texts) > 20
    assert any("Subject: Invoice" in text for text in texts)


def test_a_bundle_never_meets_another_one() -> None:
    texts: dict[str, set[str]] = {}
    for draft in islice(long.exams(generator(0), LONG), 300):
        lines = {line for line in draft.text.split("\n") if line.startswith(("A.", "(A)", "(a)"))}
        texts.setdefault(draft.group, set()).update(lines)
    groups = list(texts.values())
    assert len(groups) == long.BUNDLES
    assert not [1 for at, one in enumerate(groups) for other in groups[:at] if one & other]


def test_records_are_json() -> None:
    found = json.loads(long.records(generator(0), 900))
    assert found["total"] == len(found["results"]) > 2
    assert all("note" in entry for entry in found["results"])


def test_rows_have_as_many_cells_as_the_header() -> None:
    lines = [line for seed in range(5) for line in long.rows(generator(seed), 500).split("\n")]
    assert len(lines) > 10
    head, *rest = long.rows(generator(3), 600).split("\n")
    mark = next(mark for mark in ";\t," if mark in head)
    assert {row.count(mark) for row in rest} <= {head.count(mark), head.count(mark) + 1, head.count(mark) + 2}


def test_the_times_of_a_log_rise() -> None:
    times = re.findall(r"\b(\d\d:\d\d:\d\d) (?:INFO|WARN|ERROR|DEBUG)", long.logs(generator(1), 1500))
    assert len(times) > 8
    assert times == sorted(times)


def test_long_texts_keep_to_the_span_and_take_the_types_in_turn() -> None:
    span = Span(1500, 8001)
    found = list(islice(long.long_texts(generator(0), span), 38))
    assert all(len(text) in span for _, text in found)
    assert len({name for name, _ in found}) == len(long.types())
