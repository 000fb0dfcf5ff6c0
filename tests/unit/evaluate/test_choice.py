from typing import Any

import pytest

from tests.unit.encoder.fakes import encoder
from waypost.evaluate.choice import Choice, Chosen, Labelled
from waypost.evaluate.files import BadRowError, Row


def read(head: Any, **values: Any) -> Labelled | None:
    return Choice(encoder(), head).read(Row("f", 1, values, {}))


def chosen(*pairs: tuple[int, int], confidence: float = 0.9) -> list[Chosen]:
    return [Chosen(right, given, confidence) for right, given in pairs]


def test_domain_and_intent_read_their_own_fields() -> None:
    assert read("domain", text="t", label="math", intent="?") == Labelled("t", ("math",))
    assert read("intent", text="t", intent="chat") == Labelled("t", ("chat",))


def test_a_second_label_is_right_as_well() -> None:
    assert read("domain", text="t", label="math", label_alt="other") == Labelled("t", ("math", "other"))
    assert read("domain", text="t", label="math", label_alt=None) == Labelled("t", ("math",))


def test_spelling_of_a_label_is_forgiven() -> None:
    assert read("domain", text="t", label=" Math ") == Labelled("t", ("math",))


def test_unlabelled_rows_are_none() -> None:
    assert read("domain", text="t", label=None) is None


@pytest.mark.parametrize(
    ("label", "remedy"),
    [
        ("maths", "did you mean math?"),
        ("astrology", "known ones: math, other"),
        (7, "known ones: math, other"),
    ],
)
def test_unknown_labels_are_refused_with_a_remedy(label: object, remedy: str) -> None:
    with pytest.raises(BadRowError) as caught:
        read("domain", text="t", label=label)
    assert (caught.value.field, caught.value.help) == ("label", remedy)


def test_the_engine_is_asked_as_in_service() -> None:
    task = Choice(encoder(), "domain")
    assert task.name == "domain"
    answer = task.ask(Labelled("math", ("other",)))
    assert (answer.right, answer.given) == (1, 0)
    assert answer.confidence == pytest.approx(0.9526, abs=1e-4)  # two logits, 3 and 0


def test_a_row_counts_under_the_label_that_was_given_if_that_is_right() -> None:
    answer = Choice(encoder(), "domain").ask(Labelled("math", ("other", "math")))
    assert (answer.right, answer.given) == (0, 0)


def test_figures() -> None:
    found = Choice(encoder(), "intent").measure(chosen((0, 0), (0, 0), (0, 1), (1, 1), (2, 0)))
    assert found.figures["accuracy"].value == pytest.approx(3 / 5)
    # F1: ask 2·2/(3+3), chat 2·1/(1+2), write 0
    assert found.figures["macro_f1"].value == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert found.figures["ece"].value == pytest.approx(0.3)
    assert found.groups["ask"]["precision"].value == pytest.approx(2 / 3)
    assert found.groups["ask"]["recall"].value == pytest.approx(2 / 3)
    assert found.groups["ask"]["f1"].value == pytest.approx(2 / 3)
    assert found.groups["write"]["precision"].value is None
    assert found.confusion is not None
    assert found.confusion.counts == ((2, 1, 0), (0, 1, 0), (1, 0, 0))


def test_macro_f1_has_an_interval_and_needs_two_labels() -> None:
    task = Choice(encoder(), "domain")
    found = task.measure(chosen(*[(0, 0)] * 20, *[(1, 0)] * 5, *[(1, 1)] * 15)).figures["macro_f1"]
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert found.low < found.value < found.high
    assert task.measure(chosen((0, 0), (0, 1))).figures["macro_f1"].value is None


def test_labels_that_were_only_given_are_listed() -> None:
    found = Choice(encoder(), "intent").measure(chosen((0, 2)))
    assert found.groups["write"]["recall"].value is None
    assert found.groups["write"]["f1"].value is None
    assert "chat" not in found.groups


def test_sure_answers_are_told_apart() -> None:
    answers = [*chosen((0, 0), (0, 1)), *chosen((0, 1), confidence=0.4)]
    figures = Choice(encoder(), "domain").measure(answers).figures
    assert figures["sure"].value == pytest.approx(2 / 3)
    assert figures["accuracy_when_sure"].value == pytest.approx(1 / 2)
    task = Choice(encoder(), "domain", 0.95)
    assert task.measure(answers).figures["sure"].value == 0
    assert task.settings == {"threshold": 0.95}
