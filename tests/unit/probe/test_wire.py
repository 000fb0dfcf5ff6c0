"""Every way in which a provider cannot be asked, against sockets of this machine."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.probe.servers import Asked, listening, provider, server_side, serving
from waypost.probe import wire
from waypost.probe.wire import FaultError, Line, Patience, ask, context, reach
from waypost.providers.provider import Host, Provider, Tls

PATIENT = Patience(5, 5)


def fine(_: Asked) -> tuple[int, Any]:
    return 200, {"ok": True}


def line(one: Provider, folder: Path | None = None, patience: Patience = PATIENT) -> Line:
    ca = str(folder / "ca.pem") if folder else ""
    return Line(one, one.hosts[0], context(one, ca), patience)


def fault(act: Callable[[], Awaitable[object]]) -> str:
    with pytest.raises(FaultError) as raised:
        asyncio.run(act())  # type: ignore[arg-type]
    return raised.value.fault


def https(port: int, host: str = "localhost", **tls: str) -> Provider:
    return provider(port, scheme="https", hosts=(Host(host, port),), tls=Tls(**tls))


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_name_that_does_not_resolve() -> None:
    one = provider(1, hosts=(Host("no-such-name.invalid", 80),))
    assert fault(lambda: reach(line(one))) == "dns"
    assert fault(lambda: reach(line(replace(one, hosts=(Host("a" * 70 + ".invalid", 80),))))) == "dns"


def test_nobody_listens() -> None:
    port = closed_port()
    assert fault(lambda: reach(line(provider(port)))) == "refused"
    assert fault(lambda: ask(line(provider(port)), "GET", "/", {})) == "cut"


def test_nobody_accepts() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        held = [socket.socket() for _ in range(8)]
        for each in held:  # until the backlog is full
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        one = provider(full.getsockname()[1])
        assert fault(lambda: reach(line(one, patience=Patience(0.3, 0.3)))) == "connect_timeout"
        for each in held:
            each.close()


def test_plain_http_is_reached_and_asked() -> None:
    async def scenario() -> tuple[str, tuple[int, bytes], list[Asked]]:
        async with serving(fine) as server:
            one = line(provider(server.port))
            return await reach(one), await ask(one, "POST", "/v1/x", {"a": "b"}, b"{}"), server.asked

    version, answer, asked = asyncio.run(scenario())
    assert (version, answer) == ("", (200, b'{"ok": true}'))
    assert [(each.method, each.path, each.body) for each in asked] == [("POST", "/v1/x", b"{}")]
    assert asked[0].headers["a"] == "b"
    assert asked[0].headers["accept-encoding"] == "identity"


def test_tls_that_is_as_it_should_be(pem: Path) -> None:
    async def scenario() -> tuple[str, tuple[int, bytes]]:
        async with serving(fine, server_side(pem, "good")) as server:
            one = line(https(server.port), pem)
            return await reach(one), await ask(one, "GET", "/", {})

    version, (status, _) = asyncio.run(scenario())
    assert version.startswith("TLSv1.")
    assert status == 200


@pytest.mark.parametrize(
    ("shown", "host", "tls", "expected"),
    [
        ("good", "localhost", {"ca_file": "other.pem"}, "untrusted"),
        ("other", "localhost", {}, "wrong_name"),
        ("other", "127.0.0.1", {}, "wrong_name"),
        ("old", "localhost", {}, "expired"),
    ],
)
def test_certificates_that_do_not_hold(
    pem: Path, shown: str, host: str, tls: dict[str, str], expected: str
) -> None:
    files = {name: str(pem / file) for name, file in tls.items()}

    async def scenario(act: Callable[[Line], Awaitable[object]]) -> None:
        async with serving(fine, server_side(pem, shown)) as server:
            await act(line(https(server.port, host, **files), pem))

    assert fault(lambda: scenario(reach)) == expected
    assert fault(lambda: scenario(lambda one: ask(one, "GET", "/", {}))) == expected


def test_another_name_may_be_asked_for(pem: Path) -> None:
    async def scenario() -> tuple[int, bytes]:
        async with serving(fine, server_side(pem, "other")) as server:
            one = line(https(server.port, server_name="other.example"), pem)
            await reach(one)
            return await ask(one, "GET", "/", {})

    assert asyncio.run(scenario())[0] == 200


def test_a_client_certificate_that_is_wanted(pem: Path) -> None:
    own = {"cert_file": str(pem / "client.pem"), "key_file": str(pem / "client.key")}

    async def scenario(**tls: str) -> tuple[int, bytes]:
        async with serving(fine, server_side(pem, "good", clients=True)) as server:
            one = line(https(server.port, **tls), pem)
            await reach(one)
            return await ask(one, "GET", "/", {})

    assert asyncio.run(scenario(**own))[0] == 200
    assert fault(scenario) in {"wants_certificate", "tls", "cut"}


def test_files_that_cannot_be_used(pem: Path) -> None:
    def broken(ca_file: str, **tls: str) -> str:
        with pytest.raises(FaultError) as raised:
            context(https(1, **tls), ca_file)
        return raised.value.fault

    assert broken(str(pem / "nothing.pem")) == "ca_file"
    assert broken(str(pem / "good.ext")) == "ca_file"
    pair = {"cert_file": str(pem / "client.pem"), "key_file": str(pem / "good.key")}
    assert broken(str(pem / "ca.pem"), **pair) == "client_certificate"
    assert context(provider(1), "not looked at") is None


async def _no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(5)
    writer.write(b"HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n")
    writer.close()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x" * 65536)
        try:
            await writer.drain()
        except OSError:
            return


@pytest.mark.parametrize(
    ("handle", "expected"), [(_no_tls, "not_tls"), (_silent, "not_tls"), (_hangs_up, "tls")]
)
def test_ports_that_speak_no_tls(pem: Path, handle: Any, expected: str) -> None:
    async def scenario() -> None:
        async with listening(handle) as port:
            await reach(line(https(port), pem, Patience(0.5, 0.5)))

    assert fault(scenario) in {expected, "not_tls", "tls"}


def test_no_answer_in_time() -> None:
    async def scenario() -> None:
        async with listening(_silent) as port:
            await ask(line(provider(port), patience=Patience(5, 0.2)), "GET", "/", {})

    assert fault(scenario) == "timeout"


def test_no_answer_at_all() -> None:
    async def scenario() -> None:
        async with listening(_hangs_up) as port:
            await ask(line(provider(port)), "GET", "/", {})

    assert fault(scenario) == "cut"


def test_an_answer_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_BYTES", 100_000)

    async def scenario() -> None:
        async with listening(_endless) as port:
            await ask(line(provider(port)), "GET", "/", {})

    assert fault(scenario) == "too_long"


def test_redirects_are_not_followed() -> None:
    async def scenario() -> tuple[int, bytes]:
        async with serving(lambda _: (302, b"")) as server:
            return await ask(line(provider(server.port)), "GET", "/", {"authorization": "Bearer x"})

    assert asyncio.run(scenario())[0] == 302


def test_what_openssl_says_has_one_meaning() -> None:
    odd = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] x")
    assert wire._broken(odd) == "wants_certificate"
    assert wire._broken(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] x")) == "not_tls"
    assert wire._broken(ssl.SSLError(1, "handshake failure")) == "tls"


def test_addresses_of_version_six_are_written_in_brackets() -> None:
    one = provider(1, hosts=(Host("::1", 8443),))
    assert Line(one, one.hosts[0], None, PATIENT).url == "http://[::1]:8443"
