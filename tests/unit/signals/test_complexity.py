import pytest

from waypost.needs import Encode
from waypost.signals.base import Encoded
from waypost.signals.complexity import Complexity
from waypost.testing import contracts
from waypost.testing.policies import chat
from waypost.testing.signals import FakeEncoder


def hard(p: float) -> Encoded:
    found = FakeEncoder({"complexity": {"hard": p}})(Encode(frozenset({"complexity"})))
    assert isinstance(found, Encoded)
    return found


def test_the_contract_of_a_signal_is_kept() -> None:
    contracts.signal(Complexity(), encoded=[hard(0.0), hard(0.5), hard(1.0)])


@pytest.mark.parametrize(("p", "label"), [(0.49, None), (0.5, "hard"), (0.9, "hard")])
def test_the_threshold_decides(p: float, label: str | None) -> None:
    verdict = Complexity().evaluate(chat("Prove it."), hard(p))
    assert (verdict.label, verdict.score, verdict.threshold) == (label, p, 0.5)
    assert verdict.because == f"complexity {p:.2f}, threshold 0.5"


def test_unread_it_is_no_answer() -> None:
    assert Complexity().evaluate(chat("x"), None).failed == "engine"


def test_the_condition_reads_back_as_a_clause() -> None:
    assert Complexity(threshold=0.7).sentence() == (
        "the request is hard: at least 0.7 on the complexity scale from 0 to 1"
    )


def test_lint_finds_a_threshold_that_nothing_reaches() -> None:
    assert [remark.field for remark in Complexity(threshold=1.5).lint()] == ["threshold"]
    assert list(Complexity().lint()) == []
