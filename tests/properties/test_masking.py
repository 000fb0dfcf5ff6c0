"""Masking and putting back: exact for any text, any values and wherever the bytes of an answer are cut."""

import json
import re
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.openai_chat import parse
from waypost.dialects.restore import Restorer, SseRestorer, restore_json
from waypost.dialects.splice import splice
from waypost.mutations.mask import Find, mask
from waypost.request.text import read
from waypost.signals.base import Span

NAMES = ("EMAIL_1", "EMAIL_12", "PERSON_1", "API_KEY_1", "A_B_C_2")
SNIPPETS = (
    *(
        "<",
        ">",
        "\\",
        "&",
        "\\\\",
        "&lt;",
        "\n",
        '"',
        "EMAIL_1",
        "<EMAIL",
        "_1>",
        "é",
        "😀",
        "<div>",
        "\\u003c",
        "/",
    ),
    *(f"<{name}>" for name in NAMES),
    *("<email_1>", "<EMAIL_2>", "\\<EMAIL_1\\>", "&lt;PERSON_1&gt;", "\\<API\\_KEY\\_1\\>"),
)

values = st.dictionaries(
    st.sampled_from(NAMES).map("<{}>".format), st.text(st.sampled_from('ab<>&\\"\n_1é😀'), max_size=8)
)
texts = st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=3), max_size=12).map("".join)
utf8 = texts.filter(lambda text: not re.search("[\ud800-\udfff]", text))


def spellings(name: str, *, is_json: bool = False) -> list[str]:
    """Every way to write a placeholder, as regular expressions that are tried in turn."""
    back = "\\\\" if is_json else "\\"
    under = f"(?:{re.escape(back)})?_"
    inner = under.join(name.split("_"))
    pairs = [("<", ">"), (f"{back}<", f"{back}>"), ("&lt;", "&gt;"), ("&#60;", "&#62;"), ("&#x3c;", "&#x3e;")]
    pairs += [("\\u003c", "\\u003e")] if is_json else []
    return [re.escape(opening) + inner + re.escape(closing) for opening, closing in pairs]


def expected(text: str, known: dict[str, str]) -> str:
    """The plain meaning of putting back: every placeholder in any spelling, from left to right."""
    ways = {way: value for mark, value in known.items() for way in spellings(mark[1:-1])}
    if not ways:
        return text
    pattern = re.compile("|".join(f"({way})" for way in ways), re.IGNORECASE | re.ASCII)
    found = list(ways.values())
    return pattern.sub(lambda match: found[(match.lastindex or 0) - 1], text)


def cut(draw: st.DrawFn, whole: Any) -> list[Any]:
    """A text or bytes in pieces."""
    if draw(st.booleans()):
        return [whole[at : at + 1] for at in range(len(whole))]
    places = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    return [whole[start:end] for start, end in pairwise([0, *places, len(whole)])]


@given(st.data(), texts, values)
def test_a_text_comes_back_the_same_however_it_is_cut(
    data: st.DataObject, text: str, known: dict[str, str]
) -> None:
    restorer = Restorer(known)
    pieces = data.draw(st.composite(cut)(text))
    out = "".join([*map(restorer.feed, pieces), restorer.end()])
    assert out == expected(text, known)


@given(st.data(), texts, values)
def test_what_is_held_back_can_still_become_a_placeholder(
    data: st.DataObject, text: str, known: dict[str, str]
) -> None:
    restorer = Restorer(known)
    for piece in data.draw(st.composite(cut)(text)):
        restorer.feed(piece)
    held = restorer.end().lower()
    ways = [spelled.lower() for mark in known for spelled in plain_spellings(mark[1:-1])]
    assert not held or any(way.startswith(held) and way != held for way in ways)


def plain_spellings(name: str) -> list[str]:
    inner = [""]
    for piece in name.split("_"):
        inner = [f"{head}{under}{piece}" for head in inner for under in (("_", "\\_") if head else ("",))]
    pairs = [("<", ">"), ("\\<", "\\>"), ("&lt;", "&gt;"), ("&#60;", "&#62;"), ("&#x3c;", "&#x3e;")]
    return [opening + word + closing for word in inner for opening, closing in pairs]


