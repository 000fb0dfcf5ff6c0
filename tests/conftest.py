"""Rules for every test: no traffic but loopback, and Hypothesis without deadlines on a shared machine."""

import os
import socket
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import settings

# Before gRPC is imported: its fork handlers may abort a child that a test starts while a server is running.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

# CI must not find a new counterexample in somebody else's change: there the examples are the same every time.
settings.register_profile("developer", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "developer")


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that would leave the machine fails the test that made it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6}:
            host = address[0]
            assert host == "localhost" or ip_address(host).is_loopback, f"a test tried to reach {host}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
