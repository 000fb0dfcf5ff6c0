"""Rows, windows and states of no meaning, and the published weights' shapes with nothing learned in them."""

import re
import string
from collections.abc import Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from waypost.encoder.onnx import Outputs
from waypost.encoder.tokenise import Ints, Tokeniser, Tokens
from waypost.train.features import Features, Item
from waypost.train.readings import Reading, Tagged
from waypost.train.rows import DOMAINS, INTENTS, PII_TYPES, Personal, Row

SIZE = 384
LETTERS = string.printable.replace(string.whitespace, "")
FIRST = 104
"""Id of the first letter that begins a word; those inside of words come behind all of them."""


def row(text: str = "how tall is it?", source: str = "fake", group: str = "=", **labels: Any) -> Row:
    return Row(text, source, group, **labels)


def item(of: Row, length: int = 8, first: int = 0) -> Item:
    """A window of so many tokens, special ones included; marked personal data is its second token."""
    tags = np.full(length, -100 if of.personal is None else 0, np.int64)
    for mark in of.personal or ():
        tags[1] = 1 if isinstance(mark, Personal) else 0
    tags[[0, -1]] = -100
    ids = np.concatenate(([101], np.arange(2000, 1998 + length), [102]))
    return Item(
        of, ids, np.full(length, 2), tags if of.personal is not None else np.empty(0, np.int64), first
    )


def features(rows: Sequence[Row], lengths: Sequence[int] = (8,), seed: int = 0) -> Features:
    """One window for each row; lengths take turns."""
    items: list[Item] = []
    first = 0
    for number, each in enumerate(rows):
        items.append(item(each, lengths[number % len(lengths)], first))
        first += len(items[-1].ids)
    states = np.random.default_rng(seed).normal(size=(first, SIZE)).astype(np.float16)
    return Features(items, states)


def mixed(count: int = 12) -> list[Row]:
    """Rows that every kind of batch finds something in."""
    marked = (Personal(0, 3, "PERSON"),)
    return [
        *(row(f"sum {n}", domain="math", intent="math_problem", attack=False) for n in range(count)),
        *(row(f"verse {n}", "poems", intent="creative_writing", difficulty=0.25) for n in range(count)),
        *(row(f"obey {n}", "attacks", attack=True) for n in range(count)),
        *(row(f"Ann {n}", "people", personal=marked, annotated=frozenset({"PERSON"})) for n in range(count)),
        *(row(f"none {n}", "people", personal=(), annotated=frozenset({"PERSON"})) for n in range(count)),
    ]


def vocabulary() -> bytes:
    """A tokenizer of letters, digits and signs with BERT's special tokens at BERT's places."""
    fillers = [f"[unused{n}]" for n in range(99)]
    pieces = [
        "[PAD]", *fillers, "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *(f"##{c}" for c in LETTERS),
    ]  # fmt: skip
    model = WordPiece({piece: n for n, piece in enumerate(pieces)}, unk_token="[UNK]")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return tokenizer.to_str().encode()


class Knowing:
    """A network that reads a few words: "sum" is mathematics, "obey" an attack, "ann" a person."""

    provider = "fake"

    def __init__(self, domains: int = len(DOMAINS), noise: float = 0.0) -> None:
        self._domains, self._noise = domains, noise
        self.passes = 0

    def run(self, ids: Ints, shapes: Ints) -> Outputs:
        self.passes += 1
        # A token is a letter, so places in the text are those of the tokens.
        text = "".join(LETTERS[(i - FIRST) % len(LETTERS)] if i >= FIRST else " " for i in ids.tolist())
        domain = np.zeros(self._domains, np.float32)
        domain[DOMAINS.index("math" if "sum" in text else "law")] = 4 + self._noise
        intent = np.zeros(len(INTENTS), np.float32)
        intent[INTENTS.index("math_problem" if "sum" in text else "analysis")] = 4
        tags = np.zeros((len(ids), 1 + 2 * len(PII_TYPES)), np.float32)
        tags[:, 0] = 8
        for found in re.finditer("ann", text):
            tags[found.start(), 1], tags[found.start() + 1 : found.end(), 2] = 20, 20
        embedding = np.ones(SIZE, np.float32) / SIZE**0.5
        attack = np.array([0.0, 3.0 if "obey" in text else -3.0], np.float32)
        hard = np.array([0.75 if "sum" in text else 0.25], np.float32)
        return Outputs(embedding, domain, intent, hard, attack, tags)


def tokens(text: str) -> Tokens:
    return Tokeniser(vocabulary()).read(text)


def reading(
    of: Row, domain: int = 0, intent: int = 0, margins: Sequence[float] = (0.0,), **more: Any
) -> Reading:
    """What a network said: logits of 3 at one place, or of `sure`; tags of the words that `tagged` names."""
    sure, difficulty, tagged = more.get("sure", 3.0), more.get("difficulty", 0.5), more.get("tagged", {})
    read = tokens(of.text)
    logits = np.zeros((len(read), 1 + 2 * len(PII_TYPES)), np.float32)
    logits[:, 0] = 4
    for word, (type_, score) in tagged.items():
        start = of.text.index(word)
        inside = (read.starts >= start) & (read.ends <= start + len(word))
        logits[inside, 0] = 0
        logits[inside, 1 + 2 * PII_TYPES.index(type_)] = np.log(score / (1 - score)) + np.log(42)
    return Reading(
        of,
        np.eye(more.get("domains", len(DOMAINS)))[domain] * sure,
        np.eye(len(INTENTS))[intent] * sure,
        difficulty,
        np.array([[0.0, margin] for margin in margins]),
        read,
        (Tagged((0, len(read)), logits),) if of.personal is not None else (),
    )
