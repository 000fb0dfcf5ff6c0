"""A report as pictures. matplotlib is loaded here, and only when something is to be drawn."""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from waypost.errors import WaypostError
from waypost.evaluate.report import called
from waypost.evaluate.run import Part, Report
from waypost.evaluate.task import Confusion, Curve

DPI: Final = 110
COLOURS: Final = ("#1f4e79", "#c55a11", "#548235", "#7f6000", "#7030a0", "#c00000", "#2e75b6", "#595959")
_DOTTED: Final = 20
"""Points up to which each is drawn: a curve may be a single one."""
_MOST: Final = 8
"""Most curves in one picture."""


class NoPlotsError(WaypostError):
    """matplotlib is not installed."""


def canvas(width: float, height: float, panels: int = 1) -> tuple[Any, list[Any]]:
    """An empty figure, in inches, and its axes side by side.

    Raises:
        NoPlotsError: with what to install.
    """
    try:
        figures = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        msg = "matplotlib is not installed; install it with: pip install 'waypost[plots]'"
        raise NoPlotsError(msg) from error
    figure: Any = figures.Figure(figsize=(width, height), layout="constrained")
    return figure, [figure.add_subplot(1, panels, number + 1) for number in range(panels)]


def save(figure: Any, path: Path) -> Path:  # noqa: ANN401 - matplotlib's types are only known where it is
    """Write a PNG that is the same on every run."""
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    return path


def draw(report: Report, folder: Path) -> list[Path]:
    """Write every picture that the figures offer; the folder is made.

    Raises:
        NoPlotsError: with what to install.
        OSError: the folder cannot be written.
    """
    canvas(1, 1)
    folder.mkdir(parents=True, exist_ok=True)
    whole = report.pooled or report.parts[0]
    title = f"{report.task}, {Path(whole.name).name}"
    parts = [*([report.pooled] if report.pooled else []), *report.parts]
    found: list[Path] = []

    def add(name: str, figure: Any) -> None:  # noqa: ANN401 - as above
        found.append(save(figure, folder / f"{report.task}-{name}.png"))

    if whole.whole.confusion:
        add("confusion", confusion(whole.whole.confusion, title))
    if curve := whole.whole.curves.get("reliability"):
        add("reliability", reliability(curve, title))
    if curves := _named(parts, "roc"):
        add("roc", lines(curves, ("false positive rate", "recall"), f"{report.task}: ROC", diagonal=True))
    types = {name.removeprefix("pr "): c for name, c in whole.whole.curves.items() if name.startswith("pr ")}
    if types:
        add("precision-recall", lines(types, ("recall", "precision"), f"{title}, by type"))
    return found


def _named(parts: Sequence[Part], name: str) -> dict[str, Curve]:
    """Curves of the first few parts that have it, with their areas."""
    curves: dict[str, Curve] = {}
    for part in parts:
        if (curve := part.whole.curves.get(name)) and len(curves) < _MOST:
            area = part.whole.figures["auc"].value or 0.0
            curves[f"{Path(part.name).name}, {called('auc')} {area:.3f}"] = curve
    return curves


def lines(curves: Mapping[str, Curve], axes: tuple[str, str], title: str, *, diagonal: bool = False) -> Any:  # noqa: ANN401 - as above
    """Curves in the unit square, with a legend beside it."""
    figure, (plot,) = canvas(8.2, 5.2)
    if diagonal:
        plot.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1, linestyle=":")
    for number, (name, curve) in enumerate(curves.items()):
        style = "-" if number < len(COLOURS) else "--" if number < 2 * len(COLOURS) else "-."
        colour = COLOURS[number % len(COLOURS)]
        dots = "o" if len(curve.x) <= _DOTTED else ""
        plot.plot(curve.x, curve.y, style, marker=dots, ms=4, color=colour, linewidth=1.5, label=name)
    _unit(plot, axes, title)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    return figure


def confusion(found: Confusion, title: str) -> Any:  # noqa: ANN401 - as above
    """Shares of each right label, counts written in."""
    counts, labels = found.counts, found.labels
    used = [n for n, line in enumerate(counts) if sum(line) or any(row[n] for row in counts)]
    shares = [[counts[n][m] / max(1, sum(counts[n])) for m in used] for n in used]
    size = 2.6 + 0.46 * len(used)
    figure, (plot,) = canvas(size + 0.6, size)
    plot.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for y, n in enumerate(used):
        for x, m in enumerate(used):
            if counts[n][m]:
                colour = "white" if shares[y][x] > 0.55 else "#333333"  # noqa: PLR2004 - readable on blue
                plot.text(x, y, str(counts[n][m]), ha="center", va="center", fontsize=7, color=colour)
    names = [labels[n] for n in used]
    plot.set_xticks(range(len(used)), names, rotation=45, ha="right", fontsize=8)
    plot.set_yticks(range(len(used)), names, fontsize=8)
    plot.set_xlabel("given")
    plot.set_ylabel("right")
    plot.set_title(title, fontsize=10)
    return figure


def reliability(curve: Curve, title: str) -> Any:  # noqa: ANN401 - as above
    """What was predicted against what was the case, and how many rows stand behind each point."""
    figure, (plot, bars) = canvas(8.2, 4.2, 2)
    plot.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1, linestyle=":")
    plot.plot(curve.x, curve.y, "o-", color=COLOURS[0], linewidth=1.5, markersize=4)
    _unit(plot, ("predicted", "was the case"), title)
    bars.bar(curve.x, curve.sizes, width=0.05, color=COLOURS[0])
    bars.set_xlim(0, 1)
    bars.set_xlabel("predicted")
    bars.set_ylabel("rows")
    bars.set_title("rows by prediction", fontsize=10)
    return figure


def _unit(plot: Any, axes: tuple[str, str], title: str) -> None:  # noqa: ANN401 - as above
    plot.set_xlim(0, 1)
    plot.set_ylim(0, 1.01)
    plot.set_xlabel(axes[0])
    plot.set_ylabel(axes[1])
    plot.set_title(title, fontsize=10)
    plot.grid(visible=True, color="#eeeeee", linewidth=0.8)
