"""Local providers for one test each: answers by path, or bytes that are no HTTP; openssl's certificates."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waypost.providers.provider import Account, Host, Provider, Secret

KEY = "sk-canary-probe-1"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answering = Callable[[Asked], tuple[int, Any]]
"""Status, and bytes or what becomes JSON."""


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    asked: list[Asked] = field(default_factory=list[Asked])


async def _read(reader: asyncio.StreamReader) -> Asked:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = lines[0].split(" ")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    raw = dict(line.split(": ", 1) for line in lines[1:] if line)
    headers |= {name.lower(): value for name, value in raw.items()}
    return Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


@asynccontextmanager
async def listening(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    context: ssl.SSLContext | None = None,
) -> AsyncGenerator[int]:
    """A port where connections are handled; errors of the handshake are the client's to see."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    under_way: set[asyncio.Task[None] | None] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.add(asyncio.current_task())
        try:
            await handle(reader, writer)
        finally:
            writer.transport.abort()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async with await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]
    tasks = [task for task in under_way if task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def serving(answering: Answering, context: ssl.SSLContext | None = None) -> AsyncGenerator[Server]:
    """A provider that answers by function."""
    asked: list[Asked] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            one = await _read(reader)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()  # somebody only looked whether we are here
            return
        asked.append(one)
        status, said = answering(one)
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        kind = "application/json" if body[:1] in {b"{", b"["} else "text/html"
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
        writer.write(
            f"{head}location: http://elsewhere.invalid/\r\nconnection: close\r\n\r\n".encode() + body
        )
        writer.close()

    async with listening(handle, context) as port:
        yield Server(port, asked)


def provider(port: int, kind: Any = "openai_compatible", *keys: str, **fields: Any) -> Provider:
    """A provider on this machine, with one key unless told otherwise."""
    account = Account(tuple(Secret(key) for key in keys or (KEY,)))
    base = {"gemini": "/v1beta", "azure_openai": "/openai/v1"}.get(kind, "/v1")
    given = {"scheme": "http", "hosts": (Host("127.0.0.1", port),), "base_path": base, "account": account}
    return Provider("p", kind, **(given | fields))


CHAT = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "length"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 16, "total_tokens": 17},
}
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "max_tokens",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 16},
}
GENERATED = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "Hello"}]}, "finishReason": "MAX_TOKENS", "index": 0}
    ],
    "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 16, "totalTokenCount": 17},
    "modelVersion": "m",
}
EMBEDDED = {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
RESPONDED = {"id": "resp_1", "object": "response", "status": "completed", "output": [{"type": "message"}]}


def error(code: str, text: str = "a sentence of the provider's own") -> dict[str, Any]:
    return {"error": {"message": text, "type": "invalid_request_error", "param": None, "code": code}}


def certificates(folder: Path) -> None:
    """`ca`, and signed by it `good` for localhost, `other` for another name, `client`, and `old`, expired."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=60)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test ca",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    names = {"good": "DNS:localhost,IP:127.0.0.1", "other": "DNS:other.example", "client": "DNS:client"}
    names["old"] = names["good"]
    for name, alternative in names.items():
        extensions = (
            f"subjectAltName={alternative}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
        )
        (folder / f"{name}.ext").write_text(extensions)
        openssl("req", "-new", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        days = "-1" if name == "old" else "2"
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", days, "-out", f"{name}.pem", "-extfile", f"{name}.ext")  # fmt: skip


def server_side(folder: Path, name: str, *, clients: bool = False) -> ssl.SSLContext:
    """What a server with a certificate shows; `clients` must show one as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "ca.pem")
    return context
