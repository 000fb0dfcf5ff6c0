from typing import Any

import pytest

from tests.unit.encoder.fakes import GUARDS, asked, encoder
from waypost.evaluate.files import BadRowError, Row
from waypost.evaluate.pii import Document, Marked, Pii, Searched
from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.pii import PRIVATE, PiiDetection

MAIL = "John Smith, ann@example.com"


def read(text: str, *spans: Any) -> Document | None:
    return Pii(encoder()).read(Row("f", 1, {"text": text, "spans": list(spans)}, {}))


def span(start: int, end: int, label: str) -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def searched(
    marked: list[tuple[str, int, int]],
    found: list[tuple[Any, ...]],
    annotated: frozenset[str] | None = frozenset({"PERSON", "EMAIL_ADDRESS"}),
) -> Searched:
    said = [(*each, 0.9) if len(each) == 3 else each for each in found]
    return Searched(tuple(Marked(*m) for m in marked), tuple(Marked(*f) for f in said), 1.0, annotated)


def figures(*answers: Searched, **settings: Any) -> dict[str, float | None]:
    found = Pii(encoder(), **settings).measure(answers).figures
    return {name: figure.value for name, figure in found.items()}


def test_rows() -> None:
    assert read("Ann in 12345", span(0, 3, "PERSON"), span(7, 12, "ZIP_CODE")) == Document(
        "Ann in 12345", (Marked("PERSON", 0, 3), Marked("STREET_ADDRESS", 7, 12))
    )
    assert Pii(encoder()).read(Row("f", 1, {"text": "t", "spans": None}, {})) is None


def test_types_that_nothing_looks_for_are_kept_so_that_their_documents_are_not_clean() -> None:
    assert read("Dr", span(0, 2, "TITLE")) == Document("Dr", (Marked("TITLE", 0, 2),))


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([span(0, 9, "PERSON")], "'spans[0]' is outside of the text, which has 3 characters"),
        ([span(2, 2, "PERSON")], "'spans[0]' is outside"),
        ([span(0, 1, "PERSON"), {"start": 0}], "'spans[1]' is no span"),
        ([span(0, 1, "PERSN")], "unknown type 'PERSN'"),
    ],
)
def test_spans_that_cannot_be_are_refused(spans: list[Any], message: str) -> None:
    with pytest.raises(BadRowError) as caught:
        read("Ann", *spans)
    assert caught.value.message.startswith(message)


def test_spans_must_be_a_list() -> None:
    with pytest.raises(BadRowError, match="'spans' must be a list"):
        Pii(encoder()).read(Row("f", 1, {"text": "t", "spans": "PERSON"}, {}))


def test_the_product_is_asked_patterns_and_tagger() -> None:
    answer = Pii(encoder()).ask(Document(MAIL, ()))
    assert [(each.type, each.start, each.end) for each in answer.found] == [
        ("PERSON", 0, 10),
        ("EMAIL_ADDRESS", 12, 27),
    ]
    assert all(each.score >= 0.95 for each in answer.found)


@pytest.mark.parametrize("threshold", [0.3, 0.7, 0.96])
def test_what_counts_at_a_threshold_is_what_the_condition_finds(threshold: float) -> None:
    text = f"{MAIL}, 127.0.0.1 and 192.0.2.7"
    request = ChatRequest(
        "openai_chat", b"", "auto", messages=(Message("user", (Part("text", text, "messages[0].content"),)),)
    )
    verdict = PiiDetection(threshold=threshold).evaluate(request, asked(encoder(), text, GUARDS))
    answer = Pii(encoder(), threshold).ask(Document(text, ()))
    counted = {(each.type, each.start, each.end) for each in answer.found if each.score >= threshold}
    assert counted == {(match.term, match.start, match.end) for match in verdict.matches}


def test_types_that_no_pattern_and_no_tagger_knows_need_no_engine() -> None:
    engine = encoder()
    answer = Pii(engine, types=["EMAIL_ADDRESS"]).ask(Document(MAIL, ()))
    assert [each.type for each in answer.found] == ["EMAIL_ADDRESS"]
    assert engine.stats.passes == 0


