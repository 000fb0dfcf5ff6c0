"""Whether an address is free, and who has it when it is not."""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from waypost.config.settings import Address
from waypost.errors import WaypostError

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING: Final = "0A"


class PortTakenError(WaypostError):
    """An address of the configuration cannot be listened on; the message names key, port and holder."""


def bind(address: Address, key: str) -> socket.socket:
    """A listening socket on `address`.

    Args:
        address: an IP address or a name.
        key: where it stands in the configuration.

    Raises:
        PortTakenError: somebody else listens there, or this machine or user cannot.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        msg = f"{key}: {address} is no address to listen on: {error.strerror}"
        raise PortTakenError(msg) from error
    try:
        # Waiting connections of an earlier run must not count; SO_REUSEPORT would hide a real conflict.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortTakenError(_explain(error, address, key)) from error
    return listener


def numeric(listener: socket.socket) -> Address:
    """Where a socket really listens: a number, as Envoy wants it."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def _explain(error: OSError, address: Address, key: str) -> str:
    remedy = f"change `{key}` in the configuration"
    match error.errno:
        case errno.EADDRINUSE:
            holder = next(_holders(address.port), None)
            by = "" if holder is None else f" by {holder}"
            return f"{key}: {address} is already in use{by}; stop that, or {remedy}"
        case errno.EACCES:
            return f"{key}: this user may not listen on {address}; {remedy} to a port above 1023"
        case errno.EADDRNOTAVAIL:
            return f"{key}: this machine has no address {address.host}; {remedy}"
        case _:
            return f"{key}: cannot listen on {address}: {error.strerror}; {remedy}"


def _holders(port: int) -> Iterator[str]:
    """Processes listening on a port, as far as /proc shows them to this user: `pid 812 (envoy)`."""
    if sys.platform != "linux":
        return
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended, or it is somebody else's
            if any(str(fd.readlink()) in sockets for fd in (process / "fd").iterdir()):
                yield f"pid {process.name} ({(process / 'comm').read_text().strip()})"


def _listening_inodes(port: int) -> Iterator[str]:
    for table in _TABLES:
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]
