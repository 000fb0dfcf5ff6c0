"""Attack texts for the guard: jailbreaks and prompt injections, with benign twins.

Public sets teach a classifier trigger words and length. So the frames here were written by hand to differ
in intent, wording, register, length and place, and twins share everything with an attack but the attack.
What is asked for is named and never explained: nothing in the banks would help anybody to do harm.
"""

from collections.abc import Iterator, Mapping

from waypost.train.rows import Row
from waypost.train.synth.attacks_banks import Draft, group, strings, weighted, words
from waypost.train.synth.attacks_documents import injected
from waypost.train.synth.attacks_languages import foreign
from waypost.train.synth.attacks_noise import english_padded, noisy
from waypost.train.synth.attacks_obfuscation import disguised
from waypost.train.synth.attacks_personas import composed, framed, harmless
from waypost.train.synth.draw import Generator, chance, generator

SOURCE = "synth:attacks"

SHARES: Mapping[str, float] = {
    "direct": 0.17, "extraction": 0.12, "persona": 0.05, "framing": 0.08, "persona_long": 0.14,
    "obfuscated": 0.08, "foreign": 0.13, "indirect": 0.14, "innocent": 0.07, "innocent_role": 0.02,
}  # fmt: skip
"""How often each sort is drawn; the twins of attacks come on top."""

PADDED = 0.42
"""Share of English attacks of one sentence or a few that stand among chatter."""

PATIENCE = 100
"""Draws in a row that bring nothing new before a repeated text is accepted."""


def generate(seed: int, count: int) -> list[Row]:
    """Exactly `count` rows, nearly a third of them twins; no text twice while there are new ones."""
    rng = generator(seed, "attacks")
    sorts = _sorts(seed)
    rows: list[Row] = []
    seen: set[str] = set()
    stale = 0
    while len(rows) < count:
        fresh = [
            draft
            for draft in next(sorts[weighted(rng, SHARES)])
            if stale >= PATIENCE or draft.text not in seen
        ]
        stale = 0 if fresh else stale + 1
        for draft in fresh:
            seen.add(draft.text)
            rows.append(_row(draft))
    return rows[:count]


def streams(seed: int) -> Mapping[str, Generator]:
    """Random numbers for each of `SHARES`; hashed, since `generator` reads the end of a name only."""
    return {sort: generator(seed, "attacks", group("stream", sort)) for sort in SHARES}


def _sorts(seed: int) -> Mapping[str, Iterator[list[Draft]]]:
    """A stream of drafts for each of `SHARES`, each with its own random numbers."""
    rngs = streams(seed)
    frames = {
        "direct": strings("direct", "frames"),
        "extraction": strings("extraction", "frames"),
        "persona": strings("personas", "personas"),
        "framing": strings("personas", "framings"),
    }
    plain = [(kind, frame) for kind in ("direct", "extraction") for frame in frames[kind]]
    short = [(kind, framed(rngs[kind], kind, frames[kind], words("extraction"))) for kind in frames]
    return {
        **{kind: _among_people(rngs[kind], drafts) for kind, drafts in short},
        "persona_long": composed(rngs["persona_long"]),
        "obfuscated": disguised(rngs["obfuscated"], plain, "extraction"),
        "foreign": _typed(rngs["foreign"], foreign(rngs["foreign"])),
        "indirect": injected(rngs["indirect"]),
        "innocent": _among_people(rngs["innocent"], _innocent(rngs["innocent"])),
        "innocent_role": harmless(rngs["innocent_role"]),
    }


def _innocent(rng: Generator) -> Iterator[list[Draft]]:
    """Short texts with the devices of the attacks but not their aims, each sort in its turn."""
    kinds = ("direct", "extraction", "framing")
    streams = [framed(rng, f"{kind}_twin", strings("twins", kind), words("twins")) for kind in kinds]
    while True:
        for stream in streams:
            yield next(stream)


def _among_people(rng: Generator, drafts: Iterator[list[Draft]]) -> Iterator[list[Draft]]:
    """Some of the drafts with chatter around them, all of them as people type."""
    return _typed(rng, (_padded(rng, draft) for (draft,) in drafts))


def _padded(rng: Generator, draft: Draft) -> list[Draft]:
    return english_padded(rng, draft) if chance(rng, PADDED) else [draft]


def _typed(rng: Generator, batches: Iterator[list[Draft]]) -> Iterator[list[Draft]]:
    for batch in batches:
        yield [Draft(noisy(rng, draft.text), draft.group, draft.kind, draft.language) for draft in batch]


def _row(draft: Draft) -> Row:
    return Row(
        text=draft.text,
        source=SOURCE,
        group=draft.group,
        attack=draft.attack,
        kind=draft.kind,
        language=draft.language,
    )
