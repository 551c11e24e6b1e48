"""Reads that see every write acknowledged before they began."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import psycopg

from eventstore.connect import connect_async
from eventstore.errors import SchemaMismatch
from projections.reading import Freshness
from services.http.endpoint import Call
from services.http.errors import ApiError, bad_request, unreadable

log = logging.getLogger(__name__)

CHANNEL = "verbatim_projected"
POLL = 0.05
"""Seconds between looks where no hint comes."""


class Fresh(Protocol):
    @property
    def freshness(self) -> Freshness: ...


RowsT = TypeVar("RowsT", bound=Fresh)


class Consistency:
    """Waits for read models; `patience` is in seconds, `waited` is told how long each read did. One a process."""

    def __init__(self, dsn: str, patience: float, waited: Callable[[float], None]) -> None:
        self._dsn = dsn
        self._patience = patience
        self._waited = waited
        self._news = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._listener = asyncio.create_task(self._listen(), name="projected")

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener

    async def read(self, call: Call[Any, Any], fetch: Callable[[], Awaitable[RowsT]]) -> RowsT:
        """`fetch` until its rows are fresh enough. Raises ApiError (400, 503)."""
        eventual = _eventual(call)
        least = _least_position(call)
        deadline = time.monotonic() + self._patience
        since: float | None = None
        wanted: int | None = None
        while True:
            news = self._news
            rows = await fetch()
            fresh = rows.freshness
            if fresh.parked:
                raise unreadable()
            if wanted is None:
                # What was acknowledged before this read began; later writes need not be waited for.
                wanted = 0 if eventual else (fresh.pending or 0)
                if least is not None:
                    wanted = _known(least, fresh.head)
            now = time.monotonic()
            since = now if since is None else since
            if fresh.checkpoint >= wanted:
                if wanted or not eventual:
                    self._waited(now - since)
                return rows
            left = deadline - now
            if left <= 0:
                self._waited(now - since)
                raise ApiError(
                    503,
                    "the read model has not taken in the last writes yet; try again, or send"
                    " `X-Consistency: eventual` to read what it has",
                    "projection_lagging",
                    retry_after=1,
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), min(POLL, left))

    async def _listen(self) -> None:
        """Wakes all who wait, at every page that was taken in. A silent connection costs only the polls."""
        while True:
            try:
                connection = await connect_async(self._dsn, name="projected")
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for _ in connection.notifies():
                        self._news.set()
                        self._news = asyncio.Event()
            except (psycopg.Error, SchemaMismatch) as error:
                log.info("hints of projections pause: %s", str(error).strip())
            await asyncio.sleep(1)


def _eventual(call: Call[Any, Any]) -> bool:
    given = call.headers.get(b"x-consistency", b"strong").lower()
    if given not in (b"strong", b"eventual"):
        raise bad_request(
            "X-Consistency is `strong` or `eventual`", "invalid_value", "X-Consistency"
        )
    return given == b"eventual"


def _least_position(call: Call[Any, Any]) -> int | None:
    given = call.headers.get(b"x-min-position")
    if given is None:
        return None
    if not given.isdigit() or len(given) > 18:
        raise bad_request(
            "X-Min-Position is a position of the log", "invalid_value", "X-Min-Position"
        )
    return int(given)


def _known(position: int, head: int) -> int:
    if position > head:
        raise bad_request(
            f"position {position} is beyond the log's head, {head}",
            "invalid_value",
            "X-Min-Position",
        )
    return position
