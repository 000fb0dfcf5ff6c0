"""Routing quality: what the difficulty and domain heads save, against what others have published.

    python -m bench.quality.routing --data FOLDER [--artefact DIR]

Writes `bench/quality/results/VERSION-routing.md`, `.json` and plots. Definitions stand in
`waypost/evaluate/routing.py`, published figures and prices in `published.py`.
"""

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.quality import sets
from bench.quality.published import ASSUMED, PAIR, PRICES
from bench.quality.routing_page import Exam, Rated, draw_pairs, draw_trade, page
from bench.quality.run import RESULTS, engine, progress, say
from waypost.encoder.engine import Encoder
from waypost.evaluate.figures import share
from waypost.evaluate.routing import (
    FOLDS,
    Recovered,
    Traded,
    bins,
    oracle,
    recovered,
    table,
    together,
    traded,
)
from waypost.evaluate.run import identity
from waypost.evaluate.task import encoded
from waypost.needs import Encode
from waypost.train.sets import normal, read_lines

BINS = 10
_OPTIONS = re.compile(r"\nA\. ")


def rate(encoder: Encoder, texts: Sequence[str], what: str) -> Rated:
    """Ask both heads at once."""
    say(f"{what}: {len(texts):,} questions")
    labels = encoder.artefact.heads.domain.labels
    on = progress()
    hard, domain = np.zeros(len(texts)), np.zeros(len(texts), np.int64)

    def ask(text: str) -> tuple[float, int]:
        found = encoded(encoder, Encode(frozenset({"complexity", "domain"}), text)).heads
        return found["complexity"]["hard"], labels.index(max(labels, key=lambda name: found["domain"][name]))

    with ThreadPoolExecutor(encoder.settings.threads or 1) as pool:
        for number, (p, label) in enumerate(pool.map(ask, texts)):
            hard[number], domain[number] = p, label
            on(number + 1, len(texts))
    return Rated(hard, domain)


def stem(text: str) -> str:
    """A question without its options."""
    return _OPTIONS.split(text)[0]


def pairs(encoder: Encoder, data: Path, limit: int | None) -> Iterator[tuple[str, str, Recovered]]:
    """Benchmark, way of choosing, figures."""
    pro = {normal(raw["text"]) for raw in read_lines(data / "routing_mmlu_pro.jsonl.gz")}
    for name, file in (("MMLU", "routing_mmlu_gpt4_mixtral"), ("GSM8K", "routing_gsm8k_gpt4_mixtral")):
        raws = thin(list(read_lines(data / f"{file}.jsonl.gz")), limit)
        weak, strong = (np.array([float(raw[key]) for raw in raws]) for key in ("weak", "strong"))
        texts = [str(raw["text"]) for raw in raws]
        stems = [stem(text) for text in texts]
        hard = rate(encoder, texts, name).hard
        yield name, "difficulty head, prompt as sent", recovered(hard, weak, strong)
        fresh = np.array([normal(each) not in pro for each in stems])
        if not fresh.all():
            label = "difficulty head, without questions that occur in MMLU-Pro"
            yield name, label, recovered(hard[fresh], weak[fresh], strong[fresh])
        if stems != texts:
            alone = rate(encoder, stems, f"{name} without options").hard
            yield name, "difficulty head, question without its options", recovered(alone, weak, strong)
            label = "the same, without questions that occur in MMLU-Pro"
            yield name, label, recovered(alone[fresh], weak[fresh], strong[fresh])
        yield name, "length of the prompt", recovered(np.array([float(len(t)) for t in texts]), weak, strong)
        yield name, "oracle", recovered(oracle(weak, strong), weak, strong)


def exam(encoder: Encoder, data: Path, limit: int | None) -> Exam:
    """The questions that neither head was trained on."""
    path = data / "routing_mmlu_pro.jsonl.gz"
    raws = thin([raw for raw, is_held_out in sets.exam_questions(data) if is_held_out], limit)
    labels = encoder.artefact.heads.domain.labels
    correct = np.array([[float(bit) for bit in raw["correct"]] for raw in raws])
    rated = rate(encoder, [raw["text"] for raw in raws], "MMLU-Pro, 13 models")
    right = np.array([labels.index(raw["label"]) for raw in raws])
    return Exam(header(path), correct, rated, right, np.arange(len(raws)) % FOLDS)


