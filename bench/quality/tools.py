"""Choice of tools: which weight, floor and bounds find the tools that a request needs.

    python -m bench.quality.tools --data FOLDER [--artefact DIR] [--limit N]

Writes `bench/quality/results/tools.md` and `tools.json`. FOLDER holds `tools_bfcl`, `tools_metatool` and
`tools_metatool_catalog`. Weight and floor are chosen on one half of the requests, and told of the other.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from bench.quality.routing import thin
from bench.quality.run import RESULTS, engine, progress, say
from bench.quality.tables import markdown
from waypost.encoder.engine import Encoder
from waypost.evaluate.figures import Figure, share
from waypost.evaluate.report import shown
from waypost.evaluate.run import identity
from waypost.evaluate.tools import FLOORS, request_of
from waypost.mutations.ranking import WEIGHT, Words, best, terms
from waypost.mutations.tools import EMBEDDED, ToolSettings, choose, describe, wanted
from waypost.needs import Encode
from waypost.signals.base import Examples
from waypost.train.sets import read_lines

WEIGHTS = (0.0, 0.1, 0.15, 0.2, 0.3)
DEPTHS = (1, 3, 5, 10)
COSTED = (8, EMBEDDED, 500)
LENGTHS = (10, 20, 60, 200)
"""Tools a request is padded to with those of others, as agents with several servers send them."""

REFERENCE = {
    "BFCL": {"words only": (0.583, 0.778, 0.841, 0.888), "0": (0.573, 0.798, 0.867, 0.921),
             "0.1": (0.618, 0.839, 0.898, 0.943), "0.2": (0.640, 0.850, 0.906, 0.952),
             "0.3": (0.649, 0.840, 0.911, 0.955)},
    "MetaTool": {"words only": (0.390, 0.505, 0.561, 0.637), "0": (0.628, 0.769, 0.811, 0.860),
                 "0.1": (0.643, 0.780, 0.819, 0.864), "0.2": (0.633, 0.770, 0.814, 0.859),
                 "0.3": (0.620, 0.747, 0.793, 0.846)},
}  # fmt: skip
"""Recall of all-MiniLM-L6-v2 with the same words, on all requests of both halves."""


@dataclass(frozen=True, slots=True)
class Stock:
    """Tools that a request may be compared with.

    Attributes:
        vectors: float32[n, 384], unit length.
    """

    names: tuple[str, ...]
    raw: tuple[dict[str, Any], ...]
    words: Words
    vectors: Any

    def ranked(self, scores: Sequence[float]) -> list[str]:
        """Names, best first, each once."""
        return list(dict.fromkeys(self.names[n] for n in best(scores, len(scores))))


@dataclass(frozen=True, slots=True)
class Query:
    """A request.

    Attributes:
        own: numbers of its own tools in the stock.
        gold: names.
        cosines: with every tool of the stock.
        told: whether it is of the half that figures are told of.
    """

    text: str
    gold: frozenset[str]
    own: tuple[int, ...]
    cosines: tuple[float, ...]
    told: bool


def stock(encoder: Encoder, tools: Sequence[dict[str, Any]]) -> Stock:
    texts = [describe(tool["name"], tool["description"]) for tool in tools]
    vectors = np.array([encoder.read(text).embedding for text in texts])
    return Stock(tuple(tool["name"] for tool in tools), tuple(tools), Words.of(texts), vectors)


def queries(
    encoder: Encoder, rows: Sequence[dict[str, Any]], of: Stock, number: dict[str, int]
) -> list[Query]:
    found: list[Query] = []
    on = progress()
    for done, row in enumerate(rows):
        cosines = of.vectors @ encoder.read(row["text"]).embedding
        own = tuple(number[_key(tool)] for tool in row.get("tools", ()))
        told = int(sha256(row["text"].encode()).hexdigest()[:8], 16) % 2 == 0
        found.append(Query(row["text"], frozenset(row["gold"]), own, tuple(map(float, cosines)), told))
        on(done + 1, len(rows))
    return found


def recalls(of: Stock, asked: Sequence[Query], weight: float | None) -> list[Figure]:
    """Share of right tools among the best, by depth; `weight` None = words only."""
    hits = dict.fromkeys(DEPTHS, 0)
    count = 0
    for query in asked:
        words = of.words.scores(dict.fromkeys(terms(query.text)))
        pairs = zip(query.cosines, words, strict=True)
        scores = words if weight is None else [cosine + weight * shared for cosine, shared in pairs]
        ranked = of.ranked(scores)
        places = [ranked.index(name) for name in query.gold]
        count += len(places)
        for depth in DEPTHS:
            hits[depth] += sum(place < depth for place in places)
    return [share(hits[depth], count) for depth in DEPTHS]


def filtered(
    of: Stock, query: Query, length: int, settings: ToolSettings, *, compares: bool
) -> tuple[int, int]:
    """Right tools that are kept, and tools kept, of a list padded to `length`."""
    mine = {of.names[n] for n in query.own}
    others = [n for n, name in enumerate(of.names) if name not in mine]
    rng = random.Random(query.text)
    places = [*query.own, *rng.sample(others, max(0, length - len(query.own)))]
    rng.shuffle(places)
    request = request_of(query.text, [of.raw[n] for n in places])
    open_ = wanted(settings, request, query.text)
    if open_ is None:
        return len(query.gold), len(places)
    if compares:
        kept = choose(open_, [query.cosines[places[n]] for n in open_.places]).kept
    else:
        words = dict.fromkeys(terms(query.text))
        scores = Words.of([open_.offer.tools[n].text for n in open_.places], words).scores(words)
        kept = choose(open_, scores).kept
    names = {each.name for each in kept}
    return len(query.gold & names), len(kept)


def lists(of: Stock, asked: Sequence[Query], compares: bool = True) -> Iterator[dict[str, Any]]:  # noqa: FBT001, FBT002
    """What `filter` keeps, by length of the list."""
    settings = ToolSettings(mode="filter", floor=0.1)
    for length in LENGTHS:
        kept = [filtered(of, query, length, settings, compares=compares) for query in asked]
        gold = sum(len(query.gold) for query in asked)
        yield {
            "tools": length,
            "kept": asdict(share(sum(hits for hits, _ in kept), gold)),
            "all_kept": asdict(
                share(sum(h == len(q.gold) for (h, _), q in zip(kept, asked, strict=True)), len(asked))
            ),
            "sent": sum(sent for _, sent in kept) / len(kept),
        }


def floors(asked: Sequence[Query], of: Stock) -> Iterator[dict[str, Any]]:
    """Right tools at or above each floor, and requests without one whose own tools still reach it."""
    needed = [query for query in asked if query.gold]
    useless = [query for query in asked if not query.gold]
    for floor in FLOORS:
        right = [
            max(query.cosines[n] for n in query.own if of.names[n] == name) >= floor
            for query in needed
            for name in query.gold
        ]
        wrong = [max(query.cosines[n] for n in query.own) >= floor for query in useless]
        yield {
            "floor": floor,
            "kept": asdict(share(sum(right), len(right))),
            "useless_kept": asdict(share(sum(wrong), len(wrong))),
        }


def costs(encoder: Encoder, of: Stock) -> Iterator[dict[str, Any]]:
    """Milliseconds of the first request with so many tools, and of the next one."""
    texts = [describe(tool["name"], tool["description"]) for tool in of.raw]
    for number, length in enumerate(COSTED):
        # A word in front of each makes texts that nobody has read.
        examples = Examples(tuple(f"{number} {text}" for text in texts[:length]))
        times: list[float] = []
        for text in ("first request", "and then another one"):
            begun = time.perf_counter()
            encoder.answer_now(Encode(frozenset({"similarity"}), text, examples=(examples,)))
            times.append(1e3 * (time.perf_counter() - begun))
        yield {"tools": length, "first_ms": round(times[0], 1), "after_ms": round(times[1], 1)}


def page(told: Mapping[str, Any]) -> Iterator[str]:
    """The results for people."""
    model = told["model"]
    yield f"# Choice of tools with {model['name']} {model['version']}"
    yield ""
    yield f"<!-- Written by bench/quality/tools.py; model {model['sha256']},"
    yield f"calibration {model['calibration']}. -->"
    yield ""
    yield (
        "Requests of BFCL and MetaTool with the tools that answer them, named and described but without "
        "parameters. Half of the requests, by a hash of their text, is what the weight of shared words was "
        "chosen on, by what is among the best five; every other figure is of the other half. Intervals are "
        "of 95 %, Wilson. `MiniLM`: what all-MiniLM-L6-v2, six layers and not trained further, found with "
        "the same words, on all requests of both halves; the four figures are those of k = 1, 3, 5, 10."
    )
    for kind, title in (
        ("recall", "Finding tools in a catalogue"),
        ("tuned", "The half that the weight was chosen on"),
    ):
        yield ""
        yield f"## {title}"
        for name, part in told[kind].items():
            yield ""
            what = f"{part['requests']:,} requests, {part['tools']:,} tools"
            yield f"{name}: {what}; share of right tools among the best k."
            yield ""
            yield from markdown(
                ["scored by", *(f"k = {depth}" for depth in DEPTHS), "MiniLM"],
                [
                    [_scored(label), *(_interval(each) for each in row), _before(name, label)]
                    for label, row in part["rows"].items()
                ],
            )
    yield from _filtering(told)
    yield from _price(told)


def _scored(label: str) -> str:
    if label in {"words only", "0"}:
        return {"0": "cosine"}.get(label, label)
    return f"cosine + {label} words" + (" (shipped)" if float(label) == WEIGHT else "")


def _before(name: str, label: str) -> str:
    return " ".join(f"{value:.3f}".lstrip("0") for value in REFERENCE[name].get(label, ())) or "-"


def _interval(figure: Mapping[str, Any]) -> str:
    return shown(Figure(**figure))


def _filtering(told: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## Thinning the caller's own tools"
    yield ""
    yield (
        f"{told['listed']:,} requests of BFCL, their tools hidden among those of other requests. Five are "
        f"kept by rank, at a floor of .10; of lists longer than {EMBEDDED}, the {EMBEDDED} that share most "
        "words are compared. Where the encoder gives no answer nothing is dropped; `words only` is what that "
        "caution saves us from."
    )
    yield ""
    rows = [
        [way, f"{row['tools']}", _interval(row["kept"]), _interval(row["all_kept"]), f"{row['sent']:.1f}"]
        for way, rows_ in told["lists"].items()
        for row in rows_
    ]
    yield from markdown(
        ["compared by", "tools offered", "right tools kept", "all of them kept", "tools sent"], rows
    )
    yield ""
    yield (
        f"Floors, on the tools of each request as it came; {told['useless']:,} requests more, without any "
        "tool that helps. No floor tells these apart: it is there to drop what is plainly foreign."
    )
    yield ""
    rows = [
        [f"{row['floor']:.2f}", _interval(row["kept"]), _interval(row["useless_kept"])]
        for row in told["floors"]
    ]
    yield from markdown(["floor", "right tools kept", "useless requests that keep a tool"], rows)


def _price(told: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "## Price"
    yield ""
    yield (
        "Milliseconds from question to answer, with tools nobody has seen and once more with another "
        f"request: a tool is read once. All are compared here; a request is limited to {EMBEDDED}. For the "
        "ratio only: the machine was shared."
    )
    yield ""
    rows = [
        [f"{row['tools']}", f"{row['first_ms']:,.0f}", f"{row['after_ms']:,.0f}"] for row in told["costs"]
    ]
    yield from markdown(["tools", "first request", "next request"], rows)


def _key(tool: dict[str, Any]) -> str:
    return f"{tool['name']}\0{tool['description']}"


def measure(encoder: Encoder, data: Path, limit: int) -> dict[str, Any]:
    """Everything, as JSON."""
    rows = list(read_lines(data / "tools_bfcl.jsonl.gz"))
    pool = list({_key(tool): tool for row in rows for tool in row["tools"]}.values())
    number = {_key(tool): n for n, tool in enumerate(pool)}
    plugins = list(read_lines(data / "tools_metatool_catalog.jsonl.gz"))
    talk = list(read_lines(data / "tools_metatool.jsonl.gz"))
    told: dict[str, Any] = {"recall": {}, "tuned": {}}
    kept: dict[str, tuple[Stock, list[Query]]] = {}
    for name, tools, all_ in (("BFCL", pool, rows), ("MetaTool", plugins, talk)):
        some = thin(all_, limit)
        say(f"{name}: {len(tools):,} tools, {len(some):,} of {len(all_):,} requests")
        of = stock(encoder, tools)
        asked = queries(encoder, some, of, number)
        kept[name] = of, asked
        for kind, half in (("recall", True), ("tuned", False)):
            told[kind][name] = _recalls(of, [query for query in asked if query.told is half and query.gold])
    of, asked = kept["BFCL"]
    shown_ = [query for query in asked if query.told]
    needing = [query for query in shown_ if query.gold]
    say(f"lists of {', '.join(map(str, LENGTHS))} tools: {len(needing)} requests")
    needing = thin(needing, limit // 3)
    told["lists"] = {
        "cosine and words": list(lists(of, needing)),
        "words only": list(lists(of, needing, compares=False)),
    }
    told["listed"] = len(needing)
    told["floors"] = list(floors(shown_, of))
    told["useless"] = sum(not query.gold for query in shown_)
    told["costs"] = list(costs(encoder, of))
    return told


def _recalls(of: Stock, asked: Sequence[Query]) -> dict[str, Any]:
    rows = {"words only": recalls(of, asked, None)} | {f"{w:g}": recalls(of, asked, w) for w in WEIGHTS}
    return {
        "requests": len(asked),
        "tools": len(of.names),
        "rows": {label: [asdict(figure) for figure in figures] for label, figures in rows.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the public sets")
    parser.add_argument("--artefact", type=Path, help="folder of another model")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--limit", type=int, default=3000, help="requests of each set, evenly spread")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    with engine(options.artefact, options.threads) as encoder:
        model = identity(encoder.artefact)
        told = {
            "schema": "waypost/tools-quality.v1",
            "model": model,
            **measure(encoder, options.data, options.limit),
        }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "tools.json").write_text(json.dumps(told, indent=1) + "\n")
    (options.out / "tools.md").write_text("\n".join(page(told)) + "\n")


if __name__ == "__main__":
    main()
