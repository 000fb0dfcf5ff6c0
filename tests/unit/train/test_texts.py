import gzip
from pathlib import Path

import pytest

from tests.unit.train.fakes import row
from waypost.errors import EngineError
from waypost.train.rows import Personal
from waypost.train.texts import draw, fewest, folded, is_validation, normal, read_lines


def test_lines_of_a_file_without_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write('{"_header": {"models": []}}\n\n{"text": "a"}\n{"text": "b"}\n')
    assert [line["text"] for line in read_lines(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[1]\n", "a.jsonl:1: expected a JSON object"),
        (b"{\n", "not JSON Lines"),
        (b"\xff\n", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(EngineError, match=problem):
        list(read_lines(path))


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="is missing"):
        list(read_lines(tmp_path / "a.jsonl.gz"))


def test_marks_move_with_what_folding_takes_away() -> None:
    text = "Ask\u200b\u200b  \ufb01nn\u00adegan \uff21nn."
    start = text.index("\ufb01")
    found = folded(row(text, personal=(Personal(start, len(text) - 1, "PERSON"),)))
    assert found.text == "Ask finnegan Ann."
    (mark,) = found.personal or ()
    assert found.text[mark.start : mark.end] == "finnegan Ann"


def test_a_folded_text_is_left_alone() -> None:
    same = row("Ask Ann.", personal=(Personal(4, 7, "PERSON"),))
    assert folded(same) is same


def test_a_fifth_is_held_back_by_text_or_by_group() -> None:
    share = sum(is_validation(row(f"text {n}", group="=7")) for n in range(2000)) / 2000
    assert share == pytest.approx(0.2, abs=0.03)
    groups = {is_validation(row(f"text {n}", group="frame")) for n in range(50)}
    assert len(groups) == 1, "rows of a group stand on one side"
    assert is_validation(row("How  TALL?", "a")) == is_validation(row("how tall", "b"))


def test_duplicates_are_found_in_spite_of_case_and_signs() -> None:
    assert normal(" \uff28ow tall -- is IT?") == "how tall is it"


def test_the_fewest_are_the_same_and_in_order() -> None:
    rows = [row(f"text {n}") for n in range(100)]
    some = fewest(rows, 10, "a")
    assert len(some) == 10
    assert some == sorted(some, key=rows.index) == fewest(rows, 10, "a")
    assert some != fewest(rows, 10, "b")
    assert fewest(rows, 0, "a") == rows
    assert 0 <= draw("a") < 2**32
