import pytest

from waypost.signals.base import Lint
from waypost.signals.labelled import canonical, known, lint_labels, lint_threshold, together

LABELS = ("computer science", "math", "code_generation")
FOUND = {"math": 0.5, "computer science": 0.3, "code_generation": 0.2}


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("math", "math"),
        (" Math ", "math"),
        ("computer science", "computer science"),
        ("computer_science", "computer science"),
        ("Computer-Science", "computer science"),
        ("code_generation", "code_generation"),
        ("code-generation", "code_generation"),
        ("maths", None),
        ("", None),
    ],
)
def test_a_label_is_known_in_any_case_and_with_any_gap(written: str, label: str | None) -> None:
    assert known(written, LABELS) == label


def test_the_plain_form_has_no_case_spaces_or_dashes() -> None:
    assert canonical(" Code-Generation ") == "code_generation"


def test_one_label_is_compared_with_the_threshold() -> None:
    verdict = together("domain", FOUND, ["math"], 0.5)
    assert (verdict.label, verdict.score, verdict.threshold) == ("math", 0.5, 0.5)
    assert verdict.because == "domain math: p=0.50, threshold 0.5"


def test_several_labels_count_together_and_the_likeliest_names_them() -> None:
    verdict = together("domain", FOUND, ["code_generation", "computer science"], 0.5)
    assert (verdict.label, verdict.score) == ("computer science", 0.5)
    assert verdict.because == (
        "domain computer science and 1 more: p=0.50, threshold 0.5; likeliest is math with 0.50"
    )


def test_below_the_threshold_nothing_is_found() -> None:
    verdict = together("domain", FOUND, ["code_generation"], 0.21)
    assert (verdict.label, verdict.holds) == (None, False)


def test_a_sum_is_a_probability_still() -> None:
    rounded_up = dict.fromkeys(FOUND, 0.34)
    assert together("domain", rounded_up, list(FOUND), 1.0).score == 1.0


@pytest.mark.parametrize(
    ("wanted", "field", "help_"),
    [
        ((), "domains", "name some of computer science, math, code_generation"),
        (("math", "computerscience"), "domains[1]", "did you mean computer science?"),
        (("xyzzy",), "domains[0]", "known ones: computer science, math, code_generation"),
    ],
)
def test_lint_names_what_was_meant(wanted: tuple[str, ...], field: str, help_: str) -> None:
    (remark,) = lint_labels("domains", wanted, LABELS)
    assert (remark.field, remark.help, remark.severity) == (field, help_, "error")


def test_lint_has_nothing_to_say_about_known_labels() -> None:
    assert list(lint_labels("domains", ("Math", "computer_science"), LABELS)) == []


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.01, float("nan"), float("inf")])
def test_a_threshold_no_probability_can_be_compared_with(threshold: float) -> None:
    (remark,) = lint_threshold(threshold)
    assert remark == Lint("threshold", f"threshold is {threshold:g}", "give a probability above 0, at most 1")


@pytest.mark.parametrize(
    ("threshold", "chance", "said"),
    [
        (0.995, 0.0, "hardly any request reaches a threshold of 0.995"),
        (1.0, 0.0, "hardly any request reaches a threshold of 1"),
        (0.07, 1 / 14, "even a guess reaches a threshold of 0.07"),
        (0.5, 0.5, "even a guess reaches a threshold of 0.5"),
    ],
)
def test_a_threshold_out_of_reason_is_a_warning(threshold: float, chance: float, said: str) -> None:
    (remark,) = lint_threshold(threshold, chance)
    assert (remark.message, remark.severity) == (said, "warning")


@pytest.mark.parametrize("threshold", [0.01, 0.5, 0.99])
def test_a_threshold_that_can_be_reached(threshold: float) -> None:
    assert list(lint_threshold(threshold)) == []
