"""Whatever a file holds, loading it gives a policy or problems at real places; no secret is ever shown."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from waypost.config import schema
from waypost.config.load import Loaded, load
from waypost.config.readback import read_back
from waypost.config.render import brief, render
from waypost.config.show import as_yaml
from waypost.errors import ConfigError, Problem
from waypost.signals.registry import BUILT_IN

EXAMPLES = Path(__file__).parents[2] / "examples"
VALID = "".join((EXAMPLES / f"{name}.yaml").read_text() for name in ("providers", "clinic"))
CANARY = "canary-7f3a9c"

BLOCKS = (
    schema.Document, schema.Provider, schema.Model, schema.Rule, schema.Route, schema.Block, schema.Respond,
    schema.Case, schema.Category, *BUILT_IN.values(),
)  # fmt: skip
KEYS = sorted({f.name for block in BLOCKS for f in fields(block)} | {"type", "a_keywords", *schema.GROUPS})
WORDS = [
    "route", "block", "respond", "openai", "vllm", "a", "b", "internal", "${A}", "${A:-d}", "${", "auto",
    "http://h/v1", "semantic_classification", *BUILT_IN,
]  # fmt: skip

keys = st.sampled_from(KEYS) | st.sampled_from(["a", "b"]) | st.text(max_size=5)
scalars = (
    st.sampled_from(WORDS) | st.text(max_size=8) | st.integers() | st.floats() | st.booleans() | st.none()
)
data = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)
names = st.sampled_from(["a", "b"])
conditions = st.recursive(
    st.fixed_dictionaries({"type": st.sampled_from([*BUILT_IN, "nope"])}, optional={
        "keywords": st.lists(st.text(max_size=5) | st.sampled_from(["x", "X", "xs"]), max_size=3),
        "lists": st.lists(names, max_size=2), "patterns": st.lists(st.text(max_size=6), max_size=2),
        "match": st.sampled_from(["any", "all"]), "min_matches": st.integers(-1, 4),
        "scope": st.sampled_from(["all", "user", "nope"]), "min_tokens": st.integers(-1, 9),
    }),
    lambda inner: st.dictionaries(
        st.sampled_from(schema.GROUPS), st.lists(inner, max_size=3), min_size=1, max_size=2
    ),
    max_leaves=6,
)  # fmt: skip
actions = st.fixed_dictionaries({"type": st.sampled_from(["route", "block", "respond"])}, optional={
    "endpoint": names, "endpoints": st.lists(names, max_size=3),
    "boundary": st.sampled_from(["internal", "external"]),
    "message": st.text(max_size=5), "reasoning": st.text(max_size=5) | st.booleans(),
})  # fmt: skip
rules = st.fixed_dictionaries(
    {
        "name": st.text("ab", min_size=1, max_size=2),
        "conditions": st.lists(conditions, max_size=3),
        "action": actions,
    },
    optional={"priority": st.integers(-2, 2), "on_error": st.sampled_from(["open", "closed"])},
)
documents = st.fixed_dictionaries({
    "providers": st.just({"p": {"kind": "ollama", "zone": "internal"}, "q": {"kind": "ollama"}}),
    "models": st.just({"a": {"provider": "p"}, "b": {"provider": "q"}}),
    "default_model": names,
    "routing_rules": st.lists(rules, max_size=4),
    "a_keywords": st.dictionaries(names, st.lists(st.sampled_from(["x", "y", "..."]), max_size=3)),
}, optional={"unscannable": st.sampled_from(["allow", "block", {"reroute": "internal"}])})  # fmt: skip


@contextmanager
def on_disk(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "waypost.yaml"
        path.write_bytes(content)
        yield path


def outcome(content: bytes, **environ: str) -> Loaded | ConfigError:
    """What loading gives; any other exception fails the test."""
    told: Loaded | ConfigError
    with on_disk(content) as path:
        try:
            told = load([path], {"HOME": "/h"} | environ)
        except ConfigError as error:
            told = error
    assert isinstance(told, ConfigError) == any(p.severity == "error" for p in told.problems)
    are_placed(told.problems, content)
    return told


def are_placed(problems: Any, content: bytes) -> None:
    lines = content.decode("utf-8", "replace").splitlines()  # the breaks that YAML knows
    for problem in problems:
        if problem.line == 0:
            continue  # the file as a whole
        assert 1 <= problem.line <= len(lines) + 1
        assert problem.column >= 1


def everything_shown(told: Loaded | ConfigError) -> str:
    problems: list[Problem] = list(told.problems)
    shown = [render(problems, told.sources), *map(brief, problems), *(p.path for p in problems)]
    if isinstance(told, Loaded):
        shown += [as_yaml(told.document), repr(told.policy), *read_back(told.policy)]
    return "\n".join([*shown, str(told)])


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    outcome(content)


@given(st.text(st.sampled_from("ab:- \n\t{}[],&*<!|>'\"#%@`$~?é\x00\u2028\r"), max_size=60))
def test_any_yaml_like_text(text: str) -> None:
    everything_shown(outcome(text.encode()))


@given(st.dictionaries(keys, data, max_size=6))
def test_any_structure_of_known_keys(document: dict[str, Any]) -> None:
    everything_shown(outcome(yaml.safe_dump(document, allow_unicode=True).encode("utf-8", "replace"), A="x"))


@given(documents)
def test_any_rules_load_and_read_back_or_are_explained(document: dict[str, Any]) -> None:
    told = outcome(yaml.safe_dump(document, sort_keys=False).encode())
    if isinstance(told, Loaded):
        assert len(read_back(told.policy)) == len(document["routing_rules"]) + 1
        assert told.policy.rules[-1].name == "semantic_classification"


@given(st.data())
def test_a_valid_file_with_a_slip_of_the_hand(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(VALID)))
    end = data.draw(st.integers(start, min(start + 30, len(VALID))))
    everything_shown(
        outcome((VALID[:start] + data.draw(st.text(max_size=3)) + VALID[end:]).encode("utf-8", "replace"))
    )


SECRET = f"""\
listen: 127.0.0.1:8801
providers:
  one:
    kind: openai
    api_key: {CANARY}-plain
    zone: internal
  two: {{kind: openai, api_key: "{CANARY}-quoted", organization: org}}
  three:
    api_key: >-
      {CANARY}-folded
    kind: openai
  four:
    kind: openai
    api_key: "${{KEY}}"
models:
  a: {{provider: one}}
default_model: a
"""


@given(st.data())
def test_a_secret_is_never_shown_whatever_is_wrong_around_it(data: st.DataObject) -> None:
    lines = SECRET.split("\n")
    number = data.draw(st.integers(0, len(lines) - 1))
    line = lines[number]
    whole = range(line.find(CANARY), len(line)) if CANARY in line else range(0)
    places = [n for n in range(len(line) + 1) if n not in whole[1:]]
    cut = data.draw(st.sampled_from(places))
    slip = data.draw(
        st.sampled_from(
            ["", " ", ":", "x", "\t", "{", "]", "#", "\n", "- ", "'", "&", "!", "*", "|", "?", "@", "%", "${"]
        )
    )
    lines[number] = line[:cut] + slip + line[cut:]
    told = outcome("\n".join(lines).encode(), KEY=f"{CANARY}-environment")
    assert CANARY not in everything_shown(told)
