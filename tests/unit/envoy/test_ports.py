"""Addresses are tried before anything starts, and a conflict names its holder."""

import errno
import os
import socket
from pathlib import Path

import pytest

from waypost.config.settings import Address
from waypost.envoy import ports


@pytest.fixture
def taken() -> Address:
    """An address that this very process listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield Address("127.0.0.1", holder.getsockname()[1])


def free() -> Address:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", probe.getsockname()[1])


def test_a_free_address_is_listened_on() -> None:
    address = free()

    with ports.bind(address, "listen") as listener:
        assert ports.numeric(listener) == address
        socket.create_connection((address.host, address.port)).close()


def test_a_name_becomes_a_number() -> None:
    with ports.bind(Address("localhost", free().port), "admin") as listener:
        assert ports.numeric(listener).host in {"127.0.0.1", "::1"}


def test_a_taken_address_is_named_with_its_key(taken: Address) -> None:
    with pytest.raises(ports.PortTakenError, match=f"^listen: {taken} is already in use") as raised:
        ports.bind(taken, "listen")

    assert "change `listen`" in str(raised.value)


def test_on_linux_the_holder_is_named(taken: Address) -> None:
    with pytest.raises(ports.PortTakenError) as raised:
        ports.bind(taken, "listen")

    assert f"by pid {os.getpid()} ({Path('/proc/self/comm').read_text().strip()})" in str(raised.value)


def test_elsewhere_the_holder_is_left_out(taken: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports.sys, "platform", "darwin")

    with pytest.raises(ports.PortTakenError, match="is already in use; stop that"):
        ports.bind(taken, "listen")


def test_waiting_connections_of_an_earlier_run_do_not_count() -> None:
    listener = ports.bind(free(), "listen")
    address = ports.numeric(listener)
    client = socket.create_connection((address.host, address.port))
    server, _ = listener.accept()
    server.close()  # the server closes first, so its side waits
    client.close()
    listener.close()

    ports.bind(address, "listen").close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (Address("192.0.2.7", 8801), "this machine has no address 192.0.2.7"),
        (Address("no-such-host.invalid", 8801), "is no address to listen on"),
    ],
)
def test_an_address_that_is_not_here_is_named(address: Address, said: str) -> None:
    with pytest.raises(ports.PortTakenError, match=said):
        ports.bind(address, "admin")


@pytest.mark.parametrize(
    ("code", "said"), [(errno.EACCES, "a port above 1023"), (errno.ENOBUFS, os.strerror(errno.ENOBUFS))]
)
def test_what_the_system_says_is_passed_on(code: int, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, place: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(ports.PortTakenError, match=said):
        ports.bind(Address("127.0.0.1", 80), "listen")
