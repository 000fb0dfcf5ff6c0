"""Personal data and attacks through real Envoy: what a provider receives, what a client gets back.

What counts is the wire: a value that must not leave is looked for in every byte a provider received.
"""

import asyncio
import gzip
import http.client
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.envoy.faulty import (
    DONE,
    PATIENCE,
    Behaviour,
    Closed,
    Exchange,
    completion,
    event,
    fails,
    respond,
    stalls_mid_stream,
    stream,
)
from tests.envoy.gateway import Gateway, Response, free_port, question, run_serve, serve
from tests.envoy.test_semantic import ATTACK, NAMES, prose, record
from tests.envoy.world import WIRE_NAMES, World, chain, config, model, semantic

CARD, SECOND_CARD = "4012 8888 8888 1881", "5555 5555 5555 4444"
IBAN = "DE89 3704 0044 0532 0130 00"
EMAIL = "anna.keller@brightfield.org"
VALUES = (CARD, SECOND_CARD, IBAN, EMAIL)
PAYS = f"Pay with {CARD}, please."
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

EXTERNAL = ("out1", "out2", "out3")


def spellings(value: str) -> set[bytes]:
    """How a value may stand on the wire."""
    return {value.encode(), value.replace(" ", "").encode(), value.replace(" ", "-").encode()}


def leaked(world: World, *names: str) -> list[str]:
    """Values that any of these providers received, in head or body."""
    got = [(name, request) for name in names for request in world[name].requests]
    return [
        f"{value} at {name}"
        for name, request in got
        for value in VALUES
        for text in spellings(value)
        if text in request.head + request.body
    ]


def written(gateway: Gateway) -> list[str]:
    """Values in any file of a gateway: logs, audit log, what Envoy was told."""
    texts = {text for value in VALUES for text in spellings(value)}
    files = (file for file in gateway.state.rglob("*") if file.is_file())
    return [file.name for file in files if any(text in file.read_bytes() for text in texts)]


# --- providers --------------------------------------------------------------------------------------------


def says(text: str, **headers: str) -> Behaviour:
    """A JSON answer with this text."""
    return respond(200, json.dumps(completion(text)).encode(), **headers)


def dribbles(pieces: Sequence[bytes], gate: Any = None, *, ends: bool = True) -> Behaviour:
    """A stream in exactly these pieces, each on its own way; `gate(n)` is awaited before piece n."""

    async def behaviour(exchange: Exchange) -> None:
        await exchange.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for number, piece in enumerate(pieces):
            await (gate(number) if gate else asyncio.sleep(0.001))
            await exchange.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        if not ends:
            exchange.writer.close()
            raise Closed
        await exchange.send(b"0\r\n\r\n")

    return behaviour


def chunked(body: bytes, content_type: str = "application/json") -> Behaviour:
    """A body whose length nobody announces."""

    async def behaviour(exchange: Exchange) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
        rest = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
        await exchange.send(head.encode() + rest + b"0\r\n\r\n")

    return behaviour


async def echoes(exchange: Exchange) -> None:
    """What the last message says comes back, as JSON or word by word."""
    text = exchange.request.json["messages"][-1]["content"]
    streams = exchange.request.json.get("stream")
    await (stream([f"{word} " for word in text.split()]) if streams else says(text))(exchange)


def delta(**fields: Any) -> bytes:
    """An event of a stream with this delta."""
    choice = {"index": 0, "delta": fields, "finish_reason": None}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
    return b"data: " + json.dumps({**head, "choices": [choice]}).encode() + b"\n\n"


def call(arguments: str, **more: Any) -> bytes:
    """An event with the next characters of a tool call's arguments."""
    return delta(tool_calls=[{"index": 0, **more, "function": {"arguments": arguments, **more.pop("f", {})}}])


END = (event("", "stop"), DONE)


# --- gateways ---------------------------------------------------------------------------------------------


def rule(word: str, *names: str, **more: Any) -> dict[str, Any]:
    """A word that leads to these models, with settings of its own."""
    return {
        "name": word,
        "conditions": [{"type": "keyword_match", "keywords": [word]}],
        "action": {"type": "route", "endpoints": [model(name) for name in names]},
        **more,
    }


PATTERNS = {"method": "patterns"}
RULES: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("stopped", ("out1", "out2"), {"pii": {"action": "block"}}),
    ("sidestepped", ("out1", "out2"), {"pii": {"action": "reroute"}}),
    ("hidden", ("out1", "out2"), {"pii": {"action": "mask"}}),
    ("returned", ("out1", "out2"), {"pii": {"action": "mask_restore"}}),
    ("permitted", ("out1",), {"pii": {"action": "allow"}}),
    ("unwatched", ("out1",), {"pii": {"enabled": False}}),
    ("cardsonly", ("out1",), {"pii": {"types": ["CREDIT_CARD"]}}),
    ("mailok", ("out1",), {"pii": {"allowed_types": ["EMAIL_ADDRESS"]}}),
    ("unsure", ("out1",), {"pii": {"threshold": 0.99}}),
    ("bymodel", ("out2",), {}),
    ("bymodelback", ("out1", "out2"), {"pii": {"action": "mask"}}),
    ("byzone", ("out1",), {}),
    ("byfile", ("in1",), {}),
)
"""Word, models, settings. A file masks, its external zone blocks, its model at out2 masks and restores."""


