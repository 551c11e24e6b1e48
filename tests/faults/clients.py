"""Seeded clients that write and read under faults, and the history of what they were told."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from zlib import crc32

import httpx

from tests.faults.rig import COMMANDS, QUERIES, Rig

Outcome = Literal["acknowledged", "refused", "unknown"]
PATIENCE = 10.0
"""Seconds after which a client takes an answer for lost."""
RETRIES = 60
_READ_FROM = 100
"""Messages at most that a read shows."""


@dataclass
class Write:
    """One append: its messages are known by their content, which no other write has."""

    conversation: str
    contents: list[str]
    sent: float
    outcome: Outcome = "unknown"
    ended: float = float("inf")
    sequences: list[int] = field(default_factory=list)
    attempts: int = 0


@dataclass
class Read:
    """What a read showed, in order of sequence; `began` when it was sent."""

    conversation: str
    began: float
    contents: list[str]
    count: int
    """The conversation's `message_count`, as shown."""


@dataclass
class History:
    writes: list[Write] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Answers that no fault excuses."""


class Clients:
    """While it is entered, `number` clients are at work on a few conversations that they share."""

    def __init__(self, rig: Rig, seed: int, run: str, number: int = 6) -> None:
        self._rig = rig
        self._run = run
        self.number = number
        self.conversations = [f"{run}_{n}" for n in range(4)]
        self.history = History()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._client, args=(n, random.Random(f"{seed}-{n}")))
            for n in range(number)
        ]

    def __enter__(self) -> Self:
        with self._http() as http:
            for name in self.conversations:
                answer = self._write(http, "/conversations", {"id": name}, retry=True)
                assert answer is not None
                assert answer.status_code in (201, 409), answer.text
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def acknowledged(self) -> int:
        return sum(w.outcome == "acknowledged" for w in self.history.writes)

    def _http(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self._rig.key}"}
        return httpx.Client(headers=headers, timeout=PATIENCE, trust_env=False)

    def _client(self, number: int, chance: random.Random) -> None:
        count = 0
        with self._http() as http:
            while not self._stop.is_set():
                conversation = chance.choice(self.conversations)
                pick = chance.random()
                if pick < 0.35:
                    self._read(http, conversation, chance)
                elif pick < 0.40:
                    self._pin(http, conversation, chance)
                else:
                    count += 1
                    self._append(http, conversation, f"{self._run}-{number}-{count}", chance)

    def _append(
        self, http: httpx.Client, conversation: str, name: str, chance: random.Random
    ) -> None:
        """With a message id, an idempotency key or neither: the last is sent once."""
        size = chance.choice([1, 1, 1, 2, 4])
        contents = [f"{name}.{part}" for part in range(size)]
        messages: list[dict[str, Any]] = [{"role": "user", "content": c} for c in contents]
        style = chance.choice(["id", "key", "plain"])
        headers = {"Idempotency-Key": name} if style == "key" else {}
        if style == "id":
            for message in messages:
                message["id"] = message["content"].replace(".", "_")
        path = f"/conversations/{conversation}/messages"
        body: Any = messages[0]
        if size > 1:
            path, body = f"{path}/batch", {"messages": messages}
        write = Write(conversation, contents, time.monotonic())
        self.history.writes.append(write)
        answer = self._write(http, path, body, headers, retry=style != "plain", write=write)
        write.ended = time.monotonic()
        if answer is None or answer.status_code == 503:
            code = answer.json()["error"].get("code") if answer is not None else None
            write.outcome = "refused" if code == "overloaded" else "unknown"
        elif answer.status_code in (200, 201):
            write.outcome = "acknowledged"
            data = answer.json()["data"]
            shown = data if size > 1 else [data]
            write.sequences = [message["sequence"] for message in shown]
            if [message["content"] for message in shown] != contents:
                self.history.faults.append(f"{name}: the answer shows {shown}")
        else:
            write.outcome = "refused"
            self.history.faults.append(f"{name}: {answer.status_code} {answer.text[:300]}")

    def _write(
        self,
        http: httpx.Client,
        path: str,
        body: Any,
        headers: dict[str, str] | None = None,
        *,
        retry: bool,
        write: Write | None = None,
    ) -> httpx.Response | None:
        """The answer; None where none came. A connection that was refused was not used: try the other process."""
        answer = None
        for attempt in range(RETRIES):
            url = self._rig.url(COMMANDS[(attempt + crc32(path.encode())) % 2])
            try:
                answer = http.post(f"{url}/v1{path}", json=body, headers=headers)
            except httpx.ConnectError:
                time.sleep(0.05)
                continue
            except httpx.TransportError:
                answer = None
            if write is not None:
                write.attempts += 1
            if answer is not None and answer.status_code != 503:
                return answer
            if answer is not None and "retry-after" not in answer.headers:
                self.history.faults.append(f"a 503 without Retry-After: {answer.text[:300]}")
            if not retry or (self._stop.is_set() and attempt > RETRIES // 2):
                return answer
            time.sleep(0.1)
        return answer

    def _read(self, http: httpx.Client, conversation: str, chance: random.Random) -> None:
        began = time.monotonic()
        url = self._rig.url(chance.choice(QUERIES))
        path = f"/v1/conversations/{conversation}?message_limit={_READ_FROM}"
        try:
            answer = http.get(f"{url}{path}")
        except httpx.TransportError:
            time.sleep(0.05)
            return
        if answer.status_code == 503 and "retry-after" in answer.headers:
            time.sleep(0.05)
            return
        if answer.status_code != 200:
            self.history.faults.append(f"GET {path}: {answer.status_code} {answer.text[:300]}")
            return
        shown = answer.json()["data"]
        contents = [message["content"] for message in shown["messages"]]
        self.history.reads.append(Read(conversation, began, contents, shown["message_count"]))

    def _pin(self, http: httpx.Client, conversation: str, chance: random.Random) -> None:
        known = [r for r in self.history.reads[-20:] if r.conversation == conversation]
        names = [c.replace(".", "_") for r in known for c in r.contents]
        if not names:
            return
        path = f"/v1/conversations/{conversation}/messages/{chance.choice(names)}"
        body = {"is_pinned": chance.random() < 0.7}
        try:
            answer = http.patch(f"{self._rig.url(chance.choice(COMMANDS))}{path}", json=body)
        except httpx.TransportError:
            return
        # 404: the message was given no id of the client's own.
        if answer.status_code not in (200, 404, 503):
            self.history.faults.append(f"PATCH {path}: {answer.status_code} {answer.text[:300]}")


def flat(writes: Sequence[Write]) -> list[str]:
    return [content for write in writes for content in write.contents]
