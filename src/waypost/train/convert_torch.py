"""The part of a conversion that needs torch: weights to a graph in 32 bits, compared with its source."""

import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    logging,
)

from waypost.encoder.foreign import window_of
from waypost.encoder.foreign_files import CONFIG, MODEL, TOKENIZER, read_object, weights
from waypost.encoder.foreign_network import OUTPUTS, Kind
from waypost.encoder.onnx import open_session, run_session
from waypost.errors import EngineError

TOLERANCE: Final = 1e-3
"""Largest difference between torch and onnxruntime, as a share of the largest output."""

_OPSET: Final = 17
_CLASSES: Final = {
    "sequence": AutoModelForSequenceClassification,
    "token": AutoModelForTokenClassification,
    "embedding": AutoModel,
}
_INPUTS: Final = ("input_ids", "attention_mask")


class Bare(nn.Module):
    """A checkpoint as a function of ids and mask to its one output."""

    def __init__(self, network: Any, output: str) -> None:  # noqa: ANN401 - a class of transformers
        super().__init__()
        self.network, self.output = network, output

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Both [b, s]."""
        return getattr(self.network(input_ids=input_ids, attention_mask=attention_mask), self.output)


def export(folder: Path, kind: Kind, out: Path) -> float:
    """Write `model.onnx` in 32 bits and `tokenizer.json` to `out`; gives the largest difference between both.

    Raises:
        EngineError: the checkpoint cannot be loaded or exported, or its graph computes something else.
    """
    network = load(folder, kind)
    window = window_of(folder, read_object(folder / CONFIG))
    _vocabulary(folder, out)
    ones = torch.ones(2, 12, dtype=torch.int64)
    # With nothing to hide, transformers leaves the mask out of the graph.
    mask = torch.ones(2, 12, dtype=torch.int64)
    mask[1, 8:] = 0
    axes = {0: "b", 1: "s"}
    output = OUTPUTS[kind]
    try:
        with warnings.catch_warnings():
            # The older exporter: the newer one needs a package more and writes other operators. It warns of
            # itself, and of every constant it takes from the trace; what matters is compared below.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network,
                (ones, mask),
                str(out / MODEL),
                input_names=_INPUTS,
                output_names=(output,),
                dynamic_axes={
                    **dict.fromkeys(_INPUTS, axes),
                    output: {0: "b"} if kind == "sequence" else axes,
                },
                opset_version=_OPSET,
                dynamo=False,
            )
    except (RuntimeError, ValueError, TypeError) as error:
        raise EngineError(f"{str(folder)!r} cannot be exported to ONNX: {error}") from error
    return _compared(network, out / MODEL, output, window)


def load(folder: Path, kind: Kind) -> Bare:
    """The network of a checkpoint, in 32 bits and with attention written out, from files alone.

    Raises:
        EngineError: it cannot be loaded, or lacks weights.
    """
    is_safe = any(path.suffix == ".safetensors" for path in weights(folder))
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        network, told = _CLASSES[kind].from_pretrained(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=is_safe,
            weights_only=True,
            attn_implementation="eager",
            dtype=torch.float32,
            output_loading_info=True,
        )
    except UnpicklingError as error:
        told = f"{str(folder)!r} holds a pickle of more than tensors, which is not read"
        raise EngineError(f"{told}; take the checkpoint as safetensors") from error
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, ImportError) as error:
        raise EngineError(f"{str(folder)!r} cannot be loaded: {error}") from error
    # What is missing would be made up. Of a plain encoder, nobody asks the pooler.
    missing = sorted(name for name in told["missing_keys"] if "pooler" not in name or kind != "embedding")
    if missing:
        raise EngineError(f"{str(folder)!r} has no weights for {missing[0]}; it was not trained for this")
    return Bare(network, OUTPUTS[kind]).eval()


def _vocabulary(folder: Path, out: Path) -> None:
    if (folder / TOKENIZER).is_file():
        (out / TOKENIZER).write_bytes((folder / TOKENIZER).read_bytes())
        return
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        tokenizer.backend_tokenizer.save(str(out / TOKENIZER))
    except (OSError, ValueError, AttributeError, ImportError) as error:
        raise EngineError(f"{str(folder)!r} has no vocabulary that can be used: {error}") from error


def _compared(network: Bare, path: Path, output: str, window: int) -> float:
    """Largest difference between torch and onnxruntime: short, full, and padded windows."""
    session = open_session(path, "CPUExecutionProvider")
    rng, vocabulary = np.random.default_rng(7), int(network.network.config.vocab_size)
    largest = 0.0
    for length, padding in ((8, 0), (window, 0), (window // 2, window // 4)):
        ids = rng.integers(0, min(1000, vocabulary), (1, length))
        mask = np.ones_like(ids)
        mask[0, length - padding :] = 0
        with torch.no_grad():
            expected = network(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()[0]
        found = run_session(session, [output], dict(zip(_INPUTS, (ids, mask), strict=True)))[0][0]
        rows = slice(None, length - padding) if found.ndim > 1 else slice(None)
        largest = max(largest, float(np.abs(found[rows] - expected[rows]).max()))
        if largest > TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise EngineError(
                f"{str(path)!r} is {largest:.2g} away from what torch computes; please report it"
            )
    return largest
