"""Who may vouch for a caller, and what a header that stands there twice is worth."""

from ipaddress import ip_network

import pytest

from waypost.request.chat import Identity
from waypost.request.identity import identify, peer_address

NAMES = ("x-team", "x-tenant", "x-user")
HOPS = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("10.1.2.3:4711", "10.1.2.3"),
        ("[fd00::1]:4711", "fd00::1"),
        ("[::ffff:10.1.2.3]:1", "10.1.2.3"),
        ("10.1.2.3", None),
        ("", None),
        ("@internal", None),
        ("/run/envoy.sock", None),
        ("10.1.2.3:x", None),
        ("10.1.2.3:٣", None),
        ("010.1.2.3:1", None),
        ("localhost:1", None),
    ],
)
def test_the_peer_is_an_address_or_nobody(source: str, address: str | None) -> None:
    found = peer_address(source)
    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize("source", ["10.1.2.3:1", "[fd00::1]:1", "[::ffff:10.1.2.3]:1"])
def test_a_trusted_hop_vouches(source: str) -> None:
    headers = [("x-team", " blue "), ("x-tenant", ""), ("other", "x")]
    assert identify(source, HOPS, headers, NAMES) == Identity(trusted=True, team="blue")


@pytest.mark.parametrize("source", ["11.1.2.3:1", "[fe80::1]:1", "", "/run/x.sock"])
def test_anybody_else_is_a_stranger(source: str) -> None:
    assert identify(source, HOPS, [("x-team", "blue")], NAMES) == Identity()


def test_without_trusted_hops_everybody_is_a_stranger() -> None:
    assert identify("10.1.2.3:1", (), [("x-team", "blue")], NAMES) == Identity()


def test_a_header_that_stands_there_twice_says_nothing() -> None:
    headers = [("x-team", "blue"), ("x-user", "u"), ("x-team", "blue")]
    assert identify("10.1.2.3:1", HOPS, headers, NAMES) == Identity(trusted=True, user="u")


def test_a_list_in_a_header_vouches_for_nobody() -> None:
    headers = [("x-team", "blue, red"), ("x-user", "ada")]
    assert identify("10.1.2.3:1", HOPS, headers, NAMES) == Identity(trusted=True, user="ada")
