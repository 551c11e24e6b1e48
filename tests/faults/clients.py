"""Seeded clients that write and read under faults."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from zlib import crc32

import httpx

from tests.faults.history import History, Read, Write, digest
from tests.faults.rig import COMMANDS, QUERIES, Rig

PATIENCE = 10.0
"""Seconds after which a client takes an answer for lost."""
RETRIES = 60
_READ_FROM = 100
"""Messages at most that a read shows."""


@dataclass(frozen=True)
class Mix:
    """What clients do, and to how many conversations."""

    clients: int = 6
    conversations: int = 4
    sizes: Sequence[int] = (1, 1, 1, 2, 4)
    """Messages of a write."""
    reads: float = 0.35
    pins: float = 0.05
    pause: float = 0.0
    """Seconds that a client rests behind each."""


MIX = Mix()
RESTING = Mix(pause=0.08)
"""For short runs among other tests: still some sixty requests a second, whatever the fault waits for."""


class Clients:
    """While it is entered, some clients are at work on conversations that they share."""

    def __init__(self, rig: Rig, seed: int, run: str, mix: Mix = MIX) -> None:
        self._rig = rig
        self._run = run
        self._mix = mix
        self.number = mix.clients
        self.conversations = [f"{run}_{n}" for n in range(mix.conversations)]
        self.history = History()
        self.acknowledged = 0
        self.messages = 0
        """Of acknowledged writes."""
        self._counting = threading.Lock()
        self._known: dict[str, list[str]] = {}
        """What the last read of a conversation showed."""
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._client, args=(n, random.Random(f"{seed}-{n}")))
            for n in range(mix.clients)
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

    def _http(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self._rig.key}"}
        return httpx.Client(headers=headers, timeout=PATIENCE, trust_env=False)

    def _client(self, number: int, chance: random.Random) -> None:
        count = 0
        with self._http() as http:
            while not self._stop.is_set():
                conversation = chance.choice(self.conversations)
                pick = chance.random()
                if pick < self._mix.reads:
                    self._read(http, conversation, chance)
                elif pick < self._mix.reads + self._mix.pins:
                    self._pin(http, conversation, chance)
                else:
                    count += 1
                    self._append(http, conversation, f"{self._run}-{number}-{count}", chance)
                self._stop.wait(self._mix.pause)

    def _append(
        self, http: httpx.Client, conversation: str, name: str, chance: random.Random
    ) -> None:
        """With a message id, an idempotency key or neither: the last is sent once."""
        size = chance.choice(self._mix.sizes)
        write = Write(conversation, name, size, time.monotonic())
        contents = write.contents
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
        self.history.writes.append(write)
        answer = self._write(http, path, body, headers, retry=style != "plain", write=write)
        write.ended = time.monotonic()
        if answer is None or answer.status_code == 503:
            code = answer.json()["error"].get("code") if answer is not None else None
            # Only where no attempt before it may have landed.
            once = code == "overloaded" and write.attempts == 1
            write.outcome = "refused" if once else "unknown"
        elif answer.status_code in (200, 201):
            self._acknowledge(write, answer)
        else:
            write.outcome = "refused"
            self._strange(name, answer)

    def _acknowledge(self, write: Write, answer: httpx.Response) -> None:
        data = answer.json()["data"]
        shown = data if write.size > 1 else [data]
        write.first = shown[0]["sequence"]
        write.position = int(answer.headers["x-event-position"])
        said = [(message["sequence"], message["content"]) for message in shown]
        if said != list(enumerate(write.contents, write.first)):
            self.history.faults.append(f"{write.name}: the answer shows {shown[:5]}")
        write.outcome = "acknowledged"
        with self._counting:
            self.acknowledged += 1
            self.messages += write.size

    def _strange(self, request: str, answer: httpx.Response) -> None:
        """An answer that no fault excuses; of one of our own failures the logs say more, and they are gone after the run."""
        told = self._rig.told(answer.headers["x-request-id"]) if answer.status_code >= 500 else ""
        self.history.faults.append(f"{request}: {answer.status_code} {answer.text[:300]}{told}")

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
            self._strange(f"GET {path}", answer)
            return
        shown = answer.json()["data"]
        contents = [message["content"] for message in shown["messages"]]
        self._known[conversation] = contents
        count = shown["message_count"]
        self.history.reads.append(Read(conversation, began, len(contents), digest(contents), count))

    def _pin(self, http: httpx.Client, conversation: str, chance: random.Random) -> None:
        known = self._known.get(conversation)
        if not known:
            return
        name = chance.choice(known).replace(".", "_")
        path = f"/v1/conversations/{conversation}/messages/{name}"
        body = {"is_pinned": chance.random() < 0.7}
        try:
            answer = http.patch(f"{self._rig.url(chance.choice(COMMANDS))}{path}", json=body)
        except httpx.TransportError:
            return
        # 404: the message was given no id of the client's own.
        if answer.status_code not in (200, 404, 503):
            self._strange(f"PATCH {path}", answer)
