"""Configurations for the tests of this folder: written to disk, loaded, complaints as short tuples."""

import textwrap
from collections.abc import Mapping
from pathlib import Path

from waypost.config.load import Loaded, load
from waypost.errors import ConfigError, Problem
from waypost.signals.base import Signal

BESIDE = """
providers:
  onprem: {kind: vllm, base_url: "http://10.0.0.5:8000/v1", zone: internal}
  cloud: {kind: openai, api_key: "${KEY}"}
models:
  inside: {provider: onprem}
  outside: {provider: cloud, name: gpt-4o}
  outside-too: {provider: cloud, name: gpt-4o-mini}
default_model: outside
"""
ENVIRON = {"KEY": "sk-from-environment", "HOME": "/home/op"}


def write(folder: Path, **files: str) -> list[Path]:
    """Write `name="text"` as `name.yaml`."""
    paths: list[Path] = []
    for name, text in files.items():
        paths.append(folder / f"{name}.yaml")
        paths[-1].write_text(textwrap.dedent(text), "utf-8")
    return paths


def loads(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> Loaded:
    """Load rules beside the providers above."""
    return load(write(folder, rules=text, beside=BESIDE), environ)


def conditions(folder: Path, text: str) -> Mapping[str, Signal]:
    """The questions of conditions, where no guard asks any."""
    files = write(folder, rules=text, beside=BESIDE, unguarded="pii: {action: allow}\n")
    return load(files, ENVIRON).policy.signals


def problems(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> list[Problem]:
    """Everything that is said about a file beside the providers above."""
    try:
        return list(loads(folder, text, environ).problems)
    except ConfigError as error:
        return error.problems


def errors(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> list[tuple[int, int, str]]:
    """Line, column and message of each error."""
    found = problems(folder, text, environ)
    return [(p.line, p.column, p.message) for p in found if p.severity == "error"]


def remarks(folder: Path, text: str, environ: Mapping[str, str] = ENVIRON) -> list[str]:
    """Messages of what is not an error; the file must have none."""
    return [f"{p.severity}: {p.message}" for p in loads(folder, text, environ).problems]


def rule(
    name: str = "r", condition: str = "{type: keyword_match, keywords: [ledgers, ledger]}", **action: str
) -> str:
    """One rule as a list item on a few lines."""
    fields = {"type": "route", "endpoint": "inside"} | action
    shown = ", ".join(f"{key}: {value}" for key, value in fields.items() if value)
    return f"  - name: {name}\n    conditions:\n      - {condition}\n    action: {{{shown}}}\n"
