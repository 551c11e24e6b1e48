"""A service of models for tests: a real HTTP server that behaves as each model's name was told to."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

JSON = "Content-Type: application/json"
EVENTS = "Content-Type: text/event-stream"


@dataclass
class Asked:
    """One request, as it came over the wire."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)

    @property
    def texts(self) -> list[tuple[str, Any]]:
        return [(m["role"], m["content"]) for m in self.body["messages"]]


class Reply:
    """The server's side of one exchange."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.gone = asyncio.Event()
        """Set when the other side has hung up."""

    async def whole(self, body: bytes, status: int = 200, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} .", *(headers or (JSON,)), f"Content-Length: {len(body)}"]
        await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def start(self, *headers: str) -> None:
        lines = ["HTTP/1.1 200 .", *(headers or (EVENTS,)), "Transfer-Encoding: chunked"]
        await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def piece(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def hang_up(self) -> None:
        self._writer.transport.abort()


Behaviour = Callable[[Asked, Reply], Awaitable[None]]


@dataclass
class ModelServer:
    address: str = ""
    asked: dict[str, list[Asked]] = field(default_factory=dict)
    """What each model was asked, in order."""
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    connections: int = 0
    """Taken so far."""

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    def behave(self, model: str, behaviour: Behaviour) -> str:
        self.behaviours[model] = behaviour
        return model

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    n.lower(): v for n, _, v in (line.partition(": ") for line in head[1:] if line)
                }
                raw = await reader.readexactly(int(headers.get("content-length", 0)))
                asked = Asked(head[0].split()[1], headers, raw)
                model = asked.body["model"]
                self.asked.setdefault(model, []).append(asked)
                reply = Reply(writer)
                watch = asyncio.create_task(self._watch(reader, reply))
                try:
                    await self.behaviours.get(model, says("ok"))(asked, reply)
                finally:
                    watch.cancel()
                    await asyncio.gather(watch, return_exceptions=True)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _watch(self, reader: asyncio.StreamReader, reply: Reply) -> None:
        """Nothing more comes while an answer is on its way, but the end."""
        while not reader.at_eof():  # noqa: ASYNC110 - a stream's end tells nobody
            await asyncio.sleep(0.005)
        reply.gone.set()


@contextmanager
def model_server() -> Iterator[ModelServer]:
    server = ModelServer()
    started, held = threading.Event(), {}

    async def main() -> None:
        held["loop"], held["stop"] = asyncio.get_running_loop(), asyncio.Event()
        listener = await asyncio.start_server(server.connected, "127.0.0.1", 0)
        server.address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        started.set()
        await held["stop"].wait()
        listener.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="models")
    thread.start()
    started.wait(10)
    try:
        yield server
    finally:
        held["loop"].call_soon_threadsafe(held["stop"].set)
        thread.join(10)


def completion(message: dict[str, Any] | str, **more: Any) -> bytes:
    """A whole answer."""
    if isinstance(message, str):
        message = {"role": "assistant", "content": message, "refusal": None}
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "served-model",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        **more,
    }
    return json.dumps(answer).encode()


def says(message: dict[str, Any] | str, **more: Any) -> Behaviour:
    async def behave(asked: Asked, reply: Reply) -> None:
        await reply.whole(completion(message, **more))

    return behave


def answers(body: bytes, status: int = 200, *headers: str) -> Behaviour:
    async def behave(asked: Asked, reply: Reply) -> None:
        await reply.whole(body, status, *headers)

    return behave


def chunk(delta: dict[str, Any] | str, reason: str | None = None, **more: Any) -> bytes:
    """An event of a stream."""
    if isinstance(delta, str):
        delta = {"content": delta}
    data = {
        "id": "chatcmpl-2",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "served-model",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        **more,
    }
    return b"data: " + json.dumps(data).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"


def streams(*pieces: bytes, ends: bool = True) -> Behaviour:
    """Each piece in a packet of its own."""

    async def behave(asked: Asked, reply: Reply) -> None:
        await reply.start()
        for piece in pieces:
            await reply.piece(piece)
            await asyncio.sleep(0)
        if ends:
            await reply.end()
        else:
            reply.hang_up()

    return behave
