"""What classifiers read of a conversation: domain and task, by three ways of choosing the text.

    python -m bench.quality.conversations                 # the artefact that comes with Waypost
    python -m bench.quality.conversations --artefact DIR

Writes `bench/quality/results/conversations.md`. The rules of `waypost/request/ask.py` were made with one half
of `data/conversations.jsonl` in sight; the other half was written when they stood.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.quality.run import RESULTS, engine
from bench.quality.sets import BLIND
from bench.quality.tables import markdown
from waypost.encoder.engine import Encoder
from waypost.evaluate.figures import Figure, share
from waypost.evaluate.task import encoded
from waypost.needs import Encode
from waypost.request.ask import focus, read_turn
from waypost.request.chat import ChatRequest, Message, Part

Way = Callable[[ChatRequest], str]

SINGLE: Final = ("natural_domains", "intents")
"""Files of single turns without wrappers: nothing may change there."""

FEW: Final = 4
"""Words: the way called *short turns lean* puts a turn of fewer behind the one before."""


@dataclass(frozen=True, slots=True)
class Told:
    """One conversation and what was found: whether domain and task are right, by way."""

    row: Mapping[str, Any]
    domain: Mapping[str, bool]
    intent: Mapping[str, bool]


def request(messages: Sequence[Mapping[str, str]]) -> ChatRequest:
    """A conversation as the router reads it."""
    return ChatRequest(
        "openai_chat",
        b"",
        "auto",
        messages=tuple(
            Message(each["role"], (Part("text", each["content"], f"messages[{n}].content"),))
            for n, each in enumerate(messages)
        ),
    )


def users(asked: ChatRequest) -> list[str]:
    """The user turns as sent."""
    return [message.parts[0].text for message in asked.messages if message.role == "user"]


def last(asked: ChatRequest) -> str:
    """The last user turn, whatever it is."""
    return users(asked)[-1]


def last_or_two(asked: ChatRequest) -> str:
    """The last user turn, behind the one before if it has fewer than `FEW` words."""
    turns = users(asked)
    return "\n".join(turns[-2:]) if len(turns[-1].split()) < FEW else turns[-1]


WAYS: Final[Mapping[str, Way]] = {"last turn": last, "short turns lean": last_or_two, "the ask": focus}


def rows() -> list[Mapping[str, Any]]:
    """The conversations."""
    return [json.loads(line) for line in (BLIND / "conversations.jsonl").read_text().splitlines()]


def tell(encoder: Encoder, row: Mapping[str, Any]) -> Told:
    """Ask both heads, once for each way."""
    right: dict[str, dict[str, bool]] = {"domain": {}, "intent": {}}
    for name, way in WAYS.items():
        need = Encode(frozenset({"domain", "intent"}), way(request(row["messages"])))
        heads = encoded(encoder, need).heads
        for head, label in (("domain", "label"), ("intent", "intent")):
            found = max(heads[head], key=heads[head].__getitem__)
            right[head][name] = found in {row[label], row.get(f"{label}_alt")}
    return Told(row, right["domain"], right["intent"])


def changed() -> Iterator[str]:
    """Single turns that are no longer read character for character, by id."""
    for name in SINGLE:
        for line in (BLIND / f"{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            if read_turn(row["text"]).ask != row["text"]:
                yield row["id"]


def shown(figure: Figure) -> str:
    """Per cent with the interval."""
    if figure.value is None:
        return "-"
    return f"{figure.value:.0%} [{figure.low or 0:.0%}, {figure.high or 0:.0%}]"


def table(told: Sequence[Told], head: str) -> Iterator[str]:
    """One line for each kind of conversation."""
    kinds = list(dict.fromkeys(each.row["kind"] for each in told))
    lines: list[list[str]] = []
    for kind in [*kinds, "all"]:
        some = [each for each in told if kind in {each.row["kind"], "all"}]
        answers = [each.domain if head == "domain" else each.intent for each in some]
        figures = [share(sum(each[way] for each in answers), len(some)) for way in WAYS]
        lines.append([kind, str(len(some)), *map(shown, figures)])
    yield from markdown([head, "n", *WAYS], lines)
    yield ""


def page(told: Sequence[Told], version: str) -> Iterator[str]:
    """The results."""
    yield "# Conversations: what is read of them"
    yield ""
    yield f"<!-- Written by bench/quality/conversations.py; model {version}. -->"
    yield ""
    yield (
        "Share of conversations whose domain, or task, is right, with Wilson intervals of 95 %. *Last turn*: "
        f"as sent. *Short turns lean*: a turn of fewer than {FEW} words behind the one before, as sent. "
        "*The ask*: what Waypost reads (`waypost/request/ask.py`)."
    )
    yield ""
    differing = list(changed())
    yield f"Single turns of {' and '.join(SINGLE)} that are read otherwise than as sent: {len(differing)}."
    yield ""
    halves = {
        "held_out": "Held out: written when the rules stood",
        "rules": "The half that the rules were made with",
    }
    for half, title in halves.items():
        some = [each for each in told if each.row["half"] == half]
        if some:
            yield f"## {title}"
            yield ""
            yield from table(some, "domain")
            yield from table(some, "intent")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artefact", type=Path, help="folder of another model")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    with engine(options.artefact, options.threads) as encoder:
        told = [tell(encoder, row) for row in rows()]
        version = encoder.artefact.version
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "conversations.md").write_text("\n".join(page(told, version)))


if __name__ == "__main__":
    main()
