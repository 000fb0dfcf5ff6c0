"""Streams of benign texts: single frames, frames among other sentences, and texts composed from records.

A stream yields drafts forever and aims at the lengths it is given; whoever draws from it keeps what fits.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from waypost.train.synth.attacks_banks import deck, group
from waypost.train.synth.attacks_noise import chatter, noisy
from waypost.train.synth.benign_banks import Draft, Frame, frames, render, slots, strings, table
from waypost.train.synth.draw import Generator, chance, pick

GREETED, THANKED = 0.08, 0.06
"""Shares of short English texts that begin with a greeting or end with thanks."""

BEHIND, CHATTED, CLOSED = 0.6, 0.5, 0.3
"""Shares of explained requests that stand behind the explanation, that have the chatter of the attacks as
explanation, and that end with another sentence."""

SHORT = 200
"""Characters up to which a frame is a remark, which may get a greeting."""

SENTENCE = 70
"""Characters of a usual sentence of chatter."""

_BULLETS = ("- ", "* ", "• ", "{}. ", "{}) ", "Rule {}: ", "", "")
_JOINTS = (" ", " ", " ", "\n", "\n", "\n\n", "\n\n")


@dataclass(frozen=True, slots=True)
class Span:
    """Lengths in characters: at least `low`, less than `high`."""

    low: int
    high: int

    def __contains__(self, length: int) -> bool:
        return self.low <= length < self.high

    def target(self, rng: Generator) -> float:
        """A length to aim at, short ones more often than long ones."""
        return math.exp(rng.uniform(math.log(self.low + 10), math.log(self.high)))


Stream = Iterator[Draft]
Maker = Callable[[Generator, Span], Stream]


def framed(kind: str, name: str, *sections: str) -> Maker:
    """Every frame of a file, or of some sections, whose usual length lies in the span, in turn."""

    def stream(rng: Generator, span: Span) -> Stream:
        fitting = _fitting(frames(name, *sections), span)
        for frame in deck(rng, fitting):
            yield Draft(_typed(rng, render(rng, frame.text), frame), frame.group, kind, frame.language)

    return stream


def verbatim(kind: str, name: str, *sections: str) -> Maker:
    """As `framed`, for texts that nobody types: code, tables, encodings."""

    def stream(rng: Generator, span: Span) -> Stream:
        fitting = _fitting(frames(name, *sections), span)
        for frame in deck(rng, fitting):
            yield Draft(render(rng, frame.text), frame.group, kind, frame.language)

    return stream


def _fitting(known: Sequence[Frame], span: Span) -> list[Frame]:
    fitting = [frame for frame in known if frame.length in span]
    if not fitting:
        raise ValueError(f"no frame has {span.low} to {span.high} characters")
    return fitting


def explained(kind: str, name: str, *sections: str) -> Maker:
    """Frames with sentences about the writer, or any chatter, before or behind them."""

    def stream(rng: Generator, span: Span) -> Stream:
        fitting = [frame for frame in frames(name, *sections) if frame.length < span.high // 2]
        for frame in deck(rng, fitting):
            room = span.target(rng) - frame.length
            lines = _chatter(rng, room) if chance(rng, CHATTED) else _story(rng, room)
            text = _around(rng, render(rng, frame.text), lines)
            yield Draft(noisy(rng, text), frame.group, kind, frame.language)

    return stream


def _chatter(rng: Generator, room: float) -> list[str]:
    return [chatter(rng, max(1, round(room / SENTENCE)), ask=False)]


def _story(rng: Generator, room: float) -> list[str]:
    return chosen(rng, room, strings("documents", "records", "persona_lines"))


def foreign(rng: Generator, span: Span) -> Stream:
    """Frames of all other languages in turn, with sentences of the same language if there is room."""
    context = table("foreign")["context"]
    for frame in deck(rng, frames("foreign")):
        lines = chosen(rng, span.target(rng) - frame.length, context[frame.language])
        text = _around(rng, render(rng, frame.text), lines, close=False)
        yield Draft(noisy(rng, text), frame.group, "foreign", frame.language)


def assistants(rng: Generator, span: Span) -> Stream:
    """Instructions of ordinary assistants, alone or with what is to be done with them."""
    bank = table("prompting")["records"]
    for business, helps, never, fact in deck(rng, bank["assistants"]):
        fixed = {"biz": business, "help": helps, "never": never, "fact": fact}
        opener = render(rng, pick(rng, bank["assistant_openers"]), fixed)
        room = max(span.target(rng) - len(opener), SENTENCE)
        rules = chosen(rng, room, _once(rng, bank["assistant_rules"]), fixed)
        task, line = (render(rng, pick(rng, bank[key])) for key in ("assistant_tasks", "customer_lines"))
        parts = [task, opener, listed(rng, rules), line]
        text = pick(rng, ("\n\n", "\n", " ")).join(part for part in parts if part)
        yield Draft(text, group("prompting/assistants", business), "prompting")


def _once(rng: Generator, rules: Sequence[str]) -> list[str]:
    """The rules that hold for every assistant, and one for each thing that differs between them."""
    own = [[rule for rule in rules if slot in rule] for slot in ("{help}", "{never}", "{fact}")]
    common = [rule for rule in rules if not any(rule in said for said in own)]
    return [*common, *(pick(rng, said) for said in own)]


def specifications(rng: Generator, span: Span) -> Stream:
    """Programming tasks with a list of demands."""
    bank = table("code")["records"]
    for program in deck(rng, bank["programs"]):
        language = render(rng, pick(rng, bank["languages"]))
        what = f"{program} {'as' if language.startswith('a ') else 'in'} {language}"
        verb = pick(rng, bank["verbs"]).replace("{lang_program}", what)
        head = render(rng, verb) + ("?" if verb.startswith("Could") else ".")
        room = span.target(rng) - len(head)
        limits = chosen(rng, room * 0.3, bank["limits"])
        demands = chosen(rng, room - sum(map(len, limits)), bank["features"])
        if chance(rng, 0.5):
            demands = [_told(rng, demand) for demand in demands]
        intro = pick(rng, bank["issue_intros"]) if chance(rng, 0.2) and room > SHORT else ""
        parts = [intro, head, listed(rng, demands), " ".join(limits)]
        text = pick(rng, ("\n\n", "\n", " ")).join(part for part in parts if part)
        yield Draft(text, group("code/programs", program), "code")


def briefs(rng: Generator, span: Span) -> Stream:
    """Texts and stories to be written, with a list of demands."""
    shared = table("writing")["shared"]
    works = [(sort, work) for sort in ("text", "story") for work in table("writing")[sort]["works"]]
    for sort, work in deck(rng, works):
        head = render(rng, pick(rng, shared["verbs"]), {"work": render(rng, work)})
        demands = chosen(rng, span.target(rng) - len(head), table("writing")[sort]["demands"])
        lead, ending = pick(rng, shared["leads"]), pick(rng, shared["endings"])
        parts = [head, lead, listed(rng, demands), ending]
        text = pick(rng, ("\n\n", "\n", " ")).join(part for part in parts if part)
        yield Draft(noisy(rng, text), group(f"writing/{sort}", work), "writing")


def _told(rng: Generator, demand: str) -> str:
    """A demand as a statement about the program; sentences that begin with a condition or `Only` stay."""
    if demand.startswith(("Only", "Run", "If")):
        return demand
    subject = pick(rng, ("It should", "The program must", "It must", "The tool should"))
    return f"{subject} {demand[0].lower()}{demand[1:]}"


def talks(rng: Generator, span: Span) -> Stream:
    """Transcripts of support chats, some with a question about them."""
    bank = table("documents")["records"]
    speakers = (
        ("User", "Assistant"),
        ("Customer", "Agent"),
        ("Q", "A"),
        ("Human", "AI"),
        ("Caller", "Support"),
    )
    while True:
        asker, answerer = pick(rng, speakers)
        turns = [turn.split(" | ") for turn in chosen(rng, span.target(rng) * 0.8, bank["chat_turns"])]
        text = "\n".join(f"{asker}: {question}\n{answerer}: {answer}" for question, answer in turns)
        ask = render(rng, pick(rng, bank["chat_asks"]))
        parts = (ask, text) if chance(rng, 0.5) else (text, ask)
        yield Draft("\n\n".join(part for part in parts if part), "documents/talks", "documents")


def chosen(
    rng: Generator, room: float, lines: Sequence[str], fixed: Mapping[str, str] | None = None
) -> list[str]:
    """Different lines, in any order, until they have about `room` characters; none if it is negative."""
    said: list[str] = []
    for index in rng.permutation(len(lines)):
        if sum(map(len, said)) >= room:
            break
        said.append(render(rng, lines[int(index)], fixed))
    return said


def listed(rng: Generator, lines: Sequence[str]) -> str:
    """The lines as a list with bullets or numbers, or as one paragraph; two lines are never a list."""
    bullet = pick(rng, _BULLETS)
    if not bullet or len(lines) in range(3):
        return " ".join(lines)
    return "\n".join(bullet.format(number) + line for number, line in enumerate(lines, 1))


def _typed(rng: Generator, text: str, frame: Frame) -> str:
    if frame.language == "en" and frame.length < SHORT and text[0].isupper():
        if chance(rng, GREETED):
            text = f"{pick(rng, slots()['greeting'])}{pick(rng, (', ', '! ', ' - '))}{text}"
        if chance(rng, THANKED):
            text = f"{text} {pick(rng, slots()['thanks'])}"
    return noisy(rng, text)


def _around(rng: Generator, core: str, lines: list[str], *, close: bool = True) -> str:
    """The request behind the sentences that explain it, before them or among them."""
    cut = len(lines) if chance(rng, BEHIND) else int(rng.integers(len(lines) + 1))
    closing = (
        [pick(rng, strings("documents", "records", "closing_asks"))] if close and chance(rng, CLOSED) else []
    )
    glue = "\n\n" if len(core) > SHORT else pick(rng, _JOINTS)
    before, after = " ".join(lines[:cut]), " ".join([*lines[cut:], *closing])
    return glue.join(part for part in (before, core, after) if part)
