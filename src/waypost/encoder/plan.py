"""What has to be read to answer one question.

Windows belong to one text each, never to a conversation as a whole: a turn that is added shifts
nobody's windows, so only its own are new.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from waypost.encoder.known import Known, KnownTexts
from waypost.encoder.manifest import Artefact
from waypost.encoder.reader import Done, Reader, Vocabulary
from waypost.encoder.reader import Window as Input
from waypost.encoder.tokenise import Tokens
from waypost.encoder.windows import Stretch, head_and_tail, opening, sliding
from waypost.needs import Encode
from waypost.request.text import Folded, fold
from waypost.signals.base import SCANNING, Examples, Scan, Window

FOCUSED: Final = frozenset({"domain", "intent", "complexity"})
"""Heads that read the head-and-tail window of the focus."""

LIKENESS: Final = "similarity"
HEADS: Final = SCANNING | FOCUSED | {LIKENESS}

_EXCERPT: Final = 65_536
"""Characters of a focus, or an example, that can matter: half of them from its start, half from its end."""


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A text as the network sees it.

    Attributes:
        share: of the text as sent that was looked at; 1 unless it is very long.
    """

    folded: Folded
    tokens: Tokens
    share: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One window of one text.

    Attributes:
        of: whose window it is, for the trace.
        stretches: tokens of the text that are in it.
        input: what the network is given.
    """

    of: str
    text: Text
    stretches: tuple[Stretch, ...]
    input: Input

    @property
    def tokens(self) -> int:
        """Length in tokens, special ones included."""
        return len(self.input.ids) + 2

    def shown(self, done: Done) -> Window:
        """This window in the trace."""
        start, end = self.stretches[0][0], self.stretches[-1][1]
        places = self.text.tokens
        begin = int(places.starts[start]) if start < end else 0
        behind = int(places.ends[end - 1]) if start < end else 0
        return Window(self.of, begin, behind, self.tokens, done.seconds, done.remembered)


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """A text that guards want read, and its windows; none where nothing is left of it once folded."""

    text: Text
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The windows of one question.

    Attributes:
        focus: for domain, intent and complexity.
        gist: the opening of the focus, whose embedding is compared with examples.
        samples: one window per example, of the examples nobody prepared.
        wished: examples that are only compared if there is time.
        compares: there are others, so there is no answer without the gist.
        scans: by text as sent; None = nobody looks at it.
    """

    focus: Piece | None
    gist: Piece | None
    samples: Mapping[Examples, tuple[Piece, ...]]
    scans: Mapping[str, Scanned | Known | None]
    wished: frozenset[Examples] = frozenset()
    compares: bool = True

    def about(self) -> Iterator[Piece]:
        """What there is no answer without, first things first."""
        gist = self.gist if self.compares else None
        yield from (piece for piece in (self.focus, gist) if piece is not None)
        for examples, pieces in self.samples.items():
            yield from pieces if examples not in self.wished else ()

    def beside(self) -> Iterator[Piece]:
        """What is read when everything else has been."""
        if self.gist is not None and not self.compares:
            yield self.gist
        for examples, pieces in self.samples.items():
            yield from pieces if examples in self.wished else ()

    def guarded(self) -> Iterator[Piece]:
        """What guards want read: the newest text first."""
        for scanned in reversed(list(self.scans.values())):
            yield from scanned.pieces if isinstance(scanned, Scanned) else ()


@dataclass(frozen=True, slots=True, eq=False)
class Planner:
    """Draws plans for one artefact.

    Attributes:
        known: texts that need not be looked at again.
        most: characters looked at for guards in one request.
    """

    artefact: Artefact
    tokeniser: Vocabulary
    reader: Reader
    known: KnownTexts
    most: int

    def draw(self, need: Encode, prepared: Iterable[Examples], on: Callable[[], bool]) -> Plan:
        """Tokenise what a question names and cut it into windows; stops with texts when `on` says no."""
        texts: dict[str, Text] = {}

        def look(text: str) -> Text:
            if text not in texts:
                texts[text] = self._text(text)
            return texts[text]

        every = tuple(dict.fromkeys((*need.examples, *need.wished)))
        about = look(_excerpt(need.focus)) if need.heads & FOCUSED or every else None
        focus = self._focus(about) if about and need.heads & FOCUSED else None
        gist = self._gist("focus", about) if about and every else None
        unknown = set(every) - set(prepared)
        samples = {each: tuple(map(self.sample, each.texts)) for each in every if each in unknown}
        scans: dict[str, Scanned | Known | None] = dict.fromkeys(need.scan if need.heads & SCANNING else ())
        left = self.most
        for number, text in reversed(list(enumerate(scans, 1))):
            # Longer texts are never read to their end, so none of them is known.
            if len(text) <= self.most and (known := self.known.get(text)):
                scans[text] = known
            elif left > 0 and on():
                seen = look(text) if len(text) <= left else self._text(text[:left], left / len(text))
                scans[text] = Scanned(seen, tuple(self._windows(f"scan {number}", seen)))
                left -= len(text)
        wished = frozenset(need.wished) - frozenset(need.examples)
        return Plan(focus, gist, samples, scans, wished, bool(need.examples))

    def keep(self, plan: Plan, scans: Mapping[str, Scan]) -> None:
        """Remember the texts that were read to their end."""
        for text, scanned in plan.scans.items():
            if isinstance(scanned, Scanned) and scans[text].coverage == 1:
                tokens = sum(piece.tokens for piece in scanned.pieces)
                self.known.put(text, Known(scans[text], tokens, len(scanned.text.folded.text)))

    def sample(self, text: str) -> Piece:
        """The window of an example."""
        return self._gist("example", self._text(_excerpt(text)))

    def _gist(self, of: str, text: Text) -> Piece:
        return self._piece(of, text, opening(text.tokens.words, self._body))

    @property
    def _body(self) -> int:
        return self.artefact.window - 2

    def _text(self, text: str, share: float = 1.0) -> Text:
        folded = fold(text, case_sensitive=True)
        return Text(folded, self.tokeniser.read(folded.text), share)

    def _focus(self, text: Text) -> Piece:
        stretches = head_and_tail(text.tokens.words, self._body, self.artefact.stride)
        return self._piece("focus", text, stretches)

    def _windows(self, of: str, text: Text) -> Iterator[Piece]:
        for stretch in sliding(text.tokens.words, self._body, self.artefact.stride):
            yield self._piece(of, text, (stretch,))

    def _piece(self, of: str, text: Text, stretches: tuple[Stretch, ...]) -> Piece:
        return Piece(of, text, stretches, self.reader.window(text.tokens, stretches))


def _excerpt(text: str) -> str:
    half = _EXCERPT // 2
    return text if len(text) <= _EXCERPT else f"{text[:half]}\n{text[-half:]}"
