"""Reference pages that are drawn from the code: `make docs` writes them, `tests/docs` compares them.

Hand-written pages stand beside them; a page made here says so in its first lines.
"""

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from bench.encoder_report import tables
from bench.report import conditions, keywords, streams, summary, table
from waypost.cli import cli
from waypost.config.schema import json_schema
from waypost.configurable import schema
from waypost.errors import Exit
from waypost.observe.metrics import METRICS
from waypost.signals.base import Signal
from waypost.signals.registry import BUILT_IN
from waypost.transport.phases import PHASES

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
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


CONFIGURATION = """\
# Configuration

After this page you know every key of the file.

The file is YAML, read strictly: an unknown key, a key given twice or a wrong type is an error that names its
line and column. `waypost check` shows all of them at once; `waypost config schema` prints the JSON Schema for
editors, and `waypost config show` what took effect.

- `${VAR}` and `${VAR:-default}` in a value are replaced from the environment, also inside quotes; `$${`
  stands for the characters `${`. Inside `{ }` and `[ ]` a variable needs quotes. What the environment gives
  is text: it is never read as YAML.
- Several files (`-c A -c B`, or `include`) are joined: lists are appended, maps merged. A name that two files
  give is an error. A file of rules, keyword lists and test cases alone is complete beside one with providers
  and models.
- Top-level maps whose name ends in `_keywords` are keyword lists: the group `pay` of `hr_keywords` is the
  list `pay`, and also `hr_keywords.pay`.
- `on`, `no` and `12:30` are text, as in YAML 1.2.

## Top level
"""


MESSAGES = """\
# ext_proc messages

After this page you know every message that Envoy sends to Waypost, and what each needs back.

The router filter stands on the listener and has one gRPC stream per request; the upstream filter stands in
every provider's cluster and has one per attempt. Why, and what travels between them, is told in
[Two-level ext_proc](../explanation/two-level-ext-proc.md)."""


METRICS_PAGE = """\
# Metrics

After this page you know every metric that `/metrics` on the admin port shows.

Values of labels are names of the configuration or words of this page; what is neither counts as `other`.
Nothing that a client sends becomes a label. Counters go on when the worker is started again, and begin anew
with `waypost serve`; those from Envoy begin anew with Envoy.

| metric | kind | labels | from | meaning |
|---|---|---|---|---|"""


def command_line() -> Iterator[str]:
    """Every verb with its help, and the exit codes."""
    yield COMMAND_LINE
    yield from (f"| {code.value} | {EXITS[code]} |" for code in Exit)
    yield from _verbs(cli, click.Context(cli, info_name="waypost", **WIDE))


WIDE = {"terminal_width": 100, "help_option_names": ["-h", "--help"]}

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
        inner = click.Context(command, context, info_name=name, **WIDE)
        yield f"\n## {inner.command_path}\n\n```text\n{command.get_help(inner)}\n```"
        if isinstance(command, click.Group):
            yield from _verbs(command, inner)


def signals() -> Iterator[str]:
    """Every condition type with its fields."""
    yield CONDITIONS
    for kind, signal in sorted(BUILT_IN.items()):
        yield f"\n## {kind}\n\n{inspect.cleandoc(signal.__doc__ or '')}"
        yield from _fields(signal)


def configuration() -> Iterator[str]:
    """Every key of the file, block by block."""
    told = json_schema({})
    definitions = told["$defs"]
    yield CONFIGURATION
    yield from _table(told, definitions)
    for name, block in definitions.items():
        if name != "Condition":
            yield f"\n## {name}\n\n{block.get('description', '')}"
            yield from _table(block, definitions)


def _fields(signal: type[Signal]) -> Iterator[str]:
    told = schema(signal)
    yield from _table(told, told.get("$defs", {}))


