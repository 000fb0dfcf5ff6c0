"""Graphs of real architectures: the same numbers as torch gave, in the shape of our own network's."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from waypost.encoder.foreign_labels import Sides, Topics, labels, tags
from waypost.encoder.foreign_network import (
    NOTHING,
    DecodeEmbedding,
    DecodeSides,
    DecodeTags,
    DecodeTopics,
    ForeignNetwork,
    open_network,
)
from waypost.encoder.foreign_tokens import ForeignTokeniser
from waypost.encoder.heads import Floats
from waypost.encoder.onnx import Outputs
from waypost.errors import EngineError

FOREIGN = Path(__file__).parents[2] / "data" / "foreign"
WINDOW = 32


class Raw:
    """A decoder that keeps what the graph says."""

    outputs = None

    def __call__(self, result: Floats) -> Outputs:
        return NOTHING._replace(tags=result)


raw = Raw()


def opened(name: str) -> tuple[ForeignTokeniser, ForeignNetwork]:
    tokeniser = ForeignTokeniser((FOREIGN / name / "tokenizer.json").read_bytes())
    model = next((FOREIGN / name).rglob("model.onnx"))
    return tokeniser, open_network(model, "cpu", tokeniser, 48 if name.startswith("modern") else WINDOW, raw)


def expected(name: str) -> list[tuple[str, Any]]:
    told = json.loads((FOREIGN / name / "expected.json").read_text())
    return [(each["text"], each["output"]) for each in told]


@pytest.mark.parametrize("name", ["bert-topics", "modernbert-guard", "bert-pii", "modernbert-pii"])
def test_logits_are_those_of_torch(name: str) -> None:
    tokeniser, network = opened(name)
    for text, output in expected(name):
        tokens = tokeniser.read(text)
        found = network.run(*tokeniser.framed(tokens.ids, tokens.shapes)).tags
        assert found == pytest.approx(np.array(output), abs=2e-5), text


def test_embeddings_are_those_of_torch() -> None:
    tokeniser, network = opened("embedding")
    for text, output in expected("embedding"):
        tokens = tokeniser.read(text)
        states = network.run(*tokeniser.framed(tokens.ids, tokens.shapes)).tags
        found = DecodeEmbedding("mean")(states).embedding
        assert found == pytest.approx(np.array(output), abs=2e-5), text
        assert np.linalg.norm(found) == pytest.approx(1)


def test_topics_that_mean_the_same_count_together() -> None:
    found = DecodeTopics(Topics(("a", "b"), ((0, 2), (1,)), ("c",)))(np.array([1, 5, 1], np.float32)).domain
    assert found == pytest.approx(np.array([1 + np.log(2), 5, -np.inf]))


def test_sides_of_a_guard() -> None:
    two = DecodeSides(Sides((1, 2), (0,)))(np.array([3, 1, 1], np.float32)).jailbreak
    assert two == pytest.approx(np.array([3, 1 + np.log(2)]))
    assert DecodeSides(Sides((0,), ()))(np.array([2], np.float32)).jailbreak.tolist() == [0, 2]


def logits(*rows: dict[int, float]) -> Floats:
    """Rows of three labels each, by their probabilities."""
    table = np.full((len(rows), 3), 1e-6, np.float32)
    for row, chances in zip(table, rows, strict=True):
        for label, chance in chances.items():
            row[label] = chance
    return np.log(table / table.sum(axis=1, keepdims=True))


def spread(names: list[str], *rows: dict[int, float]) -> Floats:
    """Probabilities of O, B and I that a decoder of one type makes, special tokens left out."""
    decode = DecodeTags(tags(names, Path()), 1, 1)
    return np.exp(decode(logits({0: 1}, *rows, {0: 1})).tags[1:-1])


def test_tags_of_every_scheme_become_begin_and_inside() -> None:
    expected_ = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]])
    everywhere = spread(["O", "B-PERSON", "I-PERSON"], {0: 1}, {1: 1}, {2: 1}, {0: 1}, {1: 1})
    between = spread(["O", "B-PERSON", "I-PERSON"], {0: 1}, {2: 1}, {2: 1}, {0: 1}, {2: 1})
    nowhere = spread(["O", "PERSON", "X"], {0: 1}, {1: 1}, {1: 1}, {0: 1}, {1: 1})[:, :3]
    for found in (everywhere, between, nowhere):
        assert found == pytest.approx(expected_, abs=1e-4)


def test_two_people_side_by_side_stay_two() -> None:
    found = spread(["O", "B-PERSON", "I-PERSON"], {1: 1}, {1: 1})
    assert found == pytest.approx(np.array([[0, 1, 0], [0, 1, 0]]), abs=1e-4)


def test_tags_have_a_row_for_each_token_whatever_frames_the_text() -> None:
    known = tags(labels("pii", FOREIGN / "bert-pii"), Path())
    for before, after in ((1, 1), (0, 0), (1, 0)):
        result = np.zeros((4 + before + after, 5), np.float32)
        assert DecodeTags(known, before, after)(result).tags.shape == (6, 5)
    assert DecodeTags(known, 1, 1)(np.zeros((2, 5), np.float32)).tags.shape == (2, 5)


def test_pooling_is_the_mean_the_first_or_that_of_the_graph() -> None:
    states = np.array([[3, 0], [0, 4]], np.float32)
    assert DecodeEmbedding("mean")(states).embedding.tolist() == pytest.approx([0.6, 0.8])
    assert DecodeEmbedding("cls")(states).embedding.tolist() == [1, 0]
    assert DecodeEmbedding("mean")(states[1]).embedding.tolist() == [0, 1]


def test_a_file_that_is_no_graph_is_told(tmp_path: Path) -> None:
    tokeniser, _ = opened("bert-topics")
    (tmp_path / "model.onnx").write_bytes((FOREIGN / "bert-topics" / "model.onnx").read_bytes()[:5000])
    with pytest.raises(EngineError, match=r"model.onnx' is no model that onnxruntime can run"):
        open_network(tmp_path / "model.onnx", "cpu", tokeniser, WINDOW, raw)


def test_a_window_that_is_too_long_shows_at_once() -> None:
    tokeniser, _ = opened("bert-topics")
    with pytest.raises(EngineError, match=r"model.onnx': onnxruntime failed .* window of 64 tokens"):
        open_network(FOREIGN / "bert-topics" / "model.onnx", "cpu", tokeniser, 64, raw)


class Session:
    """An onnxruntime session of a few lines."""

    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    result: Any = np.zeros((1, 2), np.float32)

    def __init__(self, *_: object, **__: object) -> None: ...

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]

    def get_inputs(self) -> list[Any]:
        return [type("Node", (), {"name": name}) for name in self.inputs]

    def get_outputs(self) -> list[Any]:
        return [type("Node", (), {"name": name}) for name in ("hidden", "logits")]

    def run(self, names: list[str], fed: dict[str, Any]) -> list[Any]:
        assert list(names) == ["logits"]
        assert set(fed) == set(self.inputs)
        return [self.result]


@pytest.mark.parametrize(
    ("inputs", "result", "said"),
    [
        (("pixels",), np.zeros((1, 2), np.float32), "wants the inputs pixels"),
        (
            ("input_ids", "position_ids"),
            np.zeros((1, 2), np.float32),
            "wants the inputs input_ids, position_ids",
        ),
        (("input_ids",), np.zeros((1, 2), np.float16), "computes in float16, which a CPU is slow at"),
        (("input_ids",), np.full((1, 2), np.nan, np.float32), "computes what is no number"),
    ],
)
def test_graphs_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, inputs: tuple[str, ...], result: Any, said: str
) -> None:
    tokeniser, _ = opened("bert-topics")
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(Session, "inputs", inputs)
    monkeypatch.setattr(Session, "result", result)
    with pytest.raises(EngineError, match=said) as told:
        open_network(Path("some.onnx"), "cpu", tokeniser, WINDOW, raw)
    assert "'some.onnx'" in str(told.value)


def test_a_graph_is_given_the_inputs_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    tokeniser, _ = opened("bert-topics")
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(Session, "inputs", ("input_ids", "attention_mask", "token_type_ids"))
    network = open_network(Path("some.onnx"), "cpu", tokeniser, WINDOW, raw)
    assert (network.shape, network.provider) == ((2,), "CPUExecutionProvider")
