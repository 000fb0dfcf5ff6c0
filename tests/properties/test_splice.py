"""Whatever JSON a body is and however it is written: edits do what they say, and nothing else."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.splice import Change, Drop, Edit, Insert, Path, Put, Swap, splice

NAMES = ("a", "b", "\u00e9/", '"\\', "\U0001f600")
TEXTS = st.text(st.sampled_from('ab/\u00e9\u2028\n"\\\U0001f600\ud83d\ude00'), max_size=8)
LEAVES = st.none() | st.booleans() | TEXTS | st.sampled_from([0, -7, 10**30, 1.5, -1e-7])
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)

Spans = dict[Path, tuple[int, int]]
"""Where each value stands in the bytes."""


class Scribe:
    """Writes a document in one of the many ways JSON offers, and notes where its values stand."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.body = b""
        self.spans: Spans = {}

    def write(self, value: Any, path: Path = ()) -> None:
        start = len(self.body)
        if isinstance(value, dict):
            self.row("{", [(f"{self.string(key)}{self.gap()}:", key) for key in value], "}", value, path)
        elif isinstance(value, list):
            self.row("[", [("", n) for n in range(len(value))], "]", value, path)
        elif isinstance(value, str):
            self.body += self.string(value).encode()
        else:
            self.body += self.random.choice(
                ["1.50", "1E5", "-0.0"] if value == 1.5 else [json.dumps(value)]
            ).encode()
        self.spans[path] = (start, len(self.body))

    def row(self, first: str, elements: list[tuple[str, Any]], last: str, value: Any, path: Path) -> None:
        self.body += f"{first}{self.gap()}".encode()
        for n, (head, key) in enumerate(elements):
            self.body += f"{f',{self.gap()}' if n else ''}{head}{self.gap() if head else ''}".encode()
            self.write(value[key], (*path, key))
            self.body += self.gap().encode()
        self.body += last.encode()

    def gap(self) -> str:
        return "".join(self.random.choices(" \t\n\r", k=self.random.choice([0, 0, 1, 3])))

    def string(self, text: str) -> str:
        # one character at a time: as the value says it, where halves of an emoji stand apart
        return f'"{"".join(self.random.choice(list(spellings(char))) for char in text)}"'


def spellings(char: str) -> Iterator[str]:
    yield json.dumps(char)[1:-1]
    if char == "/":
        yield "\\/"
    if ord(char) < 0x10000:
        yield f"\\u{ord(char):04X}"
    if char >= " " and char not in '"\\' and not "\ud800" <= char <= "\udfff":
        yield char


@st.composite
def written(draw: st.DrawFn) -> tuple[bytes, Any, Spans]:
    """A body, what it says and where."""
    scribe = Scribe(draw(st.randoms(use_true_random=False)))
    scribe.write(draw(DOCUMENTS))
    return scribe.body, json.loads(scribe.body), scribe.spans


@st.composite
def changes(draw: st.DrawFn, text: str) -> tuple[Change, ...]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return tuple(Change(a, b, draw(TEXTS)) for a, b in zip(cuts[::2], cuts[1::2], strict=False))


@st.composite
def edits_of(draw: st.DrawFn, value: Any, path: Path = ()) -> list[Edit]:
    """Edits of a value that do not contradict each other."""
    roll = draw(st.integers(0, 9))
    if roll == 0:
        return [Put(path, draw(DOCUMENTS))]
    if roll == 1 and path:
        return [Drop(path), *([Swap(path, draw(changes(value)))] if isinstance(value, str) else [])]
    found: list[Edit] = []
    if isinstance(value, str):
        found += [Swap(path, draw(changes(value)))]
    elif isinstance(value, list):
        for n, item in enumerate(value):
            found += draw(edits_of(item, (*path, n)))
        for index in draw(st.lists(st.integers(0, len(value)), max_size=3)):
            found.append(Insert(path, index, draw(LEAVES)))
    elif value is None or isinstance(value, dict):
        for name, item in (value or {}).items():
            found += draw(edits_of(item, (*path, name)))
        for name in draw(st.sets(st.sampled_from(["new", "n\u00e9w", "gone"]), max_size=2)):
            deep = (*path, name, *draw(st.sampled_from([(), ("x",), ("x", "y")])))
            found.append(Drop(deep) if name == "gone" else Put(deep, draw(LEAVES)))
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[bytes, Any, list[Edit]]:
    body, document, _ = draw(written())
    edits = draw(edits_of(document))
    inserts = [edit for edit in edits if isinstance(edit, Insert)]  # those at one index have an order
    others = draw(st.permutations([edit for edit in edits if not isinstance(edit, Insert)]))
    return body, document, [*others, *inserts] if draw(st.booleans()) else [*inserts, *others]


GONE = object()


