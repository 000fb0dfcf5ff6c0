"""Runs somebody else's checkpoint: one window in, outputs in the shape of our own network's out."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from waypost.encoder.foreign_labels import Sides, Tags, Topics
from waypost.encoder.foreign_tokens import ForeignTokeniser
from waypost.encoder.heads import Floats
from waypost.encoder.onnx import Outputs, open_session, providers, run_session
from waypost.encoder.settings import Device
from waypost.encoder.tokenise import Ints
from waypost.errors import EngineError

Pooling = Literal["mean", "cls"]
"""Of the states of all tokens, or the first one's."""

Kind = Literal["sequence", "token", "embedding"]
"""What a checkpoint is made for: a label of a text, one of each token, or a vector."""

OUTPUTS: Final[Mapping[Kind, str]] = {
    "sequence": "logits", "token": "logits", "embedding": "last_hidden_state",
}  # fmt: skip
"""What the output of a graph is called, by the usual exporters and by ours."""

_IDS, _MASK, _TYPES = "input_ids", "attention_mask", "token_type_ids"
_FLOOR: Final = 1e-9
_NONE: Final = np.empty(0, np.float32)
NOTHING: Final = Outputs(
    _NONE, _NONE, _NONE, np.zeros(1, np.float32), np.zeros(2, np.float32), np.empty((0, 3), np.float32)
)


class Decode(Protocol):
    """From one output of the graph, without the batch axis, to ours."""

    @property
    def outputs(self) -> int | None:
        """Length of the last axis; None = any."""
        ...

    def __call__(self, result: Floats) -> Outputs:
        """One window."""
        ...


@dataclass(frozen=True, slots=True)
class DecodeTopics:
    """Logits of labels to logits of domains; a domain the checkpoint does not know never happens."""

    topics: Topics

    @property
    def outputs(self) -> int:
        """One for each label."""
        return sum(map(len, self.topics.groups))

    def __call__(self, result: Floats) -> Outputs:
        """`result` [labels]."""
        missing = np.full(len(self.topics.missing), -np.inf, np.float32)
        together = [_together(result, group) for group in self.topics.groups]
        return NOTHING._replace(domain=np.concatenate((np.array(together, np.float32), missing)))


@dataclass(frozen=True, slots=True)
class DecodeSides:
    """Logits of labels to those of benign and attack; a single output is the margin itself."""

    sides: Sides

    @property
    def outputs(self) -> int:
        """One for each label."""
        return len(self.sides.attack) + len(self.sides.benign)

    def __call__(self, result: Floats) -> Outputs:
        """`result` [labels]."""
        both = [
            _together(result, group) if group else 0.0 for group in (self.sides.benign, self.sides.attack)
        ]
        return NOTHING._replace(jailbreak=np.array(both, np.float32))


