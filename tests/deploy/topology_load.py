"""Clients of a running topology: only a 503 with Retry-After may be asked again, all else is a failure."""

import threading
import time
from typing import Any, Self

import httpx

from tests.services.gateway.model_server import DONE, Asked, ModelServer, Reply, chunk, says

PARTS = ["An ", "answer ", "in ", "pieces."]
POLICY = {"strategy": "hybrid", "trigger_tokens": 600, "keep_recent": 4}
"""Passed every few dozen messages: the worker has something to do."""


class Wrong(Exception):  # noqa: N818 - names the finding
    """An answer that a client should not have got."""


class Load:
    """Threads that go on until the block ends; `rounds` counts what was done, `failures` tells what went wrong."""

    def __init__(self, base_url: str, key: str, clients: int) -> None:
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {key}"}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(clients)]
        self.rounds = 0
        self.refused = 0
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        with httpx.Client(
            base_url=self._base_url, headers=self._headers, timeout=20, trust_env=False
        ) as http:
            name = f"{type(self).__name__.lower()}_{number}"
            body = {"id": name, "compaction": POLICY}
            self.done(http, "POST", "/conversations", body)
            count = 0
            while not self._stop.is_set():
                count += 1
                try:
                    self.round(http, name, count)
                except Wrong as error:
                    self.failures.append(f"{name}, round {count}: {error}")
                self.rounds += 1

    def round(self, http: httpx.Client, name: str, count: int) -> None:
        raise NotImplementedError

    def done(self, http: httpx.Client, method: str, path: str, body: Any) -> Any:
        """The answer as JSON; of a stream, its text."""
        for _ in range(200):
            try:
                answer = http.request(method, path, json=body)
            except httpx.TransportError as error:
                raise Wrong(f"{method} {path}: {error!r}") from error
            if answer.status_code == 503 and "retry-after" in answer.headers:
                self.refused += 1
                time.sleep(0.05)
                continue
            if answer.status_code not in (200, 201):
                raise Wrong(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            is_json = answer.headers["content-type"].startswith("application/json")
            return answer.json() if is_json else answer.text
        raise Wrong(f"{method} {path}: refused again and again")


class Pairs(Load):
    """Write a message, at once read it."""

    def round(self, http: httpx.Client, name: str, count: int) -> None:
        body = {"id": f"m{count}", "role": "user", "content": f"message {count} of a few words"}
        self.done(http, "POST", f"/conversations/{name}/messages", body)
        found = self.done(http, "GET", f"/conversations/{name}?message_limit=1", None)["data"]
        if (found["message_count"], found["messages"][0]["id"]) != (count, f"m{count}"):
            self.failures.append(f"{name}: wrote {count}, read {found}")


class Chats(Load):
    """Ask a model, every other time for a stream; what was said is in the conversation at once."""

    def round(self, http: httpx.Client, name: str, count: int) -> None:
        said = f"question {count}"
        streams = count % 2 == 0
        body = {
            "model": "paced" if streams else "whole",
            "stream": streams,
            "conversation_id": name,
            "messages": [{"role": "user", "content": said}],
        }
        answer = self.done(http, "POST", "/chat/completions", body)
        if streams and not answer.endswith("data: [DONE]\n\n"):
            self.failures.append(f"{name}, round {count}: cut off after {answer[-200:]!r}")
        path = f"/conversations/{name}/messages?order=desc&limit=2"
        newest = [m["content"] for m in self.done(http, "GET", path, None)["data"]]
        if newest != ["".join(PARTS), said]:
            self.failures.append(f"{name}, round {count}: {newest}")


async def paced(asked: Asked, reply: Reply) -> None:
    await reply.start()
    for part in PARTS:
        await reply.piece(chunk(part))
    await reply.piece(chunk({}, "stop") + DONE)
    await reply.end()


async def holding(asked: Asked, reply: Reply) -> None:
    """Says the first half, then nothing more."""
    await reply.start()
    await reply.piece(chunk("".join(PARTS[:2])))
    await reply.gone.wait()


def teach(models: ModelServer) -> None:
    models.behave("whole", says("".join(PARTS)))
    models.behave("paced", paced)
    models.behave("holding", holding)
