"""What carrying ext_proc costs a worker, over both fronts in one run, without Envoy's share.

    python -m bench.fronts --rounds 5 --requests 4000
    python -m bench.fronts --write        # also bench/results/fronts.json
    python -m bench.fronts --profile      # where the shared part of a request spends its time

A bare HTTP/2 client plays Envoy on two unix sockets and says what Envoy says for a request that one provider
answers: headers, body, response headers and response body to the router role, headers to the upstream role.
`shared` is the same conversation in one process, without sockets and framing: what is left when carrying
costs nothing. The last column is one event of a streamed answer that passes as it came, everything that the
worker does for it included; what translating adds is told by `bench.stream`.
"""

import argparse
import asyncio
import cProfile
import json
import os
import platform
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.router import cpu_seconds, prompt, running, write_config
from waypost.attempt import form_id
from waypost.config.load import load
from waypost.dialects import sse
from waypost.observe.audit import AuditLog
from waypost.policy import Policy
from waypost.providers.chain import hop_id
from waypost.runtime import Policies
from waypost.transport.breakers import Breakers
from waypost.transport.exchange import Exchange
from waypost.transport.fronts.h2_frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    SETTING,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)
from waypost.transport.keys import Keys
from waypost.transport.router import Router, Routing
from waypost.transport.upstream import Upstream
from waypost.transport.wire_pb2 import ProcessingRequest, ProcessingResponse

RESULTS = Path(__file__).parent / "results" / "fronts.json"
FRONTS = ("grpc", "h2")
CHUNKS = 4
"""Chunks for each request that is measured."""
METHOD = b"/envoy.service.ext_proc.v3.ExternalProcessor/Process"
EXPECTED = {"request_headers", "request_body", "response_headers", "response_body"}
ATTRIBUTES = "envoy.filters.http.ext_proc"
_HEAD: dict[str, Any] = {"id": "chatcmpl-1", "created": 1700000000, "model": "model-inside"}
ANSWER = json.dumps(
    {
        **_HEAD,
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Yes. " * 50}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 50, "completion_tokens": 100, "total_tokens": 150},
    }
).encode()
CHUNK = sse.write(
    json.dumps(
        {
            **_HEAD,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"content": "a few words "}, "finish_reason": None}],
        },
        separators=(",", ":"),
    ).encode()
)


def message(kind: str, headers: dict[str, str] | None = None, body: bytes = b"", **named: str | int) -> bytes:
    """One `ProcessingRequest`; attributes have two underscores for a dot."""
    one = ProcessingRequest()
    if headers is None:
        getattr(one, kind).body = body
        getattr(one, kind).end_of_stream = True
    for name, value in (headers or {}).items():
        getattr(one, kind).headers.headers.add(key=name, raw_value=value.encode())
    fields = {name.replace("__", "."): value for name, value in named.items()}
    if fields:
        one.attributes[ATTRIBUTES].update(fields)
    return one.SerializeToString()


@dataclass(frozen=True, slots=True)
class Script:
    """What Envoy says to each role, message by message.

    Attributes:
        begun: instead of the last two to the router role, where the answer is a stream.
        chunk: and then one event of it.
    """

    router: tuple[bytes, bytes, bytes, bytes]
    upstream: bytes
    begun: bytes
    chunk: bytes


def script(policy: Policy, body: bytes) -> Script:
    """Written down from a wrk request through Envoy 1.40."""
    target = next(each for each in policy.targets() if each.endpoint.name == "inside")
    endpoint = target.endpoint
    client = {
        ":authority": "127.0.0.1:8801",
        ":path": "/v1/chat/completions",
        ":method": "POST",
        ":scheme": "http",
        "content-type": "application/json",
        "authorization": "Bearer client-key",
        "content-length": str(len(body)),
        "x-forwarded-proto": "http",
        "x-request-id": "5b8b2c64-6f3b-9f0e-8a52-3c5f6d7e8f90",
    }
    hop = {
        "x-waypost-hop-1": hop_id(policy.revision, target.key),
        "x-waypost-form": form_id(policy.revision, "openai_chat"),
        "x-envoy-attempt-count": "1",
    }
    answer = {":status": "200", "content-type": "application/json", "content-length": str(len(ANSWER))}
    named = {"xds__cluster_name": endpoint.provider.cluster, "upstream__request_attempt_count": 1}
    chunk = ProcessingRequest()
    chunk.response_body.body = CHUNK
    return Script(
        (
            message("request_headers", client, source__address="127.0.0.1:40000"),
            message("request_body", body=body),
            message("response_headers", answer, **named),
            message("response_body", body=ANSWER),
        ),
        message("request_headers", client | hop, xds__cluster_name=endpoint.provider.cluster),
        message("response_headers", {":status": "200", "content-type": "text/event-stream"}, **named),
        chunk.SerializeToString(),
    )


# --- a client that plays Envoy ----------------------------------------------------------------------------


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


