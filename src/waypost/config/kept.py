"""The last configuration that was good, handed from supervisor to worker in a file without a name.

A worker that is started again must not depend on what an operator is editing at that moment. What only a
file descriptor leads to can be opened by nobody else, and is gone with the processes that hold it.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from typing import Self


class Kept:
    """An open file; `fd` may be inherited by a worker, which reads it with `read_kept`."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the supervisor
        self.keep(texts)

    @property
    def fd(self) -> int:
        """The file descriptor."""
        return self._file.fileno()

    def keep(self, texts: Mapping[str, str]) -> None:
        """Put other files in the place of those kept."""
        data = json.dumps(dict(texts)).encode()
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, data, 0)

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_kept(fd: int) -> dict[str, str]:
    """Text by absolute path. The descriptor's position is shared between processes and not used."""
    size = os.fstat(fd).st_size
    chunks = b""
    while len(chunks) < size and (chunk := os.pread(fd, size - len(chunks), len(chunks))):
        chunks += chunk
    return json.loads(chunks)