def levels(world: World, **more: Any) -> dict[str, Any]:
    """A file that speaks at every level; no question of it needs the classifiers."""
    made = config(world)
    made["models"][model("out2")]["pii"] = {"action": "mask_restore"}
    return {
        **made,
        "routing_rules": [rule(word, *names, **own) for word, names, own in RULES],
        "pii": {"action": "mask", **PATTERNS},
        "zones": {"external": {"pii": {"action": "block"}}},
        "unscannable": {"reroute": "internal"},
        **more,
    }


@pytest.fixture(scope="module")
def shared_levels(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serve(tmp_path_factory.mktemp("levels"), levels(whole_world)) as gateway:
        yield gateway
        assert written(gateway) == []
        assert sum(gateway.stats("rejected_header_mutations").values()) == 0


@pytest.fixture
def leveled(shared_levels: Gateway, world: World) -> Gateway:
    """A gateway whose file speaks of personal data at every level; shared."""
    return shared_levels


@pytest.fixture(scope="module")
def shared_polite(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serve(tmp_path_factory.mktemp("polite"), levels(whole_world, block_style="openai")) as gateway:
        yield gateway
        assert written(gateway) == []


@pytest.fixture
def polite(shared_polite: Gateway, world: World) -> Gateway:
    """The same with refusals that look like an answer; shared."""
    return shared_polite


ATTACKED: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("noted", ("out1",), {"prompt_guard": {"action": "annotate"}, "pii": {"action": "allow"}}),
    ("taken", ("out1",), {"prompt_guard": {"action": "reroute"}}),
    ("trusting", ("out1",), {"prompt_guard": {"action": "allow"}}),
    ("refused", ("out1",), {}),
)


@pytest.fixture(scope="module")
def shared_learned(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = semantic(
        whole_world,
        routing_rules=[rule(word, *names, **own) for word, names, own in ATTACKED],
        prompt_guard={"enabled": True},
        zones={"external": {"pii": {"action": "mask_restore"}}},
    )
    made["models"][model("out2")]["prompt_guard"] = {"enabled": False}
    with serve(tmp_path_factory.mktemp("learned"), made) as gateway:
        yield gateway
        assert written(gateway) == []


@pytest.fixture
def learned(shared_learned: Gateway, world: World) -> Gateway:
    """Guards that ask the classifiers; shared."""
    return shared_learned


Fresh = Callable[..., Gateway]


def content(response: Response) -> str:
    """The text of a JSON answer."""
    assert response.status == 200, response.body
    return response.json["choices"][0]["message"]["content"]


def deltas(body: bytes) -> list[dict[str, Any]]:
    """The deltas of the first choice of a stream, in order."""
    lines = (line[6:] for line in body.decode().splitlines() if line.startswith("data: {"))
    chosen = (json.loads(line)["choices"] for line in lines)
    return [choices[0]["delta"] for choices in chosen if choices]


def text_of(body: bytes) -> str:
    return "".join(found.get("content") or "" for found in deltas(body))


# --- without a policy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["auto", model("out2")])
def test_a_card_leaves_as_a_placeholder_and_comes_back_as_itself(
    gateway: Gateway, world: World, name: str
) -> None:
    for provider in EXTERNAL:
        world[provider].behaviour = echoes
    raw = gateway.sdk().chat.completions.with_raw_response.create(**question(PAYS, name))
    assert raw.parse().choices[0].message.content == PAYS
    (provider,) = world.got()
    assert world[provider].wait().json["messages"][0]["content"] == "Pay with <CARD_1>, please."
    assert world[provider].wait().header("accept-encoding") == "identity"
    assert raw.headers["x-waypost-masked"] == "CREDIT_CARD=1"
    assert leaked(world, *EXTERNAL) == []


def test_a_stream_gives_it_back_too(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = echoes
    chunks = gateway.sdk().chat.completions.create(**question(PAYS), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == f"{PAYS} "
    assert leaked(world, *EXTERNAL) == []


def test_one_value_has_one_placeholder_through_the_whole_conversation(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = echoes
    messages = [{"role": "system", "content": f"The other card is {SECOND_CARD}."}]
    for text in (PAYS, f"No, {CARD} and not {SECOND_CARD}, to {IBAN}."):
        messages.append({"role": "user", "content": text})
        answer = content(gateway.post({"model": "auto", "messages": messages}))
        assert answer == text
        messages.append({"role": "assistant", "content": answer})
    sent = world["out1"].wait(2).json["messages"]
    assert [message["content"] for message in sent] == [
        "The other card is <CARD_1>.",
        "Pay with <CARD_2>, please.",
        "Pay with <CARD_2>, please.",
        "No, <CARD_2> and not <CARD_1>, to <IBAN_1>.",
    ]
    assert world["out1"].wait(1).json["messages"] == sent[:2]
    assert leaked(world, *EXTERNAL) == []


PLACES: dict[str, dict[str, Any]] = {
    "parts": {"messages": [{"role": "user", "content": [{"type": "text", "text": PAYS}, PICTURE]}]},
    "developer": {"messages": [{"role": "developer", "content": PAYS}, {"role": "user", "content": "Go."}]},
    "split": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": part} for part in (CARD[:9], CARD[9:])]}
        ]
    },
    "call": {
        "messages": [
            {"role": "user", "content": "Pay."},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "pay", "arguments": json.dumps({"card": CARD, "to": [IBAN]})},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": f'{{"paid": "{SECOND_CARD}"}}'},
        ]
    },
    "tools": {
        "messages": [{"role": "user", "content": "Pay."}],
        "tools": [{"type": "function", "function": {"name": "pay", "description": f"Pays from {CARD}"}}],
    },
    "user": {"messages": [{"role": "user", "content": "Pay."}], "user": CARD},
    "unknown": {"messages": [{"role": "user", "content": "Pay."}], "extra": {"deep": [{"note": PAYS}]}},
    "escaped": {"messages": [{"role": "user", "content": json.dumps({"a": json.dumps({"card": CARD})})}]},
    "name": {"messages": [{"role": "user", "name": CARD.replace(" ", ""), "content": "Pay."}]},
}


@pytest.mark.parametrize("place", PLACES)
def test_wherever_it_stands_it_does_not_leave(gateway: Gateway, world: World, place: str) -> None:
    response = gateway.post({"model": "auto", **PLACES[place]})
    assert response.status in {200, 403}, response.body
    assert leaked(world, *EXTERNAL) == []
    if response.status == 200:
        body = world["out1"].wait().body
        assert b"CARD_" in body
        assert set(json.loads(body)) == {"model", *PLACES[place]}


def test_bytes_that_are_not_masked_stay_as_they_were(gateway: Gateway, world: World) -> None:
    sent = (
        b'{ "model" : "auto",\n "temperature": 1.0e0, "messages":[{"role":"user",'
        b'"content":"caf\\u00e9 \xc3\xa9 %s \\/ end"}], "seed" : 12345678901234567890 }'
    )
    assert gateway.post(sent % CARD.encode()).status == 200
    expected = (sent % b"<CARD_1>").replace(b"auto", WIRE_NAMES["out1"].encode())
    assert world["out1"].wait().body == expected


@pytest.mark.parametrize("first", ["in1", "in2"])
def test_inside_nothing_is_touched(gateway: Gateway, world: World, first: str) -> None:
    world[first].behaviour = says("You wrote <CARD_1>.")
    body = json.dumps(question(f"{PAYS} {IBAN} ü", model(first))).encode()
    response = gateway.post(body)
    assert world[first].wait().body == body.replace(model(first).encode(), WIRE_NAMES[first].encode())
    assert content(response) == "You wrote <CARD_1>."
    assert response.header("x-waypost-masked") is None


def test_without_personal_data_the_answer_passes_as_it_is(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = says("A <CARD_1> for you.")
    assert content(gateway.post(question("Hello."))) == "A <CARD_1> for you."


def test_a_number_that_only_looks_like_a_card_passes(gateway: Gateway, world: World) -> None:
    text = "Order 4012 8888 8888 1882 is late."
    assert gateway.ask(text).header("x-waypost-masked") is None
    assert world["out1"].wait().json["messages"][0]["content"] == text


# --- failover ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["json", "sse"])
@pytest.mark.parametrize(("first", "second"), [("out1", "in1"), ("in1", "out1"), ("out2", "out1")])
def test_every_attempt_of_a_chain_gets_the_masked_body(
    gateway: Gateway, world: World, first: str, second: str, options: dict[str, Any]
) -> None:
    world[first].behaviour = fails(503)
    world[second].behaviour = echoes
    response = gateway.ask(f"{chain(first, second)} {PAYS}", **options)
    assert response.header("x-waypost-attempts") == "2"
    for name in (first, second):
        body = world[name].wait().json
        assert body["model"] == WIRE_NAMES[name]
        assert body["messages"][0]["content"] == f"{chain(first, second)} Pay with <CARD_1>, please."
    assert leaked(world, first, second) == []
    assert CARD in (text_of(response.body) if options else content(response))


def test_a_chain_inside_gets_what_was_sent_at_each_attempt(gateway: Gateway, world: World) -> None:
    world["in1"].behaviour = fails(503)
    text = f"{chain('in1', 'in2')} {PAYS}"
    assert gateway.ask(text).header("x-waypost-attempts") == "2"
    for name in ("in1", "in2"):
        assert world[name].wait().json == question(text, WIRE_NAMES[name])


# --- what comes back, cut anywhere ------------------------------------------------------------------------


def test_a_placeholder_may_be_split_over_events_anywhere(gateway: Gateway, world: World) -> None:
    placeholder = "<CARD_1>"
    splits = [(placeholder[:at], placeholder[at:]) for at in range(len(placeholder) + 1)]
    events = [event(part) for pair in (*splits, tuple(placeholder)) for part in (*pair, ";")]
    world["out1"].behaviour = dribbles([*events, *END])
    body = gateway.ask(PAYS, stream=True).body
    assert text_of(body) == f"{CARD};" * (len(splits) + 1)
    assert body.endswith(DONE)


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_events_may_be_split_over_reads_anywhere(gateway: Gateway, world: World, size: int) -> None:
    whole = b"".join((event("Use <CA"), event("RD_1> or "), event("<CARD_2>, x < y & z"), *END))
    whole = whole.replace(b"\n\n", b"\r\n\r\n", 1)
    world["out1"].behaviour = dribbles([whole[at : at + size] for at in range(0, len(whole), size)])
    body = gateway.ask(f"{PAYS} Or {SECOND_CARD}.", stream=True).body
    assert text_of(body) == f"Use {CARD} or {SECOND_CARD}, x < y & z"
    assert body.endswith(DONE)


def test_arguments_of_a_streamed_tool_call_stay_json(leveled: Gateway, world: World) -> None:
    arguments = '{"to":"<EMAIL_1>","card":"<CARD_1>","note":"<3"}'
    pieces = [call("", id="c1", type="function", f={"name": "pay"}), *map(call, arguments), *END]
    world["out1"].behaviour = dribbles(pieces)
    chunks = leveled.sdk().chat.completions.create(**question(f"returned {PAYS} Tell {EMAIL}."), stream=True)
    calls = [c.choices[0].delta.tool_calls for c in chunks if c.choices[0].delta.tool_calls]
    found = "".join(each[0].function.arguments or "" for each in calls if each and each[0].function)
    assert json.loads(found) == {"to": EMAIL, "card": CARD, "note": "<3"}
    assert leaked(world, *EXTERNAL) == []


def test_arguments_of_a_tool_call_stay_json(leveled: Gateway, world: World) -> None:
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "pay", "arguments": '{"to": "<EMAIL_1>", "say": "\\"<CARD_1>\\""}'},
            }
        ],
    }
    answer = completion("") | {
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": None}]
    }
    world["out1"].behaviour = respond(200, json.dumps(answer).encode())
    told = leveled.sdk().chat.completions.create(**question(f"returned {PAYS} Tell {EMAIL}."))
    (made,) = told.choices[0].message.tool_calls or ()
    assert made.type == "function"
    assert json.loads(made.function.arguments) == {"to": EMAIL, "say": f'"{CARD}"'}


