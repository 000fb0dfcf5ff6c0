import pytest

from waypost.needs import Encode
from waypost.signals.base import Encoded
from waypost.signals.intent import Intent
from waypost.testing import contracts
from waypost.testing.policies import chat
from waypost.testing.signals import FakeEncoder

CODE = FakeEncoder({"intent": {"code_generation": 0.7, "translation": 0.2}})


def encoded() -> Encoded:
    found = CODE(Encode(frozenset({"intent"})))
    assert isinstance(found, Encoded)
    return found


def test_the_contract_of_a_signal_is_kept() -> None:
    contracts.signal(
        Intent(intents=("code_generation", "analysis")),
        encoded=[CODE, FakeEncoder({"intent": {"analysis": 1.0}})],
    )


@pytest.mark.parametrize(
    ("intents", "threshold", "label"),
    [
        (("code_generation",), 0.5, "code_generation"),
        (("code_generation",), 0.71, None),
        (("translation",), 0.2, "translation"),
        (("translation", "code_generation"), 0.85, "code_generation"),
        (("analysis", "general_chat"), 0.5, None),
    ],
)
def test_probabilities_of_the_named_tasks_count_together(
    intents: tuple[str, ...], threshold: float, label: str | None
) -> None:
    verdict = Intent(intents=intents, threshold=threshold).evaluate(chat("2 + 2"), encoded())
    assert verdict.label == label
    assert verdict.threshold == threshold


def test_it_reads_its_own_head_and_nothing_of_what_guards_read() -> None:
    signal = Intent(intents=("code_generation",))
    assert signal.heads == {"intent"}
    assert list(signal.scanned(chat("x"))) == []
    assert signal.likened == ()


def test_unread_it_is_no_answer() -> None:
    assert Intent(intents=("code_generation",)).evaluate(chat("x"), None).failed == "engine"


def test_the_condition_reads_back_as_a_clause() -> None:
    assert Intent(intents=("code_generation", "analysis")).sentence() == (
        'the task is any of "code_generation", "analysis" with a probability of at least 0.5'
    )


def test_lint_finds_unknown_tasks_and_thresholds() -> None:
    signal = Intent(intents=("code_generation", "codegeneration"), threshold=2.0)
    assert [remark.field for remark in signal.lint()] == ["intents[1]", "threshold"]


def test_lint_finds_a_threshold_that_a_guess_reaches() -> None:
    (remark,) = Intent(intents=("code_generation", "analysis"), threshold=0.1).lint()
    assert (remark.field, remark.severity) == ("threshold", "warning")
    assert list(Intent(intents=("code_generation", "analysis"), threshold=0.2).lint()) == []
