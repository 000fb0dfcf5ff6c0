"""An HTTP/2 client that says exactly what a test tells it to, so that the same bytes go to every front."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from waypost.transport.fronts.h2_frames import (
    ACK,
    DATA,
    END_HEADERS,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    PREFACE,
    SETTING,
    SETTINGS,
    Frame,
    frame,
)

METHOD = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"


def _literal(name: bytes, value: bytes) -> bytes:
    """A header field without tables and without Huffman."""
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


REQUEST = b"".join(
    _literal(name.encode(), value.encode())
    for name, value in {
        ":method": "POST",
        ":scheme": "http",
        ":path": METHOD,
        ":authority": "test",
        "te": "trailers",
        "content-type": "application/grpc",
    }.items()
)


def raw(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return b"".join(frame(kind, flags, stream, payload))


def settings(**values: int) -> bytes:
    names = {"window": INITIAL_WINDOW_SIZE, "frame": 5}
    return raw(SETTINGS, payload=b"".join(SETTING.pack(names[name], value) for name, value in values.items()))


def hello(**values: int) -> bytes:
    """What a client begins with."""
    return PREFACE + settings(**values)


def opened(stream: int) -> bytes:
    return raw(HEADERS, END_HEADERS, stream, REQUEST)


def wrapped(message: bytes) -> bytes:
    """A message with gRPC's prefix."""
    return b"\0" + len(message).to_bytes(4) + message


def sent(stream: int, message: bytes, flags: int = 0) -> bytes:
    return raw(DATA, flags, stream, wrapped(message))


def frames(data: bytes) -> list[Frame]:
    """The whole frames in what a server said."""
    found: list[Frame] = []
    while len(data) >= 9:
        size = int.from_bytes(data[:3])
        if len(data) < 9 + size:
            break
        stream = int.from_bytes(data[5:9]) & 0x7FFFFFFF
        found.append(Frame(data[3], data[4], stream, data[9 : 9 + size], size))
        data = data[9 + size :]
    return found


@dataclass
class Client:
    """A raw connection.

    Attributes:
        heard: every frame the server said so far.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[Frame] = field(default_factory=list[Frame])
    _rest: bytes = b""

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> bool:
        """Wait for more; False = the server has closed."""
        data = await self.reader.read(65536)
        self._rest += data
        found = frames(self._rest)
        self._rest = self._rest[sum(9 + each.size for each in found) :]
        self.heard += found
        for each in found:
            if each.kind == PING and not each.flags & ACK:
                await self.say(raw(PING, ACK, 0, each.payload))
        return bool(data)

    async def settle(self) -> None:
        """Wait until everything said so far was handled: the answer to a PING comes behind it."""
        mark = b"mark%04d" % len(self.heard)
        await self.say(raw(PING, payload=mark))
        while not any(each.kind == PING and each.payload == mark for each in self.heard):
            assert await self.hear(), "the server has closed"

    def data(self, stream: int) -> bytes:
        """Payload of the stream's DATA so far."""
        return b"".join(each.payload for each in self.heard if each.kind == DATA and each.stream == stream)


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
