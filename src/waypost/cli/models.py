"""`waypost models`: which models answer, and how a checkpoint of one's own is made ready."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from waypost.cli import HELP
from waypost.cli.options import DEFAULT, VARIABLE, config_option, load_or_exit
from waypost.config.settings import Settings
from waypost.encoder.settings import ForeignModel
from waypost.errors import EngineError, Exit
from waypost.signals.base import SCANNING

if TYPE_CHECKING:
    from waypost.encoder.manifest import Artefact

_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Listed:
    """One model.

    Attributes:
        answers: heads.
        state: `ready`, or what is wrong.
        told: figures and what they mean, in words.
    """

    name: str
    answers: tuple[str, ...]
    folder: str
    version: str
    sha256: str
    state: Literal["ready", "unusable"]
    told: str


@click.group(context_settings=HELP)
def models() -> None:
    """Show which models answer, and make a checkpoint of your own ready."""


@models.command("list")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_(config: tuple[str, ...], as_json: bool) -> None:
    """Show the classifiers that come with Waypost, and those the configuration puts in their place.

    Each is loaded and reads one window. Exit code 1 when one of them cannot be used.
    """
    is_there = config or DEFAULT.exists() or os.environ.get(VARIABLE)
    listed = list(_listed(load_or_exit(config).settings if is_there else Settings()))
    if as_json:
        click.echo(
            json.dumps({"schema": "waypost/models.v1", "models": [asdict(each) for each in listed]}, indent=2)
        )
    else:
        click.echo("\n\n".join(map(_block, listed)))
    sys.exit(Exit.FINDINGS if any(each.state == "unusable" for each in listed) else Exit.OK)


@models.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--task",
    type=click.Choice(["auto", "domain", "jailbreak", "pii", "embedding"]),
    default="auto",
    show_default=True,
    help="What it is for.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to.  [default: DIR/waypost]")
def convert(
    folder: Path, task: Literal["auto", "domain", "jailbreak", "pii", "embedding"], out: Path | None
) -> None:
    """Convert a Hugging Face checkpoint once, so that it runs without torch.

    DIR holds `config.json`, weights and a vocabulary. The result is a model in eight bits, or in 32 where
    that would change its answers. Needs `pip install 'waypost[train]'`; nothing is fetched.
    """
    from waypost.train.convert import convert as convert_folder  # noqa: PLC0415 - numpy and onnxruntime

    try:
        made = convert_folder(folder, task, out)
    except EngineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(Exit.FINDINGS)
    size = made.size / _MEGABYTE
    click.echo(f"{made.folder}: {made.kind} model, {made.precision}, {size:.1f} MB")
    click.echo(
        f"torch and onnxruntime differ by {made.exported:.1e}, 32 and eight bits by {made.rounded:.3f}"
    )
    if made.precision == "fp32":
        click.echo("eight bits would change too much, so it keeps 32: slower, and four times the memory")
    if made.kept:
        click.echo("nothing to do: it was made from these files before")


def _listed(settings: Settings) -> Iterator[Listed]:
    # Half a second that `--help` need not wait for.
    from waypost.encoder.manifest import BUILT_IN, Artefact  # noqa: PLC0415

    folder = str(settings.encoder.artefact or BUILT_IN)
    heads = ("domain", "intent", "complexity", "jailbreak", "pii", "similarity")
    left = tuple(head for head in heads if head not in settings.foreign or head == "pii")
    try:
        artefact = Artefact.open(settings.encoder.artefact)
    except EngineError as error:
        yield Listed("built in", left, folder, "", "", "unusable", str(error))
        return
    told = f"windows of {artefact.window} tokens; {artefact.name}"
    yield Listed("built in", left, folder, artefact.version, artefact.sha256, "ready", told)
    for head, model in settings.foreign.items():
        yield _opened(head, model, settings, artefact)


def _opened(head: str, model: ForeignModel, settings: Settings, artefact: "Artefact") -> Listed:
    from waypost.encoder.foreign import KEYS, open_foreign  # noqa: PLC0415

    name, folder = KEYS[head], str(model.folder)
    try:
        foreign = open_foreign(head, model, artefact.heads, settings.encoder.device)
    except EngineError as error:
        instead = "the start is refused" if head in SCANNING else "the built-in classifier answers"
        return Listed(name, (head,), folder, "", "", "unusable", f"{error}; until then {instead}")
    found, network = foreign.artefact, foreign.network
    told = f"windows of {found.window} tokens, {network.seconds * 1000:.0f} ms for a full one"
    told += f"; {foreign.precision}, converted" if foreign.precision else "; as it came"
    if foreign.lacks:
        what = "still looked for by the built-in classifier" if head == "pii" else "never answered"
        told += f"; {what}: {', '.join(foreign.lacks)}"
    return Listed(name, (head,), folder, found.version, found.sha256, "ready", told)


def _block(each: Listed) -> str:
    colour = "green" if each.state == "ready" else "red"
    rows: Mapping[str, str] = {
        "answers": ", ".join(each.answers),
        "folder": each.folder,
        "version": each.version,
        "sha256": each.sha256,
        "state": f"{click.style(each.state, fg=colour)}; {each.told}",
    }
    return "\n".join([click.style(each.name, bold=True), *(f"  {k:<8} {v}" for k, v in rows.items() if v)])