@dataclass(frozen=True, slots=True)
class DecodeTags:
    """Logits of tags to those of O, and B and I of each type.

    Schemes differ in where B stands: at every span, between neighbours alone, or nowhere. What they agree
    on is that a span begins where nothing of its type stood before, so there I counts as B.

    Attributes:
        before: special tokens in front of the text.
        after: special tokens behind it.
    """

    tags: Tags
    before: int
    after: int

    @property
    def outputs(self) -> int:
        """One for each label."""
        return len(self.tags.outside) + sum(map(len, self.tags.anywhere))

    def __call__(self, result: Floats) -> Outputs:
        """`result` [tokens, labels]; ours has one row of zeros for each special token."""
        inner = result[self.before : len(result) - self.after].astype(np.float64)
        chances = np.exp(inner - inner.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        logits = np.zeros((len(inner) + 2, 1 + 2 * len(self.tags.types)), np.float32)
        logits[1:-1, 0] = _log(chances[:, self.tags.outside].sum(axis=1))
        columns = zip(self.tags.begins, self.tags.anywhere, strict=True)
        for number, (begins, anywhere) in enumerate(columns):
            whole = chances[:, anywhere].sum(axis=1)
            begun = chances[:, begins].sum(axis=1)
            goes_on = (whole - begun) * np.append(0.0, whole[:-1])
            logits[1:-1, 1 + 2 * number] = _log(whole - goes_on)
            logits[1:-1, 2 + 2 * number] = _log(goes_on)
        return NOTHING._replace(tags=logits)


@dataclass(frozen=True, slots=True)
class DecodeEmbedding:
    """States of tokens, or what the graph pooled, to a vector of unit length."""

    pooling: Pooling

    @property
    def outputs(self) -> None:
        """Any width."""
        return None

    def __call__(self, result: Floats) -> Outputs:
        """`result` [tokens, width], or [width] if the graph pools."""
        rows = result.reshape(-1, result.shape[-1])  # a single one where the graph pools
        pooled = rows.mean(axis=0) if self.pooling == "mean" else rows[0]
        return NOTHING._replace(embedding=pooled / max(float(np.linalg.norm(pooled)), _FLOOR))


class ForeignNetwork:
    """An open checkpoint; safe to run from several threads at once.

    Attributes:
        provider: what it runs on, by onnxruntime's name.
        shape: of its output for the window it was tried with, without the batch axis.
        seconds: that the trial took.
    """

    def __init__(self, session: ort.InferenceSession, output: str, decode: Decode, trial: Ints) -> None:
        """Read `trial`, the longest window there will be.

        Raises:
            EngineError: the graph cannot read it, or computes in half precision.
        """
        self.provider = session.get_providers()[0]
        self._session = session
        self._inputs = tuple(node.name for node in session.get_inputs())
        self._outputs = (output,)
        self._decode = decode
        self._one = np.ones((1, len(trial)), np.int64)
        self._zero = np.zeros((1, len(trial)), np.int64)
        begin = time.perf_counter()
        result = self._pass(trial)
        self.seconds = time.perf_counter() - begin
        self.shape = result.shape
        if result.dtype != np.float32:
            raise EngineError(f"computes in {result.dtype}, which a CPU is slow at; use a model in 32 bits")
        if not np.isfinite(result).all():
            raise EngineError("computes what is no number")

    def run(self, ids: Ints, shapes: Ints) -> Outputs:
        """Read one window, special tokens included.

        Raises:
            EngineError: the runtime failed or is out of memory; the message holds no text.
        """
        return self._decode(self._pass(ids))

    def _pass(self, ids: Ints) -> Floats:
        given = {_IDS: ids[None, :], _MASK: self._one[:, : len(ids)], _TYPES: self._zero[:, : len(ids)]}
        (result,) = run_session(self._session, self._outputs, {name: given[name] for name in self._inputs})
        return result[0]


def open_network(
    path: Path, device: Device, tokeniser: ForeignTokeniser, window: int, decode: Decode
) -> ForeignNetwork:
    """Load a graph and read one full window with it, on the fastest of the providers.

    Raises:
        EngineError: naming the file.
    """
    text = tokeniser.read("Every window is as long as this one, and holds words of every day. ")
    if not len(text):
        raise EngineError(f"{str(path)!r}: its vocabulary reads no English")
    trial, _ = tokeniser.framed(np.resize(text.ids, window - 2), text.shapes)
    try:
        found = [_opened(path, each, decode, trial) for each in providers(device)]
    except EngineError as error:
        raise error if str(path) in str(error) else EngineError(f"{str(path)!r}: {error}") from error
    return found[0] if len(found) == 1 else min(found, key=lambda network: network.seconds)


def _opened(path: Path, provider: str, decode: Decode, trial: Ints) -> ForeignNetwork:
    session = open_session(path, provider)
    inputs = {node.name for node in session.get_inputs()}
    if _IDS not in inputs or not inputs <= {_IDS, _MASK, _TYPES}:
        raise EngineError(f"wants the inputs {', '.join(sorted(inputs))}; an encoder of text has {_IDS}")
    names = [node.name for node in session.get_outputs()]
    output = next((name for name in _OUTPUTS if name in names), names[0])
    return ForeignNetwork(session, output, decode, trial)


_OUTPUTS: Final = ("logits", "sentence_embedding", "last_hidden_state", "token_embeddings")
"""Of several outputs, the first of these is read."""


def _together(logits: Floats, group: tuple[int, ...]) -> float:
    """What outputs weigh together: the logarithm of the sum of their exponentials."""
    chosen = logits[list(group)].astype(np.float64)
    return float(chosen.max() + np.log(np.exp(chosen - chosen.max()).sum()))


def _log(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(chances, _FLOOR))
