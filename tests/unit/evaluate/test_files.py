import gzip
from pathlib import Path
from typing import Any

import pytest

from waypost.errors import ConfigError
from waypost.evaluate import files
from waypost.evaluate.files import BadRowError, Problems, Row, rows, spread


def read(path: Path) -> list[Row]:
    problems = Problems()
    found = list(rows(path, problems))
    problems.raise_any()
    return found


def refused(path: Path) -> list[tuple[int, str]]:
    with pytest.raises(ConfigError) as caught:
        read(path)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def row(**values: Any) -> Row:
    return Row("f", 1, values, {})


@pytest.mark.parametrize("ending", ["jsonl", "gz"])
def test_rows_come_with_their_place_and_header(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"data.{ending}"
    text = '{"text": "a"}\n\n{"_header": {"models": ["m"]}}\n{"text": "ö"}'
    path.write_bytes(gzip.compress(text.encode()) if ending == "gz" else text.encode())
    assert [(each.line, each.values["text"], each.header) for each in read(path)] == [
        (1, "a", {}),
        (4, "ö", {"models": ["m"]}),
    ]


def test_every_broken_line_is_named_and_equal_ones_once(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text('{"a": 1}\n{"a" 1}\n[]\n7\n')
    assert refused(path) == [(2, "not JSON: Expecting ':' delimiter"), (3, "not a JSON object (in 2 rows)")]


def test_problems_beyond_the_first_are_counted() -> None:
    problems = Problems()
    for number in range(files.SHOWN + 5):
        problems.add("f", number, BadRowError("x", f"problem {number}"))
    with pytest.raises(ConfigError) as caught:
        problems.raise_any()
    assert len(caught.value.problems) == files.SHOWN + 1
    assert "5 more rows cannot be used" in {problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b'{"a": 1}\n' * 9, mtime=0)[:-12], "the gzipped data are damaged or cut short"),
        (b'{"a": "\xff"}\n', "not UTF-8 from here on"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "data"
    path.write_bytes(content)
    assert message in refused(path)[0][1]


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "none.jsonl")[0][1]
    assert "directory" in refused(tmp_path)[0][1]


def test_a_file_without_line_ends_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LONGEST", 10)
    path = tmp_path / "data.jsonl"
    path.write_text('{"a": 1}\n{"a": 12345678}\n')
    assert refused(path) == [(2, "cannot be read: a line has more than 10 characters")]


def test_a_renamed_field_is_recognised() -> None:
    with pytest.raises(BadRowError, match="no field 'label'") as caught:
        row(lable="math", text="t").value("label")
    assert caught.value.help == "rename 'lable'?"


def test_a_missing_field_is_told_with_those_that_are_there() -> None:
    with pytest.raises(BadRowError) as caught:
        row(text="t", id="1").value("attack")
    assert caught.value.help == "the fields of this row are id, text"


@pytest.mark.parametrize("value", ["", " \n", 7, None, ["a"]])
def test_a_text_must_say_something(value: object) -> None:
    with pytest.raises(BadRowError, match="'text' must be a text"):
        row(text=value).text("text")


@pytest.mark.parametrize(("value", "flag"), [(0, False), (1, True), (True, True), (None, None)])
def test_a_flag_is_yes_no_or_unknown(value: object, *, flag: bool | None) -> None:
    assert row(attack=value).flag("attack") is flag


@pytest.mark.parametrize("value", ["1", 2, 0.5, 1.0, "yes", [], {}])
def test_anything_else_is_no_flag(value: object) -> None:
    with pytest.raises(BadRowError, match="'attack' must be 0 or 1"):
        row(attack=value).flag("attack")


def test_a_limit_spreads_over_the_file() -> None:
    assert list(spread(10, 3)) == [0, 3, 6]
    assert list(spread(3, 10)) == list(spread(3, None)) == [0, 1, 2]
