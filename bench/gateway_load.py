"""The client of the gateway's benchmark: when the first event of an answer came, and when all of it had."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
import uvloop
from typing_extensions import override

from bench.load import HEAD_END, LENGTH, WrongAnswer

CHUNKED = b"transfer-encoding: chunked"
LAST = b"0\r\n\r\n"
EVENT = b"data: "

Asking = Callable[[int], bytes]
"""The n-th request, whole."""


class Times(msgspec.Struct):
    """Seconds, of each request in the order they ended; and how long all took."""

    first: list[float]
    """To the first event of a stream; of an answer in one piece, to all of it."""
    whole: list[float]
    seconds: float = 0.0


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._held = bytearray()
        self._since = 0.0
        self._first = 0.0
        self._answered: asyncio.Future[tuple[float, float]] | None = None

    @override
    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    async def ask(self, request: bytes) -> tuple[float, float]:
        """Seconds to the first event, and to the end. Raises WrongAnswer."""
        self._answered = asyncio.get_running_loop().create_future()
        self._held.clear()
        self._first = 0.0
        self._since = time.perf_counter()
        self._transport.write(request)
        return await self._answered

    @override
    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._held += data
        end = self._held.find(HEAD_END)
        if end < 0:
            return
        if not self._held.startswith(b"HTTP/1.1 200"):
            self._fail(self._held[:500].decode(errors="replace"))
            return
        head = bytes(self._held[:end]).lower()
        if CHUNKED in head:
            if not self._first and self._held.find(EVENT, end) >= 0:
                self._first = now
            if not self._held.endswith(LAST):
                return
            if b"[DONE]" not in self._held:
                self._fail("a stream without its end")
                return
        else:
            at = head.find(LENGTH) + len(LENGTH)
            if len(self._held) < end + 4 + int(head[at:].partition(b"\r")[0]):
                return
            self._first = now
        if self._answered is not None and not self._answered.done():
            self._answered.set_result((self._first - self._since, now - self._since))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the server closed a connection")

    def _fail(self, text: str) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(WrongAnswer(text))

    def close(self) -> None:
        self._transport.close()


def measure(port: int, asking: Asking, clients: int, requests: int, pause: float = 0.0) -> Times:
    """So many requests, each of the clients one at a time, with a pause after each answer."""
    return uvloop.run(_measure(port, asking, clients, requests, pause))


async def _measure(port: int, asking: Asking, clients: int, requests: int, pause: float) -> Times:
    loop = asyncio.get_running_loop()
    found = Times([], [])
    numbers = iter(range(requests))

    async def client(place: int) -> None:
        _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
        await asyncio.sleep(pause * place / clients)  # they do not all ask at once
        for number in numbers:
            first, whole = await connection.ask(asking(number))
            found.first.append(first)
            found.whole.append(whole)
            await asyncio.sleep(pause)
        connection.close()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for place in range(clients):
            group.create_task(client(place))
    found.seconds = time.perf_counter() - began
    return found
