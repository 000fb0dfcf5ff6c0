"""The network as onnxruntime runs it, and what is said when it does not."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

from waypost.encoder import onnx
from waypost.encoder.onnx import Model
from waypost.errors import EngineError

IDS = np.array([101, 7592, 2088, 102], np.int64)
SHAPES = np.array([0, 2, 2, 0], np.int64)


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return Model.open(folder / "encoder.onnx", "cpu")


def test_one_pass_answers_everything(model: Model) -> None:
    out = model.run(IDS, SHAPES)
    assert out.embedding.shape == (384,)
    assert np.linalg.norm(out.embedding) == pytest.approx(1, abs=1e-5)
    assert out.tags.shape[0] == len(IDS)
    assert 0 <= out.difficulty[0] <= 1
    widths = model.widths()
    assert [len(part) for part in (out.domain, out.intent, out.jailbreak)] == [
        widths[name] for name in ("domain_logits", "intent_logits", "jailbreak_logits")
    ]
    assert out.tags.shape[1] == widths["pii_logits"]


def test_passes_are_deterministic(model: Model) -> None:
    first, second = model.run(IDS, SHAPES), model.run(IDS, SHAPES)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_the_embedding_does_not_depend_on_shapes(model: Model) -> None:
    small, tall = model.run(IDS, SHAPES), model.run(IDS, np.array([0, 5, 5, 0], np.int64))
    assert small.embedding == pytest.approx(tall.embedding, abs=1e-5)


def test_ids_that_are_no_tokens_are_an_error(model: Model) -> None:
    with pytest.raises(EngineError, match=r"onnxruntime failed \(InvalidArgument\) .* 4 tokens"):
        model.run(IDS + 10**6, SHAPES)


def test_a_model_cut_short_is_told(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "encoder.onnx"
    path.write_bytes((folder / "encoder.onnx").read_bytes()[:100_000])
    with pytest.raises(EngineError, match=r"encoder.onnx' is no model that onnxruntime can run"):
        Model.open(path)


class Session:
    """An onnxruntime session of a few lines."""

    made: ClassVar[list[str]] = []
    fault: Exception | None = None
    loads = True

    def __init__(self, _path: str, _options: object, providers: list[str], **_rest: object) -> None:
        if not self.loads:
            raise MemoryError
        self._provider = providers[0]
        self.made.append(self._provider)

    def get_providers(self) -> list[str]:
        return [self._provider]

    def get_inputs(self) -> list[Any]:
        return [Node(name) for name in ("input_ids", "attention_mask", "shape_ids")]

    def get_outputs(self) -> list[Any]:
        names = "embedding domain_logits intent_logits difficulty jailbreak_logits pii_logits"
        return [Node(name) for name in names.split()]

    def run(self, _names: object, _fed: object) -> list[Any]:
        if self.fault:
            raise self.fault
        return [np.zeros((1, 2), np.float32)] * 6


class Node:
    def __init__(self, name: str) -> None:
        self.name = name
        self.shape = ["b", 2]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> type[Session]:
    class Fresh(Session):
        made: ClassVar[list[str]] = []

    monkeypatch.setattr(onnxruntime, "InferenceSession", Fresh)
    return Fresh


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (MemoryError(), "out of memory while reading a window of 4 tokens"),
        (
            RuntimeException("Failed to allocate memory for secret"),
            "out of memory while reading a window of 4",
        ),
        (Fail("secret"), r"onnxruntime failed \(Fail\) while reading a window of 4 tokens"),
    ],
)
def test_a_failure_is_told_without_its_words(session: type[Session], fault: Exception, said: str) -> None:
    model = Model.open(Path("model"), "cpu")
    session.fault = fault
    with pytest.raises(EngineError, match=said) as told:
        model.run(IDS, SHAPES)
    assert "secret" not in str(told.value)


def test_no_memory_to_load_it(session: type[Session]) -> None:
    session.loads = False
    with pytest.raises(EngineError, match="out of memory while loading 'model'"):
        Model.open(Path("model"))


def test_a_model_of_something_else_is_refused(
    session: type[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "get_inputs", lambda _self: [Node("image")])
    with pytest.raises(EngineError, match="other inputs or outputs"):
        Model.open(Path("model"))


def test_without_accelerators_the_processor_is_taken(session: type[Session]) -> None:
    assert Model.open(Path("model")).provider == "CPUExecutionProvider"
    assert session.made == ["CPUExecutionProvider"]


def has(monkeypatch: pytest.MonkeyPatch, *providers: str) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: list(providers))


@pytest.mark.parametrize("fastest", ["CUDAExecutionProvider", "CPUExecutionProvider"])
def test_of_several_the_fastest_is_taken(
    session: type[Session], monkeypatch: pytest.MonkeyPatch, fastest: str
) -> None:
    has(monkeypatch, "AzureExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
    monkeypatch.setattr(onnx, "_seconds", lambda model: 1.0 if model.provider == fastest else 2.0)
    assert Model.open(Path("model")).provider == fastest
    assert session.made == ["CUDAExecutionProvider", "CPUExecutionProvider"]


def test_the_fastest_is_found_by_trying(session: type[Session], monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, "CoreMLExecutionProvider", "CPUExecutionProvider")
    assert Model.open(Path("model")).provider in session.made


def test_a_device_can_be_named(session: type[Session], monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, "CoreMLExecutionProvider", "CPUExecutionProvider")
    assert Model.open(Path("model"), "coreml").provider == "CoreMLExecutionProvider"
    assert Model.open(Path("model"), "cpu").provider == "CPUExecutionProvider"


def test_a_device_that_is_not_there_is_told_with_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, "CPUExecutionProvider")
    with pytest.raises(EngineError, match="'cuda', but the installed onnxruntime has CPUExecutionProvider"):
        Model.open(Path("model"), "cuda")
