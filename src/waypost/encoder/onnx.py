"""The network, as onnxruntime runs it; one call is one pass over one window.

Settings as measured: one thread for each pass and many passes side by side beat several threads for each,
batches only pad, and the fused LayerNorm kernel is ten times slower than the plain one on a CPU.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

import numpy as np
import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import (
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    RuntimeException,
)
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as Unsupported

from waypost.encoder.heads import Floats
from waypost.encoder.settings import Device
from waypost.encoder.tokenise import Ints
from waypost.errors import EngineError

_CPU: Final = "CPUExecutionProvider"
_PROVIDERS: Final = {"cuda": "CUDAExecutionProvider", "coreml": "CoreMLExecutionProvider", "cpu": _CPU}
_INPUTS: Final = ("input_ids", "attention_mask", "shape_ids")
_OUTPUTS: Final = (
    "embedding", "domain_logits", "intent_logits", "difficulty", "jailbreak_logits", "pii_logits",
)  # fmt: skip
_FAULTS: Final = (
    EPFail, Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, RuntimeException, Unsupported,
)  # fmt: skip
_SILENT: Final = 4
"""Only what ends the process is logged; everything else is raised, and told in our words."""

_LONGEST: Final = 512
_TRIAL: Final = 32


class Outputs(NamedTuple):
    """What one pass gives, without the batch axis.

    Attributes:
        embedding: unit length.
        difficulty: a probability, one number.
        tags: one row per token, special ones included.
    """

    embedding: Floats
    domain: Floats
    intent: Floats
    difficulty: Floats
    jailbreak: Floats
    tags: Floats


class Model:
    """An open network; safe to run from several threads at once.

    Attributes:
        provider: what it runs on, by onnxruntime's name.
    """

    def __init__(self, session: ort.InferenceSession) -> None:
        self.provider = session.get_providers()[0]
        self._session = session
        self._mask = np.ones((1, _LONGEST), np.int64)

    @classmethod
    def open(cls, path: Path, device: Device = "auto") -> Self:
        """Load a model file.

        Raises:
            EngineError: it cannot be loaded, or the device is not there.
        """
        models = [cls(_fitting(path, each)) for each in providers(device)]
        return models[0] if len(models) == 1 else min(models, key=_seconds)

    def widths(self) -> dict[str, int | str | None]:
        """Length of the last axis of each output by name, to be compared with the manifest."""
        return {node.name: node.shape[-1] for node in self._session.get_outputs()}

    def run(self, ids: Ints, shapes: Ints) -> Outputs:
        """Read one window, special tokens included.

        Raises:
            EngineError: the runtime failed or is out of memory; the message holds no text.
        """
        fed = ids[None, :], self._mask[:, : len(ids)], shapes[None, :]
        results = run_session(self._session, _OUTPUTS, dict(zip(_INPUTS, fed, strict=True)))
        return Outputs(*(result[0] for result in results))


def providers(device: Device) -> list[str]:
    """What a model may run on here, by onnxruntime's names; several = take the fastest.

    Raises:
        EngineError: the device is not there.
    """
    installed = ort.get_available_providers()
    if device == "auto":
        return [each for each in _PROVIDERS.values() if each in installed]
    provider = _PROVIDERS[device]
    if provider not in installed:
        msg = f"encoder.device is {device!r}, but the installed onnxruntime has {', '.join(installed)}"
        raise EngineError(f"{msg}; install an onnxruntime with {provider}, or use `auto`")
    return [provider]


def run_session(
    session: ort.InferenceSession, outputs: Sequence[str], fed: Mapping[str, Ints]
) -> list[Floats]:
    """One pass over one window; `fed` are inputs [1, tokens] by name.

    Raises:
        EngineError: the runtime failed or is out of memory; the message holds no text.
    """
    try:
        return session.run(outputs, fed)
    except MemoryError as error:
        what, cause = "out of memory", error
    except _FAULTS as error:
        what = "out of memory" if "alloc" in str(error) else f"onnxruntime failed ({type(error).__name__})"
        cause = error
    length = next(iter(fed.values())).shape[1]
    raise EngineError(f"{what} while reading a window of {length} tokens") from cause


def open_session(path: Path, provider: str) -> ort.InferenceSession:
    """Load a model file with the settings above.

    Raises:
        EngineError: it cannot be loaded.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.enable_mem_pattern = False  # plans are kept for each length there is, 14 MB for nothing gained
    options.log_severity_level = _SILENT
    order = [provider] if provider == _CPU else [provider, _CPU]
    try:
        return ort.InferenceSession(str(path), options, order, disabled_optimizers=["SkipLayerNormFusion"])
    except MemoryError as error:
        raise EngineError(f"out of memory while loading {str(path)!r}") from error
    except _FAULTS as error:
        raise EngineError(f"{str(path)!r} is no model that onnxruntime can run: {error}") from error


def _fitting(path: Path, provider: str) -> ort.InferenceSession:
    session = open_session(path, provider)
    names = {node.name for node in session.get_inputs()}, {node.name for node in session.get_outputs()}
    if names != (set(_INPUTS), set(_OUTPUTS)):
        raise EngineError(f"{str(path)!r} has other inputs or outputs than format 1 of the artefact")
    return session


def _seconds(model: Model) -> float:
    """Time of one short pass, the first one not counted."""
    ids = np.full(_TRIAL, 1000, np.int64)
    model.run(ids, np.full_like(ids, 2))
    start = time.perf_counter()
    for _ in range(3):
        model.run(ids, np.full_like(ids, 2))
    return time.perf_counter() - start
