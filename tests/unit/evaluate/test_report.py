import json

import pytest

from waypost.evaluate.figures import Figure
from waypost.evaluate.report import aligned, called, columns, document, shown, text
from waypost.evaluate.run import POOLED, Part, Report
from waypost.evaluate.task import Confusion, Curve, Measured

ACCURACY = Figure(0.75, 4, 0.3, 0.95)
WHOLE = Measured(
    4,
    {"accuracy": ACCURACY, "macro_f1": Figure(None, 4)},
    {"math": {"recall": Figure(1.0, 2, 0.34, 1.0)}},
    Confusion(("math", "law", "other"), ((2, 0, 0), (0, 0, 0), (1, 0, 1))),
    {"reliability": Curve((0.5,), (0.75,), (4,))},
)


def report(*parts: Part, pooled: Part | None = None) -> Report:
    model = {"name": "fake", "version": "7", "sha256": "ab" * 32, "calibration": "cd" * 32}
    return Report("domain", model, {"threshold": 0.5, "types": ["A", "B"]}, parts, pooled)


def test_the_document_is_the_published_one() -> None:
    told = document(report(Part("a.jsonl", WHOLE, {"kind": {"x": Measured(1, {"accuracy": ACCURACY})}}, 3)))
    assert json.loads(json.dumps(told)) == told
    assert told["schema"] == "waypost/eval.v1"
    assert (told["task"], told["pooled"]) == ("domain", None)
    (file,) = told["files"]
    assert (file["name"], file["rows"], file["unlabelled"]) == ("a.jsonl", 4, 3)
    assert file["figures"]["accuracy"] == {"value": 0.75, "low": 0.3, "high": 0.95, "n": 4}
    assert file["figures"]["macro_f1"]["value"] is None
    assert file["groups"]["math"]["recall"]["value"] == 1
    assert file["confusion"] == {
        "labels": ["math", "law", "other"],
        "counts": [[2, 0, 0], [0, 0, 0], [1, 0, 1]],
    }
    assert file["slices"]["kind"]["x"]["rows"] == 1


def test_the_text_is_a_table() -> None:
    lines = text(report(Part("a.jsonl", WHOLE, unlabelled=3))).splitlines()
    assert lines[0] == "domain: fake 7 (abababababab, calibration cdcdcdcd); threshold 0.5, types A B"
    assert lines[3:5] == ["file     n          accuracy", "a.jsonl  4  .750 [.300-.950]"]
    assert "a.jsonl: 3 rows without an answer were left out" in lines
    assert "math  1.000 [.340-1.000]  n 2" in lines


def test_the_confusion_leaves_out_labels_that_do_not_occur() -> None:
    lines = text(report(Part("a", WHOLE))).splitlines()
    assert lines[-3:] == ["         1  3", "1 math   2  .", "3 other  1  1"]


def test_several_files_end_with_all_of_them() -> None:
    told = text(report(Part("a", WHOLE), Part("b", WHOLE), pooled=Part(POOLED, WHOLE)))
    assert "\nall files  4  .750 [.300-.950]" in told
    assert told.count("confusion:") == 1


def test_small_slices_are_left_to_the_json() -> None:
    slices = {"big": Measured(9, {"accuracy": ACCURACY}), "small": Measured(2, {"accuracy": ACCURACY})}
    told = text(report(Part("a", WHOLE, {"kind": slices})))
    assert "big   9" in told
    assert "small" not in told
    assert "kind: 1 with fewer than 5 rows; all of them with --json" in told


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (Figure(None, 0), "-"),
        (Figure(0.5, 2), ".500"),
        (Figure(1.0, 2, 0.5, 1.0), "1.000 [.500-1.000]"),
        (Figure(-0.25, 2, -0.5, 0.0), "-.250 [-.500-.000]"),
    ],
)
def test_figures_are_short(figure: Figure, expected: str) -> None:
    assert shown(figure) == expected


def test_names_for_people() -> None:
    assert (called("recall_at_fpr_1"), called("any_type_recall")) == ("recall at 1% FPR", "any type recall")


def test_columns_are_those_that_say_something() -> None:
    whole, half = {"auc": Figure(None, 1), "read_whole": Figure(1.0, 1)}, {"read_whole": Figure(0.5, 1)}
    assert columns([whole]) == []
    assert columns([whole, half]) == ["read_whole"]


def test_columns_stand_under_each_other() -> None:
    assert list(aligned([["a", "long"], ["longer", "b"]])) == ["a       long", "longer     b"]
