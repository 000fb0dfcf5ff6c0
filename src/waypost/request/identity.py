"""Who is asking: only the peer that holds the connection can vouch for a caller, if it is trusted."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from waypost.request.chat import Identity


def peer_address(source: str) -> IPv4Address | IPv6Address | None:
    """Address in Envoy's `source.address` (`10.0.0.1:4711`, `[fd00::1]:4711`); None for anything else."""
    host, _, port = source.rpartition(":")
    if not port.isascii() or not port.isdigit():
        return None
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def identify(
    source: str,
    trusted_hops: Sequence[IPv4Network | IPv6Network],
    headers: Sequence[tuple[str, str]],
    names: tuple[str, str, str],
) -> Identity:
    """The caller a trusted hop vouches for.

    A header that stands there twice or holds a list says nothing: a value may be the client's own.

    Args:
        source: TCP peer as Envoy saw it.
        trusted_hops: who may vouch.
        headers: as the peer sent them, names in lower case.
        names: of the team, tenant and user header, lower case.
    """
    peer = peer_address(source)
    if peer is None or not any(peer in network for network in trusted_hops):
        return Identity()
    team, tenant, user = (_only(headers, name) for name in names)
    return Identity(trusted=True, team=team, tenant=tenant, user=user)


def _only(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    values = [value.strip() for key, value in headers if key == name]
    return values[0] or None if len(values) == 1 and "," not in values[0] else None