def test_nothing_is_held_that_need_not_be(gateway: Gateway, world: World) -> None:
    gate = world["out1"].gate()
    texts = ("One", " two <CARD", "_1", "> and <", "3 or <CARD_9", "!")
    world["out1"].behaviour = dribbles([*map(event, texts), b"".join(END)], gate)
    seen: list[str] = []
    with gateway.sdk(timeout=PATIENCE).chat.completions.create(**question(PAYS), stream=True) as chunks:
        # Held back are `<CARD`, `<CARD_1` and `<`; a number that was never given out is not.
        for opened, expected in ((1, "One"), (1, " two "), (2, f"{CARD} and "), (1, "<3 or <CARD_9")):
            gate.open(opened)
            while "".join(seen).removesuffix(expected) == "".join(seen):
                seen.append(next(chunks).choices[0].delta.content or "")
        gate.open(2)
        seen += [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert "".join(seen) == f"One two {CARD} and <3 or <CARD_9!"


def test_answers_of_several_choices_do_not_mix(gateway: Gateway, world: World) -> None:
    def of(index: int, text: str) -> bytes:
        return event(text).replace(b'"index": 0', b'"index": %d' % index)

    pieces = [of(0, "a <CARD"), of(1, "b <CA"), of(0, "_1> c"), of(1, "RD_2> d"), *END]
    world["out1"].behaviour = dribbles(pieces)
    body = gateway.ask(f"{PAYS} Or {SECOND_CARD}.", stream=True, n=2).body.decode()
    found = {0: "", 1: ""}
    for line in body.splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:])["choices"]:
                found[choice["index"]] += choice["delta"].get("content", "")
    assert found == {0: f"a {CARD} c", 1: f"b {SECOND_CARD} d"}


