"""Training without some sources, in turn: what `sources.py` measures and tells.

    python -m bench.quality.folds --data FOLDER --base FOLDER --work FOLDER --without a,b,c --out DIR

Needs the extra `train`. The recipe is the shipped one with fewer steps and without altered copies: a copy may
hold a stretch of a text that is left out. States of the trunk are read once for all folds and kept in the
work folder of `waypost train`, so a fold costs its fitting.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copyfile

import onnx
import torch
from safetensors.torch import load_file

from waypost.encoder.manifest import MODEL, TOKENIZER
from waypost.train.base import find
from waypost.train.export import export_trunk, export_whole, quantise
from waypost.train.features import Features, Reader
from waypost.train.finish import Made, finish
from waypost.train.fit import fit
from waypost.train.model import Whole, load_base
from waypost.train.prepare import Corpus, Own, digest, prepare
from waypost.train.progress import Clock, Progress
from waypost.train.recipe import COURSES, Course

HELD = 250
"""Rows of one source that calibration reads; measured are all rows of the sources that are left out."""


def course(without: Sequence[str], steps: int) -> Course:
    """The shipped recipe, shorter, without these sources."""
    full = COURSES["full"]
    recipe = replace(full.recipe, steps=steps)
    return replace(full, name="fold", recipe=recipe, held=HELD, compared=HELD, without=tuple(without))


def features(data: Path, tokenizer: Path, trunk: Path, work: Path, clock: Clock) -> Mapping[str, Features]:
    """States of every training row, whoever is left out later."""
    everything = prepare(course((), 1), data, Own(), clock.begin("prepare"))
    reader = Reader(tokenizer, trunk, work / "features")
    return {
        name: reader.read(name.replace(":", "-"), rows, clock.begin("features"))
        for name, rows in everything.train.items()
        if rows
    }


def without(sets: Mapping[str, Features], corpus: Corpus) -> dict[str, Features]:
    """The same without what a fold leaves out, texts that only came with another source included."""
    kept: dict[str, Features] = {}
    for name, rows in corpus.train.items():
        texts = {row.text for row in rows}
        items = [item for item in sets[name].items if item.row.text in texts]
        if items:
            kept[name] = Features(items, sets[name].states)
    return kept


def main() -> None:
    """Train one fold and write its artefact."""
    parser = argparse.ArgumentParser(description="Train without some sources.")
    for name in ("data", "base", "work", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--without", required=True, help="names, with commas")
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()
    clock = Clock(Progress())
    base = find(options.base)
    fold = course(options.without.split(","), options.steps)
    corpus = prepare(fold, options.data, Own(), clock.begin("prepare"))
    trunk_weights, top, twin = load_base(load_file(str(base.weights)), corpus.domains)
    trunk = options.work / "trunk.onnx"
    if not trunk.is_file():
        export_trunk(trunk_weights, options.work / "trunk-full.onnx")
        quantise(options.work / "trunk-full.onnx", trunk)
    sets = without(features(options.data, base.tokenizer, trunk, options.work, clock), corpus)
    twin = fit(twin, sets, fold.recipe, clock.begin("fit"))
    options.out.mkdir(parents=True, exist_ok=True)
    full = options.out.with_suffix(".onnx")
    export_whole(Whole(trunk_weights, top, twin), full)
    quantise(full, options.out / MODEL)
    copyfile(base.tokenizer, options.out / TOKENIZER)
    counts = {name: len(rows) for name, rows in corpus.train.items()}
    versions = {"torch": torch.__version__, "onnx": onnx.__version__}
    made = Made(options.out, full, "+".join(fold.without), digest(corpus.train), counts, versions)
    finish(fold, corpus, made, clock)
    full.unlink()


if __name__ == "__main__":
    main()
