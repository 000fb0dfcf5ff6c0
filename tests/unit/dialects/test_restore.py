"""Values come back where a placeholder stood, however the answer spells it and wherever it is cut."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from waypost.dialects import restore as module
from waypost.dialects.restore import (
    MAX_EVENT,
    MAX_HELD,
    OpenAiChatStream,
    Restorer,
    SseRestorer,
    literals,
    restore_json,
)

VALUES = {
    "<EMAIL_1>": "ann@example.com",
    "<EMAIL_12>": "bob@example.com",
    "<PERSON_1>": 'Ann "A" Lee',
    "<ADDRESS_1>": "12 Main St\nApt\\4",
    "<API_KEY_1>": "sk-<1>",
}


def text(*pieces: str, is_json: bool = False) -> list[str]:
    restorer = Restorer(VALUES, is_json=is_json)
    return [*map(restorer.feed, pieces), restorer.end()]


# --- plain text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelled",
    [
        *("<EMAIL_1>", "<email_1>", "<Email_1>", r"\<EMAIL_1\>", r"\<EMAIL\_1\>", r"<EMAIL\_1>"),
        *("&lt;EMAIL_1&gt;", "&LT;email_1&Gt;", "&#60;EMAIL_1&#62;", "&#x3C;EMAIL_1&#x3e;"),
    ],
)
def test_a_placeholder_is_known_in_every_spelling(spelled: str) -> None:
    assert "".join(text(f"to {spelled}, now")) == "to ann@example.com, now"
    assert "".join(text(*f"to {spelled}, now")) == "to ann@example.com, now"


@pytest.mark.parametrize(
    "other",
    [
        *(
            "<EMAIL_2>",
            "<EMAIL_01>",
            "<EMAIL>",
            "EMAIL_1",
            "< EMAIL_1 >",
            "<EMAIL 1>",
            "<EMAIL_1",
            "<EMAIL_1/>",
        ),
        *(
            "&lt;EMAIL_1>",
            "<EMAIL_1&gt;",
            "&amp;lt;EMAIL_1&amp;gt;",
            r"\u003cEMAIL_1\u003e",
            "<<>>",
            "<EMAİL_1>",
        ),
        *("<EMAIL__1>", "<_EMAIL_1>", "<PER\u017fON_1>", "<", "&", "\\", "", "a < b && c > d"),
    ],
)
def test_anything_else_stays(other: str) -> None:
    assert "".join(text(f"x{other}y")) == f"x{other}y"
    assert "".join(text(*other)) == other


@pytest.mark.parametrize(
    ("given", "restored"),
    [
        (r"C:\<EMAIL_1>\docs", r"C:\ann@example.com\docs"),
        (r"\<EMAIL_1>", r"\ann@example.com"),
        (r"<EMAIL_1\>", r"<EMAIL_1\>"),
        ("<<EMAIL_1>>", "<ann@example.com>"),
        ("<EMAIL_1<EMAIL_12>", "<EMAIL_1bob@example.com"),
        ("<EMAIL_1><EMAIL_12>", "ann@example.combob@example.com"),
        ("<API_KEY_1>EMAIL_1>", "sk-<1>EMAIL_1>"),
        ("<FOO\\<EMAIL_1\\>", "<FOOann@example.com"),
        ("&lt;FOO&lt;EMAIL_1&gt;", "&lt;FOOann@example.com"),
    ],
)
def test_brackets_belong_together(given: str, restored: str) -> None:
    assert "".join(text(given)) == restored
    assert "".join(text(*given)) == restored


@pytest.mark.parametrize(
    ("piece", "held"),
    [
        *(("a <", "<"), ("a <e", "<e"), ("a <EMAIL_1", "<EMAIL_1"), ("<API", "<API"), ("<API\\", "<API\\")),
        *(("a \\", "\\"), ("a \\<EMAIL_1\\", "\\<EMAIL_1\\"), ("a &", "&"), ("a &#x", "&#x"), ("&l", "&l")),
        *(("&lt;EMAIL_1&g", "&lt;EMAIL_1&g"), ("<FOO\\", "\\"), ("&lt;FOO&", "&"), ("<<", "<")),
        *(("a <b", ""), ("<EMAIL_2", ""), ("<EMAIL_1 ", ""), ("&n", ""), ("\\a", ""), ("&lt;EMAIL&g", "")),
        *(("<EMAIL_12\\", "\\"), ("<EMAIL_1>", ""), ("a", ""), ("", ""), ("a\n", "")),
    ],
)
def test_only_what_may_become_a_placeholder_is_held_back(piece: str, held: str) -> None:
    assert text(piece)[1] == held


def test_nothing_is_held_back_without_values() -> None:
    restorer = Restorer({})
    assert restorer.feed("a <") + restorer.feed("\\") == "a <\\"


# --- JSON text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelled",
    [
        *("<PERSON_1>", r"\u003cPERSON_1\u003e", r"\u003CPERSON_1\u003E", r"\\<PERSON_1\\>"),
        *(
            r"\\<PERSON\\_1\\>",
            "&lt;PERSON_1&gt;",
            r"\\\u003cPERSON\\_1\\\u003e",
            r"\u0026lt;PERSON_1\u0026gt;",
        ),
    ],
)
def test_a_value_in_json_is_escaped(spelled: str) -> None:
    for given in ([f'{{"a":"{spelled}"}}'], f'{{"a":"{spelled}"}}'):
        assert json.loads("".join(text(*given, is_json=True))) == {"a": 'Ann "A" Lee'}


@pytest.mark.parametrize(
    ("given", "meaning"),
    [
        (r'"\\<ADDRESS_1>"', "\\12 Main St\nApt\\4"),
        (r'"\\\\<ADDRESS_1\\>"', "\\12 Main St\nApt\\4"),
        (r'"\\u003cADDRESS_1\u003e"', r"\u003cADDRESS_1>"),
        (r'"\\\u003cADDRESS_1\u003e"', "\\12 Main St\nApt\\4"),
        (r'"\"<ADDRESS_1>\""', '"12 Main St\nApt\\4"'),
        (r'"\\\\\\u003cFOO_1\u003e"', "\\\\\\u003cFOO_1>"),
        (r'"\n<FOO\\<EMAIL_1\\>"', "\n<FOOann@example.com"),
    ],
)
def test_escapes_of_json_are_read_in_order(given: str, meaning: str) -> None:
    assert json.loads("".join(text(given, is_json=True))) == meaning
    assert json.loads("".join(text(*given, is_json=True))) == meaning


def test_literals_are_found_in_every_spelling() -> None:
    found = literals(r"<a_1> \<B\_2\> &lt;C_3&gt; \u003cD_4\u003e \\<E\\_5\\> <F> <_1> G_1 <H_x>")
    assert found == {"<A_1>", "<B_2>", "<C_3>", "<D_4>", "<E_5>", "<H_X>"}
    assert literals("nothing") == frozenset()


# --- JSON answers -----------------------------------------------------------------------------------------


def answer(message: dict[str, Any]) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return json.dumps({"id": "<EMAIL_1>", "choices": [choice], "usage": {"total_tokens": 1}}).encode()


def message(body: bytes, **options: bool) -> dict[str, Any]:
    return json.loads(restore_json(body, VALUES, **options))["choices"][0]["message"]


def test_every_string_of_a_choice_is_restored() -> None:
    arguments = json.dumps({"to": "<EMAIL_1>", "at": "<ADDRESS_1>"})
    body = answer(
        {
            "content": "to <EMAIL_1>",
            "refusal": "<PERSON_1>",
            "reasoning_content": r"\<EMAIL\_12\>",
            "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
            ],
        }
    )
    found = message(body)
    assert found["content"] == "to ann@example.com"
    assert found["refusal"] == 'Ann "A" Lee'
    assert found["reasoning_content"] == "bob@example.com"
    arguments = json.loads(found["tool_calls"][0]["function"]["arguments"])
    assert arguments == {"to": "ann@example.com", "at": "12 Main St\nApt\\4"}
    assert json.loads(restore_json(body, VALUES))["id"] == "<EMAIL_1>", "not said by the model"


def test_content_in_parts_is_restored() -> None:
    assert message(answer({"content": [{"type": "text", "text": "<EMAIL_1>"}]}))["content"][0]["text"] == (
        "ann@example.com"
    )


def test_content_may_be_json_text() -> None:
    body = answer({"content": '{"at":"<ADDRESS_1>"}', "reasoning": "<ADDRESS_1>"})
    found = message(body, json_content=True)
    assert json.loads(found["content"]) == {"at": "12 Main St\nApt\\4"}
    assert found["reasoning"] == "12 Main St\nApt\\4"
    assert message(body)["content"] == '{"at":"12 Main St\nApt\\4"}'


def test_other_bytes_of_an_answer_stay() -> None:
    body = b'{ "id":"\\u00e9" ,"n":1.50,"choices":[ {"message":{"content":"\\u003cemail_1>"},"x":"\\/"} ]}\n'
    assert restore_json(body, VALUES) == body.replace(b"\\u003cemail_1>", b"ann@example.com")


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"<EMAIL_1>",
            b'{"choices":[{"message":{"content":"<EMAIL_1>',
            b'["<EMAIL_1>"]',
            b"\xff<EMAIL_1>",
        ),
        *(b'{"choices":"x","a":"<EMAIL_1>"}', b'{"error":{"message":"<EMAIL_1>"}}', b"[" * 100_000 + b"<"),
        b'{"choices":[{"message":{"content":"<EMAIL_1>","content":"<EMAIL_1>"}}]}',
        b'{"choices":' + b"[" * 200 + b'"<EMAIL_1>"' + b"]" * 200 + b"}",
    ],
)
def test_what_is_no_answer_passes(body: bytes) -> None:
    assert restore_json(body, VALUES) == body


def test_without_values_an_answer_passes() -> None:
    assert restore_json(answer({"content": "<EMAIL_1>"}), {}) == answer({"content": "<EMAIL_1>"})


# --- SSE --------------------------------------------------------------------------------------------------

HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}


def event(delta: dict[str, Any], finish: str | None = None, index: int = 0, end: str = "\n\n") -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps({**HEAD, 'choices': [choice]})}{end}".encode()


def called(arguments: str, index: int = 0, **more: Any) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": "f"} if more else {})}
    return {"tool_calls": [{"index": index, **more, "function": function}]}


DONE = b"data: [DONE]\n\n"


def stream(*chunks: bytes, form: OpenAiChatStream | None = None) -> list[bytes]:
    restorer = SseRestorer(VALUES, form)
    return [*map(restorer.feed, chunks), restorer.end()]


def events(chunks: Iterable[bytes]) -> list[Any]:
    lines = b"".join(chunks).replace(b"\r\n", b"\n").split(b"\n\n")
    found = [line.removeprefix(b"data:").strip() for line in lines if line.startswith(b"data:")]
    return [data.decode() if data == b"[DONE]" else json.loads(data) for data in found]


def deltas(chunks: Iterable[bytes]) -> list[Any]:
    return [e if e == "[DONE]" else e["choices"][0]["delta"] for e in events(chunks)]


def said(chunks: Sequence[bytes], field: str = "content") -> str:
    return "".join(d.get(field) or "" for d in deltas(chunks) if d != "[DONE]")


def test_a_stream_without_placeholders_passes_byte_for_byte_and_at_once() -> None:
    chunks = [
        event({"role": "assistant", "content": ""}),
        b": ping\n\n",
        event({"content": 'a\n"é" > \\u'}),
        b"event: x\r\nid: 1\r\ndata: {}\r\n\r\n",
        event({}, "stop"),
        DONE,
    ]
    assert stream(*chunks) == [*chunks, b""]


def test_a_placeholder_in_one_event() -> None:
    given = b'id: 7\r\ndata:{"x" : 1.50,"choices":[{"delta":{"content":"to <EMAIL_1>."}}]}\r\n\r\n'
    assert stream(given) == [given.replace(b"<EMAIL_1>", b"ann@example.com"), b""]


def test_a_placeholder_over_several_events() -> None:
    pieces = ["to ", "<", "EM", "AIL_1", ">.", "x"]
    out = stream(*(event({"content": piece}) for piece in pieces), event({}, "stop"), DONE)
    assert deltas(out[:1]) == [{"content": "to "}]
    assert [said([chunk]) for chunk in out[1:6]] == ["", "", "", "ann@example.com.", "x"]
    assert deltas(out[6:]) == [{}, "[DONE]"]


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
def test_a_stream_cut_into_single_bytes(end: str) -> None:
    given = b"".join(event({"content": p}, end=end) for p in ("é <EM", "AIL_1> ü", "\\<PERSON_1", "\\>", "<"))
    given += event({}, "stop", end=end) + DONE
    out = stream(*(bytes([byte]) for byte in given))
    assert b"".join(out).count(end.encode()) == 7 + (end == "\n\n")
    unified = [b"".join(out).replace(end.encode(), b"\n\n")]
    assert said(unified) == 'é ann@example.com üAnn "A" Lee<'
    assert deltas(unified)[-3:] == [{"content": "<"}, {}, "[DONE]"]


def test_held_text_goes_in_front_of_the_finish_in_the_envelope_of_the_stream() -> None:
    out = events(stream(event({"content": "a <EMAIL_1"}), event({}, "length"), DONE))
    assert out[1] == {
        **HEAD,
        "choices": [{"index": 0, "delta": {"content": "<EMAIL_1"}, "finish_reason": None}],
    }
    assert [e if e == "[DONE]" else e["choices"][0]["finish_reason"] for e in out] == [
        *(None, None, "length"),
        "[DONE]",
    ]


def test_nothing_is_held_back_where_a_choice_ends() -> None:
    out = stream(event({"content": "a <"}), event({"content": "EMAIL_1> <"}, "stop"))
    assert [said([chunk]) for chunk in out[:2]] == ["a ", "ann@example.com <"]


@pytest.mark.parametrize("last", [DONE, b'data: {"error":{"message":"x"}}\n\n', b"data: [DONE]"])
def test_held_text_goes_in_front_of_what_ends_a_stream(last: bytes) -> None:
    out = b"".join(stream(event({"content": "a <EM"}), last))
    assert out.endswith(last)
    assert deltas([out.removesuffix(last)]) == [{"content": "a "}, {"content": "<EM"}]


def test_a_stream_that_just_ends_loses_nothing() -> None:
    assert said(stream(event({"content": "a <EM"}))) == "a <EM"
    assert said(stream(event({"content": "a <EM"}, end="\n"))) == "a <EM"
    assert said(stream(event({"content": "a <EM"}, end=""))) == "a <EM"
    cut = event({"content": "AIL_1> b"})[:-12]
    out = b"".join(stream(event({"content": "a <EM"}), cut))
    assert out.endswith(cut)
    assert said([out.removesuffix(cut)]) == "a <EM"


@pytest.mark.parametrize(
    ("first", "then", "due"),
    [
        ({"reasoning_content": "x <"}, {"content": "y"}, {"reasoning_content": "<"}),
        ({"reasoning_content": "x <"}, {"thinking_blocks": [{"signature": "s"}]}, {"reasoning_content": "<"}),
        ({"content": "x <"}, called("", id="1"), {"content": "<"}),
        ({"content": "x <"}, called("{"), {"content": "<"}),
        ({"content": "x <"}, {"function_call": {"arguments": "{"}}, {"content": "<"}),
        ({"function_call": {"arguments": '"<'}}, {"content": "y"}, {"function_call": {"arguments": "<"}}),
        (called('"<'), called("", 1, id="1"), called("<")),
        (called('"<'), {"content": "y"}, called("<")),
    ],
)
def test_held_text_goes_in_front_of_another_field(first: Any, then: Any, due: Any) -> None:
    out = deltas(stream(event(first), event(then)))
    assert out[1:] == [due, then]


@pytest.mark.parametrize(
    "between",
    [
        *({}, {"role": "assistant"}, {"content": None}, {"content": ""}, {"reasoning": ""}, {"audio": "x"}),
        {"content": "", "tool_calls": []},
    ],
)
def test_an_event_that_says_nothing_ends_no_text(between: dict[str, Any]) -> None:
    given = (event({"content": "<EMAIL"}), event(between), b": ping\n\n", event({"content": "_1>"}))
    out = stream(*given)
    assert out[1:3] == [event(between), b": ping\n\n"]
    assert said(out) == "ann@example.com"


def test_choices_and_calls_are_held_back_apart() -> None:
    given = [
        event({"content": "<EMA"}, index=0),
        event({"content": "<PERSON"}, index=1),
        event({"content": "IL_1>"}, index=0),
        event({"content": "_1>"}, index=1),
        event(called('{"a":"<ADD', 0, id="x")),
        event(called('{"b":"<EMAIL', 1)),
        event(called('RESS_1>"}', 0)),
        event(called('_12>"}', 1)),
    ]
    texts: dict[Any, str] = {}
    for e in events(stream(*given)):
        choice = e["choices"][0]
        for item in choice["delta"].get("tool_calls", ()):
            place = ("call", item["index"])
            texts[place] = texts.get(place, "") + item["function"]["arguments"]
        texts[choice["index"]] = texts.get(choice["index"], "") + choice["delta"].get("content", "")
    assert texts[0] == "ann@example.com"
    assert texts[1] == 'Ann "A" Lee'
    assert json.loads(texts["call", 0]) == {"a": "12 Main St\nApt\\4"}
    assert json.loads(texts["call", 1]) == {"b": "bob@example.com"}


def test_two_choices_in_one_event() -> None:
    choices = [{"index": n, "delta": {"content": "<EMAIL_1>"}} for n in (1, 0)]
    out = events(stream(f"data: {json.dumps({'choices': choices})}\n\n".encode()))
    assert [c["delta"]["content"] for c in out[0]["choices"]] == ["ann@example.com"] * 2


def test_content_of_a_stream_may_be_json_text() -> None:
    given = [event({"content": p}) for p in ('{"a":"', r"\u003cADDRESS", r'_1\u003e"}')]
    out = stream(*given, form=OpenAiChatStream(json_content=True))
    assert json.loads(said(out)) == {"a": "12 Main St\nApt\\4"}


@pytest.mark.parametrize(
    "odd",
    [
        *(
            b"data: <\n\n",
            b'data: [1,"<"]\n\n',
            b'data: {"a":"<"}\n\n',
            b"data: \xff<\n\n",
            b"<\n\n",
            b"data\n\n",
        ),
        *(
            b'data: {"choices":"<"}\n\n',
            b'data: {"choices":["<"]}\n\n',
            b'data: {"choices":[{"delta":"<"}]}\n\n',
        ),
        *(b'data: {"choices":[{"delta":{"tool_calls":["<"]}}]}\n\n', b"data: " + b"[" * 99_999 + b"<\n\n"),
        b'data: {"choices":[{"delta":{"content":[{"text":"<EMAIL_1>"}]}}]}\n\n',
    ],
)
def test_unknown_events_pass(odd: bytes) -> None:
    assert stream(odd) == [odd, b""]
    out = b"".join(stream(event({"content": "<EMAIL"}), odd, event({"content": "_1>"})))
    assert odd in out
    assert said([out.replace(odd, b"")]) == "ann@example.com"


def test_an_event_in_several_lines_of_data() -> None:
    given = b': x\ndata: {"choices":\nid: 1\ndata: [{"delta":{"content":"<EMAIL_1>"}}]}\n\n'
    want = b': x\ndata: {"choices":  [{"delta":{"content":"ann@example.com"}}]}\nid: 1\n\n'
    assert stream(given) == [want, b""]


def test_an_event_with_a_key_twice_passes_behind_what_was_held() -> None:
    odd = b'data: {"choices":[{"delta":{"content":"<EMAIL_1>","content":"AIL_1>"}}]}\n\n'
    out = stream(event({"content": "<EM"}), odd)
    assert out[1].endswith(odd)
    assert said([out[1].removesuffix(odd)]) == "<EM"
    assert out[2] == b""


@pytest.mark.parametrize("size", [1, 1_000, 2 * MAX_EVENT])
@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_an_event_too_long_to_be_looked_into_passes(size: int, end: bytes) -> None:
    long = b'data: {"choices":[{"delta":{"content":"<EMAIL_1>' + b"x" * MAX_EVENT + b'"}}]}' + end
    given = event({"content": "a <EM"}) + long + event({"content": "<EMAIL_1>"})
    step = max(1, size)
    start = len(given) - 200 if size == 1 else 0  # every cut near its end
    chunks = [given[:start], *(given[at : at + step] for at in range(start, len(given), step))]
    out = b"".join(stream(*chunks))
    assert long in out
    before, after = out.split(long)
    assert said([before]) == "a <EM"
    assert said([after]) == "ann@example.com"


def test_memory_is_bounded_while_a_long_event_passes() -> None:
    restorer = SseRestorer(VALUES)
    sent = sum(len(restorer.feed(b"x" * 1_000)) for _ in range(2_000))
    assert 2_000_000 - sent <= MAX_EVENT


def test_the_number_of_texts_held_back_is_bounded() -> None:
    restorer = SseRestorer(VALUES)
    out = b"".join(restorer.feed(event({"content": "<"}, index=n)) for n in range(MAX_HELD + 5))
    held = [e["choices"][0]["delta"]["content"] for e in events([out])]
    assert held == [""] * MAX_HELD + ["<"] * 5
    assert len(events([restorer.end()])) == MAX_HELD


def test_another_form_of_events_can_be_read() -> None:
    class Plain:
        def pieces(self, event: Any) -> list[module.Piece]:
            return [module.Piece(module.Lane(0, "t"), ("t",), event["t"], is_last=False)]

        def due(self, event: Any, pieces: Any, held: Any) -> list[module.Lane]:
            return []

        def envelope(self, event: Any) -> dict[str, Any]:
            return {}

        def carrier(self, envelope: Any, lane: module.Lane, text: str) -> bytes:
            return b"event: t\ndata: " + json.dumps({"t": text}).encode()

    restorer = SseRestorer(VALUES, Plain())
    out = restorer.feed(b'data: {"t":"<EMAIL_1> <"}\n\n') + restorer.end()
    assert out == b'data: {"t":"ann@example.com "}\n\nevent: t\ndata: {"t": "<"}\n\n'
