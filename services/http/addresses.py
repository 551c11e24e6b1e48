"""Where a request comes from: the peer's address, or what a trusted proxy says of its own peer."""

import ipaddress
from collections.abc import Iterable
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NETWORK_BITS = 64
"""Of an IPv6 address: the rest is the customer's to choose."""


class Addresses:
    """`proxies` are addresses or networks whose X-Forwarded-For is believed. Raises ValueError for others."""

    def __init__(self, proxies: Iterable[str] = ()) -> None:
        self._proxies: list[Network] = [ipaddress.ip_network(each) for each in proxies]

    def of(self, scope: Any, headers: dict[bytes, bytes]) -> str:
        """The nearest address that no proxy of ours has; of IPv6 the network that a customer has."""
        peer: str = scope["client"][0] if scope.get("client") else ""
        if self._proxies:
            told = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
            while self._is_proxy(peer) and told and (before := told.pop().strip()):
                peer = before
        return network(peer)

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in each for each in self._proxies)


def network(address: str) -> str:
    """What one customer of a provider has: an IPv4 address, a /64 of IPv6."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, NETWORK_BITS), strict=False))
    return address
