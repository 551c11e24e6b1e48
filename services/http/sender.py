"""The sending half of the edge: headers that every answer has, HEAD, compression, errors."""

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from services.http.accept import accepts_gzip
from services.http.endpoint import Headers
from services.http.errors import ApiError, render
from services.http.keys import Principal
from services.http.limits import Allowance

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

NOT_COMPRESSED = 1_024
"""Bytes; what is no larger fits a packet anyway."""
LEVEL = 4
GZIP_BITS = 31
"""That of zlib's window, with gzip's header."""
IN_LINE = 64 << 10
"""Bytes that are compressed on the event loop; more than that in a thread."""
_ZIPPED: Headers = [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
COMPRESSIBLE = (b"application/json", b"text/", b"application/x-ndjson")


class RequestState:
    """What the edge knows of a request."""

    body = b""
    failure: Exception | None = None
    """Why it is not to be done, found out before it came to the edge."""
    principal: Principal | None = None
    allowance: Allowance | None = None
    route = ""
    """The path template of the endpoint that took it, if one did."""
    extra: Sequence[tuple[bytes, bytes]] = ()
    """Headers of the answer, whatever it will be."""
    status = 500
    in_work = False
    """Whether it counts in the process's load."""

    def __init__(self, request_id: str, method: str, headers: dict[bytes, bytes]) -> None:
        self.request_id = request_id
        self.method = method
        self.headers = headers
        self.began = time.perf_counter()

    def headers_of_all(self) -> Headers:
        """That every answer has."""
        headers = [(b"x-request-id", self.request_id.encode()), *self.extra]
        if self.allowance is not None:
            headers += self.allowance.headers()
        return headers


class Sender:
    """Passes one answer on."""

    __slots__ = ("_held", "_packer", "_send", "_silent", "_started", "_state", "_zip")

    def __init__(self, send: Send, state: RequestState, *, silent: bool) -> None:
        self._send = send
        self._state = state
        self._silent = silent
        self._started = False
        self._held: Message | None = None
        self._packer: Packer | None = None
        self._zip = not silent and accepts_gzip(state.headers.get(b"accept-encoding", b""))

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._start(message)
            return
        if message["type"] == "http.response.body":
            if self._silent:
                message = {**message, "body": b""}
            elif self._held is not None:
                message = await self._release(self._held, message)
            elif self._packer is not None:
                message = await self._packer.pack(message)
        await self._send(message)

    async def _start(self, message: Message) -> None:
        state = self._state
        state.status = message["status"]
        message["headers"] = [*message.get("headers", ()), *state.headers_of_all()]
        if self._zip:
            self._held = message  # until the body's size is known
        else:
            self._started = True
            await self._send(message)

    async def _release(self, start: Message, message: Message) -> Message:
        """Send the start that was held, and give the body as it goes out."""
        self._held = None
        body: bytes = message.get("body", b"")
        whole = not message.get("more_body", False)
        if (len(body) > NOT_COMPRESSED or not whole) and _is_compressible(start["headers"]):
            packer = Packer()
            message = await packer.pack(message)
            length = [(b"content-length", b"%d" % len(message["body"]))] if whole else []
            start["headers"] = [
                *(pair for pair in start["headers"] if pair[0] != b"content-length"),
                *length,
                *_ZIPPED,
            ]
            self._packer = packer
        self._started = True
        await self._send(start)
        return message

    async def empty(self, headers: Headers) -> None:
        """An answer of headers alone."""
        await self({"type": "http.response.start", "status": 204, "headers": headers})
        await self({"type": "http.response.body", "body": b""})

    async def error(self, error: ApiError) -> None:
        if self._started:
            return  # too late for an envelope: the client sees the answer break off
        self._held = None
        body, headers = render(error, self._state.request_id)
        headers.append((b"content-length", b"%d" % len(body)))
        if error.status == 413:
            headers.append((b"connection", b"close"))
        await self({"type": "http.response.start", "status": error.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})


class Packer:
    """Compresses the pieces of one answer."""

    __slots__ = ("_gzip",)

    def __init__(self) -> None:
        self._gzip = zlib.compressobj(LEVEL, wbits=GZIP_BITS)

    async def pack(self, message: Message) -> Message:
        body: bytes = message.get("body", b"")
        whole = not message.get("more_body", False)
        in_line = len(body) <= IN_LINE
        packed = (
            self._pack(body, whole) if in_line else await asyncio.to_thread(self._pack, body, whole)
        )
        return {**message, "body": packed}

    def whole(self, body: bytes) -> bytes:
        return self._pack(body, last=True)

    def _pack(self, body: bytes, last: bool) -> bytes:
        packed = self._gzip.compress(body)
        return packed + self._gzip.flush() if last else packed


def whole(headers: Headers, body: bytes, state: RequestState) -> tuple[Headers, bytes]:
    """All headers of an answer whose body is ready, and the body as it goes out. For bodies that are small."""
    zipped: Headers = []
    if (
        len(body) > NOT_COMPRESSED
        and accepts_gzip(state.headers.get(b"accept-encoding", b""))
        and _is_compressible(headers)
    ):
        body = Packer().whole(body)
        zipped = _ZIPPED
    length = (b"content-length", b"%d" % len(body))
    return [*headers, length, *state.headers_of_all(), *zipped], body


def _is_compressible(headers: Headers) -> bool:
    found = dict(headers)
    media_type = found.get(b"content-type", b"")
    if b"content-encoding" in found or media_type.startswith(b"text/event-stream"):
        return False
    return media_type.startswith(COMPRESSIBLE)
