import importlib
from pathlib import Path
from typing import Any

import pytest

from waypost.evaluate.figures import Figure
from waypost.evaluate.plots import NoPlotsError, confusion, draw, lines
from waypost.evaluate.run import POOLED, Part, Report
from waypost.evaluate.task import Confusion, Curve, Measured

ROC = Curve((0.0, 0.2, 1.0), (0.0, 0.9, 1.0))
FULL = Measured(
    4,
    {"auc": Figure(0.9, 4)},
    confusion=Confusion(("math", "law", "other"), ((2, 0, 0), (0, 0, 0), (1, 0, 1))),
    curves={"roc": ROC, "reliability": Curve((0.5,), (0.75,), (4,)), "pr PERSON": Curve((0.5,), (1.0,))},
)
BARE = Measured(4, {"auc": Figure(None, 4)})
PNG = b"\x89PNG\r\n"


def report(*parts: Part, pooled: Part | None = None) -> Report:
    return Report(
        "guard", {"name": "fake", "version": "7", "sha256": "ab", "calibration": "cd"}, {}, parts, pooled
    )


def test_every_picture_the_figures_offer_is_drawn(tmp_path: Path) -> None:
    drawn = draw(report(Part("a", FULL)), tmp_path / "new" / "plots")
    assert [path.name for path in drawn] == [
        "guard-confusion.png",
        "guard-reliability.png",
        "guard-roc.png",
        "guard-precision-recall.png",
    ]
    assert all(path.read_bytes().startswith(PNG) for path in drawn)


def test_nothing_to_draw_is_no_error(tmp_path: Path) -> None:
    assert draw(report(Part("a", BARE)), tmp_path) == []


def test_pictures_are_the_same_on_every_run(tmp_path: Path) -> None:
    first, second = (draw(report(Part("a", FULL)), tmp_path / name) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_files_with_a_curve_of_their_own_are_drawn_beside_all(tmp_path: Path) -> None:
    parts = [Part("folder/a.jsonl", FULL), Part("b", BARE)]
    (_, _, roc, _) = draw(report(*parts, pooled=Part(POOLED, FULL)), tmp_path)
    assert roc.name == "guard-roc.png"
    figure = lines({"x": ROC, "y": ROC}, ("a", "b"), "t", diagonal=True)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["x", "y"]


def test_the_confusion_shows_the_labels_that_occur() -> None:
    assert FULL.confusion is not None
    (axes,) = confusion(FULL.confusion, "t").axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["math", "other"]
    assert sorted(text.get_text() for text in axes.texts) == ["1", "1", "2"]


def test_without_matplotlib_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(NoPlotsError, match=r"pip install 'waypost\[plots\]'"):
        draw(report(Part("a", BARE)), tmp_path / "none")
    assert not (tmp_path / "none").exists()
