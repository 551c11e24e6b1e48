"""Keyed requests that call a model before they append: the key is reserved first, with a lease.

So a model is called once for a key, over all processes. A request that fails leaves the key free.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from eventstore.errors import EventStoreError
from eventstore.leases import RENEWED_EVERY, KeyLeases
from services.command.once import Once, hash_of, key_reused
from services.http.endpoint import Answer, Call
from services.http.errors import ApiError
from services.http.minting import Minter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Leased:
    """One a process."""

    def __init__(self, once: Once, leases: KeyLeases, minter: Minter) -> None:
        self._once = once
        self._leases = leases
        self._minter = minter

    async def answer(
        self, call: Call[Any, Any], key: str | None, do: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """As Once does; while the first is at it, a second one gets ApiError (409 `idempotency_key_in_use`)."""
        if key is None:
            return await do()
        first = await self._once.earlier(call, key)
        if first is not None:
            return first
        async with self.lease(call, key):
            first = await self._once.earlier(call, key)  # it may have ended meanwhile
            return first or await self._once.answer(call, key, do)

    @asynccontextmanager
    async def lease(self, call: Call[Any, Any], key: str) -> "AsyncGenerator[None]":
        """The key is this request's alone. Raises ApiError (409 `idempotency_key_in_use`, 422)."""
        slot = (call.workspace, key)
        holder = self._minter.hex_id()
        is_ours, held_for = await self._leases.take(*slot, hash_of(call), holder)
        if not is_ours:
            if held_for != hash_of(call):
                raise key_reused()
            raise ApiError(
                409,
                "a request with this idempotency key is being worked on; try again shortly",
                "idempotency_key_in_use",
                "Idempotency-Key",
                retry_after=5,
            )
        renewing = asyncio.create_task(self._renew(slot, hash_of(call), holder), name="lease")
        try:
            yield
        finally:
            renewing.cancel()
            with suppress(asyncio.CancelledError):
                await renewing
            with suppress(EventStoreError):  # it ends by itself
                await self._leases.release(*slot, holder)

    async def _renew(self, slot: tuple[str, str], request_hash: bytes, holder: str) -> None:
        while True:
            await asyncio.sleep(RENEWED_EVERY)
            with suppress(EventStoreError):
                await self._leases.take(*slot, request_hash, holder)
