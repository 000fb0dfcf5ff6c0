"""From weights to ONNX, in 32-bit floats and in eight bits."""

import logging
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from waypost.train.model import Trunk, Whole

INPUTS: Final = ("input_ids", "attention_mask", "shape_ids")
OUTPUTS: Final = (
    "embedding",
    "domain_logits",
    "intent_logits",
    "difficulty",
    "jailbreak_logits",
    "pii_logits",
)
_OPSET: Final = 17

Axes = Mapping[str, Mapping[int, str]]


def export_whole(whole: Whole, path: Path) -> None:
    """Write the network to `path`, in 32-bit floats."""
    ones = torch.ones(1, 12, dtype=torch.int64)
    axes: dict[str, dict[int, str]] = {name: {0: "b"} for name in OUTPUTS[:-1]}
    axes |= {name: {0: "b", 1: "s"} for name in (*INPUTS, OUTPUTS[-1])}
    _export(whole.eval(), (ones, ones, ones), path, OUTPUTS, axes)


def export_trunk(trunk: Trunk, path: Path) -> None:
    """Write the trunk to `path`, in 32-bit floats; its output is `states` [b, s, 384]."""
    ones = torch.ones(1, 12, dtype=torch.int64)
    axes = {name: {0: "b", 1: "s"} for name in (*INPUTS[:2], "states")}
    _export(trunk.eval(), (ones, ones), path, ["states"], axes)


def _export(
    network: nn.Module, example: tuple[Tensor, ...], path: Path, outputs: Sequence[str], axes: Axes
) -> None:
    with _quiet():
        # The older exporter: the newer one needs a package more and writes other operators.
        torch.onnx.export(
            network,
            example,
            str(path),
            input_names=list(INPUTS[: len(example)]),
            output_names=list(outputs),
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )


def quantise(source: Path, target: Path) -> None:
    """Weights to int8, one scale per channel, activations measured at run time.

    Seven bits of eight: with all of them the sums can overflow on processors without VNNI.
    """
    with _quiet():
        quantize_dynamic(
            source,
            target,
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            # Shape inference leaves some tensors without a type, and then this one is taken.
            extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )


@contextmanager
def _quiet() -> Generator[None]:
    """Both tools warn that they are the older ones, and of what is meant as it is."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
