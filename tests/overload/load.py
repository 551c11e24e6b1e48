"""Clients that send at their own pace, whether or not they are answered, and note what became of each request."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from urllib.parse import urlsplit

import psycopg

MESSAGES, WORDS = 100, "It was said, and so it was written down, word for word. " * 3
"""Of one request: so much work that one machine can send ten times what one process bears."""
CONVERSATIONS = 100
PATIENCE = 30.0
MOST_AT_ONCE = 2_000
"""Connections; past it a request waits for one, as in a client's pool."""


@dataclass
class Outcome:
    request: str
    seconds: float
    """From when it was due."""
    status: int | None
    retry_after: bool = False
    code: str = ""


@dataclass
class Load:
    """What became of all requests of one run."""

    seconds: float
    outcomes: list[Outcome] = field(default_factory=list)

    def of(self, *statuses: int | None) -> list[Outcome]:
        return [one for one in self.outcomes if one.status in statuses]

    @property
    def offered(self) -> float:
        """A second."""
        return len(self.outcomes) / self.seconds

    @property
    def accepted(self) -> float:
        return len(self.of(201)) / self.seconds

    def slow(self, share: float, *statuses: int | None) -> float:
        """Milliseconds in which this share of them was answered."""
        times = sorted(one.seconds for one in self.of(*statuses))
        return times[min(len(times) - 1, int(len(times) * share))] * 1_000 if times else 0.0

    def statuses(self) -> dict[str, int]:
        return {str(k or "none"): n for k, n in sorted(Counter(o.status for o in self.outcomes).items(), key=str)}  # fmt: skip


_numbers = count(1)


class Clients:
    """Of one key at one process."""

    def __init__(self, address: str, key: str) -> None:
        parts = urlsplit(address)
        self._place = (parts.hostname or "", parts.port or 0)
        self._key = key
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._messages = json.dumps({"messages": [{"role": "user", "content": WORDS}] * MESSAGES}).encode()  # fmt: skip

    async def prepare(self) -> None:
        for number in range(CONVERSATIONS):
            body = json.dumps({"id": f"load_{number}"}).encode()
            outcome = await self._ask("/v1/conversations", f"prepare-{number}", body)
            assert outcome.status in (201, 409), outcome

    async def at_a_rate(self, rate: float, seconds: float) -> Load:
        """So many requests a second, evenly, whatever becomes of them."""
        began = time.monotonic()
        tasks: list[asyncio.Task[Outcome]] = []
        while (now := time.monotonic()) < began + seconds:
            while len(tasks) < (now - began) * rate:
                due = began + len(tasks) / rate
                tasks.append(asyncio.create_task(self._append(due)))
            await asyncio.sleep(0.002)
        return Load(seconds, list(await asyncio.gather(*tasks)))

    async def at_once(self, clients: int, seconds: float) -> Load:
        """So many clients, each of which waits for its answer: what the process bears."""
        began = time.monotonic()
        load = Load(seconds)

        async def client() -> None:
            while time.monotonic() < began + seconds:
                load.outcomes.append(await self._append(time.monotonic()))

        await asyncio.gather(*(client() for _ in range(clients)))
        return load

    async def _append(self, due: float) -> Outcome:
        number = next(_numbers)
        path = f"/v1/conversations/load_{number % CONVERSATIONS}/messages/batch"
        async with self._slots:
            outcome = await self._ask(path, f"load-{number}", self._messages)
        outcome.seconds = time.monotonic() - due
        return outcome

    async def _ask(self, path: str, request: str, body: bytes) -> Outcome:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._key}\r\n"
            f"X-Request-ID: {request}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = (
                    self._free.pop() if self._free else await asyncio.open_connection(*self._place)
                )
                writer.write(head + body)
                status, headers, text = await _answer(reader)
        except (OSError, EOFError, TimeoutError):
            return Outcome(request, 0.0, None)
        self._free.append((reader, writer))
        code = json.loads(text)["error"].get("code", "") if status >= 400 else ""
        return Outcome(request, 0.0, status, "retry-after:" in headers, code)

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()
        self._free.clear()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return int(head.split()[1]), head, await reader.readexactly(length)


def lost(dsn: str, loads: list[Load]) -> list[str]:
    """Acknowledged requests that the log does not hold whole, refused ones that it does, others that it holds in part."""
    with psycopg.connect(dsn) as connection:
        held = dict(
            connection.execute(
                "SELECT convert_from(state, 'UTF8')::jsonb ->> 'req', count(*) FROM events GROUP BY 1"
            ).fetchall()
        )
    wrong: list[str] = []
    for one in (outcome for load in loads for outcome in load.outcomes):
        found = held.get(one.request, 0)
        refused = one.status == 429 or one.code == "overloaded"
        allowed = {MESSAGES} if one.status == 201 else {0} if refused else {0, MESSAGES}
        if found not in allowed:
            wrong.append(f"{one}: {found} of its messages are in the log")
    return wrong