def test_an_answer_as_json_stays_json(leveled: Gateway, world: World) -> None:
    world["out1"].behaviour = says('{"pay": "<CARD_1>", "tell": "<EMAIL_1>"}')
    response = leveled.ask(f"returned {PAYS} {EMAIL}", response_format={"type": "json_object"})
    assert json.loads(content(response)) == {"pay": CARD, "tell": EMAIL}


@pytest.mark.parametrize("announced", [True, False], ids=["content-length", "chunked"])
def test_an_answer_of_five_megabytes_is_restored(gateway: Gateway, world: World, *, announced: bool) -> None:
    text = f"<CARD_1> {prose(1024 * 1024) * 5} <CARD_1>"
    body = json.dumps(completion(text)).encode()
    world["out1"].behaviour = respond(200, body) if announced else chunked(body)
    envoy = gateway.envoy
    assert content(gateway.ask(PAYS)) == text.replace("<CARD_1>", CARD)
    assert gateway.envoy == envoy


def test_a_connection_goes_on_behind_restored_answers(gateway: Gateway, world: World) -> None:
    """Answers of another length than the provider's; the next one begins where the last one ends."""
    world["out1"].behaviour = echoes
    sdk = gateway.sdk()
    for text in (PAYS, "Hello.", f"{PAYS} {SECOND_CARD} {IBAN}", "Bye."):
        assert sdk.chat.completions.create(**question(text)).choices[0].message.content == text
        chunks = sdk.chat.completions.create(**question(text), stream=True)
        words = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert words == f"{text} "


def luhn(number: int) -> str:
    """A card number of 16 digits that proves itself."""
    digits = f"4{number:014d}"
    doubled = (int(d) * (2 if n % 2 == 0 else 1) for n, d in enumerate(digits))
    return f"{digits}{-sum(d // 10 + d % 10 for d in doubled) % 10}"


def test_nobody_gets_the_value_of_another(gateway: Gateway, world: World) -> None:
    for name in EXTERNAL:
        world[name].behaviour = echoes

    def one(number: int) -> tuple[str, str]:
        text = f"Pay with {luhn(number * 7919)} now."
        response = gateway.ask(text, stream=number % 2 == 0)
        return text, text_of(response.body).strip() if number % 2 == 0 else content(response)

    with ThreadPoolExecutor(40) as pool:
        for sent, got in pool.map(one, range(1, 121)):
            assert got == sent
    assert all(r.mentions("Pay with <CARD_1> now.") for r in world["out1"].requests)


# --- answers that are not as they should be ---------------------------------------------------------------


def test_a_compressed_answer_passes_with_its_placeholders(gateway: Gateway, world: World) -> None:
    packed = gzip.compress(json.dumps(completion("Paid with <CARD_1>.")).encode())
    world["out1"].behaviour = respond(200, packed, content_encoding="gzip")
    told = gateway.sdk().chat.completions.create(**question(PAYS))
    assert told.choices[0].message.content == "Paid with <CARD_1>."


