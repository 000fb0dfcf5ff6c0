"""What is asked of Envoy, against servers that answer as it does."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from waypost.config.settings import Address
from waypost.envoy import control
from waypost.envoy.control import Control
from waypost.observe.upstreams import Upstream
from waypost.providers.provider import Host, Provider

Answer = Callable[[str], bytes]


def chunked(text: str) -> bytes:
    body = text.encode()
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


@asynccontextmanager
async def envoy(path: Path, answer: Answer) -> AsyncGenerator[list[str], None]:
    """An admin interface; yields the request lines it has seen."""
    seen: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).decode().partition(" HTTP")[0]
        seen.append(line)
        writer.write(answer(line))
        writer.close()

    async with await asyncio.start_unix_server(handle, path):
        yield seen


@pytest.mark.parametrize(
    ("state", "live"), [("LIVE\n", True), ("PRE_INITIALIZING\n", False), ("DRAINING\n", False)]
)
def test_live_is_what_envoy_says(state: str, *, live: bool, tmp_path: Path) -> None:
    async def scenario() -> bool:
        async with envoy(tmp_path / "s", lambda _: chunked(state)):
            return await Control(tmp_path / "s").is_live()

    assert asyncio.run(scenario()) is live


@pytest.mark.parametrize(("said", "number"), [("http.main.downstream_rq_active: 12\n", 12), ("", 0)])
def test_requests_under_way_are_counted(said: str, number: int, tmp_path: Path) -> None:
    async def scenario() -> int:
        async with envoy(tmp_path / "s", lambda _: chunked(said)):
            return await Control(tmp_path / "s").active_requests()

    assert asyncio.run(scenario()) == number


PROVIDER = Provider("p", "vllm", "http", (Host("127.0.0.1", 9),), "/v1")
CLUSTERS = json.dumps({"cluster_statuses": [{"name": PROVIDER.cluster, "host_statuses": []}]})
STATS = json.dumps({"stats": [{"name": f"cluster.{PROVIDER.cluster}.upstream_rq_2xx", "value": 3}]})


def in_pieces(text: str) -> bytes:
    head, _, rest = chunked("").partition(b"\r\n\r\n")
    pieces = (text[at : at + 7].encode() for at in range(0, len(text), 7))
    return head + b"\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + rest


def upstreams(path: Path, answer: Answer) -> tuple[Upstream, ...]:
    async def scenario() -> tuple[Upstream, ...]:
        async with envoy(path, answer) as seen:
            found = await Control(path).upstreams([PROVIDER])
        assert seen[0] == "GET /clusters?format=json"
        return found

    return asyncio.run(scenario())


def test_providers_are_told_as_envoy_sees_them(tmp_path: Path) -> None:
    (found,) = upstreams(tmp_path / "s", lambda line: in_pieces(CLUSTERS if "clusters" in line else STATS))
    assert (found.provider, found.statuses) == ("p", {"2xx": 3, "4xx": 0, "429": 0, "5xx": 0})


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 503 No\r\n\r\n",
        chunked("LIVE\n"),
        chunked(CLUSTERS)[:-20],
        chunked(CLUSTERS).replace(b"\r\n0\r\n\r\n", b""),
        b"HTTP/1.1 200 OK\r\n\r\n" + CLUSTERS.encode(),
    ],
)
def test_an_envoy_that_says_something_else_tells_nothing(answer: bytes, tmp_path: Path) -> None:
    assert upstreams(tmp_path / "s", lambda _: answer) == ()


def test_an_envoy_that_is_gone_tells_nothing(tmp_path: Path) -> None:
    assert asyncio.run(Control(tmp_path / "nobody").upstreams([PROVIDER])) == ()


def test_clients_are_told_before_the_door_is_shut(tmp_path: Path) -> None:
    async def scenario() -> list[str]:
        async with envoy(tmp_path / "s", lambda _: chunked("OK\n")) as seen:
            await Control(tmp_path / "s").stop_accepting()
            await Control(tmp_path / "s").quit()
        return seen

    assert asyncio.run(scenario()) == [
        "POST /healthcheck/fail",
        "POST /drain_listeners",
        "POST /quitquitquit",
    ]


def test_an_envoy_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(Control(tmp_path / "nobody").is_live())


def test_silence_is_an_error_and_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "ANSWER_SECONDS", 0.05)

    async def scenario() -> None:
        let_go = asyncio.Event()

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            await writer.wait_closed()
            let_go.set()

        async with await asyncio.start_unix_server(hold, tmp_path / "s"):
            with pytest.raises(TimeoutError):
                await Control(tmp_path / "s").is_live()
            await let_go.wait()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "status"), [(b"HTTP/1.1 200 OK\r\n\r\n{}", 200), (b"HTTP/1.1 503 No\r\n\r\n", 503), (b"", 0)]
)
def test_a_real_request_has_a_status(answer: bytes, status: int) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readuntil(b"\r\n")).startswith(b"GET /v1/models ")
        writer.write(answer)
        writer.close()

    async def scenario() -> int:
        async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
            return await control.get_models(Address("0.0.0.0", server.sockets[0].getsockname()[1]))

    assert asyncio.run(scenario()) == status


def test_a_unix_socket_accepts_while_somebody_listens(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert asyncio.run(control.accepts(path))

    assert not asyncio.run(control.accepts(path))
    assert not asyncio.run(control.accepts(tmp_path / "nobody"))


def test_an_address_connects_while_somebody_listens() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        address = Address("127.0.0.1", listener.getsockname()[1])
        assert asyncio.run(control.connects(address))

    assert not asyncio.run(control.connects(address))
