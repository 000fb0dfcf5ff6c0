"""What a body says about thinking: edits touch nothing else, and need no second time, whatever was sent."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.splice import splice
from waypost.mutations.reasoning import EFFORTS, FAMILIES, Reasoning, ReasoningFamily, reasoning_edits
from waypost.providers.provider import ProviderKind

NAMES = ("enable_thinking", "thinking", "reasoning_effort", "reasoning", "effort", "type", "other")
KINDS: tuple[ProviderKind, ...] = ("openai", "vllm", "ollama", "openai_compatible")

leaves = st.sampled_from([None, True, False, 0, 1, 1.5, "", "none", "low", "high", "enabled", "disabled"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from((*NAMES, "chat_template_kwargs", "model")), values, max_size=6)
families = st.sampled_from(tuple(FAMILIES.values())) | st.builds(
    ReasoningFamily,
    type=st.sampled_from(
        ["chat_template_kwargs", "reasoning_effort", "top_level_reasoning_effort", "thinking"]
    ),
    parameter=st.sampled_from([None, "thinking", "reasoning.effort", "reasoning.other.effort"]),
    effort_in=st.sampled_from(["top", "kwargs", "both"]),
    efforts=st.lists(st.sampled_from(EFFORTS), min_size=1, max_size=3).map(tuple),
)
decided = st.builds(
    Reasoning,
    on=st.sampled_from([True, False, None]),
    effort=st.sampled_from(EFFORTS),
    because=st.just(""),
)


def edited(
    family: ReasoningFamily, kind: ProviderKind, reasoning: Reasoning, document: dict[str, Any]
) -> dict[str, Any]:
    return json.loads(
        splice(json.dumps(document).encode(), reasoning_edits(family, kind, reasoning, document))
    )


def members(document: object, at: tuple[str, ...] = ()) -> dict[tuple[str, ...], object]:
    """Every value that is no object, by its path; an empty object counts as one."""
    if not isinstance(document, dict) or not document:
        return {at: document}
    return {
        path: value for key, inner in document.items() for path, value in members(inner, (*at, key)).items()
    }


@given(families, st.sampled_from(KINDS), decided, documents)
def test_a_second_time_changes_nothing(
    family: ReasoningFamily, kind: ProviderKind, reasoning: Reasoning, document: dict[str, Any]
) -> None:
    once = edited(family, kind, reasoning, document)
    assert reasoning_edits(family, kind, reasoning, once) == ()


@given(families, st.sampled_from(KINDS), decided, documents)
def test_the_edits_of_one_decision_applied_twice_are_applied_once(
    family: ReasoningFamily, kind: ProviderKind, reasoning: Reasoning, document: dict[str, Any]
) -> None:
    edits = reasoning_edits(family, kind, reasoning, document)
    once = splice(json.dumps(document).encode(), edits)
    assert splice(once, edits) == once


@given(families, st.sampled_from(KINDS), decided, documents)
def test_nothing_but_what_an_edit_names_changes(
    family: ReasoningFamily, kind: ProviderKind, reasoning: Reasoning, document: dict[str, Any]
) -> None:
    named = [edit.path for edit in reasoning_edits(family, kind, reasoning, document)]
    before, after = members(document), members(edited(family, kind, reasoning, document))
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    for path in changed:
        assert any(path[: len(name)] == name or name[: len(path)] == path for name in named)


@given(families, st.sampled_from(KINDS), decided, documents)
def test_what_a_client_sent_is_never_lost_where_it_is_switched_off(
    family: ReasoningFamily, kind: ProviderKind, reasoning: Reasoning, document: dict[str, Any]
) -> None:
    if reasoning.on or family.type == "thinking":  # whose API takes no arguments for a template
        return
    after = members(edited(family, kind, reasoning, document))
    for path, value in members(document).items():
        assert value in (None, {}) or after[path] == value


@given(families, st.sampled_from(KINDS), documents)
def test_a_body_is_left_alone_where_nothing_could_be_judged(
    family: ReasoningFamily, kind: ProviderKind, document: dict[str, Any]
) -> None:
    unknown = Reasoning(on=None, effort=None, because="")
    assert reasoning_edits(family, kind, unknown, document) == ()