def _table(told: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[str]:
    required = told.get("required", [])
    yield "\n| field | value | default | meaning |\n|---|---|---|---|"
    for name, field in told.get("properties", {}).items():
        default = f"`{json.dumps(field['default'])}`" if field.get("default") is not None else ""
        default = "required" if name in required else default
        meaning = " ".join(field.get("description", "").split())
        yield f"| `{name}` | {_cell(_type(field, definitions))} | {default} | {_cell(meaning)} |"


def _type(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """A JSON Schema in a few words."""
    match field:
        case {"$ref": str(name)}:
            told = _reference(name.rpartition("/")[2], definitions)
        case {"anyOf": list(options)} | {"oneOf": list(options)}:
            told = " or ".join(t for t in (_type(each, definitions) for each in options) if t != "null")
        case {"enum": list(values)}:
            told = ", ".join(f"`{value}`" for value in values)
        case {"const": value}:
            told = f"`{value}`"
        case {"type": "array"}:
            told = f"list of {_type(field.get('items', {}), definitions)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            told = f"names and {_type(values, definitions)}"
        case {"type": "object", "patternProperties": dict(values)}:
            told = f"names and {_type(next(iter(values.values())), definitions)}"
        case _:
            told = f"{field.get('type', 'any')}{_limits(field)}"
    return told


def _reference(name: str, definitions: Mapping[str, Any]) -> str:
    if name == "Condition":
        return "[condition](signals.md)"
    is_block = "properties" in definitions[name]
    return f"[{name}](#{name.lower()})" if is_block else _type(definitions[name], definitions)


def _limits(field: Mapping[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is None:
        return ""
    return f", at least {low}" if high is None else f" from {low} to {high}"


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


def metrics() -> Iterator[str]:
    """Every metric."""
    yield METRICS_PAGE
    for each in METRICS:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        yield f"| `{each.name}` | {each.kind} | {labels} | {each.source} | {_cell(each.text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "cli.md": command_line,
    "configuration.md": configuration,
    "signals.md": signals,
    "extproc.md": messages,
    "metrics.md": metrics,
}


def measured(figures: Callable[[dict[str, Any]], str]) -> str:
    """Figures of the last committed run of the router benchmark, with the conditions."""
    result = results("router")
    return f"{figures(result)}\n\nMeasured on {conditions(result)}"


def results(name: str) -> dict[str, Any]:
    """What a benchmark wrote when it was last committed."""
    return json.loads((ROOT / f"bench/results/{name}.json").read_text())


def classifying() -> str:
    """Figures of the last committed run of the encoder benchmark."""
    if not (ROOT / "bench/results/encoder.json").exists():
        return "Not measured yet; `make bench-encoder BENCH=--write` does."
    return tables(results("encoder"))


SECTIONS: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {"measured": lambda: measured(summary)},
    "docs/explanation/performance.md": {
        "measured": lambda: f"{measured(table)}\n\n{keywords(results('keywords'))}",
        "streaming": lambda: streams(results("stream")),
        "classifying": classifying,
    },
}
"""Hand-written pages with parts that are drawn, each between two comments with its name."""


def with_section(name: str) -> str:
    """The text of such a page, as it should stand in the file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for section, draw in SECTIONS[name].items():
        before, begin, rest = text.partition(f"<!-- {section} -->\n")
        _, end, after = rest.partition(f"<!-- /{section} -->")
        text = f"{before}{begin}{draw()}\n{end}{after}"
    return text


def page(name: str) -> str:
    """The text of one page, as it should stand in the file."""
    title, _, rest = "\n".join(PAGES[name]()).partition("\n")
    return f"{title}\n\n{MADE}\n{rest}\n"


if __name__ == "__main__":
    for name in PAGES:
        (REFERENCE / name).write_text(page(name), encoding="utf-8")
    for name in SECTIONS:
        (ROOT / name).write_text(with_section(name), encoding="utf-8")
    editors = Path(__file__).parents[1] / "examples" / "waypost.schema.json"
    editors.write_text(json.dumps(json_schema(BUILT_IN), indent=2) + "\n", encoding="utf-8")