def reference(value: Any, edits: list[Edit], path: Path = ()) -> Any:
    """The same edits of a parsed document."""
    here = [edit for edit in edits if edit.path == path]
    if any(isinstance(edit, Drop) for edit in here):
        return GONE
    for edit in here:
        if isinstance(edit, Put):
            return edit.value
    puts = [edit for edit in edits if isinstance(edit, Put) and edit.path[: len(path)] == path]
    if value is GONE or value is None:
        return reference({}, edits, path) if puts else value
    if isinstance(value, str):
        swaps = [change for edit in here if isinstance(edit, Swap) for change in edit.changes]
        # From the end; several at one place keep their order.
        for change in sorted(swaps, key=lambda change: (change.start, change.end))[::-1]:
            value = value[: change.start] + change.text + value[change.end :]
    elif isinstance(value, list):
        inserts = [edit for edit in here if isinstance(edit, Insert)]
        rows = [[edit.value for edit in inserts if edit.index == n] for n in range(len(value) + 1)]
        for n, item in enumerate(value):
            rows[n].append(reference(item, edits, (*path, n)))
        value = [item for row in rows for item in row if item is not GONE]
    elif isinstance(value, dict):
        below = {edit.path[len(path)] for edit in edits if edit.path[: len(path)] == path != edit.path}
        value = {
            name: reference(value.get(name, GONE), edits, (*path, name))
            for name in {**value, **dict.fromkeys(below)}
        }
        value = {name: item for name, item in value.items() if item is not GONE}
    return value


def said(value: Any) -> Any:
    """As a parser gives it back: two halves side by side are one emoji."""
    return json.loads(json.dumps(value))


@given(cases())
def test_the_result_says_what_the_edits_say(case: tuple[bytes, Any, list[Edit]]) -> None:
    body, document, edits = case
    edited = splice(body, edits)
    assert said(json.loads(edited)) == said(reference(document, edits))


@given(cases())
def test_edits_have_no_order(case: tuple[bytes, Any, list[Edit]]) -> None:
    body, _, edits = case
    stays = [edit for edit in edits if isinstance(edit, Insert)]
    back = [edit for edit in edits if not isinstance(edit, Insert)][::-1]
    assert json.loads(splice(body, [*back, *stays])) == json.loads(splice(body, edits))


@given(cases())
def test_members_are_put_and_dropped_once(case: tuple[bytes, Any, list[Edit]]) -> None:
    body, _, edits = case
    again = [
        edit
        for edit in edits
        if isinstance(edit, Put) or (isinstance(edit, Drop) and isinstance(edit.path[-1], str))
    ]
    edited = splice(body, again)
    assert splice(edited, again) == edited


@given(written(), st.data())
def test_only_the_bytes_of_what_is_put_change(found: tuple[bytes, Any, Spans], data: st.DataObject) -> None:
    body, _, spans = found
    path = data.draw(st.sampled_from(sorted(spans, key=str)))
    start, end = spans[path]
    value = data.draw(LEAVES)
    new = json.dumps(value).encode()
    assert splice(body, [Put(path, value)]) == body[:start] + new + body[end:]


@given(written(), st.data())
def test_what_goes_or_comes_is_one_piece(found: tuple[bytes, Any, Spans], data: st.DataObject) -> None:
    body, document, spans = found
    path = data.draw(st.sampled_from(sorted(spans, key=str)))
    edit = Insert(path, 0, 7) if path == () or data.draw(st.booleans()) else Drop(path)
    if isinstance(edit, Insert):
        value = document
        for step in path:
            value = value[step]
        if not isinstance(value, list):
            return
        at = next(n for n in range(spans[path][0] + 1, len(body)) if body[n : n + 1] not in b" \t\n\r")
        assert splice(body, [edit]) == body[:at] + (b"7," if value else b"7") + body[at:]
        return
    edited = splice(body, [edit])
    gone = len(body) - len(edited)
    assert any(
        body[:at] + body[at + gone :] == edited and at <= spans[path][0] and at + gone >= spans[path][1]
        for at in range(len(edited) + 1)
    )


@given(
    TEXTS,
    st.text(st.sampled_from("ab\u00e9\n\U0001f600"), max_size=4),
    TEXTS,
    TEXTS,
    st.randoms(use_true_random=False),
)
def test_around_a_change_a_string_keeps_its_spelling(
    before: str, old: str, after: str, new: str, random: Random
) -> None:
    scribe = Scribe(random)
    head, middle, tail = (scribe.string(text)[1:-1] for text in (before, f"|{old}|", after))
    text = json.loads(f'"{head}{middle}{tail}"')
    start = len(json.loads(f'"{head}"'))
    end = len(text) - len(json.loads(f'"{tail}"'))
    edited = splice(f'"{head}{middle}{tail}"'.encode(), [Swap((), (Change(start, end, new),))])
    assert edited.decode() == f'"{head}{json.dumps(new)[1:-1]}{tail}"'