# --- answers ----------------------------------------------------------------------------------------------


@st.composite
def json_texts(draw: st.DrawFn) -> str:
    """Arguments as a model writes them: JSON whose strings hold placeholders, spelled in several ways."""
    words = st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=3), max_size=6).map("".join)
    value = draw(st.dictionaries(words, words | st.lists(words, max_size=2) | st.integers(), max_size=3))
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    return text.replace("<", "\\u003c").replace(">", "\\u003E") if draw(st.booleans()) else text


@st.composite
def replies(draw: st.DrawFn) -> dict[str, str]:
    """One choice: its texts in the order they come."""
    fields = ["reasoning_content", "content", "refusal", "call 0", "call 1"]
    chosen = draw(
        st.lists(st.sampled_from(fields), unique=True, max_size=4).map(lambda f: sorted(f, key=fields.index))
    )
    return {name: draw(json_texts() if name.startswith("call") else utf8) for name in chosen}


def delta_of(field: str, piece: str, *, first: bool) -> dict[str, Any]:
    if not field.startswith("call"):
        return {field: piece}
    item: dict[str, Any] = {"index": int(field[-1]), "function": {"arguments": piece}}
    if first:
        item |= {"id": f"call_{field[-1]}", "type": "function"}
        item["function"]["name"] = "f"
    return {"tool_calls": [item]}


@st.composite
def events(draw: st.DrawFn, replies: list[dict[str, str]]) -> list[bytes]:
    """A stream of all choices, mixed, with comments and line ends of all kinds."""
    queues = []
    for index, reply in enumerate(replies):
        queue: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
        for field, text in reply.items():
            pieces = draw(st.composite(cut)(text))
            queue += [(delta_of(field, piece, first=not n), None) for n, piece in enumerate(pieces)]
        queue.append(({}, "stop"))
        queues.append([(index, delta, finish) for delta, finish in queue])
    end = draw(st.sampled_from(["\n\n", "\r\n\r\n", "\r\r"]))
    out: list[bytes] = []
    while queues:
        queue = queues[draw(st.integers(0, len(queues) - 1))]
        index, delta, finish = queue.pop(0)
        queues = [queue for queue in queues if queue]
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        body = json.dumps({"id": "c", "choices": [choice]}, ensure_ascii=draw(st.booleans()))
        out.append(f"data: {body}{end}".encode())
        if not draw(st.integers(0, 4)):
            out.append(f": ping{end}".encode())
    return [*out, f"data: [DONE]{end}".encode()]


def parsed(stream: bytes) -> list[Any]:
    lines = re.split(rb"\r\n|\r|\n", stream)
    data = [line[6:] for line in lines if line.startswith(b"data: ")]
    assert data[-1] == b"[DONE]"
    return [json.loads(line) for line in data[:-1]]


def collected(stream: bytes, count: int) -> list[dict[str, str]]:
    """What a client makes of a stream; nothing may come behind the end of a choice."""
    texts: list[dict[str, str]] = [{} for _ in range(count)]
    ended: set[int] = set()
    for event in parsed(stream):
        for choice in event["choices"]:
            assert choice["index"] not in ended
            text = texts[choice["index"]]
            for field, piece in choice["delta"].items():
                if field == "tool_calls":
                    for item in piece:
                        name = f"call {item['index']}"
                        text[name] = text.get(name, "") + item["function"]["arguments"]
                elif field != "role":
                    text[field] = text.get(field, "") + piece
            if choice["finish_reason"]:
                ended.add(choice["index"])
    assert len(ended) == count
    return texts


def as_json(reply: dict[str, str]) -> dict[str, Any]:
    calls = [{"id": n, "function": {"arguments": t}} for n, t in reply.items() if n.startswith("call")]
    return {**{n: t for n, t in reply.items() if not n.startswith("call")}, "tool_calls": calls}