@pytest.mark.parametrize("status", [400, 422, 429, 500])
def test_an_error_of_a_provider_tells_only_what_the_provider_knows(
    gateway: Gateway, world: World, status: int
) -> None:
    error = {"message": "bad value <CARD_1>", "type": "invalid_request_error", "param": None, "code": "x"}
    world["out1"].behaviour = respond(status, json.dumps({"error": error}).encode())
    response = gateway.ask(PAYS)
    assert response.status == status
    assert response.error["message"] == "bad value <CARD_1>"
    assert leaked(world, *EXTERNAL) == []


ODD: dict[str, Behaviour] = {
    "no bytes": respond(200, b""),
    "no chunks": chunked(b""),
    "no events": chunked(b"", "text/event-stream"),
    "cut JSON": respond(200, b'{"choices": [{"message": {"content": "<CARD_1'),
    "a list": respond(200, b'["<CARD_1>"]'),
    "not JSON": respond(200, b"<CARD_1> {"),
    "text": respond(200, b"<CARD_1>", "text/plain"),
    "no UTF-8": respond(200, b'{"choices": ["\xff<CARD_1>"]}'),
    "only an end": dribbles([DONE]),
    "half an event": dribbles([b'data: {"choices": [{"delta": {"content": "<CARD_1>']),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_answer_passes_as_it_came(gateway: Gateway, world: World, odd: str) -> None:
    world["in1"].behaviour = world["out1"].behaviour = ODD[odd]
    # The same from inside, where nobody reads it, tells what came.
    untouched = gateway.ask("Hello.", model("in1"))
    response = gateway.ask(PAYS)
    assert (response.status, response.body) == (untouched.status, untouched.body)
    world["out1"].behaviour = echoes
    assert content(gateway.ask(PAYS)) == PAYS


def test_a_stream_that_ends_in_a_placeholder_loses_no_character(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = dribbles([event("so <CARD"), event("", "stop")])
    assert text_of(gateway.ask(PAYS, stream=True).body) == "so <CARD"
    world["out1"].behaviour = dribbles([event("so <CARD"), *END])
    assert text_of(gateway.ask(PAYS, stream=True).body) == "so <CARD"


def test_a_stream_cut_in_a_placeholder_breaks_and_does_not_look_complete(
    gateway: Gateway, world: World
) -> None:
    gate = world["out1"].gate()
    world["out1"].behaviour = dribbles([event("one"), event("two <CAR")], gate, ends=False)
    words: list[str | None] = []

    def read() -> None:
        for chunk in chunks:
            words.append(chunk.choices[0].delta.content)
            gate.open(2)

    gate.open()
    chunks = gateway.sdk(timeout=PATIENCE).chat.completions.create(**question(PAYS), stream=True)
    with pytest.raises(openai.APIConnectionError):
        read()
    assert words[0] == "one"
    assert leaked(world, *EXTERNAL) == []
    world["out1"].behaviour = echoes
    assert content(gateway.ask(PAYS)) == PAYS


def test_a_json_answer_that_is_cut_is_an_error(gateway: Gateway, world: World) -> None:
    async def cut(exchange: Exchange) -> None:
        body = json.dumps(completion("<CARD_1>")).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        await exchange.send(head.encode() + body[:-20])
        exchange.writer.close()
        raise Closed

    world["out1"].behaviour = cut
    with pytest.raises((openai.APIConnectionError, openai.InternalServerError)):
        gateway.sdk(timeout=PATIENCE).chat.completions.create(**question(PAYS))
    world["out1"].behaviour = echoes
    assert content(gateway.ask(PAYS)) == PAYS


def test_a_stall_of_a_restored_stream_is_ended_as_broken(impatient: Gateway, world: World) -> None:
    world["out1"].behaviour = stalls_mid_stream(["one", "two <CAR"])
    chunks = impatient.sdk(timeout=PATIENCE).chat.completions.create(**question(PAYS), stream=True)
    with pytest.raises(openai.APIConnectionError):
        list(chunks)
    assert world["out1"].wait().gone.wait(PATIENCE)


def test_a_client_that_leaves_a_restored_stream_cancels_it(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = stalls_mid_stream(["one"])
    with gateway.sdk(timeout=PATIENCE).chat.completions.create(**question(PAYS), stream=True) as chunks:
        assert next(chunks).choices[0].delta.content == "one"
    assert world["out1"].wait().gone.wait(PATIENCE)


def test_a_worker_that_dies_in_a_stream_breaks_it(fresh: Fresh, world: World) -> None:
    """Who could put values back is gone: the stream must neither look complete nor go on unread."""
    gateway = fresh()
    gate = world["out1"].gate()
    world["out1"].behaviour = dribbles([event("one <CARD_1>"), event(" two <CARD_1>"), *END], gate)
    with gateway.sdk(timeout=PATIENCE).chat.completions.create(**question(PAYS), stream=True) as chunks:
        gate.open()
        assert next(chunks).choices[0].delta.content == f"one {CARD}"
        gateway.kill(gateway.worker)
        gate.open(9)
        with pytest.raises(openai.APIConnectionError):
            list(chunks)
    comes_back(gateway, world)


def test_a_worker_that_dies_before_a_json_answer_never_makes_it_a_whole_one(
    fresh: Fresh, world: World
) -> None:
    """An error, or a transfer that breaks off where Envoy had sent the headers already."""
    gateway = fresh()
    gate = world["out1"].gate()
    world["out1"].behaviour = dribbles([json.dumps(completion("<CARD_1>")).encode()], gate)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(gateway.ask, PAYS)
        world["out1"].wait()
        gateway.kill(gateway.worker)
        with suppress(http.client.IncompleteRead):
            assert future.result(PATIENCE).error
    gate.open(9)
    comes_back(gateway, world)


def comes_back(gateway: Gateway, world: World) -> None:
    """A new worker serves, and whatever happened, no value is anywhere."""

    def serves() -> bool:
        try:
            return gateway.ask(PAYS).status == 200
        except (OSError, http.client.HTTPException):
            return False

    assert leaked(world, *EXTERNAL) == []
    world["out1"].clear()
    gateway.until(serves, "a worker that serves again")
    assert leaked(world, *EXTERNAL) == []
    assert written(gateway) == []


# --- what a file says -------------------------------------------------------------------------------------


def test_a_mask_without_restore_stays_a_mask(leveled: Gateway, world: World) -> None:
    world["out1"].behaviour = echoes
    every: tuple[dict[str, Any], ...] = ({}, {"stream": True})
    for options in every:
        response = leveled.post(question(f"hidden {PAYS} {EMAIL}", **options))
        text = text_of(response.body).strip() if options else content(response)
        assert text == "hidden Pay with <CARD_1>, please. <EMAIL_1>"
        assert response.header("x-waypost-masked") == "CREDIT_CARD=1, EMAIL_ADDRESS=1"
    assert leaked(world, *EXTERNAL) == []


def test_a_mask_with_restore_comes_back(leveled: Gateway, world: World) -> None:
    world["out1"].behaviour = echoes
    text = f"returned {PAYS} {EMAIL}, {IBAN}"
    assert content(leveled.ask(text)) == text
    assert text_of(leveled.ask(text, stream=True).body).strip() == text
    assert leaked(world, *EXTERNAL) == []


@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["json", "sse"])
@pytest.mark.parametrize(("text", "kind"), [(EMAIL, "EMAIL_ADDRESS"), (CARD, "CREDIT_CARD")])
def test_a_block_is_an_error_that_names_guard_and_type(
    leveled: Gateway, world: World, text: str, kind: str, options: dict[str, Any]
) -> None:
    with pytest.raises(openai.PermissionDeniedError) as caught:
        leveled.sdk().chat.completions.create(**question(f"stopped {text}"), **options)
    assert caught.value.code == "pii_blocked"
    headers = caught.value.response.headers
    assert headers["x-waypost-guard"] == f"pii; type={kind}; score=0.950"
    assert headers["x-vsr-pii-violation"] == "true"
    assert headers["x-waypost-decision"] == "pii"
    assert headers["x-should-retry"] == "false"
    assert not any(value in caught.value.response.text for value in VALUES)
    assert world.got() == {}
    assert leveled.ask("stopped Hello.").status == 200


def test_a_block_may_look_like_a_model_that_declines(polite: Gateway, world: World) -> None:
    raw = polite.sdk().chat.completions.with_raw_response.create(**question(f"stopped {EMAIL}"))
    (choice,) = raw.parse().choices
    assert choice.finish_reason == "content_filter"
    assert choice.message.content == "The request holds personal data that may not be sent to a model."
    assert raw.headers["x-waypost-guard"] == "pii; type=EMAIL_ADDRESS; score=0.950"
    assert raw.headers["x-vsr-pii-violation"] == "true"
    assert world.got() == {}


def test_a_stream_may_be_blocked_like_that_too(polite: Gateway, world: World) -> None:
    chunks = list(
        polite.sdk().chat.completions.create(
            **question(f"stopped {EMAIL}"), stream=True, stream_options={"include_usage": True}
        )
    )
    told = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in told).startswith("The request holds personal")
    assert told[-1].finish_reason == "content_filter"
    assert chunks[-1].usage is not None
    response = polite.ask(f"stopped {EMAIL}", stream=True)
    assert (response.status, response.header("content-type")) == (200, "text/event-stream")
    assert response.header("x-vsr-pii-violation") == "true"
    assert response.body.endswith(DONE)
    assert world.got() == {}


def test_embeddings_are_blocked_by_an_error_whatever_the_style(polite: Gateway, world: World) -> None:
    response = polite.post({"model": "auto", "input": f"stopped {EMAIL}"}, "/v1/embeddings")
    assert (response.status, response.error["code"]) == (403, "pii_blocked")
    assert response.header("x-vsr-pii-violation") == "true"
    assert world.got() == {}


LEVELS: dict[str, tuple[str, dict[str, str]]] = {
    "byfile": (EMAIL, {"in1": "<EMAIL_1>"}),
    "byzone": (EMAIL, {}),
    "bymodel": (EMAIL, {"out2": "<EMAIL_1>"}),
    "bymodelback": (EMAIL, {"out1": "<EMAIL_1>"}),
    "permitted": (EMAIL, {"out1": EMAIL}),
    "unwatched": (EMAIL, {"out1": EMAIL}),
    "cardsonly": (EMAIL, {"out1": EMAIL}),
    "mailok": (EMAIL, {"out1": EMAIL}),
    "unsure": (CARD, {"out1": CARD}),
}


@pytest.mark.parametrize("word", LEVELS)
def test_the_most_telling_level_decides(leveled: Gateway, world: World, word: str) -> None:
    text, expected = LEVELS[word]
    response = leveled.ask(f"{word} {text}")
    assert response.status == (200 if expected else 403)
    found = {name: world[name].wait().json["messages"][0]["content"] for name in world.got()}
    assert found == {name: f"{word} {sent}" for name, sent in expected.items()}


@pytest.mark.parametrize(("word", "text"), [("cardsonly", CARD), ("mailok", CARD), ("mailok", IBAN)])
def test_what_a_level_says_of_types_leaves_the_others_guarded(
    leveled: Gateway, world: World, word: str, text: str
) -> None:
    response = leveled.ask(f"{word} {text} {EMAIL}")
    assert (response.status, response.error["code"]) == (403, "pii_blocked")
    assert world.got() == {}


@pytest.mark.parametrize(
    ("name", "provider", "sent"),
    [("out1", None, ""), ("out2", "out2", "<EMAIL_1>"), ("in2", "in2", "<EMAIL_1>")],
)
def test_a_named_model_is_guarded_as_its_model_and_zone_say(
    leveled: Gateway, world: World, name: str, provider: str | None, sent: str
) -> None:
    response = leveled.ask(f"Hello {EMAIL}", model(name))
    if provider is None:
        assert (response.status, world.got()) == (403, {})
    else:
        assert world[provider].wait().json["messages"][0]["content"] == f"Hello {sent}"
    assert leaked(world, *EXTERNAL, "in1", "in2") == []


# --- reroute ----------------------------------------------------------------------------------------------


def test_a_reroute_goes_inside_and_fails_over_there(leveled: Gateway, world: World) -> None:
    """The chain is longer than that of any rule, so Envoy must have room for it."""
    world["in1"].behaviour = fails(503)
    response = leveled.ask(f"sidestepped {EMAIL}")
    assert (response.status, response.header("x-waypost-model")) == (200, model("in2"))
    assert response.header("x-waypost-attempts") == "2"
    assert response.header("x-waypost-decision") == "sidestepped"
    assert world.got() == {"in1": 1, "in2": 1}
    world["in2"].behaviour = fails(503)
    assert leveled.ask(f"sidestepped {EMAIL}").status >= 500
    assert {name for name in world.got() if name.startswith("out")} == set()


def test_without_a_find_nothing_is_rerouted(leveled: Gateway, world: World) -> None:
    assert leveled.ask("sidestepped Hello.").header("x-waypost-model") == model("out1")


def test_a_model_that_the_client_named_is_left_where_it_may_not_have_it(fresh: Fresh, world: World) -> None:
    made = levels(
        world, zones={"external": {"pii": {"action": "reroute"}}}, pii={"action": "reroute", **PATTERNS}
    )
    gateway = fresh(**made)
    response = gateway.ask(f"Hello {EMAIL}", model("out3"))
    assert (response.status, response.header("x-waypost-model")) == (200, model("in1"))
    assert world["in1"].wait().json["messages"][0]["content"] == f"Hello {EMAIL}"
    assert leaked(world, *EXTERNAL) == []


# --- what nobody can read ---------------------------------------------------------------------------------


def seen(text: str) -> dict[str, Any]:
    """A message that shows a picture."""
    content = [{"type": "text", "text": text}, PICTURE]
    return {"model": "auto", "messages": [{"role": "user", "content": content}]}


def test_a_picture_leaves_where_no_policy_says_otherwise(fresh: Fresh, world: World) -> None:
    gateway = fresh(routing_rules=[])
    assert gateway.post(seen(PAYS)).status == 200
    sent = world["out1"].wait().json["messages"][0]["content"]
    assert sent == [{"type": "text", "text": "Pay with <CARD_1>, please."}, PICTURE]


@pytest.mark.parametrize("word", ["hidden", "returned", "stopped", "byzone", "sidestepped"])
def test_a_picture_under_a_policy_goes_only_where_pictures_may_go(
    leveled: Gateway, world: World, word: str
) -> None:
    assert leveled.post(seen(word)).status == 200
    assert {name for name in world.got() if name.startswith("out")} == set()
    assert world["in1"].wait().json["messages"][0]["content"][1] == PICTURE


@pytest.mark.parametrize("unscannable", [None, "block"])
def test_a_picture_under_a_policy_is_refused_where_no_place_is_named(
    fresh: Fresh, world: World, unscannable: str | None
) -> None:
    gateway = fresh(**levels(world, unscannable=unscannable))
    for word in ("hidden", "returned", "stopped", "sidestepped"):
        response = gateway.post(seen(word))
        assert (response.status, response.error["code"]) == (403, "unscannable_content"), word
    assert world.got() == {}
    assert gateway.post(seen("permitted")).status == 200


# --- embeddings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [PAYS, [PAYS, f"{CARD} and {SECOND_CARD}"]])
def test_what_is_embedded_is_masked(gateway: Gateway, world: World, form: str | list[str]) -> None:
    response = gateway.post({"model": "auto", "input": form}, "/v1/embeddings")
    assert response.json["data"][0]["embedding"] == [0.6, 0.8]
    sent = world["out1"].wait().json["input"]
    masked = ["Pay with <CARD_1>, please.", "<CARD_1> and <CARD_2>"]
    assert sent == (masked[0] if isinstance(form, str) else masked)
    assert leaked(world, *EXTERNAL) == []


def test_tokens_cannot_be_read_and_stay_inside_under_a_policy(leveled: Gateway, world: World) -> None:
    assert leveled.post({"model": "auto", "input": [1, 2, 3]}, "/v1/embeddings").status == 200
    assert {name for name in world.got() if name.startswith("out")} == set()


# --- prompt_guard, and names --------------------------------------------------------------------------------


def test_an_attack_is_refused_and_says_which_guard(learned: Gateway, world: World) -> None:
    response = learned.ask(f"refused {ATTACK}")
    assert (response.status, response.error["code"]) == (403, "prompt_attack_blocked")
    guard, kind, score = (response.header("x-waypost-guard") or "").split("; ")
    assert (guard, kind) == ("prompt_guard", "type=attack")
    assert float(score.removeprefix("score=")) >= 0.5
    assert response.header("x-vsr-jailbreak-blocked") == "true"
    assert response.header("x-vsr-jailbreak-type") == "jailbreak"
    assert response.header("x-vsr-jailbreak-confidence") == score.removeprefix("score=")
    assert world.got() == {}
    told = record(learned, response)["guards"]
    assert f"prompt_guard block attack {score.removeprefix('score=')}" in told


@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["json", "sse"])
def test_an_attack_that_is_only_noted_passes_with_its_risk(
    learned: Gateway, world: World, options: dict[str, Any]
) -> None:
    response = learned.ask(f"noted {ATTACK}", **options)
    assert response.status == 200
    assert 0.5 <= float(response.header("x-waypost-risk") or 0) <= 1
    assert response.header("x-vsr-jailbreak-blocked") is None
    assert world["out1"].wait().json["messages"][0]["content"] == f"noted {ATTACK}"
    assert not world["out1"].wait().mentions("x-waypost-risk")
    assert learned.ask("noted: what is a fern?").header("x-waypost-risk") is None


