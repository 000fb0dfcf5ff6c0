"""Streams in every translated direction and in place: no word waits, no failure looks like an end."""

import contextlib
import gzip
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from tests.envoy.asking import (
    CHAT,
    FORMS,
    MESSAGES,
    RESPONSES,
    Event,
    Form,
    anthropic_sdk,
    openai_sdk,
    streaming,
)
from tests.envoy.faulty import PATIENCE, Behaviour, Exchange, head
from tests.envoy.gateway import Gateway
from tests.envoy.speaking import (
    CANARY,
    SSE,
    Says,
    Script,
    Tongue,
    bytewise,
    clean,
    cut,
    sse,
    stall,
    tongue_of,
)
from tests.envoy.world import FIRST, MIXED, World, over

WAYS = [(form, name) for form in FORMS for name in FIRST.values()]
each_way = pytest.mark.parametrize(
    ("form", "name"), WAYS, ids=[f"{name}-to-{form.name}" for form, name in WAYS]
)
"""Every form of a client at every dialect of a provider."""

each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)

SAID = Says("One two, three; four.")
WORDS = SAID.words


def is_translated(form: Form, name: str) -> bool:
    return form.native != MIXED[name].dialect


def heard(form: Form, events: Sequence[Event]) -> str:
    return "".join(form.piece(event) for event in events)


def never_complete(form: Form, events: Sequence[Event]) -> None:
    """No word of an end: neither a terminator nor a reason why the model stopped."""
    assert not [event for event in events if form.is_end(event)]
    told = [event.data for event in events if isinstance(event.data, dict)]
    assert not [data for data in told if any(c.get("finish_reason") for c in data.get("choices", ()))]
    assert not [data for data in told if data.get("type") == "message_delta"]


def one_error_at_the_end(form: Form, events: Sequence[Event]) -> None:
    """The failure is told in the client's form, and nothing behind it."""
    assert [form.is_error(event) for event in events].count(True) == 1, events
    assert form.is_error(events[-1])
    never_complete(form, events)
    if form is not RESPONSES:
        form.error(events[-1].data)
    elif events[-1].name == "error":
        assert {"type", "code", "message", "param", "sequence_number"} <= events[-1].data.keys()


# --- no word waits ------------------------------------------------------------------------------------------


@each_way
def test_each_word_arrives_before_the_next_is_released(
    mixed_gateway: Gateway, mixed_world: World, form: Form, name: str
) -> None:
    gate = mixed_world[name].gate()
    mixed_world[name].behaviour = Script(SAID, gate=gate)
    gate.open()  # what stands before the first word; it also makes the response begin
    with streaming(mixed_gateway, form, over(name)) as answer:
        pieces = answer.pieces(form)
        for word in WORDS:
            gate.open()
            assert next(pieces) == word
        gate.open(100)
        assert list(pieces) == []
    assert not answer.is_cut


@each_form
def test_a_stream_is_whole_and_says_so(mixed_gateway: Gateway, mixed_world: World, form: Form) -> None:
    for name in FIRST.values():
        mixed_world[name].behaviour = Script(SAID)
        with streaming(mixed_gateway, form, over(name)) as answer:
            events = list(answer)
            assert (answer.response.getheader("content-type") or "").startswith("text/event-stream")
        assert heard(form, events) == SAID.text
        assert [form.is_end(event) for event in events].count(True) == 1
        assert form.is_end(events[-1])
        assert not [event for event in events if form.is_error(event)]
        if form is not CHAT:
            assert all(event.name == event.data["type"] for event in events)


def with_noise(_: Tongue, events: list[bytes]) -> list[bytes]:
    """Comments, as keep-alives and relays send them, and a field nobody knows."""
    noise = b": PROCESSING\n\n", b":\n\n", b"retry: 1000\n\n", b": data: {}\n\n"
    return [part for n, event in enumerate(events) for part in (noise[n % 4], event)]


def in_halves(_: Tongue, events: list[bytes]) -> list[bytes]:
    """Cut in the middle of each event, so that no chunk ends where an event does."""
    whole = b"".join(events)
    return [whole[start : start + 97] for start in range(0, len(whole), 97)]


CUTS: dict[str, Callable[[Tongue, list[bytes]], Sequence[bytes]]] = {
    "bytes": bytewise,
    "halves": in_halves,
    "noise": with_noise,
    "at once": lambda _, events: [b"".join(events)],
}