def header(path: Path) -> tuple[str, ...]:
    """Models in the order of the bits."""
    import gzip  # noqa: PLC0415 - the only reader that wants the header

    with gzip.open(path, "rt") as lines:
        return tuple(json.loads(next(lines))["_header"]["models"])


def strategies(found: Exam, models: Sequence[str]) -> Iterator[tuple[str, Traded]]:
    """Ways of choosing among some of the models."""
    columns = [found.models.index(name) for name in models]
    correct, prices = found.correct[:, columns], np.array([PRICES[name] for name in models])
    by_domain = table(found.rated.domain, correct, found.folds)
    by_right = table(found.right, correct, found.folds)
    by_hard = table(bins(found.rated.hard, BINS), correct, found.folds)
    yield "domain head only", traded(by_domain, correct, prices)
    yield "right domain only", traded(by_right, correct, prices)
    yield "difficulty head only", traded(by_hard, correct, prices)
    yield "domain and difficulty heads", traded(together([by_domain, by_hard], correct), correct, prices)
    yield "oracle", traded(correct, correct, prices)


def thin(rows: list[Any], limit: int | None) -> list[Any]:
    """Evenly spread rows."""
    return (
        rows if limit is None or limit >= len(rows) else [rows[n * len(rows) // limit] for n in range(limit)]
    )


def singles(found: Exam, models: Sequence[str]) -> dict[str, Any]:
    """Each model alone."""
    n = len(found.correct)
    return {
        name: {
            "price": PRICES[name],
            "quality": asdict(share(found.correct[:, found.models.index(name)].sum(), n)),
        }
        for name in models
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--artefact", type=Path, help="folder of another model")
    parser.add_argument("--data", type=Path, required=True, help="folder with the public sets")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--limit", type=int, help="questions of each set, for a trial")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    with engine(options.artefact, options.threads) as encoder:
        two: dict[str, dict[str, Recovered]] = {}
        for name, label, curve in pairs(encoder, options.data, options.limit):
            two.setdefault(name, {})[label] = curve
        found = exam(encoder, options.data, options.limit)
        artefact = encoder.artefact
    weak, strong = (found.correct[:, found.models.index(name)] for name in PAIR)
    two["MMLU-Pro"] = {
        "difficulty head": recovered(found.rated.hard, weak, strong),
        "oracle": recovered(oracle(weak, strong), weak, strong),
    }
    open_models = [name for name in found.models if name not in ASSUMED]
    several = {
        "eleven open models": (open_models, dict(strategies(found, open_models))),
        "all thirteen models": (list(found.models), dict(strategies(found, found.models))),
    }
    folder = options.out / artefact.version
    folder.mkdir(parents=True, exist_ok=True)
    plots = [
        draw_pairs(name, curves, folder / f"routing-{name.lower()}.png") for name, curves in two.items()
    ] + [
        draw_trade(name, found, models, curves, folder / f"routing-{len(models)}-models.png")
        for name, (models, curves) in several.items()
    ]
    told = {
        "schema": "waypost/routing-quality.v1",
        "model": identity(artefact),
        "limit": options.limit,
        "prices": dict(PRICES),
        "pairs": {name: {label: asdict(c) for label, c in curves.items()} for name, curves in two.items()},
        "several": {
            name: {"single": singles(found, models), **{label: asdict(c) for label, c in curves.items()}}
            for name, (models, curves) in several.items()
        },
    }
    text = json.dumps(told, indent=1)
    (options.out / f"{artefact.version}-routing.json").write_text(text + "\n")
    names = [str(path.relative_to(options.out)) for path in plots]
    lines = page(told, two, found, several, names)
    (options.out / f"{artefact.version}-routing.md").write_text("\n".join(lines) + "\n")
    say(f"written: {options.out / artefact.version}-routing.md, .json and {len(plots)} plots")


if __name__ == "__main__":
    main()
