"""Keys of our own making, for requests whose caller gave none: by them a retry of OpenAI's clients finds its first.

What makes a retry: the same body again, a count of retries above 0, and little time between.
"""

from typing import Any

from eventstore.queries import query
from eventstore.reader import LogReader
from services.command.once import hash_of
from services.http.endpoint import Call
from services.http.minting import Minter

RETRY_COUNT = b"x-stainless-retry-count"
PATIENCE = 60.0
"""Seconds after a request's latest possible end in which the same body is its retry."""
TIME_DIGITS = 12
"""Of a UUIDv7's hex: milliseconds."""


class OwnKeys:
    """`longest` is how many seconds a request may take."""

    def __init__(self, reader: LogReader, minter: Minter, kind: str, longest: float = 0.0) -> None:
        self._reader = reader
        self._minter = minter
        self._kind = f"\x01{kind}"  # a caller's keys hold no such character
        self._window = longest + PATIENCE
        self._find_recent = query("find_recent_key")

    def made(self, call: Call[Any, Any]) -> str:
        return f"{self._begin(call)}{self._minter.hex_id()}"

    async def earlier(self, call: Call[Any, Any]) -> str | None:
        """The key that was made for the request of which this is a retry."""
        if _retries(call) == 0:
            return None
        begin, now = self._begin(call), self._minter.hex_id()
        values = {"workspace": call.workspace, "after": begin, "before": f"{begin}~"}
        rows = await self._reader.connections.fetch(self._find_recent, values)
        recent: str | None = rows[0][0]
        if recent is None or _milliseconds(now) - _milliseconds(recent[len(begin) :]) >= (
            self._window * 1_000
        ):
            return None
        return recent

    def _begin(self, call: Call[Any, Any]) -> str:
        """Of the keys that are made for requests like this one."""
        return f"{self._kind}:{hash_of(call).hex()}:"


def _retries(call: Call[Any, Any]) -> int:
    given = call.headers.get(RETRY_COUNT, b"")
    return int(given) if given.isdigit() and len(given) < 4 else 0


def _milliseconds(made: str) -> int:
    return int(made[:TIME_DIGITS], 16)
