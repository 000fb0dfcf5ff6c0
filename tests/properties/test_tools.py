"""Tools: what a client needs leaves, what is blocked does not, and the rest is as it came."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.openai_chat import parse
from waypost.dialects.splice import splice
from waypost.mutations.tools import LEAST, Catalogue, Stocked, ToolSettings, choose, describe, offered, wanted

NAMES = ("a", "b", "git_log", "git_push", "search_web", "x y", "é")
names = st.sampled_from(NAMES)
odd = st.none() | st.booleans() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
functions = st.fixed_dictionaries({"name": names}, optional={"description": odd, "parameters": odd})
tools = st.one_of(
    functions.map(lambda function: {"type": "function", "function": function}),
    functions.map(lambda function: {"type": "custom", "custom": function}),
    st.just({"type": "web_search"}),
    odd,
)
choices = st.one_of(
    st.sampled_from(["auto", "none", "required", None]),
    names.map(lambda name: {"type": "function", "function": {"name": name}}),
    odd,
)
patterns = st.lists(st.sampled_from([*NAMES, "git_*", "*", "web_search"]), max_size=2).map(tuple)
bodies = st.fixed_dictionaries(
    {"model": st.just("auto"), "messages": st.just([{"role": "user", "content": "please search_web for a"}])},
    optional={
        "tools": st.lists(tools, max_size=9) | odd,
        "functions": st.lists(functions, max_size=5),
        "tool_choice": choices,
        "function_call": choices,
        "parallel_tool_calls": st.booleans(),
    },
)
STOCK = Catalogue.of(
    Stocked(
        name, describe(name, f"does {name}"), json.dumps({"type": "function", "function": {"name": name}})
    )
    for name in ("a", "git_push", "new")
)


@st.composite
def settings(draw: st.DrawFn) -> ToolSettings:
    return ToolSettings(
        mode=draw(st.sampled_from(["off", "filter", "add"])),
        catalogue=Path("tools.json"),
        top_k=draw(st.integers(1, 4)),
        floor=draw(st.sampled_from([0.0, 0.3, 1.0])),
        always=draw(patterns),
        allow=draw(patterns),
        block=draw(patterns),
        only_auto=draw(st.booleans()),
    )


@given(given_=settings(), body=bodies, random=st.randoms(use_true_random=False), works=st.booleans())
def test_what_leaves(given_: ToolSettings, body: dict[str, Any], random: Any, *, works: bool) -> None:
    request = parse(json.dumps(body, indent=1).encode())
    open_ = wanted(given_, request, "please search_web for a", STOCK)
    offer = offered(request)
    if open_ is None:
        assert all(given_.permits(tool.name) for tool in offer.tools)
        return
    texts = open_.examples.texts if open_.examples else ()
    compared = works and open_.examples is not None
    chosen = choose(open_, [random.uniform(-1, 1) for _ in texts] if compared else None)
    left = parse(splice(request.original, chosen.edits))
    after = offered(left)
    # Policy first.
    assert all(given_.permits(tool.name) for tool in after.tools)
    # What stays keeps its order and its content; what is new comes behind.
    kept = len(chosen.kept)
    mine = [tool for tool in after.tools if tool.key == "functions" or tool.place < kept]
    whole = json.loads(left.original)
    was = {key: body[key] for key in offer.lists}
    assert all(whole[tool.key][tool.place] in was[tool.key] for tool in mine if tool.key in was)
    assert len(after.tools) == kept + len(chosen.added)
    assert len(offer.tools) == kept + len(chosen.dropped)
    # Nothing is dropped for its rank without being compared, nor below three.
    permitted = [tool for tool in offer.tools if given_.permits(tool.name)]
    if not works or given_.mode != "filter":
        assert kept == len(permitted)
    assert kept >= min(LEAST, len(permitted))
    needed = offer.forced | {"search_web"}
    assert {t.name for t in permitted if t.name in needed} <= {t.name for t in after.tools}
    # A choice among tools that are gone would be refused.
    lost = {tool.key for tool in offer.tools} - {tool.key for tool in after.tools}
    assert "tools" not in lost or not whole.keys() & {"tools", "tool_choice", "parallel_tool_calls"}
    assert "functions" not in lost or not whole.keys() & {"functions", "function_call"}
    # Everything else is untouched.
    about = {"tools", "functions", "tool_choice", "function_call", "parallel_tool_calls"}
    assert {k: v for k, v in whole.items() if k not in about} == {
        k: v for k, v in body.items() if k not in about
    }
    # No name that may hold a text gets into the trace.
    told = {each.name for each in (*chosen.kept, *chosen.added, *chosen.dropped)}
    assert told <= {"a", "b", "git_log", "git_push", "search_web", "new", "web_search", "*"}


@given(st.text(max_size=80), st.text(max_size=80), odd)
def test_any_tool_has_a_text(name: str, description: str, parameters: object) -> None:
    text = describe(name, description, {"properties": {name: parameters}})
    assert ": " in text[:81] or len(text) <= 2 * 81 + 4