CALL = b"".join(
    _literal(*field)
    for field in (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", METHOD),
        (b":authority", b"worker"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    )
)


def raw(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return b"".join(frame(kind, flags, stream, payload))


class Caller(asyncio.Protocol):
    """One connection to a worker."""

    def __init__(self) -> None:
        self._rest = b""
        self._last = -1
        self._waiting: dict[int, tuple[bool, Callable[[int], None]]] = {}
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, with windows nobody will fill."""
        self._transport = transport
        hello = raw(SETTINGS, 0, 0, SETTING.pack(4, 2**28)) + raw(WINDOW_UPDATE, 0, 0, (2**30).to_bytes(4))
        self._transport.write(PREFACE + hello)

    def ask(self, stream: int, said: bytes, then: Callable[[int], None], *, last: bool) -> None:
        """Say something on a stream, a new one if it is 0; `then` gets its number with the answer."""
        head = b""
        if not stream:
            self._last = stream = self._last + 2
            head = raw(HEADERS, END_HEADERS, stream, CALL)
        self._waiting[stream] = (last, then)
        self._transport.write(head + raw(DATA, 0, stream, b"\0" + len(said).to_bytes(4) + said))

    def data_received(self, data: bytes) -> None:
        """Find the answers."""
        data = self._rest + data
        start = 0
        while len(data) - start >= 9:
            end = start + 9 + int.from_bytes(data[start : start + 3])
            if end > len(data):
                break
            self._hear(
                data[start + 3],
                data[start + 4],
                int.from_bytes(data[start + 5 : start + 9]),
                data[start + 9 : end],
            )
            start = end
        self._rest = data[start:]

    def _hear(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == PING and not flags & ACK:
            self._transport.write(raw(PING, ACK, 0, payload))
        if kind == SETTINGS and not flags & ACK:
            self._transport.write(raw(SETTINGS, ACK, 0))
        if kind == GOAWAY:
            sys.exit(f"the worker sent GOAWAY: {payload!r}")
        last, then = self._waiting.get(stream, (None, None))
        if then and ((kind == HEADERS and flags & END_STREAM) if last else kind == DATA):
            del self._waiting[stream]
            then(stream)


class Requests:
    """Keeps a number of requests under way until enough were answered."""

    def __init__(self, roles: tuple[Caller, Caller], said: Script, total: int) -> None:
        self._router, self._upstream = roles
        self._said = said
        self._left = total
        self._open = 0
        self._done = asyncio.Event()
        self.seconds: list[float] = []

    async def run(self, connections: int) -> None:
        """Return when every request was answered."""
        for _ in range(connections):
            self._next()
        await self._done.wait()

    def _next(self) -> None:
        if not self._left:
            if not self._open:
                self._done.set()
            return
        self._left -= 1
        self._open += 1
        began = time.perf_counter()
        headers, body, response, answer = self._said.router

        def body_next(stream: int) -> None:
            self._router.ask(stream, body, lambda _: attempt(stream), last=False)

        def attempt(stream: int) -> None:
            self._upstream.ask(0, self._said.upstream, lambda _: settle(stream), last=True)

        def settle(stream: int) -> None:
            self._router.ask(stream, response, read, last=False)

        def read(stream: int) -> None:
            self._router.ask(stream, answer, answered, last=True)

        def answered(_: int) -> None:
            self.seconds.append(time.perf_counter() - began)
            self._open -= 1
            self._next()

        self._router.ask(0, headers, body_next, last=False)


class Chunks:
    """Streamed answers, each of which sends its next chunk when the one before was passed on."""

    def __init__(self, router: Caller, said: Script, total: int) -> None:
        self._router = router
        self._said = said
        self._left = total
        self._done = asyncio.Event()

    async def begin(self, connections: int) -> list[int]:
        """Streams that wait for their first chunk."""
        loop = asyncio.get_running_loop()
        return [await self._begin(loop.create_future()) for _ in range(connections)]

    async def _begin(self, begun: asyncio.Future[int]) -> int:
        headers, body, *_ = self._said.router

        def body_next(stream: int) -> None:
            self._router.ask(stream, body, answer_next, last=False)

        def answer_next(stream: int) -> None:
            self._router.ask(stream, self._said.begun, begun.set_result, last=False)

        self._router.ask(0, headers, body_next, last=False)
        return await begun

    async def run(self, streams: list[int]) -> None:
        """Return when every chunk was passed on."""
        for stream in streams:
            self._next(stream)
        await self._done.wait()

    def _next(self, stream: int) -> None:
        self._left -= 1
        if self._left < 0:
            self._done.set()
            return
        self._router.ask(stream, self._said.chunk, self._next, last=False)


# --- measuring --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Worker:
    """A running `waypost extproc`."""

    front: str
    pid: int
    folder: Path


@contextmanager
def worker(front: str, config: Path) -> Iterator[Worker]:
    folder = config.parent
    sockets = [f"--{role}=unix:{folder}/{role}" for role in ("router", "upstream")]
    command = [sys.executable, "-m", "waypost.cli", "extproc", "-c", config, "--front", front, *sockets]
    with running(command, folder / "log") as process:
        while not (folder / "router").exists():  # it opens this one last
            if process.poll() is not None:
                sys.exit((folder / "log").read_text())
            time.sleep(0.01)
        yield Worker(front, process.pid, folder)


async def measure(of: Worker, said: Script, connections: int, total: int) -> dict[str, float]:
    """One round: microseconds."""
    loop = asyncio.get_running_loop()
    links = [
        await loop.create_unix_connection(Caller, str(of.folder / role)) for role in ("router", "upstream")
    ]
    roles = (links[0][1], links[1][1])
    await Requests(roles, said, 200).run(connections)
    requests, before = Requests(roles, said, total), cpu_seconds(of.pid)
    await requests.run(connections)
    cpu = (cpu_seconds(of.pid) - before) / total
    pieces = Chunks(links[0][1], said, CHUNKS * total)
    streams, before = await pieces.begin(connections), cpu_seconds(of.pid)
    await pieces.run(streams)
    chunk = (cpu_seconds(of.pid) - before) / (CHUNKS * total)
    for transport, _ in links:
        transport.close()
    cuts = statistics.quantiles(requests.seconds, n=100)
    return {
        "cpu_us": cpu * 1e6,
        "p50_us": cuts[49] * 1e6,
        "p99_us": cuts[98] * 1e6,
        "chunk_cpu_us": chunk * 1e6,
    }


async def shared(config: Path, said: Script, total: int) -> float:
    """CPU microseconds of a request in this process, everything but the front."""
    loaded = load([config], os.environ)
    policies = Policies(loaded.policy)
    audit = AuditLog.open(loaded.settings.audit, config.parent / "shared", revision=loaded.policy.revision)
    keys = Keys(time.monotonic)
    breakers = Breakers(time.monotonic)
    routing = Routing(policies.current, audit, lambda: 0.0, keys=keys)

    kinds: set[str | None] = set()

    async def nowhere(answer: bytes) -> None:
        if not kinds >= EXPECTED:
            kinds.add(ProcessingResponse.FromString(answer).WhichOneof("response"))

    before = 0.0
    for number in range(total + 200):
        if number == 200:
            before = time.process_time()
        request = Exchange(Router(routing), nowhere)
        await request.receive(said.router[0])
        await request.receive(said.router[1])
        attempt = Exchange(Upstream(policies.hops, keys, breakers, lambda: 0.0), nowhere)
        await attempt.receive(said.upstream)
        await attempt.closed()
        await request.receive(said.router[2])
        await request.receive(said.router[3])
        await request.closed()
        if number % 100 == 0:
            await asyncio.sleep(0)
    spent = (time.process_time() - before) / total
    await audit.close()
    if kinds != EXPECTED:
        sys.exit(f"answered {kinds}: not the request that is to be measured")
    return spent * 1e6


def run(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    configs = {front: write_config(folder / front, 9)[0] for front in FRONTS}
    policy = load([configs["h2"]], os.environ).policy
    rounds: dict[tuple[str, int], list[dict[str, float]]] = {}
    alone: list[float] = []
    said = script(policy, prompt(200))
    with worker("grpc", configs["grpc"]) as one, worker("h2", configs["h2"]) as two:
        for number in range(options.rounds):
            for connections in (1, 32):
                for of in (one, two) if number % 2 else (two, one):
                    found = asyncio.run(measure(of, said, connections, options.requests))
                    rounds.setdefault((of.front, connections), []).append(found)
            alone.append(
                asyncio.run(shared(write_config(folder / f"alone{number}", 9)[0], said, options.requests))
            )
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    rows = [
        {"front": front, "connections": connections}
        | {name: round(statistics.median(each[name] for each in found), 1) for name in found[0]}
        for (front, connections), found in sorted(rounds.items(), key=lambda item: item[0][::-1])
    ]
    return {
        "machine": f"{os.cpu_count()} shared {platform.machine()} cores, Linux",
        "python": platform.python_version(),
        "rounds": options.rounds,
        "requests": options.requests,
        "shared_cpu_us": round(statistics.median(alone), 1),
        "rows": rows,
    }


def profile(folder: Path, total: int) -> None:
    config, *_ = write_config(folder / "profile", 9)
    said = script(load([config], os.environ).policy, prompt(200))
    with cProfile.Profile() as found:
        asyncio.run(shared(config, said, total))
    pstats.Stats(found).sort_stats("tottime").print_stats(40)


def main() -> None:
    """Measure, print the table, keep the numbers if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--write", action="store_true", help="write bench/results/fronts.json")
    parser.add_argument("--profile", action="store_true", help="of the shared part; measure nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if options.profile:
            profile(Path(name), options.requests)
            return
        result = run(Path(name), options)
    print("| front | c | CPU µs | p50 µs | p99 µs | CPU µs of a chunk |\n|---|---|---|---|---|---|")
    for row in result["rows"]:
        print("|", " | ".join(str(value) for value in row.values()), "|")
    print(f"\nshared by both: {result['shared_cpu_us']} µs of CPU per request")
    if options.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