def test_types_of_the_data_may_be_asked_for_by_their_names() -> None:
    task = Pii(encoder(), types=["ZIP_CODE", "PERSON"])
    assert task.settings["types"] == ["STREET_ADDRESS", "PERSON"]
    assert Pii(encoder()).settings == {"threshold": 0.7, "types": list(PRIVATE)}
    with pytest.raises(BadRowError, match="unknown type 'NOBODY'"):
        Pii(encoder(), types=["NOBODY"])


def test_overlap_counts_typed_and_strict_counts_exactly() -> None:
    found = figures(
        searched(
            [("PERSON", 0, 10), ("PERSON", 20, 30), ("EMAIL_ADDRESS", 40, 50)],
            [("PERSON", 0, 10), ("PERSON", 29, 33), ("PERSON", 40, 50), ("PERSON", 60, 61)],
        )
    )
    assert found["precision"] == pytest.approx(2 / 4)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["f1"] == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3))
    assert found["strict_f1"] == pytest.approx(2 * (1 / 4) * (1 / 3) / (1 / 4 + 1 / 3))
    assert found["any_type_recall"] == 1


def test_touching_is_no_overlap() -> None:
    assert figures(searched([("PERSON", 0, 5)], [("PERSON", 5, 8)]))["recall"] == 0


def test_finds_below_the_threshold_do_not_count() -> None:
    answer = searched([("PERSON", 0, 5)], [("PERSON", 0, 5, 0.6)])
    assert figures(answer)["recall"] == 0
    assert figures(answer, threshold=0.5)["recall"] == 1


def test_types_the_source_does_not_mark_cannot_be_wrong() -> None:
    answer = searched([("PERSON", 0, 5)], [("PERSON", 0, 5), ("US_SSN", 9, 20)])
    assert figures(answer)["precision"] == 1


def test_a_source_marks_the_types_that_occur_in_it() -> None:
    task = Pii(encoder())
    told = [searched([("PERSON", 0, 5), ("GPE", 6, 9)], [], None), searched([], [], None)]
    assert [answer.annotated for answer in task.finish(told)] == [frozenset({"PERSON", "GPE"})] * 2
    known = searched([("PERSON", 0, 5)], [])
    assert task.finish([known]) == [known]


def test_types_that_are_not_gated_do_not_count() -> None:
    answer = searched([("GPE", 0, 5)], [], frozenset({"GPE", "PERSON"}))
    found = figures(answer)
    assert (found["recall"], found["f1"]) == (None, None)
    assert found["clean_flagged"] is None, "a document with a place name is not clean"


def test_clean_documents_are_flagged_by_whatever_was_looked_for() -> None:
    found = figures(
        searched([], [("US_SSN", 0, 5)]), searched([], []), searched([("PERSON", 0, 5)], [("PERSON", 0, 5)])
    )
    assert found["clean_flagged"] == pytest.approx(1 / 2)


def test_figures_by_type_and_their_curves() -> None:
    task = Pii(encoder())
    told = [
        searched([("PERSON", 0, 5)], [("PERSON", 0, 5, 0.9), ("PERSON", 9, 12, 0.6)]),
        searched([("PERSON", 0, 5)], [("PERSON", 0, 5, 0.8)]),
        searched([], [("EMAIL_ADDRESS", 0, 5, 0.95)]),
    ]
    found = task.measure(told)
    assert list(found.groups) == ["PERSON", "EMAIL_ADDRESS"]
    assert found.groups["PERSON"]["f1"].value == 1
    assert found.groups["EMAIL_ADDRESS"]["precision"].value == 0
    assert found.groups["EMAIL_ADDRESS"]["f1"].value is None
    curve = found.curves["pr PERSON"]
    assert curve.x == (0.5, 1.0, 1.0)
    assert curve.y == (1.0, 1.0, pytest.approx(2 / 3))
    assert "pr EMAIL_ADDRESS" not in found.curves, "none is marked, so there is no recall"


def test_documents_are_resampled() -> None:
    good = searched([("PERSON", 0, 5)], [("PERSON", 0, 5)])
    bad = searched([("PERSON", 0, 5)], [])
    found = Pii(encoder()).measure([good] * 30 + [bad] * 10).figures["f1"]
    assert found.value == pytest.approx(2 * 0.75 / 1.75)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
