"""Windows read, or remembered: the one place that runs the network, so that its passes can be counted."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from threading import Event, Lock
from typing import Final, NamedTuple, Protocol

import numpy as np

from waypost.encoder.heads import Floats
from waypost.encoder.memo import Memo
from waypost.encoder.onnx import Outputs
from waypost.encoder.tags import Tag, Tagger
from waypost.encoder.tokenise import Ints, Tokens
from waypost.encoder.windows import Stretch

_OVERHEAD: Final = 900
"""Bytes that an entry of the memo takes beside its vectors and tags: key, objects, headers of arrays."""
_TAG: Final = 160


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the network says of one window; no text, and nothing that depends on calibration but the tags.

    Attributes:
        embedding: unit length.
        domain: logits.
        intent: logits.
        difficulty: probability.
        margin: jailbreak logits, attack less benign.
        tags: personal data, in tokens of the window.
    """

    embedding: Floats
    domain: Floats
    intent: Floats
    difficulty: float
    margin: float
    tags: tuple[Tag, ...]


class Done(NamedTuple):
    """A reading and what it cost.

    Attributes:
        seconds: of inference, decoding included; 0 when remembered.
    """

    reading: Reading
    seconds: float
    remembered: bool


class Network(Protocol):
    """What runs a window; `onnx.Model`, or a stand-in.

    Attributes:
        provider: what it runs on.
    """

    provider: str

    def run(self, ids: Ints, shapes: Ints) -> Outputs:
        """Read one window, special tokens included."""
        ...


class Vocabulary(Protocol):
    """What makes tokens of a text; `tokenise.Tokeniser`, or that of another model."""

    def read(self, text: str) -> Tokens:
        """Tokenise a text without lone surrogates."""
        ...

    def framed(self, ids: Ints, shapes: Ints) -> tuple[Ints, Ints]:
        """One pass of the network: ids and shapes between the special tokens."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Tokens that are read in one pass, special tokens not included."""

    key: bytes
    ids: Ints
    shapes: Ints
    words: Ints


class Reader:
    """Reads each window once, for whoever asks; safe to use from several threads.

    Attributes:
        passes: windows the network has read.
        remembered: windows that were asked for and known.
        unread: windows that were given up.
        seconds: of inference.
    """

    def __init__(
        self, network: Network, tokeniser: Vocabulary, tagger: Tagger, sha256: str, memo_bytes: int
    ) -> None:
        """`sha256` of the model in hex: what one model said is never taken for the word of another."""
        self.passes = 0
        self.remembered = 0
        self.unread = 0
        self.seconds = 0.0
        self._network = network
        self._tokeniser = tokeniser
        self._tagger = tagger
        self._salt = bytes.fromhex(sha256)
        self._memo = Memo[Reading](memo_bytes)
        self._running: dict[bytes, Event] = {}
        self._lock = Lock()

    def window(self, tokens: Tokens, stretches: Sequence[Stretch]) -> Window:
        """Cut out what one pass reads.

        The key is made of ids and shapes: the vocabulary has no case, so "will smith" and "Will Smith" have
        the same ids, and not the same personal data.
        """
        if len(stretches) == 1:
            start, end = stretches[0]
            ids, shapes, words = (part[start:end] for part in (tokens.ids, tokens.shapes, tokens.words))
        else:
            ids, shapes, words = (
                np.concatenate([part[start:end] for start, end in stretches])
                for part in (tokens.ids, tokens.shapes, tokens.words)
            )
        digest = blake2b(ids.tobytes(), digest_size=16, key=self._salt)
        digest.update(shapes.tobytes())
        return Window(digest.digest(), ids, shapes, words)

    def recall(self, key: bytes) -> Done | None:
        """What is known of a window; None = it has to be read."""
        with self._lock:
            reading = self._memo.get(key)
            self.remembered += reading is not None
        return None if reading is None else Done(reading, 0.0, remembered=True)

    def skipped(self) -> None:
        """Count a window that nobody will read."""
        with self._lock:
            self.unread += 1

    def read(self, window: Window) -> Done:
        """Read a window, or wait for the thread that is reading an equal one.

        Raises:
            EngineError: the network failed.
        """
        while True:
            with self._lock:
                reading = self._memo.get(window.key)
                if reading is not None:
                    self.remembered += 1
                    return Done(reading, 0.0, remembered=True)
                other = self._running.get(window.key)
                if other is None:
                    mine = self._running[window.key] = Event()
                    break
            other.wait()
        try:
            return self._pass(window)
        finally:
            with self._lock:
                del self._running[window.key]
            mine.set()

    def _pass(self, window: Window) -> Done:
        begin = time.perf_counter()
        out = self._network.run(*self._tokeniser.framed(window.ids, window.shapes))
        tags = self._tagger.decode(out.tags[1:-1], window.words)
        benign, attack = out.jailbreak.tolist()
        reading = Reading(
            # Copies: the others are views into arrays of the runtime, tags included.
            out.embedding.copy(),
            out.domain.copy(),
            out.intent.copy(),
            float(out.difficulty[0]),
            attack - benign,
            tags,
        )
        seconds = time.perf_counter() - begin
        vectors = (reading.embedding, reading.domain, reading.intent)
        size = _OVERHEAD + sum(vector.nbytes for vector in vectors) + _TAG * len(tags)
        with self._lock:
            self.passes += 1
            self.seconds += seconds
            self._memo.put(window.key, reading, size)
        return Done(reading, seconds, remembered=False)
