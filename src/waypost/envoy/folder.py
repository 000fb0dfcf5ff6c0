"""The folder of one run: sockets, documents, Envoy's log. Nobody else can look into it."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from waypost.errors import WaypostError

LONGEST_SOCKET: Final = "upstream.sock"
SOCKET_PATH_BYTES: Final = 103
"""Longest path of a unix socket on macOS; Linux takes four more."""


class FolderError(WaypostError):
    """The folder cannot be used."""


@contextmanager
def run_folder(given: Path | None, environ: Mapping[str, str]) -> Generator[Path, None, None]:
    """A private folder; one that we made ourselves is removed, unless an error made its log interesting.

    Raises:
        FolderError: too long a path for a socket, not ours alone, or in use by another run.
    """
    if given is None:
        made = _temporary(environ)
        yield made
        shutil.rmtree(made, ignore_errors=True)  # not reached after an error
        return
    folder = given.absolute()
    with _claim(folder):
        yield folder


def _claim(folder: Path) -> TextIO:
    """Make the folder ours for as long as the file that is returned stays open."""
    if not _fits(folder):
        msg = f"--run-dir {folder} is too long: with a socket name it may have {SOCKET_PATH_BYTES} bytes"
        raise FolderError(msg)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
        if state.st_uid != os.geteuid() or state.st_mode & 0o077:
            msg = f"--run-dir {folder} must belong to this user alone: chmod 700 {folder}"
            raise FolderError(msg)
        lock = (folder / "lock").open("w")
    except OSError as error:
        msg = f"--run-dir {folder} cannot be used: {error.strerror}"
        raise FolderError(msg) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        msg = f"--run-dir {folder} is in use by another `waypost serve`"
        raise FolderError(msg) from error
    return lock


def _temporary(environ: Mapping[str, str]) -> Path:
    """In the user's runtime folder, else the temporary one, else /tmp, where socket paths stay short."""
    for parent in (environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir()):
        if parent and os.access(parent, os.W_OK | os.X_OK) and _fits(Path(parent, "waypost-12345678")):
            return Path(tempfile.mkdtemp(prefix="waypost-", dir=parent))
    return Path(tempfile.mkdtemp(prefix="waypost-", dir="/tmp"))


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / LONGEST_SOCKET)) <= SOCKET_PATH_BYTES
