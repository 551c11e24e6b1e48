"""Answers that Litestar sends as they are: ready bytes, and bytes that are made while they are sent."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

from litestar.response.base import ASGIResponse
from typing_extensions import override

from eventstore.errors import EventStoreError
from services.http.endpoint import Answer, Headers
from services.http.errors import ApiError

log = logging.getLogger(__name__)

STALL_SECONDS = 60.0
"""A client that takes nothing for so long has gone: what a stream holds open is not its to keep."""


class Ready(ASGIResponse):
    """Headers go out as the bytes they are; Litestar's own class turns them into text and back."""

    def __init__(self, body: bytes, status: int, headers: Headers) -> None:  # pyright: ignore[reportMissingSuperCall]
        self.body = body
        self.status_code = status
        self._ready = [*headers, (b"content-length", b"%d" % len(body))]

    @override
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self._ready,
            }
        )
        await send({"type": "http.response.body", "body": self.body})


class Streamed(ASGIResponse):
    """Sends pieces as they come, no faster than the client takes them. Its length is not told beforehand."""

    def __init__(  # pyright: ignore[reportMissingSuperCall] - all that an answer is made of
        self,
        first: bytes,
        rest: AsyncGenerator[bytes],
        status: int,
        headers: Headers,
        farewell: bytes = b"",
    ) -> None:
        self._farewell = farewell
        self._begun = False
        self._first = first
        self._rest = rest
        self.status_code = status
        self._headers = headers

    @override
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        sending = asyncio.create_task(self._send_all(send))
        hanging_up = asyncio.create_task(_hung_up(receive))
        cut = False
        try:
            await asyncio.wait([sending, hanging_up], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # by the server, which ends: it waits for us a moment
            log.info("the process ends; an answer is cut short")
            cut = True
        finally:
            for task in (sending, hanging_up):
                task.cancel()
            await asyncio.wait([sending, hanging_up])
            await self._rest.aclose()
        if not sending.cancelled():
            sending.result()
        elif cut and self._farewell and self._begun:
            await send({"type": "http.response.body", "body": self._farewell, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    async def _send_all(self, send: Any) -> None:
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self._headers,
        }
        await send(start)
        try:
            await _send_piece(send, self._first)
            self._begun = True
            async for piece in self._rest:
                if piece:
                    await _send_piece(send, piece)
        except (ApiError, EventStoreError, TimeoutError) as error:
            log.warning("an answer breaks off: %s", str(error) or "its client takes nothing")
            return
        await send({"type": "http.response.body", "body": b""})


async def _send_piece(send: Any, piece: bytes) -> None:
    async with asyncio.timeout(STALL_SECONDS):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await asyncio.sleep(
        0
    )  # the server's send returns at once while its buffer has room: let others run


async def _hung_up(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def ready(answer: Answer, *, silent: bool = False) -> ASGIResponse:
    """`silent` makes nothing of a body. Raises what its generator raises before its first bytes."""
    headers = [(b"content-type", answer.media_type), *answer.headers]
    if isinstance(answer.body, bytes):
        return Ready(answer.body, answer.status, headers)
    if silent:
        await answer.body.aclose()
    first = await anext(answer.body, b"")
    return Streamed(first, answer.body, answer.status, headers, answer.farewell)