def test_an_attack_may_be_sent_inside(learned: Gateway, world: World) -> None:
    response = learned.ask(f"taken {ATTACK}")
    assert (response.status, response.header("x-waypost-model")) == (200, model("in1"))
    assert world.got() == {"in1": 1}
    assert learned.ask("taken: what is a fern?").header("x-waypost-model") == model("out1")


def test_a_rule_or_a_model_may_do_without_the_guard(learned: Gateway, world: World) -> None:
    assert learned.ask(f"trusting {ATTACK}").header("x-waypost-model") == model("out1")
    assert learned.ask(ATTACK, model("out2")).header("x-waypost-model") == model("out2")
    assert learned.ask(ATTACK, model("out3")).status == 403


@pytest.mark.parametrize("options", [{}, {"stream": True}], ids=["json", "sse"])
def test_a_name_leaves_as_a_placeholder(learned: Gateway, world: World, options: dict[str, Any]) -> None:
    world["out1"].behaviour = echoes
    text = f"refused {NAMES}"
    response = learned.ask(text, **options)
    assert (text_of(response.body).strip() if options else content(response)) == text
    assert "<PERSON_1>" in world["out1"].wait().json["messages"][0]["content"]
    assert not world["out1"].wait().mentions("Gonzalez")
    assert "Gonzalez" not in json.dumps(record(learned, response))


