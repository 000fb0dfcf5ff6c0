"""What `domain` and `intent` share: labels of one head, whose probabilities count together."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

from waypost.signals.base import Lint, Verdict


def canonical(label: str) -> str:
    """A label without case, spaces around it and dashes."""
    return label.strip().lower().replace("-", "_")


def known(label: str, labels: Sequence[str]) -> str | None:
    """The label of a head that `label` means; None when there is none."""
    plain = canonical(label)
    return next((name for name in labels if name in {plain, plain.replace("_", " ")}), None)


def together(head: str, found: Mapping[str, float], wanted: Sequence[str], threshold: float) -> Verdict:
    """Whether the wanted labels of a head together reach `threshold`; the likeliest of them is the label."""
    score = min(1.0, sum(found[name] for name in wanted))
    best = max(wanted, key=lambda name: found[name])
    top = max(found, key=lambda name: found[name])
    shown = best if len(wanted) == 1 else f"{best} and {len(wanted) - 1} more"
    because = f"{head} {shown}: p={score:.2f}, threshold {threshold:g}"
    if top not in wanted:
        because += f"; likeliest is {top} with {found[top]:.2f}"
    return Verdict(best if score >= threshold else None, score, because, threshold=threshold)


def lint_labels(field: str, wanted: Sequence[str], labels: Sequence[str]) -> Iterator[Lint]:
    """Labels that are missing or unknown."""
    if not wanted:
        yield Lint(field, f"no {field}", f"name some of {', '.join(labels)}")
    for number, name in enumerate(wanted):
        if known(name, labels) is None:
            near = get_close_matches(canonical(name).replace("_", " "), labels, n=1, cutoff=0.5)
            remedy = f"did you mean {near[0]}?" if near else f"known ones: {', '.join(labels)}"
            yield Lint(f"{field}[{number}]", f"{name!r} is unknown to the classifiers", remedy)


def lint_threshold(threshold: float, chance: float = 0.0) -> Iterator[Lint]:
    """A threshold that no probability reaches, that hardly one does, or that a guess does.

    Args:
        threshold: as written.
        chance: what somebody who knows nothing would give the wanted labels.
    """
    if not 0 < threshold <= 1:
        yield Lint("threshold", f"threshold is {threshold:g}", "give a probability above 0, at most 1")
    elif threshold > _SURE:
        message = f"hardly any request reaches a threshold of {threshold:g}"
        yield Lint("threshold", message, "0.5 means: likelier than not", "warning")
    elif threshold <= chance:
        message = f"even a guess reaches a threshold of {threshold:g}"
        yield Lint("threshold", message, f"give more than {chance:.2f}", "warning")


_SURE: Final = 0.99