@given(st.data(), st.lists(replies(), min_size=1, max_size=2), values)
def test_json_and_any_cut_of_a_stream_give_the_same_texts(
    data: st.DataObject, said: list[dict[str, str]], known: dict[str, str]
) -> None:
    choices = [{"index": n, "message": as_json(reply)} for n, reply in enumerate(said)]
    whole = json.loads(restore_json(json.dumps({"choices": choices}).encode(), known))
    restorer = SseRestorer(known)
    pieces = data.draw(st.composite(cut)(b"".join(data.draw(events(said)))))
    streamed = collected(b"".join([*map(restorer.feed, pieces), restorer.end()]), len(said))
    for reply, choice, texts in zip(said, whole["choices"], streamed, strict=True):
        message = choice["message"]
        flat = {call["id"]: call["function"]["arguments"] for call in message.pop("tool_calls")} | message
        for field, text in reply.items():
            assert flat[field] == texts.get(field, "")
            if field.startswith("call"):
                assert meaning(json.loads(flat[field])) == meaning(json.loads(text), known)
            else:
                assert flat[field] == expected(text, known)


def meaning(value: Any, known: dict[str, str] | None = None) -> Any:
    """Members of a JSON document in order, its strings with values put in."""
    if isinstance(value, str):
        return expected(value, known or {})
    if isinstance(value, dict):
        return [(meaning(name, known), meaning(inner, known)) for name, inner in value.items()]
    return [meaning(inner, known) for inner in value] if isinstance(value, list) else value


@given(st.data(), replies(), values)
def test_an_event_without_a_bracket_is_never_late_and_never_changed(
    data: st.DataObject, reply: dict[str, str], known: dict[str, str]
) -> None:
    plain = {field: re.sub(r"[<&\\]", ".", text) for field, text in reply.items()}
    chunks = [chunk for chunk in data.draw(events([plain])) if b"\\u00" not in chunk or b"\\u00e9" in chunk]
    restorer = SseRestorer(known)
    assert [restorer.feed(chunk) for chunk in chunks] == chunks
    assert restorer.end() == b""


# --- there and back ---------------------------------------------------------------------------------------

ODDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\1\2"), max_size=3)
"""Three control characters stand in for escapes while they are decoded: a text that has one of its own beside
a backslash may be refused, which is no mask that fails."""

WORDS = ("ann@example.com", "bob@example.com", "Ann Lee", "4111", "Zoë 😀", "x\ny", 'q"q')


@st.composite
def conversations(draw: st.DrawFn) -> list[str]:
    pieces = st.lists(st.sampled_from(SNIPPETS) | st.sampled_from(WORDS) | ODDS, max_size=8)
    return draw(
        st.lists(
            pieces.map("".join).filter(lambda t: not re.search("[\ud800-\udfff]", t)), min_size=1, max_size=3
        )
    )


@given(st.data(), conversations())
def test_what_is_masked_is_gone_and_comes_back(data: st.DataObject, said: list[str]) -> None:
    messages = [{"role": "user", "content": text} for text in said]
    body = json.dumps({"model": "m", "messages": messages}, ensure_ascii=data.draw(st.booleans())).encode()
    parts = read(parse(body), "all")
    found = [
        Find(
            part,
            tuple(Span("PERSON", *match.span(), 1.0) for match in re.finditer("|".join(WORDS), part.text)),
        )
        for part in parts
    ]
    result = mask(data.draw(st.permutations(found)), parts, restore=True)
    assert result.stuck == ()
    sent = [message["content"] for message in json.loads(splice(body, result.edits))["messages"]]
    assert not any(word in text for text in sent for word in WORDS)
    assert mask(found, parts, restore=True) == result
    for before, after in zip(said, sent, strict=True):
        restorer = Restorer(result.values)
        pieces = data.draw(st.composite(cut)(after))
        assert "".join([*map(restorer.feed, pieces), restorer.end()]) == before


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join), min_size=1, max_size=4))
def test_a_conversation_that_grows_keeps_its_numbers(said: list[str]) -> None:
    known: dict[str, str] = {}
    for count in range(1, len(said) + 1):
        messages = [{"role": "user", "content": text} for text in said[:count]]
        parts = read(parse(json.dumps({"model": "m", "messages": messages}).encode()), "all")
        found = [
            Find(part, tuple(Span("PERSON", *m.span(), 1.0) for m in re.finditer("|".join(WORDS), part.text)))
            for part in parts
        ]
        now = mask(found, parts, restore=True).values
        assert known.items() <= now.items()
        known = dict(now)
