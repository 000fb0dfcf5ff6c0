"""Benign role-play, composed: who, what the user sends, what the role does, rules, scenes, a first request.

Attacks with a persona have the same parts; what they lack is a harmless purpose, and only this may tell the
two apart.
"""

from collections.abc import Callable, Sequence

from waypost.train.synth.attacks_banks import deck, group
from waypost.train.synth.attacks_noise import noisy
from waypost.train.synth.benign_banks import Draft, render, table
from waypost.train.synth.benign_compose import Span, Stream, chosen, listed
from waypost.train.synth.draw import Generator, chance, pick

SENTENCE = 60
"""Characters of a usual rule."""

BLOCKS = 3 * SENTENCE
"""Characters left from which on a text gets more than rules."""

CLOSED, HEADED = 0.25, 0.35
"""Shares of texts with closing words, and of long ones with headings."""

NAME = "¬"
"""Stands before a role that is a person's name and takes no article."""

_MARKS = ("## {}\n", "# {}\n", "**{}**\n", "{}:\n", "[{}]\n", "=== {} ===\n", "{}: ", "**{}:** ")


def roles(rng: Generator, span: Span) -> Stream:
    """One text for each role in turn."""
    bank = table("roleplay")["records"]
    for role in deck(rng, bank["roles"]):
        who, give, do, first = (render(rng, part) for part in role)
        opener = render(rng, pick(rng, bank["openers"]), {"who": NAME * role[0].startswith(NAME) + who})
        target = span.target(rng) - len(opener) - len(first)
        lead = [opener, _work(rng, give, do)] if target > SENTENCE else [opener]
        blocks = _blocks(rng, target - sum(map(len, lead[1:])), first)
        begin = render(rng, pick(rng, bank["firsts"]), {"first": first})
        end = [begin, pick(rng, bank["closings"])] if chance(rng, CLOSED) and target > SENTENCE else [begin]
        if chance(rng, 0.5):
            end.reverse()
        text = noisy(rng, _joined(rng, lead, blocks, end))
        yield Draft(text, group("roleplay/roles", role[0] + role[3]), "roleplay")


def _work(rng: Generator, give: str, do: str) -> str:
    """What the user sends and what the role makes of it, as one sentence or two."""
    bank = table("roleplay")["records"]
    first = render(rng, pick(rng, bank["inputs"]), {"give": give})
    second = render(rng, pick(rng, bank["duties"]), {"do": do})
    return f"{first} {second}" if second.startswith("and") else f"{first}. {second}"


def _blocks(rng: Generator, room: float, first: str) -> list[tuple[str, str]]:
    """Name and text of what describes the role further; rules alone when there is little room."""
    bank = table("roleplay")["records"]
    if room < BLOCKS:
        text = listed(rng, chosen(rng, room, bank["rules"]))
        return [("rules", text)] if text else []
    makers: dict[str, Callable[[float], str]] = {
        "rules": lambda free: listed(rng, chosen(rng, min(free, 60 + 600 * rng.random()), bank["rules"])),
        "scenes": lambda _: render(rng, pick(rng, bank["scenes"])),
        "backgrounds": lambda free: " ".join(chosen(rng, min(free, 220 * rng.random()), bank["backgrounds"])),
        "qualities": lambda free: " ".join(chosen(rng, min(free, 260 * rng.random()), bank["qualities"])),
        "audiences": lambda _: render(rng, pick(rng, bank["audiences"])),
        "workflows": lambda _: listed(rng, _ordered(rng, bank["workflows"])),
        "commands": lambda _: "\n".join(_ordered(rng, bank["commands"])),
        "examples": lambda _: render(rng, pick(rng, bank["examples"]), {"first": first}),
    }
    blocks: list[tuple[str, str]] = []
    names = [*makers]
    for at in rng.permutation(len(names)):
        name = names[int(at)]
        free = room - sum(len(text) for _, text in blocks)
        if free < SENTENCE:
            break
        blocks.append((name, makers[name](free)))
    return [block for block in blocks if block[1]]


def _ordered(rng: Generator, lines: Sequence[str]) -> list[str]:
    """Three to eight of the lines in the order of the bank."""
    picked = rng.permutation(len(lines))[: int(rng.integers(3, 9))]
    return [render(rng, lines[int(at)]) for at in sorted(picked)]


def _joined(rng: Generator, lead: list[str], blocks: list[tuple[str, str]], end: list[str]) -> str:
    """Everything as prose, as paragraphs, or under headings."""
    texts = [text for _, text in blocks]
    if len(blocks) > 1 and chance(rng, HEADED):
        headings = table("roleplay")["records"]["headings"]
        mark = pick(rng, _MARKS)
        texts = [mark.format(pick(rng, headings[name])) + text for name, text in blocks]
        return "\n\n".join([" ".join(lead), *texts, " ".join(end)])
    glue = pick(rng, (" ", "\n", "\n\n"))
    return glue.join([" ".join(lead), *texts, *end])
