"""`Encoder`: answers `Encode` needs, from any thread or event loop, and never with an exception."""

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Final, Self

from waypost.encoder.conclude import WIDTH, stacked
from waypost.encoder.cpus import usable_cpus
from waypost.encoder.foreign import Foreign, open_all
from waypost.encoder.foreign_parts import Models
from waypost.encoder.heads import Floats
from waypost.encoder.known import KnownTexts
from waypost.encoder.manifest import MODEL, TOKENIZER, Artefact
from waypost.encoder.onnx import Model
from waypost.encoder.plan import HEADS, Planner
from waypost.encoder.pool import Pool
from waypost.encoder.question import Question
from waypost.encoder.reader import Network, Reader, Reading, Vocabulary
from waypost.encoder.settings import EncoderSettings, ForeignModel
from waypost.encoder.tokenise import Tokeniser
from waypost.errors import EngineError
from waypost.needs import Encode, Failed
from waypost.signals.base import Encoded, Examples

MAX_EXAMPLES: Final = 4096
"""Most example texts of one policy; each takes 1.5 kB and, when it is prepared, one pass."""

_CHARACTERS: Final = 32
"""Characters looked at for each token that may be read: enough that only the number of tokens decides."""
_FOR_TEXTS: Final = 8
"""This part of the memory is for texts remembered as a whole; the rest for windows."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What an encoder has done so far.

    Attributes:
        passes: windows that were read; an equal window is read again only after it was forgotten.
        remembered: windows that cost no pass, without those of texts that were remembered as a whole.
        unread: windows given up at the deadline, or beyond `scan_tokens`.
        queued: tokens that wait or are being read now.
        failures: questions that were not answered.
        seconds: of inference.
    """

    passes: int
    remembered: int
    unread: int
    queued: int
    failures: int
    seconds: float


class Encoder:
    """An open artefact, and checkpoints in place of some of its heads, with threads, queue and memo.

    Attributes:
        artefact: which model answers, and how its outputs are read.
        settings: what it may take on.
        foreign: checkpoints of somebody else's by the head they answer.
    """

    def __init__(
        self,
        artefact: Artefact,
        network: Network,
        tokeniser: Tokeniser,
        settings: EncoderSettings,
        foreign: Mapping[str, Foreign] | None = None,
    ) -> None:
        self.artefact = artefact
        self.settings = settings
        self.tokeniser = tokeniser
        self.network = network
        self.foreign = foreign or {}

        def planner(artefact: Artefact, network: Network, tokeniser: Vocabulary) -> Planner:
            memory = settings.memo_bytes // (1 + len(self.foreign))
            texts = memory // _FOR_TEXTS
            reader = Reader(network, tokeniser, artefact.heads.pii, artefact.sha256, memory - texts)
            known = KnownTexts(artefact.sha256, texts)
            return Planner(artefact, tokeniser, reader, known, _CHARACTERS * settings.scan_tokens)

        self._planner = planner(artefact, network, tokeniser)
        self._models = Models(
            self._planner,
            {head: (f, planner(f.artefact, f.network, f.tokeniser)) for head, f in self.foreign.items()},
        )
        self._pool = Pool(settings.threads or usable_cpus(), settings.queue_tokens)
        self._prepared: Mapping[Examples, Floats] = {}
        self._lock = Lock()
        self._failures = 0

    @classmethod
    def open(
        cls, settings: EncoderSettings | None = None, foreign: Mapping[str, ForeignModel] | None = None
    ) -> Self:
        """Check and load the artefact, half a second, and what answers in place of its heads, by head.

        Raises:
            EngineError: with the place, the problem and what to do; not for a checkpoint that is no guard.
        """
        settings = settings or EncoderSettings()
        artefact = Artefact.open(settings.artefact)
        with ThreadPoolExecutor(1) as aside:
            reading = aside.submit(_tokeniser, artefact)
            model = Model.open(artefact.folder / MODEL, settings.device)
        if error := reading.exception():
            place = str(artefact.folder / TOKENIZER)
            raise EngineError(f"{place!r} cannot be used: {error}") from error
        _must_fit(model, artefact)
        others = open_all(foreign or {}, artefact.heads, settings.device)
        return cls(artefact, model, reading.result(), settings, others)

    async def answer(self, need: Encode) -> Encoded | Failed:
        """Answer one need; the work is done in other threads. Cancelling stops it."""
        return await asyncio.wrap_future(self._ask(need))

    def answer_now(self, need: Encode) -> Encoded | Failed:
        """Answer one need and wait for it, where there is no event loop."""
        return self._ask(need).result()

    def prepare(self, examples: Iterable[Examples]) -> None:
        """Read the examples of a policy beforehand and keep them until the next call; milliseconds for each.

        Others can be asked for as well, and are read when they are.

        Raises:
            EngineError: there are too many, or the network failed.
        """
        wanted = dict.fromkeys(examples)
        count = sum(len(each.texts) for each in wanted)
        if count > MAX_EXAMPLES:
            raise EngineError(
                f"{count} examples are more than the {MAX_EXAMPLES} that can be kept; name fewer"
            )
        known = self._prepared
        self._prepared = {each: known[each] if each in known else self._embedded(each) for each in wanted}

    def read(self, text: str) -> Reading:
        """What the artefact says of the opening of a text, uncalibrated; in this thread, past the queue.

        Raises:
            EngineError: the network failed.
        """
        return self._planner.reader.read(self._planner.sample(text).input).reading

    @property
    def stats(self) -> Stats:
        """Counted since the start."""
        readers = self._models.readers
        return Stats(
            sum(reader.passes for reader in readers),
            sum(reader.remembered for reader in readers),
            sum(reader.unread for reader in readers),
            self._pool.tokens,
            self._failures,
            sum(reader.seconds for reader in readers),
        )

    def close(self) -> None:
        """Stop the threads; whoever still waits is told that nothing was read."""
        self._pool.close()

    def _ask(self, need: Encode) -> "Future[Encoded | Failed]":
        question = Question(self._models.parts(need), self._pool, self._prepared, self.settings)
        question.answer.add_done_callback(self._tally)
        if unknown := sorted(need.heads - HEADS):
            question.refuse(f"the encoder has no head {unknown[0]!r}")
        else:
            question.begin()
        return question.answer

    def _tally(self, answer: "Future[Encoded | Failed]") -> None:
        if not answer.cancelled() and isinstance(answer.result(), Failed):
            with self._lock:
                self._failures += 1

    def _embedded(self, examples: Examples) -> Floats:
        planner = self._models.likening()
        pieces = tuple(map(planner.sample, examples.texts))
        reads = {piece.input.key: planner.reader.read(piece.input) for piece in pieces}
        return stacked(pieces, reads)


def _tokeniser(artefact: Artefact) -> Tokeniser:
    return Tokeniser((artefact.folder / TOKENIZER).read_bytes())


def _must_fit(model: Model, artefact: Artefact) -> None:
    heads, widths = artefact.heads, model.widths()
    expected = {
        "embedding": WIDTH,
        "domain_logits": len(heads.domain.labels),
        "intent_logits": len(heads.intent.labels),
        "difficulty": 1,
        "jailbreak_logits": 2,
        "pii_logits": 1 + 2 * len(heads.pii.types),
    }
    for name, width in expected.items():
        if widths[name] != width:
            place = str(artefact.folder / MODEL)
            raise EngineError(f"{place!r}: output {name} is {widths[name]} wide, the manifest says {width}")
