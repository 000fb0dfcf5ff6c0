"""The system prompts that come with Waypost: which of them is meant, and how their file is read."""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Final

from waypost.signals.labelled import known
from waypost.signals.labels import DOMAINS, INTENTS

AUTO: Final = "auto"
"""Name of the prompt that belongs to whatever a category stands for."""

LABELS: Final = (*DOMAINS, *INTENTS)
"""Everything there is a prompt for; no intent is called like a domain."""


def meant(builtin: str, labels: Sequence[str]) -> str | None:
    """The label whose prompt `builtin` names; None when there is none, or no single one.

    Args:
        builtin: a domain or an intent in any spelling `known` takes, `auto`, or empty.
        labels: what `auto` chooses from: domains and intents of the category.
    """
    if builtin == AUTO:
        return labels[0] if len(labels) == 1 else None
    return known(builtin, LABELS)


def read(text: str) -> Mapping[str, str]:
    """The prompts of a file by label; line breaks in them count as spaces.

    Args:
        text: TOML with a table `domain.<label>` or `intent.<label>` for every label, and a `text` in each.

    Raises:
        ValueError: a prompt is missing, empty, or belongs to no label.
    """
    tables = tomllib.loads(text)
    found: dict[str, str] = {}
    for kind, labels in (("domain", DOMAINS), ("intent", INTENTS)):
        written = tables.get(kind, {})
        prompts = {label: " ".join(str(table["text"]).split()) for label, table in written.items()}
        if prompts.keys() != set(labels) or not all(prompts.values()):
            wrong = sorted(prompts.keys() ^ set(labels)) or [
                name for name, said in prompts.items() if not said
            ]
            msg = f"built-in prompts of {kind}: missing, empty or too many: {', '.join(wrong)}"
            raise ValueError(msg)
        found |= prompts
    return found
