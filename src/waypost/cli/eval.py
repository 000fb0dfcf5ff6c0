"""`waypost eval`: how good the classifiers are on labelled files of one's own."""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from waypost.cli import HELP
from waypost.cli.options import show
from waypost.errors import ConfigError, EngineError, Exit

if TYPE_CHECKING:
    from waypost.encoder.engine import Encoder
    from waypost.evaluate.run import On
    from waypost.evaluate.task import Task

TASKS: Final = ("domain", "intent", "guard", "pii", "difficulty", "embedding", "tools")
PATIENCE_SECONDS: Final = 600
"""The machine's load must not decide what counts as unread."""


TEXT: Final = """\
Measure the classifiers on labelled texts.

\b
Fields of a row, beside the text:
  domain      text, label; label_alt is right as well
  intent      text, intent
  guard       text, attack (0 or 1)
  pii         text, spans: [{"start": 0, "end": 4, "label": "PERSON"}]
  difficulty  text, hard (0 or 1), or correct: a bit for each model
  embedding   text_a, text_b, label (1 = the same)
  tools       text, gold (names of the tools it needs), tools (name, description)

Several files are reported one by one and together. Nothing leaves this machine.
"""


@click.command(context_settings=HELP, help=TEXT)
@click.argument("task", type=click.Choice(TASKS))
@click.option("--data", multiple=True, required=True, metavar="FILE...", help="JSON Lines, gzipped or not.")
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--artefact",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of another model.  [default: the one that comes with Waypost]",
)
@click.option(
    "--by", multiple=True, metavar="FIELD", help="Report by the values of this field, too; repeatable."
)
@click.option("--threshold", type=click.FloatRange(0, 1), help="Use this one in place of the shipped one.")
@click.option("--types", metavar="A,B", help="Personal data to look for.  [default: as pii_detection]")
@click.option(
    "--catalogue",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Look for tools in this catalogue, not among those of each row.",
)
@click.option("--top-k", type=click.IntRange(1, 128), metavar="K", help="Tools kept, or added.  [default: 5]")
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="At most N rows of each file, evenly spread."
)
@click.option(
    "--plots", type=click.Path(path_type=Path, file_okay=False), help="Draw PNG files into this folder."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def eval(  # noqa: A001 - the verb's name
    task: str,
    data: tuple[str, ...],
    more: tuple[str, ...],
    artefact: Path | None,
    by: tuple[str, ...],
    threshold: float | None,
    types: str | None,
    catalogue: Path | None,
    top_k: int | None,
    limit: int | None,
    plots: Path | None,
    as_json: bool,
) -> None:
    """Measure the classifiers; what the user is told stands in `TEXT`."""
    from waypost.evaluate.plots import NoPlotsError, canvas, draw  # noqa: PLC0415 - `--help` loads no numpy
    from waypost.evaluate.report import document, text  # noqa: PLC0415
    from waypost.evaluate.run import evaluate, from_files  # noqa: PLC0415

    if types is not None and task != "pii":
        raise click.UsageError(f"--types is for pii, not for {task}")
    if task != "tools" and (catalogue or top_k):
        raise click.UsageError(f"--catalogue and --top-k are for tools, not for {task}")
    try:
        if plots is not None:
            canvas(1, 1)
        with _engine(artefact) as encoder, _progress(task) as on:
            if task == "tools":
                asked = _tools(encoder, catalogue, top_k, threshold)
            else:
                asked = _task(task, encoder, threshold, types)
            sources = from_files(asked, [Path(name) for name in (*data, *more)], by, limit)
            report = evaluate(asked, sources, encoder, on)
        drawn = draw(report, plots) if plots is not None else []
    except NoPlotsError as error:
        raise click.UsageError(str(error)) from error
    except ConfigError as error:
        show(error)
        sys.exit(Exit.CONFIG)
    except EngineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(Exit.INTEGRITY)
    if as_json:
        click.echo(
            json.dumps({**document(report), "plots": [str(path) for path in drawn]}, ensure_ascii=False)
        )
        return
    click.echo(text(report))
    if drawn:
        click.echo("\ndrawn: " + ", ".join(map(str, drawn)))


def _task(name: str, encoder: "Encoder", threshold: float | None, types: str | None) -> "Task[Any, Any]":
    """The question, with the thresholds it ships with unless told otherwise."""
    from waypost.evaluate.choice import Choice  # noqa: PLC0415 - as above
    from waypost.evaluate.difficulty import Difficulty  # noqa: PLC0415
    from waypost.evaluate.embedding import Embedding  # noqa: PLC0415
    from waypost.evaluate.files import BadRowError  # noqa: PLC0415
    from waypost.evaluate.guard import Guard  # noqa: PLC0415
    from waypost.evaluate.pii import Pii  # noqa: PLC0415

    half = 0.5 if threshold is None else threshold
    match name:
        case "domain" | "intent":
            return Choice(encoder, name, half)
        case "guard":
            return Guard(encoder, threshold)
        case "difficulty":
            return Difficulty(encoder, half)
        case "embedding":
            return Embedding(encoder, threshold)
        case _:
            wanted = None if types is None else [each.strip() for each in types.split(",") if each.strip()]
            try:
                return Pii(encoder, threshold, wanted)
            except BadRowError as error:
                raise click.UsageError(f"--types: {error.message}; {error.help}") from error


def _tools(
    encoder: "Encoder", catalogue: Path | None, top_k: int | None, floor: float | None
) -> "Task[Any, Any]":
    """The choice of tools: of each row's own, or from a catalogue."""
    from waypost.config.catalogue import read_catalogue  # noqa: PLC0415 - as above
    from waypost.evaluate.tools import Tools  # noqa: PLC0415
    from waypost.mutations.tools import ToolSettings  # noqa: PLC0415

    settings = ToolSettings(mode="add" if catalogue else "filter", catalogue=catalogue)
    settings = replace(settings, top_k=top_k or settings.top_k)
    if floor is not None:
        settings = replace(settings, floor=floor)
    return Tools(encoder, settings, read_catalogue(catalogue) if catalogue else None)


@contextmanager
def _engine(artefact: Path | None) -> "Generator[Encoder]":
    from waypost.encoder.engine import Encoder  # noqa: PLC0415 - as above
    from waypost.encoder.settings import EncoderSettings  # noqa: PLC0415

    encoder = Encoder.open(EncoderSettings(artefact=artefact, deadline_seconds=PATIENCE_SECONDS))
    try:
        yield encoder
    finally:
        encoder.close()


@contextmanager
def _progress(task: str) -> "Generator[On]":
    """A bar on a terminal, nothing elsewhere."""
    if not _is_watched():
        yield lambda _done, _total: None
        return
    with click.progressbar(length=0, label=task, file=sys.stderr, show_pos=True) as bar:

        def on(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield on


def _is_watched() -> bool:
    return sys.stderr.isatty()
