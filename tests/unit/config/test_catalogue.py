import json
from pathlib import Path
from typing import Any

import pytest

from waypost.config import catalogue
from waypost.config.catalogue import read_catalogue
from waypost.errors import ConfigError

WEATHER = {
    "tool": {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather.",
            "parameters": {"type": "object", "properties": {"town": {"description": "where"}}},
        },
    },
    "description": "weather forecast rain sun",
    "category": "weather",
    "tags": ["weather"],
}


def plain(name: str, **more: Any) -> dict[str, Any]:
    return {"tool": {"type": "function", "function": {"name": name, "description": "x", **more}}}


def write(path: Path, value: Any) -> Path:
    file = path / "tools.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value))
    return file


def problems(path: Path) -> list[tuple[int, str, str]]:
    with pytest.raises(ConfigError) as caught:
        read_catalogue(path)
    assert {problem.file for problem in caught.value.problems} == {str(path)}
    return [(problem.line, problem.path, problem.message) for problem in caught.value.problems]


def test_entries_are_found_by_the_outer_description(tmp_path: Path) -> None:
    found = read_catalogue(write(tmp_path, [WEATHER, plain("b", parameters={})]))
    assert [tool.name for tool in found.tools] == ["get_weather", "b"]
    assert found.tools[0].text == "get weather: weather forecast rain sun. town - where"
    assert json.loads(found.tools[0].json) == WEATHER["tool"]
    assert found.examples.texts == (found.tools[0].text, "b: x")
    assert found.words.scores(["forecast"]) == [1, 0]


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "tools.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps([plain("a")]).encode())
    assert len(read_catalogue(path).tools) == 1


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[\n{,}]", 2, "not JSON: Expecting property name"),
        ("{}", 0, "not a list of tools"),
        ("[]", 0, "no tools"),
        ("[NaN]", 0, "not JSON: NaN"),
        ("[" * 100_000, 0, "not JSON: NaN, Infinity"),
        ("[" + "1" * 5000 + "]", 0, "not JSON: NaN, Infinity"),
    ],
)
def test_files_that_hold_no_catalogue(tmp_path: Path, text: str, line: int, message: str) -> None:
    ((found, _, said),) = problems(write(tmp_path, text))
    assert (found, said[: len(message)]) == (line, message)


@pytest.mark.parametrize(
    ("entry", "place", "message"),
    [
        ("x", "[0]", "an entry must be an object"),
        ({"description": "x"}, "[0].tool", "not a tool"),
        ({"tool": {"type": "custom", "function": {}}}, "[0].tool", "not a tool"),
        (plain(""), "[0].tool.function.name", "a name must have 1 to 128 characters"),
        (plain("a\nb"), "[0].tool.function.name", "a name must have"),
        (plain("n" * 129), "[0].tool.function.name", "a name must have"),
        (plain("a", description=7), "[0].tool.function.description", "a description must be a text"),
        (plain("a") | {"description": 7}, "[0].description", "a description must be a text"),
        (plain("a", description=" "), "[0].description", "no description"),
        (plain("a", parameters=[]), "[0].tool.function.parameters", "parameters must be an object"),
        (plain("a") | {"tag": []}, "[0].tag", "unknown key"),
        (plain("a") | {"my secret": 1}, "[0].*", "unknown key"),
    ],
)
def test_entries_that_cannot_be_used(tmp_path: Path, entry: Any, place: str, message: str) -> None:
    (_, found, said) = problems(write(tmp_path, [entry]))[0]
    assert (found, said[: len(message)]) == (place, message)


def test_all_problems_are_told_with_their_lines(tmp_path: Path) -> None:
    text = "[\n " + json.dumps(WEATHER) + ",\n\n " + json.dumps(WEATHER) + ",\n 7]"
    assert problems(write(tmp_path, text)) == [
        (4, "[1].tool.function.name", "'get_weather' stands here twice, first as entry 1"),
        (5, "[2]", "an entry must be an object"),
    ]


def test_not_all_problems_of_a_hopeless_file_are_told(tmp_path: Path) -> None:
    assert len(problems(write(tmp_path, [7] * 500))) == 20


def test_too_many_tools(tmp_path: Path) -> None:
    entries = [plain(f"t{n}") for n in range(2049)]
    assert problems(write(tmp_path, entries)) == [(0, "", "2,049 tools are more than 2,048")]


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problems(tmp_path / "none.json")[0][2] == "cannot be read: No such file or directory"
    assert problems(tmp_path)[0][2] == "cannot be read: Is a directory"
    path = tmp_path / "tools.json"
    path.write_bytes(b"[\n\xff]")
    assert problems(path) == [(2, "", "not UTF-8 text")]
    monkeypatch.setattr(catalogue, "MAX_FILE_BYTES", 3)
    assert problems(path) == [(0, "", "larger than 3 bytes")]
    with pytest.raises(ConfigError, match="not a file name"):
        read_catalogue(Path("a\0b"))
