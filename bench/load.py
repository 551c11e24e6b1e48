"""The load: a client of HTTP/1.1 on bare asyncio protocols under uvloop, so cheap that it takes little from the server.

On two cores client, service and PostgreSQL share the machine: this client takes about 10 µs a request, a
general one 200 and more.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Self

import msgspec
import uvloop
from typing_extensions import override

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "
TICK = 0.001
"""Seconds between looks at the schedule of an open loop."""

Make = Callable[[int], bytes]
"""The next request of a connection, whole."""


class Target(msgspec.Struct, frozen=True):
    """A server, and how to ask it: `make(connection)` gives the bytes of its next request."""

    port: int
    make: Make
    status: bytes = b"201"


class Result(msgspec.Struct, frozen=True):
    """`latencies` are seconds, of answers inside the measured time."""

    rate: float
    latencies: list[float]

    def quantile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class WrongAnswer(Exception):  # noqa: N818 - names the finding
    """The server did not do what was asked: no figure counts."""


class _Connection(asyncio.Protocol):
    """One request in flight; `answered` is called with the time the answer took."""

    def __init__(
        self,
        number: int,
        target: Target,
        answered: Callable[["_Connection", float], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._number = number
        self._make = target.make
        self._wanted = b"HTTP/1.1 " + target.status
        self._answered = answered
        self._failed = failed
        self._transport: Any = None
        self._held = b""
        self._since = 0.0

    @override
    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self, since: float | None = None) -> None:
        """Send the next request; its answer counts from `since`, by default from now."""
        self._since = time.perf_counter() if since is None else since
        self._transport.write(self._make(self._number))

    @override
    def data_received(self, data: bytes) -> None:
        if self._held:
            data = self._held + data
        end = data.find(HEAD_END)
        if end >= 0:
            at = data.find(LENGTH, 0, end)
            length = int(data[at + len(LENGTH) : data.find(b"\r", at)])
            if len(data) >= end + 4 + length:
                self._held = b""
                if not data.startswith(self._wanted):
                    self._failed(WrongAnswer(data[:500].decode(errors="replace")))
                    return
                self._answered(self, time.perf_counter() - self._since)
                return
        self._held = data

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._failed(exc or WrongAnswer("the server closed a connection"))

    def close(self) -> None:
        self._failed = _nothing
        self._transport.close()


def _nothing(error: Exception) -> None:
    del error


def closed_loop(
    targets: list[Target], connections: int, seconds: float, warm_up: float = 0.3
) -> Result:
    """Each connection asks again at once; connections are spread over the targets in turn."""
    return uvloop.run(_closed_loop(targets, connections, seconds, warm_up))


async def _closed_loop(
    targets: list[Target], connections: int, seconds: float, warm_up: float
) -> Result:
    latencies: list[float] = []
    begin = time.perf_counter() + warm_up
    end = begin + seconds
    last = begin

    def answered(connection: _Connection, took: float) -> None:
        nonlocal last
        now = time.perf_counter()
        if now < end:
            if now >= begin:
                latencies.append(took)
                last = now
            connection.ask()

    async with _Opened(targets, connections, answered) as opened:
        for connection in opened.all:
            connection.ask()
        await opened.until(end + 0.05)
    return Result(len(latencies) / (last - begin), latencies)


def open_loop(
    targets: list[Target], connections: int, rate: float, seconds: float, warm_up: float = 0.5
) -> Result:
    """Requests arrive at a fixed rate, whether earlier ones were answered or not.

    A latency counts from the moment the request was due: time spent waiting for a free connection is in it.
    """
    return uvloop.run(_open_loop(targets, connections, rate, seconds, warm_up))


async def _open_loop(
    targets: list[Target], connections: int, rate: float, seconds: float, warm_up: float
) -> Result:
    latencies: list[float] = []
    due: deque[float] = deque()
    idle: deque[_Connection] = deque()
    start = time.perf_counter()
    begin, end = start + warm_up, start + warm_up + seconds
    sent = 0

    def answered(connection: _Connection, took: float) -> None:
        if time.perf_counter() - took >= begin:
            latencies.append(took)
        if due:
            connection.ask(due.popleft())
        else:
            idle.append(connection)

    async with _Opened(targets, connections, answered) as opened:
        idle.extend(opened.all)
        while (now := time.perf_counter()) < end:
            opened.check()
            while (moment := start + sent / rate) <= now:
                sent += 1
                if idle:
                    idle.popleft().ask(moment)
                else:
                    due.append(moment)
            await asyncio.sleep(TICK)
        while len(idle) < connections:
            opened.check()
            await asyncio.sleep(0.01)
    return Result(len(latencies) / seconds, latencies)


class _Opened:
    """Connections to all targets, closed at the end; the first failure ends the run."""

    def __init__(
        self,
        targets: list[Target],
        connections: int,
        answered: Callable[[_Connection, float], None],
    ) -> None:
        self._targets = targets
        self._count = connections
        self._answered = answered
        self._error: Exception | None = None
        self._over = asyncio.Event()
        self.all: list[_Connection] = []

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in range(self._count):
            target = self._targets[number % len(self._targets)]
            _, connection = await loop.create_connection(
                lambda number=number, target=target: _Connection(
                    number, target, self._answered, self._fail
                ),
                "127.0.0.1",
                target.port,
            )
            self.all.append(connection)
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self.all:
            connection.close()

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._over.set()

    def check(self) -> None:
        if self._error is not None:
            raise self._error

    async def until(self, moment: float) -> None:
        """Raises what failed."""
        try:
            await asyncio.wait_for(self._over.wait(), moment - time.perf_counter())
        except TimeoutError:
            return
        self.check()