def test_a_name_at_the_end_of_a_long_text_is_masked(learned: Gateway, world: World) -> None:
    world["out1"].behaviour = echoes
    text = f"refused {prose(16 * 1024)} {NAMES} {CARD}"
    assert content(learned.ask(text)) == text
    assert not world["out1"].wait().mentions("Gonzalez")
    assert leaked(world, *EXTERNAL) == []


# --- the record -------------------------------------------------------------------------------------------


def test_the_record_names_guard_type_and_score_and_no_content(leveled: Gateway, world: World) -> None:
    refused = record(leveled, leveled.ask(f"stopped {EMAIL}"))
    assert (refused["outcome"], refused["decision"], refused["status"]) == ("blocked", "pii", 403)
    assert refused["because"] == "Contains PII: EMAIL_ADDRESS"
    assert refused["guards"] == ["pii block EMAIL_ADDRESS 0.950"]
    masked = record(leveled, leveled.ask(f"returned {PAYS} {EMAIL}"))
    assert (masked["outcome"], masked["decision"]) == ("forwarded", "returned")
    assert masked["guards"][0].startswith("pii mask_restore ")
    assert set(masked["guards"][1:]) == {"masked CREDIT_CARD=1", "masked EMAIL_ADDRESS=1"}
    moved = record(leveled, leveled.ask(f"sidestepped {EMAIL}"))
    assert moved["guards"][0] == "pii reroute EMAIL_ADDRESS 0.950"
    assert moved["target"][0] == model("in1")
    assert record(leveled, leveled.ask("stopped Hello."))["guards"] == []
    assert written(leveled) == []


