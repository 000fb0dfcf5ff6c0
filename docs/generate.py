"""Reference pages that are drawn from the code: `make docs` writes them, `tests/docs` compares them.

Hand-written pages stand beside them; a page made here says so in its first lines.
"""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from waypost.cli import cli
from waypost.configurable import schema
from waypost.errors import Exit
from waypost.signals.base import Signal
from waypost.signals.registry import BUILT_IN
from waypost.transport.phases import PHASES

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Written by docs/generate.py (`make docs`); edit the code it is drawn from. -->"


COMMAND_LINE = """\
# Command line

After this page you know every verb, its options and what its exit code means.

With `--json` a verb prints one object with a `schema` such as `waypost/route.v1` on standard output. Logs and
progress go to standard error.

## Exit codes

| code | meaning |
|---|---|"""

CONDITIONS = """\
# Conditions

After this page you can write any condition of a rule.

A condition is a mapping whose `type` is one of the names below. The conditions of a rule must all hold;
`all_of`, `any_of` and `none_of` nest. To add one see [Add a signal](../how-to/add-a-signal.md)."""


MESSAGES = """\
# ext_proc messages

After this page you know every message that Envoy sends to Waypost, and what each needs back.

The router filter stands on the listener and has one gRPC stream per request; the upstream filter stands in
every provider's cluster and has one per attempt. Why, and what travels between them, is told in
[Two-level ext_proc](../explanation/two-level-ext-proc.md)."""


def command_line() -> Iterator[str]:
    """Every verb with its help, and the exit codes."""
    yield COMMAND_LINE
    yield from (f"| {code.value} | {EXITS[code]} |" for code in Exit)
    yield from _verbs(cli, click.Context(cli, info_name="waypost", terminal_width=100))


EXITS = {
    Exit.OK: "done, nothing found",
    Exit.FINDINGS: "a check or test case failed, or there are findings",
    Exit.USAGE: "the command line is wrong",
    Exit.CONFIG: "the configuration cannot be used",
    Exit.PROVIDER: "a provider, the network or Envoy failed",
    Exit.INTEGRITY: "the audit log was changed",
    Exit.INTERRUPTED: "interrupted",
}


def _verbs(group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None  # noqa: S101  the group listed it
        inner = click.Context(command, context, info_name=name, terminal_width=100)
        yield f"\n## {inner.command_path}\n\n```text\n{command.get_help(inner)}\n```"
        if isinstance(command, click.Group):
            yield from _verbs(command, inner)


def signals() -> Iterator[str]:
    """Every condition type with its fields."""
    yield CONDITIONS
    for kind, signal in sorted(BUILT_IN.items()):
        yield f"\n## {kind}\n\n{inspect.cleandoc(signal.__doc__ or '')}"
        yield from _fields(signal)


def _fields(signal: type[Signal]) -> Iterator[str]:
    told = schema(signal)
    required = told.get("required", [])
    yield "\n| field | value | default | meaning |\n|---|---|---|---|"
    for name, field in told.get("properties", {}).items():
        default = "required" if name in required else f"`{json.dumps(field.get('default'))}`"
        meaning = " ".join(field.get("description", "").split())
        yield f"| `{name}` | {_cell(_type(field, told.get('$defs', {})))} | {default} | {_cell(meaning)} |"


def _type(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "$ref" in field:
        return _type(definitions[field["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in field:
        return " or ".join(t for t in (_type(each, definitions) for each in field["anyOf"]) if t != "null")
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_type(field.get('items', {}), definitions)}"
    low, high = field.get("minimum"), field.get("maximum")
    limits = (
        f" from {low} to {high}"
        if None not in {low, high}
        else f", at least {low}"
        if low is not None
        else ""
    )
    return f"{kind}{limits}"


def messages() -> Iterator[str]:
    """The conversation between Envoy and the two filters."""
    yield MESSAGES
    for (role, phase), contract in PHASES.items():
        usual = phase if phase in contract.answers else ""
        answers = sorted(contract.answers, key=lambda answer: (answer != usual, answer))
        yield f"\n## {role} filter: {phase}\n"
        yield f"- **Answered with** {' or '.join(f'`{answer}`' for answer in answers)}."
        yield f"- **Must** {contract.must}."
        yield f"- **May** {contract.may}."
        yield f"- **Must not** {contract.must_not}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "cli.md": command_line,
    "signals.md": signals,
    "extproc.md": messages,
}


def page(name: str) -> str:
    """The text of one page, as it should stand in the file."""
    title, _, rest = "\n".join(PAGES[name]()).partition("\n")
    return f"{title}\n\n{MADE}\n{rest}\n"


if __name__ == "__main__":
    for name in PAGES:
        (REFERENCE / name).write_text(page(name), encoding="utf-8")
