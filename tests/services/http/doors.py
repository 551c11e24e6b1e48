"""A server without a socket behind its door, and what came to each connection's wire."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from services.http import connection
from services.http.connection import Connection
from services.http.door import Door
from services.http.overload import Load
from tests.services.http.test_cycle import Wire

PIECE = b"x" * 50
OPEN = ("/health",)


@dataclass
class Served:
    """A server without a socket: what came to its app, and each connection's wire."""

    door: Door
    state: ServerState = field(default_factory=ServerState)
    asked: list[tuple[str, str]] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.state.default_headers = [(b"date", b"today")]
        self._config = uvicorn.Config(
            self.app, interface="asgi3", proxy_headers=False, log_config=None, access_log=False
        )
        self.hold.set()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append((scope["method"], scope["path"]))
        while (await receive()).get("more_body", False):
            pass
        await self.hold.wait()
        if scope.get(connection.IN_WORK):
            self.door.load.left()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    def connect(self) -> tuple[Connection, "Cut"]:
        made, wire = Connection(self._config, self.state, {}, door=self.door), Cut()
        made.connection_made(wire)
        return made, wire

    async def rest(self) -> None:
        while self.state.tasks:
            await asyncio.wait(self.state.tasks)
            await asyncio.sleep(0)


class Cut(Wire):
    aborted = False

    def abort(self) -> None:
        self.aborted = self.closed = True


@pytest.fixture
async def served() -> Served:
    return Served(Door(Load(), OPEN))


def request(*lines: str, line: str = "POST /v1/a HTTP/1.1", body: bytes = b"") -> bytes:
    length = (f"Content-Length: {len(body)}",) if body else ()
    return "\r\n".join((line, "Host: x", *lines, *length)).encode() + b"\r\n\r\n" + body


def answers(wire: Wire) -> list[tuple[int, dict[bytes, bytes], bytes]]:
    found: list[tuple[int, dict[bytes, bytes], bytes]] = []
    data = b"".join(wire.written)
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        headers = {
            name.lower(): value for name, _, value in (one.partition(b": ") for one in lines)
        }
        length = int(headers[b"content-length"])
        found.append((int(line.split()[1]), headers, data[:length]))
        data = data[length:]
    return found


def statuses(wire: Wire) -> list[int]:
    return [status for status, _, _ in answers(wire)]


def is_refusal(answer: tuple[int, dict[bytes, bytes], bytes]) -> bytes:
    """Gives the request's id."""
    status, headers, body = answer
    error = json.loads(body)["error"]
    assert status == 503
    assert headers[b"retry-after"] == b"1"
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"date"] == b"today"
    assert (error["code"], error["type"]) == ("overloaded", "unavailable")
    assert error["retry_after_seconds"] == 1
    assert error["request_id"].encode() == headers[b"x-request-id"]
    return headers[b"x-request-id"]