@each_form
def test_a_stream_may_be_cut_anywhere(mixed_gateway: Gateway, mixed_world: World, form: Form) -> None:
    for name in FIRST.values():
        says = Says("Żółć, \u20ac and \U0001f600 \u2028 done.")
        for change in CUTS.values():
            mixed_world[name].behaviour = Script(says, change)
            with streaming(mixed_gateway, form, over(name)) as answer:
                events = list(answer)
            assert heard(form, events) == says.text
            assert form.is_end(events[-1])


def test_many_streams_in_all_directions_do_not_mix(mixed_gateway: Gateway, mixed_world: World) -> None:
    """All of them are open at the same moment, each with words of its own."""
    gates = {name: mixed_world[name].gate() for name in FIRST.values()}

    def own_words(name: str) -> Behaviour:
        async def behaviour(exchange: Exchange) -> None:
            mark = next(w for w in exchange.request.body.decode().split() if w.startswith("number-"))
            mark = mark.rstrip('",}]')
            await Script(Says(f"{mark} at {name}."), gate=gates[name])(exchange)

        return behaviour

    for name in FIRST.values():
        mixed_world[name].behaviour = own_words(name)
    barrier = threading.Barrier(91)

    def one(number: int) -> None:
        form, name = WAYS[number % 9]
        barrier.wait(PATIENCE)
        with streaming(mixed_gateway, form, f"{over(name)} number-{number} ") as answer:
            assert "".join(answer.pieces(form)) == f"number-{number} at {name}."

    with ThreadPoolExecutor(90) as pool:
        streams = [pool.submit(one, number) for number in range(90)]
        barrier.wait(PATIENCE)
        for name, gate in gates.items():
            mixed_world[name].wait(30)
            gate.open(1000)
        assert [stream.result() for stream in streams] == [None] * 90


