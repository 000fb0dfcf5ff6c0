"""Attacks, chatter and mails in thirteen languages besides English."""

from collections.abc import Iterator
from typing import Any

from waypost.train.synth.attacks_banks import Banks, Draft, deck, group, raised, table, words
from waypost.train.synth.attacks_noise import foreign_chatter, padded
from waypost.train.synth.attacks_personas import bound
from waypost.train.synth.draw import Generator, chance, fill, pick

KINDS = ("direct", "extraction", "persona")
FILES = ("languages_west", "languages_east")
SLOTS = ("goal", "hidden", "secret", "misdeed")
PADDED, IN_MAIL = 0.35, 0.15


def languages() -> tuple[str, ...]:
    """Codes of the languages there are frames for."""
    return tuple(code for file in FILES for code in table(file))


def foreign(rng: Generator) -> Iterator[list[Draft]]:
    """Attacks from all frames of all languages in turn, forever: alone, among chatter, or in a mail."""
    spoken = {code: entry for file in FILES for code, entry in table(file).items()}
    frames = [
        (code, kind, frame) for code, entry in spoken.items() for kind in KINDS for frame in entry[kind]
    ]
    for code, kind, frame in deck(rng, frames):
        entry = spoken[code]
        banks = bound(rng, {**words(), **raised({slot: entry[slot] for slot in SLOTS})})
        draft = Draft(fill(rng, frame, banks), group(f"{code}/{kind}", frame), kind, code)
        if kind == "direct" and chance(rng, IN_MAIL):
            yield _in_mail(rng, draft, entry, banks)
        elif chance(rng, PADDED):
            before, after = (
                foreign_chatter(rng, entry["chatter"], 1 + int(rng.integers(6)), banks) for _ in range(2)
            )
            yield padded(rng, draft, before, after)
        else:
            yield [draft]


def _in_mail(rng: Generator, draft: Draft, entry: dict[str, Any], banks: Banks) -> list[Draft]:
    """A mail with the attack between its lines, and the same mail with a wish of its writer instead."""
    lines = fill(rng, entry["mail"], banks).split("\n")
    at = int(rng.integers(1, len(lines) + 1))
    wish = fill(rng, pick(rng, entry["human"]), banks)
    drafts: list[Draft] = []
    for text, kind in ((draft.text, "indirect"), (wish, "indirect_twin")):
        mail = "\n".join([*lines[:at], text, *lines[at:]])
        drafts.append(Draft(mail, draft.group, kind, draft.language))
    return drafts
