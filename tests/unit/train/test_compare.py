import pytest

from tests.unit.train.fakes import reading, row
from waypost.train.calibration import plain
from waypost.train.compare import Compared, compare
from waypost.train.readings import Reading
from waypost.train.rows import DOMAINS, PII_TYPES, Personal

HEADS = plain(DOMAINS)


def domains(*said: int) -> list[Reading]:
    return [reading(row(f"text {n}", domain=DOMAINS[0]), each) for n, each in enumerate(said)]


def test_accuracy_of_both_and_how_often_they_agree() -> None:
    found = compare(domains(0, 0, 1, 2), domains(0, 0, 0, 3), HEADS)
    assert found == {"domain": Compared(4, 0.5, 0.75, 0.5)}
    assert found["domain"].points == pytest.approx(-25)


def test_every_head_with_labels_is_compared() -> None:
    labels = {"intent": "analysis", "attack": True, "difficulty": 0.9}
    text = "ask ann now"
    marked = row(text, personal=(Personal(4, 7, "PERSON"),), annotated=frozenset(PII_TYPES))
    eight = [
        reading(row("x", **labels), margins=[-1.0], difficulty=0.8),
        reading(marked, tagged={"ann": ("PERSON", 0.95)}),
    ]
    full = [reading(row("x", **labels), margins=[1.0], difficulty=0.8), reading(marked)]
    found = compare(eight, full, HEADS)
    assert set(found) == {"intent", "jailbreak", "complexity", "pii"}
    assert (found["jailbreak"].eight, found["jailbreak"].full) == (0, 1)
    assert found["complexity"] == Compared(1, 1, 1, 1)
    assert (found["pii"].n, found["pii"].eight, found["pii"].full, found["pii"].same) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("compared", "close"),
    [
        (Compared(1000, 0.895, 0.9, 1), True),
        (Compared(1000, 0.894, 0.9, 1), False),
        (Compared(1000, 0.99, 0.9, 1), True),
        (Compared(50, 0.88, 0.9, 1), True),
        (Compared(50, 0.86, 0.9, 1), False),
    ],
)
def test_half_a_point_or_one_row_may_be_lost(compared: Compared, *, close: bool) -> None:
    assert compared.close == close
