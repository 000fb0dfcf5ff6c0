"""From weights to the artefact: ONNX, int8, manifest."""

import hashlib
import shutil
from pathlib import Path
from typing import Any, Final

import torch
from onnx import TensorProto
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

from waypost.train.model import Trunk, Whole

OUTPUTS: Final = (
    "embedding",
    "domain_logits",
    "intent_logits",
    "difficulty",
    "jailbreak_logits",
    "pii_logits",
)
_OPSET: Final = 17


def export_whole(whole: Whole, path: Path) -> None:
    """Write the fp32 network to `path`."""
    whole.eval()
    names = ["input_ids", "attention_mask", "shape_ids"]
    ones = torch.ones(1, 12, dtype=torch.int64)
    axes = {name: {0: "b", 1: "s"} for name in (*names, "pii_logits")}
    axes |= {name: {0: "b"} for name in OUTPUTS[:-1]}
    _export(whole, (ones, ones, ones), path, names, list(OUTPUTS), axes)


def export_trunk(trunk: Trunk, path: Path) -> None:
    """Write the fp32 trunk to `path`; its output is `states` [b, s, 384]."""
    names = ["input_ids", "attention_mask"]
    ones = torch.ones(1, 12, dtype=torch.int64)
    axes = {name: {0: "b", 1: "s"} for name in (*names, "states")}
    _export(trunk, (ones, ones), path, names, ["states"], axes)


def _export(  # noqa: PLR0913, PLR0917 - the exporter's own arguments
    network: nn.Module,
    example: tuple[Any, ...],
    path: Path,
    inputs: list[str],
    outputs: list[str],
    axes: dict[str, dict[int, str]],
) -> None:
    # The older exporter: the newer one needs a package more and writes other operators.
    torch.onnx.export(
        network,
        example,
        str(path),
        input_names=inputs,
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=_OPSET,
        dynamo=False,
    )


def quantise(source: Path, target: Path) -> None:
    """Weights to int8, one scale per channel, activations measured at run time.

    Seven bits of eight: with all of them the sums can overflow on processors without VNNI.
    """
    quantize_dynamic(
        source,
        target,
        per_channel=True,
        reduce_range=True,
        weight_type=QuantType.QInt8,
        # Shape inference leaves some tensors without a type, and then this one is taken.
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def copy(source: Path, target: Path) -> None:
    """Copy a file, its content alone."""
    shutil.copyfile(source, target)
