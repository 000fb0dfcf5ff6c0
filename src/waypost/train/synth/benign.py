"""Benign texts that detectors take for attacks.

Trigger words in a harmless sense, role-play, talk about security, prompts and code, documents that tell
people what to do, other languages, plain chat. Public sets have little of it, and a classifier that never saw
it blocks half of it. What counts is the number of different frames, not of texts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from waypost.train.rows import Row
from waypost.train.synth.benign_banks import Draft
from waypost.train.synth.benign_compose import (
    Maker,
    Span,
    assistants,
    briefs,
    explained,
    foreign,
    framed,
    specifications,
    talks,
    verbatim,
)
from waypost.train.synth.benign_long import (
    exams,
    exercises,
    letters,
    long_texts,
    notices,
    pages,
    passages,
    results,
)
from waypost.train.synth.benign_roles import roles
from waypost.train.synth.draw import Generator, generator

SOURCE = "synth:benign"
LONG = Span(1500, 8001)
"""Characters of a long document."""

PATIENCE = 200
"""Draws in a row that bring nothing new before a repeated text is accepted."""


@dataclass(frozen=True, slots=True)
class Size:
    """A class of lengths.

    Attributes:
        share: part of all texts.
        weights: how often each stream is drawn, relative to the others of this size.
    """

    span: Span
    share: float
    weights: Mapping[str, float]


SIZES: Mapping[str, Size] = {
    "short": Size(Span(1, 120), 0.4, {
        "trigger": 22, "play": 5, "scenes": 4, "security": 10, "unsafe": 11, "prompting": 4, "code": 7,
        "documents": 5, "chat": 16, "general": 10, "foreign": 18, "encoded": 4,
    }),
    "medium": Size(Span(120, 600), 0.35, {
        "trigger": 4, "trigger_told": 11, "roles": 14, "scenes": 6, "persona": 2, "security": 3,
        "security_told": 6, "unsafe": 1, "unsafe_told": 5, "prompting": 3, "assistants": 6, "code": 3,
        "snippets": 4, "exercises": 2, "specifications": 4, "briefs": 5, "passages": 8, "letters": 3,
        "notices": 5, "documents": 2, "results": 5, "exams": 4, "talks": 1, "chat": 2, "chat_told": 6,
        "general_told": 3, "foreign": 16, "encoded": 1,
    }),
    "long": Size(Span(600, 3000), 0.25, {
        "trigger_told": 7, "roles": 20, "scenes_told": 2, "security_told": 5, "unsafe_told": 3,
        "assistants": 11, "exercises": 5, "specifications": 10, "briefs": 9, "passages": 15, "pages": 5,
        "letters": 6, "results": 8, "exams": 3, "talks": 2, "chat_told": 5, "foreign": 6,
    }),
}  # fmt: skip
"""Attacks are given the same lengths, so that length alone tells nothing."""

STREAMS: Mapping[str, Maker] = {
    "trigger": framed("trigger_words", "trigger"),
    "trigger_told": explained("trigger_words", "trigger"),
    "play": framed("roleplay", "roleplay", "play"),
    "persona": framed("roleplay", "roleplay"),
    "scenes": framed("roleplay", "scenes"),
    "scenes_told": explained("roleplay", "scenes"),
    "roles": roles,
    "security": framed("security", "security"),
    "security_told": explained("security", "security", "explain", "llm", "howto", "study", "report"),
    "unsafe": framed("sounds_unsafe", "unsafe"),
    "unsafe_told": explained("sounds_unsafe", "unsafe"),
    "prompting": verbatim("prompting", "prompting"),
    "assistants": assistants,
    "code": framed("code", "code", "ask", "exercise", "input_output", "web"),
    "snippets": verbatim("code", "code", "snippet"),
    "exercises": exercises,
    "specifications": specifications,
    "documents": framed("documents", "documents", "short", "fielded"),
    "notices": notices,
    "briefs": briefs,
    "passages": passages,
    "pages": pages,
    "letters": letters,
    "results": results,
    "exams": exams,
    "talks": talks,
    "chat": framed("chat", "chat"),
    "chat_told": explained("chat", "chat", "questions", "opinion", "support", "worry", "creative", "medium"),
    "general": framed("chat", "general"),
    "general_told": explained("chat", "general", "trivia", "health", "machines", "words"),
    "foreign": foreign,
    "encoded": verbatim("encoded", "encoded"),
}


def generate(seed: int, count: int) -> list[Row]:
    """Exactly `count` rows of all kinds and sizes; a text occurs once while there are new ones."""
    rng = generator(seed, "benign")
    streams = {name: _streams(seed, name) for name in SIZES}
    seen: set[str] = set()
    rows: list[Row] = []
    for name in _sizes(rng, count):
        draft = _fresh(rng, SIZES[name], streams[name], seen)
        seen.add(draft.text)
        rows.append(_row(draft))
    return rows


def long_documents(seed: int, count: int) -> list[Row]:
    """Exactly `count` documents of 1,500 to 8,000 characters, as many of one type as of another."""
    texts = long_texts(generator(seed, "benign", "long"), LONG)
    drafts = (Draft(text, f"long/{name}", "long_benign") for name, text in texts)
    return [_row(draft) for draft in islice(drafts, count)]


def _sizes(rng: Generator, count: int) -> list[str]:
    """The name of a size for each row, in their shares and in any order."""
    names = list(SIZES)
    edges = np.cumsum([SIZES[name].share for name in names])
    at = np.searchsorted(edges, (rng.permutation(count) + 0.5) / count)
    return [names[int(index)] for index in at]


def _streams(seed: int, size: str) -> Mapping[str, Iterator[Draft]]:
    """A stream for each name in the weights of the size, each with its own random numbers."""
    span = SIZES[size].span
    return {name: STREAMS[name](generator(seed, "benign", size, name), span) for name in SIZES[size].weights}


def _fresh(rng: Generator, size: Size, streams: Mapping[str, Iterator[Draft]], seen: set[str]) -> Draft:
    """The next draft of the right length; one that was seen before only after `PATIENCE` draws."""
    weights = np.array(list(size.weights.values()))
    name = list(size.weights)[int(rng.choice(len(weights), p=weights / weights.sum()))]
    for draws, draft in enumerate(streams[name]):
        if len(draft.text) in size.span and (draft.text not in seen or draws > PATIENCE):
            return draft
    raise AssertionError(name)  # streams never end


def _row(draft: Draft) -> Row:
    return Row(
        text=draft.text,
        source=SOURCE,
        group=draft.group,
        attack=False,
        kind=draft.kind,
        language=draft.language,
    )
