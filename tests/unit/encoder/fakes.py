"""A network of a few lines that knows three words, and an encoder around it: one character is one token."""

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from waypost.encoder.engine import Encoder
from waypost.encoder.heads import Choice, Difficulty, Guard
from waypost.encoder.likeness import Closeness
from waypost.encoder.manifest import Artefact, Check, Heads
from waypost.encoder.onnx import Outputs
from waypost.encoder.settings import EncoderSettings
from waypost.encoder.tags import Tagger
from waypost.encoder.tokenise import Ints, Tokeniser
from waypost.needs import Encode, Failed
from waypost.signals.base import Encoded, Examples

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "ignore", "john", "smith", "math")
PIECES = (
    *WORDS,
    *string.printable.replace(string.whitespace, ""),
    *(f"##{c}" for c in string.printable[:36]),
)
IGNORE, JOHN, SMITH, MATH = (WORDS.index(word) for word in ("ignore", "john", "smith", "math"))
ALL = frozenset({"domain", "intent", "complexity", "jailbreak", "pii"})
GUARDS = frozenset({"jailbreak", "pii"})


def vocabulary(*, cls: bool = True) -> bytes:
    pieces = [piece for piece in dict.fromkeys(PIECES) if cls or piece != "[CLS]"]
    model = WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.add_special_tokens([piece for piece in WORDS[:4] if cls or piece != "[CLS]"])
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    return tokenizer.to_str().encode()


class FakeNetwork:
    """Finds attacks by "ignore", people by "John Smith", mathematics by "math"; everything else is dull."""

    provider = "fake"

    def __init__(self, before: Callable[[int], Any] = lambda _: None) -> None:
        """`before` is called in front of every pass with the number of those before it."""
        self.windows: list[Ints] = []
        self._before = before

    def run(self, ids: Ints, shapes: Ints) -> Outputs:
        self._before(len(self.windows))
        self.windows.append(ids)
        tags = np.zeros((len(ids), 5), np.float32)
        tags[:, 0] = 8
        for tag, word in ((1, JOHN), (2, SMITH)):
            tags[ids == word, tag] = 20
        attack = 4.0 if IGNORE in ids else -4.0
        math = 3.0 if MATH in ids else -3.0
        embedding = np.bincount(ids % 384, minlength=384).astype(np.float32)
        return Outputs(
            embedding / np.linalg.norm(embedding),
            np.array([math, 0], np.float32),
            np.array([0, 1, 2], np.float32),
            np.array([0.25], np.float32),
            np.array([0, attack], np.float32),
            tags,
        )


HEADS = Heads(
    Choice(("math", "other")),
    Choice(("ask", "chat", "write")),
    Difficulty(),
    Guard(),
    Tagger(("PERSON", "GPE"), 0.0, {"PERSON": 0.5, "GPE": 0.5}),
    Closeness(),
)


def babble(count: int, seed: int = 0) -> str:
    """So many words of one letter, no two windows of which are alike."""
    letters = np.random.default_rng(seed).integers(26, size=count)
    return " ".join(string.ascii_lowercase[letter] for letter in letters)


def artefact(window: int = 16, stride: int = 12, checks: tuple[Check, ...] = ()) -> Artefact:
    return Artefact(Path("nowhere"), "fake", "1", window, stride, HEADS, checks, "ab" * 32, {})


def encoder(
    network: FakeNetwork | None = None, *, checks: tuple[Check, ...] = (), **settings: Any
) -> Encoder:
    """Windows of 16 tokens, one thread."""
    given = EncoderSettings(**({"threads": 1} | settings))
    return Encoder(artefact(checks=checks), network or FakeNetwork(), Tokeniser(vocabulary()), given)


def asked(engine: Encoder, text: str, heads: frozenset[str] = ALL, *examples: Examples) -> Encoded:
    """The answer for a request of one turn; it must not fail."""
    answer = engine.answer_now(Encode(heads, text, (text,), examples))
    assert not isinstance(answer, Failed), answer
    return answer
