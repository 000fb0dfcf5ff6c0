"""Unix sockets that only this user can reach."""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from waypost.errors import EngineError

BACKLOG: Final = 1024
"""Connections that wait while no worker is there to take them."""


def open_socket(path: Path) -> socket.socket:
    """Listen at `path`; a file that nobody listens on any more is replaced.

    Raises:
        EngineError: somebody else listens there, or the path cannot be used.
    """
    clear(path)
    listener = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)  # the file is 0600 from its first moment
    try:
        listener.bind(str(path))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise EngineError(f"cannot listen on unix:{path}: {error.strerror or error}") from error
    finally:
        os.umask(mask)
    return listener


def adopt_socket(number: int) -> socket.socket:
    """A listening unix socket that was inherited as a file descriptor.

    Raises:
        EngineError: it is something else.
    """
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            raise EngineError(f"fd:{number} is not a socket")
        listener = socket.socket(fileno=number)
    except OSError as error:
        raise EngineError(f"fd:{number} cannot be used: {error.strerror}") from error
    if listener.family != socket.AF_UNIX or not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.close()
        raise EngineError(f"fd:{number} is not a listening unix socket")
    return listener


def clear(path: Path) -> None:
    """Remove a socket file that a dead process left behind.

    Raises:
        EngineError: the process lives.
    """
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.settimeout(1)
        probe.connect(str(path))
        raise EngineError(f"another process listens on unix:{path}")
    path.unlink(missing_ok=True)
