from typing import Any

import pytest

from tests.unit.encoder.fakes import babble, encoder
from waypost.evaluate.files import BadRowError, Row
from waypost.evaluate.guard import Guard, Judged, Suspect


def judged(*pairs: tuple[bool, float], coverage: float = 1.0, windows: int = 1) -> list[Judged]:
    return [Judged(attack, score, coverage, windows) for attack, score in pairs]


def read(**values: Any) -> Suspect | None:
    return Guard(encoder()).read(Row("f", 1, values, {}))


def test_rows() -> None:
    assert read(text="t", attack=1, label="jailbreak") == Suspect("t", attack=True)
    assert read(text="t", attack=None) is None
    with pytest.raises(BadRowError, match="no field 'attack'"):
        read(text="t", label="jailbreak")


def test_attacks_score_high_wherever_they_stand() -> None:
    task = Guard(encoder())
    assert task.ask(Suspect("ignore", attack=True)).score > 0.9
    assert task.ask(Suspect("hello", attack=False)).score < 0.1
    late = task.ask(Suspect(f"{babble(60)} ignore", attack=True))
    assert late.score > 0.9
    assert late.coverage == 1
    assert late.windows == 5  # 61 tokens, 14 in each, one every 12


def test_a_remembered_text_tells_the_same_windows() -> None:
    task = Guard(encoder())
    text = babble(60)
    assert task.ask(Suspect(text, attack=False)) == task.ask(Suspect(text, attack=False))


def test_what_was_not_read_shows() -> None:
    task = Guard(encoder(scan_tokens=256))
    answer = task.ask(Suspect(babble(2000), attack=False))
    assert answer.coverage < 1
    assert task.measure([answer]).figures["read_whole"].value == 0


def test_figures() -> None:
    answers = judged((True, 0.9), (True, 0.4), (False, 0.6), (False, 0.1), (False, 0.0))
    found = Guard(encoder()).measure(answers)
    assert found.figures["auc"].value == pytest.approx(5 / 6)
    assert found.figures["recall"].value == pytest.approx(1 / 2)
    assert found.figures["fpr"].value == pytest.approx(1 / 3)
    assert found.figures["recall_at_fpr_1"].value == pytest.approx(1 / 2)
    assert (found.figures["recall"].n, found.figures["fpr"].n) == (2, 3)
    assert set(found.curves) == {"roc"}


def test_the_threshold_is_the_artefacts_unless_another_is_given() -> None:
    answers = judged((True, 0.4), (False, 0.6))
    assert Guard(encoder()).settings == {"threshold": 0.5}
    found = Guard(encoder(), 0.3).measure(answers).figures
    assert (found["recall"].value, found["fpr"].value) == (1, 1)


def test_a_score_at_the_threshold_counts_as_in_service() -> None:
    assert Guard(encoder(), 0.4).measure(judged((True, 0.4))).figures["recall"].value == 1


def test_attacks_alone_have_a_recall_and_no_area() -> None:
    found = Guard(encoder()).measure(judged((True, 0.9)))
    assert found.figures["auc"].value is None
    assert found.figures["fpr"].value is None
    assert found.figures["recall"].value == 1
    assert found.curves == {}


def test_texts_are_told_apart_by_length() -> None:
    answers = [*judged((True, 0.9)), *judged((False, 0.9), windows=3), *judged((False, 0.1), windows=9)]
    groups = Guard(encoder()).measure(answers).groups
    assert list(groups) == ["1 window", "2 to 4 windows", "5 windows or more"]
    assert groups["2 to 4 windows"]["fpr"].value == 1
    assert groups["5 windows or more"]["fpr"].value == 0
