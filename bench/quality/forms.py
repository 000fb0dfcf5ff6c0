"""What `forms: inflected` finds, and what it finds by mistake: pairs of a keyword and a word of a text.

    python -m bench.quality.forms             # the tables
    python -m bench.quality.forms --write     # and bench/quality/results/forms.md

`data/forms.jsonl` holds the pairs, judged by hand: `same` = the word is the keyword in another form, in the
sense a rule would list it for. A derived word (`trader`, `investment`, `clinical`) is not. `half` =
`tuned`: the rules were chosen on these pairs. `held_out`: written after the rules were fixed, for keywords
drawn by lot from the vocabulary of public texts, with similar words from there; nothing was changed for them.
`base`: the keyword is written as a dictionary has it, not as a plural or as a form of a verb.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.quality.tables import markdown
from waypost.evaluate.figures import Figure, share
from waypost.request.chat import ChatRequest, Message, Part
from waypost.signals.forms import numbers
from waypost.signals.keyword import KeywordMatch

DATA = Path(__file__).parent / "data" / "forms.jsonl"
PAGE = Path(__file__).parent / "results" / "forms.md"
HALVES = {"tuned": "pairs the rules were chosen on", "held_out": "held out"}
LANGUAGES = {"de": "German", "fr": "French", "es": "Spanish"}
SHOWN = 40


@dataclass(frozen=True, slots=True)
class Pair:
    """A keyword, a word that looks like it, and whether it is it."""

    keyword: str
    word: str
    same: bool
    half: str
    base: bool = True
    lang: str = "en"


Way = Callable[[str], KeywordMatch]
"""The condition that an operator has with one keyword."""


def exact(keyword: str) -> KeywordMatch:
    return KeywordMatch(keywords=(keyword,))


def plurals(keyword: str) -> KeywordMatch:
    return KeywordMatch(keywords=(keyword, *numbers(keyword)))


def inflected(keyword: str) -> KeywordMatch:
    return KeywordMatch(keywords=(keyword,), forms="inflected")


def agents(keyword: str) -> KeywordMatch:
    """With -er as well: `trader`."""
    stem = keyword.removesuffix("e")
    doubled = f"{stem}{stem[-1]}"
    made = tuple(f"{each}{ending}" for each in (stem, doubled) for ending in ("er", "ers"))
    return KeywordMatch(keywords=(keyword, *made), forms="inflected")


def bases(keyword: str) -> KeywordMatch:
    """With the verb of a keyword in -ing or -ed as well: `trade` for `trading`."""
    stem = next((keyword.removesuffix(e) for e in ("ing", "ed") if keyword.endswith(e)), "")
    made = (stem, f"{stem}e", f"{stem}s", f"{stem}es", f"{stem}ed", f"{stem}ing") if len(stem) > 2 else ()
    if len(stem) > 3 and stem[-1] == stem[-2]:
        made += (stem[:-1], f"{stem[:-1]}s")
    return KeywordMatch(keywords=(keyword, *made), forms="inflected")


WAYS: dict[str, Way] = {
    "exact": exact,
    "plural and singular alone": plurals,
    "**inflected**": inflected,
    "inflected, with -er": agents,
    "inflected, and back from -ing and -ed": bases,
}


def pairs(path: Path = DATA) -> list[Pair]:
    return [Pair(**json.loads(line)) for line in path.read_text().splitlines()]


def finds(way: Way, pair: Pair) -> bool:
    """Whether the condition holds for a text with the word in it."""
    part = Part("text", f"about {pair.word}, then", "messages[0].content")
    request = ChatRequest("openai_chat", b"", "auto", messages=(Message("user", (part,)),))
    return way(pair.keyword).evaluate(request, None).holds is True


def found(way: Way, rows: Iterable[Pair], *, same: bool) -> Figure:
    """Recall of the pairs that are the same word, or the rate of false matches among the others."""
    hits = [finds(way, pair) for pair in rows if pair.same is same]
    return share(sum(hits), len(hits))


def shown(figure: Figure) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return "-"
    return f"{figure.value:.1%} [{figure.low:.1%}-{figure.high:.1%}]"


def table(rows: Sequence[Pair], ways: Iterable[str]) -> Iterator[str]:
    yield from markdown(
        ["forms", "recall", "false matches"],
        [[name, *(shown(found(WAYS[name], rows, same=same)) for same in (True, False))] for name in ways],
    )


def page(everything: Sequence[Pair]) -> Iterator[str]:
    yield "# Forms of keywords"
    yield ""
    yield "<!-- Written by bench/quality/forms.py. -->"
    yield ""
    yield (
        "A keyword and a word of a text: is it the same word in another form, and does the condition hold? "
        "Recall is over pairs judged the same, false matches over the others, which all look alike "
        "(`plan`/`plane`, `new`/`news`, `trade`/`trader`). Intervals are Wilson's, 95 %."
    )
    for half, title in HALVES.items():
        rows = [pair for pair in everything if pair.half == half and pair.lang == "en"]
        yield from ("", f"## English, {title}", "")
        yield f"{len(rows)} pairs of {len({pair.keyword for pair in rows})} keywords."
        yield ""
        yield from table(rows, WAYS)
        yield ""
        yield from errors(rows)
        rows = [pair for pair in rows if pair.base]
        yield f"Of these, {len(rows)} pairs whose keyword is a dictionary's form:"
        yield ""
        yield from table(rows, WAYS)
    yield from ("", "## Other languages", "")
    yield "The rules are English; these rows say what they are worth elsewhere."
    for lang, title in LANGUAGES.items():
        rows = [pair for pair in everything if pair.lang == lang]
        yield from ("", f"{title}, {len(rows)} pairs:", "")
        yield from table(rows, ["exact", "**inflected**"])


def errors(rows: Iterable[Pair]) -> Iterator[str]:
    """What `inflected` misses and what it takes by mistake, in words."""
    wrong = [pair for pair in rows if finds(inflected, pair) is not pair.same]
    for same, title in ((True, "Missed"), (False, "Taken by mistake")):
        named = [f"`{pair.keyword}`/`{pair.word}`" for pair in wrong if pair.same is same]
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        yield f"{title}: {', '.join(named[:SHOWN]) or 'nothing'}{more}."
        yield ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the page as well")
    text = "\n".join(page(pairs())).replace("\n\n\n", "\n\n").rstrip() + "\n"
    print(text)
    if parser.parse_args().write:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
