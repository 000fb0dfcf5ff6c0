"""The real thing on 100 MB of weights with nothing learned in them: the graph computes what torch does."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from tests.unit.train.published import published
from waypost.encoder.onnx import Model
from waypost.train.export import OUTPUTS, export_trunk, export_whole, quantise
from waypost.train.model import TAGS, Twin, Whole, load_base
from waypost.train.rows import DOMAINS

pytestmark = pytest.mark.timeout(900)

IDS = np.array([101, *range(2000, 2030), 102], np.int64)
SHAPES = np.full_like(IDS, 2)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return published()


def other(whole: Whole) -> Whole:
    """As after another training: every trained weight is another."""
    torch.manual_seed(9)
    twin = Twin((*DOMAINS, "ours"))
    with torch.no_grad():
        for weight in twin.parameters():
            weight.add_(torch.randn_like(weight) * 0.02)
    return Whole(whole.trunk, whole.top, twin)


@pytest.fixture(scope="module")
def whole(weights: dict[str, torch.Tensor]) -> Whole:
    return Whole(*load_base(weights)).eval()


@pytest.fixture(scope="module")
def exported(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exported")
    found: dict[str, Path] = {}
    for name, each in (("one", whole), ("other", other(whole))):
        export_whole(each, folder / f"{name}-full.onnx")
        quantise(folder / f"{name}-full.onnx", folder / f"{name}.onnx")
        found |= {name: folder / f"{name}.onnx", f"{name}-full": folder / f"{name}-full.onnx"}
    return found


def test_the_graph_computes_what_torch_does(whole: Whole, exported: dict[str, Path]) -> None:
    ids, shapes = torch.from_numpy(IDS)[None], torch.from_numpy(SHAPES)[None]
    with torch.no_grad():
        expected = whole(ids, torch.ones_like(ids), shapes)
    found = Model.open(exported["one-full"], "cpu").run(IDS, SHAPES)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.allclose(ours, theirs[0].numpy(), atol=1e-4)


def test_embeddings_are_the_same_after_another_training(exported: dict[str, Path]) -> None:
    one, another = (Model.open(exported[name], "cpu") for name in ("one", "other"))
    for length in (3, 17, 256):
        ids = np.random.default_rng(length).integers(1000, 30_000, length)
        first, second = one.run(ids, np.full_like(ids, 2)), another.run(ids, np.full_like(ids, 5))
        assert np.abs(first.embedding - second.embedding).max() < 1e-6
        assert len(second.domain) == len(first.domain) + 1
        assert not np.allclose(first.jailbreak, second.jailbreak)


def test_eight_bits_are_near_and_small(exported: dict[str, Path]) -> None:
    eight, full = (Model.open(exported[name], "cpu").run(IDS, SHAPES) for name in ("other", "other-full"))
    assert float(eight.embedding @ full.embedding) > 0.97
    assert exported["other"].stat().st_size < 30_000_000 < exported["other-full"].stat().st_size
    assert eight.tags.shape == (len(IDS), TAGS)
    assert set(OUTPUTS) == {n.name for n in onnxruntime.InferenceSession(exported["other"]).get_outputs()}


def test_the_trunk_is_the_first_part_of_the_whole(whole: Whole, tmp_path: Path) -> None:
    trunk = whole.trunk
    export_trunk(trunk, tmp_path / "trunk.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "trunk.onnx")
    fed = {"input_ids": IDS[None], "attention_mask": np.ones_like(IDS)[None]}
    with torch.no_grad():
        expected = trunk(torch.from_numpy(IDS)[None], torch.ones(1, len(IDS), dtype=torch.int64))
    assert np.allclose(session.run(None, fed)[0], expected.numpy(), atol=1e-4)
