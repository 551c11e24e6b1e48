"""Tells followers that there is something new: a hint, never the only way they learn of it."""

import asyncio
import logging
from contextlib import suppress

import psycopg

from eventstore.connect import AsyncConnection, connect_async
from eventstore.errors import SchemaMismatch
from eventstore.prepared import Prepared

log = logging.getLogger(__name__)

CHANNEL = "verbatim_log"
_NOTIFY = f"NOTIFY {CHANNEL}".encode()
PAUSE = 0.003
"""Seconds between two hints: a follower at work needs none, and each costs the server a transaction."""


class Hinter:
    """Sends NOTIFY on a connection of its own, after the commits, many of them as one.

    Inside the appending transaction it would serialise commits on a lock of the whole database.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="hinter")

    def hint(self) -> None:
        self._news.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                connection = await connect_async(self._dsn, name="hints")
                async with connection:
                    await self._send(connection)
            except (psycopg.Error, SchemaMismatch) as error:
                log.info("hints pause: %s", error)
                await asyncio.sleep(1)

    async def _send(self, connection: AsyncConnection) -> None:
        # A lost hint costs a follower one poll: not worth a flush to disk.
        await connection.execute("SET synchronous_commit = off")
        wire = Prepared(connection)
        while True:
            await self._news.wait()
            self._news.clear()
            await wire.command(_NOTIFY)
            await asyncio.sleep(PAUSE)
