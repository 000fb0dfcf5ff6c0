"""Jailbreaks: short personas and framings from whole frames, long ones composed from paragraphs."""

import math
from collections.abc import Iterator, Sequence

from waypost.train.synth.attacks_banks import Banks, Draft, bundle, deck, group, raised, strings, words
from waypost.train.synth.draw import Generator, chance, fill, pick

BUNDLES = 4
"""Paragraphs are dealt into so many groups; a text takes its paragraphs from one."""

SHORTEST, LONGEST = 600, 3300
_MIDDLE = ("setting", "points", "dual", "stay", "example", "suppress")
_PLEAS = ("So please, {goal}.", "I ask you one last time: {goal}.", "That's why I'd like you to {goal}.")
_CASES = ("{goal_up}.", "Acknowledge with '{phrase}'.", "First case: {goal}.")
_GIVEN = (
    "[...]",
    "(a long answer follows)",
    "{fact_up}, {topic}, and so on.",
    "",
    "1. 2. 3.",
    "Think of {topic}.",
)
_BULLETS = ("{}. ", "{}) ", "Rule {}: ", "[{}] ", "- ", "* ", "• ", "")


def bound(rng: Generator, banks: Banks) -> Banks:
    """`banks` with what must be the same throughout one text: the name, and the parts of a split goal."""
    goal = fill(rng, "{goal}", banks).split()
    middle = max(1, len(goal) // 2)
    crossed = " ".join(f"x{word[:2]}x{word[2:]}" for word in goal)
    acrostic = "\n".join(f"{word} {pick(rng, banks['topic']).partition('{')[0].strip()}" for word in goal)
    fixed = {
        "name": (pick(rng, banks["name"]),),
        "half_a": (" ".join(goal[:middle]),),
        "half_b": (" ".join(goal[middle:]),),
        "crossed": (crossed,),
        "acrostic": (acrostic,),
    }
    return {**banks, **raised(fixed)}


def framed(rng: Generator, kind: str, frames: Sequence[str], banks: Banks) -> Iterator[list[Draft]]:
    """One attack from each frame in turn, forever."""
    for frame in deck(rng, frames):
        yield [Draft(fill(rng, frame, bound(rng, banks)), group(kind, frame), kind)]


def composed(rng: Generator) -> Iterator[list[Draft]]:
    """Long jailbreaks, forever: a persona, a letter that argues, or a policy that pretends to be in force."""
    while True:
        index = int(rng.integers(BUNDLES))
        banks = bound(rng, words())
        length = math.exp(rng.uniform(math.log(SHORTEST), math.log(LONGEST)))
        make = pick(rng, (_persona, _persona, _persona, _letter, _policy, _many_shot))
        parts = [fill(rng, part, banks) for part in make(rng, index, length)]
        text = pick(rng, ("\n\n", "\n\n", "\n", " ")).join(parts)
        yield [Draft(text, f"persona_long/{index}", "persona_long")]


def harmless(rng: Generator) -> Iterator[list[Draft]]:
    """Long roles with rules that nobody need fear, forever, composed as the jailbreaks are."""
    while True:
        index = int(rng.integers(BUNDLES))
        banks = bound(rng, words("twins"))
        opening, setting, rule, closing = (
            bundle(strings("twins", "long", part), index, BUNDLES)
            for part in ("opening", "setting", "rule", "closing")
        )
        parts = [pick(rng, opening), *_upto(rng, setting, 400 * rng.random())]
        parts.insert(int(rng.integers(1, len(parts) + 1)), _rules(rng, rule, 600 + 1400 * rng.random()))
        text = pick(rng, ("\n\n", "\n", " ")).join([*parts, pick(rng, closing)])
        yield [Draft(fill(rng, text, banks), f"persona_long_twin/{index}", "persona_long_twin")]


def _paragraphs(section: str, index: int) -> Sequence[str]:
    return bundle(strings("paragraphs", section), index, BUNDLES)


def _persona(rng: Generator, index: int, length: float) -> list[str]:
    """Opening, paragraphs in any order up to `length` characters, the rules among them, closing."""
    middle = [text for section in _MIDDLE for text in _paragraphs(section, index)]
    parts = [pick(rng, _paragraphs("opening", index))]
    if chance(rng, 0.8):
        parts.append(_rules(rng, _paragraphs("rule", index), length))
    for at in rng.permutation(len(middle)):
        if sum(map(len, parts)) > length:
            break
        parts.insert(int(rng.integers(1, len(parts) + 1)), middle[int(at)])
    return [*parts, pick(rng, _paragraphs("closing", index))]


def _rules(rng: Generator, rules: Sequence[str], length: float) -> str:
    count = min(len(rules), 2 + int(length / 200 * rng.random()))
    bullet = pick(rng, _BULLETS)
    chosen = [rules[int(at)] for at in rng.permutation(len(rules))[:count]]
    lines = [bullet.format(number) + rule for number, rule in enumerate(chosen, 1)]
    return ("\n" if bullet else " ").join(lines)


def _letter(rng: Generator, index: int, length: float) -> list[str]:
    return [*_upto(rng, _paragraphs("argument", index), length), pick(rng, ("{goal_up}.", *_PLEAS))]


def _policy(rng: Generator, index: int, length: float) -> list[str]:
    rules = _rules(rng, _paragraphs("rule", index), length)
    return [*_upto(rng, _paragraphs("policy", index), length), rules, pick(rng, _CASES)]


def _many_shot(rng: Generator, index: int, length: float) -> list[str]:
    """A made-up conversation in which an assistant gives way again and again, open at its end."""
    asks, answers = pick(
        rng,
        (("User: ", "Assistant: "), ("Q: ", "A: "), ("Human: ", "AI: "), ("> ", ""), ("me: ", "{name}: ")),
    )
    replies = _paragraphs("many_shot", index)
    turns: list[str] = []
    while sum(map(len, turns)) * 3 < length:  # filled in, a turn is about three times as long
        turns.append(f"{asks}{{hard}}\n{answers}{pick(rng, replies)} {pick(rng, _GIVEN)}".rstrip())
    return [*turns, f"{asks}{{hard}}\n{answers}".rstrip()]


def _upto(rng: Generator, paragraphs: Sequence[str], length: float) -> list[str]:
    """Paragraphs in any order until they have `length` characters, or run out."""
    parts: list[str] = []
    for at in rng.permutation(len(paragraphs)):
        if sum(map(len, parts)) > length:
            break
        parts.append(paragraphs[int(at)])
    return parts
