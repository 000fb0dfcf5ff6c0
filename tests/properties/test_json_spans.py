"""A body is edited, never rewritten: whatever JSON it is and however it is written."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.spans import replace_model, top_level

space = st.text(" \t\n\r", max_size=3)
numbers = st.sampled_from(
    ["0", "-0.0", "1E5", "1e-7", "1.0", "123456789012345678901234567890", "1.50", "1E400"]
)
any_text = st.text(max_size=20) | st.sampled_from(["model", '"', "\\", "}", "]", "\u2028", "😀", "\ud800"])


@st.composite
def strings(draw: st.DrawFn) -> str:
    """A JSON string, each character spelled in one of the ways JSON offers."""
    spelled: list[str] = []
    for char in draw(any_text):
        ways = [json.dumps(char)[1:-1]]
        if ord(char) < 0x10000:
            ways += [f"\\u{ord(char):04x}", f"\\u{ord(char):04X}"]
        if char == "/":
            ways.append("\\/")
        if char not in '"\\' and char >= " " and not "\ud800" <= char <= "\udfff":
            ways.append(char)
        spelled.append(draw(st.sampled_from(ways)))
    return f'"{"".join(spelled)}"'


@st.composite
def arrays(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(inner, max_size=4))
    return f"[{draw(space)}{','.join(f'{draw(space)}{item}{draw(space)}' for item in items)}]"


@st.composite
def objects(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    items = draw(st.lists(st.tuples(strings(), inner), max_size=4))
    members = (f"{draw(space)}{key}{draw(space)}:{draw(space)}{value}{draw(space)}" for key, value in items)
    return f"{{{draw(space)}{','.join(members)}}}"


values = st.recursive(
    numbers | strings() | st.sampled_from(["true", "false", "null"]),
    lambda inner: arrays(inner) | objects(inner),
    max_leaves=12,
)


def is_model(key: str) -> bool:
    return json.loads(key) == "model"


@given(
    st.lists(st.tuples(strings().filter(lambda key: not is_model(key)), values), max_size=5),
    st.integers(0, 5),
    st.sampled_from(['"model"', '"mod\\u0065l"', '"\\u006dodel"']),
    values,
    st.text(max_size=20).filter(lambda name: name.isprintable()),
    space,
)
def test_only_the_value_of_the_outer_model_changes(
    others: list[tuple[str, str]], at: int, key: str, old: str, new: str, gap: str
) -> None:
    before = "".join(f"{k}{gap}:{gap}{v},{gap}" for k, v in others[:at])
    after = "".join(f",{gap}{k}:{v}{gap}" for k, v in others[at:])
    start, end = f"{gap}{{{gap}{before}{key}{gap}:{gap}", f"{gap}{after}}}{gap}"
    body = f"{start}{old}{end}".encode()
    edited = replace_model(body, new)
    assert edited.startswith(start.encode())
    assert edited.endswith(end.encode())
    assert json.loads(edited[len(start.encode()) : len(edited) - len(end.encode())]) == new
    assert replace_model(edited, new) == edited


@given(st.lists(st.tuples(strings(), values), max_size=6), space)
def test_spans_say_what_a_parser_says(members: list[tuple[str, str]], gap: str) -> None:
    body = f"{gap}{{{','.join(f'{gap}{k}{gap}:{gap}{v}{gap}' for k, v in members)}{gap}}}{gap}".encode()
    pairs: list[tuple[str, Any]] = []
    json.loads(body, object_pairs_hook=lambda found: pairs.__setitem__(slice(None), found) or dict(found))
    spans = [(key, json.loads(body[start:end])) for key, start, end in top_level(body)]
    assert [key for key, _ in spans] == [key for key, _ in pairs]
    assert json.dumps([value for _, value in spans]) == json.dumps([value for _, value in pairs])
