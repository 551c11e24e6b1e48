"""Keyed requests are done once and answered again: idempotency keys at the HTTP edge.

The key is written in the same transaction as the events. A repeated request either meets its first in flight in this
process and waits for it, or is stopped by the key's row, from which the first answer is made again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import msgspec

from domain.refusals import Refusal
from eventstore.errors import KeyTaken
from eventstore.reader import IdempotencyRow, LogReader
from services.command.handle import Replay
from services.http.endpoint import Answer, Call
from services.http.errors import ApiError, bad_request

MAX_KEY = 255
KEY_HEADER = b"idempotency-key"

Slot = tuple[str, str]
"""A workspace and a key of it."""
Remake = Callable[[Replay, int], Awaitable[Answer]]
"""Makes an answer again from what its row holds and its last position."""


def key_of(call: Call[Any, Any]) -> str | None:
    """The request's key, or the one that was made for it. Raises ApiError (400) for one that cannot be."""
    raw = call.headers.get(KEY_HEADER)
    if raw is None:
        return call.own_key
    key = raw.decode("latin-1")
    if not 0 < len(key) <= MAX_KEY or not key.isascii() or not key.isprintable():
        raise bad_request(
            f"an idempotency key has 1 to {MAX_KEY} printable ASCII characters",
            "invalid_value",
            "Idempotency-Key",
        )
    return key


def hash_of(call: Call[Any, Any]) -> bytes:
    """Of all that makes two requests the same: method, path, body, If-Match."""
    parts = (call.method.encode(), call.raw_path.encode(), call.headers.get(b"if-match", b""))
    return sha256(b"\n".join((*parts, call.raw_body))).digest()


def key_reused() -> ApiError:
    return ApiError(
        422,
        "this idempotency key was used for another request; use a new key",
        "idempotency_key_reused",
        "Idempotency-Key",
    )


class Once:
    """Runs keyed requests once; one a process."""

    def __init__(self, reader: LogReader, remake: Remake) -> None:
        self._reader = reader
        self._remake = remake
        self._in_flight: dict[Slot, asyncio.Event] = {}

    async def answer(
        self, call: Call[Any, Any], key: str | None, do: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """`do`'s answer, or the first one again. Raises what `do` raises, and ApiError (422)."""
        if key is None:
            return await do()
        slot = (call.workspace, key)
        while (first := self._in_flight.get(slot)) is not None:
            await first.wait()
            row = await self._reader.find_key(*slot)
            if row is not None:
                return await self._again(call, row)
        self.begin(slot)
        try:
            return await self._do(call, key, do)
        finally:
            self.end(slot)

    def is_in_flight(self, slot: Slot) -> bool:
        return slot in self._in_flight

    def begin(self, slot: Slot) -> None:
        self._in_flight[slot] = asyncio.Event()

    def end(self, slot: Slot) -> None:
        """Whoever waits for it goes on."""
        self._in_flight.pop(slot).set()

    async def earlier(self, call: Call[Any, Any], key: str) -> Answer | None:
        """The first answer to this request again, where there was one. Raises ApiError (422)."""
        row = await self._reader.find_key(call.workspace, key)
        return None if row is None else await self._again(call, row)

    async def _do(
        self, call: Call[Any, Any], key: str, do: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        try:
            return await do()
        except (KeyTaken, Refusal, ApiError):
            # A repeated request may look wrong by now (the id it made is in use): its first answer counts.
            row = await self._reader.find_key(call.workspace, key)
            if row is None:
                raise
            return await self._again(call, row)

    async def _again(self, call: Call[Any, Any], row: IdempotencyRow) -> Answer:
        if row.request_hash != hash_of(call):
            raise key_reused()
        replay = msgspec.json.decode(row.result, type=Replay)
        answer = await self._remake(replay, row.last_position)
        answer.headers = [*answer.headers, (b"idempotent-replayed", b"true")]
        return answer
