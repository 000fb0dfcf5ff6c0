"""What people add to a text without meaning anything by it: chatter around it, typing errors, odd case."""

import re
from collections.abc import Sequence

from waypost.train.synth.attacks_banks import Banks, Draft, strings, table, weighted, words
from waypost.train.synth.draw import Generator, chance, fill, pick

TYPOS = 0.08
LOWER, UPPER, BARE = 0.07, 0.03, 0.03
"""Shares of texts that are changed; at most one of the three changes of case and punctuation is made."""

LONGEST_CHATTER = 30
"""Sentences on one side of an attack."""

QUESTIONS = 0.2
"""Share of chatter that is a string of questions, or of one word."""

SIDES = {"before": 0.38, "after": 0.25, "both": 0.25, "inside": 0.12}
"""Where the chatter stands; inside: the attack interrupts it between two words."""

GLUES = (" ", " ", " ", "\n", "\n", "\n\n", ". ", " ... ", "\n\n\n\n\n\n\n\n", "\n----------\n", "   ", "\t")

OPERATED = 0.2
"""Share of padded attacks that stand in an operator's prompt instead of among chatter."""

_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def chatter(rng: Generator, lines: int, *, ask: bool) -> str:
    """About so many ordinary sentences on one or two topics, with a request at the end if wanted."""
    if chance(rng, QUESTIONS):
        return _questions(rng, lines)
    topics = table("chatter")["topics"]
    banks = words()
    said: list[str] = []
    topic = pick(rng, topics)
    while len(said) < lines:
        topic = topic if not said else pick(rng, topics)
        room = min(lines - len(said), len(topic["lines"]))
        kept = sorted(rng.choice(len(topic["lines"]), size=room, replace=False))
        said += [topic["lines"][int(index)] for index in kept]
    if ask:
        said.append(pick(rng, topic["ask"]))
    return " ".join(fill(rng, line, banks) for line in said)


def _questions(rng: Generator, lines: int) -> str:
    """One unrelated question after another; or, less often, one word over and over."""
    if chance(rng, 0.15):
        return " ".join([pick(rng, words()["word"])] * (3 + 5 * lines))
    forms = strings("chatter", "questions")
    return " ".join(fill(rng, pick(rng, forms), words("injections")) for _ in range(min(1 + lines, 8)))


def foreign_chatter(rng: Generator, lines: Sequence[str], count: int, banks: Banks) -> str:
    """Up to `count` of another language's sentences."""
    kept = rng.permutation(len(lines))[:count]
    return " ".join(fill(rng, lines[int(index)], banks) for index in kept)


def padded(rng: Generator, draft: Draft, before: str, after: str) -> list[Draft]:
    """The attack with chatter on one side, on both or around it; every other time the chatter alone."""
    match weighted(rng, SIDES):
        case "before":
            after = ""
        case "after":
            before = ""
        case "inside":
            words_before = before.split(" ")
            cut = int(rng.integers(len(words_before) + 1))
            before, after = " ".join(words_before[:cut]), " ".join(words_before[cut:])
        case _:
            pass
    glue = pick(rng, GLUES)
    text = glue.join(part for part in (before, draft.text, after) if part)
    drafts = [Draft(text, draft.group, draft.kind, draft.language)]
    if chance(rng, 0.5):
        alone = glue.join(part for part in (before, after) if part)
        drafts.append(Draft(alone, draft.group, "padded_twin", draft.language))
    return drafts


def english_padded(rng: Generator, draft: Draft) -> list[Draft]:
    """`padded` with chatter in English, or the attack as the input of an operator's prompt."""
    if chance(rng, OPERATED):
        return _operated(rng, draft)
    # few sentences are likelier than many, yet one text in ten reaches the length of a document
    before, after = (1 + int(LONGEST_CHATTER * rng.random() ** 3) for _ in range(2))
    return padded(
        rng,
        draft,
        chatter(rng, before, ask=chance(rng, 0.4)),
        chatter(rng, after, ask=chance(rng, 0.4)),
    )


def _operated(rng: Generator, draft: Draft) -> list[Draft]:
    """The attack, and every other time an ordinary text, in the place of an operator's template."""
    template = fill(rng, pick(rng, strings("chatter", "operator")), {**words(), "text": ("\0",)})
    drafts = [Draft(template.replace("\0", draft.text), draft.group, draft.kind)]
    if chance(rng, 0.5):
        ordinary = chatter(rng, 1 + int(rng.integers(3)), ask=chance(rng, 0.5))
        drafts.append(Draft(template.replace("\0", ordinary), draft.group, "padded_twin"))
    return drafts


def noisy(rng: Generator, text: str) -> str:
    """The text, sometimes with typing errors, in one case or without punctuation."""
    if chance(rng, TYPOS):
        text = mistyped(rng, text)
    roll = rng.random()
    if roll < LOWER:
        return text.lower()
    if roll < LOWER + UPPER:
        return text.upper()
    if roll < LOWER + UPPER + BARE:
        return re.sub(r"[.,!?;:'\"]+(?=\s|$)", "", text).lower()
    return text


def mistyped(rng: Generator, text: str) -> str:
    """One error in about 30 letters, at least one: a letter lost, doubled, swapped or hit beside."""
    letters = [i for i, c in enumerate(text) if c.isascii() and c.isalpha()]
    if not letters:
        return text
    errors = min(1 + int(rng.binomial(len(letters), 0.03)), len(letters))
    typed = list(text)
    for index in rng.choice(len(letters), size=errors, replace=False):
        _slip(rng, typed, letters[int(index)])
    return "".join(typed)


def _slip(rng: Generator, typed: list[str], at: int) -> None:
    """Spoils one letter in place; the list keeps its length, so later positions stay right."""
    letter = typed[at][-1:] or "e"
    slip = pick(rng, ("lost", "doubled", "swapped", "beside"))
    if slip == "lost":
        typed[at] = ""
    elif slip == "doubled":
        typed[at] = letter * 2
    elif slip == "swapped" and at + 1 < len(typed):
        typed[at], typed[at + 1] = typed[at + 1], typed[at]
    else:
        typed[at] = _beside(letter)


def _beside(letter: str) -> str:
    """The neighbour on the keyboard; anything that is no letter stays."""
    for keys in _KEYS:
        at = keys.find(letter.lower())
        if at >= 0:
            return keys[at - 1] if at else keys[at + 1]
    return letter
