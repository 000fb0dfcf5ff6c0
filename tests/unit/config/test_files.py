from pathlib import Path

import pytest

from tests.unit.config.world import write
from waypost.config.document import plain
from waypost.config.files import MAX_FILE_BYTES, Gathered, gather
from waypost.config.secrets import MASK
from waypost.errors import Problem


def told(gathered: Gathered) -> list[tuple[str, int, int, str]]:
    return [(Path(p.file).name, p.line, p.column, p.message) for p in gathered.problems]


def test_files_are_joined_in_order(tmp_path: Path) -> None:
    paths = write(
        tmp_path,
        a="include: [c.yaml]\nrouting_rules: [1]\nmodels: {m: 1}\n",
        b="routing_rules: [2]\nmodels: {n: 2}\n",
        c="routing_rules: [3]\ndefault_model: m\n",
    )
    gathered = gather(paths[:2], {})
    assert gathered.problems == []
    assert plain(gathered.root) == {
        "include": ["c.yaml"], "routing_rules": [1, 3, 2], "models": {"m": 1, "n": 2}, "default_model": "m",
    }  # fmt: skip


def test_include_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path, a="include: sub/b.yaml")
    write(tmp_path / "sub", b="include: [../c.yaml]")
    write(tmp_path, c="models: {m: 1}")
    gathered = gather([tmp_path / "a.yaml"], {})
    assert gathered.complete
    assert plain(gathered.root)["models"] == {"m": 1}  # type: ignore[index]


def test_what_two_files_give_names_both_places(tmp_path: Path) -> None:
    paths = write(tmp_path, a="models:\n  m: 1\ndefault_model: m\n", b="default_model: n\nmodels: {m: 2}\n")
    gathered = gather(paths, {})
    assert told(gathered) == [
        ("b.yaml", 1, 1, "'default_model' is given in two files"),
        ("b.yaml", 2, 10, "'m' is given in two files"),
    ]
    assert [p.help.rpartition("/")[2] for p in gathered.problems] == ["a.yaml:3:1", "a.yaml:2:3"]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"a": "include: [a.yaml]"}, ("a.yaml", 1, 11)),
        ({"a": "include: [b.yaml]", "b": "include: [a.yaml]"}, ("b.yaml", 1, 11)),
    ],
)
def test_include_in_a_circle_ends(
    tmp_path: Path, files: dict[str, str], problem: tuple[str, int, int]
) -> None:
    write(tmp_path, **files)
    (found,) = told(gather([tmp_path / "a.yaml"], {}))
    assert found[:3] == problem
    assert "is read already" in found[3]


def test_missing_include_is_said_where_it_is_named(tmp_path: Path) -> None:
    gathered = gather(write(tmp_path, a="include:\n  - nope.yaml\n"), {})
    ((file, line, column, message),) = told(gathered)
    assert (file, line, column) == ("a.yaml", 2, 5)
    assert message.endswith("nope.yaml' cannot be read: No such file or directory")
    assert not gathered.complete


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        (b"", 1, 1, "the file is empty"),
        (b"# only a comment\n", 1, 1, "the file is empty"),
        (b"- a\n", 1, 1, "the file must be a mapping at the top, not a list"),
        (b"text", 1, 1, "the file must be a mapping at the top, not text"),
        (b"a: 1\nb: \xff\xfe\n", 2, 4, "not UTF-8 text"),
        (b"\xef\xbb\xbfa: \xc3\xa4\n\xe4", 2, 1, "not UTF-8 text"),
        (b"\xff\xfea\x00:\x00", 1, 1, "not UTF-8 text"),
    ],
)
def test_file_that_is_no_configuration(
    tmp_path: Path, content: bytes, line: int, column: int, message: str
) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    gathered = gather([tmp_path / "a.yaml"], {})
    assert told(gathered) == [("a.yaml", line, column, message)]
    assert not gathered.complete


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1")
    assert plain(gather([tmp_path / "a.yaml"], {}).root) == {"a": 1}


def test_file_that_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"# " + b"x" * MAX_FILE_BYTES)
    ((_, line, _, message),) = told(gather([tmp_path / "a.yaml"], {}))
    assert line == 0
    assert message.endswith("is larger than 4,194,304 bytes")


def test_folder_and_odd_name(tmp_path: Path) -> None:
    gathered = gather([tmp_path, Path("a\0b")], {})
    assert gathered.problems[0].message.endswith("is a folder, not a file")
    assert gathered.problems[1].message.endswith("cannot be read: not a file name")


def test_secrets_are_masked_in_words(tmp_path: Path) -> None:
    gathered = gather(write(tmp_path, a="a: ${A}\nproviders: {p: {api_key: lit'eral}}"), {"A": "from-env"})
    problem = Problem("f", 1, 1, "a", "unknown 'from-env'", "not \"lit'eral\" nor lit'eral")
    masked = gathered.masked(problem)
    assert masked.message == "unknown '${A}'"
    assert masked.help == f'not "{MASK}" nor {MASK}'
