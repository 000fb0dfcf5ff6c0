from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.train.fakes import row, vocabulary
from waypost.encoder.tokenise import LOWER, TITLE, Tokeniser
from waypost.train import features as module
from waypost.train.features import IGNORED, WINDOW, Features, Reader
from waypost.train.progress import Progress
from waypost.train.rows import PII_TYPES, Personal, Row

LONG = " ".join("abcdefghij"[n % 10] for n in range(600))
"""One token for each letter."""


class Trunk:
    """Says of every token its id and the length of its window; counts what it is fed."""

    runs: list[tuple[int, int]]

    def __init__(self, *_: Any, **__: Any) -> None:
        Trunk.runs = []

    def run(self, _: None, fed: dict[str, np.ndarray]) -> list[np.ndarray]:
        ids = fed["input_ids"]
        assert fed["attention_mask"].all()
        Trunk.runs.append(ids.shape)
        states = np.zeros((*ids.shape, 384), np.float32)
        states[..., 0] = ids
        states[..., 1] = ids.shape[1]
        return [states]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setattr(module.onnxruntime, "InferenceSession", Trunk)
    (tmp_path / "tokenizer.json").write_bytes(vocabulary())
    (tmp_path / "trunk.onnx").write_bytes(b"trunk")
    return Reader(tmp_path / "tokenizer.json", tmp_path / "trunk.onnx", tmp_path / "cache")


def read(reader: Reader, *rows: Row, name: str = "set") -> Features:
    return reader.read(name, rows, Progress(out=StringIO()))


def test_windows_are_tokenised_as_the_engine_does(reader: Reader) -> None:
    (item,) = reader.windows(row("Ab 1", attack=False))
    tokens = Tokeniser(vocabulary()).read("Ab 1")
    assert item.ids.tolist() == [101, *tokens.ids.tolist(), 102]
    assert item.shapes.tolist() == [0, *tokens.shapes.tolist(), 0]
    assert item.shapes[1] == TITLE


def test_states_lie_where_the_item_says_and_are_read_unpadded(reader: Reader) -> None:
    rows = [row(text, attack=False) for text in ("abc", "a", "abcde", "abd")]
    found = read(reader, *rows)
    for item in found.items:
        states = found.states[item.first : item.first + len(item.ids)]
        assert states[:, 0].astype(int).tolist() == item.ids.tolist()
        assert set(states[:, 1].astype(int).tolist()) == {len(item.ids)}
    assert Trunk.runs == [(1, 3), (2, 5), (1, 7)]


def test_what_was_read_is_not_read_again_unless_texts_or_trunk_change(reader: Reader, tmp_path: Path) -> None:
    rows = [row("abc", attack=False), row("de", attack=False)]
    first = read(reader, *rows)
    Trunk.runs.clear()
    assert np.array_equal(read(reader, *rows).states, first.states)
    assert not Trunk.runs
    read(reader, rows[0])
    assert Trunk.runs
    Trunk.runs.clear()
    (tmp_path / "trunk.onnx").write_bytes(b"other")
    read(Reader(tmp_path / "tokenizer.json", tmp_path / "trunk.onnx", tmp_path / "cache"), *rows)
    assert Trunk.runs


def test_a_broken_reading_leaves_nothing_that_is_taken_for_whole(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trunk, "run", broken)
        with pytest.raises(KeyboardInterrupt):
            read(reader, row("abc", attack=False))
    assert read(reader, row("abc", attack=False)).states[:, 0].any()


def test_topics_of_a_long_text_are_learned_from_both_ends(reader: Reader) -> None:
    (item,) = [i for i in reader.windows(row(LONG, domain="law")) if i.row.domain]
    assert len(item.ids) == WINDOW
    assert (item.row.attack, item.row.personal) == (None, None)
    tokens = Tokeniser(vocabulary()).read(LONG)
    assert item.ids[1:193].tolist() == tokens.ids[:192].tolist()
    assert item.ids[-63:-1].tolist() == tokens.ids[-62:].tolist()


@pytest.mark.parametrize(
    ("kind", "first"), [("start", 0), ("end", 600 - 254), ("", 0), ("middle", None), ("indirect", None)]
)
def test_an_attack_trains_only_where_it_surely_stands(reader: Reader, kind: str, first: int | None) -> None:
    guards = [i for i in reader.windows(row(LONG, attack=True, kind=kind)) if i.row.attack is not None]
    tokens = Tokeniser(vocabulary()).read(LONG).ids.tolist()
    expected = [] if first is None else [tokens[first : first + 254]]
    assert [i.ids[1:-1].tolist() for i in guards] == expected


def test_a_harmless_text_is_harmless_everywhere(reader: Reader) -> None:
    guards = [i for i in reader.windows(row(LONG, attack=False)) if i.row.attack is not None]
    assert len(guards) == 3
    assert not any(i.row.domain for i in guards)


def test_marks_become_tags_of_tokens(reader: Reader) -> None:
    text = "ask ann b at 5"
    marked = row(text, personal=(Personal(4, 9, "PERSON"), Personal(13, 14, "AGE")))
    (item,) = reader.windows(marked)
    begin, age = 1 + 2 * PII_TYPES.index("PERSON"), 1 + 2 * PII_TYPES.index("AGE")
    expected = [IGNORED, 0, 0, 0, begin, begin + 1, begin + 1, begin + 1, 0, 0, age, IGNORED]
    assert item.tags.tolist() == expected
    (plain,) = reader.windows(row(text))
    assert len(plain.tags) == 0


def test_shapes_are_kept_in_each_window(reader: Reader) -> None:
    for item in reader.windows(row(LONG, attack=False)):
        assert set(item.shapes[1:-1].tolist()) == {LOWER}
        assert item.shapes[0] == item.shapes[-1] == 0


def test_a_text_that_guards_learn_nothing_from_has_no_windows_for_them(reader: Reader) -> None:
    assert len(reader.windows(row(LONG, domain="law"))) == 1
    assert len(reader.windows(row(LONG, personal=()))) == 3


def test_rows_without_any_window_have_no_states(reader: Reader) -> None:
    assert len(read(reader, row(LONG, attack=True, kind="middle")).items) == 0
    assert len(read(reader).states) == 0
