"""Client retries: a request that comes again finds what the first one did, and goes on from there.

By its idempotency key; without one, by what makes a retry of OpenAI's clients: the same body again, and a count of
retries above 0. So every request has a key, of its own making where the caller gave none. A lease on it keeps a second
request from asking the model while the first is at it; its row, written with the request's messages, names the id that
the answer has or will have. Whether there is an answer, the log tells.
"""

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from domain import ids
from eventstore.reader import LogReader
from services.command.handle import Keyed, Replay
from services.command.leased import Leased
from services.command.once import hash_of, key_of, key_reused
from services.command.own_keys import OwnKeys
from services.http.endpoint import Call
from services.http.minting import Minter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

KIND = "chat"


class Attempt(msgspec.Struct, frozen=True):
    """One try at a request."""

    keyed: Keyed
    answer_id: str
    """Of the answer's message, the same at every try."""
    stored: Replay | None = None
    """What an earlier try has stored."""
    position: int = 0
    """Of the last event of what it stored."""


class Attempts:
    """`longest` is how many seconds a request may take."""

    def __init__(self, reader: LogReader, leased: Leased, minter: Minter, longest: float) -> None:
        self._reader = reader
        self._leased = leased
        self._minter = minter
        self._own_keys = OwnKeys(reader, minter, KIND, longest)

    @asynccontextmanager
    async def begin(self, call: Call[Any, Any]) -> "AsyncGenerator[Attempt]":
        """Nobody else tries meanwhile. Raises ApiError (400, 409 `idempotency_key_in_use`, 422)."""
        key = key_of(call) or await self._own_keys.earlier(call)
        made = key or self._own_keys.made(call)
        async with self._leased.lease(call, made):
            keyed = Keyed(call.workspace, made, hash_of(call))
            row = await self._reader.find_key(call.workspace, key) if key is not None else None
            if row is None:
                yield Attempt(keyed, ids.message_id(self._minter.hex_id()))
                return
            stored = msgspec.json.decode(row.result, type=Replay)
            if row.request_hash != keyed.request_hash or stored.kind != KIND:
                raise key_reused()
            yield Attempt(keyed, stored.message_id, stored, row.last_position)
