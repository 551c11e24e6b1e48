"""Calls a service of models, and says in our words what goes wrong with it."""

import asyncio
import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import httpx

from services.gateway.models import Target
from services.gateway.refusals import refusal, told, upstream_error
from services.http.errors import ApiError
from services.outbound import checked_transport
from services.settings import Settings
from services.version import VERSION

MOST_ANSWER = 8 << 20
"""Bytes of an answer; the text of a streamed one may be as long."""
MOST_STREAM = 8 * MOST_ANSWER
MOST_ERROR = 64 << 10
"""Bytes of an error that are read for its message."""
LINGERING = 0.1
"""Seconds that a service has to end an answer after its last event, so that its connection can be used again."""
_SECONDS = re.compile(r"[0-9]{1,6}")


class Upstream:
    """One client for all services; no redirects, no proxy but from the settings."""

    def __init__(self, settings: Settings) -> None:
        self._total = settings.upstream_total_seconds
        silence, connect = settings.upstream_silence_seconds, settings.upstream_connect_seconds
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(silence, connect=connect),
            transport=checked_transport(
                private=settings.private_models,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
            ),
            headers={
                "content-type": "application/json",
                "accept-encoding": "identity",
                "user-agent": f"verbatim/{VERSION}",
            },
        )

    async def stop(self) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def answering(self, target: Target, body: bytes) -> "AsyncGenerator[Reply]":
        """The reply to a chat completion, its body still to come. Raises ApiError (4xx, 502, 504)."""
        deadline = time.monotonic() + self._total
        headers = {"authorization": f"Bearer {target.api_key}"} if target.api_key else {}
        request = self._client.build_request("POST", target.url, content=body, headers=headers)
        with told():
            async with asyncio.timeout(self._total):
                response = await self._client.send(request, stream=True)
        try:
            reply = Reply(response, deadline)
            if response.status_code != 200:
                raise refusal(reply.status, await reply.beginning(), reply.retry_after)
            yield reply
            await reply.end()
        finally:
            await response.aclose()


class Reply:
    """The body of a service's answer."""

    def __init__(self, response: httpx.Response, deadline: float) -> None:
        self._response = response
        self._deadline = deadline
        self._stream = response.aiter_bytes()

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def retry_after(self) -> int | None:
        value = self._response.headers.get("retry-after", "").strip()
        return int(value) if _SECONDS.fullmatch(value) else None

    async def whole(self) -> bytes:
        """Raises ApiError (502, 504)."""
        body = bytearray()
        async for piece in self.pieces(MOST_ANSWER):
            body += piece
        return bytes(body)

    async def pieces(self, most: int) -> AsyncGenerator[bytes]:
        """As they come. Raises ApiError (502, 504)."""
        seen = 0
        while True:
            with told():
                async with asyncio.timeout(self._deadline - time.monotonic()):
                    piece = await anext(self._stream, None)
            if piece is None:
                return
            seen += len(piece)
            if seen > most:
                raise upstream_error(
                    "the model's answer is larger than this service takes", "answer_too_large"
                )
            yield piece

    async def end(self) -> None:
        """Pass by what is left, where that is little: a connection whose answer was not read to its end is closed."""
        with suppress(TimeoutError, httpx.TransportError, httpx.DecodingError):
            async with asyncio.timeout(LINGERING):
                while await anext(self._stream, None) is not None:
                    pass

    async def beginning(self) -> bytes:
        """Of an error's body, as much as there is."""
        body = bytearray()
        try:
            async for piece in self.pieces(MOST_ERROR):
                body += piece
        except ApiError:
            pass  # the status says enough
        return bytes(body)
