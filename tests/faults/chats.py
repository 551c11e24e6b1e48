"""Clients that ask a model through the gateway, and the model: what they were shown, against what the log keeps."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import httpx
import msgspec

from tests.faults.rig import Rig
from tests.services.gateway.model_server import DONE, Asked, ModelServer, Reply, chunk

PARTS = [f"word {number} of the answer, " for number in range(12)]
WHOLE = "".join(PARTS)
PATIENCE = 30.0

End = Literal["done", "interrupted", "refused", "not begun", "broken off"]


async def paced(asked: Asked, reply: Reply) -> None:
    await reply.start()
    for part in PARTS:
        await reply.piece(chunk(part))
        await asyncio.sleep(0.02)
    await reply.piece(chunk({}, "stop") + DONE)
    await reply.end()


async def endless(asked: Asked, reply: Reply) -> None:
    """Half the answer, then nothing more."""
    await reply.start()
    await reply.piece(chunk("".join(PARTS[:5])))
    await reply.gone.wait()


@dataclass
class Chat:
    conversation: str
    question: str
    end: End
    shown: str = ""
    """Of the answer, to the client."""
    last: str = ""
    """What the client was told last."""


@dataclass
class Chats:
    """While it is entered, some ask for answers that end, others for one that does not; each chat is a conversation."""

    rig: Rig
    gateway: str
    run: str
    models: ModelServer
    number: int = 4
    told: list[Chat] = field(default_factory=list[Chat])
    open: set[str] = field(default_factory=set[str])
    """Conversations whose stream has begun and not ended."""

    def __post_init__(self) -> None:
        self.models.behave("paced", paced)
        self.models.behave("endless", endless)
        self._stop = threading.Event()
        kinds = ["paced"] * self.number + ["endless"] * 2
        self._threads = [
            threading.Thread(target=self._ask, args=(n, kind)) for n, kind in enumerate(kinds)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """An endless answer ends with the gateway only."""
        self.stop()
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        self._stop.set()

    def count(self, end: End) -> int:
        return sum(chat.end == end for chat in self.told)

    def _ask(self, number: int, model: str) -> None:
        count = 0
        headers = {"Authorization": f"Bearer {self.rig.key}"}
        while not self._stop.is_set():
            count += 1
            name = f"{self.run}_{number}_{count}"
            chat = Chat(name, f"question {count} of {number}", "not begun")
            body: dict[str, Any] = {
                "model": model,
                "stream": True,
                "conversation_id": name,
                "messages": [{"role": "user", "content": chat.question}],
            }
            with httpx.Client(headers=headers, timeout=PATIENCE, trust_env=False) as http:
                self._listen(http, body, chat)
            self.open.discard(name)
            self.told.append(chat)
            if chat.end != "done":
                time.sleep(0.2)

    def _listen(self, http: httpx.Client, body: dict[str, Any], chat: Chat) -> None:
        url = f"{self.rig.url(self.gateway)}/v1/chat/completions"
        try:
            with http.stream("POST", url, json=body) as answer:
                if answer.status_code != 200:
                    chat.last = f"{answer.status_code} {answer.read().decode()}"
                    waits = answer.status_code == 503 and "retry-after" in answer.headers
                    chat.end = "refused" if waits else "broken off"
                    return
                chat.end = "broken off"  # unless it is told otherwise
                for line in answer.iter_lines():
                    if line:
                        self.open.add(chat.conversation)
                        self._take(line, chat)
        except httpx.TransportError as error:
            chat.last = chat.last or repr(error)

    def _take(self, line: str, chat: Chat) -> None:
        chat.last = line
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            chat.end = "done"
        elif '"code":"interrupted"' in data:
            chat.end = "interrupted"
        else:
            for choice in msgspec.json.decode(data)["choices"]:
                chat.shown += choice["delta"].get("content") or ""

    def broken(self) -> Iterator[str]:
        """Answers that end in the middle without a word, and what was shown and is not kept."""
        headers = {"Authorization": f"Bearer {self.rig.key}"}
        with httpx.Client(headers=headers, timeout=PATIENCE, trust_env=False) as http:
            for chat in self.told:
                if chat.end == "broken off":
                    yield f"{chat} broke off"
                url = f"{self.rig.url('query-1')}/v1/conversations/{chat.conversation}/messages"
                answer = http.get(url)
                kept = answer.json()["data"] if answer.status_code == 200 else []
                if not _is_kept(chat, [(one["content"], one.get("incomplete")) for one in kept]):
                    yield f"{chat}: kept is {kept}"


def _is_kept(chat: Chat, kept: list[tuple[Any, str | None]]) -> bool:
    match chat.end, kept:
        case "done", [(chat.question, None), (answer, None)]:
            return answer == WHOLE == chat.shown
        case "interrupted", [(chat.question, None), (str(answer), "interrupted")]:
            return answer.startswith(chat.shown) and bool(chat.shown)
        case "interrupted", [(chat.question, None)]:
            return not chat.shown
        case (("refused" | "not begun" | "broken off"), []):
            return True
        case (("refused" | "not begun" | "broken off"), [(chat.question, None), *_]):
            return len(kept) <= 2
        case _:
            return False
