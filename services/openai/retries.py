"""What OpenAI's client creates is created once, though the client repeats a request whose answer it did not get.

It sends no idempotency key, so each request has one of our own making; a lease on it stops a retry while its first is
still at it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from services.command.leased import Leased
from services.command.once import Once, key_of
from services.command.own_keys import OwnKeys
from services.http.endpoint import Answer, Call


class Retries:
    def __init__(self, once: Once, leased: Leased, own_keys: OwnKeys) -> None:
        self._once = once
        self._leased = leased
        self._own_keys = own_keys

    async def answer(self, call: Call[Any, Any], do: Callable[[], Awaitable[Answer]]) -> Answer:
        """As Once does. Raises ApiError (409 `idempotency_key_in_use`) too."""
        given = key_of(call)
        if given is not None:
            return await self._once.answer(call, given, do)
        call.own_key = await self._own_keys.earlier(call)
        if call.own_key is not None:
            return await self._leased.answer(call, call.own_key, do)
        call.own_key = self._own_keys.made(call)
        async with self._leased.lease(call, call.own_key):
            return await do()
