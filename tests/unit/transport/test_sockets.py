"""Only this user can reach a socket, and nobody's is taken away."""

import os
import socket
from pathlib import Path

import pytest

from waypost.errors import EngineError
from waypost.transport.sockets import adopt_socket, clear, open_socket


def test_it_listens_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with open_socket(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_of_a_dead_process_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    open_socket(path).close()
    assert path.is_socket()
    with open_socket(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_living_process_keeps_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with open_socket(path):
        with pytest.raises(EngineError, match="another process listens on unix:"):
            clear(path)
        assert path.is_socket()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("mine")
    clear(path)
    with pytest.raises(EngineError, match=r"cannot listen on unix:.*Address already in use"):
        open_socket(path)
    assert path.read_text() == "mine"


def test_a_path_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot listen on unix:"):
        open_socket(tmp_path / ("x" * 120))


def test_a_listening_socket_is_adopted(tmp_path: Path) -> None:
    number = open_socket(tmp_path / "s").detach()
    with adopt_socket(number) as adopted, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
        adopted.accept()[0].close()


def test_what_is_no_listening_unix_socket_is_not_adopted(tmp_path: Path) -> None:
    number = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(EngineError, match=f"fd:{number} is not a socket"):
        adopt_socket(number)
    os.close(number)
    with pytest.raises(EngineError, match=f"fd:{number} cannot be used: Bad file descriptor"):
        adopt_socket(number)
    for other in (socket.socket(socket.AF_UNIX), socket.socket()):
        number = other.detach()
        with pytest.raises(EngineError, match=f"fd:{number} is not a listening unix socket"):
            adopt_socket(number)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
