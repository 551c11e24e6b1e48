"""A client so cheap that it can offer many times what a process bears: raw sockets, bytes that lie ready, one loop.

It sends at its own pace, whether or not it is answered, and notes what became of each request: at random moments, as many
clients that know nothing of each other do. A request counts from when it was due, so what it waits here for a connection, or
for its turn, counts too.
"""

import json
import os
import random
import select
import socket
import time
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any
from urllib.parse import urlsplit

WORDS = "It was said, and so it was written down, word for word. " * 3
CONVERSATIONS = 500
PATIENCE = 60.0
STEP = 0.001
"""The loop looks at the schedule so often, at least."""
NONE, WITHOUT_RETRY, UNKNOWN = 0, 1, 2
"""In the place of a status: no answer; one that does not say when to come again; 503 of an unknown outcome."""


@dataclass(frozen=True)
class Plan:
    """What one generator does. `rate` 0: each connection waits for its answer, then asks again."""

    address: str
    key: str
    run: str
    """The beginning of its requests' ids."""
    messages: int
    connections: int
    rate: float
    seconds: float
    cores: tuple[int, ...] = ()
    """That it may use; empty: all."""
    conversations: int = CONVERSATIONS
    group: str = "load"
    """Of conversations: the beginning of their names."""
    seed: str = "normal"
    """Of the moments at which requests are due: loads that are compared come at the same ones."""


@dataclass
class Load:
    """What became of all requests of a step, by their numbers."""

    seconds: float
    runs: list[str] = field(default_factory=list[str])
    statuses: list[Any] = field(default_factory=list[Any])
    took: list[Any] = field(default_factory=list[Any])
    lag: float = 0.0
    """The longest that a generator was away from its sockets."""
    cpu: float = 0.0
    """Seconds of the processor that the generators took."""

    def add(self, run: str, statuses: Any, took: Any, lag: float, cpu: float) -> None:
        self.runs.append(run)
        self.statuses.append(statuses)
        self.took.append(took)
        self.lag = max(self.lag, lag)
        self.cpu += cpu

    def count(self, *statuses: int) -> int:
        return sum(one.count(status) for one in self.statuses for status in statuses)

    @property
    def found(self) -> dict[int, int]:
        return {one: self.count(one) for one in sorted({s for all_ in self.statuses for s in all_})}

    @property
    def offered(self) -> float:
        """A second."""
        return sum(len(one) for one in self.statuses) / self.seconds

    @property
    def accepted(self) -> float:
        return self.count(201) / self.seconds

    @property
    def refused_share(self) -> float:
        return self.count(429, 503) / max(1, sum(len(one) for one in self.statuses))

    @property
    def median(self) -> float:
        """Milliseconds of the accepted."""
        return self.slow(0.5, 201)

    def slow(self, share: float, *statuses: int) -> float:
        """Milliseconds in which this share of them was answered."""
        times = sorted(
            took
            for all_, each in zip(self.statuses, self.took, strict=True)
            for status, took in zip(all_, each, strict=True)
            if status in statuses
        )
        return times[min(len(times) - 1, int(len(times) * share))] * 1_000 if times else 0.0


def flood(plans: Sequence[Plan]) -> Load:
    """All at once, each in a process of its own."""
    load = Load(plans[0].seconds)
    with ProcessPoolExecutor(len(plans), mp_context=get_context("spawn")) as pool:
        for plan, result in zip(plans, pool.map(generate, plans), strict=True):
            load.add(plan.run, *result)
    return load


def gaps(plan: Plan) -> Iterator[float]:
    """Seconds from one request to the next: as by chance, and the same for every load of the same seed and rate."""
    made = random.Random(plan.seed)
    while True:
        yield made.expovariate(plan.rate)


def generate(plan: Plan) -> tuple[Any, Any, float, float]:
    if plan.cores:
        os.sched_setaffinity(0, plan.cores)
    made = _Generator(plan)
    used = time.process_time()
    try:
        made.run()
    finally:
        made.close()
    return made.statuses, made.took, made.lag, time.process_time() - used


class _Generator:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        parts = urlsplit(plan.address)
        place = (parts.hostname or "", parts.port or 0)
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._held: dict[int, bytes] = {}
        self._asked: dict[int, int] = {}
        for _ in range(plan.connections):
            made = socket.create_connection(place, PATIENCE)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[made.fileno()] = made
            self._poll.register(made.fileno(), select.EPOLLIN)
        self._free = deque(self._sockets)
        self.statuses: Any = array("H")
        self.took: Any = array("d")
        self._due: Any = array("d")
        self._next = 0.0
        self._gaps = gaps(plan)
        self.lag = 0.0
        message = {"role": "user", "content": WORDS}
        body = json.dumps({"messages": [message] * plan.messages} if plan.messages > 1 else message)
        tail = "/batch" if plan.messages > 1 else ""
        self._heads = [
            f"POST /v1/conversations/{plan.group}_{number}/messages{tail} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {plan.key}\r\nX-Request-ID: {plan.run}-".encode()
            for number in range(plan.conversations)
        ]
        self._rest = f"\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()

    def close(self) -> None:
        for one in self._sockets.values():
            one.close()
        self._poll.close()

    def run(self) -> None:
        plan, now = self._plan, time.perf_counter
        self._next = began = now()
        end = began + plan.seconds
        last = 0.0
        while (at := now()) < end or (self._asked and at < end + PATIENCE):
            if last:
                self.lag = max(self.lag, at - last)
            if at < end:
                self._send(at)
            ready = self._poll.poll(STEP)
            last = now()
            for number, _ in ready:
                self._read(number)

    def _send(self, at: float) -> None:
        """What is due by now, on the connections that are free."""
        rate = self._plan.rate
        while self._free:
            due = self._next if rate else at
            if due > at:
                return
            if rate:
                self._next += next(self._gaps)
            number = len(self.statuses)
            self.statuses.append(NONE)
            self.took.append(0.0)
            self._due.append(due)
            connection = self._free.popleft()
            self._asked[connection] = number
            head = self._heads[number % len(self._heads)]
            self._sockets[connection].sendall(b"%s%d%s" % (head, number, self._rest))

    def _read(self, connection: int) -> None:
        data = self._held.pop(connection, b"") + self._sockets[connection].recv(1 << 18)
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._held[connection] = data
            return
        at = data.find(b"content-length: ", 0, end) + 16
        if len(data) < end + 4 + int(data[at : data.find(b"\r", at)]):
            self._held[connection] = data
            return
        number = self._asked.pop(connection)
        self.took[number] = time.perf_counter() - self._due[number]
        status = int(data[9:12])
        if status != 201:
            if data.find(b"retry-after: ", 0, end) < 0:
                status = WITHOUT_RETRY if status in (429, 503) else status
            elif status == 503 and data.find(b'"code":"overloaded"', end) < 0:
                status = UNKNOWN
        self.statuses[number] = status
        self._free.append(connection)
