"""Edits of prompts and parameters fit any request, hold what they promise, and rest when repeated."""

import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.splice import Edit, splice
from waypost.mutations.headers import HeaderChanges, HeaderEdits, headers_of, problems
from waypost.mutations.parameters import (
    TOKENS,
    Limit,
    RequestParameters,
    adjusted,
    parameter_edits,
)
from waypost.mutations.system_prompt import Mode, system_prompt_edits

Document = dict[str, Any]

modes = st.sampled_from(["insert", "replace", "append"])
prompts = st.sampled_from(["Be brief.", "A", "A\n\nA", "é😀"])
texts = st.text(max_size=8) | prompts | st.sampled_from(["A\n\n", "\n\nA", "A\n\nA\n\nA"])
parts = texts | st.fixed_dictionaries({"type": st.just("text"), "text": texts}) | st.just({"type": "image"})
contents = texts | st.none() | st.lists(parts, max_size=3) | st.integers()
roles = st.sampled_from(["system", "developer", "user", "assistant", "System"])
messages = st.fixed_dictionaries({"role": roles}, optional={"content": contents, "name": texts})
chats = st.fixed_dictionaries({"model": st.just("auto"), "messages": st.lists(messages, max_size=4)})


def edited(document: Document, edits: tuple[Edit, ...]) -> Document:
    return cast("Document", json.loads(splice(json.dumps(document).encode(), edits)))


@given(prompts, modes, chats)
def test_a_prompt_stands_where_it_belongs_and_once(prompt: str, mode: Mode, document: Document) -> None:
    after = edited(document, system_prompt_edits(prompt, mode, document))
    first = after["messages"][0]
    assert first["role"] in {"system", "developer"}
    content: Any = first["content"]
    if isinstance(content, list):
        edge: Any = content[0 if mode == "insert" else -1]
        content = edge if isinstance(edge, str) else edge["text"]
    assert content.startswith(prompt) if mode == "insert" else content.endswith(prompt)
    assert system_prompt_edits(prompt, mode, after) == ()


@given(prompts, st.sampled_from(["insert", "append"]), chats)
def test_nothing_of_the_client_is_lost(prompt: str, mode: Mode, document: Document) -> None:
    after = edited(document, system_prompt_edits(prompt, mode, document))
    before, now = document["messages"], after["messages"]
    if len(now) == len(before) + 1:
        assert now[1:] == before
        return
    assert now[1:] == before[1:]
    old: Any = before[0].get("content") or ""
    new: Any = now[0]["content"]
    assert {**now[0], "content": None} == {**before[0], "content": None}
    assert len(old) <= len(new)
    assert (new[len(new) - len(old) :] if mode == "insert" else new[: len(old)]) == (old or new[:0])


names = st.sampled_from(["n", "temperature", "user", "seed", "stop", *TOKENS])
spellings = names | names.map(str.upper) | names.map(str.title)
numbers = (
    st.integers() | st.sampled_from([10**400, -(10**400)]) | st.floats(allow_nan=False, allow_infinity=False)
)
values = numbers | st.none() | st.booleans() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
requests = st.dictionaries(spellings, values, max_size=8).map(
    lambda sent: {"model": "auto", "messages": [], **sent}
)
bounds = st.integers(1, 100)
limits = st.tuples(bounds, bounds).map(lambda two: Limit(min=min(two), max=max(two))) | bounds.map(float)


@st.composite
def blocks(draw: st.DrawFn) -> RequestParameters:
    """Blocks without problems: no name is limited and blocked, no default is outside its limit."""
    limited = draw(st.dictionaries(names, limits, max_size=3))
    if {*TOKENS} <= limited.keys():
        del limited[TOKENS[0]]
    free = [name for name in ("n", "user", "seed", "stop") if name not in limited]
    defaults = draw(
        st.dictionaries(st.sampled_from(free), values.filter(lambda v: v is not None))
        if free
        else st.just({})
    )
    blocked = draw(st.lists(st.sampled_from(free), max_size=2)) if free else []
    return RequestParameters(limits=limited, defaults=defaults, blocked=tuple(blocked))


@given(blocks(), requests)
def test_parameters_hold_what_they_promise(block: RequestParameters, document: Document) -> None:
    edits, notes = parameter_edits(block, document)
    after = edited(document, edits)
    for name, written in block.limits.items():
        limit = written if isinstance(written, Limit) else Limit(max=written)
        for each in TOKENS if name in TOKENS else (name,):
            assert [key for key in after if key.casefold() == each and key != each] == []
            if (sent := after.get(each)) is not None:
                assert type(sent) in {int, float}
                assert (limit.min is None or limit.min <= sent) is True
                assert (limit.max is None or sent <= limit.max) is True
        if name in TOKENS and limit.max is not None:
            assert any(after.get(each) is not None for each in TOKENS)
    for name in block.blocked:
        assert [key for key in after if key.casefold() == name and key != name] == []
        assert (name in after) == (name in block.defaults)
    assert all(after.get(name) is not None for name in block.defaults)
    untouched = {name: value for name, value in document.items() if name in after and after[name] == value}
    told = {note.parameter for note in notes}
    changed = document.keys() ^ after.keys() | (document.keys() - untouched.keys())
    assert {key.casefold() for key in changed} <= told
    assert len(adjusted(notes)) < 1020
    assert parameter_edits(block, after) == ((), ())


@given(st.text(max_size=12), st.text(max_size=12))
def test_headers_without_problems_can_be_sent(name: str, value: str) -> None:
    block = HeaderEdits(request=HeaderChanges(set={name: value}))
    if any(problems(block)):
        return
    ((sent, told),) = headers_of(block.request).set
    assert sent == sent.lower()
    assert sent.isascii()
    assert sent.replace("-", "").replace("_", "").isalnum()
    assert told.isascii()
    assert told.isprintable()
    assert told == told.strip()
