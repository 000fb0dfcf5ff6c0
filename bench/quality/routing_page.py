"""The routing figures as a page and as pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.quality.published import OURS, PAIR, PRICES, PUBLISHED
from bench.quality.tables import markdown
from waypost.evaluate.figures import Figure, Floats, Ints
from waypost.evaluate.plots import COLOURS, canvas, save
from waypost.evaluate.report import shown
from waypost.evaluate.routing import Recovered, Traded, mixed


@dataclass(frozen=True, slots=True)
class Rated:
    """What the heads say of some texts: P(hard), and the number of the likeliest domain."""

    hard: Floats
    domain: Ints


@dataclass(frozen=True, slots=True)
class Exam:
    """Held-out questions of MMLU-Pro.

    Attributes:
        correct: [n, models].
        right: number of the right domain.
    """

    models: tuple[str, ...]
    correct: Floats
    rated: Rated
    right: Ints
    folds: Ints


def draw_pairs(name: str, curves: Mapping[str, Recovered], path: Path) -> Path:
    """Quality against the share of calls to the strong model, on all questions."""
    figure, (plot,) = canvas(8.6, 4.6)
    first = next(iter(curves.values()))
    curves = {label: curve for label, curve in curves.items() if curve.n == first.n}
    ends = [first.quality[0], first.quality[-1]]
    plot.plot([0, 1], ends, color="#999999", linestyle=":", label="random")
    for number, (label, curve) in enumerate(curves.items()):
        style = "--" if label == "oracle" else "-"
        plot.plot(curve.shares, curve.quality, style, color=COLOURS[number % len(COLOURS)], label=label)
    plot.set_xlabel("share of calls to the strong model")
    plot.set_ylabel("share of right answers")
    plot.set_title(name, fontsize=10)
    plot.grid(visible=True, color="#eeeeee", linewidth=0.8)
    figure.legend(loc="outside lower center", fontsize=8, frameon=False, ncols=2)
    return save(figure, path)


def draw_trade(
    title: str, found: Exam, models: Sequence[str], curves: Mapping[str, Traded], path: Path
) -> Path:
    """Quality against price, single models as dots."""
    figure, (plot,) = canvas(8.6, 5.4)
    columns = [found.models.index(name) for name in models]
    qualities, prices = found.correct[:, columns].mean(0), np.array([PRICES[name] for name in models])
    plot.plot(*mixed(qualities, prices), color="#999999", linestyle=":", label="lots between single models")
    plot.plot(prices.mean(), qualities.mean(), "x", color="#333333", label="any model at random")
    for number, (label, curve) in enumerate(curves.items()):
        style = "--" if label == "oracle" else "-"
        plot.plot(curve.costs, curve.quality, style, color=COLOURS[number % len(COLOURS)], label=label)
    plot.plot(prices, qualities, "o", color="#333333", markersize=3)
    for name, price, quality in zip(models, prices, qualities, strict=True):
        plot.annotate(name, (price, quality), fontsize=6, xytext=(3, -7), textcoords="offset points")
    plot.set_xscale("log")
    plot.set_xlabel("price of a question, billions of active parameters")
    plot.set_ylabel("share of right answers")
    plot.set_title(title, fontsize=10)
    plot.grid(visible=True, color="#eeeeee", linewidth=0.8)
    figure.legend(loc="outside lower center", fontsize=8, frameon=False, ncols=3)
    return save(figure, path)


Several = Mapping[str, tuple[Sequence[str], Mapping[str, Traded]]]


def page(
    told: Mapping[str, Any],
    two: Mapping[str, Mapping[str, Recovered]],
    found: Exam,
    several: Several,
    plots: Sequence[str],
) -> Iterator[str]:
    model = told["model"]
    yield f"# Routing quality of {model['name']} {model['version']}"
    yield ""
    yield f"<!-- Written by bench/quality/routing.py; model {model['sha256']},"
    yield f"calibration {model['calibration']}. -->"
    yield ""
    if told["limit"]:
        yield f"**A trial: at most {told['limit']} questions of each set.**"
        yield ""
    yield (
        "The difficulty head says how likely a question is one that models fail. It knows nothing of the two "
        "models; where both fail, sending the question to the dear one gains nothing, and the head cannot "
        "tell. Intervals are of 95 %, seeded bootstrap over questions. APGR: larger is better, .5 is "
        "chance. CPT(50), CPT(80): share of calls to the strong model that recovers half, or four fifths, of "
        "the gap between the two; smaller is better, .5 and .8 are chance."
    )
    for name, curves in two.items():
        yield from _pair(name, curves)
    yield from _several(found, several)
    yield ""
    for plot in plots:
        yield f"![{plot}]({plot})"


def _pair(name: str, curves: Mapping[str, Recovered]) -> Iterator[str]:
    first = next(iter(curves.values()))
    models = PAIR if name == "MMLU-Pro" else ("Mixtral 8x7B", "GPT-4 (1106 preview)")
    yield ""
    yield f"## {name}: {models[0]} and {models[1]}"
    yield ""
    yield f"{first.n:,} questions; weak {shown(first.weak)}, strong {shown(first.strong)}."
    if name == "MMLU-Pro":
        yield "Held-out questions, of the kind the head was trained on; the pair is among its 13 models."
    yield ""
    rows = [
        [label, "" if label in {"oracle", "length of the prompt"} else OURS, f"{c.n:,}", *_three(c)]
        for label, c in curves.items()
    ]
    rows.append(["random", "nothing", "", "50 %", "80 %", ".500"])
    head = ["router", "trained on", "n", "CPT(50)", "CPT(80)", "APGR"]
    if name in PUBLISHED:
        source, published = PUBLISHED[name]
        rows += [
            [f"RouteLLM: {router}", data, "", f"{a:.1%}", f"{b:.1%}", f"{apgr:.3f}".lstrip("0")]
            for router, data, a, b, apgr in published
        ]
        yield from markdown(head, rows)
        yield ""
        yield (
            f"RouteLLM: as published, {source}; not run here. The questions are not quite the same: ours are "
            f"{first.n:,} of their published responses."
        )
    else:
        yield from markdown(head, rows)


def _three(found: Recovered) -> list[str]:
    return [_percent(found.cpt50), _percent(found.cpt80), shown(found.apgr)]


def _percent(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.1%}"
    return f"{figure.value:.1%} [{figure.low:.1%}-{figure.high:.1%}]"


def _several(found: Exam, several: Several) -> Iterator[str]:
    yield ""
    yield "## MMLU-Pro: one of many models for each question"
    yield ""
    yield (
        f"{len(found.correct):,} held-out questions. A way of choosing knows how each model did on questions "
        "of the same predicted domain, or of the same tenth of difficulty (five folds, no question judged by "
        "its own), and takes the best expected quality for the price. Prices are an assumption: "
        + ", ".join(f"{name} {price:g}" for name, price in PRICES.items())
        + ". They are billions of active parameters as published by the makers; those of Gemini are unknown "
        "and set to 10 and 170, near the ratio of their list prices in late 2024. Other prices, other "
        "curves: therefore the eleven open models come first."
    )
    for name, (models, curves) in several.items():
        columns = [found.models.index(each) for each in models]
        qualities, prices = found.correct[:, columns].mean(0), np.array([PRICES[each] for each in models])
        best = int(qualities.argmax())
        costs, lots = mixed(qualities, prices)
        half = float(np.interp(prices[best] / 2, costs, lots))
        yield ""
        yield f"### {name.capitalize()}"
        yield ""
        yield (
            f"Always the best ({models[best]}): {qualities[best]:.3f} at {prices[best]:g}. Any model at "
            f"random: {qualities.mean():.3f} at {prices.mean():.1f}."
        )
        yield ""
        rows = [
            [label, shown(c.at_half), _percent(c.to_match), f"{c.quality[-1]:.3f}"]
            for label, c in curves.items()
        ]
        rows.append(
            ["lots between single models", f"{half:.3f}".lstrip("0"), "100 %", f"{qualities[best]:.3f}"]
        )
        yield from markdown(
            [
                "choice",
                "quality at half the price of the best",
                "price that matches the best",
                "best quality",
            ],
            rows,
        )
