"""Connections to services of models: only to addresses that may be reached, whatever a name says at the moment.

A name is resolved here and its addresses are checked; the connection goes to the checked one. Were the check apart, the
name could say something else to the connection (DNS rebinding). TLS still goes by the name.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Iterable
from typing import cast

import httpcore
import httpx
from typing_extensions import override

log = logging.getLogger(__name__)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Addresses that a gateway turns into IPv4 ones."""

MODERATE = httpx.Limits(max_connections=100, max_keepalive_connections=20)

SocketOptions = Iterable[httpcore.SOCKET_OPTION] | None


def may_reach(address: str, *, private: bool) -> bool:
    """`private`: this machine and private networks, too. Link-local ones, where clouds tell secrets, never."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        embedded = _embedded(found)
        if embedded is not None:
            return may_reach(str(embedded), private=private)
    if found.is_link_local or found.is_multicast or found.is_unspecified:
        return False
    return private or found.is_global


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that it stands for."""
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections for a pool: resolve, check, connect to what was checked."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._network = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises httpcore.ConnectError, also where no address of the name may be reached."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._addresses(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} was not resolved in time") from None
        failure = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                failure = error
        raise failure

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} is not resolved: {error}") from None
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        good = [each for each in addresses if may_reach(each, private=self._private)]
        if not good:
            told = ", ".join(addresses)
            log.warning(
                "%s is at %s, which models' services may not be; see VERBATIM_ALLOW_PRIVATE_MODELS",
                *(host, told),
            )
            raise httpcore.ConnectError(f"{host} is at {told}, which is not allowed")
        return good


def checked_transport(
    *, private: bool, limits: httpx.Limits = MODERATE
) -> httpx.AsyncHTTPTransport:
    """For httpx: its own transport over a pool that connects through `CheckedNetwork`."""
    context = httpx.create_ssl_context()  # made once: it reads all certificates
    transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
    # httpx has no parameter for the network below its pool; a test fails should it hold the pool elsewhere one day.
    transport._pool = httpcore.AsyncConnectionPool(  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        ssl_context=context,
        max_connections=limits.max_connections,
        max_keepalive_connections=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
        network_backend=CheckedNetwork(private=private),
    )
    return transport