def test_no_value_is_in_any_file(gateway: Gateway, world: World) -> None:
    world["out1"].behaviour = echoes
    response = gateway.ask(f"{PAYS} {IBAN}")
    assert record(gateway, response)["guards"][1:] == ["masked CREDIT_CARD=1", "masked IBAN_CODE=1"]
    gateway.until(
        lambda: gateway.records(response.header("x-waypost-request-id"), "result"), "a record of its end"
    )
    assert written(gateway) == []


# --- the other front --------------------------------------------------------------------------------------


def test_the_other_front_carries_it_too(world: World, tmp_path: Path) -> None:
    port, admin, file = free_port(), free_port(), tmp_path / "waypost.yaml"
    own = {"listen": f"127.0.0.1:{port}", "admin": f"127.0.0.1:{admin}", "state_dir": str(tmp_path)}
    file.write_text(json.dumps(own | levels(world)))
    world["out1"].behaviour = echoes
    text = f"returned {PAYS} {EMAIL}"
    with run_serve(["-c", str(file), "--front", "grpc"], tmp_path, port, admin) as gateway:
        assert content(gateway.ask(text)) == text
        assert text_of(gateway.ask(text, stream=True).body).strip() == text
        assert gateway.ask(f"stopped {EMAIL}").error["code"] == "pii_blocked"
        assert leaked(world, *EXTERNAL) == []
