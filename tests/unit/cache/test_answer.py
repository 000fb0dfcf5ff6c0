"""What is kept of an answer, and when nothing is."""

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.cache.answer import MAX_CALLS, Builder, Call, Stored, decode, whole
from waypost.dialects import signatures
from waypost.dialects.foreign import Reply
from waypost.dialects.servers import SERVERS
from waypost.dialects.sse import DONE, write
from waypost.usage import Usage

USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 2},
}
COUNTED = Usage(9, 2, None, 4, None)
PAID = (1.5, Decimal("0.0021"))


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    return event({"id": "chatcmpl-1", "model": "m-1", "choices": [choice], **more})


def event(document: dict[str, Any]) -> bytes:
    return write(json.dumps(document).encode())


def call(number: int | None, ident: str, name: str, arguments: str, **more: Any) -> dict[str, Any]:
    place = {} if number is None else {"index": number}
    told = {"id": ident, "type": "function"} if ident else {}
    return {**place, **told, "function": {"name": name, "arguments": arguments}, **more}


def built(*pieces: bytes, ends: bool = True) -> Stored | None:
    builder = Builder()
    for piece in pieces:
        assert builder.feed(piece) is piece
    assert not ends or builder.end() == b""
    return builder.stored(*PAID)


def completed(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> Stored | None:
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return whole(json.dumps({"model": "m-1", "choices": [choice], "usage": USAGE, **more}).encode(), *PAID)


# --- streams ----------------------------------------------------------------------------------------------

HELLO = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"reasoning_content": "A greeting."}),
    chunk({"content": "Hel"}),
    chunk({"content": "lo"}),
    chunk({}, "stop"),
    event({"choices": [], "usage": USAGE}),
)
KEPT = Stored("m-1", "stop", "Hello", "", "A greeting.", usage=COUNTED, seconds=1.5, cost_usd=PAID[1])


def test_a_stream_is_kept_whole() -> None:
    assert built(*HELLO, DONE) == KEPT


def test_not_all_servers_send_a_terminator() -> None:
    assert built(*HELLO) == KEPT


def test_behind_its_terminator_nothing_counts() -> None:
    assert built(*HELLO, DONE, chunk({"content": "!"}), b"data: {\n\n", ends=False) == KEPT


@pytest.mark.parametrize("pieces", [HELLO, HELLO[:2], ()])
def test_a_stream_that_was_cut_is_not(pieces: tuple[bytes, ...]) -> None:
    assert built(*pieces, ends=False) is None


@pytest.mark.parametrize(
    "pieces",
    [
        HELLO[:4],
        (*HELLO[:4], DONE),
        (*HELLO[:3], event({"error": {"message": "no"}}), *HELLO[3:], DONE),
        (*HELLO[:3], b"data: {nonsense\n\n", *HELLO[3:], DONE),
        (*HELLO[:4], b"data: {"),
        (DONE,),
    ],
)
def test_nor_is_one_that_failed(pieces: tuple[bytes, ...]) -> None:
    assert built(*pieces) is None


@given(st.lists(st.integers(0, 700), max_size=12))
def test_where_a_stream_is_cut_into_pieces_does_not_matter(cuts: list[int]) -> None:
    stream = b"".join((*HELLO, DONE))
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert built(*(stream[a:b] for a, b in pairwise(places))) == KEPT


@given(st.integers(0, len(b"".join(HELLO[:5]))))
def test_no_beginning_of_a_stream_passes_for_all_of_it(length: int) -> None:
    stream = b"".join(HELLO)
    kept = built(stream[:length])
    assert kept is None or kept.content == "Hello"
    assert built(stream[:length], ends=False) is None


def test_calls_are_put_together() -> None:
    kept = built(
        chunk({"tool_calls": [call(0, "a", "f", "")]}),
        chunk({"tool_calls": [call(0, "", "", '{"x":')]}),
        chunk({"tool_calls": [call(1, "b", "g", "{}"), call(0, "", "", "1.10}")]}),
        chunk({}, "tool_calls"),
        DONE,
    )
    assert kept is not None
    assert kept.calls == (Call("a", "f", '{"x":1.10}'), Call("b", "g", "{}"))


def test_calls_without_numbers_go_by_their_ids() -> None:
    kept = built(
        chunk({"tool_calls": [call(None, "a", "f", "{")]}),
        chunk({"tool_calls": [call(None, "", "", "}")]}),
        chunk({"tool_calls": [call(None, "b", "g", "{}")]}),
        chunk({}, "tool_calls"),
    )
    assert kept is not None
    assert [each.arguments for each in kept.calls] == ["{}", "{}"]


