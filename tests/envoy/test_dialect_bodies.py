"""Large bodies between dialects, in both directions, also as the first thing a fresh Envoy sees."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.envoy.asking import CHAT, FORMS, MESSAGES, RESPONSES, Form, streaming
from tests.envoy.gateway import Gateway, serve
from tests.envoy.speaking import GEMINI, Says, Script, answers, complaints, fails
from tests.envoy.speaking import MESSAGES as CLAUDE
from tests.envoy.world import World, mixed, model

KB, MB = 1024, 1024 * 1024
each_size = pytest.mark.parametrize("size", [3 * MB // 2, 20 * MB], ids=["1.5 MB", "20 MB"])

CHAINS = {"lorem": ("claude1", "gemini1"), "ipsum": ("gemini1", "openai1"), "dolor": ("openai1", "claude1")}
UNGUARDED: dict[str, Any] = {
    "routing_rules": [
        {
            "name": word,
            "conditions": [{"type": "keyword_match", "keywords": [word]}],
            "action": {"type": "route", "endpoints": [model(name) for name in chain]},
        }
        for word, chain in CHAINS.items()
    ]
}
"""Settings without a block or a boundary: those must read a text whole, and there is a limit to that."""


def large(form: Form, size: int, word: str) -> bytes:
    """A request of at least `size` bytes: a question, and a document that nobody reads."""
    return json.dumps(form.body(f"{word} " + "padding text " * (size // 13 + 1))).encode()


def pictured(size: int) -> bytes:
    """A chat of at least `size` bytes, nearly all of them in one picture."""
    url = "data:image/png;base64," + "iVBORw0KGgoA" * (size // 12 + 1)
    parts = [{"type": "text", "text": "lorem"}, {"type": "image_url", "image_url": {"url": url}}]
    return json.dumps(CHAT.body("x") | {"messages": [{"role": "user", "content": parts}]}).encode()


@pytest.fixture(scope="module")
def shared_roomy(whole_mixed_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serve(tmp_path_factory.mktemp("roomy"), mixed(whole_mixed_world) | UNGUARDED) as gateway:
        yield gateway


@pytest.fixture
def roomy(shared_roomy: Gateway, mixed_world: World) -> Gateway:
    return shared_roomy


# The last one is a picture: texts of that length are what `test_bodies` is about.
FIRST_REQUESTS = [
    pytest.param(CHAT, "lorem", 64 * KB, id="64 KB"),
    pytest.param(MESSAGES, "ipsum", 3 * MB // 2, id="1.5 MB"),
    pytest.param(RESPONSES, "dolor", 10 * MB, id="10 MB"),
    pytest.param(None, "lorem", 20 * MB, id="20 MB"),
]


@pytest.mark.parametrize(("form", "word", "size"), FIRST_REQUESTS)
def test_a_large_request_may_be_the_first_and_fail_over_between_dialects(
    fresh_mixed: Callable[..., Gateway], mixed_world: World, form: Form | None, word: str, size: int
) -> None:
    sent, form = (large(form, size, word), form) if form else (pictured(size), CHAT)
    gateway = fresh_mixed(**UNGUARDED)
    envoy = gateway.envoy
    first, second = CHAINS[word]
    mixed_world[first].script = [fails(500)]
    response = gateway.post(sent, form.path)
    assert form.text(response.json) == f"This is {second}"
    assert response.header("x-waypost-attempts") == "2"
    for name in (first, second):
        request = mixed_world[name].wait()
        assert len(request.body) >= size
        assert complaints(request) == []
    assert gateway.envoy == envoy


def test_a_large_picture_fails_over_between_dialects(roomy: Gateway, mixed_world: World) -> None:
    envoy, size = roomy.envoy, 5 * MB
    mixed_world["claude1"].behaviour = fails(503)
    sent = pictured(size)
    response = roomy.post(sent)
    assert CHAT.text(response.json) == "This is gemini1"
    data = json.loads(sent)["messages"][0]["content"][1]["image_url"]["url"].partition(",")[2]
    for name in ("claude1", "gemini1"):
        assert mixed_world[name].wait().mentions(data)
    assert roomy.envoy == envoy


@each_size
@pytest.mark.parametrize(("form", "word"), list(zip(FORMS, CHAINS, strict=True)), ids=[f.name for f in FORMS])
def test_a_burst_of_an_answer_is_translated_whole(
    roomy: Gateway, mixed_world: World, form: Form, word: str, size: int
) -> None:
    envoy = roomy.envoy
    name = CHAINS[word][0]
    if form.native == "openai" and name.startswith("openai"):
        word, name = "lorem", "claude1"
    text = "0123456789abcde " * (size // 16)
    mixed_world[name].behaviour = answers(Says(text))
    assert form.text(roomy.post(form.body(word), form.path).json) == text
    mixed_world[name].behaviour = Script(Says("x" * 1023 + " "), _often(size // KB))
    with streaming(roomy, form, word) as answer:
        events = list(answer)
    if form is RESPONSES and size > 8 * MB:  # its last event repeats the whole text, so there is a limit
        assert form.is_error(events[-1])
    else:
        heard = "".join(form.piece(event) for event in events)
        assert heard.count("x") == 1023 * (size // KB)
        assert form.is_end(events[-1])
    assert roomy.envoy == envoy


def _often(count: int) -> Callable[..., list[bytes]]:
    """A stream that says its one word many times, at once."""
    return lambda _, events: [b"".join([events[0], events[1] * count, *events[2:]])]


def test_a_slow_reader_gets_a_translated_burst_whole(roomy: Gateway, mixed_world: World) -> None:
    envoy = roomy.envoy
    count = 5 * KB
    mixed_world["claude1"].behaviour = Script(Says("Q" * 1023 + " "), _often(count))
    body = json.dumps(CHAT.body("lorem") | {"stream": True}).encode()
    start = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    )
    received, tail = 0, b""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * KB)  # keeps the window closed mostly
        client.settimeout(60)
        client.connect(("127.0.0.1", roomy.port))
        client.sendall(start % len(body) + body)
        while data := client.recv(8 * KB):
            received += data.count(b"Q")
            tail = (tail + data)[-200:]
    assert received == 1023 * count
    assert b"data: [DONE]\n\n" in tail
    assert roomy.envoy == envoy


def test_huge_errors_of_any_dialect_are_survived(roomy: Gateway, mixed_world: World) -> None:
    envoy = roomy.envoy
    cases = [(size, status) for size in (60 * KB, 70 * KB, 3 * MB) for status in (400, 429, 500)]
    for form, (word, (first, second)) in zip(FORMS, CHAINS.items(), strict=True):
        for size, status in (*cases, (20 * MB, 400)):
            mixed_world[first].behaviour = mixed_world[second].behaviour = fails(status, "z" * size)
            response = roomy.post(form.body(word), form.path)
            assert response.status in {status, 502, 503}
    assert roomy.envoy == envoy
    mixed_world["claude1"].behaviour = answers("fine")
    assert MESSAGES.text(roomy.post(MESSAGES.body("lorem"), MESSAGES.path).json) == "fine"


def test_one_word_of_many_megabytes_is_no_quadratic_matter(roomy: Gateway, mixed_world: World) -> None:
    """One event of 8 MB in pieces of 1 KB; the time limit of every test is what it is held to."""
    word = "w" * (8 * MB)

    def in_pieces(events: list[bytes]) -> list[bytes]:
        whole = b"".join(events)
        return [whole[start : start + KB] for start in range(0, len(whole), KB)]

    for name, tongue in (("claude1", CLAUDE), ("gemini1", GEMINI)):
        pieces = in_pieces(tongue.events(Says(word)))
        mixed_world[name].behaviour = Script(Says("-"), lambda _, __, p=pieces: p)
        with streaming(roomy, RESPONSES, "lorem" if name == "claude1" else "ipsum") as answer:
            events = list(answer)
        if any(RESPONSES.is_error(event) for event in events):  # longer than an event may be
            assert RESPONSES.is_error(events[-1])
        else:
            assert "".join(RESPONSES.piece(event) for event in events) == word


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
URL = f"data:image/png;base64,{PIXEL}"
PICTURES = {
    CHAT.name: {
        "messages": [{"type": "text", "text": "WORD"}, {"type": "image_url", "image_url": {"url": URL}}]
    },
    MESSAGES.name: {
        "messages": [
            {"type": "text", "text": "WORD"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        ]
    },
    RESPONSES.name: {
        "input": [
            {"type": "input_text", "text": "WORD"},
            {"type": "input_image", "image_url": URL, "detail": "auto"},
        ]
    },
}


@pytest.mark.parametrize("word", CHAINS)
def test_a_picture_reaches_every_provider(roomy: Gateway, mixed_world: World, word: str) -> None:
    """Here, where no rule has a boundary: what cannot be read stays inside one."""
    first, second = CHAINS[word]
    for form in FORMS:
        mixed_world[first].script = [fails(500)]
        ((field, parts),) = PICTURES[form.name].items()
        said = json.loads(json.dumps(parts).replace("WORD", word))
        body = form.body("") | {field: [{"role": "user", "content": said}]}
        assert form.text(roomy.post(body, form.path).json) == f"This is {second}"
        for name in (first, second):
            request = mixed_world[name].requests[-1]
            assert request.mentions(PIXEL)
            assert complaints(request) == []
