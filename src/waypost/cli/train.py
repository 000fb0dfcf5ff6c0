"""`waypost train`: make the classifiers again, or teach them what is one's own."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from waypost.cli import HELP
from waypost.errors import EngineError, Exit

if TYPE_CHECKING:
    from waypost.train.recipe import Course

RECIPES: Final = ("full", "smoke")
_FOLDER: Final = click.Path(path_type=Path, file_okay=False)


TEXT: Final = """\
Train the learned heads; the embedding stays what it is.

\b
Columns of your own rows, any of them beside the text:
  text, domain, intent, difficulty (0 to 1), attack (0 or 1), group,
  spans: [{"start": 0, "end": 4, "label": "PERSON"}]

Uses a GPU if torch finds one, and needs none. The configuration names the result under `encoder.artefact`.
"""


@click.command(context_settings=HELP, help=TEXT)
@click.option("--data", type=_FOLDER, required=True, help="Folder of the public data sets, NAME.jsonl.gz.")
@click.option("--base", type=_FOLDER, required=True, help="Folder of the published all-MiniLM-L6-v2.")
@click.option("--out", type=_FOLDER, required=True, help="Where the artefact is written.")
@click.option(
    "--work", type=_FOLDER, help="What is kept between runs, up to 8 GB.  [default: OUT with .work behind it]"
)
@click.option("--recipe", type=click.Choice(RECIPES), default="full", show_default=True)
@click.option("--seed", type=click.IntRange(0), help="Of everything that is drawn.")
@click.option("--steps", type=click.IntRange(1), help="Batches in all, in place of the recipe's.")
@click.option("--without", multiple=True, metavar="NAME", help="Leave a set or family out and measure it.")
@click.option(
    "--own",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Rows of your own: .csv, .jsonl or .jsonl.gz; repeatable.",
)
@click.option("--own-categories", is_flag=True, help="New domain names in them become outputs of the model.")
@click.option("--set", "weights", multiple=True, metavar="NAME=WEIGHT", help="Weigh a set; 0 drops it.")
@click.option("--resume/--fresh", default=True, help="Go on where a broken run stopped.  [default: resume]")
def train(
    data: Path,
    base: Path,
    out: Path,
    work: Path | None,
    recipe: str,
    seed: int | None,
    steps: int | None,
    without: tuple[str, ...],
    own: tuple[Path, ...],
    own_categories: bool,
    weights: tuple[str, ...],
    resume: bool,
) -> None:
    """Train; what the user is told stands in `TEXT`."""
    from waypost.train.base import need_packages  # noqa: PLC0415 - `--help` loads nothing heavy

    try:
        need_packages()
        from waypost.train.pipeline import Job  # noqa: PLC0415 - only now is it known that torch is there
        from waypost.train.pipeline import train as run  # noqa: PLC0415
        from waypost.train.prepare import Own  # noqa: PLC0415
        from waypost.train.progress import Progress  # noqa: PLC0415

        course = _course(recipe, seed, steps, without, _weights(weights))
        place = work or out.with_name(f"{out.name}.work")
        job = Job(course, data, base, out, place, Own(own, own_categories), fresh=not resume)
        metrics = run(job, Progress())
    except EngineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(Exit.INTEGRITY)
    for line in _told(metrics):
        click.echo(line)
    if not metrics["int8_close"]:
        click.echo("warning: rounding to eight bits costs more than half a point; see metrics.json", err=True)
    click.echo(f"written: {out}")


def _course(
    recipe: str, seed: int | None, steps: int | None, without: tuple[str, ...], weights: dict[str, float]
) -> "Course":
    from waypost.train.recipe import COURSES  # noqa: PLC0415 - as above

    course = COURSES[recipe]
    fitting = replace(
        course.recipe,
        seed=course.recipe.seed if seed is None else seed,
        steps=course.recipe.steps if steps is None else steps,
    )
    merged = tuple({**dict(course.weights), **weights}.items())
    return replace(course, recipe=fitting, without=without, weights=merged)


def _weights(given: tuple[str, ...]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for each in given:
        name, _, number = each.rpartition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            weights[name] = -1.0
        if not name or not 0 <= weights[name] < float("inf"):
            raise click.BadParameter(f"{each!r} is not NAME=WEIGHT, a number from 0", param_hint="--set")
    return weights


def _told(metrics: Mapping[str, Any]) -> list[str]:
    """Headline figures, a line for each question."""
    tables: dict[str, dict[str, float]] = {name: f for name, f in metrics.items() if isinstance(f, dict)}
    return [
        f"{name:<12} {'  '.join(f'{key} {value:g}' for key, value in figures.items())}"
        for name, figures in tables.items()
    ]
