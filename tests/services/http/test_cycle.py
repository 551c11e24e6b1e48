"""The short way out writes what uvicorn's own way writes, in one piece."""

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from services.http.connection import Connection

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"x" * 20
LENGTH = (b"content-length", b"20")
OTHER = (b"X-Other", b"a: b")


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        if self.closed:
            raise RuntimeError("the handler is closed")  # as uvloop does
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


async def answered(
    kind: type[HttpToolsProtocol], asked: bytes, status: int, headers: Any, parts: list[bytes]
) -> Wire:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for number, part in enumerate(parts, 1):
            more = number < len(parts)
            await send({"type": "http.response.body", "body": part, "more_body": more})

    state, wire = ServerState(), Wire()
    state.default_headers = [(b"date", b"today")]
    config = uvicorn.Config(app, log_config=None, access_log=False)
    protocol = kind(config, state, {})  # type: ignore[arg-type]
    protocol.connection_made(wire)
    protocol.data_received(asked)
    while state.tasks:
        await asyncio.wait(state.tasks)
        await asyncio.sleep(0)
    closed = wire.closed
    protocol.connection_lost(None)
    wire.closed = closed
    return wire


async def test_a_whole_answer_is_one_write():
    wire = await answered(Connection, GET, 201, [OTHER, LENGTH], [BODY])
    (written,) = wire.written
    assert written.startswith(b"HTTP/1.1 201 Created\r\n")
    assert written.endswith(b"\r\n\r\n" + BODY)
    assert not wire.closed


@pytest.mark.parametrize(
    ("asked", "status", "headers", "parts"),
    [
        (GET, 200, [LENGTH], [BODY]),
        (GET * 3, 200, [LENGTH], [BODY]),
        (GET.replace(b"GET", b"HEAD"), 200, [LENGTH], [b""]),
        (GET.replace(b"/1.1", b"/1.0"), 200, [LENGTH], [BODY]),
        (GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), 200, [LENGTH], [BODY]),
        (GET, 413, [LENGTH, (b"connection", b"close")], [BODY]),
        (GET, 200, [], [BODY]),
        (GET, 204, [], [b""]),
        (GET, 200, [(b"transfer-encoding", b"chunked")], [BODY]),
        (GET, 200, [], [BODY[:5], BODY[5:], b""]),
        (GET, 200, [LENGTH], [BODY[:5], BODY[5:]]),
        (GET, 200, [LENGTH], [BODY[:5]]),
        (GET, 200, [LENGTH], [BODY * 2]),
        (GET, 200, [LENGTH, (b"x-split", b"a\r\nb: c")], [BODY]),
        (GET, 200, [LENGTH, (b"x-split", b"a\nb: c")], [BODY]),
        (GET, 200, [LENGTH], []),
    ],
)
async def test_it_is_what_uvicorn_writes(asked: bytes, status: int, headers: Any, parts: Any):
    ours = await answered(Connection, asked, status, headers, parts)
    theirs = await answered(HttpToolsProtocol, asked, status, headers, parts)
    written = b"".join(ours.written)
    if not parts or b"500 Internal" in written:
        # Before any byte of the body, ours has written nothing yet: it can still say that it failed.
        assert b"HTTP/1.1 500" in written
        assert written.count(b"HTTP/1.1") == 1
        return
    assert written.lower() == b"".join(theirs.written).lower()
    assert ours.closed == theirs.closed


@pytest.mark.parametrize("parts", [[BODY], [BODY[:5], BODY[5:]]])
async def test_a_client_that_is_gone_is_no_failure(parts: list[bytes]) -> None:
    """Neither of several requests that it sent at once."""
    gone = asyncio.Event()
    ended: list[BaseException | None] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await gone.wait()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [LENGTH]})
            for number, part in enumerate(parts, 1):
                more = number < len(parts)
                await send({"type": "http.response.body", "body": part, "more_body": more})
        except Exception as error:
            ended.append(error)
            raise
        ended.append(None)

    state, wire = ServerState(), Wire()
    protocol = Connection(uvicorn.Config(app, log_config=None, access_log=False), state, {})
    protocol.connection_made(wire)
    protocol.data_received(GET * 2)
    wire.close()
    protocol.connection_lost(None)
    gone.set()
    while state.tasks:
        await asyncio.wait(state.tasks)
        await asyncio.sleep(0)
    assert ended == [None]
    assert not wire.written