@each_form
def test_a_client_that_leaves_ends_the_stream_at_the_provider(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    for name in FIRST.values():
        mixed_world[name].behaviour = Script(SAID, lambda _, events: events[:2], ending=stall)
        with streaming(mixed_gateway, form, over(name)) as answer:
            assert next(answer.pieces(form)) == WORDS[0]
        assert mixed_world[name].wait().gone.wait(PATIENCE)


# --- no failure looks like an end ---------------------------------------------------------------------------


@each_way
def test_an_error_in_a_stream_is_one_for_the_client(
    mixed_gateway: Gateway, mixed_world: World, form: Form, name: str
) -> None:
    """Also if the provider goes on as if nothing had been."""
    mixed_world[name].behaviour = Script(
        SAID, lambda tongue, events: [*events[:3], tongue.broken(), *events[3:]]
    )
    with streaming(mixed_gateway, form, over(name)) as answer:
        events = list(answer)
    assert heard(form, events) == "".join(WORDS[:2])
    one_error_at_the_end(form, events)
    if is_translated(form, name):
        assert CANARY.encode() not in bytes(answer.raw)


@each_form
def test_an_error_before_the_first_word_is_one_too(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    for name in FIRST.values():
        mixed_world[name].behaviour = Script(SAID, lambda tongue, _: [tongue.broken()])
        with streaming(mixed_gateway, form, over(name)) as answer:
            events = list(answer)
        if answer.status == 200:
            one_error_at_the_end(form, events)
        else:
            assert answer.status >= 500


@each_form
def test_a_stream_that_just_ends_is_an_error(mixed_gateway: Gateway, mixed_world: World, form: Form) -> None:
    for name in FIRST.values():
        for count in (0, 1, 3):
            mixed_world[name].behaviour = Script(SAID, lambda _, events, n=count: events[:n])
            with streaming(mixed_gateway, form, over(name)) as answer:
                events = list(answer)
            assert heard(form, events) == "".join(WORDS[: max(0, count - 1)])
            one_error_at_the_end(form, events)


GARBAGE = (b"data: {not json\n\n", b"data: []\n\n", b'data: "text"\n\n', b"data: \xff\xfe\n\n")


@each_form
def test_a_line_that_cannot_be_read_is_an_error_or_passes_as_it_is(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    for name in FIRST.values():
        for garbage in GARBAGE:
            mixed_world[name].behaviour = Script(SAID, lambda _, e, g=garbage: [*e[:3], g, *e[3:]])
            with streaming(mixed_gateway, form, over(name)) as answer:
                if not is_translated(form, name):
                    assert garbage in b"".join(iter(lambda: answer.response.read1(65536), b""))
                    continue
                events = list(answer)
            assert heard(form, events) == "".join(WORDS[:2])
            one_error_at_the_end(form, events)


@each_form
def test_a_stream_that_is_cut_is_a_broken_transfer(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    """All providers at once: Envoy takes a second to close."""

    def one(name: str) -> None:
        gate = mixed_world[name].gate()
        mixed_world[name].behaviour = Script(SAID, lambda _, events: events[:3], gate, cut)
        gate.open(3)
        events: list[Event] = []
        with streaming(mixed_gateway, form, over(name)) as answer:
            for event in answer:
                events.append(event)
                if heard(form, events) == "".join(WORDS[:2]):
                    gate.open()
        assert heard(form, events) == "".join(WORDS[:2])
        assert answer.is_cut
        never_complete(form, events)

    with ThreadPoolExecutor(3) as pool:
        assert len(list(pool.map(one, FIRST.values()))) == 3


@each_form
def test_a_stream_that_stalls_is_cut_when_its_time_is_up(
    hasty: Gateway, mixed_world: World, form: Form
) -> None:
    for name in FIRST.values():
        mixed_world[name].behaviour = Script(SAID, lambda _, events: events[:3], ending=stall)

    def one(name: str) -> None:
        with streaming(hasty, form, over(name)) as answer:
            events = list(answer)
        assert heard(form, events) == "".join(WORDS[:2])
        assert answer.is_cut
        never_complete(form, events)

    with ThreadPoolExecutor(3) as pool:
        assert len(list(pool.map(one, FIRST.values()))) == 3
    assert all(mixed_world[name].wait().gone.wait(PATIENCE) for name in FIRST.values())


# --- as the SDKs see it -------------------------------------------------------------------------------------


def drain(events: Iterable[Any], on_event: Callable[[Any], object]) -> None:
    """Read a stream of an SDK to its end."""
    for event in events:
        on_event(event)


@pytest.mark.parametrize("name", FIRST.values())
def test_the_sdks_raise_on_an_error_in_a_stream(
    mixed_gateway: Gateway, mixed_world: World, name: str
) -> None:
    mixed_world[name].behaviour = Script(SAID, lambda tongue, events: [*events[:3], tongue.broken()])
    with pytest.raises(openai.APIError):
        list(openai_sdk(mixed_gateway).chat.completions.create(**CHAT.body(over(name)), stream=True))
    sdk = anthropic_sdk(mixed_gateway)
    with pytest.raises(anthropic.APIStatusError) as caught:
        list(sdk.messages.create(**MESSAGES.body(over(name)), stream=True))
    assert caught.value.body["type"] == "error"  # type: ignore[index,call-overload]
    kinds: list[str] = []
    with contextlib.suppress(
        openai.APIError
    ):  # it hands on an event `error` of this form, and raises on none
        drain(
            openai_sdk(mixed_gateway).responses.create(**RESPONSES.body(over(name)), stream=True),
            lambda event: kinds.append(event.type),
        )
    assert "response.completed" not in kinds
    assert kinds[-1] in {"error", "response.failed"}


def test_the_sdks_raise_on_a_cut(mixed_gateway: Gateway, mixed_world: World) -> None:
    name = "gemini1"
    upstream = mixed_world[name]
    gate = upstream.gate()
    upstream.behaviour = Script(SAID, lambda _, events: events[:3], gate, cut)
    gate.open(3)
    chat = openai_sdk(mixed_gateway).chat.completions
    with pytest.raises(openai.APIConnectionError):
        drain(chat.create(**CHAT.body(over(name)), stream=True), lambda _: gate.open())
    gate = upstream.gate()
    upstream.behaviour = Script(SAID, lambda _, events: events[:3], gate, cut)
    gate.open(3)
    messages = anthropic_sdk(mixed_gateway).messages
    with pytest.raises((anthropic.APIConnectionError, httpx2.RemoteProtocolError)):
        drain(messages.create(**MESSAGES.body(over(name)), stream=True), lambda _: gate.open())


# --- packed answers, records, killed workers ----------------------------------------------------------------


@each_form
def test_nothing_packed_is_asked_for_where_it_must_be_read(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    for name in FIRST.values():
        for stream in (False, True):
            body = form.body(over(name)) | {"stream": stream}
            answer = mixed_gateway.post(body, form.path, accept_encoding="gzip, br, zstd")
            assert answer.status == 200
            asked = mixed_world[name].requests[-1].header("accept-encoding")
            if is_translated(form, name):
                assert asked in {None, "identity"}


@each_form
def test_an_answer_that_is_packed_all_the_same_is_an_error_not_noise(
    mixed_gateway: Gateway, mixed_world: World, form: Form
) -> None:
    async def packs(exchange: Exchange) -> None:
        tongue = tongue_of(exchange.request)
        assert tongue is not None
        body = gzip.compress(json.dumps(tongue.whole(SAID)).encode())
        fixed = {"content-type": "application/json", "content-encoding": "gzip"}
        await exchange.send(head(200, fixed | {"content-length": str(len(body))}) + body)

    for name in FIRST.values():
        if not is_translated(form, name):
            continue
        mixed_world[name].behaviour = packs
        response = mixed_gateway.post(form.body(over(name)), form.path)
        if response.status == 200:  # unpacked on the way
            assert form.text(response.json) == SAID.text
        else:
            assert response.status >= 500
            form.error(response.json)


def test_a_killed_worker_never_makes_a_short_stream_look_whole(
    fresh_mixed: Callable[..., Gateway], mixed_world: World
) -> None:
    gateway = fresh_mixed()
    form, name = MESSAGES, "openai1"
    gate = mixed_world[name].gate()
    mixed_world[name].behaviour = Script(SAID, gate=gate)
    gate.open(2)
    with streaming(gateway, form, over(name)) as answer:
        events = iter(answer)
        seen = [next(events)]
        gateway.kill(gateway.worker)
        gate.open(100)
        seen += events
    if heard(form, seen) != SAID.text:
        assert answer.is_cut or form.is_error(seen[-1])
        assert not [event for event in seen if form.is_end(event)]


async def _headers_only(exchange: Exchange) -> None:
    await exchange.send(head(200, SSE))
    await stall(exchange)


def test_a_stall_after_the_headers_is_cut_too(hasty: Gateway, mixed_world: World) -> None:
    for name in FIRST.values():
        mixed_world[name].behaviour = _headers_only

    def one(way: tuple[Form, str]) -> None:
        form, name = way
        with streaming(hasty, form, over(name)) as answer:
            events = list(answer)
        assert answer.is_cut or answer.status >= 500
        never_complete(form, events)

    with ThreadPoolExecutor(9) as pool:
        assert len(list(pool.map(one, WAYS))) == 9


def test_unfinished_arguments_of_a_tool_are_no_call(mixed_gateway: Gateway, mixed_world: World) -> None:
    """A stream that ends inside a call is an error, not a call with half of its arguments."""
    half = sse(
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}}
    )
    block = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    delta = {"type": "input_json_delta", "partial_json": '{"city": "Ber'}
    half += sse({"type": "content_block_start", "index": 0, "content_block": block}, "content_block_start")
    half += sse({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
    mixed_world["claude1"].behaviour = Script(SAID, lambda _, __: [half])
    for form in (CHAT, RESPONSES):
        with streaming(mixed_gateway, form, over("claude1")) as answer:
            events = list(answer)
        one_error_at_the_end(form, events)
        assert not [e for e in events if e.name == "response.function_call_arguments.done"]


ENDS: dict[str, Callable[[Tongue, list[bytes]], Sequence[bytes]]] = {
    "complete": lambda _, events: events,
    "error": lambda tongue, events: [*events[:3], tongue.broken()],
    "cut": lambda _, events: events[:3],
}


@pytest.mark.parametrize("end", ENDS)
def test_how_a_stream_ended_is_on_record(mixed_gateway: Gateway, mixed_world: World, end: str) -> None:
    def one(way: tuple[Form, str]) -> None:
        form, name = way
        gate = mixed_world[name].gate()
        gate.open(3 if end == "cut" else 100)
        mixed_world[name].behaviour = Script(SAID, ENDS[end], gate, cut if end == "cut" else clean)
        with streaming(mixed_gateway, form, over(name)) as answer:
            for piece in answer.pieces(form):
                if piece == WORDS[1]:
                    gate.open()
        found = answer.response.getheader("x-waypost-request-id")
        mixed_gateway.until(lambda: mixed_gateway.records(found, "result"), "a result on record")
        (result,) = mixed_gateway.records(found, "result")
        assert (result["stream_end"], result["attempts"]) == (end, 1), (form.name, name)

    with ThreadPoolExecutor(3) as pool:
        ways = [(CHAT, "claude1"), (MESSAGES, "gemini1"), (RESPONSES, "openai1")]
        assert len(list(pool.map(one, ways))) == 3
