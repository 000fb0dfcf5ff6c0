"""The demo's sockets: who answers at which, and what a fault does to the bytes on the wire."""

import http.client
import json
import socket
import zlib
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google.genai import errors

from tests.unit.demo.calls import CLOUD, ONPREM, document, keys, post
from waypost.demo.providers import PROVIDERS, main
from waypost.errors import Exit

PATHS = {
    "openai": "/v1/chat/completions",
    "compatible": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini-2.5-flash:{}",
}
PATIENCE = 5.0
EACH = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)


def asked(provider: Any, text: str, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """Path and body of a question in the provider's own dialect."""
    path = PATHS[provider.form]
    if provider.form == "gemini":
        body: dict[str, Any] = {"contents": [{"parts": [{"text": text}]}]}
        return path.format("streamGenerateContent?alt=sse" if stream else "generateContent"), body
    turn = {"role": "user", "content": text}
    body = {"model": provider.models[0], "messages": [turn], "stream": stream}
    return path, body | ({"max_tokens": 500} if provider.form == "anthropic" else {})


def send(
    ports: Mapping[str, int], provider: Any, text: str, *, stream: bool = False, **headers: str
) -> httpx.Response:
    path, body = asked(provider, text, stream=stream)
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://127.0.0.1:{ports[provider.name]}{path}"
    return httpx.post(url, json=body, headers={**keys(provider), **told}, timeout=PATIENCE)


@EACH
def test_the_port_says_who_is_asked(ports: Mapping[str, int], provider: Any) -> None:
    answer = send(ports, provider, "Hi.")
    assert answer.status_code == 200
    assert f"the demo provider '{provider.name}'" in answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)


@EACH
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_split_is_the_same_answer(ports: Mapping[str, int], provider: Any, *, stream: bool) -> None:
    whole = send(ports, provider, "Hi.", stream=stream)
    split = send(ports, provider, "Hi. [[fault split]]", stream=stream)
    assert split.status_code == 200
    assert split.text.count("data: ") == whole.text.count("data: ")


@EACH
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_gzip_is_the_same_answer_packed_for_who_takes_it(
    ports: Mapping[str, int], provider: Any, *, stream: bool
) -> None:
    plain = send(ports, provider, "Hi. [[fault gzip]]", stream=stream, accept_encoding="identity")
    assert "content-encoding" not in plain.headers
    packed = send(ports, provider, "Hi. [[fault gzip]]", stream=stream, accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.text.split("answers")) == len(plain.text.split("answers")) > 1


@EACH
def test_a_reset_comes_before_any_answer(ports: Mapping[str, int], provider: Any) -> None:
    with pytest.raises(httpx.ReadError):
        send(ports, provider, "[[fault reset]]")


@EACH
def test_silence_lasts_until_the_client_goes(
    ports: Mapping[str, int], provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.PATIENCE", 0.2)
    for text, stream in (("[[fault hang]]", True), ("[[fault stall]]", True), ("[[fault stall]]", False)):
        with pytest.raises(httpx.ReadTimeout):
            send(ports, provider, text, stream=stream)


@EACH
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_cut_is_never_a_clean_end(ports: Mapping[str, int], provider: Any, *, stream: bool) -> None:
    path, body = asked(provider, "[[fault cut]]", stream=stream)
    connection = http.client.HTTPConnection("127.0.0.1", ports[provider.name], timeout=5)
    connection.request("POST", path, json.dumps(body), keys(provider))
    answer = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    assert answer.status == 200
    assert caught.value.partial
    connection.close()


@EACH
def test_a_page_of_a_proxy_instead_of_an_answer(ports: Mapping[str, int], provider: Any) -> None:
    answer = send(ports, provider, "[[fault html]]")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")


def test_the_sdks_tell_a_cut_stream(sdks: SimpleNamespace) -> None:
    turn: Any = [{"role": "user", "content": "[[fault cut]]"}]
    with pytest.raises(openai.APIConnectionError):
        list(sdks.cloud.chat.completions.create(model="general-large", messages=turn, stream=True))
    with pytest.raises(Exception, match=r"peer closed connection|incomplete"):
        list(
            sdks.anthropic.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=turn, stream=True)
        )
    with pytest.raises(Exception, match=r"peer closed connection|incomplete"):
        list(sdks.gemini.models.generate_content_stream(model="gemini-2.5-flash", contents="[[fault cut]]"))


def test_the_sdks_read_what_is_split(sdks: SimpleNamespace) -> None:
    text = "Hi. [[fault split]]"
    turn: Any = [{"role": "user", "content": text}]
    chunks = list(sdks.cloud.chat.completions.create(model="general-large", messages=turn, stream=True))
    assert chunks[-1].choices[0].finish_reason == "stop"
    with sdks.anthropic.messages.stream(model="claude-haiku-4-5", max_tokens=500, messages=turn) as stream:
        assert stream.get_final_message().stop_reason == "end_turn"
    *_, last = sdks.gemini.models.generate_content_stream(model="gemini-2.5-flash", contents=text)
    assert last.candidates[0].finish_reason == "STOP"


def test_the_sdks_tell_an_overload(sdks: SimpleNamespace) -> None:
    turn: Any = [{"role": "user", "content": "[[fault 529]]"}]
    with pytest.raises(openai.InternalServerError):
        sdks.cloud.chat.completions.create(model="general-large", messages=turn)
    with pytest.raises(anthropic.OverloadedError):
        sdks.anthropic.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=turn)
    with pytest.raises(errors.ServerError):
        sdks.gemini.models.generate_content(model="gemini-2.5-flash", contents="[[fault 529]]")


def test_a_fault_may_be_for_one_provider_only() -> None:
    for provider in PROVIDERS:
        path, body = asked(provider, "[[fault @cloud 500]]", stream=False)
        assert post(provider, path, body).status == (500 if provider is CLOUD else 200)


def test_streams_come_piece_by_piece(ports: Mapping[str, int]) -> None:
    path, body = asked(CLOUD, "Hi. [[fault gzip stall]]", stream=True)
    unpack = zlib.decompressobj(wbits=31)
    told = {**keys(CLOUD), "accept-encoding": "gzip"}
    found = b""
    url = f"http://127.0.0.1:{ports['cloud']}{path}"
    with httpx.stream("POST", url, json=body, headers=told, timeout=5) as answer:
        for piece in answer.iter_raw():
            found += unpack.decompress(piece)
            if b"large" in found:
                break
    assert found.startswith(b"data: {")


def test_a_body_may_be_anything() -> None:
    for body in (b"", b"\xff", b"[" * 100_000, b'{"model": "\\ud800"}'):
        for provider in PROVIDERS:
            path, _ = asked(provider, "", stream=False)
            given = post(provider, path, body)
            assert given.status == 400
            assert document(given)["error"]["message"]


def test_names_ports_and_keys_are_their_own() -> None:
    assert len({p.name for p in PROVIDERS}) == len({p.api_key for p in PROVIDERS}) == len(PROVIDERS)
    assert [provider.default_port for provider in PROVIDERS] == [9101, 9102, 9103, 9104, 9105]


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for provider in PROVIDERS:
            monkeypatch.setenv(provider.variable, str(port))
        assert main() == Exit.PROVIDER
    assert f"127.0.0.1:{port}: Address already in use; set {ONPREM.variable}" in capsys.readouterr().err