def test_another_form_is_read_by_its_own_reader() -> None:
    events: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 9}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "stop_sequence"}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
    stream = b"".join(write(json.dumps(each).encode(), each["type"]) for each in events)
    for length, wanted in ((len(stream), "Hi"), (stream.index(b"event: message_delta"), None)):
        builder = Builder(SERVERS["anthropic_messages"].stream(Reply("auto", "x", 0, include_usage=True)))
        assert builder.feed(stream[:length]) == stream[:length]
        assert builder.end() == b""
        kept = builder.stored(*PAID)
        assert (kept.content if kept else None) == wanted
    assert kept is None
    builder = Builder(SERVERS["anthropic_messages"].stream(Reply("auto", "x", 0, include_usage=True)))
    builder.feed(stream)
    kept = builder.stored(*PAID)
    assert kept is not None
    assert (kept.finish, kept.native_finish, kept.usage.prompt_tokens) == ("stop", "stop_sequence", 9)


def test_usage_may_come_before_the_end() -> None:
    kept = built(chunk({"content": "Hi"}, usage=USAGE), chunk({}, "stop", usage=None), DONE)
    assert kept is not None
    assert kept.usage == COUNTED


@pytest.mark.parametrize(
    "event_of_another_form",
    [
        {"id": "cmpl-1", "choices": [{"index": 0, "text": "Hi", "finish_reason": "stop"}]},
        {"type": "response.completed", "response": {"output": [{"type": "message"}], "usage": USAGE}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    ],
)
def test_a_form_that_is_not_read_is_not_kept(event_of_another_form: dict[str, Any]) -> None:
    assert built(event(event_of_another_form), DONE) is None
    assert whole(json.dumps(event_of_another_form).encode(), *PAID) is None


def test_names_and_ids_count_too() -> None:
    told = chunk({"tool_calls": [call(0, "four", "four", "{}")]}, "tool_calls") + DONE
    for most, fits in ((10, True), (9, False)):
        builder = Builder(most=most)
        builder.feed(told)
        assert (builder.stored(*PAID) is not None) == fits


def test_a_long_answer_is_relayed_and_not_kept() -> None:
    builder = Builder(most=10)
    for _ in range(3):
        piece = chunk({"content": "long!"})
        assert builder.feed(piece) is piece
    builder.feed(chunk({}, "stop") + DONE)
    assert builder.stored(*PAID) is None
    exact = Builder(most=10)
    exact.feed(chunk({"content": "long!" * 2}, "stop") + DONE)
    assert exact.stored(*PAID) is not None


def test_many_calls_are_not_kept() -> None:
    calls = [call(n, f"c{n}", "f", "{}") for n in range(MAX_CALLS + 1)]
    assert completed({"tool_calls": calls[:-1]}, "tool_calls") is not None
    assert completed({"tool_calls": calls}, "tool_calls") is None


def test_calls_that_all_have_the_number_0_stay_apart() -> None:
    pieces = [call(0, "a", "f", "{}"), call(0, "b", "g", '{"x":'), call(0, "", "", "1}")]
    kept = built(*(chunk({"tool_calls": [each]}) for each in pieces), chunk({}, "tool_calls") + DONE)
    assert kept is not None
    assert kept.calls == (Call("a", "f", "{}"), Call("b", "g", '{"x":1}'))


# --- answers in one piece ---------------------------------------------------------------------------------


def test_a_completion_is_kept_as_its_stream_is() -> None:
    message = {"role": "assistant", "content": "Hello", "refusal": None, "reasoning": "A greeting."}
    assert completed(message | {"annotations": [], "audio": None}) == KEPT


def test_a_refusal_and_a_cut_text_are_answers() -> None:
    refused = completed({"content": None, "refusal": "I cannot."})
    assert refused is not None
    assert refused.refusal == "I cannot."
    assert completed({"content": "Once upon"}, "length") is not None


@pytest.mark.parametrize(
    ("message", "finish", "more"),
    [
        ({"content": "x"}, None, {}),
        ({"content": "x"}, "error", {}),
        ({"content": "x"}, ["stop"], {}),
        ({"content": ""}, "stop", {}),
        ({"content": None, "reasoning_content": "only thoughts"}, "length", {}),
        ({"content": [{"type": "text", "text": "x"}]}, "stop", {}),
        ({"content": "x", "refusal": {"why": "y"}}, "stop", {}),
        ({"content": "x", "images": [{"type": "image_url"}]}, "stop", {}),
        ({"content": "x", "audio": {"data": "AA"}}, "stop", {}),
        ({"content": "x", "annotations": [{"type": "url_citation"}]}, "stop", {}),
        ({"content": "x", "native_blocks": [{"type": "web_search"}]}, "stop", {}),
        ({"content": "x"}, "stop", {"citations": ["https://x.invalid"]}),
        ({"content": "x"}, "stop", {"error": {"message": "late"}}),
        ({"content": "x"}, "stop", {"choices": []}),
        ({"content": "x"}, "stop", {"choices": "x"}),
        ({"tool_calls": [call(0, "a", "", "{}")]}, "tool_calls", {}),
        ({"tool_calls": [call(0, "a", "f", '{"x":')]}, "length", {}),
        ({"tool_calls": [call(0, "a", "f", "[]")]}, "tool_calls", {}),
        ({"tool_calls": [call(0, "a", "f", "{}") | {"type": "custom"}]}, "tool_calls", {}),
        ({"tool_calls": [call(0, "a", "f", "{}", extra_content={"google": {}})]}, "tool_calls", {}),
        ({"tool_calls": [call(0, "a", "f", "{}")], "thinking_blocks": [{"type": "thinking"}]}, "stop", {}),
        ({"function_call": {"name": "f", "arguments": "{}"}}, "function_call", {}),
    ],
)
def test_what_the_stored_form_cannot_hold_is_not_kept(
    message: dict[str, Any], finish: Any, more: dict[str, Any]
) -> None:
    assert completed(message, finish, **more) is None


def test_several_choices_and_their_odds_are_not_kept() -> None:
    one = {"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}
    assert completed({}, choices=[one]) is not None
    assert completed({}, choices=[one, one | {"index": 1}]) is None
    assert completed({}, choices=[one | {"index": 1}]) is None
    assert completed({}, choices=[one | {"logprobs": {"content": []}}]) is None
    assert built(chunk({"content": "x"}), chunk({}, "stop", choices=[one, one]), DONE) is None


def test_proofs_of_thoughts_are_left_out_where_nothing_goes_on_behind_them() -> None:
    kept = completed({"content": "x", "thinking_blocks": [{"type": "thinking"}], "reasoning_content": "hm"})
    assert kept is not None
    assert kept.reasoning == "hm"
    hidden = signatures.hide("a", "c2ln")
    google = {"google": {"thought_signature": "c2ln"}}
    kept = completed({"tool_calls": [call(0, hidden, "f", "{}", extra_content=google)]}, "tool_calls")
    assert kept is not None
    assert kept.calls[0].ident == hidden
    unknown = call(0, hidden, "f", "{}", extra_content=google, cache_key="x")
    assert completed({"tool_calls": [unknown]}, "tool_calls") is None


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"choices":{}}'])
def test_what_is_no_completion_is_not_kept(body: bytes) -> None:
    assert whole(body, *PAID) is None


def test_a_body_of_any_size_is_not_read() -> None:
    assert completed({"content": "x"}, padding=" " * 2**23) is None
    assert completed({"content": "x"}, padding=" ") is not None


# --- what a store holds -----------------------------------------------------------------------------------

texts = st.text(max_size=20)
counts = st.none() | st.integers(0, 10**9)
stored = st.builds(
    Stored,
    texts,
    st.sampled_from(["stop", "length", "tool_calls", "content_filter"]),
    st.text(min_size=1, max_size=20),
    texts,
    texts,
    st.lists(st.builds(Call, texts, st.text(min_size=1), st.sampled_from(["", "{}", '{"a": 1e400}']))).map(
        tuple
    ),
    texts,
    st.builds(Usage, counts, counts, counts, counts, counts),
    st.floats(0, 1e9),
    st.none() | st.decimals(0, 1000, places=6),
)


@given(stored)
def test_what_is_written_is_read(answer: Stored) -> None:
    assert decode(answer.encode()) == answer


def test_half_a_surrogate_pair_survives() -> None:
    answer = Stored("m", "stop", "\ud83d")
    assert decode(answer.encode()) == answer


def test_an_answer_takes_little_more_than_its_text() -> None:
    assert len(Stored("m-1", "stop", "ü" * 1000, usage=COUNTED).encode()) < 2000 + 130


@given(stored, st.integers(0, 400), st.binary(max_size=3))
def test_what_was_damaged_is_a_miss_or_an_answer(answer: Stored, place: int, damage: bytes) -> None:
    raw = answer.encode()
    read = decode(raw[:place] + damage + raw[place + len(damage) :])
    assert read is None or decode(read.encode()) == read


def test_another_version_is_a_miss() -> None:
    raw = KEPT.encode()
    assert decode(b"\x02" + raw[1:]) is None
    assert decode(b"") is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("finish", "error"),
        ("finish", None),
        ("finish", []),
        ("content", 5),
        ("content", ""),
        ("calls", [["a", "f"]]),
        ("calls", [["a", "", "{}"]]),
        ("calls", [["a", "f", "nonsense"]]),
        ("usage", [1, 2]),
        ("usage", [-1, None, None, None, None]),
        ("usage", [True, None, None, None, None]),
        ("seconds", -1),
        ("seconds", "1"),
        ("seconds", float("inf")),
        ("cost_usd", "NaN"),
        ("cost_usd", "-1"),
        ("cost_usd", 1.5),
        ("cost_usd", "1" * 100),
        ("cost_usd", "much"),
    ],
)
def test_what_no_builder_writes_is_a_miss(name: str, value: object) -> None:
    told = json.loads(KEPT.encode()[1:])
    assert decode(b"\x01" + json.dumps(told).encode()) == KEPT
    assert decode(b"\x01" + json.dumps(told | {name: value}).encode()) is None
